"""Quasi-Newton ascent of many small problems at once.

Every problem has its own step and its own inverse Hessian, at first the one that the
objective expects, then updated by BFGS. In each call of the objective every problem
tries one point, some a further step, some a shorter one; what has converged leaves. The
few that are left get a Hessian of differences with each trial, at little cost.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray

_ARMIJO = 1e-4
_TRIALS = 12
_SHORTER, _SHORTEST = 0.5, 0.1  # bounds of the next trial's length, after a failure
_GROW = 2.5  # most of a first trial's length, to that of the step before
# A call for few points costs little more than a call for one: up to so many points,
# every trial takes differences along.
_TOGETHER = 96
# A climb that gains less than this in so many steps in a row is stuck.
_IDLE, _PATIENCE = 1e-7, 4
_STEP = 1e-6  # of the finite differences
_FLAT = 1e-6  # least curvature of a Hessian, relative to the largest


class Objective(Protocol):
    """What is climbed."""

    def __call__(
        self, at: Array, rows: IntArray, *, curved: bool
    ) -> tuple[Array, Array, Array | None]:
        """Values (A,), gradients (D, A) and, where ``curved``, minus the Hessians.

        at : (D, A) coordinates of the problems ``rows`` (A,), which may come more than
        once; the expected Hessians are (D, D, A).
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class Maximum:
    """Coordinates (D, E), values (E,), convergence flags (E,) and steps taken (E,)."""

    at: Array
    value: Array
    converged: BoolArray
    steps: IntArray


class Climbs:
    """Where each problem is and what it tries next; arrays are (E,), (D, E).

    gain : what a step is expected to gain;  tolerance : of it, at the end
    size : of the next trial, of the whole step ``direction``;  slope : along it
    tries : failed trials of this step;  idle : steps in a row that gained nothing
    steps : -1 before the first trial;  wants : to have a Hessian of differences;
    fresh : has it;  dropped : given up by others
    """

    def __init__(self, start: Array, tolerance: float, longest: float) -> None:
        n_dim, n_rows = start.shape
        self.longest = longest
        self.at = start.copy()
        self.value = np.full(n_rows, -np.inf)
        self.gradient = np.zeros((n_dim, n_rows))
        self.inverse = np.zeros((n_rows, n_dim, n_dim))
        self.direction = np.zeros((n_dim, n_rows))
        self.slope = np.zeros(n_rows)
        self.gain = np.full(n_rows, np.inf)
        self.tolerance = np.full(n_rows, tolerance)
        self.size = np.zeros(n_rows)
        self.tries = np.zeros(n_rows, np.int64)
        self.idle = np.zeros(n_rows, np.int64)
        self.steps = np.full(n_rows, -1)
        self.wants = np.zeros(n_rows, np.bool_)
        self.fresh = np.zeros(n_rows, np.bool_)
        self.converged = np.zeros(n_rows, np.bool_)
        self.dropped = np.zeros(n_rows, np.bool_)

    def again(self, rows: IntArray) -> None:
        """Let the next trial be where the problems are, and take it."""
        self.size[rows], self.tries[rows] = 0.0, 0
        self.idle[rows], self.converged[rows] = -1, False

    def move(self, rows: IntArray, at: Array, value: Array, gradient: Array) -> None:
        """Accept trials."""
        drop = self.gradient[:, rows] - gradient
        _update(self.inverse, rows, at - self.at[:, rows], drop)
        idle = value - self.value[rows] < _IDLE
        self.idle[rows] = np.where(idle, self.idle[rows] + 1, 0)
        self.at[:, rows], self.value[rows] = at, value
        self.gradient[:, rows] = gradient
        self.steps[rows] += 1
        self.fresh[rows] = False

    def aim(self, rows: IntArray) -> None:
        """Direct the next trials by the Hessians."""
        gradient = self.gradient[:, rows]
        direction = np.einsum("edf,fe->de", self.inverse[rows], gradient)
        self.gain[rows] = 0.5 * (gradient * direction).sum(axis=0)
        longest = np.abs(direction).max(axis=0)
        direction *= self.longest / np.maximum(longest, self.longest)
        self.direction[:, rows] = direction
        self.slope[rows] = (direction * gradient).sum(axis=0)
        last = np.where(self.size[rows] > 0.0, self.size[rows], 1.0)
        self.size[rows], self.tries[rows] = np.minimum(_GROW * last, 1.0), 0

    def shorten(self, rows: IntArray, value: Array) -> None:
        """Aim at the top of the parabola through a trial that did not climb."""
        rise = self.slope[rows] * self.size[rows]
        with np.errstate(all="ignore"):
            top = 0.5 * rise / (rise + self.value[rows] - value)
        top = np.where(np.isfinite(top), top, _SHORTEST)
        self.size[rows] *= np.clip(top, _SHORTEST, _SHORTER)
        self.tries[rows] += 1


# problems whose climbs ended, all climbs -> problems that climb (again) from where the
# climbs now have them
Settle = Callable[[IntArray, Climbs], IntArray]


def maximise(
    objective: Objective,
    start: Array,
    *,
    first: IntArray | None = None,
    settle: Settle | None = None,
    max_steps: int = 200,
    tolerance: float = 1e-8,
    longest: float = 1.0,
) -> Maximum:
    """Climb from ``start`` (D, E) until the expected gain is below ``tolerance``.

    The expected gain is half of ``g' H^-1 g``, in units of the objective. A problem
    that cannot climb with its old Hessian gets a new one once, then is given up.
    first : problems that begin, default all;  settle : called after each trial, may
    change objectives, tolerances and who is dropped, and says who climbs on
    longest : largest move of one coordinate in one step
    """
    n_dim, n_rows = start.shape
    c = Climbs(start, tolerance, longest)
    live = np.arange(n_rows) if first is None else first
    while len(live):
        if len(live) * (n_dim + 1) <= _TOGETHER:
            c.wants[live] = True
        good = _try(objective, c, live)
        done = good & (c.gain[live] < c.tolerance[live])
        stuck = np.where(good, c.idle[live] >= _PATIENCE, c.tries[live] >= _TRIALS)
        stuck &= ~done
        retry = stuck & ~c.fresh[live] & np.isfinite(c.value[live])
        c.wants[live] = retry
        c.again(live[retry])
        stuck &= ~retry
        # as high as rounding lets it climb, though not as flat as was wished
        done |= stuck & (c.gain[live] < _IDLE)
        c.converged[live[done]] = True
        ends = done | stuck | (c.steps[live] >= max_steps)
        ended, live = live[ends], live[~ends]
        if settle is not None:
            further = settle(ended, c)
            c.again(further)
            live = np.concatenate([live[~c.dropped[live]], further])
    return Maximum(
        at=c.at,
        value=c.value,
        converged=c.converged,
        steps=np.maximum(c.steps, 0),
    )


def _try(objective: Objective, c: Climbs, live: IntArray) -> BoolArray:
    """Evaluate the next trial of every problem, and take it where it climbs."""
    n_dim, n_live = len(c.at), len(live)
    early = c.steps[live] < 0
    curved = bool(early.mean() > 0.5 and not c.wants[live].all())
    wants = c.wants[live] | (early & (not curved))
    whole = live[wants]
    trial = c.at[:, live] + c.size[live] * c.direction[:, live]
    beside = np.repeat(trial[:, None, wants], n_dim, axis=1)
    beside[np.arange(n_dim), np.arange(n_dim)] += _STEP
    points = np.concatenate([trial, beside.reshape(n_dim, -1)], axis=1)
    places = np.concatenate([live, np.tile(whole, n_dim)])
    values, gradients, expected = objective(points, places, curved=curved)
    value, gradient = values[:n_live], gradients[:, :n_live]
    enough = c.value[live] + _ARMIJO * c.size[live] * c.slope[live]
    good: BoolArray = (value > enough) | (c.size[live] == 0.0) & np.isfinite(value)
    rows = live[good]
    c.move(rows, trial[:, good], value[good], gradient[:, good])
    if expected is not None:
        take = good & early
        c.inverse[live[take]] = _inverse(expected[:, :, :n_live][:, :, take])
    taken = good[wants]
    if taken.any():
        slopes = gradients[:, n_live:].reshape(n_dim, n_dim, -1)[:, :, taken]
        drop = gradient[:, None, wants & good] - slopes
        c.inverse[whole[taken]] = _inverse(drop / _STEP)
        c.fresh[whole[taken]] = True
    c.aim(rows)
    c.shorten(live[~good], value[~good])
    return good


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


def _inverse(curved: Array) -> Array:
    """Inverse of minus Hessians (D, D, A), made positive definite, (A, D, D)."""
    curved = curved.transpose(2, 0, 1)
    curved = (curved + curved.transpose(0, 2, 1)) / 2.0
    curved[~np.isfinite(curved).all(axis=(1, 2))] = np.eye(curved.shape[1])
    # in units of each coordinate's own curvature, which may differ by many orders
    size = np.abs(np.diagonal(curved, axis1=1, axis2=2))
    unit = np.sqrt(np.maximum(size, 1e-12 * size.max(axis=1, keepdims=True) + 1e-300))
    scale = unit[:, :, None] * unit[:, None, :]
    values, vectors = np.linalg.eigh(curved / scale)
    values = np.maximum(np.abs(values), _FLAT)
    inverse: Array = np.einsum("edk,ek,efk->edf", vectors, 1.0 / values, vectors)
    inverse /= scale
    return inverse
