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
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import connected_components

    # Rows and items are the nodes of one graph, the pairs its edges.
    n_nodes = n_rows + int(item.max(initial=-1)) + 1
    # Compressed rows of floats are what is searched: any other form is converted.
    order = np.argsort(row, kind="stable")
    ends = np.zeros(n_nodes + 1, np.int32)
    np.cumsum(np.bincount(row, minlength=n_nodes), out=ends[1:])
    edges = (np.ones(len(row)), (n_rows + item[order]).astype(np.int32), ends)
    graph = csr_array(edges, shape=(n_nodes, n_nodes))
    found = connected_components(graph, directed=False)[1][:n_rows]
    first, label = np.unique(found, return_index=True, return_inverse=True)[1:]
    return np.asarray(np.argsort(np.argsort(first))[label], np.int64)
