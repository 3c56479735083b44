"""What a catalogue says of single events: a benchmark, an estimation window."""

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date

from eventstudy.calendars.periods import SHORTEST
from eventstudy.catalogue import Events
from eventstudy.core.errors import DataError, Problem
from eventstudy.panel.plan import OwnWindow
from eventstudy.spec import BENCHMARK, StudySpec
from eventstudy.study.remarks import Remark

START, END = "estimation_start", "estimation_end"
COLUMNS = (BENCHMARK, START, END)

_WHOLE = re.compile(r"[+-]?\d{1,5}")


def with_benchmarks(spec: StudySpec, events: Events) -> StudySpec:
    """Return the spec with the benchmarks that the catalogue names for its assets.

    Raises `DataError` for a row that names no asset, and for two benchmarks of one.
    """
    if BENCHMARK not in events.frame.columns:
        return spec
    found: dict[str, str] = {}
    problems = []
    for line, assets, symbol in (
        events.frame.select("line", "assets", BENCHMARK)
        .drop_nulls(BENCHMARK)
        .iter_rows()
    ):
        symbol = str(symbol).strip()
        if not assets:
            problems.append(
                _problem(events, line, BENCHMARK, symbol, "of no asset: fill assets")
            )
        for asset in assets:
            if found.setdefault(asset, symbol) != symbol:
                said = f"{asset} has the benchmark {found[asset]} above; write one"
                problems.append(_problem(events, line, BENCHMARK, symbol, said))
    if problems:
        raise DataError("the benchmarks of the catalogue are not clear", problems)
    return replace(spec, benchmarks={**spec.benchmarks, **found})


def own_windows(spec: StudySpec, events: Events) -> Mapping[str, OwnWindow]:
    """Return the estimation windows of events that have their own, by id.

    An edge is a whole number, in event time, or a date; one that is not given is the
    study's. Raises `DataError` for a cell that is neither.
    """
    held = [name for name in (START, END) if name in events.frame.columns]
    if not held:
        return {}
    out: dict[str, OwnWindow] = {}
    problems: list[Problem] = []
    for row in events.frame.select("event_id", "line", *held).iter_rows(named=True):
        if all(row[name] is None for name in held):
            continue
        edges: list[int | date] = []
        for name, usual in zip((START, END), spec.estimation, strict=True):
            cell = row.get(name)
            edge = usual if cell is None else _edge(str(cell).strip())
            if edge is None:
                said = "wanted a session in event time, such as -250, or a date"
                problems.append(_problem(events, row["line"], name, str(cell), said))
            edges.append(usual if edge is None else edge)
        out[row["event_id"]] = (edges[0], edges[1])
    if problems:
        raise DataError("estimation windows of the catalogue are wrong", problems)
    return out


def widened(spec: StudySpec, events: Events, own: Mapping[str, OwnWindow]) -> StudySpec:
    """Return the spec with an estimation window that holds those of all events."""
    if not own:
        return spec
    days = dict(events.frame.select("event_id", "announced_date").iter_rows())
    first, last = spec.estimation
    for event_id, (start, end) in own.items():
        if isinstance(start, date):  # at most a session a day lies between
            most = (days[event_id] - start).days // SHORTEST[spec.frequency]
            start = min(-most - 1, spec.event_window[0] - 1)
        if isinstance(end, date):
            end = spec.event_window[0] - 1
        first, last = min(first, start), max(last, end)
    return replace(spec, estimation=(first, min(last, spec.event_window[0] - 1)))


def said(spec: StudySpec, events: Events, own: Mapping[str, OwnWindow]) -> list[Remark]:
    """Say how many events have a window of their own, and of benchmarks not used."""
    out = []
    if own:
        whose = "event has an estimation window of its own"
        if len(own) > 1:
            whose = "events have estimation windows of their own"
        text = (
            f"{len(own)} {whose}, from the catalogue; "
            "the placebo moves dates within estimation windows alone"
        )
        out.append(Remark(severity="note", about="estimation", text=text))
    named = any(BENCHMARK in model.factors for model in spec.models)
    if BENCHMARK in events.frame.columns and not named:
        text = "the catalogue's column benchmark is not used; --market benchmark does"
        out.append(Remark(severity="note", about="model", text=text))
    return out


def _edge(text: str) -> int | date | None:
    if _WHOLE.fullmatch(text):
        return int(text)
    try:
        return date.fromisoformat(text)
    except ValueError:
        return None


def _problem(
    events: Events, line: int, column: str, value: str, message: str
) -> Problem:
    return Problem(
        message=message, file=events.source, line=line, column=column, value=value
    )
