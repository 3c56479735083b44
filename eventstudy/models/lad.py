"""Market and factor models by least absolute deviations."""

from dataclasses import replace
from typing import Unpack

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray
from eventstudy.core.registry import MODELS
from eventstudy.models.entry import Context, ModelEntry
from eventstudy.models.scaled import (
    Scaled,
    abnormal_of,
    in_pieces,
    of_skewed_returns,
    scaled_input,
)

# ``z_.975^(2/3) (1.5 φ(0)²)^(1/3)`` of the bandwidth of Hall & Sheather (1988).
_BANDWIDTH = 1.959963984540054 ** (2 / 3) * (1.5 / (2 * np.pi)) ** (1 / 3)
_WIDEST = 0.49
_FAIR = 0.01  # least share of the longest rest of regressors
_LITTLE = 1e-10  # of the size of returns
_NO_CHANGE = 1e-11  # beside the greatest of errors along an edge: rounding noise
_CANDIDATES = 8  # for the first fit, per coefficient
_NEAREST = 16  # returns along an edge that are looked at first
_ROUNDS = 3  # of reweighting, before the search from vertex to vertex
_MOST = 500  # steps from vertex to vertex
_SLACK = 1e-9  # beyond 1, of a subgradient, that is rounding noise


def lad(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Abnormal:
    """Fit a market or factor model by least absolute deviations, the median regression.

    The minimum is exact: a fit through as many returns as there are coefficients. The
    covariance of the coefficients is ``ŝ²/4 (X'X)^-1`` with the sparsity ŝ by the
    bandwidth of Hall & Sheather (1988); the variance of an abnormal return is that of
    the residuals, tails included.

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
    Koenker & Bassett (1978), Econometrica 46; Hall & Sheather (1988), J. Royal
    Statistical Society B 50.

    Examples
    --------
    The third return does not count by its size:

    >>> y, m = np.array([[1.0, 2.0, 30.0, 4.0, 6.0]]), np.arange(1.0, 6.0)
    >>> lad(y, m, n_estimation=4, first_offset=0).coefficients.round(9)
    array([[0., 1.]])
    """
    held = scaled_input("lad", y, x, n_estimation=n_estimation, **context)
    b, sparsity, found = in_pieces(_least_absolute, held)
    cov = held.by_information(sparsity**2 / 4.0)
    return abnormal_of("lad", held, b, cov=cov, found=found)


MODELS.register(
    ModelEntry(
        name="lad",
        meaning="factors by least absolute deviations, the median regression",
        formula="E[R] = α + Σ β_f F_f, min Σ |e|",
        citation="Koenker & Bassett (1978), Econometrica 46",
        min_factors=1,
        max_factors=None,
        by_least_squares=False,
        caution=of_skewed_returns,
        fit=lad,
    )
)


def _least_absolute(held: Scaled) -> tuple[Array, Array, BoolArray]:
    """Return coefficients (R, K), sparsity (R,), and whose search ended.

    Reweighted least squares come near; from the fit through the K smallest errors
    each step exchanges one of them for the return at the minimum along an edge. Where
    no edge leads down, the minimum is reached (Barrodale & Roberts 1973).
    """
    apart = _apart(held)
    basis = _through(apart, np.abs(apart.errors(_near(apart, held.begin))))
    found = np.zeros(len(basis), np.bool_)
    left, own = np.arange(len(basis)), apart
    for _ in range(_MOST):
        if not len(left):
            break
        basis[left], ended = _along_an_edge(own, basis[left])
        found[left[ended]] = True
        if ended.any():
            left = left[~ended]
            own = apart.of(left)
    b = _fit_through(held, basis)[1]
    return b, _sparsity(held, held.errors(b)), found


def _apart(held: Scaled) -> Scaled:
    """Return the returns moved by a little that differs by session, against ties.

    A fit through K of them that is best then is best without it: the signs of errors
    other than 0 are the same.
    """
    little = np.random.default_rng(0).random(held.y.shape[1]) - 0.5
    size = np.sqrt(np.einsum("rt,rt->r", held.y, held.y) / held.n)
    moved = held.y + _LITTLE * size[:, None] * little * held.there
    return replace(held, y=moved)


def _fit_through(held: Scaled, basis: IntArray) -> tuple[Array, Array]:
    """Return the regressors of a basis (R, K, K), and the fit through it (R, K)."""
    row = np.arange(len(basis))[:, None]
    within = held.x[row, basis]
    own = held.y[row, basis]
    b = np.linalg.solve(within, own[:, :, None])[:, :, 0]
    return within, np.asarray(b, np.float64)


def _near(held: Scaled, b: Array) -> Array:
    """Return coefficients by reweighting with ever less smoothing of small errors."""
    smallest = np.abs(held.errors(b)).sum(axis=1) / held.n
    for _ in range(_ROUNDS):
        smallest = smallest / 4.0
        size = np.maximum(np.abs(held.errors(b)), smallest[:, None])
        weighted = (held.x / size[:, :, None]).transpose(0, 2, 1)
        right = np.matmul(weighted, held.y[:, :, None])
        b = np.asarray(np.linalg.solve(weighted @ held.x, right)[:, :, 0], np.float64)
    return b


def _through(held: Scaled, size: Array) -> IntArray:
    """Return K returns with small errors and independent regressors, (R, K).

    They are looked for among a few of the smallest errors, and among all where these
    have not enough independent regressors.
    """
    n_sessions, k = held.x.shape[1:]
    size = np.where(held.there, size, np.inf)
    few = min(_CANDIDATES * k, n_sessions)
    near = np.argpartition(size, few - 1, axis=1)[:, :few]
    row = np.arange(len(size))[:, None]
    chosen, fair = _independent(held.x[row, near], size[row, near], _FAIR / n_sessions)
    basis = np.take_along_axis(near, chosen, axis=1)
    if not fair.all():
        basis[~fair] = _independent(held.x[~fair], size[~fair], 0.0)[0]
    return basis


def _independent(x: Array, size: Array, least: float) -> tuple[IntArray, BoolArray]:
    """Return rows of x, one after the other that of the smallest size, (R, K).

    Each has a fair part outside the span of those before it, and the flag says that
    the squares of all these parts are more than ``least``.
    """
    row = np.arange(len(size))
    rest, basis, fair = x.copy(), [], np.ones(len(size), np.bool_)
    for _ in range(x.shape[2]):
        outside = np.einsum("rtk,rtk->rt", rest, rest)
        most = outside.max(axis=1)
        fair &= most > least
        wanted = outside >= _FAIR * most[:, None]
        at = np.where(wanted, size, np.inf).argmin(axis=1)
        basis.append(at)
        length = np.sqrt(np.maximum(outside[row, at], np.finfo(float).tiny))
        taken = rest[row, at] / length[:, None]
        rest -= np.matmul(rest, taken[:, :, None]) * taken[:, None, :]
    return np.stack(basis, axis=1), fair


def _along_an_edge(held: Scaled, basis: IntArray) -> tuple[IntArray, BoolArray]:
    """Return the next bases, and where no edge leads down."""
    row = np.arange(len(basis))
    within, b = _fit_through(held, basis)
    errors = held.errors(b)
    sign = np.where(errors >= 0, 1.0, -1.0) * held.there
    sign[row[:, None], basis] = 0.0
    slope = np.matmul(sign[:, None, :], held.x)[:, 0]
    pull = np.linalg.solve(within.transpose(0, 2, 1), slope[:, :, None])[:, :, 0]
    leaves = np.abs(pull).argmax(axis=1)
    strongest = np.abs(pull[row, leaves])
    toward = np.zeros_like(pull)
    toward[row, leaves] = np.sign(pull[row, leaves])
    edge = np.linalg.solve(within, toward[:, :, None])
    change = np.matmul(held.x, edge)[:, :, 0] * sign
    meets = change > _NO_CHANGE * np.abs(change).max(axis=1, keepdims=True)
    with np.errstate(divide="ignore", invalid="ignore"):
        distance = np.where(meets, np.abs(errors) / change, np.inf)
    enters = _bottom(distance, np.where(meets, change, 0.0), (strongest - 1.0) / 2.0)
    ended = strongest <= 1.0 + _SLACK
    following = basis.copy()
    following[row, leaves] = np.where(ended, basis[row, leaves], enters)
    return following, ended


def _bottom(distance: Array, climbs: Array, down: Array) -> IntArray:
    """Return the return at which an edge that leads down begins to lead up, (R,).

    There the climbs of the nearest returns have made up for ``down``.
    """
    few = min(_NEAREST, distance.shape[1])
    near = np.argpartition(distance, few - 1, axis=1)[:, :few]
    order = np.argsort(np.take_along_axis(distance, near, axis=1), axis=1)
    near = np.take_along_axis(near, order, axis=1)
    total = np.take_along_axis(climbs, near, axis=1).cumsum(axis=1)
    place = (total < down[:, None]).sum(axis=1)
    row = np.arange(len(place))
    out: IntArray = near[row, np.minimum(place, few - 1)]
    beyond = np.flatnonzero(place == few)
    if len(beyond) and few < distance.shape[1]:
        order = np.argsort(distance[beyond], axis=1)
        total = np.take_along_axis(climbs[beyond], order, axis=1).cumsum(axis=1)
        place = (total < down[beyond, None]).sum(axis=1)
        at = np.minimum(place, distance.shape[1] - 1)
        out[beyond] = order[np.arange(len(beyond)), at]
    return out


def _sparsity(held: Scaled, errors: Array) -> Array:
    """Return the reciprocal density of errors at their median, (R,)."""
    width = np.minimum(_BANDWIDTH * held.n ** (-1 / 3), _WIDEST)
    ordered = np.sort(np.where(held.there, errors, np.inf), axis=1)
    row = np.arange(len(errors))

    def quantile(share: Array) -> Array:
        place = share * (held.n - 1.0)
        low = np.floor(place).astype(np.int64)
        high = np.minimum(low + 1, held.n.astype(np.int64) - 1)
        part = place - low
        found = (1.0 - part) * ordered[row, low] + part * ordered[row, high]
        return np.asarray(found, np.float64)

    spread = quantile(0.5 + width) - quantile(0.5 - width)
    return np.asarray(spread / (2.0 * width), np.float64)
