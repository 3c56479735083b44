"""Linked rows against a walk from row to row."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_array_equal

from eventstudy.core.overlap import linked


def walked(n_rows, pairs):
    """Sets by breadth-first search, numbered by their first rows."""
    items = [{i for r, i in pairs if r == row} for row in range(n_rows)]
    label = [None] * n_rows
    for first in range(n_rows):
        if label[first] is not None:
            continue
        number = len({x for x in label if x is not None})
        queue = [first]
        while queue:
            row = queue.pop()
            label[row] = number
            queue += [
                other
                for other in range(n_rows)
                if label[other] is None and items[row] & items[other]
            ]
    return label


@settings(deadline=None)  # the first call imports scipy.sparse
@given(
    st.integers(1, 12).flatmap(
        lambda n: st.tuples(
            st.just(n),
            st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, 9)), max_size=30),
        )
    )
)
def test_sets_are_those_that_a_walk_reaches(case):
    n_rows, pairs = case
    used = sorted({item for _, item in pairs})
    row = np.array([r for r, _ in pairs], np.int64)
    item = np.array([used.index(i) for _, i in pairs], np.int64)
    assert_array_equal(linked(n_rows, row, item), walked(n_rows, pairs))


def test_a_long_chain_in_any_order_is_one_set():
    rng = np.random.default_rng(1)
    row = np.repeat(rng.permutation(5000), 2)
    item = np.repeat(np.arange(5000), 2) + np.tile([0, 1], 5000)
    assert linked(5000, row, item).max() == 0
    assert linked(5000, row[::2], np.arange(5000)).max() == 4999


def test_rows_without_items_are_sets_of_their_own():
    empty = np.array([], np.int64)
    assert_array_equal(linked(3, empty, empty), [0, 1, 2])
    assert linked(0, empty, empty).size == 0
