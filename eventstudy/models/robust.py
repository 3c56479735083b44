"""Market and factor models whose coefficients a few wild returns do not move."""

from typing import Unpack

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray
from eventstudy.core.registry import MODELS
from eventstudy.models.entry import Context, ModelEntry
from eventstudy.models.scaled import (
    Scaled,
    abnormal_of,
    in_pieces,
    median_size,
    of_skewed_returns,
    scaled_input,
)

_TUNING = 1.345  # 95 % of the efficiency of least squares for normal errors
_NORMAL_MEDIAN = 0.674489750196082  # median size of a standard normal
_CLOSE = 1e-12  # change of the fitted returns, over the scale, at which a search ends
_SETTLING, _EXACT, _SLOW = 1, 20, 500
_SINGULAR = 1e-12  # of a determinant, beside the product of the diagonal


def huber(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Abnormal:
    """Fit a market or factor model by Huber's M-estimator.

    Residuals beyond 1.345 robust standard deviations count as if they lay there. The
    robust standard deviation is the median size of the residuals over 0.6745. The
    covariance of the coefficients is Huber's (1973) with his correction for few
    returns; the variance of an abnormal return is that of the residuals, tails
    included.

    Parameters
    ----------
    y : array (E, T+L)
        Returns; nan = no return.
    x : array (E, T+L, F) or (T+L, F)
        Factor returns, by row or the same for all rows; (T+L,) is one market.
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
        Without a factor, and for shapes that do not fit.

    References
    ----------
    Huber (1964), Annals of Mathematical Statistics 35; Huber (1973), Annals of
    Statistics 1, for the covariance; Sorokina, Booth & Thornton (2013), J. Data
    Science 11, for event studies.

    Examples
    --------
    One wild day moves least squares, and hardly Huber's estimate:

    >>> from eventstudy.models import market
    >>> m = 0.01 * np.random.default_rng(0).normal(size=101)
    >>> y = 1.5 * m + 0.005 * np.random.default_rng(1).normal(size=101)
    >>> y[m.argmax()] -= 0.3
    >>> [f(y, m, n_estimation=100).coefficients[0, 1].round(1) for f in (market, huber)]
    [np.float64(0.9), np.float64(1.5)]
    """
    held = scaled_input("huber", y, x, n_estimation=n_estimation, **context)
    b, ratio, found = in_pieces(_huber, held)
    return abnormal_of("huber", held, b, cov=held.by_information(ratio), found=found)


MODELS.register(
    ModelEntry(
        name="huber",
        meaning="factors by Huber's M-estimator: wild returns count as large ones",
        formula="E[R] = α + Σ β_f F_f, min Σ ρ(e / s)",
        citation="Huber (1964), Annals of Mathematical Statistics 35",
        min_factors=1,
        max_factors=None,
        by_least_squares=False,
        caution=of_skewed_returns,
        fit=huber,
    )
)


def _huber(held: Scaled) -> tuple[Array, Array, BoolArray]:
    """Return coefficients (R, K), their variance (R,), and whose search ended.

    Given which residuals are beyond the bound, and which is the median, the equations
    are linear: a few reweighted steps find these sets, and then each step solves them
    exactly. Rows whose sets do not settle go on with reweighting.
    """
    b = held.begin.copy()
    errors = held.errors(b)
    found = np.zeros(len(b), np.bool_)
    left, own = np.arange(len(b)), held
    for step in range(_SETTLING + _EXACT + _SLOW):
        if not len(left):
            break
        before = errors[left]
        exact = _SETTLING <= step < _SETTLING + _EXACT
        b[left], scale = (_solved if exact else _reweighted)(own, before)
        errors[left] = own.errors(b[left])
        moved = np.where(own.there, np.abs(errors[left] - before), 0.0).max(axis=1)
        ended = moved <= _CLOSE * scale
        found[left[ended]] = True
        if ended.any():
            left = left[~ended]
            own = held.of(left)
    return b, _variance(held, errors), found


def _variance(held: Scaled, errors: Array) -> Array:
    """Return the covariance of the coefficients over (X'X)^-1, (R,)."""
    size = np.where(held.there, np.abs(errors), 0.0)
    most = _TUNING / _NORMAL_MEDIAN * median_size(size, held)[:, None]
    psi = np.minimum(size, most)
    n, k = held.n, held.x.shape[2]
    slope = ((size <= most) & held.there).sum(axis=1) / n
    correction = 1.0 + k / n * (1.0 - slope) / slope
    square = np.einsum("rt,rt->r", psi, psi) / (n - k)
    return np.asarray((correction / slope) ** 2 * square, np.float64)


def _reweighted(held: Scaled, errors: Array) -> tuple[Array, Array]:
    """Return the weighted least squares that follow from residuals, and their scale."""
    size = np.abs(errors)
    scale = median_size(np.where(held.there, size, 0.0), held) / _NORMAL_MEDIAN
    size = np.maximum(size, np.finfo(float).tiny)
    weight = np.minimum(1.0, _TUNING * scale[:, None] / size)
    weighted = (held.x * weight[:, :, None]).transpose(0, 2, 1)
    right = np.matmul(weighted, held.y[:, :, None])
    b = np.linalg.solve(weighted @ held.x, right)[:, :, 0]
    return np.asarray(b, np.float64), scale


def _solved(held: Scaled, errors: Array) -> tuple[Array, Array]:
    """Return the solution for the sets that residuals name, see `_huber`."""
    size = np.where(held.there, np.abs(errors), 0.0)
    at, scale = _middle(held, size)
    row = np.arange(len(errors))
    sign = np.sign(errors[row, at]) / 2.0
    middle_x = np.einsum("pr,prk->rk", sign, held.x[row, at])
    middle_y = (sign * held.y[row, at]).sum(axis=0)
    inside = size <= _TUNING * scale[:, None]
    inner = (held.x * inside[:, :, None]).transpose(0, 2, 1)
    beyond = np.where(inside, 0.0, np.sign(errors))
    pull = np.matmul(beyond[:, None, :], held.x)[:, 0] * (_TUNING / _NORMAL_MEDIAN)
    gram = inner @ held.x + pull[:, :, None] * middle_x[:, None, :]
    right = np.matmul(inner, held.y[:, :, None])[:, :, 0] + pull * middle_y[:, None]
    spread = np.abs(np.diagonal(gram, axis1=1, axis2=2)).prod(axis=1)
    able = np.abs(np.linalg.det(gram)) > _SINGULAR * spread
    if able.all():
        return np.linalg.solve(gram, right[:, :, None])[:, :, 0], scale
    out, _ = _reweighted(held, errors)
    out[able] = np.linalg.solve(gram[able], right[able][:, :, None])[:, :, 0]
    return out, scale


def _middle(held: Scaled, size: Array) -> tuple[IntArray, Array]:
    """Return where the two residuals of median size are, (2, R), and the scale."""
    low, high = held.middle
    order = np.argpartition(size, np.unique([low, high]), axis=1)
    row = np.arange(len(size))
    at = order[row, np.stack([low, high])]
    return at, size[row, at].mean(axis=0) / _NORMAL_MEDIAN
