"""Tables of groups: tests, the headline with its robust interval, the CAAR path."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from eventstudy.core.abnormal import Abnormal, Array, BoolArray
from eventstudy.core.windows import Window, cumulate
from eventstudy.inference import (
    TESTS,
    Assessment,
    Evidence,
    MetaResult,
    Outcome,
    assess,
    battery,
    collect,
)
from eventstudy.inference.aggregates import merge_all
from eventstudy.inference.entry import single_tests
from eventstudy.inference.recommend import needs_of
from eventstudy.spec import StudySpec
from eventstudy.study.averages import alike, by_window, on_path, those
from eventstudy.study.headline_table import (
    floor_test,
    headline_row,
    is_robust,
    meta_of,
    meta_row,
    properties,
)
from eventstudy.study.history_shifts import history_shifts
from eventstudy.study.observation_tables import alpha_part
from eventstudy.study.placebo_table import placebo_rows
from eventstudy.study.samples import (
    Directions,
    Fitted,
    GroupSample,
    group_samples,
    signed_samples,
)
from eventstudy.study.schema import frame

Row = dict[str, Any]


# Rows of the tables that have one row per group, by the table's name.
Rows = Mapping[str, list[Row]]


def all_samples(
    groups: Sequence[str], fitted: Fitted, directions: Directions
) -> list[GroupSample]:
    """Return every sample that is tested, those of signed effects last.

    directions : what was expected; where there is any, CARs times it are averaged too
    """
    return [
        *group_samples(groups, fitted),
        *signed_samples(groups, fitted, directions),
    ]


def test_sample(spec: StudySpec, members: GroupSample) -> Rows:
    """Test a sample on every window, with its interval, dependence and path."""
    found = _windows(spec, members)
    rows = {"tests": found.tests, "headline": found.headline}
    if members.outcome != "car":
        return rows
    return rows | {
        "meta": found.averages,
        "aar": _path(spec, members),
        "placebo": found.placebo,
    }


def group_tables(found: Sequence[Rows]) -> dict[str, pl.DataFrame]:
    """Return the tables of all samples, in their order."""
    return {
        name: frame(name, [row for rows in found for row in rows.get(name, ())])
        for name in ("tests", "headline", "meta", "aar", "placebo")
    }


@dataclass(frozen=True, slots=True, kw_only=True)
class _WindowRows:
    """Rows of a sample's windows, in the order of the spec's windows."""

    headline: list[Row]
    averages: list[Row]
    tests: list[Row]
    placebo: list[Row]


def _windows(spec: StudySpec, members: GroupSample) -> _WindowRows:
    """Return the rows of the headline, of meta and of the tests, window by window."""
    advised: list[Row] = []
    averages: list[Row] = []
    cars: list[Row] = []
    bhars: list[Row] = []
    placebo: list[Row] = []
    for part_spec, part in by_window(spec, members):
        windows = part_spec.windows
        known = _evidence(part.event, windows)
        shifts = history_shifts(part_spec, part, known)
        found = assess(known, windows, level=spec.level, shifts=shifts)
        assessed = dict(zip(windows, found, strict=True))
        names = _names(part_spec, part, list(assessed.values()))
        held = {w: properties(one, part.event) for w, one in assessed.items()}
        tested = test_rows(
            part_spec,
            part.labels,
            part.outcome,
            part.event,
            names,
            "car",
            shifts=shifts,
            held=held,
        )
        cars += tested
        if spec.windows[0] in windows:
            placebo += placebo_rows(part, known, spec.windows[0], shifts)
        if part.outcome == "car":
            bhars += test_rows(
                part_spec,
                part.labels,
                "bhar",
                part.event_simple,
                sample_tests(spec.tests),
                "bhar",
                shifts=None,
                held=held,
            )
        for window, one in assessed.items():
            own = {r["test"]: r for r in tested if (r["start"], r["end"]) == window}
            average = meta_of(part_spec, known, window)
            row = headline_row(part_spec, part, known, window, one, own)
            known_of = {
                "outcome": part.outcome,
                **_of_alpha(part, window, row, average),
            }
            advised.append(row | known_of)
            n_dates = one.dependence.n_dates
            averages.append(meta_row(part, window, average, n_dates))
    place = {window: at for at, window in enumerate(spec.windows)}

    def in_order(rows: list[Row]) -> list[Row]:
        return sorted(rows, key=lambda row: place[row["start"], row["end"]])

    return _WindowRows(
        headline=in_order(advised),
        averages=in_order(averages),
        tests=[*in_order(cars), *in_order(bhars)],
        placebo=placebo,
    )


def _of_alpha(
    members: GroupSample, window: Window, row: Row, average: MetaResult | str
) -> Row:
    everyone = [np.ones(len(ab.asset), np.bool_) for ab in members.event]
    alpha = _mean(members.event, window, alpha_part, everyone)
    known = None if isinstance(average, str) else average
    return {
        "alpha_part": alpha,
        "estimate_alpha_zero": row["estimate"] - alpha,
        "i2": known and known.i2,
        "q_pvalue": known and known.q_pvalue,
    }


def sample_tests(names: Sequence[str]) -> list[str]:
    """Return the tests that answer for a group, not for single observations."""
    return [name for name in names if TESTS.entry(name).level == "sample"]


def _names(
    spec: StudySpec, members: GroupSample, assessed: Sequence[Assessment]
) -> list[str]:
    """Return the tests to run: those asked for, and those that the table relies on."""
    advised = [
        name
        for known in assessed
        if known.dependence.n
        for name in (known.advice.test, known.advice.such, floor_test())
        if name is not None
    ]
    names = sample_tests([*spec.tests, *advised])
    if sum(len(ab.asset) for ab in members.event) == 1:
        names += single_tests()
    return list(dict.fromkeys(names))


def test_rows(
    spec: StudySpec,
    labels: Mapping[str, str],
    label: str,
    chunks: Sequence[Abnormal],
    names: Sequence[str],
    outcome: Outcome,
    *,
    shifts: Mapping[Window, Array] | None,
    held: Mapping[Window, frozenset[str]] | None,
) -> list[Row]:
    """Test the observations in ``chunks`` on every window, as the outcome ``label``.

    shifts : see `placebo_shifts`;  held : what the design has by window, see
    `properties`
    """
    found = battery(
        chunks,
        windows=spec.windows,
        tests=names,
        outcome=outcome,
        alternative=spec.alternative,
        seed=spec.seed,
        n_draws=spec.resamples,
        shifts=shifts,
    )
    rows = []
    for start, end in spec.windows:
        for name in names:
            one = found[(start, end), name]
            rows.append(
                {
                    **labels,
                    "outcome": label,
                    "start": start,
                    "end": end,
                    "test": name,
                    "estimand": TESTS.entry(name).estimand,
                    "robust": None
                    if held is None
                    else is_robust(TESTS.entry(name), held[start, end]),
                    "estimate": one.estimate[0],
                    "statistic": one.statistic[0],
                    "df": one.df[0],
                    "pvalue": one.pvalue[0],
                    "alternative": one.alternative,
                    "n": int(one.n[0]),
                    "n_clusters": int(one.n_clusters[0]),
                    "basis": one.basis,
                    "reason": one.reason[0],
                }
            )
    return rows


def _evidence(chunks: Sequence[Abnormal], windows: Sequence[Window]) -> Evidence:
    """Collect what intervals need of the observations that count in these windows."""
    needs = needs_of(sum(len(ab.asset) for ab in chunks))
    return merge_all(collect(ab, windows, needs) for ab in chunks)


def tested_windows(spec: StudySpec) -> list[Window]:
    """Return the windows of the study, of its sessions and of its paths, each once."""
    return list(dict.fromkeys([*spec.windows, *_days(spec), *_paths(spec)]))


def _days(spec: StudySpec) -> list[Window]:
    first, last = spec.event_window
    return [(day, day) for day in range(first, last + 1)]


def _paths(spec: StudySpec) -> list[Window]:
    first, last = spec.event_window
    return [(first, day) for day in range(first, last + 1)]


def _path(spec: StudySpec, members: GroupSample) -> list[Row]:
    windows = tested_windows(spec)
    used = [
        on_path(spec, ab, held, windows)
        for ab, held in zip(members.event, members.held_back, strict=True)
    ]
    rows = path_rows(spec, members.labels, members.event, used)
    for window, row in zip(_paths(spec), rows, strict=True):
        kept = [one[:, windows.index(window)] for one in used]
        alpha = _mean(members.event, window, alpha_part, kept)
        row["caar_alpha_zero"] = row["caar"] - alpha
    return rows


def path_rows(
    spec: StudySpec,
    labels: Mapping[str, str],
    chunks: Sequence[Abnormal],
    used: Sequence[BoolArray],
) -> list[Row]:
    """Average the abnormal outcome by event-window session, and cumulate it.

    Windows in which the same observations count are judged together, each as if there
    were no others.

    used : per chunk the observations that count in each of `tested_windows`, (E, W)
    """
    windows, days, paths = tested_windows(spec), _days(spec), _paths(spec)
    places = [windows.index(path) for path in paths]
    found: dict[Window, Assessment] = {}
    for held, kept in alike([one[:, places] for one in used]):
        own = [paths[at] for at in held]
        known = _evidence(those(chunks, kept), own)
        found |= zip(own, assess(known, own, level=spec.level), strict=True)
    rows = []
    for day, path in zip(days, paths, strict=True):
        caar = found[path].interval
        kept = [one[:, windows.index(day)] for one in used]
        rows.append(
            {
                **labels,
                "offset": day[0],
                "aar": _mean(chunks, day, _car, kept),
                "caar": caar.estimate,
                "se": caar.se,
                "ci_low": caar.low,
                "ci_high": caar.high,
                "n": found[path].dependence.n,
            }
        )
    return rows


def _car(ab: Abnormal, window: Window) -> Array:
    return cumulate(ab, window).car


def _mean(
    chunks: Sequence[Abnormal],
    window: Window,
    value: Callable[[Abnormal, Window], Array],
    used: Sequence[BoolArray],
) -> float:
    """Return the mean of what is finite of the observations that are used, (E,)."""
    held = zip(chunks, used, strict=True)
    values = np.concatenate([value(ab, window)[one] for ab, one in held])
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")
