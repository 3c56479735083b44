"""Least squares over weights that are not negative and sum to one, many at once.

``min |y - A w|² + ridge |w|²`` over ``w >= 0``, ``1'w = 1``, exactly: an active set
after Lawson & Hanson (1974), Solving Least Squares Problems, chapter 23. All problems
take their steps together. A problem holds only the donors that have weight, in the
first free of its slots, so that its systems stay as small as its support.
"""

from collections.abc import Iterator
from dataclasses import dataclass, fields, replace

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray

# A donor enters when its gradient lies below that of the donors held by more than this
# share of |y| |a|: rounding of the gradient is smaller.
_VIOLATION = 1e-11
# Donors that enter at once, as long as the fit gets better by it.
_AT_ONCE = 4
_FIRST_SLOTS = 8


def simplex_weights(
    y: Array,
    donors: Array,
    *,
    which: IntArray,
    allowed: BoolArray,
    rows: BoolArray,
    ridge: Array,
    start: Array | None = None,
) -> Array:
    """Return the weights of B problems, (B, J).

    y : (B, T);  donors : (G, T, J);  which : (B,) the donors of each problem
    allowed : (B, J) donors that may have weight, at least one each
    rows : (B, T) sessions that count, on which y and allowed donors are finite
    ridge : (B,);  start : (B, J) feasible weights near the solution, which save steps

    >>> simplex_weights(
    ...     np.array([[0.7, 0.1]]),
    ...     np.array([[[1.0, 0.0], [0.0, 1.0]]]),
    ...     which=np.zeros(1, np.int64),
    ...     allowed=np.ones((1, 2), np.bool_),
    ...     rows=np.ones((1, 2), np.bool_),
    ...     ridge=np.zeros(1),
    ... ).round(9)
    array([[0.8, 0.2]])
    """
    out = np.zeros(allowed.shape)
    order = np.argsort(which, kind="stable")
    donors = np.where(np.isfinite(donors), donors, 0.0)
    state = _begin(
        np.where(rows, y, 0.0)[order],
        donors,
        which[order],
        allowed[order],
        rows[order],
        ridge[order],
    )
    if start is None:
        _hold(state, np.arange(len(order)), _best_single(state, donors), donors)
        state.weight[:, 0] = 1.0
    else:
        _hold_all(state, start[order], donors)
    _descend(state)
    while len(state.row):
        gradient, bound = _gradient(state, donors)
        best = gradient.min(axis=1)
        done = state.finished | (best >= bound - state.tolerance)
        if done.any():
            _put(out, state, np.flatnonzero(done), order)
            left = np.flatnonzero(~done)
            state, gradient, bound = _keep(state, left), gradient[left], bound[left]
            if not len(left):
                break
        before = _objective(state)
        for rows_of, entering in _entering(state, gradient, bound):
            _hold(state, rows_of, entering, donors)
        _descend(state)
        stalled = ~(_objective(state) < before)
        state.finished |= stalled & (state.width == 1)
        state.width[stalled] = 1
    return out


@dataclass(slots=True, kw_only=True, eq=False)
class _State:
    """Problems under way; slots (B, M) hold the donors that have weight.

    row : (B,) which problem, in the order of their donors;  tolerance : (B,)
    slot : (B, M) donor, -1 in a free slot;  columns : (B, M, T) the donors' returns
    gram : (B, M, M), in free slots that of the identity;  cross : (B, M) with y
    weight : (B, M);  width : (B,) donors that may enter at once
    finished : (B,) no donor that enters makes the fit any better
    """

    row: IntArray
    y: Array
    which: IntArray
    allowed: BoolArray
    rows: BoolArray
    ridge: Array
    tolerance: Array
    slot: IntArray
    columns: Array
    gram: Array
    cross: Array
    weight: Array
    width: IntArray
    finished: BoolArray


def _begin(
    y: Array,
    donors: Array,
    which: IntArray,
    allowed: BoolArray,
    rows: BoolArray,
    ridge: Array,
) -> _State:
    (n, t), m = y.shape, _FIRST_SLOTS
    largest = np.sqrt(np.einsum("gtj,gtj->gj", donors, donors).max(axis=1))[which]
    size = np.sqrt(np.einsum("bt,bt->b", y, y)) + largest
    return _State(
        row=np.arange(n),
        y=y,
        which=which,
        allowed=allowed,
        rows=rows,
        ridge=ridge,
        tolerance=_VIOLATION * size * largest,
        slot=np.full((n, m), -1),
        columns=np.zeros((n, m, t)),
        gram=np.broadcast_to(np.eye(m), (n, m, m)).copy(),
        cross=np.zeros((n, m)),
        weight=np.zeros((n, m)),
        width=np.full(n, _AT_ONCE),
        finished=np.zeros(n, np.bool_),
    )


def _keep(state: _State, left: IntArray) -> _State:
    """Return the problems that are left."""
    return replace(state, **{f.name: getattr(state, f.name)[left] for f in fields(state)})


def _groups(which: IntArray) -> Iterator[tuple[int, slice]]:
    """Cut problems in the order of their donors where the donors change."""
    edges = np.flatnonzero(np.diff(which)) + 1
    for first, last in zip([0, *edges], [*edges, len(which)], strict=True):
        yield int(which[first]), slice(int(first), int(last))


def _times(values: Array, donors: Array, which: IntArray) -> Array:
    """Return ``values @ donors`` (B, J) of sessions (B, T), each by its own donors."""
    out = np.empty((len(values), donors.shape[2]))
    for group, held in _groups(which):
        np.matmul(values[held], donors[group], out=out[held])
    return out


def _best_single(state: _State, donors: Array) -> IntArray:
    """Return the donor that fits best alone, (B,)."""
    with_y = _times(state.y, donors, state.which)
    squares = _times(state.rows.astype(np.float64), donors**2, state.which)
    alone = np.where(state.allowed, squares - 2.0 * with_y, np.inf)
    return np.asarray(alone.argmin(axis=1), np.int64)


def _gradient(state: _State, donors: Array) -> tuple[Array, Array]:
    """Return half the gradient of donors that could enter, and that of those held.

    inf where a donor is held already, or not allowed.
    """
    fitted = np.matmul(state.weight[:, None, :], state.columns)[:, 0]
    gradient = _times(fitted - state.y, donors, state.which)
    held = state.slot >= 0
    at = np.where(held, state.slot, 0)
    own = np.take_along_axis(gradient, at, axis=1) + state.ridge[:, None] * state.weight
    bound = np.einsum("bm,bm->b", state.weight, np.where(held, own, 0.0))
    gradient[~state.allowed] = np.inf
    where, slots = np.nonzero(held)
    gradient[where, state.slot[where, slots]] = np.inf
    return gradient, bound


def _entering(
    state: _State, gradient: Array, bound: Array
) -> Iterator[tuple[IntArray, IntArray]]:
    """Yield problems and the donor that enters each, the most violated first."""
    rows = np.arange(len(gradient))
    for turn in range(_AT_ONCE):
        rows = rows[state.width[rows] > turn]
        if not len(rows):
            return
        best = gradient[rows].argmin(axis=1)
        enters = gradient[rows, best] < bound[rows] - state.tolerance[rows]
        rows, best = rows[enters], best[enters]
        gradient[rows, best] = np.inf
        yield rows, best


def _hold(state: _State, rows: IntArray, entering: IntArray, donors: Array) -> None:
    """Put one more donor, without weight yet, into a free slot of some problems."""
    if not (state.slot[rows] < 0).any(axis=1).all():
        _more_slots(state)
    at = (state.slot[rows] < 0).argmax(axis=1)
    column = donors[state.which[rows], :, entering] * state.rows[rows]
    state.slot[rows, at] = entering
    state.columns[rows, at] = column
    with_held = np.matmul(state.columns[rows], column[:, :, None])[:, :, 0]
    with_held[np.arange(len(rows)), at] += state.ridge[rows]
    state.gram[rows, at] = with_held
    state.gram[rows, :, at] = with_held
    state.cross[rows, at] = np.einsum("bt,bt->b", state.y[rows], column)
    state.weight[rows, at] = 0.0


def _hold_all(state: _State, weights: Array, donors: Array) -> None:
    """Begin with donors that have weight, (B, J)."""
    rank = np.cumsum(weights > 0, axis=1)
    for turn in range(1, int(rank.max()) + 1):
        rows, entering = np.nonzero((rank == turn) & (weights > 0))
        _hold(state, rows, entering, donors)
        at = (state.slot[rows] == entering[:, None]).argmax(axis=1)
        state.weight[rows, at] = weights[rows, entering]


def _more_slots(state: _State) -> None:
    n, m = state.slot.shape
    more = m // 2
    state.slot = np.pad(state.slot, ((0, 0), (0, more)), constant_values=-1)
    state.columns = np.pad(state.columns, ((0, 0), (0, more), (0, 0)))
    gram = np.broadcast_to(np.eye(m + more), (n, m + more, m + more)).copy()
    gram[:, :m, :m] = state.gram
    state.gram = gram
    state.cross = np.pad(state.cross, ((0, 0), (0, more)))
    state.weight = np.pad(state.weight, ((0, 0), (0, more)))


def _release(state: _State, rows: IntArray, slots: IntArray) -> None:
    """Free slots whose donor has no weight any more."""
    state.slot[rows, slots] = -1
    state.columns[rows, slots] = 0.0
    state.gram[rows, slots] = 0.0
    state.gram[rows, :, slots] = 0.0
    state.gram[rows, slots, slots] = 1.0
    state.cross[rows, slots] = 0.0
    state.weight[rows, slots] = 0.0


def _descend(state: _State) -> None:
    """Go to the minimum over the donors held; those at whose zero it stops leave."""
    rows = np.arange(len(state.row))
    while len(rows):
        goal = _unbounded(state, rows)
        weight, held = state.weight[rows], state.slot[rows] >= 0
        below = held & (goal < 0)
        with np.errstate(divide="ignore", invalid="ignore"):
            reach = np.where(below, weight / (weight - goal), np.inf)
        step = np.minimum(reach.min(axis=1), 1.0)[:, None]
        state.weight[rows] = np.where(below & (reach <= step), 0.0, weight + step * (goal - weight))
        where, slots = np.nonzero(below & (reach <= step))
        _release(state, rows[where], slots)
        rows = rows[below.any(axis=1)]


def _unbounded(state: _State, rows: IntArray) -> Array:
    """Return the least squares over the donors held with weights of any sign."""
    held = (state.slot[rows] >= 0).astype(np.float64)
    right = np.stack([state.cross[rows], held], axis=2)
    found = np.linalg.solve(state.gram[rows], right)
    least, ones = found[:, :, 0], found[:, :, 1]
    more = (1.0 - least.sum(axis=1)) / ones.sum(axis=1)
    return np.asarray(least + more[:, None] * ones, np.float64)


def _objective(state: _State) -> Array:
    left = np.matmul(state.weight[:, None, :], state.columns)[:, 0] - state.y
    size = np.einsum("bm,bm->b", state.weight, state.weight)
    return np.einsum("bt,bt->b", left, left) + state.ridge * size


def _put(out: Array, state: _State, done: IntArray, order: IntArray) -> None:
    """Write the weights of problems that are solved."""
    where, slots = np.nonzero(state.slot[done] >= 0)
    at = done[where]
    out[order[state.row[at]], state.slot[at, slots]] = state.weight[at, slots]
