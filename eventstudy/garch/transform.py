"""Free coordinates for constrained GARCH parameters.

Shares of a whole are squares of sines and cosines: the bounds are reached at finite
angles, where the likelihood stays quadratic, so that fits on a bound (no effect of
shocks, a unit root) converge as fast as others. GARCH and GJR: α, β and what is
missing to a persistence of one are shares of one; GJR divides the weight of shocks
between its signs. EGARCH: β is a sine. 1/ν lies between 1/500 and 1/2.05. Mean
coefficients and the exponents of variance regressors are free.
"""

import numpy as np

from eventstudy.garch.likelihood import NAMES, Series
from eventstudy.results import Array, IntArray

# Bounds of Student's degrees of freedom: the variance exists, and is not yet normal.
NU_BOUNDS = (2.05, 500.0)
_BOUND, _BESIDE = 1e-4, 0.05
_LOW, _HIGH = 1.0 / NU_BOUNDS[1], 1.0 / NU_BOUNDS[0]


def to_free(theta: Array, s: Series) -> Array:
    """Parameters within their bounds -> free coordinates, both (D, E)."""
    free = theta.copy()
    v, at = theta[s.n_mean :], free[s.n_mean :]
    if s.kind == "egarch":
        at[3] = np.arcsin(v[3])
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


def from_free(free: Array, s: Series) -> Array:
    """Free coordinates -> parameters."""
    theta = free.copy()
    f, v = free[s.n_mean :], theta[s.n_mean :]
    if s.kind == "egarch":
        v[3] = np.sin(f[3])
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


def pull_back(gradient: Array, free: Array, s: Series) -> Array:
    """Gradient in the parameters -> gradient in the free coordinates."""
    out = gradient.copy()
    f, g, at = free[s.n_mean :], gradient[s.n_mean :], out[s.n_mean :]
    if s.kind == "egarch":
        at[3] = g[3] * np.cos(f[3])
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


def off_bounds(free: Array, s: Series) -> tuple[IntArray, list[Array]]:
    """Rows of GARCH or GJR fits with a share on its bound, and points beside them."""
    at = slice(s.n_mean + 1, s.n_mean + len(NAMES[s.kind]))
    share = np.sin(free[at]) ** 2
    rows = np.flatnonzero(((share < _BOUND) | (share > 1.0 - _BOUND)).any(axis=0))
    away = free[:, rows]
    away[at] = _angle(np.clip(share[:, rows], _BESIDE, 1.0 - _BESIDE))
    if s.kind == "garch":
        return rows, [away]
    points = [away.copy(), away.copy()]  # shocks from falls, shocks from rises
    for point, lean in zip(points, (_BESIDE, 1.0 - _BESIDE), strict=True):
        point[at.stop - 1] = _angle(np.array(lean))
    return rows, points


def _angle(share: Array) -> Array:
    return np.asarray(np.arcsin(np.sqrt(share)))
