"""Normal equations and decomposition against numpy's lstsq on well and ill designs."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from eventstudy.core.abnormal import Status
from eventstudy.models import factors
from eventstudy.models.solver import least_squares, model_input

T, L = 60, 5

designs = st.fixed_dictionaries(
    {
        "seed": st.integers(0, 2**32 - 1),
        "n_factors": st.integers(1, 6),
        # how far the last factor is from the sum of the others
        "apart": st.floats(-6.5, 1.0),
        "powers": st.lists(st.floats(-100, 100), min_size=6, max_size=6),
        "offset": st.floats(0.0, 3.0),
        "gaps": st.booleans(),
    }
)


def drawn(seed, n_factors, apart, powers, offset, gaps):
    """Returns, factors and spans of three rows, the last factor nearly a sum."""
    rng = np.random.default_rng(seed)
    y, span = rng.standard_normal((3, T + L)), np.ones((3, T + L))
    if gaps:
        span = rng.choice([1.0, 1.0, 3.0], y.shape)
        y[rng.random(y.shape) < 0.1] = np.nan
    x = rng.standard_normal((3, T + L, n_factors)) + 10.0**offset * span[:, :, None]
    if n_factors > 1:
        noise = rng.standard_normal(x.shape[:2])
        x[:, :, -1] = x[:, :, :-1].sum(axis=2) + 10.0**apart * noise
    x *= 10.0 ** np.array(powers[:n_factors])
    if gaps:
        x[1, rng.random(T + L) < 0.1, 0] = np.nan
    return y, x, span


def by_lstsq(y, x, span):
    """Slopes of factors of unit length, their lengths, rss, condition, length of y."""
    held = np.isfinite(y) & np.isfinite(x).all(axis=1)
    root = np.sqrt(span[held])
    x, y = x[held] / root[:, None], y[held] / root
    xc = x - np.outer(root, root @ x) / (root @ root)
    yc = y - root * (root @ y) / (root @ root)
    size = np.sqrt((xc**2).sum(axis=0))
    slopes, _, _, singular = np.linalg.lstsq(xc / size, yc, rcond=None)
    rss = ((yc - (xc / size) @ slopes) ** 2).sum()
    return slopes, size, rss, singular[0] / singular[-1], np.sqrt(yc @ yc)


@given(designs)
@settings(max_examples=150, deadline=None)
def test_slopes_and_sums_of_squares_are_those_of_lstsq(design):
    y, x, span = drawn(**design)
    fit = least_squares(model_input(y, x, n_estimation=T, span=span))
    assert fit.status.tolist() == [Status.OK] * 3
    for i in range(3):
        slopes, size, rss, condition, length = by_lstsq(y[i, :T], x[i, :T], span[i, :T])
        # equations square the condition, and are only used while that is harmless
        squared = condition**2 if condition < 1e3 else 0.0
        close = 1e-13 * 10.0 ** design["offset"] * condition + 1e-15 * squared
        found = fit.coefficients[i, 1:] * size
        # a slope near nought still carries the rounding of y, a large one its own
        scale = max(length, np.abs(slopes).max())
        assert_allclose(found, slopes, rtol=0, atol=close * scale)
        assert_allclose(fit.sigma[i] ** 2 * fit.df[i], rss, rtol=1e-10 + close)


@given(st.integers(0, 2**32 - 1), st.integers(1, 6), st.booleans())
@settings(max_examples=40, deadline=None)
def test_what_determines_nothing_is_singular_in_its_row_alone(seed, n_factors, gaps):
    y, x, span = drawn(seed, n_factors, 0.0, [0.0] * 6, 0.0, gaps)
    well = least_squares(model_input(y, x, n_estimation=T, span=span))
    if n_factors > 1:
        x[1, :, 1] = x[1, :, 0] * (1.0 + 1e-12)
    else:
        x[1] = 0.0123 * span[1, :, None]  # the constant's own column
    fit = least_squares(model_input(y, x, n_estimation=T, span=span))
    assert fit.status.tolist() == [Status.OK, Status.SINGULAR, Status.OK]
    assert np.isnan(fit.coefficients[1]).all()
    for i in (0, 2):
        assert_allclose(fit.coefficients[i], well.coefficients[i], rtol=1e-10)
        assert_allclose(fit.xtx_inv[i], well.xtx_inv[i], rtol=1e-10)


@pytest.mark.parametrize("tiny", [0.0, 1e-150, 1e-170])
def test_factor_whose_squares_underflow_does_not_move(tiny):
    y, x, _ = drawn(0, 3, 0.0, [0.0] * 6, 0.0, gaps=False)
    x[1, :, 0] *= tiny
    fit = least_squares(model_input(y, x, n_estimation=T))
    assert fit.status.tolist() == [Status.OK, Status.SINGULAR, Status.OK]


@pytest.mark.parametrize("apart", [0.0, -4.0, -12.0])
def test_factors_of_all_rows_are_as_if_given_by_row(apart):
    y, x, _ = drawn(3, 4, apart, [0.0] * 6, 0.0, gaps=False)
    one, each = (
        factors(y, given, n_estimation=T)
        for given in (x[0], np.repeat(x[:1], 3, axis=0))
    )
    for name in ("coefficients", "xtx_inv", "sigma", "ar", "status"):
        assert_allclose(getattr(one, name), getattr(each, name), rtol=1e-13)


def test_numbers_of_a_row_do_not_depend_on_its_neighbours():
    rng = np.random.default_rng(5)
    x = rng.standard_normal((400, 250 + L, 3))
    y = rng.standard_normal((400, 250 + L))
    y[7, 3] = np.nan
    whole = factors(y, x, n_estimation=250)
    part = factors(y[5:9], x[5:9], n_estimation=250)
    assert_array_equal(whole.coefficients[5:9], part.coefficients)
    assert_array_equal(whole.ar[5:9], part.ar)
