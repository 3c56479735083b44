"""Tables of groups: tests, the headline with its robust interval, the CAAR path."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from eventstudy.core.abnormal import Abnormal, Array
from eventstudy.core.windows import Window, select
from eventstudy.inference import (
    TESTS,
    Evidence,
    Outcome,
    assess,
    battery,
    collect,
    recommend,
)
from eventstudy.inference.aggregates import merge_all
from eventstudy.inference.entry import single_tests
from eventstudy.inference.sample import average_of
from eventstudy.spec import StudySpec
from eventstudy.study.averages import by_window, on_path, only_used
from eventstudy.study.history_shifts import history_shifts
from eventstudy.study.observation_tables import alpha_part
from eventstudy.study.samples import Fitted, GroupSample, group_samples
from eventstudy.study.schema import frame

Row = dict[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupTables:
    """The tables of `StudyResult` that have one row per group."""

    tests: pl.DataFrame
    headline: pl.DataFrame
    aar: pl.DataFrame


def test_groups(
    spec: StudySpec,
    groups: Mapping[str, Sequence[str]],
    fitted: Fitted,
    *,
    progress: Callable[[str], None],
) -> GroupTables:
    """Test every group on every window, with its interval, dependence and path."""
    tests: list[Row] = []
    headline: list[Row] = []
    path: list[Row] = []
    for members in group_samples(list(groups), fitted):
        progress(f"Testing {members.group} ({members.model}, {members.sample} events)")
        evidence = _evidence(spec, members)
        advised, tested = _windows(spec, members, evidence)
        headline += advised
        tests += tested
        path += _path(spec, members, evidence)
    return GroupTables(
        tests=frame("tests", tests),
        headline=frame("headline", headline),
        aar=frame("aar", path),
    )


def _evidence(spec: StudySpec, members: GroupSample) -> Evidence:
    """Return the evidence of a sample, each window without what it may not use."""
    parts = _collected(spec, members.event)
    used = on_path(spec, members, parts[0].windows)
    return merge_all(map(only_used, parts, used))


def _windows(
    spec: StudySpec, members: GroupSample, evidence: Evidence
) -> tuple[list[Row], list[Row]]:
    """Return the rows of the headline and of the tests, window by window."""
    advised: list[Row] = []
    cars: list[Row] = []
    bhars: list[Row] = []
    for part_spec, part in by_window(spec, members):
        known = evidence if part is members else _evidence(part_spec, part)
        rows = _headline(part_spec, part, known)
        names = _names(part_spec, part, rows)
        advised += rows
        shifts = history_shifts(part_spec, part, known)
        cars += test_rows(
            part_spec, part.labels, "car", part.event, names, "car", shifts=shifts
        )
        plain = sample_tests(spec.tests)
        bhars += test_rows(
            part_spec,
            part.labels,
            "bhar",
            part.event_simple,
            plain,
            "bhar",
            shifts=None,
        )
    place = {window: at for at, window in enumerate(spec.windows)}

    def in_order(rows: list[Row]) -> list[Row]:
        return sorted(rows, key=lambda row: place[row["start"], row["end"]])

    return in_order(advised), [*in_order(cars), *in_order(bhars)]


def sample_tests(names: Sequence[str]) -> list[str]:
    """Return the tests that answer for a group, not for single observations."""
    return [name for name in names if TESTS.entry(name).level == "sample"]


def _names(spec: StudySpec, members: GroupSample, headline: Sequence[Row]) -> list[str]:
    """Return the tests to run: those asked for, and those that the table relies on."""
    advised = [row["recommended"] for row in headline if row["n"]]
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
) -> list[Row]:
    """Test the observations in ``chunks`` on every window, as the outcome ``label``.

    shifts : see `placebo_shifts`
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


def path_evidence(spec: StudySpec, chunks: Sequence[Abnormal]) -> Evidence:
    """Collect what the windows, the sessions and the path up to each of them need."""
    return merge_all(_collected(spec, chunks))


def _collected(spec: StudySpec, chunks: Sequence[Abnormal]) -> list[Evidence]:
    wanted = list(dict.fromkeys([*spec.windows, *_days(spec), *_paths(spec)]))
    return [collect(ab, wanted, frozenset({"correlation"})) for ab in chunks]


def _days(spec: StudySpec) -> list[Window]:
    first, last = spec.event_window
    return [(day, day) for day in range(first, last + 1)]


def _paths(spec: StudySpec) -> list[Window]:
    first, last = spec.event_window
    return [(first, day) for day in range(first, last + 1)]


def _headline(spec: StudySpec, members: GroupSample, evidence: Evidence) -> list[Row]:
    rows = []
    assessed = assess(evidence, spec.windows, level=spec.level)
    for window, known in zip(spec.windows, assessed, strict=True):
        interval, found = known.interval, known.dependence
        advice = recommend(found, known.variance_increase)
        alpha = _mean(members.event, window, alpha_part)
        rows.append(
            {
                **members.labels,
                "start": window[0],
                "end": window[1],
                "estimate": interval.estimate,
                "se": interval.se,
                "ci_low": interval.low,
                "ci_high": interval.high,
                "method": interval.method,
                "n": found.n,
                "n_dates": found.n_dates,
                "n_clusters": found.n_clusters,
                "rbar": found.rbar,
                "n_effective": found.n_effective,
                "variance_increase": known.variance_increase,
                "recommended": advice.test,
                "why": advice.reason,
                "alpha_part": alpha,
                "estimate_alpha_zero": interval.estimate - alpha,
            }
        )
    return rows


def _path(spec: StudySpec, members: GroupSample, evidence: Evidence) -> list[Row]:
    rows = path_rows(spec, members.labels, evidence)
    used = on_path(spec, members, _paths(spec))
    for at, (window, row) in enumerate(zip(_paths(spec), rows, strict=True)):
        kept = [select(ab, u[:, at]) for ab, u in zip(members.event, used, strict=True)]
        alpha = _mean(kept, window, alpha_part)
        row["caar_alpha_zero"] = row["caar"] - alpha
    return rows


def path_rows(
    spec: StudySpec, labels: Mapping[str, str], evidence: Evidence
) -> list[Row]:
    """Average the abnormal outcome by event-window session, and cumulate it."""
    path = assess(evidence, _paths(spec), level=spec.level)
    rows = []
    for day, upto in zip(_days(spec), path, strict=True):
        caar = upto.interval
        rows.append(
            {
                **labels,
                "offset": day[0],
                "aar": average_of(evidence, day),
                "caar": caar.estimate,
                "se": caar.se,
                "ci_low": caar.low,
                "ci_high": caar.high,
                "n": upto.dependence.n,
            }
        )
    return rows


def _mean(
    chunks: Sequence[Abnormal],
    window: Window,
    value: Callable[[Abnormal, Window], Array],
) -> float:
    values = np.concatenate([value(ab, window) for ab in chunks])
    values = values[np.isfinite(values)]
    return float(values.mean()) if len(values) else float("nan")
