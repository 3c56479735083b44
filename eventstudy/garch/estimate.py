"""Maximum likelihood of GARCH models, many series at once."""

from dataclasses import dataclass, replace
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from eventstudy.errors import SpecError, unknown_name
from eventstudy.garch.likelihood import (
    NAMES,
    Series,
    path,
    split,
    value,
    value_and_gradient,
)
from eventstudy.garch.maximise import Maximum, Objective, maximise
from eventstudy.garch.transform import from_free, off_bounds, pull_back, to_free
from eventstudy.results import Array, BoolArray, IntArray

_T = TypeVar("_T", np.float64, np.bool_)

DISTS = ("normal", "t")
# Sessions that a fit needs at least; below, the likelihood is too flat to mean much.
MIN_SESSIONS = 60
# Rows prepared together, and rows per call of the likelihood: few enough for the cache.
_BATCH = 2048
_PIECE = {"garch": 512, "gjr": 512, "egarch": 256}
_RETRY_STEPS = 25
_SHARP = 1e-5  # what is left of EGARCH's rounded kink, in standard deviations
_SMOOTH, _SPAN = 0.94, 75  # weights of the variance before the first session

# Starts of (persistence, α + γ/2) in units of unit variance; of (β, α/2) for EGARCH.
_STARTS = ((0.6, 0.15), (0.92, 0.08), (0.97, 0.05))
# Second starts of fits of less than this persistence, where the likelihood often has
# two maxima: so far from the first, and not lower than it by more than a climb gains.
_DOUBTFUL, _SECOND = 0.95, ((0.5, 0.15), (0.98, 0.02))
_FAR, _BELOW = 0.1, 3.0
_LEAN = (0.5, 0.1, 0.9)  # GJR: share of the shocks' weight on rises
_TILT = (0.0, -0.1, 0.1)  # EGARCH: γ


@dataclass(frozen=True, slots=True, kw_only=True)
class GarchFit:
    """Fitted models of E series; rows without a fit are nan.

    mean : (E, K) coefficients of the regressors of the mean
    variance : (E, V) parameters in the order of ``names``;  nu : (E,) degrees of
        freedom of Student's t, inf for the normal
    shifts : (E, M) exponents η of the variance regressors: the intercept ω is
        multiplied by exp(η d) (EGARCH: η d is added to the log variance)
    loglik : (E,);  h : (E, T) conditional variances;  residuals : (E, T)
    backcast : (E,) variance before the first session;  n : (E,) valid sessions
    converged : (E,);  steps : (E,) steps of the maximiser
    """

    kind: str
    dist: str
    names: tuple[str, ...]
    mean: Array
    variance: Array
    shifts: Array
    nu: Array
    loglik: Array
    h: Array
    residuals: Array
    backcast: Array
    n: IntArray
    converged: BoolArray
    steps: IntArray


@dataclass(frozen=True, slots=True, kw_only=True)
class Prepared:
    """Series scaled to unit variance with orthonormal regressors, and the way back.

    A mean coefficient is ``least_squares + scale x unmix @ fitted``.
    order : (E, T) session of every place, the series moved to start valid
    """

    series: Series
    scale: Array
    least_squares: Array
    unmix: Array
    order: IntArray


def fit(
    y: Array,
    x: Array | None = None,
    *,
    kind: str = "garch",
    dist: str = "normal",
    shifts: Array | None = None,
    max_steps: int = 100,
) -> GarchFit:
    """Fit ``y = x b + e``, ``e = sqrt(h) z``, to every row by maximum likelihood.

    y : (E, T) returns, nan = missing; a missing error's square is taken at its
    expectation. x : (E, T, K) regressors, the constant included; None: a constant.
    kind : ``garch`` (Bollerslev 1986), ``gjr`` (Glosten, Jagannathan & Runkle 1993) or
    ``egarch`` (Nelson 1991), each of order (1, 1). dist : ``normal`` or ``t``, scaled
    to unit variance. shifts : (E, T, M) regressors of the variance's log intercept.

    Variances before the first session are set to exponentially weighted squares of
    the least squares residuals (weight 0.94, 75 sessions). Parameters are free within
    positivity and stationarity; series that do not converge are flagged.

    Raises `SpecError` for unknown names and shapes that do not fit.

    >>> rng = np.random.default_rng(0)
    >>> found = fit(rng.standard_t(8, size=(2, 300)), dist="t")
    >>> found.names, found.variance.shape, found.converged
    (('omega', 'alpha', 'beta'), (2, 3), array([ True,  True]))
    """
    y = np.atleast_2d(np.asarray(y, np.float64))
    x = np.ones((*y.shape, 1)) if x is None else np.asarray(x, np.float64)
    moves = np.empty((*y.shape, 0)) if shifts is None else np.asarray(shifts)
    _check(y, x, moves, kind, dist)
    n_obs, n_sessions = y.shape
    valid = _valid(y, x, moves)
    out = GarchFit(
        kind=kind,
        dist=dist,
        names=NAMES[kind],
        mean=np.full((n_obs, x.shape[2]), np.nan),
        variance=np.full((n_obs, len(NAMES[kind])), np.nan),
        shifts=np.full((n_obs, moves.shape[2]), np.nan),
        nu=np.full(n_obs, np.nan),
        loglik=np.full(n_obs, np.nan),
        h=np.full((n_obs, n_sessions), np.nan),
        residuals=np.full((n_obs, n_sessions), np.nan),
        backcast=np.full(n_obs, np.nan),
        n=valid.sum(axis=1),
        converged=np.zeros(n_obs, np.bool_),
        steps=np.zeros(n_obs, np.int64),
    )
    usable = (out.n >= MIN_SESSIONS) & _varies(y, valid)
    # complete series take fewer operations, and the same ones whatever their neighbours
    for rows in (usable & (out.n == n_sessions), usable & (out.n < n_sessions)):
        for some in _batches(np.flatnonzero(rows)):
            ready = prepare(
                y[some], x[some], moves[some], kind=kind, student=dist == "t"
            )
            _store(out, some, ready, _maximum(ready.series, max_steps))
    return out


def _batches(rows: IntArray) -> list[IntArray]:
    return [rows[first : first + _BATCH] for first in range(0, len(rows), _BATCH)]


def _check(y: Array, x: Array, shifts: Array, kind: str, dist: str) -> None:
    if kind not in NAMES:
        raise unknown_name("GARCH model", kind, NAMES)
    if dist not in DISTS:
        raise unknown_name("distribution", dist, DISTS)
    for name, given in (("x", x), ("shifts", shifts)):
        if given.ndim != 3 or given.shape[:2] != y.shape:
            raise SpecError(
                f"{name} has shape {given.shape}; wanted {(*y.shape, 'K')} for y of "
                f"shape {y.shape}"
            )


def _valid(y: Array, x: Array, shifts: Array) -> BoolArray:
    finite = np.isfinite(y) & np.isfinite(x).all(axis=2)
    return np.asarray(finite & np.isfinite(shifts).all(axis=2), np.bool_)


def _varies(y: Array, valid: BoolArray) -> BoolArray:
    top = y.max(axis=1, initial=-np.inf, where=valid)
    bottom = y.min(axis=1, initial=np.inf, where=valid)
    return np.asarray(top > bottom, np.bool_)


def prepare(y: Array, x: Array, shifts: Array, *, kind: str, student: bool) -> Prepared:
    """Move, scale and orthogonalise the series for the likelihood."""
    valid, order, y, x, shifts = _moved(y, x, shifts)
    n = valid.sum(axis=1)
    q, unmix = _orthonormal(x, n)
    shares = np.einsum("etk,et->ek", q, y) / n[:, None]
    e = y - np.einsum("etk,ek->et", q, shares)  # q is zero where missing
    scale = np.sqrt(np.einsum("et,et->e", e, e) / n)
    e /= scale[:, None]
    series = Series(
        y=_time_first(e),
        x=_time_first(q[:, :1] if _constant(q, valid) else q),
        valid=None if valid.all() else _time_first(valid),
        n=n,
        backcast=_backcast(e, valid),
        shifts=_time_first(shifts) if shifts.size else None,
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
) -> tuple[Series, Array, Array]:
    """Return the series in units of their spread, the fitted parameters, the units.

    Unlike `prepare` it leaves the regressors as they are, but for their scale, so
    that the parameters (D, E) times their units (D, E) are those of the fit.
    """
    y = np.atleast_2d(np.asarray(y, np.float64))
    x = np.ones((*y.shape, 1)) if x is None else np.asarray(x, np.float64)
    moves = np.empty((*y.shape, 0)) if shifts is None else np.asarray(shifts)
    with np.errstate(all="ignore"):
        size = np.sqrt(np.nanmean(np.where(np.isfinite(x), x * x, np.nan), axis=1))
    size = np.where(size > 0, size, 1.0)
    scale = np.sqrt(np.where(fit.backcast > 0, fit.backcast, 1.0))
    if fit.kind == "egarch":
        scale = np.ones_like(scale)
    valid, _, y, x, moves = _moved(y, x / size[:, None, :], moves)
    series = Series(
        y=_time_first(y / scale[:, None]),
        x=_time_first(x),
        valid=None if valid.all() else _time_first(valid),
        n=valid.sum(axis=1),
        backcast=fit.backcast / scale**2,
        shifts=_time_first(moves) if moves.size else None,
        kind=fit.kind,
        student=fit.dist == "t",
        kink=_SHARP * np.sqrt(fit.backcast),
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
    valid = _valid(y, x, shifts)
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


def starting_values(s: Series) -> Array:
    """Parameters (D, E) with unit unconditional variance, the best of a grid.

    The response to the sign of shocks is chosen after persistence and shocks.
    """
    sides = {"garch": (0.5,), "gjr": _LEAN, "egarch": _TILT}[s.kind]
    grid = np.array([[_start(s, p, a, side) for p, a in _STARTS] for side in sides])
    best = _best(s, np.repeat(grid[0].T[:, :, None], len(s.n), axis=2))
    if len(sides) == 1:
        return np.asarray(grid[0, best].T)
    side = _best(s, grid[:, best].transpose(2, 0, 1))
    return np.asarray(grid[side, best].T)


def _start(s: Series, persistence: float, shocks: float, side: float) -> list[float]:
    if s.kind == "garch":
        v = [1.0 - persistence, shocks, persistence - shocks]
    elif s.kind == "gjr":
        up, down = 2.0 * shocks * side, 2.0 * shocks * (1.0 - side)
        v = [1.0 - persistence, up, down - up, persistence - shocks]
    else:
        v = [0.0, 2.0 * shocks, side, persistence]
    return [0.0] * s.n_mean + v + [0.0] * s.n_shifts + [0.125] * s.student


def _best(s: Series, starts: Array) -> IntArray:
    """Which of the starts (D, S, E) is highest, (E,)."""
    n_starts, n_rows = starts.shape[1:]
    rows = np.tile(np.arange(n_rows), n_starts)
    theta = starts.reshape(len(starts), -1)
    height = np.empty(len(rows))
    for piece in _pieces(s.kind, len(rows)):
        height[piece] = value(theta[:, piece], s.take(rows[piece]))
    return np.asarray(height.reshape(n_starts, n_rows).argmax(axis=0))


def _maximum(s: Series, max_steps: int) -> Maximum:
    start = to_free(starting_values(s), s)
    found = maximise(free_objective(s), start, max_steps=max_steps)
    if s.kind == "egarch":  # a rounder kink shows the way to a sharper one
        for kink in (1e-4, _SHARP):
            found = maximise(
                free_objective(replace(s, kink=kink)),
                found.at,
                inverse=found.inverse,
                max_steps=max_steps,
            )
        return found
    # an angle does not see whether leaving its bound would pay: try
    beside, points = off_bounds(found.at, s)
    second, starts = _second_starts(s, found)
    rows = np.concatenate([*[beside] * len(points), second])
    if not len(rows):
        return found
    start = np.concatenate([*points, starts], axis=1)
    again = maximise(free_objective(s.take(rows)), start, max_steps=_RETRY_STEPS)
    order = np.argsort(again.value)
    winner = np.full(len(s.n), -1)
    winner[rows[order]] = order  # the last, the highest, stays
    winner = winner[winner >= 0]
    winner = winner[again.value[winner] > found.value[rows[winner]] + 1e-9]
    place = rows[winner]
    last = maximise(
        free_objective(s.take(place)),
        again.at[:, winner],
        inverse=again.inverse[winner],
        max_steps=max_steps,
    )
    found.at[:, place], found.value[place] = last.at, last.value
    found.converged[place] = last.converged
    return found


def _second_starts(s: Series, found: Maximum) -> tuple[IntArray, Array]:
    """Rows of GARCH or GJR fits that may have a higher maximum, and starts (D, M)."""
    theta = from_free(found.at, s)
    _, alpha, *gamma, beta = split(theta, s).variance
    left = alpha + beta + (gamma[0] / 2.0 if gamma else 0.0)
    all_rows, all_starts = [np.empty(0, np.int64)], [np.empty((len(theta), 0))]
    for persistence, shocks in _SECOND:
        rows = np.flatnonzero((left < _DOUBTFUL) & (np.abs(left - persistence) > _FAR))
        start = theta[:, rows]
        end = s.n_mean + len(NAMES[s.kind])
        first = np.array(_start(s, persistence, shocks, 0.5))
        start[s.n_mean : end] = first[s.n_mean : end, None]
        height = np.empty(len(rows))
        for piece in _pieces(s.kind, len(rows)):
            height[piece] = value(start[:, piece], s.take(rows[piece]))
        near = height > found.value[rows] - _BELOW
        all_rows.append(rows[near])
        all_starts.append(to_free(start[:, near], s))
    return np.concatenate(all_rows), np.concatenate(all_starts, axis=1)


def free_objective(s: Series) -> Objective:
    """Log-likelihood and gradient in free coordinates, of chosen rows."""

    def objective(free: Array, rows: IntArray) -> tuple[Array, Array]:
        height, slope = np.empty(len(rows)), np.empty_like(free)
        for piece in _pieces(s.kind, len(rows)):
            some, at = s.take(rows[piece]), free[:, piece]
            with np.errstate(all="ignore"):
                found, gradient = value_and_gradient(from_free(at, some), some)
                height[piece], slope[:, piece] = found, pull_back(gradient, at, some)
        return height, slope

    return objective


def _pieces(kind: str, n_rows: int) -> list[slice]:
    size = _PIECE[kind]
    return [slice(first, first + size) for first in range(0, n_rows, size)]


def _store(out: GarchFit, rows: IntArray, ready: Prepared, found: Maximum) -> None:
    s = replace(ready.series, kink=_SHARP)
    theta = from_free(found.at, s)
    p, scale = split(theta, s), ready.scale
    out.mean[rows] = ready.least_squares + np.einsum(
        "ekl,le->ek", ready.unmix, p.mean * scale
    )
    variance = p.variance.T.copy()
    if s.kind == "egarch":
        variance[:, 0] += (1.0 - variance[:, -1]) * 2.0 * np.log(scale)
    else:
        variance[:, 0] *= scale**2
    out.variance[rows] = variance
    out.shifts[rows] = p.shifts.T
    out.nu[rows] = np.inf if p.inverse_nu is None else 1.0 / p.inverse_nu
    out.loglik[rows] = found.value - s.n * np.log(scale)
    out.backcast[rows] = s.backcast * scale**2
    out.converged[rows] = found.converged
    out.steps[rows] = found.steps
    for piece in _pieces(s.kind, len(rows)):
        some = s.take(np.arange(len(rows))[piece])
        way, size = path(theta[:, piece], some), scale[piece, None]
        h, errors = way.h.T * size**2, way.errors.T * size
        if some.valid is not None:
            order = ready.order[piece]
            h[order < order[:, :1]] = np.nan  # before the first valid session
            errors[~some.valid.T] = np.nan
            place = (rows[piece, None], order)
            out.h[place], out.residuals[place] = h, errors
        else:
            out.h[rows[piece]], out.residuals[rows[piece]] = h, errors
