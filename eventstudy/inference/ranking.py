"""Ranks along rows, vectorised: average ranks for ties, nan for nan."""

import numpy as np

from eventstudy.core.abnormal import Array, IntArray


def average_ranks(values: Array) -> tuple[Array, IntArray]:
    """Rank every row of ``values`` (E, M) from 1; return ranks (E, M), valid (E,).

    >>> average_ranks(np.array([[3.0, 1.0, np.nan, 1.0]]))
    (array([[3. , 1.5, nan, 1.5]]), array([3]))
    """
    order = np.argsort(values, axis=1)
    ranks, _ = ranks_from_order(values, order, n_first=0)
    return ranks, np.asarray((~np.isnan(values)).sum(axis=1), np.int64)


def ranks_from_order(
    values: Array, order: IntArray, *, n_first: int
) -> tuple[Array, Array]:
    """Ranks from a sort order: among all columns, and of the first columns alone.

    One sort serves both: walking through it and counting only the first ``n_first``
    columns ranks these among themselves. Returns (E, M) and (E, n_first).
    """
    n_obs, n_columns = values.shape
    positions = np.arange(1.0, n_columns + 1.0)
    ranks = np.empty((n_obs, n_columns))
    np.put_along_axis(ranks, order, np.broadcast_to(positions, order.shape), axis=1)
    first = np.empty((n_obs, n_first))
    if n_first:
        counts = np.cumsum(order < n_first, axis=1, dtype=np.float64)
        spread = np.empty((n_obs, n_columns))
        np.put_along_axis(spread, order, counts, axis=1)
        first = spread[:, :n_first]
    ordered = np.take_along_axis(values, order, axis=1)
    tied = (ordered[:, 1:] == ordered[:, :-1]).any(axis=1)
    if tied.any():
        ranks[tied] = _with_ties(values[tied], order[tied])
        if n_first:
            part = values[tied][:, :n_first]
            first[tied] = _with_ties(part, np.argsort(part, axis=1))
    ranks[np.isnan(values)] = np.nan
    first[np.isnan(values[:, :n_first])] = np.nan
    return ranks, first


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
