"""The announcements at a glance: timeline, which mattered most, index, panels."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from eventstudy.report import links
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.announced import (
    days_zero,
    in_order,
    main_dates,
    means,
    numbers,
)
from eventstudy.report.labels import (
    headline_ids,
    main_window,
    model_names,
    period_word,
    title_of,
    words_for,
)
from eventstudy.report.section import Section
from eventstudy.report.sections import events
from eventstudy.report.views import Views
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

_MOST_GROUPS = 4

Row = Mapping[str, Any]


def blocks(views: Views) -> Iterator[str]:
    """Timeline, the largest moves, the index, and panels or the distribution."""
    result = views.result
    yield views.figure("timeline")
    yield largest(result)
    yield _index(views)
    yield views.figure("announcements")
    yield views.figure("distribution")


def largest(result: StudyResult) -> str:
    """Name the announcement with the largest mean CAR of each group."""
    table = means(result).filter("headline")
    if table["event_id"].n_unique() < 2:
        return ""
    shown = nb.Returns(result.spec.returns)
    parts, titles = [], {row["event_id"]: row for row in in_order(result)}
    for group in _groups(result, table)[:_MOST_GROUPS]:
        of_group = table.filter(pl.col("group") == group)
        row = max(of_group.to_dicts(), key=lambda r: abs(shown.change(r["car"]) or 0.0))
        parts.append(
            f"of {md.escape(words_for(result, group))} at "
            f"“{md.escape(title_of(titles[row['event_id']]))}”"
            f"{_beside(result, row['event_id'])} ({shown.percent(row['car'])} %)"
        )
    window = window_text(main_window(result))
    minor = len(headline_ids(result)) < result.events.height
    sample = " of the headline sample" if minor else ""
    return (
        f"**Which mattered most?** The largest mean CAR{window}{sample} "
        f"was that {nb.listing(parts)}. One date cannot be tested against the others: "
        "a largest one there always is."
    )


def _beside(result: StudyResult, event: str) -> str:
    """Count the other headline announcements of an announcement's day 0."""
    for rows in main_dates(result).values():
        if any(row["event_id"] == event for row in rows) and len(rows) > 1:
            return (
                f" and {len(rows) - 1} other{'s' if len(rows) > 2 else ''} of its day"
            )
    return ""


def _groups(result: StudyResult, table: pl.DataFrame) -> list[str]:
    held = table["group"].unique(maintain_order=True).to_list()
    return [g for g in result.spec.groups if g in held] or held


def _index(views: Views) -> str:
    """List announcements by date: all of a few, of many those with largest effects."""
    result = views.result
    rows = _listed(result)
    if not rows:
        return ""
    table = means(result)
    groups = _groups(result, table)[:_MOST_GROUPS]
    cars = {(r["event_id"], r["group"]): r["car"] for r in table.to_dicts()}
    number_of, chosen = numbers(result), headline_ids(result)
    minor = len(chosen) < result.events.height
    days_of = days_zero(result)
    shown = nb.Returns(result.spec.returns)
    cells = []
    for row in rows:
        name = events.name_of(row)
        link = links.to(md.escape(title_of(row)), "announcements", name)
        main = minor and row["event_id"] in chosen
        title = f"**{link}**" if main else link
        days = days_of.get(row["event_id"], [])
        values = [shown.percent(cars.get((row["event_id"], g))) for g in groups]
        number = str(number_of.get(row["event_id"], ""))
        cells.append([number or " ", title, _days(days), *values])
    heads = [md.broken(md.escape(words_for(result, g)), 11) for g in groups]
    columns = ["No.", "Announcement", "Day 0", *heads]
    notes = (
        f"Mean CAR{window_text(main_window(result))} of the group's assets in per cent"
        f"{', first model' if len(model_names(result)) > 1 else ''}; "
        "announcements with the same day 0 share theirs."
    )
    if result.spec.frequency != "daily":
        notes += f" Day 0: the last session of its {period_word(result.spec)}."
    if minor:
        notes += " Bold: headline sample."
    if number_of:
        notes += " No.: the date's number in the figures."
    if len(rows) < result.events.height:
        notes += (
            f" The {len(rows)} of {result.events.height:,} with the largest effects; "
            f"all: {links.to('announcements', 'announcements')}."
        )
    return f"{md.table(columns, cells, 'rll' + 'r' * len(groups))}\n\n{notes}"


def _listed(result: StudyResult) -> list[Row]:
    rows = in_order(result)
    return events.largest_first(result, rows)


def _days(days: list[Any]) -> str:
    """Write days 0: one where all markets agree, otherwise the first and the last."""
    if not days:
        return "–"
    if len(days) == 1:
        return f"{days[0]}"
    return f"{days[0]}, {days[-1]:%m-%d}"


SECTION = Section(title="Announcements", blocks=blocks)
