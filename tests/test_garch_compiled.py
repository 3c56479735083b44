"""The compiled likelihood against that of arrays, and fits with and without it."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from test_volatility_garch import simulated

from eventstudy.garch import NAMES, compiled, estimate, fit
from eventstudy.garch.likelihood import value, value_and_gradient
from eventstudy.garch.prepare import prepare
from eventstudy.garch.search import starting_values
from eventstudy.garch.series import Workspace

CASES = [
    pytest.param(1, 0, False, id="constant"),
    pytest.param(3, 0, False, id="factors"),
    pytest.param(1, 2, False, id="shifts"),
    pytest.param(2, 1, True, id="gaps"),
]


def series(kind, dist, n_mean, n_shifts, gaps, *, shape=(6, 150)):
    """Prepared series, and parameters about their likeliest start."""
    rng = np.random.default_rng([n_mean, n_shifts, gaps])
    y = rng.standard_t(6, size=shape)
    x = np.concatenate([np.ones((*shape, 1)), rng.normal(size=(*shape, n_mean - 1))], 2)
    if gaps:
        y[rng.random(shape) < 0.15] = np.nan
    shifts = 0.3 * rng.normal(size=(*shape, n_shifts))
    s = prepare(y, x, shifts, kind=kind, student=dist == "t").series
    theta = starting_values(s, Workspace())[0][0]
    theta = theta * rng.uniform(0.9, 1.1, theta.shape)
    first = s.n_mean + len(NAMES[kind])
    theta[:n_mean] += 0.1 * rng.normal(size=theta[:n_mean].shape)
    theta[first : first + n_shifts] = 0.2
    if kind != "garch":
        theta[s.n_mean + 2] += 0.05
    return s, theta


def walk_of(s, how):
    """The loops as they are, or compiled."""
    if how == "plain":
        loops = compiled._of_logs if s.kind == "egarch" else compiled._of_squares
        return compiled.Walk(loops, s)
    pytest.importorskip("numba")
    return compiled.walk_of(s)


HOW = pytest.mark.parametrize(
    "how", ["plain", pytest.param("compiled", marks=pytest.mark.long)]
)


@pytest.mark.parametrize(("n_mean", "n_shifts", "gaps"), CASES)
@pytest.mark.parametrize("dist", ["normal", "t"])
@pytest.mark.parametrize("kind", sorted(NAMES))
@HOW
def test_loops_equal_the_arrays(how, kind, dist, n_mean, n_shifts, gaps):
    s, theta = series(kind, dist, n_mean, n_shifts, gaps)
    rows = np.array([4, 0, 4, 2])  # some of the series, one of them twice
    wanted = value_and_gradient(theta[:, rows], s.take(rows))
    walk = walk_of(s, how)
    got = walk.value_and_gradient(theta[:, rows], rows, s.kink[rows])
    assert_allclose(got.value, wanted.value, rtol=1e-10)
    size = np.abs(wanted.gradient).max()
    assert_allclose(got.gradient, wanted.gradient, rtol=1e-10, atol=1e-12 * size)
    assert_array_equal(walk.value(theta[:, rows], rows, s.kink[rows]), got.value)


@pytest.mark.parametrize("kind", sorted(NAMES))
@HOW
def test_parameters_without_a_likelihood_are_minus_infinity(how, kind):
    s, theta = series(kind, "normal", 1, 0, gaps=False)
    rows = np.arange(len(s.n))
    theta[-1, 1] = 1e6  # β: variances without end
    with np.errstate(all="ignore"):
        wanted, got = value(theta, s), walk_of(s, how).value(theta, rows, s.kink)
    assert got[1] == wanted[1] == -np.inf
    assert_allclose(np.delete(got, 1), np.delete(wanted, 1), rtol=1e-10)


@HOW
def test_products_of_many_variances_do_not_overflow(how):
    s, theta = series("garch", "t", 1, 0, gaps=False)
    rows = np.arange(len(s.n))
    for omega in (1e-30, 1e30):
        theta[1] = omega
        wanted = value(theta, s)
        assert np.isfinite(wanted).all()
        got = walk_of(s, how).value(theta, rows, s.kink)
        assert_allclose(got, wanted, rtol=1e-10)


@pytest.mark.long
@pytest.mark.parametrize("dist", ["normal", "t"])
@pytest.mark.parametrize("kind", sorted(NAMES))
def test_fits_are_those_without_compiled_loops(kind, dist, monkeypatch):
    pytest.importorskip("numba")
    y = simulated(3, 40, 300)
    y[3, 50:60] = np.nan
    plain = fit(y, kind=kind, dist=dist)
    monkeypatch.setattr(estimate, "_MANY", 1)
    fast = fit(y, kind=kind, dist=dist)
    assert_array_equal(fast.converged, plain.converged)
    assert_allclose(fast.loglik, plain.loglik, rtol=0, atol=1e-7)
    assert_allclose(fast.h, plain.h, rtol=1e-3)


def test_few_returns_do_not_load_the_compiler(monkeypatch):
    def asked(_):
        raise AssertionError("a small fit asked for compiled loops")

    monkeypatch.setattr(estimate, "walk_of", asked)
    y = np.random.default_rng(0).normal(size=(3, 100))
    assert fit(y).converged.all()
    with pytest.raises(AssertionError, match="a small fit"):
        fit(np.tile(y, (200, 1)))
