"""Free coordinates for constrained GARCH parameters.

Shares of a whole are squares of sines and cosines: the bounds are reached at finite
angles, where the likelihood stays quadratic, so that fits on a bound (no effect of
shocks, a unit root) converge as fast as others. GARCH and GJR: α, β and what is
missing to a persistence of one are shares of one; GJR divides the weight of shocks
between its signs. 1/ν lies between 1/500 and 1/2.05. Mean coefficients and the
exponents of variance regressors are free.

EGARCH: β is a share of one, and α is the square of its coordinate above a bound. A
small change of one log variance leaves ``A = β - (α |z| + γ z) / 2`` of itself in the
next. Where ``E ln |A|`` is positive such changes grow: the path says more of its start
and of rounding than of the returns, its forecasts run away, and the likelihood, highest
there for many a short series, is a maximum of noise. Wintenberger (2013), Scandinavian
J. Statistics 40, therefore keeps to paths that forget their start. The bound here is
``E A <= 1`` for normal shocks, that is ``α >= -√(2π) (1 - β)``, which suffices as long
as A is positive, and which a path does not have to be known for. A likelihood that
rises all the way to it has its constrained maximum on it, and converges there.
"""

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray
from eventstudy.garch.series import GarchSeries

# Bounds of Student's degrees of freedom: the variance exists, and is not yet normal.
NU_BOUNDS = (2.05, 500.0)
_FORGETS = np.sqrt(2.0 * np.pi)
_BESIDE = 0.05  # EGARCH's coordinate of α where the bound is near
_STEP = 1e-5  # of the finite differences
_LOW, _HIGH = 1.0 / NU_BOUNDS[1], 1.0 / NU_BOUNDS[0]


def to_free(theta: Array, s: GarchSeries) -> Array:
    """Parameters within their bounds -> free coordinates, both (D, E)."""
    free = theta.copy()
    v, at = theta[s.n_mean :], free[s.n_mean :]
    if s.kind == "egarch":
        at[1] = np.sqrt(np.maximum(v[1] + _FORGETS * (1.0 - v[3]), 0.0))
        at[3] = _angle(v[3])
    else:
        gamma = v[2] if s.kind == "gjr" else 0.0
        beta = v[3] if s.kind == "gjr" else v[2]
        shocks = v[1] + gamma / 2.0
        at[0] = np.log(v[0])
        at[1] = _angle(shocks + beta)
        at[2] = _angle(shocks / (shocks + beta))
        if s.kind == "gjr":
            at[3] = _angle(v[1] / (2.0 * shocks))
    if s.student:
        free[-1] = _angle((theta[-1] - _LOW) / (_HIGH - _LOW))
    return free


def from_free(free: Array, s: GarchSeries) -> Array:
    """Free coordinates -> parameters."""
    theta = free.copy()
    f, v = free[s.n_mean :], theta[s.n_mean :]
    if s.kind == "egarch":
        v[3] = np.sin(f[3]) ** 2
        v[1] = f[1] ** 2 - _FORGETS * np.cos(f[3]) ** 2
    else:
        v[0] = np.exp(f[0])
        persistence, shocks = np.sin(f[1]) ** 2, np.sin(f[2]) ** 2
        if s.kind == "gjr":
            even = np.sin(f[3]) ** 2
            v[1] = 2.0 * persistence * shocks * even
            v[2] = 2.0 * persistence * shocks * np.cos(2.0 * f[3])
            v[3] = persistence * np.cos(f[2]) ** 2
        else:
            v[1] = persistence * shocks
            v[2] = persistence * np.cos(f[2]) ** 2
    if s.student:
        theta[-1] = _LOW + (_HIGH - _LOW) * np.sin(free[-1]) ** 2
    return theta


def pull_back(gradient: Array, free: Array, s: GarchSeries) -> Array:
    """Gradient in the parameters -> gradient in the free coordinates."""
    out = gradient.copy()
    f, g, at = free[s.n_mean :], gradient[s.n_mean :], out[s.n_mean :]
    if s.kind == "egarch":
        at[1] = 2.0 * f[1] * g[1]
        at[3] = (g[3] + _FORGETS * g[1]) * np.sin(2.0 * f[3])
    else:
        persistence, shocks = np.sin(f[1]) ** 2, np.sin(f[2]) ** 2
        by_shocks, by_beta = g[1], g[-1 - s.n_shifts - s.student]
        if s.kind == "gjr":
            even, odd = np.sin(f[3]) ** 2, np.cos(2.0 * f[3])
            by_shocks = 2.0 * (g[1] * even + g[2] * odd)
            turn = 2.0 * np.sin(2.0 * f[3]) * (g[1] - 2.0 * g[2])
            at[3] = persistence * shocks * turn
        at[0] = g[0] * np.exp(f[0])
        mixed = by_shocks * shocks + by_beta * np.cos(f[2]) ** 2
        at[1] = np.sin(2.0 * f[1]) * mixed
        at[2] = np.sin(2.0 * f[2]) * persistence * (by_shocks - by_beta)
    if s.student:
        out[-1] = gradient[-1] * (_HIGH - _LOW) * np.sin(2.0 * free[-1])
    return out


def pull_back_twice(
    information: Array, gradient: Array, free: Array, s: GarchSeries
) -> Array:
    """Information on parameters (D, D, E) -> minus Hessian in free coordinates.

    The bend of the coordinates counts as far as the ``gradient`` in the parameters.
    """
    half = np.empty_like(information)
    for d, row in enumerate(information):
        half[d] = pull_back(row, free, s)
    out = np.empty_like(information)
    for d in range(len(out)):
        out[d] = pull_back(half[:, d], free, s)
        up, down = free.copy(), free.copy()
        up[d] += _STEP
        down[d] -= _STEP
        bend = pull_back(gradient, up, s) - pull_back(gradient, down, s)
        out[d] -= bend / (2.0 * _STEP)
    return out


def forgets_slowly(free: Array, s: GarchSeries) -> BoolArray:
    """Whether EGARCH is on or beside the bound of paths that forget, (E,)."""
    if s.kind != "egarch":
        return np.zeros(free.shape[1], np.bool_)
    return np.asarray(np.abs(free[s.n_mean + 1]) < _BESIDE)


def _angle(share: Array) -> Array:
    return np.asarray(np.arcsin(np.sqrt(share)))
