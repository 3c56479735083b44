"""The market model with the median of all pairwise slopes."""

from typing import Any, Unpack

import numpy as np
from numpy.typing import NDArray

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import MODELS
from eventstudy.models.entry import Context, ModelEntry
from eventstudy.models.scaled import (
    Scaled,
    abnormal_of,
    of_skewed_returns,
    scaled_input,
)

_DRAWS = 100
_SEED = 20210621
_BUDGET = 200_000  # slopes held at once: few enough for the processor's cache


def theil_sen(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Abnormal:
    """Fit the market model of Theil (1950) and Sen (1968).

    The slope is the median of the slopes of all pairs of returns, the constant the
    median return less the slope times the median of the market. A return that spans
    several sessions counts by its mean per session. The covariance of the two is that
    of 100 resamples of the residuals, with draws that are the same each time; the
    variance of an abnormal return is that of the residuals, tails included.

    Parameters
    ----------
    y : array (E, T+L)
        Returns; nan = no return.
    x : array (T+L,), (E, T+L) or (E, T+L, 1)
        Returns of the market, one for all rows or one for each.
    n_estimation : int
        T, the sessions of the estimation window.
    **context : Context
        Spans, assets, dates, and the event time of the first event-window column.

    Returns
    -------
    Abnormal
        Prediction errors.

    Raises
    ------
    SpecError
        Without the market's returns, and for shapes that do not fit.

    References
    ----------
    Sen (1968), J. American Statistical Association 63; Theil (1950), Indagationes
    Mathematicae 12.

    Examples
    --------
    The third return does not count by its size:

    >>> y, m = np.array([[1.0, 2.0, 30.0, 4.0, 6.0]]), np.arange(1.0, 6.0)
    >>> theil_sen(y, m, n_estimation=4, first_offset=0).coefficients
    array([[0.5, 1. ]])
    """
    held = scaled_input("theil_sen", y, x, n_estimation=n_estimation, **context)
    if held.x.shape[2] != 2:
        raise SpecError(
            f"the theil_sen model takes one factor, x has {held.x.shape[2] - 1}; use "
            "huber, lad or student"
        )
    b = np.empty((len(held.y), 2))
    cov = np.empty((len(held.y), 2, 2))
    t = held.y.shape[1]
    size = max(1, _BUDGET // max(t * (t - 1) // 2, 1))
    for first in range(0, len(b), size):
        rows = slice(first, first + size)
        b[rows], cov[rows] = _with_covariance(held.of(rows))
    found = np.asarray(np.isfinite(b).all(axis=1), np.bool_)
    return abnormal_of("theil_sen", held, b * held.unit, cov=cov, found=found)


MODELS.register(
    ModelEntry(
        name="theil_sen",
        meaning="market model with the median of all pairwise slopes",
        formula="E[R] = α + β R_m, β = median (R_t - R_s) / (R_m,t - R_m,s)",
        citation="Sen (1968), J. American Statistical Association 63",
        min_factors=1,
        max_factors=1,
        by_least_squares=False,
        caution=of_skewed_returns,
        slow=True,
        fit=theil_sen,
    )
)


def _with_covariance(held: Scaled) -> tuple[Array, Array]:
    """Return constants and slopes (R, 2), and their covariance by resamples."""
    y, x = _per_session(held)
    n = held.n.astype(np.int64)
    there = np.arange(y.shape[1]) < n[:, None]
    apart = _of_pairs(x)
    usable = _of_pairs(there, np.logical_and) & (apart != 0.0)
    with np.errstate(divide="ignore"):
        per_move = 1.0 / apart
    b = _fitted(y[:, None], x, per_move, usable, n)[:, 0]
    errors = np.where(there, y - b[:, :1] - b[:, 1:] * x, 0.0)
    uniform = np.random.default_rng(_SEED).random((_DRAWS, y.shape[1]))
    drawn = np.floor(uniform * n[:, None, None]).astype(np.int64)
    row = np.arange(len(y))[:, None, None]
    resampled = errors[row, drawn] + (b[:, :1] + b[:, 1:] * x)[:, None]
    step = max(1, _BUDGET // per_move.size)
    found = np.concatenate(
        [
            _fitted(resampled[:, k : k + step], x, per_move, usable, n)
            for k in range(0, _DRAWS, step)
        ],
        axis=1,
    )
    off = found - found.mean(axis=1, keepdims=True)
    return b, off.transpose(0, 2, 1) @ off / (_DRAWS - 1.0)


def _per_session(held: Scaled) -> tuple[Array, Array]:
    """Return mean returns per session of asset and market, those there are first."""
    root = held.x[:, :, 0] * held.unit[:, :1]
    order = np.argsort(~held.there, axis=1, kind="stable")
    with np.errstate(divide="ignore", invalid="ignore"):
        y = np.where(held.there, held.y / root, 0.0)
        x = np.where(held.there, held.x[:, :, 1] * held.unit[:, 1:] / root, 0.0)
    return (
        np.take_along_axis(y, order, axis=1),
        np.take_along_axis(x, order, axis=1),
    )


def _of_pairs(values: NDArray[Any], of: np.ufunc = np.subtract) -> NDArray[Any]:
    """Return the difference of every two of T values, (..., T (T - 1) / 2)."""
    t = values.shape[-1]
    out = np.empty((*values.shape[:-1], t * (t - 1) // 2), values.dtype)
    stop = 0
    for first in range(t - 1):
        start, stop = stop, stop + t - 1 - first
        one, others = values[..., first : first + 1], values[..., first + 1 :]
        of(one, others, out=out[..., start:stop])
    return out


def _fitted(
    y: Array, x: Array, per_move: Array, usable: BoolArray, n: IntArray
) -> Array:
    """Return constants and slopes (R, D, 2) of D draws of returns (R, D, T).

    per_move : (R, pairs) one over the market's move;  usable : pairs that have one
    """
    slopes = _of_pairs(y)
    with np.errstate(invalid="ignore"):
        slopes *= per_move[:, None]
    slope = _median(slopes, usable, usable.sum(axis=1))
    there = np.arange(y.shape[2]) < n[:, None]
    middle = _median(y.copy(), there, n)
    market = _median(x[:, None].copy(), there, n)
    return np.stack([middle - slope * market, slope], axis=2)


def _median(values: Array, there: BoolArray, n: IntArray) -> Array:
    """Return the medians (R, D) of the n values (R, D, M) that are there, (R, M).

    Their order is changed.
    """
    held = values
    if not there.all():
        held.transpose(0, 2, 1)[~there] = np.inf
    low, high = np.maximum(n - 1, 0) // 2, n // 2
    held.partition(np.unique([low, high]), axis=2)
    row = np.arange(len(n))
    return np.asarray((held[row, :, low] + held[row, :, high]) / 2.0, np.float64)
