"""Chains of rows that share items: windows that share sessions, say."""

import numpy as np

from eventstudy.core.abnormal import IntArray


def linked(n_rows: int, row: IntArray, item: IntArray) -> IntArray:
    """Number the sets of rows joined by common items, directly or by a chain, (N,).

    row, item : (L,) pairs, rows in [0, N), items in [0, M), each of which has a row.
    Sets are numbered in the order of their first rows.

    >>> linked(4, np.array([0, 1, 1, 2, 3]), np.array([0, 0, 1, 2, 1]))
    array([0, 0, 1, 0])
    """
    root = np.arange(n_rows)
    order = np.argsort(item, kind="stable")
    row, item = row[order], item[order]
    starts = np.flatnonzero(np.diff(item, prepend=-1))
    while len(row):
        # every tree hangs itself below the lowest root that it shares an item with
        lowest = np.minimum.reduceat(root[row], starts)
        below = root.copy()
        np.minimum.at(below, root[row], lowest[item])
        while not np.array_equal(below, up := below[below]):
            below = up
        if np.array_equal(below[root], root):
            break
        root = below[root]
    return np.asarray(np.unique(root, return_inverse=True)[1], np.int64)
