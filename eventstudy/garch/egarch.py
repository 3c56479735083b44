"""Paths and slopes of EGARCH.

The recursion runs in ``u = -ln h / 2``, so that ``exp(u)`` turns errors into shocks:
``u_t = c_t + β u_{t-1} + k_{t-1} exp(u_{t-1})``, ``k = -(α |e| + γ e) / 2``.
"""

from itertools import repeat

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.garch.series import GarchSeries, Path, Workspace, dot, pair, weighted

MEAN_ABS = np.sqrt(2.0 / np.pi)


def run(
    errors: Array, intercept: Array, variance: Array, s: GarchSeries, work: Workspace
) -> Path:
    """Run the recursion of the log variance; intercept : (T, E) or (1, E)."""
    _, alpha, gamma, beta = variance
    shape = n_times, n_series = errors.shape
    size = np.multiply(errors, errors, work.array("bent", *shape))
    size += s.kink**2
    np.sqrt(size, size)
    # weights (β, k) of the states (u, exp u), side by side: one product a session
    weights = work.array("weights", n_times, 2 * n_series)
    weights[:, :n_series] = beta
    kick = weights[:, n_series:]
    push = np.multiply(size, -0.5 * alpha, work.array("ratio", *shape))
    known: Array | float = 1.0
    if s.valid is not None:
        push *= s.valid
        known = s.valid[:-1].astype(np.float64)
    lean = np.multiply(errors, 0.5 * gamma, work.array("spare", *shape))
    np.subtract(push, lean, kick)
    states = work.array("states", n_times, 2 * n_series)
    u, root = states[:, :n_series], states[:, n_series:]
    level = 0.5 * alpha * MEAN_ABS * known - 0.5 * intercept[-(n_times - 1) :]
    u[0] = -0.5 * (beta * np.log(s.backcast) + intercept[0])
    np.exp(u[0], root[0])
    _session_by_session(states, weights, level)
    carry = work.array("carry", n_times + 1, n_series)
    np.multiply(kick, root, carry[1:])
    carry[1:] += beta
    z = np.multiply(errors, root, work.array("shock", *shape))
    return Path(
        errors=errors,
        bent=size,
        state=u,
        inverse=root,
        shock=z,
        ratio=np.multiply(z, z, work.array("ratio", *shape)),
        carry=carry,
        intercept=intercept,
    )


def _session_by_session(states: Array, weights: Array, level: Array) -> None:
    """Solve for all states but the first; level : (T - 1, E) or (1, E)."""
    n_series = states.shape[1] // 2
    product = np.empty(2 * n_series)
    of_u, of_root = product[:n_series], product[n_series:]
    multiply, add, exp = np.multiply, np.add, np.exp
    later = zip(
        states,
        weights,
        states[1:, :n_series],
        states[1:, n_series:],
        repeat(level[0]) if len(level) == 1 else level,
        strict=False,
    )
    for state, weight, u, root, rest in later:
        multiply(state, weight, product)
        add(of_u, of_root, u)
        add(u, rest, u)
        exp(u, root)


def slopes(
    slope: Array, way: Path, variance: Array, s: GarchSeries, work: Workspace
) -> tuple[Array, Array]:
    """Twice the slopes in the variance parameters, given those in the intercepts.

    And, with the other sign, the part of the slopes in the mean coefficients that
    works through the variances.
    """
    _, alpha, gamma, _ = variance
    later, errors, size = slope[1:], way.errors[:-1], way.bent[:-1]
    known = later if s.valid is None else later * s.valid[:-1]
    out = np.empty_like(variance)
    out[0] = slope.sum(axis=0)
    out[1] = -MEAN_ABS * known.sum(axis=0)
    out[3] = -2.0 * pair(later, way.state[:-1]) + slope[0] * np.log(s.backcast)
    by_z = np.multiply(known, way.inverse[:-1], work.array("spare", *later.shape))
    out[1] += pair(by_z, size)
    out[2] = pair(by_z, errors)
    sign = np.divide(errors, size, work.array("sign", *later.shape))
    by_mean = alpha * weighted(s.x, by_z, sign) + gamma * dot(s.x, by_z)
    return out, 0.5 * by_mean
