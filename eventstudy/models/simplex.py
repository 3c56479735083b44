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
# The least ridge, in units of the largest donor's square: twins have a solution then.
_LEAST_RIDGE = 1e-13
_FIRST_SLOTS = 8
# Problems that are held at once, with a copy of the donors that each has.
_CHUNK = 256


def simplex_weights(
    y: Array,
    donors: Array,
    *,
    which: IntArray,
    allowed: BoolArray,
    rows: BoolArray,
    ridge: Array,
    start: Array | None = None,
    centred: bool = False,
) -> Array:
    """Return the weights of B problems, (B, J).

    y : (B, T);  donors : (G, T, J);  which : (B,) the donors of each problem
    allowed : (B, J) donors that may have weight, at least one each
    rows : (B, T) sessions that count, on which y and allowed donors are finite
    ridge : (B,);  start : (B, J) feasible weights near the solution, which save steps
    centred : whether the fit has an intercept, which leaves y and the donors about
    their means over the sessions that count

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
    by_donor = np.ascontiguousarray(donors.transpose(0, 2, 1))
    for first in range(0, len(order), _CHUNK):
        own = order[first : first + _CHUNK]
        state = _begin(
            np.where(rows[own], y[own], 0.0),
            by_donor,
            which[own],
            allowed[own],
            rows[own],
            ridge[own],
            centred=centred,
        )
        begin = _best_single(state, donors) if start is None else start[own]
        out[own] = _solved(state, donors, begin)
    return out


def _solved(state: "_State", donors: Array, begin: Array) -> Array:
    """Take steps until no donor that enters would make the fit better, (B, J)."""
    out = np.zeros(begin.shape)
    most = int((begin > 0).sum(axis=1).max())
    first = np.argsort(-begin, axis=1, kind="stable")[:, :most]
    weight = np.take_along_axis(begin, first, axis=1)
    _hold(state, np.where(weight > 0, first, -1))
    state.weight[:, :most] = weight
    _descend(state)
    while len(state.row):
        gradient, bound = _gradient(state, donors)
        done = state.finished | (gradient.min(axis=1) >= bound - state.tolerance)
        if done.any():
            at = np.flatnonzero(done)
            where, slots = np.nonzero(state.slot[at] >= 0)
            own = at[where]
            out[state.row[own], state.slot[own, slots]] = state.weight[own, slots]
            left = np.flatnonzero(~done)
            state, gradient, bound = _keep(state, left), gradient[left], bound[left]
        if len(state.row):
            before = state.objective
            _hold(state, _entering(state, gradient, bound))
            _descend(state)
            stalled = ~(state.objective < before)
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
    error : (B, T) fitted less y;  objective : (B,)
    finished : (B,) no donor that enters makes the fit any better
    donors : (G, J, T), and centred are shared by all
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
    error: Array
    objective: Array
    finished: BoolArray
    donors: Array
    centred: bool


def _begin(
    y: Array,
    donors: Array,
    which: IntArray,
    allowed: BoolArray,
    rows: BoolArray,
    ridge: Array,
    *,
    centred: bool,
) -> _State:
    (n, t), m = y.shape, _FIRST_SLOTS
    y = _about_the_mean(y, rows) if centred else y
    largest = np.sqrt(np.einsum("gjt,gjt->gj", donors, donors).max(axis=1))[which]
    size = np.sqrt(np.einsum("bt,bt->b", y, y)) + largest
    return _State(
        row=np.arange(n),
        y=y,
        which=which,
        allowed=allowed,
        rows=rows,
        ridge=np.where(largest > 0, np.maximum(ridge, _LEAST_RIDGE * largest**2), 1.0),
        tolerance=_VIOLATION * size * largest,
        slot=np.full((n, m), -1),
        columns=np.zeros((n, m, t)),
        gram=np.broadcast_to(np.eye(m), (n, m, m)).copy(),
        cross=np.zeros((n, m)),
        weight=np.zeros((n, m)),
        width=np.full(n, _AT_ONCE),
        error=np.empty((n, t)),
        objective=np.empty(n),
        finished=np.zeros(n, np.bool_),
        donors=donors,
        centred=centred,
    )


def _about_the_mean(values: Array, rows: BoolArray) -> Array:
    """Take the mean over the sessions that count off values that are 0 elsewhere."""
    mean = values.sum(axis=1) / np.maximum(rows.sum(axis=1), 1)
    return np.where(rows, values - mean[:, None], 0.0)


_SHARED = ("donors", "centred")


def _keep(state: _State, left: IntArray) -> _State:
    """Return the problems that are left."""
    names = (f.name for f in fields(state) if f.name not in _SHARED)
    return replace(state, **{name: getattr(state, name)[left] for name in names})


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


def _best_single(state: _State, donors: Array) -> Array:
    """Return all weight on the donor that fits best alone, (B, J)."""
    with_y = _times(state.y, donors, state.which)
    squares = _times(state.rows.astype(np.float64), donors**2, state.which)
    alone = squares - 2.0 * with_y
    if state.centred:
        sums = _times(state.rows.astype(np.float64), donors, state.which)
        alone -= sums**2 / np.maximum(state.rows.sum(axis=1), 1)[:, None]
    alone = np.where(state.allowed, alone, np.inf)
    out = np.zeros(alone.shape)
    out[np.arange(len(out)), alone.argmin(axis=1)] = 1.0
    return out


def _gradient(state: _State, donors: Array) -> tuple[Array, Array]:
    """Return half the gradient of donors that could enter, and that of those held.

    inf where a donor is held already, or not allowed.
    """
    gradient = _times(state.error, donors, state.which)
    held = state.slot >= 0
    at = np.where(held, state.slot, 0)
    own = np.take_along_axis(gradient, at, axis=1) + state.ridge[:, None] * state.weight
    bound = np.einsum("bm,bm->b", state.weight, np.where(held, own, 0.0))
    gradient[~state.allowed] = np.inf
    where, slots = np.nonzero(held)
    gradient[where, state.slot[where, slots]] = np.inf
    return gradient, bound


def _entering(state: _State, gradient: Array, bound: Array) -> IntArray:
    """Return the donors that enter, the most violated first, (B, k); -1 is none."""
    out = np.full((len(gradient), int(state.width.max())), -1)
    rows = np.arange(len(gradient))
    for turn in range(out.shape[1]):
        rows = rows[state.width[rows] > turn]
        best = gradient[rows].argmin(axis=1)
        enters = gradient[rows, best] < bound[rows] - state.tolerance[rows]
        rows, best = rows[enters], best[enters]
        gradient[rows, best] = np.inf
        out[rows, turn] = best
    return out


def _hold(state: _State, entering: IntArray) -> None:
    """Put further donors (B, k), without weight yet, into free slots; -1 is none."""
    rows, turn = np.nonzero(entering >= 0)
    if not len(rows):
        return
    while (state.slot < 0).sum(axis=1).min() < entering.shape[1]:
        _more_slots(state)
    free = np.argsort(state.slot >= 0, axis=1, kind="stable")
    at, donor = free[rows, turn], entering[rows, turn]
    state.slot[rows, at] = donor
    state.weight[rows, at] = 0.0
    column = state.donors[state.which[rows], donor] * state.rows[rows]
    if state.centred:
        column = _about_the_mean(column, state.rows[rows])
    state.columns[rows, at] = column
    # of all slots with those that are new, in one pass over the columns
    new = np.zeros((*entering.shape, state.y.shape[1]))
    new[rows, turn] = state.columns[rows, at]
    inner = np.matmul(state.columns, new.transpose(0, 2, 1))
    inner = np.where((state.slot >= 0)[:, :, None], inner, 0.0)[rows, :, turn]
    inner[np.arange(len(rows)), at] += state.ridge[rows]
    state.gram[rows, at] = inner
    state.gram[rows, :, at] = inner
    state.cross[rows, at] = np.einsum("bt,bt->b", state.y[rows], new[rows, turn])


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
        state.weight[rows] = weight + step * (goal - weight)
        where, slots = np.nonzero(below & (reach <= step))
        _release(state, rows[where], slots)
        rows = rows[below.any(axis=1)]
    fitted = np.matmul(state.weight[:, None, :], state.columns)[:, 0]
    state.error = fitted - state.y
    squares = np.einsum("bt,bt->b", state.error, state.error)
    size = np.einsum("bm,bm->b", state.weight, state.weight)
    state.objective = squares + state.ridge * size


def _unbounded(state: _State, rows: IntArray) -> Array:
    """Return the least squares over the donors held with weights of any sign."""
    held = (state.slot[rows] >= 0).astype(np.float64)
    right = np.stack([state.cross[rows], held], axis=2)
    found = np.linalg.solve(state.gram[rows], right)
    least, ones = found[:, :, 0], found[:, :, 1]
    more = (1.0 - least.sum(axis=1)) / ones.sum(axis=1)
    return np.asarray(least + more[:, None] * ones, np.float64)
