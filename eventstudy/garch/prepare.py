"""Series made ready for the likelihood: moved, scaled, regressors orthonormal."""

from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.garch.fitted import GarchFit
from eventstudy.garch.series import GarchSeries

_T = TypeVar("_T", np.float64, np.bool_)

# EGARCH's rounding of |e| at first and at last, in standard deviations.
ROUND, SHARP = 3e-3, 1e-5
_SMOOTH, _SPAN = 0.94, 75  # weights of the variance before the first session


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Series scaled to unit variance with orthonormal regressors, and the way back.

    A mean coefficient is ``least_squares + scale x unmix @ fitted``.
    order : (E, T) session of every place, the series moved to start valid
    """

    series: GarchSeries
    scale: Array
    least_squares: Array
    unmix: Array
    order: IntArray


def arrays_of(
    y: Array, x: Array | None, shifts: Array | None
) -> tuple[Array, Array, Array]:
    """Return y (E, T), x (E, T, K), by default a constant, and shifts (E, T, M)."""
    y = np.atleast_2d(np.asarray(y, np.float64))
    x = np.ones((*y.shape, 1)) if x is None else np.asarray(x, np.float64)
    return y, x, np.empty((*y.shape, 0)) if shifts is None else np.asarray(shifts)


def valid_sessions(y: Array, x: Array, shifts: Array) -> BoolArray:
    """Whether return and all regressors are there, (E, T)."""
    finite = np.isfinite(y) & np.isfinite(x).all(axis=2)
    return np.asarray(finite & np.isfinite(shifts).all(axis=2), np.bool_)


def prepare(y: Array, x: Array, shifts: Array, *, kind: str, student: bool) -> Prepared:
    """Move, scale and orthogonalise the series for the likelihood."""
    valid, order, y, x, shifts = _moved(y, x, shifts)
    n = valid.sum(axis=1)
    q, unmix = _orthonormal(x, n)
    shares = np.einsum("etk,et->ek", q, y) / n[:, None]
    e = y - np.einsum("etk,ek->et", q, shares)  # q is zero where missing
    scale = np.sqrt(np.einsum("et,et->e", e, e) / n)
    e /= scale[:, None]
    series = GarchSeries(
        y=_time_first(e),
        x=_time_first(q[:, :1] if _constant(q, valid) else q),
        valid=None if valid.all() else _time_first(valid),
        n=n,
        backcast=_backcast(e, valid),
        shifts=_time_first(shifts) if shifts.size else None,
        kink=np.full(len(e), ROUND),
        kind=kind,
        student=student,
    )
    return Prepared(
        series=series,
        scale=scale,
        least_squares=np.einsum("ekl,el->ek", unmix, shares),
        unmix=unmix,
        order=order,
    )


def prepare_plain(
    fit: GarchFit, y: Array, x: Array | None, shifts: Array | None
) -> tuple[GarchSeries, Array, Array]:
    """Return the series in units of their spread, the fitted parameters, the units.

    Unlike `prepare` it leaves the regressors as they are, but for their scale, so
    that the parameters (D, E) times their units (D, E) are those of the fit.
    """
    y, x, moves = arrays_of(y, x, shifts)
    with np.errstate(all="ignore"):
        size = np.sqrt(np.nanmean(np.where(np.isfinite(x), x * x, np.nan), axis=1))
    size = np.where(size > 0, size, 1.0)
    scale = np.sqrt(np.where(fit.backcast > 0, fit.backcast, 1.0))
    if fit.kind == "egarch":
        scale = np.ones_like(scale)
    valid, _, y, x, moves = _moved(y, x / size[:, None, :], moves)
    series = GarchSeries(
        y=_time_first(y / scale[:, None]),
        x=_time_first(x),
        valid=None if valid.all() else _time_first(valid),
        n=valid.sum(axis=1),
        backcast=fit.backcast / scale**2,
        shifts=_time_first(moves) if moves.size else None,
        kind=fit.kind,
        student=fit.dist == "t",
        kink=SHARP * np.sqrt(fit.backcast),
    )
    variance, unit = fit.variance.T.copy(), np.ones_like(fit.variance.T)
    if fit.kind != "egarch":
        variance[0] /= scale**2
        unit[0] = scale**2
    mean_unit = (scale[:, None] / size).T
    rest = [fit.shifts.T, *([1.0 / fit.nu[None]] if series.student else [])]
    theta = np.concatenate([fit.mean.T / mean_unit, variance, *rest])
    ones = np.ones((len(theta) - len(mean_unit) - len(unit), len(y)))
    return series, theta, np.concatenate([mean_unit, unit, ones])


def _moved(
    y: Array, x: Array, shifts: Array
) -> tuple[BoolArray, IntArray, Array, Array, Array]:
    """Turn every series so that it starts valid; zero where missing.

    Returns valid, the session of every place, y, x and shifts (which go on while
    returns are missing).
    """
    valid = valid_sessions(y, x, shifts)
    order = np.broadcast_to(np.arange(y.shape[1]), y.shape)
    if valid.all():
        return valid, order, y, x, shifts
    order = (valid.argmax(axis=1)[:, None] + order) % y.shape[1]
    rows = np.arange(len(y))[:, None]
    valid = valid[rows, order]
    keep = valid[:, :, None]
    return (
        valid,
        order,
        np.where(valid, y[rows, order], 0.0),
        np.where(keep, x[rows, order], 0.0),
        np.nan_to_num(shifts[rows, order]),
    )


def _time_first(values: NDArray[_T]) -> NDArray[_T]:
    return np.ascontiguousarray(values.transpose(*range(values.ndim)[::-1]))


def _orthonormal(x: Array, n: IntArray) -> tuple[Array, Array]:
    """Return q with ``q'q = n I`` and unmix with ``q = x unmix``."""
    if not x.shape[2]:
        return x, np.empty((len(x), 0, 0))
    if x.shape[2] == 1:
        norm = np.sqrt(np.einsum("etk,etk->ek", x, x) / n[:, None])[:, None]
        return x / norm, 1.0 / norm
    q, r = np.linalg.qr(x)
    # A column that others make up, or of zeros, has no direction of its own; whatever
    # is estimated of it, callers judge by the columns themselves.
    r += np.eye(x.shape[2]) * (np.diagonal(r, axis1=1, axis2=2) == 0)[:, None]
    root = np.sqrt(n)[:, None, None]
    return q * root, np.linalg.inv(r) * root


def _constant(x: Array, valid: BoolArray) -> bool:
    return bool(valid.all() and (np.ptp(x, axis=1) < 1e-12).all())


def _backcast(e: Array, valid: BoolArray) -> Array:
    """Exponentially weighted mean of the first squares, the earliest weighing most."""
    if valid.all():
        weight = np.broadcast_to(_SMOOTH ** np.arange(_SPAN), (len(e), _SPAN))
        weight = weight[:, : e.shape[1]]
    else:
        place = np.cumsum(valid, axis=1) - 1
        near = valid & (place < _SPAN)
        weight = np.where(near, _SMOOTH ** np.maximum(place, 0), 0.0)
    first = e[:, : weight.shape[1]]
    return np.asarray((weight * first * first).sum(axis=1) / weight.sum(axis=1))
