"""Laws of histories that share series against those of each history by itself."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from eventstudy.core import bootstrap
from eventstudy.volatility import MEASURES, calendars, null_distributions
from eventstudy.volatility.null_distributions import (
    joint_bootstrap_law,
    joint_placebo_law,
    placebo_law,
)
from eventstudy.volatility.running import dates_held, running_sums
from eventstudy.volatility.windows import cut_shared

PRE, POST, REPS = (-30, -6), (0, 14), 40
LENGTHS = 25, 5, 15
SHARED = ("raw_return", "squared_return", "yang_zhang")


def held(name, *, n_series=4, n_obs=12, n_dates=260, seed=0):
    """Windows of observations that share series with gaps, some at the edges."""
    rng = np.random.default_rng(seed)
    shape = (n_series, n_dates, 4) if MEASURES[name].is_range else (n_series, n_dates)
    series = 0.02 * rng.standard_normal(shape)
    if MEASURES[name].is_range:
        reach = np.abs(series[..., 1:3]) + np.abs(series[..., 3:])
        series[..., 1], series[..., 2] = reach[..., 0], -reach[..., 1]
    series[rng.random(series.shape[:2]) < 0.02] = np.nan
    series[-1, :4] = np.nan
    row = rng.integers(0, n_series, n_obs)
    day0 = rng.choice([70, 70, 95, 120, 150, 255], n_obs)
    return cut_shared(series, row, day0, pre=PRE, post=POST).history, day0


@pytest.mark.parametrize("name", SHARED)
def test_pseudo_dates_of_shared_series_are_those_of_each_history(name):
    history, _ = held(name)
    spread = MEASURES[name].spread
    found = placebo_law(spread, history, *LENGTHS)
    alone = placebo_law(spread, history[:], *LENGTHS)
    assert_allclose(found, alone, rtol=1e-9, atol=1e-11)
    assert np.isfinite(found).any(axis=1).all()


def joint(spread, history, day0):
    pools = np.random.default_rng(3).random((3, len(history))) < 0.6
    return (
        joint_bootstrap_law(
            spread, history, day0, *LENGTHS, pools=pools, reps=REPS, seed=1
        ),
        joint_placebo_law(spread, history, day0 - 30, *LENGTHS, pools=pools),
    )


@pytest.mark.parametrize("name", SHARED)
def test_joint_laws_of_shared_series_are_those_of_each_history(name):
    history, day0 = held(name)
    spread = MEASURES[name].spread
    for found, alone in zip(
        joint(spread, history, day0), joint(spread, history[:], day0), strict=True
    ):
        assert_allclose(found, alone, rtol=1e-9, atol=1e-11)
        assert np.isfinite(found).any()


@pytest.mark.parametrize("name", SHARED)
def test_joint_laws_are_the_same_in_any_batches(name, monkeypatch):
    history, day0 = held(name)
    at_once = joint(MEASURES[name].spread, history, day0)
    monkeypatch.setattr(null_distributions, "_MOST_SUMS", 0)
    monkeypatch.setattr(null_distributions, "_ROWS", 3)
    for found, whole in zip(
        joint(MEASURES[name].spread, history, day0), at_once, strict=True
    ):
        assert_allclose(found, whole, rtol=1e-12, atol=1e-13)


@pytest.mark.parametrize("name", SHARED)
def test_resampled_calendars_are_the_same_compiled(name, monkeypatch):
    pytest.importorskip("numba", reason="nothing is compiled without numba")
    history, day0 = held(name)
    plain, _ = joint(MEASURES[name].spread, history, day0)
    monkeypatch.setattr(calendars, "_MANY", 0)
    compiled, _ = joint(MEASURES[name].spread, history, day0)
    assert calendars.kernel_for(1) is not None
    assert_allclose(compiled, plain, rtol=1e-10, atol=1e-12)


def test_the_loop_that_is_compiled_adds_up_every_window():
    """The plain loop, so that it is run where nothing is compiled."""
    history, _ = held("raw_return")
    sums = running_sums(MEASURES["raw_return"].spread, history)
    drawn = calendars.calendars(60, 7, 2, 9.0, 260)
    for at in range(len(history)):
        rows, distance = np.array([at]), np.array([int(at % 4)])
        plain = drawn.windows(sums, rows, distance, 0, None, 5, 20)
        walked = drawn.windows(sums, rows, distance, 0, calendars._walk, 5, 20)
        assert_allclose(walked, plain, rtol=1e-10, atol=1e-14)


def test_dates_of_which_the_event_takes_all_values_are_not_held():
    history, _ = held("raw_return", n_series=1, n_obs=1)
    assert_allclose(
        dates_held(history), np.isfinite(history[:]).any(axis=0).astype(float)
    )
    assert not dates_held(history).all()


def test_few_lags_settle_the_block_length_that_all_lags_give(monkeypatch):
    rng = np.random.default_rng(5)
    series = rng.standard_normal((40, 300))
    for t in range(1, 300):  # from no memory to a long one
        series[:, t] += np.linspace(0, 0.97, 40) * series[:, t - 1]
    few = bootstrap.politis_white(series)
    monkeypatch.setattr(bootstrap, "_FEW_LAGS", 10_000)
    every = bootstrap.politis_white(series)
    assert_allclose(few.stationary, every.stationary, rtol=1e-12)
    assert_allclose(few.circular, every.circular, rtol=1e-12)
