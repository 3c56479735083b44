"""Correlations between CARs: windows that overlap, and estimation errors shared.

Entries are ``R_ij = ρ_ab κ_ij / sqrt(κ_ii κ_jj)`` with ``κ_ij = Σ_t a_i(t) a_j(t)`` of
the `loadings`, ρ_ab the correlation of two assets' disturbances within a session. What
is kept of the loadings are sums, by asset and date and by clock, never pairs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.windows import Window

if TYPE_CHECKING:
    from scipy.sparse import csr_array

Matrix: TypeAlias = "Array | csr_array"
# Sums over pairs: of the correlations, of their squares, of their squared row sums.
Parts = tuple[Array | float, Array | float, Array | float]
# Rows of the clocks' correlations that are worked out at a time.
_BLOCK = 256
# Products with fewer than one entry in so many are cheaper without the zeros.
_SPARSE = 10
# Assets whose observations are looked at a time.
_ASSETS = 4096


def error_key(window: Window) -> str:
    """Name the sums of a window's loadings."""
    return f"error_{window[0]}:{window[1]}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Moments:
    """What is to be known of correlations R of N: each is (...,).

    total : ``1'R1``;  square : ``‖R‖²_F``;  edge : ``‖R1‖²``
    """

    n: int
    total: Array
    square: Array
    edge: Array

    @property
    def rbar(self) -> Array:
        """Mean correlation of a pair; nan for one alone."""
        n = self.n
        if n < 2:
            return np.full(np.shape(self.total), np.nan)
        return np.asarray((self.total - n) / (n * (n - 1.0)))

    @property
    def nu(self) -> Array:
        """Degrees of freedom of the cross-sectional variance, by two moments.

        ``ν = tr(MR)² / tr(MRMR)``, ``M = I - 11'/N``: N-1 for one correlation between
        all. Satterthwaite (1946), Biometrics Bulletin 2. Never more than N-1.
        """
        n = self.n
        if n < 2:
            return np.full(np.shape(self.total), np.nan)
        trace = n - self.total / n
        square = self.square - 2.0 * self.edge / n + self.total**2 / n**2
        with np.errstate(divide="ignore", invalid="ignore"):
            nu = np.where(square > 1e-12 * n, trace**2 / square, np.nan)
        return np.asarray(np.minimum(nu, n - 1.0))


def clock_means(total: Array, day: IntArray, clock: IntArray, n_days: int) -> Matrix:
    """Mean loadings of the clocks of observations, on the calendar: (R, n_days).

    total : (G, S) sums by clock;  day : (G, S) number of the date
    clock : (N,) of the observations. Sparse for many clocks.
    """
    rows, count = np.unique(clock, return_counts=True)
    mean = total[rows] / count[:, None]
    if len(rows) <= _BLOCK:
        out = np.zeros((len(rows), n_days))
        out[np.arange(len(rows))[:, None], day[rows]] = mean
        return out
    from scipy.sparse import csr_array

    pointer = np.arange(0, mean.size + 1, mean.shape[1])
    shape = (len(rows), n_days)
    return csr_array((mean.ravel(), day[rows].ravel(), pointer), shape)


def counts_of(rows: IntArray, columns: IntArray, shape: tuple[int, int]) -> "csr_array":
    """Count pairs of a row and a column."""
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(rows)), (rows, columns)), shape)


@dataclass(frozen=True, slots=True, kw_only=True)
class Band:
    """Some rows, those that share dates with them, and the products of their means.

    rows : (r,);  others : (m,), those rows among them
    kappa : (r, m) products;  own : (r,) of the rows with themselves
    """

    rows: IntArray
    others: IntArray
    kappa: Array
    own: Array


def bands(means: Matrix) -> Iterator[Band]:
    """Yield the products of rows of ``means`` (R, D) that are not 0 for want of dates.

    Rows in the order of their first dates share them with neighbours alone, whose
    means are multiplied as arrays of the days between them.
    """
    n_rows = means.shape[0]
    if isinstance(means, np.ndarray):
        every, kappa = np.arange(n_rows), means @ means.T
        yield Band(rows=every, others=every, kappa=kappa, own=np.diagonal(kappa))
        return
    first = np.minimum.reduceat(means.indices, means.indptr[:-1])
    order = np.argsort(first, kind="stable")
    means, first = means[order], first[order]
    last = np.maximum.reduceat(means.indices, means.indptr[:-1])
    reach = np.maximum.accumulate(last)
    widest = 2 * int(np.median(last - first) + 1)
    start = 0
    while start < n_rows:
        close = int(np.searchsorted(first, first[start] + widest, "right"))
        stop = min(start + _BLOCK, close)
        low, high = int(first[start]), int(last[start:stop].max())
        begin = int(np.searchsorted(reach, low, "left"))
        end = int(np.searchsorted(first, high, "right"))
        near = means[begin:end, low : high + 1].toarray()
        mine = near[start - begin : stop - begin]
        yield Band(
            rows=order[start:stop],
            others=order[begin:end],
            kappa=mine @ near.T,
            own=np.einsum("rd,rd->r", mine, mine),
        )
        start = stop


def observation_moments(
    means: Matrix, cells: "csr_array", matrix: Array | float
) -> Moments:
    """Return the moments of R between N observations, from their clocks' means.

    Exact where the observations of a clock share regressors and gaps.

    means : (R, D) mean loadings by clock;  cells : (R, A) observations by clock and
    asset;  matrix : (A, A) correlations, or one number for all pairs of assets
    """
    n = int(cells.sum())
    parts = (
        _pooled_parts(means, cells, matrix)
        if isinstance(matrix, float)
        else _exact_parts(means, cells, matrix)
    )
    found = [np.array(part) for part in parts]
    total, square, edge = np.sum(found, axis=0)
    return Moments(
        n=n, total=np.asarray(n + total), square=np.asarray(n + square), edge=edge
    )


def _exact_parts(means: Matrix, cells: "csr_array", matrix: Array) -> Iterator[Parts]:
    """Sums over pairs of observations with the correlations of their assets."""
    every = cells.toarray()
    sparse = _SPARSE * cells.nnz < every.size
    near, square = (
        np.asarray((cells if sparse else every) @ m) for m in (matrix, matrix**2)
    )
    for band in bands(means):
        rows, others, kappa = band.rows, band.others, band.kappa
        total = np.vdot(kappa, near[rows] @ every[others].T)
        squares = np.vdot(kappa**2, square[rows] @ every[others].T)
        yield _less_own(total, squares, kappa @ near[others], band.own, every[rows])


def _pooled_parts(means: Matrix, cells: "csr_array", rho: float) -> Iterator[Parts]:
    """Sums over pairs of observations with one correlation of any two assets.

    Assets with one observation alone, often all of them, have no other of their own.
    """
    counts = np.asarray(cells.sum(axis=1)).ravel()
    alone = np.bincount(cells.indices, cells.data, cells.shape[1])[cells.indices] == 1.0
    clock = np.repeat(np.arange(len(counts)), np.diff(cells.indptr))
    single = np.bincount(clock[alone], minlength=len(counts)).astype(np.float64)
    shared = counts_of(clock[~alone], cells.indices[~alone], cells.shape)
    shared.data = cells.data[~alone]
    for band in bands(means):
        own, kappa, count = band.own, band.kappa, counts[band.rows]
        mine, theirs = shared[band.rows], shared[band.others]
        same = (mine @ theirs.T).toarray() if mine.nnz else 0.0
        near = kappa @ counts[band.others]
        square = kappa**2
        one = single[band.rows]
        total = rho * (near @ count) + (1.0 - rho) * (one @ own + np.sum(kappa * same))
        squares = rho**2 * (count @ square @ counts[band.others]) + (1.0 - rho**2) * (
            one @ own**2 + np.sum(square * same)
        )
        mean = rho * near - own + 1.0
        edge = one @ (mean + (1.0 - rho) * own) ** 2
        if mine.nnz:
            edge += _edge_of_shared(kappa, mean, mine, theirs, rho)
        yield total - own @ count, squares - own**2 @ count, edge


def _edge_of_shared(
    kappa: Array, mean: Array, mine: "csr_array", theirs: "csr_array", rho: float
) -> float:
    """``‖R1‖²`` over assets with several observations, a few assets at a time."""
    edge = 0.0
    clock = np.repeat(np.arange(mine.shape[0]), np.diff(mine.indptr))
    order = np.argsort(mine.indices, kind="stable")
    assets = mine.indices[order]
    theirs = theirs.tocsc()
    for first in range(0, int(assets[-1]) + 1, _ASSETS):
        held = slice(*np.searchsorted(assets, (first, first + _ASSETS)))
        cell = order[held]
        if len(cell):
            own = kappa @ theirs[:, first : first + _ASSETS]
            near = own[clock[cell], assets[held] - first]
            near = mean[clock[cell]] + (1.0 - rho) * near
            edge += float(mine.data[cell] @ near**2)
    return edge


def dense_moments(
    kappa: Array, own: Array, cells: Array, matrix: Array | float, rows: slice
) -> tuple[Array, Array, Array]:
    """Sums over pairs of observations of some clocks with all; arrays have axes (...).

    kappa : (..., r, R) products of the clocks' mean loadings;  own : (..., r) those
    with themselves;  cells : (R, A);  matrix : (..., A, A)
    """
    near = cells @ np.asarray(matrix)
    square = cells[rows] @ np.asarray(matrix) ** 2 @ cells.T
    return _less_own(
        np.einsum("...gh,...gh->...", kappa, near[..., rows, :] @ cells.T),
        np.einsum("...gh,...gh->...", kappa**2, square),
        kappa @ near,
        own,
        cells[rows],
    )


def _less_own(
    total: Array | float, square: Array | float, near: Array, own: Array, cells: Array
) -> tuple[Array, Array, Array]:
    """Take out each observation's product with itself, which is 1 and not its mean."""
    count = cells.sum(axis=1)
    edge = np.einsum("ga,...ga->...", cells, (near - own[..., None] + 1.0) ** 2)
    return (
        np.asarray(total - (own * count).sum(axis=-1)),
        np.asarray(square - (own**2 * count).sum(axis=-1)),
        np.asarray(edge),
    )


def cluster_moments(means: Matrix, labels: IntArray) -> Moments:
    """Return the moments of R between the portfolios of clusters of dates, ρ = 1.

    A cluster's loadings are the mean of its dates' mean loadings.

    means : (R, D), or (..., R, D) as an array;  labels : (R,) clusters of the dates
    """
    n, n_dates = int(labels.max(initial=-1)) + 1, len(labels)
    place = np.arange(n_dates)
    if not isinstance(means, np.ndarray):
        from scipy.sparse import csr_array

        member = csr_array((np.ones(n_dates), (labels, place)), (n, n_dates))
        own = member @ means
        size = np.sqrt(np.asarray((own * own).sum(axis=1)).ravel())
        own = own.multiply(1.0 / np.where(size > 0, size, 1.0)[:, None]).tocsr()
        edges, square = np.zeros(n), np.asarray(0.0)
        for band in bands(own):
            edges[band.rows] = band.kappa.sum(axis=1)
            square = square + np.vdot(band.kappa, band.kappa)
    else:
        groups = np.zeros((n, n_dates))
        groups[labels, place] = 1.0
        own = groups @ means
        size = np.sqrt(np.einsum("...gd,...gd->...g", own, own))
        own = own / np.where(size > 0, size, 1.0)[..., None]
        matrix = own @ np.swapaxes(own, -1, -2)
        edges, square = matrix.sum(axis=-1), (matrix**2).sum(axis=(-1, -2))
    return Moments(
        n=n,
        total=np.asarray(edges.sum(axis=-1)),
        square=square,
        edge=np.asarray((edges**2).sum(axis=-1)),
    )


def pair_sum(by_asset: Array, matrix: Array) -> Array:
    """``Σ_t Σ_ab ρ_ab A_a(t) A_b(t)`` of sums by asset and date (..., A, D): (...,)."""
    products = by_asset @ np.swapaxes(by_asset, -1, -2)
    return np.asarray(np.einsum("...ab,...ab->...", products, matrix))
