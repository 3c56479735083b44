"""Holds of months: abnormal returns by calendar session."""

from collections.abc import Iterator
from typing import Any

from eventstudy.core.registry import LONG_RUN
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.labels import period_word, words_for
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.spec import LongRunSetting, window_text
from eventstudy.study.result import StudyResult

MOST_ROWS = 80


def blocks(views: Views) -> Iterator[str]:
    """What each method found, and where its size is wrong."""
    result = views.result
    asked = result.spec.long_run
    if asked is None or result.long_run.is_empty():
        return
    word = period_word(result.spec)
    yield (
        "Holds after the announcements overlap, so that they are no independent draws: "
        f"every calendar {word} has one portfolio of the assets with a live hold, each "
        f"held once. `calendar_time` is its alpha per {word} against the model's "
        f"factors. `calendar_dummy` is the difference between {word}s with a live "
        "hold and all others of the same assets: where the two disagree, returns were "
        "unusual at other times as well."
    )
    yield md.bullets(
        [
            f"`{name}`: {LONG_RUN[name].meaning}; {LONG_RUN[name].null} "
            f"({LONG_RUN[name].citation}). {LONG_RUN[name].warning}".rstrip()
            for name in asked.methods
        ]
    )
    if asked.symbols:
        yield _benchmarks(asked)
    rows = result.long_run.to_dicts()
    cells = [_cells(result, row) for row in rows[:MOST_ROWS]]
    columns = ["Model", "Group", "Hold", "Method", "Variance"]
    columns += ["Estimate (se)", "t", "p", "n"]
    yield md.table(columns, cells, "lllllrrrr")
    missing = dict.fromkeys(row["reason"] for row in rows if row["reason"])
    yield md.bullets([f"No value: {md.escape(one)}." for one in missing])
    yield (
        f"Estimates are in per cent a {word}, for `rats` and `bhar` in per cent of "
        "the whole hold, and for `ctar` in standard deviations. All rows: "
        "`tables/long_run.csv`."
    )


def _benchmarks(asked: LongRunSetting) -> str:
    """Say what holds are compared with, and what follows a delisting."""
    parts = []
    if asked.controls:
        pairs = [f"{md.escape(a)}: {md.escape(c)}" for a, c in asked.controls.items()]
        parts.append(f"control assets ({nb.listing(pairs)})")
    if asked.reference:
        members = nb.listing([md.escape(one) for one in asked.reference])
        parts.append(
            f"a reference portfolio of {members}, bought in equal parts when the hold "
            "begins, without the asset itself; what a delisted member leaves goes into "
            "the others"
        )
    after = {
        "benchmark": "its last price is invested in the benchmark",
        "cash": "its last price stays in cash",
    }[asked.after_delisting]
    return (
        f"Buy-and-hold returns are simple returns in excess of those of "
        f"{nb.listing(parts)}. Where an asset is delisted within a hold, {after} for "
        "the rest of it. Not counted: holds that have not ended, and those whose "
        "control has no price to the end."
    )


def _cells(result: StudyResult, row: dict[str, Any]) -> list[str]:
    names = [md.escape(words_for(result, row[key])) for key in ("model", "group")]
    labels = [
        *names,
        window_text((row["start"], row["end"])),
        row["method"],
        row["variance"] or "",
    ]
    if row["reason"]:
        return [*labels, "", "", "", str(row["n"] or "")]
    scale = 1.0 if row["method"] == "ctar" else 100.0
    shown = [nb.decimal(scale * row[key]) for key in ("estimate", "se")]
    return [
        *labels,
        f"{shown[0]} ({shown[1]})",
        nb.decimal(row["statistic"]),
        nb.pvalue_cell(row["pvalue"]),
        str(row["n"]),
    ]


SECTION = Section(title="The long run", table="long_run", blocks=blocks)
