"""Market and factor models with Student errors, by maximum likelihood."""

from dataclasses import dataclass
from typing import Unpack

import numpy as np
from scipy import special

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

LEAST, MOST = 2.1, 100.0
"""Bounds of the degrees of freedom: at the first the variance hardly exists, at the
second the law is all but normal."""

_BEGIN = 5.0
_LOW, _HIGH = np.log(LEAST), np.log(MOST)
_SETTLING = 1  # step of the EM algorithm before the first of Newton
_STEPS = 200
_HALVINGS = 40
_FLAT = 1e-7  # gradient per return: a step of Newton later it is 0 but for rounding
_NOISE = 1e-12  # of the likelihood


def student(
    y: Array,
    x: Array | None = None,
    *,
    n_estimation: int,
    **context: Unpack[Context],
) -> Abnormal:
    """Fit a market or factor model with Student errors by maximum likelihood.

    The degrees of freedom ν, from 2.1 to 100, are estimated as well; they stand in
    ``further`` as ``nu``. The variance of an abnormal return is that of the residuals,
    tails included, and not ``s² ν / (ν - 2)``, which grows without bound as ν nears 2.

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
        Prediction errors, with the degrees of freedom in ``further``.

    Raises
    ------
    SpecError
        Without a factor, and for shapes that do not fit.

    References
    ----------
    Lange, Little & Taylor (1989), J. American Statistical Association 84.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> m = 0.01 * rng.normal(size=1001)
    >>> y = 1.5 * m + 0.01 * rng.standard_t(4, size=1001)
    >>> ab = student(y, m, n_estimation=1000)
    >>> ab.coefficients.round(1), ab.further_terms, ab.further[0, 0, 0].round(1)
    (array([[-0. ,  1.5]]), ('nu',), np.float64(4.2))
    """
    held = scaled_input("student", y, x, n_estimation=n_estimation, **context)
    b, scale, nu, found = in_pieces(_likeliest, held)
    further = {"nu": np.stack([nu, np.full_like(nu, np.nan)], axis=1)}
    cov = held.by_information(scale**2 * (nu + 3.0) / (nu + 1.0))
    return abnormal_of("student", held, b, cov=cov, found=found, further=further)


MODELS.register(
    ModelEntry(
        name="student",
        meaning="factors with Student errors by maximum likelihood",
        formula="E[R] = α + Σ β_f F_f, e ~ s t(ν)",
        citation="Lange, Little & Taylor (1989), J. American Statistical Assoc. 84",
        min_factors=1,
        max_factors=None,
        by_least_squares=False,
        caution=of_skewed_returns,
        words={"nu": "degrees of freedom of the errors"},
        bounds={"nu": (LEAST, MOST)},
        fit=student,
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Point:
    """Parameters of R rows, with the likelihood and its derivatives there.

    theta : (R, K + 2) coefficients, ln s and ln ν;  value : (R,) the log likelihood
    gradient : (R, K + 2);  curvature : (R, K + 2, K + 2) minus the second derivatives
    """

    theta: Array
    value: Array
    gradient: Array
    curvature: Array

    def of(self, rows: IntArray | BoolArray) -> "_Point":
        """Return some of the rows."""
        return _Point(**{name: getattr(self, name)[rows] for name in self.__slots__})


def _likeliest(held: Scaled) -> tuple[Array, Array, Array, BoolArray]:
    """Return coefficients, scale, degrees of freedom, and whose search ended.

    After a step of the EM algorithm come those of Newton; where they do not lead up,
    those with the information that is expected in place of the curvature.
    """
    theta = _settled(held)
    out = np.full(theta.shape, np.nan)
    found = np.zeros(len(theta), np.bool_)
    left, own, point = np.arange(len(theta)), held, _at(held, theta)
    for _ in range(_STEPS):
        if not len(left):
            break
        free = _free(point)
        size = np.abs(np.where(free, point.gradient, 0.0))
        size[:, :-2] *= np.exp(point.theta[:, -2:-1])
        ended = size.max(axis=1) <= _FLAT * own.n
        if ended.any():  # the last step needs no look at the likelihood
            last = point.of(ended)
            toward = _direction(last.curvature, last.gradient, free[ended])
            out[left[ended]] = _bounded(last.theta + toward)
            found[left[ended]] = True
            left, point, free = left[~ended], point.of(~ended), free[~ended]
            own = held.of(left)
        point = _step(own, point, free)
    nu = np.clip(np.exp(out[:, -1]), LEAST, MOST)
    return out[:, :-2], np.exp(out[:, -2]), nu, found


def _settled(held: Scaled) -> Array:
    """Return parameters after the steps of the EM algorithm for a given ν."""
    b, nu = held.begin, _BEGIN
    errors = held.errors(b)
    square = np.einsum("rt,rt->r", errors, errors) / held.n
    for _ in range(_SETTLING):
        weight = (nu + 1.0) / (nu + errors**2 / square[:, None])
        weighted = (held.x * weight[:, :, None]).transpose(0, 2, 1)
        right = np.matmul(weighted, held.y[:, :, None])
        b = np.asarray(np.linalg.solve(weighted @ held.x, right)[:, :, 0], np.float64)
        errors = held.errors(b)
        square = np.einsum("rt,rt,rt->r", weight, errors, errors) / held.n
    last = np.full(len(b), np.log(nu))
    return np.column_stack([b, np.log(square) / 2.0, last])


def _at(held: Scaled, theta: Array) -> _Point:
    """Return the likelihood of Student errors and its derivatives.

    All of them are sums of powers of ``c = ν / (ν + r²)`` with r the errors over s.
    """
    b, scale, nu = theta[:, :-2], np.exp(theta[:, -2]), np.exp(theta[:, -1])
    n, k = held.n, b.shape[1]
    r = held.errors(b) / scale[:, None]
    q = r * r + nu[:, None]
    tail = np.log(q).sum(axis=1) - q.shape[1] * theta[:, -1]
    c = nu[:, None] / q
    half = special.gammaln((nu + 1.0) / 2.0) - special.gammaln(nu / 2.0)
    value = n * (half - np.log(np.pi * nu) / 2.0 - theta[:, -2]) - (nu + 1) / 2 * tail
    one, two = c.sum(axis=1), np.einsum("rt,rt->r", c, c)
    all_of = q.shape[1]
    a, aa = all_of - one, all_of - 2.0 * one + two  # sums of 1 - c, and of its square
    r *= c
    pulls = np.stack([r, r * c], axis=1)
    once, twice = np.moveaxis(np.matmul(pulls, held.x) / scale[:, None, None], 1, 0)
    up = (nu + 1.0) / nu
    of_nu = (special.digamma((nu + 1) / 2) - special.digamma(nu / 2) - 1 / nu) * n / 2
    of_nu += -tail / 2.0 + up / 2.0 * a
    gradient = np.column_stack([up[:, None] * once, (nu + 1.0) * a - n, nu * of_nu])
    change = special.zeta(2.0, (nu + 1) / 2) - special.zeta(2.0, nu / 2)
    bend = n / 2.0 * (change / 2.0 + 1.0 / nu**2) + (a - up / 2.0 * (2.0 * a - aa)) / nu
    inner = (2.0 * c - 1.0) * c * (up / scale**2)[:, None]
    out = np.empty((len(b), k + 2, k + 2))
    out[:, :k, :k] = (held.x * inner[:, :, None]).transpose(0, 2, 1) @ held.x
    out[:, :k, k] = out[:, k, :k] = 2.0 * up[:, None] * twice
    out[:, :k, k + 1] = out[:, k + 1, :k] = twice - once + twice / nu[:, None]
    out[:, k, k] = 2.0 * (nu + 1.0) * (a - aa)
    out[:, k, k + 1] = out[:, k + 1, k] = a - aa - nu * aa
    out[:, k + 1, k + 1] = -(nu**2) * bend - nu * of_nu
    return _Point(theta=theta, value=value, gradient=gradient, curvature=out)


def _free(point: _Point) -> BoolArray:
    """Flag the parameters that are not held at a bound, (R, K + 2)."""
    free = np.ones(point.theta.shape, np.bool_)
    last, up = point.theta[:, -1], point.gradient[:, -1] > 0
    free[:, -1] = ~((last >= _HIGH) & up | (last <= _LOW) & ~up)
    return free


def _expected(held: Scaled, point: _Point) -> Array:
    """Return the expected information, (R, K + 2, K + 2)."""
    scale, nu = np.exp(point.theta[:, -2]), np.exp(point.theta[:, -1])
    n, k = held.n, point.theta.shape[1] - 2
    out = np.zeros_like(point.curvature)
    of_x = held.x.transpose(0, 2, 1) @ held.x
    out[:, :k, :k] = ((nu + 1.0) / (nu + 3.0) / scale**2)[:, None, None] * of_x
    out[:, k, k] = 2.0 * n * nu / (nu + 3.0)
    out[:, k, k + 1] = out[:, k + 1, k] = -2.0 * n * nu / ((nu + 1.0) * (nu + 3.0))
    change = special.zeta(2.0, nu / 2) - special.zeta(2.0, (nu + 1) / 2)
    rest = 2.0 * (nu + 5.0) / (nu * (nu + 1.0) * (nu + 3.0))
    out[:, k + 1, k + 1] = n / 4.0 * nu**2 * (change - rest)
    return out


def _step(held: Scaled, point: _Point, free: BoolArray) -> _Point:
    """Return the points after a step up the likelihood."""
    toward = _direction(point.curvature, point.gradient, free)
    after = _at(held, _bounded(point.theta + toward))
    worse = np.flatnonzero(~_no_worse(after, point))
    if not len(worse):
        return after
    own, start = held.of(worse), point.of(worse)
    toward = _direction(_expected(own, start), start.gradient, free[worse])
    found = start
    for _ in range(_HALVINGS):
        tried = _at(own, _bounded(start.theta + toward))
        better = _no_worse(tried, start)
        found = _where(better, tried, found)
        if better.all():
            break
        toward = np.where(better[:, None], toward, toward / 2.0)
    keep = np.ones(len(point.value), np.bool_)
    keep[worse] = False
    whole = _Point(**{n: getattr(after, n).copy() for n in _Point.__slots__})
    for name in _Point.__slots__:
        getattr(whole, name)[worse] = getattr(found, name)
    return whole


def _direction(curvature: Array, gradient: Array, free: BoolArray) -> Array:
    """Solve for the step; parameters that are held do not move. 0 where it is none."""
    both = free[:, :, None] & free[:, None, :]
    held = np.where(both, curvature, 0.0)
    diagonal = np.arange(held.shape[1])
    held[:, diagonal, diagonal] += ~free
    slope = np.where(free, gradient, 0.0)
    able = np.ones(len(held), np.bool_)
    try:
        found = np.linalg.solve(held, slope[:, :, None])[:, :, 0]
    except np.linalg.LinAlgError:  # one of them cannot be solved
        able = np.linalg.det(held) != 0.0
        held[~able] = np.eye(held.shape[1])
        found = np.linalg.solve(held, slope[:, :, None])[:, :, 0]
    up: BoolArray = np.einsum("rk,rk->r", found, slope) >= 0.0
    led = able & up & np.isfinite(found).all(axis=1)
    return np.asarray(np.where(led[:, None], found, 0.0), np.float64)


def _bounded(theta: Array) -> Array:
    theta[:, -1] = np.clip(theta[:, -1], _LOW, _HIGH)
    return theta


def _no_worse(after: _Point, before: _Point) -> BoolArray:
    """Tell where the likelihood is not lower, and a step was taken at all."""
    moved = (after.theta != before.theta).any(axis=1)
    still = ~(before.gradient != 0.0).any(axis=1)
    least = before.value - _NOISE * np.abs(before.value)
    return np.asarray((after.value >= least) & (moved | still), np.bool_)


def _where(chosen: BoolArray, one: _Point, other: _Point) -> _Point:
    def pick(name: str) -> Array:
        a, b = getattr(one, name), getattr(other, name)
        rows = chosen.reshape(-1, *(1,) * (a.ndim - 1))
        return np.asarray(np.where(rows, a, b), np.float64)

    return _Point(**{name: pick(name) for name in _Point.__slots__})
