"""Sums over sessions in a row, the last being followed by the first."""

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray


def cyclic_sums(values: Array, rows: BoolArray, length: IntArray) -> Array:
    """Sum every ``length`` sessions in a row of those that count, (E, S).

    values : (E, S);  rows : sessions that count, the others are as if not there
    length : (E,). Row e has as many sums as sessions that count, by their order; beyond
    these nan. The last sessions' own sum is that at ``n - length``.

    >>> values, rows = np.array([[1.0, 2.0, 0.0, 4.0]]), np.ones((1, 4), bool)
    >>> rows[0, 2] = False
    >>> cyclic_sums(values, rows, np.array([2]))
    array([[ 3.,  6.,  5., nan]])
    """
    order = np.argsort(~rows, axis=1, kind="stable")
    total = np.zeros((len(values), values.shape[1] + 1))
    held = np.where(rows, values, 0.0)
    total[:, 1:] = np.cumsum(np.take_along_axis(held, order, axis=1), axis=1)
    n = rows.sum(axis=1)[:, None]
    first = np.arange(values.shape[1])[None, :]
    end = first + length[:, None]
    sums = np.take_along_axis(total, np.minimum(end, n), axis=1) - total[:, :-1]
    around = np.clip(end - n, 0, values.shape[1])
    sums = sums + np.take_along_axis(total, around, axis=1)
    return np.where(first < n, sums, np.nan)
