"""Batched log-likelihoods of GARCH, GJR and EGARCH errors, with exact gradients.

Time runs along the first axis and series along the last, so that each step of a
recursion is one operation on all series. The gradient takes one backward recursion,
whatever the number of parameters: if the variance obeys ``h_t = c_t + A_t h_{t-1}``
and the likelihood has slope ``g_t`` in ``h_t``, then ``λ_t = g_t + A_{t+1} λ_{t+1}``
is its slope in ``c_t``.

Parameters are the rows of a (D, E) array: mean coefficients, variance parameters
(`NAMES`), exponents of the variance regressors, and 1/ν for Student's t.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from scipy import special

from eventstudy.garch.recursion import recur, recur_back
from eventstudy.results import Array, BoolArray, IntArray

NAMES: Mapping[str, tuple[str, ...]] = {
    "garch": ("omega", "alpha", "beta"),
    "gjr": ("omega", "alpha", "gamma", "beta"),
    "egarch": ("omega", "alpha", "gamma", "beta"),
}
_MEAN_ABS = np.sqrt(2.0 / np.pi)
_LOG_2PI = np.log(2.0 * np.pi)


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """What the likelihood is taken of; every series starts with a valid session.

    y : (T, E) returns, 0 where missing;  x : (K, T, E) regressors of the mean, or
        (K, 1, E) where they are constants and nothing is missing
    valid : (T, E), None when nothing is missing;  n : (E,) valid sessions
    backcast : (E,) variance before the first session
    shifts : (M, T, E) regressors of the log intercept of the variance, or None
    kink : half width over which EGARCH's |e| is rounded, so that a climb passes it
    """

    y: Array
    x: Array
    valid: BoolArray | None
    n: IntArray
    backcast: Array
    shifts: Array | None
    kind: str
    student: bool
    kink: Array | float = 1e-3

    @property
    def n_mean(self) -> int:
        """Number of mean coefficients."""
        return len(self.x)

    @property
    def n_shifts(self) -> int:
        """Number of regressors of the variance."""
        return 0 if self.shifts is None else len(self.shifts)

    def take(self, rows: IntArray) -> "Series":
        """Keep some of the series."""
        return replace(
            self,
            y=self.y[:, rows],
            x=self.x[:, :, rows],
            valid=None if self.valid is None else self.valid[:, rows],
            n=self.n[rows],
            backcast=self.backcast[rows],
            shifts=None if self.shifts is None else self.shifts[:, :, rows],
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """The rows of a parameter array, apart: see `split`."""

    mean: Array
    variance: Array
    shifts: Array
    inverse_nu: Array | None


def split(theta: Array, s: Series) -> Parameters:
    """Cut parameters (D, E) into their parts."""
    first, second = s.n_mean, s.n_mean + len(NAMES[s.kind])
    third = second + s.n_shifts
    return Parameters(
        mean=theta[:first],
        variance=theta[first:second],
        shifts=theta[second:third],
        inverse_nu=theta[third] if s.student else None,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Path:
    """Errors and conditional variances, (T, E), and what the gradient needs of them.

    square : e²;  bent : e of GARCH, min(e, 0) of GJR, |e| of EGARCH without its kink
    inverse : 1/h;  state : h, or ln h where ``log``;  carry : A, (E,) or (T, E), how
    the state is passed on;  intercept : ω_t, (T, E) or (1, E)
    """

    errors: Array
    square: Array
    bent: Array
    inverse: Array
    state: Array
    carry: Array
    intercept: Array
    log: bool

    @property
    def h(self) -> Array:
        """Conditional variances."""
        return np.exp(self.state) if self.log else self.state


def path(theta: Array, s: Series) -> Path:
    """Run the variance recursion."""
    p = split(theta, s)
    errors = s.y - np.einsum("kte,ke->te", s.x, p.mean)
    if s.valid is not None:
        errors = np.where(s.valid, errors, 0.0)
    omega = p.variance[:1]
    if s.shifts is None:
        intercept = omega
    else:
        move = np.einsum("mte,me->te", s.shifts, p.shifts)
        intercept = omega + move if s.kind == "egarch" else omega * np.exp(move)
    run = _egarch if s.kind == "egarch" else _garch
    return run(errors, intercept, p.variance, s)


def _garch(errors: Array, intercept: Array, variance: Array, s: Series) -> Path:
    alpha, beta = variance[1], variance[-1]
    square = errors * errors
    h = np.empty_like(errors)
    np.multiply(square[:-1], alpha, out=h[1:])
    total, bent = alpha, errors
    if s.kind == "gjr":
        bent = np.minimum(errors, 0.0)
        shock = bent[:-1] * bent[:-1]
        shock *= variance[2]
        h[1:] += shock
        total = alpha + variance[2] / 2.0
    h[0] = (total + beta) * s.backcast
    h += intercept
    if s.valid is None:
        carry = beta
    else:  # the square of a missing error is expected to be its variance
        carry = np.empty_like(errors)
        carry[0] = beta
        carry[1:] = np.where(s.valid[:-1], beta, beta + total)
    recur(h, carry)
    return Path(
        errors=errors,
        square=square,
        bent=bent,
        inverse=np.reciprocal(h),
        state=h,
        carry=carry,
        intercept=intercept,
        log=False,
    )


def _egarch(errors: Array, intercept: Array, variance: Array, s: Series) -> Path:
    _, alpha, gamma, beta = variance
    known = 1.0 if s.valid is None else s.valid[:-1]
    square = errors * errors
    size = np.sqrt(square + s.kink**2)
    push = (-0.5 * alpha) * size
    if s.valid is not None:
        push *= s.valid
    push -= (0.5 * gamma) * errors
    # the recursion of u = -ln h / 2, so that exp(u) turns errors into shocks
    u = np.empty_like(errors)
    u[1:] = (0.5 * alpha * _MEAN_ABS) * known
    u[0] = -0.5 * beta * np.log(s.backcast)
    u -= 0.5 * intercept
    root = np.empty_like(errors)
    step = np.empty_like(beta)
    np.exp(u[0], out=root[0])
    for now, before, kick, last, here in zip(
        u[1:], u, push, root, root[1:], strict=False
    ):
        np.multiply(kick, last, out=step)
        np.add(now, step, out=now)
        np.multiply(before, beta, out=step)
        np.add(now, step, out=now)
        np.exp(now, out=here)
    push *= root
    carry = np.empty_like(errors)
    carry[0] = beta
    np.add(push[:-1], beta, out=carry[1:])
    u *= -2.0
    root *= root
    return Path(
        errors=errors,
        square=square,
        bent=size,
        inverse=root,
        state=u,
        carry=carry,
        intercept=intercept,
        log=True,
    )


def value(theta: Array, s: Series) -> Array:
    """Log-likelihood of each series, (E,); -inf where it cannot be had."""
    return _value(split(theta, s), path(theta, s), s)[0]


def value_and_gradient(theta: Array, s: Series) -> tuple[Array, Array]:
    """Log-likelihood (E,) and its gradient (D, E)."""
    p, way = split(theta, s), path(theta, s)
    found, ratio, tail = _value(p, way, s)
    # twice the slope in the state of each session, then in its intercept
    slope = ratio if tail is None else tail.weight * ratio
    slope -= 1.0
    if not way.log:
        slope *= way.inverse
    if s.valid is not None:
        slope *= s.valid
    recur_back(slope, way.carry)
    direct = way.inverse if tail is None else tail.weight * way.inverse
    gradient = np.empty_like(theta)
    first, second = s.n_mean, s.n_mean + len(p.variance)
    finish = _egarch_slopes if way.log else _garch_slopes
    by_variance, by_mean = finish(slope, way, p.variance, s)
    gradient[:first] = _weighted(s.x, direct, way.errors) - by_mean
    gradient[first:second] = 0.5 * by_variance
    if s.shifts is not None:
        by_log = 0.5 * slope if way.log else 0.5 * slope * way.intercept
        gradient[second : second + s.n_shifts] = _dot(s.shifts, by_log)
        if not way.log:
            gradient[first] = by_log.sum(axis=0) / p.variance[0]
    if p.inverse_nu is not None and tail is not None:
        gradient[-1] = _nu_slope(p.inverse_nu, tail, s)
    return found, gradient


def scores(theta: Array, s: Series, *, step: float = 1e-5) -> Array:
    """Slope of every session's log-likelihood, (D, T, E), by central differences."""
    out = np.empty((len(theta), *s.y.shape))
    for d in range(len(theta)):
        size = step * np.maximum(np.abs(theta[d]), 1e-2)
        up, down = theta.copy(), theta.copy()
        up[d] += size
        down[d] -= size
        out[d] = (_sessions(up, s) - _sessions(down, s)) / (2.0 * size)
    return out


def _sessions(theta: Array, s: Series) -> Array:
    p, way = split(theta, s), path(theta, s)
    ratio = way.square * way.inverse
    each = 0.5 * np.log(way.inverse)
    if p.inverse_nu is None:
        each -= 0.5 * (ratio + _LOG_2PI)
    else:
        nu = 1.0 / p.inverse_nu
        each += _student_constant(nu) - (nu + 1.0) / 2.0 * np.log1p(ratio / (nu - 2.0))
    return each if s.valid is None else np.where(s.valid, each, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """Student's t: the weight of each e²/h, Σ weight e²/h, Σ ln(1 + e²/(h (ν - 2)))."""

    weight: Array
    pull: Array
    logs: Array


def _value(p: Parameters, way: Path, s: Series) -> tuple[Array, Array, Tail | None]:
    """Return the log-likelihood, e²/h, and what Student's t makes of it."""
    ratio = way.square * way.inverse
    total = -0.5 * _log_sum(way, s)
    tail = None
    if p.inverse_nu is None:
        total -= 0.5 * (ratio.sum(axis=0) + s.n * _LOG_2PI)
    else:
        nu = 1.0 / p.inverse_nu
        inside = ratio + (nu - 2.0)
        weight = (nu + 1.0) / inside
        inside /= nu - 2.0
        logs = _sum_of_logs(inside)
        tail = Tail(weight=weight, pull=_pair(weight, ratio), logs=logs)
        total += s.n * _student_constant(nu) - (nu + 1.0) / 2.0 * logs
    usable = np.isfinite(total)
    if way.log:  # the recursion must forget where it started
        with np.errstate(divide="ignore", invalid="ignore"):
            usable &= _sum_of_logs(np.abs(way.carry)) < 0.0
    return np.where(usable, total, -np.inf), ratio, tail


def _log_sum(way: Path, s: Series) -> Array:
    """Sum of ln h over valid sessions."""
    if way.log:
        logs = way.state if s.valid is None else np.where(s.valid, way.state, 0.0)
        return np.asarray(logs.sum(axis=0))
    return _sum_of_logs(
        way.state if s.valid is None else np.where(s.valid, way.state, 1.0)
    )


def _sum_of_logs(values: Array) -> Array:
    """Sum of logarithms over time, taken of products of four."""
    cut = len(values) // 4 * 4
    packed = values[:cut:4] * values[1:cut:4]
    packed *= values[2:cut:4]
    packed *= values[3:cut:4]
    np.log(packed, out=packed)
    return np.asarray(packed.sum(axis=0) + np.log(values[cut:]).sum(axis=0))


def _student_constant(nu: Array) -> Array:
    half = special.gammaln((nu + 1.0) / 2.0) - special.gammaln(nu / 2.0)
    return np.asarray(half - 0.5 * np.log(np.pi * (nu - 2.0)))


def _nu_slope(inverse_nu: Array, tail: Tail, s: Series) -> Array:
    nu = 1.0 / inverse_nu
    constant = special.psi((nu + 1.0) / 2.0) - special.psi(nu / 2.0) - 1.0 / (nu - 2.0)
    by_nu = 0.5 * (s.n * constant - tail.logs + tail.pull / (nu - 2.0))
    return np.asarray(-by_nu * nu**2)


def _garch_slopes(
    slope: Array, way: Path, variance: Array, s: Series
) -> tuple[Array, Array]:
    """Slopes in the variance parameters, given those in the intercepts.

    And, with the other sign, the part of the slopes in the mean coefficients that
    works through the variances.
    """
    later, square, errors = slope[1:], way.square[:-1], way.errors[:-1]
    start = slope[0] * s.backcast
    missing: Array | float = 0.0
    if s.valid is not None:
        missing = _pair(later, np.where(s.valid[:-1], 0.0, way.state[:-1]))
    out = np.empty_like(variance)
    out[0] = slope.sum(axis=0)
    out[1] = _pair(later, square) + start + missing
    out[-1] = _pair(later, way.state[:-1]) + start
    by_mean = variance[1] * _weighted(s.x, later, errors)
    if s.kind == "gjr":
        later_falls = later * way.bent[:-1]
        out[2] = _pair(later_falls, errors) + 0.5 * (start + missing)
        by_mean += variance[2] * _dot(s.x, later_falls)
    return out, by_mean


def _egarch_slopes(
    slope: Array, way: Path, variance: Array, s: Series
) -> tuple[Array, Array]:
    """As `_garch_slopes`, for EGARCH."""
    _, alpha, gamma, _ = variance
    later, errors, size = slope[1:], way.errors[:-1], way.bent[:-1]
    known = later if s.valid is None else later * s.valid[:-1]
    by_z = known * np.sqrt(way.inverse[:-1])
    out = np.empty_like(variance)
    out[0] = slope.sum(axis=0)
    out[1] = _pair(by_z, size) - _MEAN_ABS * known.sum(axis=0)
    out[2] = _pair(by_z, errors)
    out[3] = _pair(later, way.state[:-1]) + slope[0] * np.log(s.backcast)
    sign = errors / size
    sign *= alpha
    sign += gamma
    sign *= by_z
    return out, 0.5 * _dot(s.x, sign)


def _pair(a: Array, b: Array) -> Array:
    total: Array = np.einsum("te,te->e", a, b)
    return total


def _dot(x: Array, v: Array) -> Array:
    """Sum of ``x v`` over the sessions of v, which may be one fewer than those of x."""
    if x.shape[1] == 1:
        return np.asarray(x[:, 0] * v.sum(axis=0))
    total: Array = np.einsum("kte,te->ke", x[:, : len(v)], v)
    return total


def _weighted(x: Array, a: Array, b: Array) -> Array:
    """Sum of ``x a b``, as `_dot`."""
    return x[:, 0] * _pair(a, b) if x.shape[1] == 1 else _dot(x, a * b)
