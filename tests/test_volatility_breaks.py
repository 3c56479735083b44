"""Variance breaks against a plain statement, their size, and simulated truth."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from test_volatility_garch import simulated

from eventstudy.core.errors import SpecError
from eventstudy.volatility import break_distance, icss, markov_switching


def slow_kappa(x, kappa):
    """Largest statistic and its break, in plain loops."""
    n = len(x)
    square = [v * v for v in x]
    variance = sum(square) / n
    excess = [s - variance for s in square]

    def cov(k):
        return sum(excess[t] * excess[t - k] for t in range(k, n)) / n

    if kappa == "kappa1":
        spread = cov(0)
    else:
        span = int(4 * (n / 100) ** (2 / 9))
        s0 = cov(0) + 2 * sum(cov(k) for k in range(1, span + 1))
        s1 = 2 * sum(k * cov(k) for k in range(1, span + 1))
        width = int(min(1.1447 * ((s1 / s0) ** 2 * n) ** (1 / 3), n - 1))
        spread = cov(0)
        for k in range(1, width + 1):
            spread += 2 * (1 - k / (width + 1)) * cov(k)
    best, at = 0.0, 0
    for k in range(10, n - 9):
        size = abs(sum(square[:k]) - k / n * sum(square)) / np.sqrt(n * spread)
        if size > best:
            best, at = size, k
    return best, at


@pytest.mark.parametrize("kappa", ["kappa1", "kappa2"])
def test_one_break_equals_the_plain_statistic(kappa):
    rng = np.random.default_rng(0)
    x = rng.normal(size=150) * np.where(np.arange(150) < 80, 0.01, 0.03)
    (got,) = icss(x[None], kappa=kappa)
    assert len(got.breaks) == 1
    size, at = slow_kappa(x - x.mean(), kappa)
    assert_array_equal(got.breaks, [at])
    assert_allclose(got.statistic, [size], rtol=1e-10)
    e = x - x.mean()
    assert_allclose(got.sd, [np.sqrt((p**2).mean()) for p in (e[:at], e[at:])])
    assert got.critical == 1.358


def test_two_breaks_are_found_where_they_are_and_gaps_are_joined():
    rng = np.random.default_rng(1)
    sd = np.repeat([1.0, 3.0, 9.0], [300, 300, 300])
    x = rng.normal(size=900) * sd
    x[[50, 51, 52, 400]] = np.nan
    (got,) = icss(x[None])
    assert len(got.breaks) == 2
    assert_allclose(got.breaks, [300, 600], atol=25)
    assert_allclose(got.sd, [1, 3, 9], rtol=0.15)
    assert not np.isnan(x[got.breaks]).any()


def test_what_cannot_be_searched_has_a_reason():
    x = np.full((3, 60), np.nan)
    x[0, :15] = np.arange(15)
    x[1] = 0.01
    few, flat, none = icss(x)
    assert few.reason == "15 valid sessions, 20 needed"
    assert flat.reason == "no variation"
    assert none.reason == "0 valid sessions, 20 needed"
    assert all(not len(r.breaks) for r in (few, flat, none))
    with pytest.raises(SpecError, match="unknown break statistic 'it'; known: kappa1"):
        icss(x, kappa="it")
    with pytest.raises(SpecError, match="unknown level"):
        icss(x, level=0.2)


def test_distance_p_equals_a_loop_over_moved_calendars():
    breaks, day0, n = np.array([30, 97, 160]), np.array([28, 100, 150]), 200
    got = break_distance(breaks, day0, n)
    assert_array_equal(got.nearest, [0, 1, 2])
    assert_array_equal(got.distance, [2, -3, 10])
    as_low = 0
    for shift in range(n):
        moved = [(d + shift) % n for d in day0]
        mean = np.mean([min(abs(b - d) for d in moved) for b in breaks])
        as_low += mean <= 5.0
    assert_allclose(got.pvalue, as_low / n)
    assert got.mean_distance == 5.0


def test_distance_p_is_uniform_without_a_link():
    rng = np.random.default_rng(2)
    p = [
        break_distance(rng.integers(250, size=3), rng.integers(250, size=4), 250).pvalue
        for _ in range(2000)
    ]
    assert abs(np.mean(np.array(p) <= 0.05) - 0.05) < 0.015
    assert abs(np.mean(np.array(p) <= 0.5) - 0.5) < 0.04


def test_distance_without_breaks_or_announcements_says_so():
    assert break_distance([], [3], 10).reason == "no variance break"
    assert break_distance([3], [], 10).reason == "no announcement"
    with pytest.raises(SpecError, match="outside the 10 sessions"):
        break_distance([3], [12], 10)


def test_regimes_of_a_simulated_chain_are_recovered():
    rng = np.random.default_rng(3)
    state = np.zeros(800, int)
    for t in range(1, 800):
        stay = (0.98, 0.95)[state[t - 1]]
        state[t] = state[t - 1] if rng.uniform() < stay else 1 - state[t - 1]
    x = 0.01 * rng.normal(size=800) * np.where(state, 4.0, 1.0)
    x[100:103] = np.nan
    got = markov_switching(x)
    assert got.reason is None
    assert_allclose(got.sd, [0.01, 0.04], rtol=0.1)
    assert_allclose(got.stay, [0.98, 0.95], atol=0.03)
    assert_allclose(got.duration, 1 / (1 - got.stay))
    known = ~np.isnan(x)
    assert np.isnan(got.probability[~known]).all()
    agree = (got.probability[known] > 0.5) == state[known].astype(bool)
    assert agree.mean() > 0.93


def test_regimes_of_short_or_flat_series_have_a_reason():
    assert markov_switching(np.zeros(50)).reason == "50 valid sessions, 100 needed"
    flat = markov_switching(np.full(200, 0.01))
    assert flat.reason == "no variation"
    assert np.isnan(flat.probability).all()


@pytest.mark.slow
def test_kappa2_takes_far_fewer_garch_series_for_breaks_than_kappa1():
    def false(x, kappa):
        return np.mean([len(r.breaks) > 0 for r in icss(x, kappa=kappa)])

    y = simulated(4, 1000, 500, alpha=0.1, beta=0.8, nu=8)
    assert false(y, "kappa1") > 0.35
    assert false(y, "kappa2") < 0.15
    rng = np.random.default_rng(5)
    assert 0.02 < false(rng.normal(size=(1000, 500)), "kappa2") < 0.07
    assert false(rng.standard_t(4, size=(1000, 500)), "kappa2") < 0.05
