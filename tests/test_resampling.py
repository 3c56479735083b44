"""Block lengths against the arch package and plain loops; indices by their law."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from eventstudy.core.bootstrap import (
    block_draws,
    politis_white,
    resample,
    stationary_indices,
)
from eventstudy.core.errors import SpecError


def ar1(rng, n, rho):
    x = np.empty(n)
    x[0] = rng.normal() / np.sqrt(1 - rho**2)
    for t in range(1, n):
        x[t] = rho * x[t - 1] + rng.normal()
    return x


def slow_politis_white(x):
    """Plain loops over one series with gaps."""
    ok = ~np.isnan(x)
    n = ok.sum()
    mean = x[ok].mean()

    def cov(k):
        total = 0.0
        for t in range(len(x) - k):
            if ok[t] and ok[t + k]:
                total += (x[t] - mean) * (x[t + k] - mean)
        return total / n

    run = max(5, int(np.log10(n)))
    largest = int(np.ceil(np.sqrt(n))) + run
    rho = [cov(k) / cov(0) for k in range(largest + 1)]
    band = 2 * np.sqrt(np.log10(n) / n)
    m = largest
    for j in range(1, largest - run + 2):
        if all(abs(r) < band for r in rho[j : j + run]):
            m = min(2 * j, largest)
            break
    slope, spectrum = 0.0, cov(0)
    for k in range(1, m + 1):
        weight = 1 if k / m <= 0.5 else 2 * (1 - k / m)
        slope += 2 * weight * k * cov(k)
        spectrum += 2 * weight * cov(k)
    cap = np.ceil(min(3 * np.sqrt(n), n / 3))
    b_sb = (slope**2 / spectrum**2 * n) ** (1 / 3)
    b_cb = (1.5 * slope**2 / spectrum**2 * n) ** (1 / 3)
    return max(min(b_sb, cap), 1.0), max(min(b_cb, cap), 1.0)


@pytest.mark.parametrize("rho", [0.0, 0.3, 0.8, -0.5])
def test_block_lengths_equal_the_plain_loops_with_gaps(rho):
    rng = np.random.default_rng(3)
    x = np.stack([ar1(rng, 150, rho) for _ in range(6)])
    x[1, 40:47] = np.nan
    x[2, ::9] = np.nan
    got = politis_white(x)
    wanted = np.array([slow_politis_white(row) for row in x])
    assert_allclose(got.stationary, wanted[:, 0], rtol=1e-10)
    assert_allclose(got.circular, wanted[:, 1], rtol=1e-10)


def test_block_lengths_equal_those_of_arch():
    from arch.bootstrap import optimal_block_length

    rng = np.random.default_rng(5)
    x = np.stack([ar1(rng, 1000, rho) for rho in (0.2, 0.5, 0.9)])
    got = politis_white(x)
    for row, sb, cb in zip(x, got.stationary, got.circular, strict=True):
        wanted = optimal_block_length(row).to_numpy()[0]
        assert_allclose([sb, cb], wanted, rtol=1e-10)


def test_a_series_without_variation_has_no_block_length():
    x = np.array([[1.0, 1.0, 1.0, 1.0], [np.nan] * 4, [1.0, 2.0, 1.5, 0.0]])
    got = politis_white(x).stationary
    assert np.isnan(got[:2]).all()
    assert got[2] >= 1


def test_blocks_are_geometric_and_every_session_is_as_likely():
    n, block = 40, 4.0
    index = stationary_indices(n, block, reps=4000, seed=2)
    counts = np.bincount(index.ravel(), minlength=n)
    # the sd of a count is at most sqrt(block x expected), seven of them is never
    assert np.abs(counts - 4000).max() < 7 * np.sqrt(2 * block * 4000)
    joined = (index[:, 1:] == (index[:, :-1] + 1) % n).mean()
    expected = (1 - 1 / block) + 1 / block / n
    se = np.sqrt(expected * (1 - expected) / index[:, 1:].size)
    assert abs(joined - expected) < 5 * se


def test_bootstrap_variance_of_a_mean_is_the_closed_form():
    """Politis & Romano (1994), lemma 1: an exact formula, so no circular reasoning."""
    rng = np.random.default_rng(8)
    x = ar1(rng, 60, 0.6)
    block, n = 5.0, 60
    e = x - x.mean()
    q = 1 - 1 / block
    variance = (e @ e) / n
    for k in range(1, n):
        circular = (e @ np.roll(e, -k)) / n
        variance += 2 * (1 - k / n) * q**k * circular
    means = x[stationary_indices(n, block, reps=40_000, seed=4)].mean(axis=1)
    assert_allclose(means.var() * n, variance, rtol=0.03)
    assert_allclose(means.mean(), x.mean(), atol=5 * np.sqrt(variance / n / 40_000))


def test_rows_do_not_depend_on_their_neighbours():
    blocks = np.array([1.0, 3.0, 8.0])
    together = stationary_indices(30, blocks, reps=50, seed=9)
    for block, rows in zip(blocks, together, strict=True):
        assert_array_equal(rows, stationary_indices(30, float(block), 50, seed=9))


def test_shorter_rows_stay_within_their_sessions():
    draws = block_draws(20, reps=100, seed=0)
    index = resample(draws, np.array([2.0, 2.0]), np.array([20, 7]))
    assert index[0].max() == 19
    assert index[1].max() == 6
    assert index.min() == 0


def test_a_block_below_one_session_is_refused():
    with pytest.raises(SpecError, match="at least 1 session"):
        stationary_indices(10, 0.5, reps=3)
    with pytest.raises(SpecError, match="reps >= 1"):
        stationary_indices(10, 2.0, reps=0)
