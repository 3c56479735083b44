"""Batched log-likelihoods of GARCH, GJR and EGARCH errors, with exact gradients.

Time runs along the first axis and series along the last, so that each step of a
recursion is one operation on all series. The gradient takes one backward recursion,
whatever the number of parameters: if the variance obeys ``h_t = c_t + A_t h_{t-1}``
and the likelihood has slope ``g_t`` in ``h_t``, then ``λ_t = g_t + A_{t+1} λ_{t+1}``
is its slope in ``c_t``.

Parameters are the rows of a (D, E) array: mean coefficients, variance parameters
(`NAMES`), exponents of the variance regressors, and 1/ν for Student's t.
"""

from dataclasses import dataclass

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.garch import egarch
from eventstudy.garch.information import information
from eventstudy.garch.recursion import recur, recur_back
from eventstudy.garch.series import (
    GarchSeries,
    Parameters,
    Path,
    Workspace,
    dot,
    pair,
    split,
    sum_of_logs,
    weighted,
)

_STEP = 1e-5  # of the finite differences, relative to a parameter
LOG_2PI = np.log(2.0 * np.pi)


def path(theta: Array, s: GarchSeries, work: Workspace | None = None) -> Path:
    """Run the variance recursion; its arrays lie in the workspace."""
    work = work or Workspace()
    p = split(theta, s)
    errors = work.array("errors", *s.y.shape)
    if s.x.shape[1] == 1:
        np.subtract(s.y, np.einsum("ke,ke->e", s.x[:, 0], p.mean), errors)
    else:
        np.einsum("kte,ke->te", s.x, p.mean, out=errors)
        np.subtract(s.y, errors, errors)
    if s.valid is not None:
        errors *= s.valid
    omega = p.variance[:1]
    if s.shifts is None:
        intercept = omega
    else:
        move = np.einsum("mte,me->te", s.shifts, p.shifts)
        intercept = omega + move if s.kind == "egarch" else omega * np.exp(move)
    run = egarch.run if s.kind == "egarch" else _garch
    return run(errors, intercept, p.variance, s, work)


def _garch(
    errors: Array, intercept: Array, variance: Array, s: GarchSeries, work: Workspace
) -> Path:
    alpha, beta = variance[1], variance[-1]
    shape = errors.shape
    square = np.multiply(errors, errors, work.array("bent", *shape))
    h = work.array("state", *shape)
    np.multiply(square[:-1], alpha, h[1:])
    total, falls = alpha, None
    if s.kind == "gjr":
        falls = np.minimum(errors, 0.0, out=work.array("falls", *shape))
        shock = np.multiply(falls[:-1], falls[:-1], work.array("spare", *h[1:].shape))
        shock *= variance[2]
        h[1:] += shock
        total = alpha + variance[2] / 2.0
    h[0] = (total + beta) * s.backcast
    h += intercept
    if s.valid is None:
        carry = beta
        recur(h, carry, work)
    else:  # the square of a missing error is expected to be its variance
        carry = np.empty((len(h) + 1, h.shape[1]))
        carry[0] = beta
        carry[1:] = np.where(s.valid, beta, beta + total)
        recur(h, carry[:-1], work)
    inverse = np.reciprocal(h, work.array("inverse", *shape))
    return Path(
        errors=errors,
        bent=square,
        state=h,
        inverse=inverse,
        shock=errors,
        ratio=np.multiply(square, inverse, work.array("ratio", *shape)),
        carry=carry,
        intercept=intercept,
        falls=falls,
    )


def variances(way: Path, s: GarchSeries) -> Array:
    """Conditional variances of a path."""
    return np.exp(-2.0 * way.state) if s.kind == "egarch" else way.state


def value(theta: Array, s: GarchSeries, work: Workspace | None = None) -> Array:
    """Log-likelihood of each series, (E,); -inf where it cannot be had."""
    work = work or Workspace()
    return _value(split(theta, s), path(theta, s, work), s, work).found


@dataclass(frozen=True, slots=True, kw_only=True)
class Slopes:
    """Log-likelihoods (E,), gradients (D, E), expected information (D, D, E)."""

    value: Array
    gradient: Array
    information: Array | None


def value_and_gradient(
    theta: Array, s: GarchSeries, work: Workspace | None = None, *, curved: bool = False
) -> Slopes:
    """Log-likelihood (E,) and its gradient (D, E).

    curved : the expected information as well
    """
    work = work or Workspace()
    p, way = split(theta, s), path(theta, s, work)
    info = information(p, way, s, work) if curved else None
    got = _value(p, way, s, work)
    tail = got.tail
    # twice the slope in the state of each session, then in its intercept
    slope = way.ratio
    if tail is not None:
        slope *= tail.weight
    slope -= 1.0
    if s.kind != "egarch":
        slope *= way.inverse
    if s.valid is not None:
        slope *= s.valid
    recur_back(slope, way.carry, work)
    direct = way.inverse
    if tail is not None:
        direct = np.multiply(tail.weight, way.inverse, tail.weight)
    gradient = np.empty_like(theta)
    first, second = s.n_mean, s.n_mean + len(p.variance)
    finish = egarch.slopes if s.kind == "egarch" else _garch_slopes
    by_variance, by_mean = finish(slope, way, p.variance, s, work)
    gradient[:first] = weighted(s.x, direct, way.shock) - by_mean
    gradient[first:second] = 0.5 * by_variance
    if s.shifts is not None:
        log = s.kind == "egarch"
        by_log = 0.5 * slope if log else 0.5 * slope * way.intercept
        gradient[second : second + s.n_shifts] = dot(s.shifts, by_log)
        if not log:
            gradient[first] = by_log.sum(axis=0) / p.variance[0]
    if p.inverse_nu is not None and tail is not None:
        gradient[-1] = nu_slope(p.inverse_nu, tail.pull, tail.logs, s.n)
    return Slopes(value=got.found, gradient=gradient, information=info)


def beside(theta: Array, d: int) -> tuple[Array, Array, Array]:
    """Return parameters moved up and down in one of them, and by how much, (E,)."""
    size = _STEP * np.maximum(np.abs(theta[d]), 1e-2)
    up, down = theta.copy(), theta.copy()
    up[d] += size
    down[d] -= size
    return up, down, size


def scores(theta: Array, s: GarchSeries) -> Array:
    """Slope of every session's log-likelihood, (D, T, E), by central differences."""
    out = np.empty((len(theta), *s.y.shape))
    for d in range(len(theta)):
        up, down, size = beside(theta, d)
        out[d] = (_sessions(up, s) - _sessions(down, s)) / (2.0 * size)
    return out


def _sessions(theta: Array, s: GarchSeries) -> Array:
    p, way = split(theta, s), path(theta, s)
    ratio = way.ratio
    each = -0.5 * np.log(variances(way, s))
    if p.inverse_nu is None:
        each -= 0.5 * (ratio + LOG_2PI)
    else:
        nu = 1.0 / p.inverse_nu
        each += student_constant(nu) - (nu + 1.0) / 2.0 * np.log1p(ratio / (nu - 2.0))
    return each if s.valid is None else np.where(s.valid, each, 0.0)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tail:
    """Student's t: the weight of each e²/h, Σ weight e²/h, Σ ln(1 + e²/(h (ν - 2)))."""

    weight: Array
    pull: Array
    logs: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class Value:
    """Log-likelihoods, and what Student's t makes of e²/h."""

    found: Array
    tail: Tail | None


def _value(p: Parameters, way: Path, s: GarchSeries, work: Workspace) -> Value:
    ratio = way.ratio
    total = -0.5 * _log_sum(way, s)
    tail = None
    if p.inverse_nu is None:
        total -= 0.5 * (ratio.sum(axis=0) + s.n * LOG_2PI)
    else:
        nu = 1.0 / p.inverse_nu
        inside = np.add(ratio, nu - 2.0, work.array("inside", *ratio.shape))
        weight = np.divide(nu + 1.0, inside, work.array("weight", *ratio.shape))
        inside /= nu - 2.0
        logs = sum_of_logs(inside)
        tail = Tail(weight=weight, pull=pair(weight, ratio), logs=logs)
        total += s.n * student_constant(nu) - (nu + 1.0) / 2.0 * logs
    found = np.where(np.isfinite(total), total, -np.inf)
    return Value(found=found, tail=tail)


def _log_sum(way: Path, s: GarchSeries) -> Array:
    """Sum of ln h over valid sessions."""
    if s.kind == "egarch":
        logs = way.state if s.valid is None else np.where(s.valid, way.state, 0.0)
        return np.asarray(-2.0 * logs.sum(axis=0))
    return sum_of_logs(
        way.state if s.valid is None else np.where(s.valid, way.state, 1.0)
    )


def student_constant(nu: Array) -> Array:
    """Logarithm of the constant of Student's t of unit variance."""
    half = special.gammaln((nu + 1.0) / 2.0) - special.gammaln(nu / 2.0)
    return np.asarray(half - 0.5 * np.log(np.pi * (nu - 2.0)))


def nu_slope(inverse_nu: Array, pull: Array, logs: Array, n: IntArray) -> Array:
    """Slope in 1/ν, from the sums of `Tail` over n sessions."""
    nu = 1.0 / inverse_nu
    constant = special.psi((nu + 1.0) / 2.0) - special.psi(nu / 2.0) - 1.0 / (nu - 2.0)
    by_nu = 0.5 * (n * constant - logs + pull / (nu - 2.0))
    return np.asarray(-by_nu * nu**2)


def _garch_slopes(
    slope: Array, way: Path, variance: Array, s: GarchSeries, work: Workspace
) -> tuple[Array, Array]:
    """Twice the slopes in the variance parameters, given those in the intercepts.

    And, with the other sign, the part of the slopes in the mean coefficients that
    works through the variances.
    """
    later, square, errors = slope[1:], way.bent[:-1], way.errors[:-1]
    start = slope[0] * s.backcast
    missing: Array | float = 0.0
    if s.valid is not None:
        missing = pair(later, np.where(s.valid[:-1], 0.0, way.state[:-1]))
    out = np.empty_like(variance)
    out[0] = slope.sum(axis=0)
    out[1] = pair(later, square) + start + missing
    out[-1] = pair(later, way.state[:-1]) + start
    by_mean = variance[1] * weighted(s.x, later, errors)
    if way.falls is not None:
        falls = np.multiply(later, way.falls[:-1], work.array("spare", *later.shape))
        out[2] = pair(falls, errors) + 0.5 * (start + missing)
        by_mean += variance[2] * dot(s.x, falls)
    return out, by_mean
