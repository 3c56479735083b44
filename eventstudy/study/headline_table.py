"""The headline: two questions, their answers, and who disagrees."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from eventstudy.core.abnormal import Abnormal
from eventstudy.core.errors import DataError
from eventstudy.core.windows import Window
from eventstudy.inference import (
    TESTS,
    Assessment,
    EventTest,
    Evidence,
    Interval,
    MetaResult,
    meta,
)
from eventstudy.inference.date_effects import date_effects, leave_one_out
from eventstudy.inference.standardised import standardised_residuals
from eventstudy.spec import StudySpec
from eventstudy.study.samples import GroupSample

Row = dict[str, Any]

# What a design has, which a test has to be robust to if it is to count.
RISE, FAT = 1.5, 1.0


def properties(known: Assessment, chunks: Sequence[Abnormal]) -> frozenset[str]:
    """Return what this design has that can distort a test; see `EventTest`."""
    found, held = known.dependence, set()
    if found.n_dates < found.n:
        held.add("cross-correlation")
    if found.n_clusters < found.n_dates:
        held.add("clustering")
    if known.variance_increase > RISE:
        held.add("event-induced variance")
    if _excess_kurtosis(chunks) > FAT:
        held.add("non-normality")
    return frozenset(held)


def _excess_kurtosis(chunks: Sequence[Abnormal]) -> float:
    """Excess kurtosis of the pooled standardised estimation residuals."""
    fourth, square, n = 0.0, 0.0, 0
    for ab in chunks:
        z = standardised_residuals(ab)
        n += int((~np.isnan(z)).sum())
        square += float(np.nansum(z**2))
        fourth += float(np.nansum(z**4))
    return fourth / n / (square / n) ** 2 - 3.0 if square else 0.0


def floor_test() -> str:
    """Return the test whose least volatility is that of the estimation window."""
    return next(name for name, entry in TESTS.items() if entry.floor)


def is_robust(entry: EventTest, held: frozenset[str]) -> bool:
    """Whether a test allows for everything that a design has."""
    sample = entry.level == "sample"
    return sample and not entry.naive and held <= entry.robust_to


def headline_row(
    spec: StudySpec,
    members: GroupSample,
    evidence: Evidence,
    window: Window,
    known: Assessment,
    tests: Mapping[str, Row],
) -> Row:
    """Return a headline row but for the parts that alpha makes.

    tests : rows of the tests table of this sample and window, by test
    """
    interval, found, advice = known.interval, known.dependence, known.advice
    these = _pvalue(tests, advice.test)
    such = None if advice.such is None else _pvalue(tests, advice.such)
    return {
        **members.labels,
        "start": window[0],
        "end": window[1],
        "estimate": _mean(evidence, window),
        "se": interval.se,
        "ci_low": interval.low,
        "ci_high": interval.high,
        "method": interval.method,
        "n": found.n,
        "n_dates": found.n_dates,
        "n_clusters": found.n_clusters,
        "rbar": found.rbar,
        "n_effective": found.n_effective,
        "nu": found.nu,
        "variance_increase": known.variance_increase,
        "variance_recent": known.variance_recent,
        "recommended": advice.test,
        "why": advice.reason,
        "test_these": advice.test,
        "pvalue_these": these,
        "ci_low_these": interval.low,
        "ci_high_these": interval.high,
        **_such(known.such, such),
        "why_such": advice.such_reason,
        "verdict": verdict(these, such, advice.such, 1.0 - spec.level),
        **_agreement(tests, advice.test, 1.0 - spec.level),
        "pvalue_floor_estimation": _pvalue(tests, floor_test()),
        **_influences(members, evidence, window),
    }


def verdict(
    these: float | None, such: float | None, test: str | None, alpha: float
) -> str | None:
    """Say in a word what the two questions come to; None without a p-value.

    "single": no test of such dates, the first question alone is answered.
    """
    if these is None:
        return None
    if test is None:
        return "single"
    if these >= alpha:
        return "not distinguishable"
    both = such is not None and such < alpha
    return "distinguishable" if both else "these dates only"


def _pvalue(tests: Mapping[str, Row], name: str) -> float | None:
    found = tests.get(name, {}).get("pvalue")
    return None if found is None or np.isnan(found) else float(found)


def _such(interval: Interval | None, pvalue: float | None) -> Row:
    return {
        "estimate_such": None if interval is None else interval.estimate,
        "test_such": None if interval is None else interval.test,
        "pvalue_such": pvalue,
        "ci_low_such": None if interval is None else interval.low,
        "ci_high_such": None if interval is None else interval.high,
    }


def _agreement(tests: Mapping[str, Row], recommended: str, alpha: float) -> Row:
    """Count the robust tests of the first question that decide as the recommended."""
    decided = _pvalue(tests, recommended)
    if decided is None:
        return {"agree": None, "agree_of": None, "dissenters": None}
    robust = {
        name: p
        for name, row in tests.items()
        if (name == recommended or (row["robust"] and row["estimand"] == "these dates"))
        and (p := _pvalue(tests, name)) is not None
    }
    against = [n for n, p in robust.items() if (p < alpha) is not (decided < alpha)]
    return {
        "agree": len(robust) - len(against),
        "agree_of": len(robust),
        "dissenters": ", ".join(against) or None,
    }


def _mean(evidence: Evidence, window: Window) -> float:
    v, column = evidence.vectors, evidence.windows.index(window)
    used = v.usable & (v.n_valid[:, column] > 0)
    return float(v.effect[used, column].mean()) if used.any() else float("nan")


def _influences(members: GroupSample, evidence: Evidence, window: Window) -> Row:
    """Return the averages without the date and the asset that move them most."""
    v, column = evidence.vectors, evidence.windows.index(window)
    used = v.usable & (v.n_valid[:, column] > 0)
    effect = v.effect[used, column]
    date = leave_one_out(effect, v.clock[used])
    asset = leave_one_out(effect, v.asset[used])
    events, assets = members.names
    return {
        "influence_event": None if date.which is None else events.get(date.which),
        "estimate_without_it": date.estimate,
        "influence_asset": None if asset.which is None else assets.get(asset.which),
        "estimate_without_asset": asset.estimate,
    }


def meta_of(spec: StudySpec, evidence: Evidence, window: Window) -> MetaResult | str:
    """Return the random-effects average over dates, or why there is none."""
    found = date_effects(evidence, window)
    if found is None:
        return "no date has an effect, or too many have"
    if len(found.effect) < 3:
        return f"needs 3 dates, there are {len(found.effect)}"
    try:
        return meta(found.effect, found.covariance, level=spec.level)
    except DataError as error:
        return str(error)


def meta_row(
    members: GroupSample, window: Window, found: MetaResult | str, n_dates: int
) -> Row:
    """Return a row of the table `meta`."""
    row = {**members.labels, "start": window[0], "end": window[1], "n_dates": n_dates}
    if isinstance(found, str):
        return row | {"reason": found}
    columns = ("mu", "se", "df", "ci_low", "ci_high", "pvalue", "tau2", "q", "q_pvalue")
    more = ("i2", "prediction_low", "prediction_high")
    return row | {name: getattr(found, name) for name in (*columns, *more)}
