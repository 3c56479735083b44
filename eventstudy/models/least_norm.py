"""The weights nearest to equal ones among those that fit exactly, many at once.

Where several weights, not negative and of sum one, fit without an error, the ones of
least square are the limit of those with a ridge. ``min |w|²`` over ``A w = y``,
``w >= 0`` has the solution ``w = max(A'v, 0)`` with ``A max(A'v, 0) = y``, which is
found by Newton steps on the dual; each takes the weights that are positive now.
"""

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray

_CLOSE = 1e-11
_MOST_STEPS = 100
_MOST_HALVINGS = 40
_ROUNDING = 1e-14
# Part of the columns without weight in a step, in units of the error.
_OTHERS = 1e-8
# Directions that no column has are left alone.
_NO_DIRECTION = 1e-13


def least_norm(y: Array, columns: Array, usable: BoolArray, start: Array) -> Array:
    """Return the weights (B, T) of least square that fit y (B, J) exactly.

    columns : (B, J, T);  usable : (B, T) columns that may have weight
    start : (B, T) weights that fit; kept where the steps do not arrive

    >>> least_norm(
    ...     np.array([[0.5]]),
    ...     np.array([[[0.0, 1.0, 0.5]]]),
    ...     np.ones((1, 3), np.bool_),
    ...     np.array([[0.0, 0.0, 1.0]]),
    ... ).round(6)
    array([[0.333333, 0.333333, 0.333333]])
    """
    size = np.sqrt(np.einsum("bjt,bjt->b", columns, columns) / usable.shape[1])
    size = np.where(size > 0, size, 1.0)[:, None]
    ones = np.ones((len(y), 1, usable.shape[1]))
    a = np.concatenate([columns / size[:, :, None], ones], axis=1)
    a = np.where(usable[:, None, :], a, 0.0)
    goal = np.concatenate([y / size, np.ones((len(y), 1))], axis=1)
    v = np.zeros(goal.shape)
    v[:, -1] = 1.0 / np.maximum(usable.sum(axis=1), 1)
    left = np.arange(len(y))
    for _ in range(_MOST_STEPS):
        weights, error = _state(a[left], goal[left], v[left])
        far = np.abs(error).max(axis=1) > _CLOSE
        left, weights, error = left[far], weights[far], error[far]
        if not len(left):
            break
        v[left] = _step(a[left], goal[left], v[left], weights, error)
    weights, error = _state(a, goal, v)
    arrived = np.abs(error).max(axis=1) <= _CLOSE
    weights /= np.where(arrived, weights.sum(axis=1), 1.0)[:, None]
    return np.where(arrived[:, None], weights, start)


def _state(a: Array, goal: Array, v: Array) -> tuple[Array, Array]:
    weights = np.maximum(np.einsum("bjt,bj->bt", a, v), 0.0)
    return weights, np.einsum("bjt,bt->bj", a, weights) - goal


def _step(a: Array, goal: Array, v: Array, weights: Array, error: Array) -> Array:
    """Return the dual after a Newton step that lowers its objective."""
    held = a * (weights > 0)[:, None, :]
    curvature = np.matmul(held, held.transpose(0, 2, 1))
    n = goal.shape[1]
    # where fewer columns are held than directions, the others steer as well
    whole = np.matmul(a, a.transpose(0, 2, 1))
    tiny = _NO_DIRECTION * np.trace(whole, axis1=1, axis2=2)[:, None, None]
    curvature += _OTHERS * np.abs(error).max(axis=1)[:, None, None] * whole
    step = np.linalg.solve(curvature + tiny * np.eye(n), -error[:, :, None])[:, :, 0]
    slope = np.einsum("bj,bj->b", step, error)
    before = _dual(a, goal, v)
    scale = np.ones(len(v))
    for _ in range(_MOST_HALVINGS):
        after = _dual(a, goal, v + scale[:, None] * step)
        worse = ~(after <= before + 1e-4 * scale * slope + _ROUNDING * np.abs(before))
        if not worse.any():
            break
        scale[worse] /= 2
    return np.asarray(v + scale[:, None] * step, np.float64)


def _dual(a: Array, goal: Array, v: Array) -> Array:
    weights = np.maximum(np.einsum("bjt,bj->bt", a, v), 0.0)
    half = 0.5 * np.einsum("bt,bt->b", weights, weights)
    return np.asarray(half - np.einsum("bj,bj->b", goal, v), np.float64)
