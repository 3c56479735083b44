"""Expected information of GARCH likelihoods, from the slopes of the variances.

What a parameter does to the (log) variance follows the recursion of the variance
itself, from what it does to a single session. With ``D_t`` the slopes of ``ln h_t`` the
expected information of the normal is ``Σ D D' / 2 + Σ x x' / h``, always positive and
a good guide for the first steps of a climb. Student's t weighs both sums and adds
those of its degrees of freedom.
"""

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Array
from eventstudy.garch.egarch import MEAN_ABS
from eventstudy.garch.series import GarchSeries, Parameters, Path, Workspace, pair

_PART = 50  # sessions whose slopes are held at once: few enough for the cache


def information(p: Parameters, way: Path, s: GarchSeries, work: Workspace) -> Array:
    """Expected information (D, D, E) at the parameters of a path."""
    n_times, n_series = way.errors.shape
    n_own = s.n_mean + len(p.variance) + s.n_shifts
    fill = _of_egarch if s.kind == "egarch" else _of_garch
    carries = np.broadcast_to(way.carry, (n_times + 1, n_series))
    found = np.zeros((n_own + s.student, n_own + s.student, n_series))
    total, step = np.zeros((n_own, n_series)), np.zeros((n_own, n_series))
    last = np.zeros((n_own, n_series))
    for first in range(0, n_times, _PART):
        part = slice(first, min(first + _PART, n_times))
        slopes = work.array("slopes", part.stop - first, n_own, n_series)
        fill(slopes, p, way, s, part)
        for now, carry in zip(slopes, carries[part], strict=True):
            np.multiply(last, carry, step)
            last = np.add(now, step, now)
        last = last.copy()
        if s.kind != "egarch":
            slopes *= way.inverse[part, None]
        if s.valid is not None:
            slopes *= s.valid[part, None]
        for d in range(n_own):
            for f in range(d + 1):
                found[d, f] += pair(slopes[:, d], slopes[:, f])
        if s.student:
            total += slopes.sum(axis=0)
    found *= 0.5
    upper = np.triu_indices(n_own, 1)
    found[upper] = found[upper[::-1]]
    own = _of_mean(way, s, work)
    if p.inverse_nu is not None:
        nu = 1.0 / p.inverse_nu
        found *= nu / (nu + 3.0)
        own *= nu * (nu + 1.0) / ((nu - 2.0) * (nu + 3.0))
        cross = -3.0 * nu**2 / ((nu + 1.0) * (nu - 2.0) * (nu + 3.0))
        found[-1, :-1] = found[:-1, -1] = cross * total
        found[-1, -1] = s.n * _of_nu(nu)
    found[: s.n_mean, : s.n_mean] += own
    return found


def _of_mean(way: Path, s: GarchSeries, work: Workspace) -> Array:
    """``Σ x x' / h``."""
    weight = way.inverse
    if s.kind == "egarch":
        weight = np.multiply(weight, weight, work.array("spare", *weight.shape))
    if s.x.shape[1] == 1:
        outer: Array = s.x[:, None, 0] * s.x[None, :, 0] * weight.sum(axis=0)
        return outer
    if s.valid is not None:
        weight = weight * s.valid
    total: Array = np.einsum("kte,lte,te->kle", s.x, s.x, weight)
    return total


def _of_nu(nu: Array) -> Array:
    """Information of one session on 1/ν."""
    ratio = 1.0 / ((nu + 1.0) * (nu - 2.0))
    tails = special.zeta(2.0, nu / 2.0) - special.zeta(2.0, (nu + 1.0) / 2.0)
    rest = 2.0 * nu / ((nu - 2.0) ** 2 * (nu + 3.0)) - 4.0 * ratio
    return np.asarray(0.25 * nu**4 * (tails + rest))


def _of_garch(
    slopes: Array, p: Parameters, way: Path, s: GarchSeries, part: slice
) -> None:
    """Slopes of the variances of some sessions, the ones before given."""
    k, v, start = s.n_mean, len(p.variance), int(part.start == 0)
    omega, alpha, *_ = p.variance
    before = slice(part.start + start - 1, part.stop - 1)
    later, errors, state = slopes[start:], way.errors[before], way.state[before]
    push = -2.0 * alpha * errors
    falls = None if way.falls is None else way.falls[before]
    if falls is not None:
        push -= 2.0 * p.variance[2] * falls
        np.multiply(falls, errors, later[:, k + 2])
    for j, x in enumerate(s.x):
        np.multiply(push, x if len(x) == 1 else x[before], later[:, j])
    slopes[:, k] = (
        way.intercept if len(way.intercept) == 1 else way.intercept[part]
    ) / omega
    later[:, k + 1] = way.bent[before]
    later[:, k + v - 1] = state
    if s.valid is not None:
        expected = np.where(s.valid[before], 0.0, state)
        later[:, k + 1] += expected
        if falls is not None:
            later[:, k + 2] += 0.5 * expected
    if start:
        slopes[0, :k] = 0.0
        slopes[0, k + 1 : k + v] = s.backcast
        if falls is not None:
            slopes[0, k + 2] *= 0.5
    if s.shifts is not None:
        slopes[:, k + v :] = (s.shifts[:, part] * way.intercept[part]).transpose(
            1, 0, 2
        )


def _of_egarch(
    slopes: Array, p: Parameters, way: Path, s: GarchSeries, part: slice
) -> None:
    """Slopes of the log variances of some sessions, the ones before given."""
    k, start = s.n_mean, int(part.start == 0)
    _, alpha, gamma, _ = p.variance
    before = slice(part.start + start - 1, part.stop - 1)
    later, root, size = slopes[start:], way.inverse[before], way.bent[before]
    push = way.errors[before] / size
    push *= -alpha
    push -= gamma
    push *= root
    for j, x in enumerate(s.x):
        np.multiply(push, x if len(x) == 1 else x[before], later[:, j])
    slopes[:, k] = 1.0
    np.multiply(size, root, later[:, k + 1])
    later[:, k + 1] -= MEAN_ABS
    if s.valid is not None:
        later[:, k + 1] *= s.valid[before]
        later[:, :k] *= s.valid[before, None]
    later[:, k + 2] = way.shock[before]
    np.multiply(way.state[before], -2.0, later[:, k + 3])
    if start:
        slopes[0, : k + 3], slopes[0, k] = 0.0, 1.0
        slopes[0, k + 3] = np.log(s.backcast)
    if s.shifts is not None:
        slopes[:, k + 4 :] = s.shifts[:, part].transpose(1, 0, 2)
