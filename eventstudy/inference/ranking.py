"""Ranks along rows, vectorised: average ranks for ties, nan for nan."""

from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.workspace import scratch

# Larger than any value that is ranked, and all of its low bits are 0.
_LAST = int(np.array(np.finfo(np.float64).max).view(np.int64))


def average_ranks(values: Array) -> tuple[Array, IntArray]:
    """Rank every row of ``values`` (E, M) from 1; return ranks (E, M), valid (E,).

    >>> average_ranks(np.array([[3.0, 1.0, np.nan, 1.0]]))
    (array([[3. , 1.5, nan, 1.5]]), array([3]))
    """
    ranks, _ = ranks_of(np.ascontiguousarray(values), n_first=0)
    return ranks, np.asarray((~np.isnan(values)).sum(axis=1), np.int64)


def ranks_of(values: Array, *, n_first: int) -> tuple[Array, Array]:
    """Ranks of contiguous rows: among all columns, and of the first ones alone."""
    found = sort_rows(values)
    ranks, first = plain_ranks(found, n_first=n_first)
    if not found.clear.all():
        tied = ~found.clear
        own = tied_ranks(values[tied], found.order[tied], n_first)
        ranks[tied], first[tied] = own
    if np.isnan(values.sum()):
        missing = np.isnan(values)
        ranks[missing], first[missing[:, :n_first]] = np.nan, np.nan
    return ranks, first


@dataclass(frozen=True, slots=True)
class Sorted:
    """Rows sorted, nan last; the arrays are this thread's `scratch`.

    order : (E, M) columns in the order of their values
    place : (E, M) the same, counted through all rows
    clear : (E,) whether a row is known to be without ties
    """

    order: IntArray
    place: IntArray
    clear: BoolArray


def nearly_sorted(values: Array) -> IntArray:
    """Columns (E, M) in the order of a row's values, but for the closest of them.

    values : contiguous. Columns are written into the lowest bits of the values, and
    what is sorted are numbers, at a third of the cost of sorting places; ties and
    values that differ in those bits alone may be in any order. nan is last. The array
    is this thread's `scratch`.

    >>> nearly_sorted(np.array([[3.0, 1.0, np.nan, 2.0]]))
    array([[1, 3, 0, 2]])
    """
    n_columns = values.shape[1]
    low = (1 << max(n_columns - 1, 1).bit_length()) - 1
    keys = scratch("keys", values.shape)
    order = keys.view(np.int64)
    np.bitwise_and(values.view(np.int64), ~low, out=order)
    if not np.isfinite(values.sum()):
        order[np.isnan(values)] = _LAST & ~low
        if np.isinf(values).any():  # their bits and a column's make no number
            order[:] = np.argsort(values, axis=1)
            return order
    order |= np.arange(n_columns)
    keys.sort(axis=1)
    order &= low
    return order


def sort_rows(values: Array) -> Sorted:
    """Sort every row of ``values`` (E, M), which are contiguous.

    Rows of which `nearly_sorted` leaves doubt are sorted again.

    >>> found = sort_rows(np.array([[3.0, 1.0, np.nan, 2.0]]))
    >>> found.order, found.clear
    (array([[1, 3, 0, 2]]), array([ True]))
    """
    order = nearly_sorted(values)
    place = scratch("place", values.shape).view(np.int64)
    row = (np.arange(len(values)) * values.shape[1])[:, None]
    np.add(order, row, out=place)
    ordered = scratch("ordered", values.shape)
    # A checked index would be buffered; every place is inside.
    np.take(values.reshape(-1), place, out=ordered, mode="clip")
    rising = ordered[:, 1:] > ordered[:, :-1]
    if np.isnan(ordered[:, -1:]).any():
        rising |= np.isnan(ordered[:, 1:])
    clear: BoolArray = np.asarray(rising.all(axis=1))
    if not clear.all():
        order[~clear] = np.argsort(values[~clear], axis=1)
        place[~clear] = order[~clear] + row[~clear]
    return Sorted(order, place, clear)


def plain_ranks(found: Sorted, *, n_first: int) -> tuple[Array, Array]:
    """Ranks of sorted rows without ties, those of nan being the last.

    Among all columns (E, M), and of the first columns alone (E, n_first).
    """
    # Both ranks are counted, and put in their columns, as halves of one number.
    steps = scratch("steps", found.order.shape).view(np.int64)
    np.add(found.order < n_first, 1 << 32, out=steps)
    np.cumsum(steps, axis=1, out=steps)
    both = scratch("both", found.order.shape).view(np.int64)
    both.reshape(-1)[found.place.reshape(-1)] = steps.reshape(-1)
    ranks = (both >> 32).astype(np.float64)
    return ranks, (both[:, :n_first] & 0xFFFFFFFF).astype(np.float64)


def ranks_from_order(
    values: Array, order: IntArray, *, n_first: int
) -> tuple[Array, Array]:
    """Ranks from a sort order: among all columns, and of the first columns alone.

    One sort serves both: walking through it and counting only the first ``n_first``
    columns ranks these among themselves. Returns (E, M) and (E, n_first).
    """
    place = order + (np.arange(len(order)) * order.shape[1])[:, None]
    ordered = values.reshape(-1)[place]
    clear = (ordered[:, 1:] != ordered[:, :-1]).all(axis=1)
    ranks, first = plain_ranks(Sorted(order, place, clear), n_first=n_first)
    if not clear.all():
        tied = ~clear
        ranks[tied], first[tied] = tied_ranks(values[tied], order[tied], n_first)
    ranks[np.isnan(values)] = np.nan
    first[np.isnan(values[:, :n_first])] = np.nan
    return ranks, first


def tied_ranks(values: Array, order: IntArray, n_first: int) -> tuple[Array, Array]:
    """Ranks of rows with ties: among all columns, and of the first columns alone."""
    part = values[:, :n_first]
    return (
        _with_ties(values, order),
        _with_ties(part, np.argsort(part, axis=1)) if n_first else part,
    )


def _with_ties(values: Array, order: IntArray) -> Array:
    """Give tied values the mean of the ranks that they share."""
    ordered = np.take_along_axis(values, order, axis=1)
    n_columns = values.shape[1]
    position = np.broadcast_to(np.arange(n_columns), ordered.shape)
    new = np.ones(ordered.shape, np.bool_)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    last = np.ones(ordered.shape, np.bool_)
    last[:, :-1] = new[:, 1:]
    start = np.maximum.accumulate(np.where(new, position, 0), axis=1)
    backwards = np.where(last, position, n_columns - 1)[:, ::-1]
    stop = np.minimum.accumulate(backwards, axis=1)[:, ::-1]
    ranks = np.empty(ordered.shape)
    np.put_along_axis(ranks, order, (start + stop) / 2.0 + 1.0, axis=1)
    return ranks
