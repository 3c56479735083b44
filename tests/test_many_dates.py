"""Many dates: sums by the clocks of a chunk, and products of those that overlap."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from eventstudy.core.abnormal import Clock
from eventstudy.inference.aggregates import parts_of
from eventstudy.inference.shared_error import (
    bands,
    clock_means,
    cluster_moments,
    counts_of,
    observation_moments,
)
from eventstudy.inference.sums import ClockSums, numbered, numbered_dates
from eventstudy.models import constant_mean

N_CLOCKS, WIDTH = 700, 30


def loadings(seed, steps):
    """Mean loadings of clocks, sparse and as an array, in no order of dates."""
    rng = np.random.default_rng(seed)
    first = rng.permutation(np.cumsum(rng.choice(steps, N_CLOCKS)))
    day, n_days = numbered(first[:, None] + np.arange(WIDTH))
    total = rng.standard_normal((N_CLOCKS, WIDTH)) / np.sqrt(WIDTH)
    sparse = clock_means(total, day, np.arange(N_CLOCKS), n_days)
    return sparse, sparse.toarray()


STEPS = pytest.mark.parametrize(
    "steps", [(1,), (0, 1, 40), (100,)], ids=["daily", "uneven", "apart"]
)


@STEPS
def test_bands_hold_all_products_of_dates_that_overlap(steps):
    sparse, dense = loadings(1, steps)
    found = np.zeros((N_CLOCKS, N_CLOCKS))
    rows = []
    for band in bands(sparse):
        found[np.ix_(band.rows, band.others)] = band.kappa
        np.testing.assert_allclose(band.own, (dense[band.rows] ** 2).sum(axis=1))
        rows.extend(band.rows)
    assert sorted(rows) == list(range(N_CLOCKS))
    np.testing.assert_allclose(found, dense @ dense.T, atol=1e-14)


@STEPS
@pytest.mark.parametrize("n_obs", [900, 3000])
def test_moments_equal_those_of_all_pairs(steps, n_obs):
    rng = np.random.default_rng(2)
    sparse, dense = loadings(3, steps)
    clock = rng.integers(0, N_CLOCKS, n_obs)
    kappa = (dense @ dense.T)[np.ix_(clock, clock)]
    # Most of 2,000 assets have one observation alone.
    for n_assets, pooled in ((40, False), (40, True), (2_000, True)):
        asset = rng.integers(0, n_assets, n_obs)
        cells = counts_of(clock, asset, (N_CLOCKS, n_assets))
        known, rho = 0.3, np.where(asset[:, None] == asset, 1.0, 0.3)
        if not pooled:
            known = np.corrcoef(rng.standard_normal((n_assets, 60)))
            rho = known[np.ix_(asset, asset)]
        r = kappa * rho
        np.fill_diagonal(r, 1.0)
        found = observation_moments(sparse, cells, known)
        wanted = (r.sum(), (r**2).sum(), (r.sum(axis=1) ** 2).sum())
        np.testing.assert_allclose(
            (found.total, found.square, found.edge), wanted, rtol=1e-9, atol=1e-8
        )


@STEPS
def test_moments_of_clusters_equal_those_of_arrays(steps):
    sparse, dense = loadings(4, steps)
    labels = np.arange(N_CLOCKS) // 2
    found, wanted = (cluster_moments(v, labels) for v in (sparse, dense))
    for name in ("total", "square", "edge"):
        np.testing.assert_allclose(
            getattr(found, name), getattr(wanted, name), rtol=1e-9
        )


def test_a_chunk_has_rows_only_for_the_clocks_that_it_sees():
    days = np.arange(5_000)[:, None] + np.arange(34)
    clocks = Clock(estimation=days[:, :31], event=days[:, 31:])
    y = np.random.default_rng(5).normal(size=(4, 34))
    ab = constant_mean(
        y, n_estimation=31, clock=np.array([7, 4_000, 7, 9]), clocks=clocks
    )
    needs = frozenset({"correlation", "residuals", "days"})
    (part,) = parts_of(ab, [(-1, 1)], needs, calendar=numbered_dates(clocks))
    by_clock = [v for v in part.sums.values() if isinstance(v, ClockSums)]
    assert len(by_clock) == 5
    assert all(v.rows.tolist() == [7, 9, 4_000] for v in by_clock)


def test_days_are_numbered_near_and_far_apart():
    days = np.array([[7, 3], [9, 7]])
    for far in (days, days * 10**12):
        number, n = numbered(far)
        assert (number.tolist(), n) == ([[1, 0], [2, 1]], 3)


def test_a_single_row_is_a_band():
    one = csr_array(np.array([[0.0, 2.0, 1.0]]))
    (band,) = bands(one)
    assert band.kappa.tolist() == [[5.0]]
