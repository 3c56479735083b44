"""Overlapping announcements told apart: CARs alone and net of each other."""

from collections.abc import Iterator
from typing import Any

import polars as pl

from eventstudy.catalogue.ids import first_of
from eventstudy.report import links
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import level_text
from eventstudy.report.labels import (
    alpha_of,
    asset_order,
    groups_of,
    headline_ids,
    in_window,
    main_window,
    model_names,
    period_word,
    short_title,
    window_words,
    words_for,
)
from eventstudy.report.section import Section
from eventstudy.report.sections import doubts
from eventstudy.report.views import Views
from eventstudy.spec import Pair, window_text
from eventstudy.study.result import StudyResult

MOST_ROWS = 80
_TESTS = {
    "sum_zero": "Average zero for each",
    "all_zero": "Each asset zero for each",
    "all_equal": "Same for all assets",
}


def blocks(views: Views) -> Iterator[str]:
    """CARs alone and net, and the hypotheses on all announcements at once."""
    result = views.result
    found = tables(result)
    if not found:
        return
    yield (
        f"The windows of some announcements share {period_word(result.spec)}s, so that "
        "one price move is counted for both. Here one regression per asset holds all "
        "headline announcements at once, each with an indicator for its window "
        f"{window_words(main_window(result), result.spec)} (Karafiath 1988). *Alone* "
        "is the CAR of the tables above; *net* is the effect with the others' taken "
        f"off. Only announcements that share {period_word(result.spec)}s are shown. "
        f"{doubts.MARKS}"
    )
    (first, table), *others = found
    yield f"**Model {md.escape(first)}**"
    yield table
    for model, table in others:
        yield md.details(f"Model {model}", table)
    if hypotheses := hypothesis_table(result):
        yield (
            "All headline announcements jointly, across the assets of a group "
            "(Schipper & Thompson 1983; Binder 1985). Each column is one hypothesis "
            "about every day 0 at once; with few assets and many days such a test has "
            "little power."
        )
        yield hypotheses
    yield "All windows: `tables/joint.csv`, `tables/joint_tests.csv`."


def overlapping(result: StudyResult, window: Pair | None = None) -> pl.DataFrame:
    """Effects of events that share sessions of a window with another."""
    return result.joint.filter(
        in_window(window or main_window(result))
        & (pl.col("n_overlapping") > 0)
        & pl.col("car").is_finite()
        & pl.col("car_alone").is_finite()
    )


def summary(result: StudyResult) -> str:
    """Say what taking the others off changes in the main window; empty if nothing."""
    rows = overlapping(result)
    if rows.is_empty():
        return ""
    flips = _flips(result, rows)
    shifts = _shifts(rows)
    if not flips and shifts.is_empty():
        return ""
    row = shifts.row(0, named=True) if shifts.height else None
    parts = []
    shown = nb.Returns(result.spec.returns)
    if row is not None:
        several = len(model_names(result)) > 1
        model = (
            f", model {md.escape(words_for(result, row['model']))}" if several else ""
        )
        name = md.escape(words_for(result, row["group"]))
        alone, net = (shown.percent(row[name]) for name in ("alone", "net"))
        parts.append(
            f"They cannot be told apart well: {name} moved on average by "
            f"{alone} % at {titled(result, row['event_id'])} taken alone, but by "
            f"{net} % net of the announcements that share its "
            f"{period_word(result.spec)}s (window "
            f"{window_text(main_window(result))}{model})."
        )
    level = level_text(result)
    if flips:
        total = nb.count(_judged(rows).height, "single CAR")
        parts.append(f"The verdict at {level} changes for {len(flips)} of {total}.")
    elif _judged(rows).height:
        parts.append(f"No single CAR's verdict at {level} changes.")
    where = links.to("overlapping announcements", "overlap", SECTION.title)
    parts.append(f"See {where}.")
    return " ".join(parts)


def _judged(rows: pl.DataFrame) -> pl.DataFrame:
    """Rows with both p-values: a window that is not tested has none of its own."""
    return rows.drop_nulls(["pvalue", "pvalue_alone"])


def _flips(result: StudyResult, rows: pl.DataFrame) -> list[dict[str, Any]]:
    alpha = alpha_of(result)
    changed = (pl.col("pvalue") < alpha) != (pl.col("pvalue_alone") < alpha)
    return _judged(rows).filter(changed).to_dicts()


def _shifts(rows: pl.DataFrame) -> pl.DataFrame:
    """Group averages that change sign or lose half of their size, largest first."""
    means = rows.group_by("model", "group", "event_id", maintain_order=True).agg(
        alone=pl.col("car_alone").mean(), net=pl.col("car").mean()
    )
    gap = (pl.col("alone") - pl.col("net")).abs()
    return means.filter(
        (pl.col("alone").sign() != pl.col("net").sign())
        | (pl.col("net").abs() < pl.col("alone").abs() / 2)
    ).sort(gap, descending=True, maintain_order=True)


def _named(result: StudyResult, joined: str) -> tuple[str, str]:
    """Return a day's first announcement, of the headline if any, and how many more."""
    ids = result.members(joined)
    first = min(ids, key=lambda event: event not in headline_ids(result))
    others = len(ids) - 1
    if ids == [joined] and joined not in result.events["event_id"]:
        first, others = first_of(joined)  # a date of several observations
    return first, f" and {nb.count(others, 'other')} of its day" if others else ""


def titled(result: StudyResult, joined: str) -> str:
    """Name a day's announcements with the title of the first."""
    first, others = _named(result, joined)
    title = short_title(result, first)
    return f"“{md.escape(title)}”{others}"


def tables(result: StudyResult) -> list[tuple[str, str]]:
    """(model in words, table) of the CARs alone and net, for the main window."""
    rows = overlapping(result)
    order = asset_order(result)
    found = []
    for model in model_names(result) if rows.height else ():
        of_model = rows.filter(pl.col("model") == model).to_dicts()
        events = list(dict.fromkeys(row["event_id"] for row in of_model))
        days = _days(result)
        first = {event: result.members(event)[0] for event in events}
        events.sort(key=lambda event: days.get(first[event], ""))
        # events of one day are one row's neighbours whatever else joins them
        place: dict[str, int] = {}
        for n, event in enumerate(events):
            place.setdefault(first[event], n)
        of_model.sort(
            key=lambda r: (place[first[r["event_id"]]], order.index(r["asset"]))
        )
        cells = [_cells(result, row) for row in of_model[:MOST_ROWS]]
        if cells:
            columns = ["Announcement", "Asset", "Alone, %", "p", "Net, % (se)", "p net"]
            found.append((words_for(result, model), md.table(columns, cells, "llrrrr")))
    return found


def _days(result: StudyResult) -> dict[str, str]:
    days = result.observations.group_by("event_id").agg(pl.col("day0").min())
    return {event: str(day) for event, day in days.iter_rows()}


def _cells(result: StudyResult, row: dict[str, Any]) -> list[str]:
    shown = nb.Returns(result.spec.returns)
    return [
        md.escape("".join(_named(result, row["event_id"]))),
        md.escape(row["asset"]),
        shown.percent(row["car_alone"], row["se"]) + doubts.mark(row),
        nb.pvalue_cell(row["pvalue_alone"]),
        shown.with_error(row["car"], row["se"]) + doubts.mark(row),
        nb.pvalue_cell(row["pvalue"]),
    ]


def hypothesis_table(result: StudyResult) -> str:
    """P-values of the joint hypotheses on all events, main window."""
    if result.joint_tests.is_empty():
        return ""
    held = result.joint_tests.filter(
        in_window(main_window(result)) & (pl.col("event_id") == "all")
    )
    found: dict[tuple[str, str], dict[str, Any]] = {}
    for row in held.iter_rows(named=True):
        found.setdefault((row["group"], row["model"]), {})[row["hypothesis"]] = row
    groups = groups_of(result, held)
    rows = []
    for group, model in sorted(found, key=lambda key: groups.index(key[0])):
        tests = found[group, model]
        any_row = next(iter(tests.values()))
        cells = [_hypothesis(tests.get(name)) for name in _TESTS]
        if not any(cells):
            continue
        names = [
            md.escape(words_for(result, group)),
            md.escape(words_for(result, model)),
        ]
        sizes = [str(any_row["n_assets"]), str(any_row["n_events"])]
        rows.append([*names, *sizes, *cells])
    columns = ["Group", "Model", "Assets", "Days 0", *_TESTS.values()]
    return md.table(columns, rows, "llrrrrr") if rows else ""


def _hypothesis(row: dict[str, Any] | None) -> str:
    if row is None or nb.is_missing(row["pvalue"]):
        return ""
    degrees = f"{nb.decimal(row['df1'], 0)}, {nb.decimal(row['df2'], 0)}"
    value = nb.p_equals(row["pvalue"]).replace("<", "&lt;").replace(">", "&gt;")
    return f"F({degrees}) = {nb.decimal(row['statistic'])}<br>{value}"


SECTION = Section(title="Overlapping announcements apart", table="joint", blocks=blocks)
