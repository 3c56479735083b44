"""Maximum likelihood of GARCH models, many series at once."""

from dataclasses import replace

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.garch.compiled import walk_of
from eventstudy.garch.fitted import GarchFit
from eventstudy.garch.likelihood import path, variances
from eventstudy.garch.maximise import Maximum
from eventstudy.garch.objective import pieces
from eventstudy.garch.prepare import SHARP, Prepared, arrays_of, prepare, valid_sessions
from eventstudy.garch.search import highest
from eventstudy.garch.series import NAMES, Workspace, split
from eventstudy.garch.transform import from_free

DISTS = ("normal", "t")
# Sessions that a fit needs at least; below, the likelihood is too flat to mean much.
MIN_SESSIONS = 60
_BATCH = 2048  # rows prepared together
# From so many returns on the compiled likelihood is worth the time that loading takes.
_MANY = 50_000


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
    positivity and stationarity, those of EGARCH where ``0 <= β <= 1`` and the path
    forgets its start (``α >= -√(2π) (1 - β)``, see `eventstudy.garch.transform`); a
    maximum on a bound counts as converged. Of several maxima the highest that the
    climbs find is taken. Series that do not converge are flagged.

    Raises `SpecError` for unknown names and shapes that do not fit.

    >>> rng = np.random.default_rng(0)
    >>> found = fit(rng.standard_t(8, size=(2, 300)), dist="t")
    >>> found.names, found.variance.shape, found.converged
    (('omega', 'alpha', 'beta'), (2, 3), array([ True,  True]))
    """
    y, x, moves = arrays_of(y, x, shifts)
    _check(y, x, moves, kind, dist)
    n_obs, n_sessions = y.shape
    valid = valid_sessions(y, x, moves)
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
    work = Workspace()
    usable = (out.n >= MIN_SESSIONS) & _varies(y, valid)
    # complete series take fewer operations, and the same ones whatever their neighbours
    for rows in (usable & (out.n == n_sessions), usable & (out.n < n_sessions)):
        for some in _batches(np.flatnonzero(rows)):
            ready = prepare(
                y[some], x[some], moves[some], kind=kind, student=dist == "t"
            )
            walk = walk_of(ready.series) if y.size >= _MANY else None
            found = highest(ready.series, max_steps, work, walk)
            _store(out, some, ready, found, work)
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


def _varies(y: Array, valid: BoolArray) -> BoolArray:
    top = y.max(axis=1, initial=-np.inf, where=valid)
    bottom = y.min(axis=1, initial=np.inf, where=valid)
    return np.asarray(top > bottom, np.bool_)


def _store(
    out: GarchFit, rows: IntArray, ready: Prepared, found: Maximum, work: Workspace
) -> None:
    s = replace(ready.series, kink=np.full(len(rows), SHARP))
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
    for piece in pieces(s.kind, len(rows)):
        some = s.take(np.arange(len(rows))[piece], work)
        way, size = path(theta[:, piece], some, work), scale[piece, None]
        h, errors = variances(way, some).T * size**2, way.errors.T * size
        if some.valid is not None:
            order = ready.order[piece]
            h[order < order[:, :1]] = np.nan  # before the first valid session
            errors[~some.valid.T] = np.nan
            place = (rows[piece, None], order)
            out.h[place], out.residuals[place] = h, errors
        else:
            out.h[rows[piece]], out.residuals[rows[piece]] = h, errors
