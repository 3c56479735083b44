"""Weights that are not negative and sum to one, where a ridge lets many donors in.

``min |y - A w|² + ridge |w|²`` over ``w >= 0``, ``1'w = 1``. With the residual r and
the multiplier μ of the sum, ``ridge w = max(A'r + μ, 0)``: the unknowns are as many as
sessions, and one. Newton steps on this dual take the donors that are positive now and
solve for (r, μ) exactly; they end where the donors stay the same. An active set that
lets donors in one by one has a system as large as its donors at each step.
"""

from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray

# Below this share of the largest donor's square a ridge keeps too few digits.
_LEAST_RIDGE = 1e-4
_MOST_STEPS = 50
_MOST_HALVINGS = 30
_ROUNDING = 1e-14


@dataclass(slots=True, kw_only=True, eq=False)
class Support:
    """Donors (B, J) that have weight, and their products between sessions.

    inner : (B, T+1, T+1) sums over these donors; the last row is of ones
    """

    held: BoolArray
    inner: Array


def takes(donors: Array, which: IntArray, ridge: Array) -> BoolArray:
    """Tell for which problems the ridge is large enough, (B,)."""
    squares = np.where(np.isfinite(donors), donors, 0.0) ** 2
    largest = squares.sum(axis=1).max(axis=1)[which]
    return np.asarray((largest > 0) & (ridge > _LEAST_RIDGE * largest), np.bool_)


def laid_out(donors: Array) -> Array:
    """Return donors (G, T, J) by donor, with a last session of ones, (G, J, T+1)."""
    wide = np.ones((len(donors), donors.shape[2], donors.shape[1] + 1))
    wide[:, :, :-1] = np.where(np.isfinite(donors), donors, 0.0).transpose(0, 2, 1)
    return wide


def ridged_weights(
    y: Array,
    wide: Array,
    *,
    which: IntArray,
    allowed: BoolArray,
    rows: BoolArray,
    ridge: Array,
    start: Support | None = None,
) -> tuple[Array, Support, BoolArray]:
    """Return the weights of B problems with an intercept, (B, J), and their donors.

    The arguments are those of `simplex_weights`, with donors as `laid_out` returns
    them; ``start`` has the donors of a problem near. The last array, (B,), says which
    problems arrived.

    >>> weights, _, arrived = ridged_weights(
    ...     np.array([[0.7, 0.1]]),
    ...     laid_out(np.array([[[1.0, 0.0], [0.0, 1.0]]])),
    ...     which=np.zeros(1, np.int64),
    ...     allowed=np.ones((1, 2), np.bool_),
    ...     rows=np.ones((1, 2), np.bool_),
    ...     ridge=np.ones(1),
    ... )
    >>> weights.round(9), arrived
    (array([[0.65, 0.35]]), array([ True]))
    """
    n_obs, t = y.shape
    n = np.maximum(rows.sum(axis=1), 1)
    y = np.where(rows, y, 0.0)
    y = np.where(rows, y - (y.sum(axis=1) / n)[:, None], 0.0)
    if start is None:
        state = Support(
            held=np.zeros(allowed.shape, np.bool_),
            inner=np.zeros((n_obs, t + 1, t + 1)),
        )
        _change(state, np.arange(n_obs), allowed, wide, which)
    else:
        state = Support(held=start.held.copy(), inner=start.inner.copy())
    spread, least = np.zeros(allowed.shape), np.full(n_obs, np.inf)
    point = np.zeros((n_obs, t + 1))
    arrived = np.zeros(n_obs, np.bool_)
    left = np.arange(n_obs)
    for _ in range(_MOST_STEPS):
        own, penalty = which[left], ridge[left]
        goal = _goal(state.inner[left], y[left], rows[left], penalty)
        ahead = np.where(allowed[left], _values(goal, wide, own), 0.0)
        same = ((ahead > 0) == state.held[left]).all(axis=1)
        # back towards the point before while the dual is not below its own
        share = np.ones(len(left))
        for _ in range(_MOST_HALVINGS):
            at = point[left] + share[:, None] * (goal - point[left])
            value = spread[left] + share[:, None] * (ahead - spread[left])
            dual = _dual(at, value, y[left], penalty)
            worse = ~(dual <= least[left] + _ROUNDING * np.abs(dual)) & ~same
            if not worse.any():
                break
            share[worse] /= 2
        point[left], spread[left], least[left] = at, value, dual
        arrived[left[same]] = True
        left = left[~same]
        if not len(left):
            break
        _change(state, left, spread[left] > 0, wide, which)
    weights = np.maximum(spread, 0.0)
    total = weights.sum(axis=1, keepdims=True)
    arrived &= np.isfinite(total[:, 0]) & (total[:, 0] > 0)
    with np.errstate(divide="ignore", invalid="ignore"):
        return weights / total, state, arrived


def _values(point: Array, wide: Array, which: IntArray) -> Array:
    """Return ``A'r + μ`` of all donors, (B, J)."""
    out = np.empty((len(point), wide.shape[1]))
    edges = np.flatnonzero(np.diff(which)) + 1
    for part in np.split(np.arange(len(which)), edges):
        if len(part):
            np.matmul(
                point[part], wide[which[part[0]]].T, out=out[part[0] : part[-1] + 1]
            )
    return out


def _change(
    state: Support, at: IntArray, held: BoolArray, wide: Array, which: IntArray
) -> None:
    """Let donors in and out of some problems, and their products with them."""
    for place, own in zip(at.tolist(), held, strict=True):
        donors = wide[which[place]]
        new = np.flatnonzero(own != state.held[place])
        if len(new) >= own.sum():
            columns = donors[own]
            state.inner[place] = columns.T @ columns
        else:
            columns = donors[new]
            sign = np.where(own[new], 1.0, -1.0)
            state.inner[place] += (columns.T * sign) @ columns
    state.held[at] = held


def _goal(inner: Array, y: Array, rows: BoolArray, ridge: Array) -> Array:
    """Return (r, μ) of problems (B, T+1) whose donors with weight are known."""
    t = y.shape[1]
    mask = np.ones((len(y), t + 1))
    mask[:, :t] = rows
    n = np.maximum(rows.sum(axis=1), 1)[:, None]
    within = mask.copy()
    within[:, t] = 0.0
    # about the mean over the sessions that count, on both sides; not the row of ones
    sums = np.matmul(inner, within[:, :, None])[:, :, 0] / n
    middle = np.einsum("bs,bs->b", sums, within)[:, None] / n
    sums -= 0.5 * middle * within
    system = inner - sums[:, :, None] * within[:, None, :]
    system -= within[:, :, None] * sums[:, None, :]
    if not rows.all():
        system *= mask[:, :, None] * mask[:, None, :]
    diagonal = np.arange(t)
    system[:, diagonal, diagonal] += ridge[:, None]
    system[:, t, t] += system[:, t, t] == 0  # no donor has weight: all enter
    right = np.concatenate([ridge[:, None] * y, ridge[:, None]], axis=1)
    try:
        return np.asarray(np.linalg.solve(system, right[:, :, None])[:, :, 0])
    except np.linalg.LinAlgError:
        return np.full(right.shape, np.nan)


def _dual(point: Array, values: Array, y: Array, ridge: Array) -> Array:
    """Return the objective of the dual, which is convex, (B,)."""
    positive = np.maximum(values, 0.0)
    r, mu = point[:, :-1], point[:, -1]
    half = 0.5 * np.einsum("bt,bt->b", r, r) - np.einsum("bt,bt->b", y, r) - mu
    return np.asarray(half + 0.5 * np.einsum("bj,bj->b", positive, positive) / ridge)
