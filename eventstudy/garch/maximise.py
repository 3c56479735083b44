"""Quasi-Newton ascent of many small problems at once.

Every problem has its own step and its own inverse Hessian (BFGS, started from finite
differences of the gradient); problems that have converged leave the batch.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from eventstudy.results import Array, BoolArray, IntArray

# (D, A) coordinates of the problems `rows` -> values (A,), gradients (D, A)
Objective = Callable[[Array, IntArray], tuple[Array, Array]]

_ARMIJO = 1e-4
_TRIALS = 9
# A call for few problems costs little more than one for a single problem: after a step
# that was too long, so many of the shorter ones are tried together.
_TOGETHER = 128
_LONGEST = 1.0  # largest move of one coordinate in one step
# A climb that gains less than this in so many steps in a row is stuck.
_IDLE, _PATIENCE = 1e-7, 4
_STEP = 1e-6  # of the finite differences
_FLAT = 1e-6  # least curvature of the first Hessian, relative to the largest


@dataclass(frozen=True, slots=True, kw_only=True)
class Maximum:
    """Coordinates (D, E), values (E,), convergence flags (E,) and steps taken (E,).

    inverse : (E, D, D) what the climb took for the inverse of minus the Hessian
    """

    at: Array
    value: Array
    converged: BoolArray
    steps: IntArray
    inverse: Array


def maximise(
    objective: Objective,
    start: Array,
    *,
    inverse: Array | None = None,
    max_steps: int = 200,
    tolerance: float = 1e-8,
) -> Maximum:
    """Climb from ``start`` (D, E) until the expected gain is below ``tolerance``.

    The expected gain is half of ``g' H^-1 g``, in units of the objective; ``inverse``
    (E, D, D) is the ``-H^-1`` to begin with, None: taken from differences. A problem
    that cannot climb with its old Hessian gets a new one once, then is given up.
    """
    n_rows = start.shape[1]
    live = np.arange(n_rows)
    at = start.copy()
    value, gradient = objective(at, live)
    fresh, converged = np.full(n_rows, inverse is None), np.zeros(n_rows, np.bool_)
    if inverse is None:
        inverse = inverse_hessian(objective, at, gradient, live)
    else:
        inverse = inverse.copy()
    steps, idle = np.zeros(n_rows, np.int64), np.zeros(n_rows, np.int64)
    live = live[np.isfinite(value)]
    for _ in range(max_steps):
        direction = np.einsum("edf,fe->de", inverse[live], gradient[:, live])
        gain = 0.5 * (gradient[:, live] * direction).sum(axis=0)
        done = gain < tolerance
        converged[live[done]] = True
        live, direction, gain = live[~done], direction[:, ~done], gain[~done]
        if not len(live):
            break
        before = value[live]
        moved = _climb(objective, live, direction, at, value, gradient, inverse)
        steps[live] += 1
        idle[live] = np.where(value[live] - before < _IDLE, idle[live] + 1, 0)
        moved &= idle[live] < _PATIENCE
        stuck = live[~moved]
        retry = stuck[~fresh[stuck]]
        fresh[live] = False
        if len(retry):
            inverse[retry] = inverse_hessian(
                objective, at[:, retry], gradient[:, retry], retry
            )
            fresh[retry] = True
        # as high as rounding lets it climb, though not as flat as was wished
        converged[live[~moved & (gain < _IDLE)]] = True
        live = np.sort(np.concatenate([live[moved], retry]))
    return Maximum(
        at=at, value=value, converged=converged, steps=steps, inverse=inverse
    )


def _climb(
    objective: Objective,
    live: IntArray,
    direction: Array,
    at: Array,
    value: Array,
    gradient: Array,
    inverse: Array,
) -> BoolArray:
    """Take one step per problem, halved until it climbs; update in place."""
    longest = np.abs(direction).max(axis=0)
    direction = direction * np.minimum(1.0, _LONGEST / longest)
    slope = (direction * gradient[:, live]).sum(axis=0)
    moved = np.zeros(len(live), np.bool_)
    left, tried, together = np.arange(len(live)), 0, 1
    while tried < _TRIALS and len(left):
        sizes = 3.0 ** -np.arange(tried, tried + together)
        rows = live[left]
        move = sizes[:, None] * direction[:, None, left]
        trial = at[:, None, rows] + move
        values, gradients = objective(
            trial.reshape(len(at), -1), np.tile(rows, together)
        )
        enough = value[rows] + _ARMIJO * sizes[:, None] * slope[left]
        better = values.reshape(together, -1) > enough
        good = np.flatnonzero(better.any(axis=0))
        first = better[:, good].argmax(axis=0)
        place, rows = first * len(left) + good, rows[good]
        there = trial[:, first, good]
        drop = gradient[:, rows] - gradients[:, place]
        _update(inverse, rows, there - at[:, rows], drop)
        at[:, rows], value[rows] = there, values[place]
        gradient[:, rows] = gradients[:, place]
        moved[left[good]] = True
        left = np.delete(left, good)
        tried += together
        together = min(max(_TOGETHER // max(len(left), 1), 1), _TRIALS - tried)
    return moved


def _update(inverse: Array, rows: IntArray, move: Array, drop: Array) -> None:
    """BFGS update of the inverse of minus the Hessian, where curvature allows."""
    curvature = (move * drop).sum(axis=0)
    size = np.sqrt((move**2).sum(axis=0) * (drop**2).sum(axis=0))
    use = curvature > 1e-10 * size
    rows, s, y, c = rows[use], move[:, use], drop[:, use], curvature[use]
    old = inverse[rows]
    hy = np.einsum("edf,fe->de", old, y)
    weight = (1.0 + (y * hy).sum(axis=0) / c) / c
    cross = np.einsum("de,fe->edf", s / c, hy)
    inverse[rows] = (
        old - cross - cross.transpose(0, 2, 1) + np.einsum("de,fe->edf", s * weight, s)
    )


def inverse_hessian(
    objective: Objective, at: Array, gradient: Array, rows: IntArray
) -> Array:
    """Inverse of minus the Hessian by forward differences, made positive definite."""
    n_dim, n_rows = at.shape
    moved = np.repeat(at[:, None, :], n_dim, axis=1)
    moved[np.arange(n_dim), np.arange(n_dim)] += _STEP
    there = objective(moved.reshape(n_dim, -1), np.tile(rows, n_dim))[1]
    drop = gradient[:, None, :] - there.reshape(n_dim, n_dim, n_rows)
    curved = (drop / _STEP).transpose(2, 0, 1)
    curved = (curved + curved.transpose(0, 2, 1)) / 2.0
    bad = ~np.isfinite(curved).all(axis=(1, 2))
    curved[bad] = np.eye(n_dim)
    values, vectors = np.linalg.eigh(curved)
    largest = np.abs(values).max(axis=1, keepdims=True)
    values = np.maximum(np.abs(values), np.maximum(_FLAT * largest, 1e-8))
    inverse: Array = np.einsum("edk,ek,efk->edf", vectors, 1.0 / values, vectors)
    return inverse
