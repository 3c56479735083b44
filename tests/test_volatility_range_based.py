"""Range estimators against plain loops, and against the truth on fine paths."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from eventstudy.core.errors import DataError
from eventstudy.volatility import (
    MEASURES,
    ShiftOptions,
    cut,
    log_ranges,
    spread_of,
    variance_ratio,
)

RANGES = {name: e.spread for name, e in MEASURES.items() if e.is_range}


def paths(seed, rows, sessions, *, overnight=0.008, inside=0.02, drift=0.0, steps=400):
    """OHLC of random walks, (rows, sessions) each."""
    rng = np.random.default_rng(seed)
    moves = drift / steps + inside / np.sqrt(steps) * rng.normal(
        size=(rows, sessions, steps)
    )
    gaps = overnight * rng.normal(size=(rows, sessions, 1))
    log = np.cumsum(np.concatenate([gaps, moves], axis=2).reshape(rows, -1), axis=1)
    p = 50 * np.exp(log.reshape(rows, sessions, steps + 1))
    return p[:, :, 0], p.max(axis=2), p.min(axis=2), p[:, :, -1]


def slow_variance(name, o, h, low, c):
    """One window of sessions whose first close is the day before."""
    days = range(1, len(o))
    n = len(o) - 1
    ln = np.log
    if name == "parkinson":
        return sum(ln(h[t] / low[t]) ** 2 for t in days) / (4 * ln(2) * n)
    if name == "garman_klass":
        return (
            sum(
                0.5 * ln(h[t] / low[t]) ** 2 - (2 * ln(2) - 1) * ln(c[t] / o[t]) ** 2
                for t in days
            )
            / n
        )
    rs = (
        sum(
            ln(h[t] / c[t]) * ln(h[t] / o[t]) + ln(low[t] / c[t]) * ln(low[t] / o[t])
            for t in days
        )
        / n
    )
    if name == "rogers_satchell":
        return rs
    gap = np.array([ln(o[t] / c[t - 1]) for t in days])
    day = np.array([ln(c[t] / o[t]) for t in days])
    k = 0.34 / (1.34 + (n + 1) / (n - 1))
    return gap.var(ddof=1) + k * day.var(ddof=1) + (1 - k) * rs


@pytest.mark.parametrize("name", sorted(RANGES))
def test_range_volatility_equals_the_plain_loop(name):
    o, h, low, c = paths(0, 3, 31)
    values = log_ranges(o, h, low, c).values[:, 1:]
    got, n = spread_of(RANGES[name], values)
    assert list(n) == [30, 30, 30]
    for i in range(3):
        wanted = np.sqrt(slow_variance(name, o[i], h[i], low[i], c[i]))
        assert_allclose(got[i], wanted, rtol=1e-10)


def test_range_volatility_is_that_of_a_fine_random_walk():
    o, h, low, c = paths(1, 20, 300, steps=1500)
    values = log_ranges(o, h, low, c).values[:, 1:]
    for name, spread in RANGES.items():
        sd = spread_of(spread, values)[0].mean()
        true = np.hypot(0.02, 0.008) if name == "yang_zhang" else 0.02
        # a path seen in steps reaches less far than the whole path
        assert_allclose(sd, true, rtol=0.03)


def test_drift_moves_parkinson_but_not_rogers_satchell_and_yang_zhang():
    o, h, low, c = paths(2, 10, 150, drift=0.03, steps=4000)
    values = log_ranges(o, h, low, c).values[:, 1:]
    sd = {name: spread_of(s, values)[0].mean() for name, s in RANGES.items()}
    assert sd["parkinson"] > 1.15 * 0.02
    assert_allclose(sd["rogers_satchell"], 0.02, rtol=0.04)
    assert_allclose(sd["yang_zhang"], np.hypot(0.02, 0.008), rtol=0.04)


def test_bad_rows_are_reported_and_left_out():
    o, h, low, c = (p[:, :6].copy() for p in paths(3, 2, 10))
    h[0, 1] = low[0, 1] * 0.99  # high below low
    c[0, 3] = h[0, 3] * 1.01  # close above high
    low[1, 2] = -1.0
    o[1, 4] = np.nan  # missing, not bad
    got = log_ranges(o, h, low, c)
    assert [list(np.flatnonzero(row)) for row in got.bad] == [[1, 3], [2]]
    missing = np.isnan(got.values[:, :, 1:]).all(axis=2)
    assert [list(np.flatnonzero(row)) for row in missing] == [[1, 3], [2, 4]]
    # the session after a bad one has its range, but no overnight return
    assert np.isnan(got.values[0, 2, 0])
    assert np.isfinite(got.values[0, 2, 1:]).all()
    with pytest.raises(DataError, match="one is wanted"):
        log_ranges(o, h, low, c[:, :3])


@pytest.mark.parametrize("name", sorted(RANGES))
def test_ratio_of_ranges_is_that_of_the_walks(name):
    o, h, low, c = paths(4, 30, 400, steps=100)
    values = log_ranges(o, h, low, c).values
    values[:, 350:] *= 2.0
    w = cut(values, 350)
    tests = ("f", "bootstrap", "placebo")
    f, boot, placebo = variance_ratio(
        w.pre,
        w.post,
        history=w.history,
        gap=w.gap,
        options=ShiftOptions(measure=name, reps=299),
        tests=tests,
    )
    assert_allclose(np.median(boot.ratio), 2.0, rtol=0.06)
    assert np.median(boot.pvalue) < 0.02
    assert np.median(placebo.pvalue) < 0.02
    assert ((boot.ci_low < 2.0) & (boot.ci_high > 2.0)).mean() > 0.8
    assert name in f.reason[0]
    assert boot.measure == name


def test_missing_highs_and_lows_leave_a_reason():
    o, h, low, c = paths(5, 1, 400)
    h[:, 360:] = np.nan
    w = cut(log_ranges(o, h, low, c).values, 350)
    (got,) = variance_ratio(
        w.pre,
        w.post,
        options=ShiftOptions(measure="parkinson", reps=50),
        tests=("bootstrap",),
    )
    assert got.reason == ("10 valid sessions after the event, 25 needed",)
