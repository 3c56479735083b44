"""Shared block bootstrap: block lengths from the data, indices from a seed.

Every draw is made before rows are looked at, and all rows share the same draws. So a
row's numbers depend neither on the rows beside it nor on how the rows are cut into
chunks, and rows of equal length can be resampled jointly.
"""

from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError

_FEW_LAGS = 16  # that are looked at first


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockLengths:
    """Optimal mean block lengths in sessions, (E,): at least 1; nan without data."""

    stationary: Array
    circular: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class BlockDraws:
    """Uniform draws for ``reps`` resamples of up to ``n`` sessions; see `block_draws`.

    start : (reps, n) where a block would begin;  stop : (reps, n) whether one does
    """

    start: Array
    stop: Array


def politis_white(series: Array) -> BlockLengths:
    """Optimal block lengths of the stationary and the circular bootstrap of a mean.

    series : (E, S) or (S,), nan = missing. A pair of sessions of which one is missing
    adds nothing to an autocovariance. The bandwidth is twice the first lag from which
    ``max(5, ⌊log10 S⌋)`` autocorrelations lie inside ``±2 sqrt(log10(S)/S)``; lengths
    are capped at ``min(3 sqrt S, S/3)``. For the variance give squared deviations.

    Politis & White (2004), Econometric Reviews 23, section 3; corrected by Patton,
    Politis & White (2009), Econometric Reviews 28.

    >>> rng = np.random.default_rng(0)
    >>> politis_white(rng.normal(size=200)).stationary.round(1)
    array([1.])
    """
    x = np.atleast_2d(np.asarray(series, np.float64))
    valid = np.isfinite(x)
    n = valid.sum(axis=1).astype(np.float64)
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = np.where(valid, x, 0.0).sum(axis=1) / n
        e = np.where(valid, x - mean[:, None], 0.0)
        most = int(_largest(n[n > 0]).max(initial=0))
        few = min(_FEW_LAGS, most)
        found = _spectra(e, n, few)
        # most series are settled by few lags; only the others need all of them
        late = ~(2.0 * found[3] <= few) & (few < most)
        rest = np.flatnonzero(late)
        if len(rest):
            found[:, rest] = _spectra(e[rest], n[rest], most)
        variance, spectrum, slope, _ = found
        cap = np.ceil(np.minimum(3.0 * np.sqrt(n), n / 3.0))
        size = np.cbrt(slope**2 * n / spectrum**2)
        known = (n > 1) & (variance > 0)
        stationary = np.maximum(np.minimum(size, cap), 1.0)
        circular = np.maximum(np.minimum(np.cbrt(1.5) * size, cap), 1.0)
    return BlockLengths(
        stationary=np.where(known, stationary, np.nan),
        circular=np.where(known, circular, np.nan),
    )


def block_draws(n: int, reps: int, seed: int) -> BlockDraws:
    """Draw all uniform numbers of a block bootstrap, before any data are looked at."""
    if n < 1 or reps < 1:
        raise SpecError(f"a bootstrap needs n >= 1 and reps >= 1, got {n} and {reps}")
    rng = np.random.default_rng(seed)
    return BlockDraws(start=rng.random((reps, n)), stop=rng.random((reps, n)))


def resample(draws: BlockDraws, block: Array, n: IntArray | int) -> IntArray:
    """Indices of the stationary bootstrap from given draws.

    block : (E,) mean block lengths >= 1;  n : (E,) or one number, sessions of each
    row, which must sit in its first n places. Returns (E, reps, n of the draws):
    row e's resample is in the first n[e] columns, all entries are in [0, n[e]).
    """
    block = np.asarray(block, np.float64).reshape(-1, 1, 1)
    size = np.broadcast_to(
        np.asarray(n, np.int64).reshape(-1, 1, 1), (len(block), 1, 1)
    )
    here = np.arange(draws.start.shape[1])
    new = draws.stop < 1.0 / block
    new[:, :, 0] = True
    since = np.maximum.accumulate(np.where(new, here, 0), axis=2)
    rows = np.arange(len(draws.start))[:, None]
    start = np.floor(draws.start[rows, since] * size).astype(np.int64)
    index: IntArray = (start + (here - since)) % size
    return index


def stationary_indices(
    n: int, block: Array | float, reps: int, seed: int = 0
) -> IntArray:
    """Indices of the stationary bootstrap: blocks of geometric length, wrapped around.

    n : sessions;  block : mean block length, one number or (E,);  reps : resamples.
    Returns (reps, n) for one block length, (E, reps, n) for several; rows share their
    random numbers, so equal block lengths give equal indices.

    Politis & Romano (1994), J. American Statistical Association 89, section 2.
    Raises `SpecError` for a block length below 1.

    >>> stationary_indices(6, 3.0, reps=2, seed=1)
    array([[3, 4, 0, 1, 1, 2],
           [4, 2, 3, 0, 1, 2]])
    """
    lengths = np.atleast_1d(np.asarray(block, np.float64))
    if not (lengths >= 1.0).all():
        raise SpecError(f"block lengths must be at least 1 session, got {block}")
    index = resample(block_draws(n, reps, seed), lengths, n)
    return index if np.ndim(block) else index[0]


def _largest(n: Array) -> Array:
    """The largest lag that is looked at, (E,)."""
    return np.ceil(np.sqrt(n)) + _run(n)


def _run(n: Array) -> Array:
    """How many insignificant lags end the search, (E,)."""
    return np.maximum(5, np.floor(np.log10(n)))


def _spectra(e: Array, n: Array, n_lags: int) -> Array:
    """Variance, spectrum at nought, its slope, and the first lag of no account, (4, E).

    From deviations (E, S) and their lags up to ``n_lags``; those beyond twice the
    first lag of no account have no weight.
    """
    cov = np.stack([_lagged(e, k) for k in range(n_lags + 1)], axis=1) / n[:, None]
    inside = np.abs(cov / cov[:, :1]) < 2.0 * np.sqrt(np.log10(n) / n)[:, None]
    first = _first_run(inside, _run(n), _largest(n))
    bandwidth = np.minimum(2.0 * first, _largest(n))
    k = np.arange(n_lags + 1)
    taper = np.clip(2.0 * (1.0 - k / bandwidth[:, None]), 0.0, 1.0)
    spectrum = (taper * cov).sum(axis=1) * 2.0 - cov[:, 0]
    slope = 2.0 * (taper * k * cov).sum(axis=1)
    return np.stack([cov[:, 0], spectrum, slope, first])


def _lagged(e: Array, k: int) -> Array:
    total: Array = np.einsum("es,es->e", e[:, k:], e[:, : max(e.shape[1] - k, 0)])
    return total


def _first_run(inside: BoolArray, run: Array, largest: Array) -> Array:
    """Return the first lag >= 1 that starts a run of insignificant lags, (E,)."""
    n_rows, width = inside.shape
    length = np.zeros(n_rows)
    first = np.full(n_rows, np.inf)
    for k in range(1, width):
        length = np.where(inside[:, k], length + 1, 0)
        found = (length >= run) & (k <= largest) & np.isinf(first)
        first[found] = (k - run + 1)[found]
    return first
