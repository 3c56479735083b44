"""The minutes after announcements: moves against those of the month before."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.labels import alpha_of, headline_ids, short_title
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.study.instant_tables import IMPRECISE
from eventstudy.study.result import StudyResult

Row = dict[str, Any]
MOST_ROWS = 60


def blocks(views: Views) -> Iterator[str]:
    """What moved at once, how the moves are judged, and all windows."""
    result = views.result
    ids = headline_ids(result)
    rows = [row for row in result.intraday_effects.to_dicts() if row["event_id"] in ids]
    known = [row for row in rows if row["reason"] is None]
    if not rows:
        return
    yield (
        "Moves from the last price before the instant, over minutes of trade; a night "
        "is one step. The bar in which the instant falls is the first, and lies partly "
        "before it. Each move is held against those after all instants of the 30 days "
        "before, with the time of day and the volatility of the day taken out of both; "
        "the family's p-value allows for the number of windows. A window is at least "
        "twice as long as the stamp is imprecise."
    )
    yield md.bullets(_lines(result, known))
    yield _table(result, known[:MOST_ROWS])
    if len(known) > MOST_ROWS:
        yield f"And {len(known) - MOST_ROWS} more in `tables/intraday_effects.csv`."
    yield md.bullets(_missing(rows))


def _lines(result: StudyResult, known: list[Row]) -> list[str]:
    """Name the announcements with a rare move, and the jumps before a stamp."""
    alpha = alpha_of(result)
    found: dict[tuple[str, str], Row] = {}
    for row in known:
        key = (row["event_id"], row["symbol"])
        if key not in found or row["pvalue_family"] < found[key]["pvalue_family"]:
            found[key] = row
    lines = []
    for row in found.values():
        if row["pvalue_family"] >= alpha:
            continue
        size = nb.percent(nb.Returns("log").change(row["car"]), 1)
        lines.append(
            f"{_name(result, row)}: {size} % within {_length(row['minutes'])}, "
            f"{nb.p_equals(row['pvalue_family'])} with all windows allowed for"
            f"{_first(row['first_move'])}."
        )
    stamps = dict(result.events.select("event_id", "precision").iter_rows())
    early = [
        f"{_name(result, row)} ({-row['first_move']:.0f} minutes)"
        for row in found.values()
        if (row["first_move"] or 0) < -IMPRECISE.get(stamps[row["event_id"]], 0)
    ]
    if not lines:
        lines = ["No move is rare among those of its month."]
    if early:
        lines.append(
            "A jump came before the stamp, by more than it may be off: "
            f"{nb.listing(early, most=8)}. The news was out earlier, or something else "
            "moved the price."
        )
    return lines


def _name(result: StudyResult, row: Row) -> str:
    title = md.escape(short_title(result, row["event_id"]))
    return f"{md.escape(row['symbol'])}, {title}"


def _length(minutes: int) -> str:
    if minutes % 60:
        return f"{minutes} minutes"
    return nb.count(minutes // 60, "hour")


def _first(minutes: float | None) -> str:
    if minutes is None:
        return ""
    side = "after" if minutes >= 0 else "before"
    return f"; the first jump ended {abs(minutes):.0f} minutes {side} the stamp"


def _table(result: StudyResult, rows: list[Row]) -> str:
    shown = nb.Returns("log")
    cells = [
        [
            md.escape(short_title(result, row["event_id"])),
            md.escape(row["symbol"]),
            _length(row["minutes"]),
            shown.with_error(row["car"], row["se"]),
            nb.pvalue_cell(row["pvalue"]),
            nb.pvalue_cell(row["pvalue_family"]),
            nb.pvalue_cell(row["pvalue_same_time"]),
            nb.decimal(row["first_move"], 0),
        ]
        for row in rows
    ]
    columns = ["Announcement", "Symbol", "Window", "Move, % (se)", "p", "p family"]
    columns += ["p same time of day", "First jump, min"]
    return md.table(columns, cells, "lllrrrrr") if cells else ""


def _missing(rows: list[Row]) -> list[str]:
    held = pl.DataFrame(
        [(row["event_id"], row["reason"]) for row in rows if row["reason"]],
        schema={"event_id": pl.String, "reason": pl.String},
        orient="row",
    ).unique(maintain_order=True)
    counts = held.group_by("reason", maintain_order=True).len()
    return [
        f"No value: {md.escape(reason)} ({nb.count(n, 'announcement')})."
        for reason, n in counts.iter_rows()
    ]


SECTION = Section(
    title="Minutes after the instant", table="intraday_effects", blocks=blocks
)
