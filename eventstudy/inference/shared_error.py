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
# Rows of the clocks' correlations that are worked out at a time.
_BLOCK = 256


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


def counts_of(rows: IntArray, columns: IntArray, shape: tuple[int, int]) -> Matrix:
    """Count pairs of a row and a column; sparse for many rows."""
    if shape[0] <= _BLOCK:
        flat = np.bincount(rows * shape[1] + columns, minlength=shape[0] * shape[1])
        return flat.reshape(shape).astype(np.float64)
    from scipy.sparse import csr_array

    return csr_array((np.ones(len(rows)), (rows, columns)), shape)


def observation_moments(means: Matrix, cells: Matrix, matrix: Array | float) -> Moments:
    """Return the moments of R between N observations, from their clocks' means.

    Exact where the observations of a clock share regressors and gaps.

    means : (R, D) mean loadings by clock;  cells : (R, A) observations by clock and
    asset;  matrix : (A, A) correlations, or one number for all pairs of assets
    """
    n = int(cells.sum())
    found = [np.array(part) for part in _blocks(means, cells, matrix)]
    total, square, edge = np.sum(found, axis=0)
    return Moments(
        n=n, total=np.asarray(n + total), square=np.asarray(n + square), edge=edge
    )


def _blocks(
    means: Matrix, cells: Matrix, matrix: Array | float
) -> Iterator[tuple[Array, Array, Array]]:
    counts = np.asarray(cells.sum(axis=1)).ravel()
    every = None if isinstance(matrix, float) else _dense(cells)
    for first in range(0, means.shape[0], _BLOCK):
        rows = slice(first, first + _BLOCK)
        kappa = _dense(means[rows] @ means.T)
        own = kappa[np.arange(len(kappa)), np.arange(first, first + len(kappa))]
        if every is not None:
            yield dense_moments(kappa, own, every, matrix, rows)
            continue
        same = _dense(cells[rows] @ cells.T)
        other = np.outer(counts[rows], counts) - same
        near = matrix * (kappa @ counts)[:, None] + (1.0 - matrix) * (kappa @ cells)
        yield _less_own(
            (kappa * (matrix * other + same)).sum(),
            (kappa**2 * (matrix**2 * other + same)).sum(),
            near,
            own,
            _dense(cells[rows]),
        )


def _dense(values: Matrix) -> Array:
    return values if isinstance(values, np.ndarray) else values.toarray()


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
    total: Array, square: Array, near: Array, own: Array, cells: Array
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
        edges = own @ own.sum(axis=0)
        square = np.asarray(((own @ own.T).data ** 2).sum())
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
