"""Ranks along rows: close values, ties, gaps and infinities."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from scipy.stats import rankdata

from eventstudy.inference.ranking import (
    average_ranks,
    nearly_sorted,
    plain_ranks,
    sort_rows,
)

values = st.sampled_from([0.0, -0.0, 1.0, 1.0 + 2e-16, -1.0, 1e-300, np.nan, 0.3, -0.3])
rows = arrays(
    np.float64, array_shapes(min_dims=2, max_dims=2, max_side=9), elements=values
)


@given(rows)
def test_rows_are_sorted_as_argsort_would(x):
    found = sort_rows(x.copy())
    ordered = np.take_along_axis(x, found.order, axis=1)
    np.testing.assert_array_equal(ordered, np.sort(x, axis=1))
    rising = (ordered[:, 1:] > ordered[:, :-1]) | np.isnan(ordered[:, 1:])
    assert rising[found.clear].all()


@given(rows)
def test_average_ranks_are_those_of_scipy(x):
    ranks, n = average_ranks(x)
    np.testing.assert_array_equal(ranks, rankdata(x, axis=1, nan_policy="omit"))
    np.testing.assert_array_equal(n, np.isfinite(x).sum(axis=1))


@pytest.mark.parametrize("infinite", [np.inf, -np.inf])
def test_infinite_values_have_their_places(infinite):
    x = np.array([[1.0, infinite, np.nan, 0.5, infinite]])
    order = nearly_sorted(x)
    np.testing.assert_array_equal(x[0, order[0]], np.sort(x[0]))


def test_rows_of_values_far_apart_are_clear():
    x = np.random.default_rng(2).standard_normal((20, 271))
    x[0, 3] = x[0, 5]
    assert sort_rows(x).clear.tolist() == [False, *[True] * 19]


def test_ranks_of_the_first_columns_are_theirs_alone():
    x = np.random.default_rng(1).standard_normal((50, 30))
    ranks, first = plain_ranks(sort_rows(x), n_first=20)
    np.testing.assert_array_equal(ranks, rankdata(x, axis=1))
    np.testing.assert_array_equal(first, rankdata(x[:, :20], axis=1))
