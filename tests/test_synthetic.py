"""Counterfactuals from donors: the solver, published numbers, and their inference.

The panel of 39 states, packs of cigarettes per head in 1970 to 2000, is that of Abadie,
Diamond & Hainmueller (2010), as in the R package synthdid (Copyright 2019, Stanford
University, BSD licence): numbers only, rounded to the decimal that they have.
"""

import csv
from pathlib import Path

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.optimize import nnls

from eventstudy.core.donors import Donors
from eventstudy.core.errors import SpecError
from eventstudy.core.loadings import loadings
from eventstudy.core.windows import cumulate
from eventstudy.models import (
    Status,
    gsynth,
    synthetic,
    synthetic_did,
    synthetic_weights,
)
from eventstudy.models.least_norm import least_norm
from eventstudy.models.ridged import laid_out, ridged_weights, takes
from eventstudy.models.simplex import simplex_weights

T, L = 120, 5
BEFORE = 19  # years of the panel before the tax


def panel_of_states():
    """The states' names, and packs (31, 39), California's first."""
    path = Path(__file__).parent / "reference" / "california_prop99.csv"
    with path.open(encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    packs = np.array(rows, np.float64)[:, 1:].astype(np.float32).astype(np.float64)
    at = head[1:].index("California")
    order = [at, *(i for i in range(packs.shape[1]) if i != at)]
    return [head[1:][i] for i in order], packs[:, order]


def by_nnls(y, donors, ridge):
    """The least point of the hull of the donors less y, by a cone through it."""
    hull = np.vstack([donors - y[:, None], np.sqrt(ridge) * np.eye(donors.shape[1])])
    scale = np.abs(hull).max()
    found, _ = nnls(
        np.vstack([hull / scale, np.ones(donors.shape[1])]),
        np.append(np.zeros(len(hull)), 1.0),
        maxiter=10_000,
    )
    return found / found.sum()


def returns(n_donors, n_treated, *, seed=0, n_sessions=T + L):
    rng = np.random.default_rng(seed)
    market = 0.01 * rng.standard_normal(n_sessions)
    donors = market[:, None] * rng.uniform(0.5, 1.5, n_donors)
    donors += 0.02 * rng.standard_normal((n_sessions, n_donors))
    y = market * rng.uniform(0.5, 1.5, (n_treated, 1))
    return y + 0.02 * rng.standard_normal((n_treated, n_sessions)), donors


@pytest.mark.parametrize("n_donors", [1, 2, 7, 60, 200])
def test_weights_are_those_of_a_cone_one_by_one(n_donors):
    rng = np.random.default_rng(n_donors)
    donors = np.stack([returns(n_donors, 1, seed=s)[1][:T] for s in range(3)])
    y, _ = returns(1, 12, seed=9, n_sessions=T)
    which = rng.integers(0, 3, 12)
    allowed = rng.random((12, n_donors)) < 0.7
    allowed[:, 0] = True
    rows = rng.random((12, T)) < 0.9
    ridge = np.full(12, 1e-6)
    found = simplex_weights(
        y, donors, which=which, allowed=allowed, rows=rows, ridge=ridge
    )
    assert (found >= 0).all()
    assert not found[~allowed].any()
    for i in range(12):
        at = np.flatnonzero(allowed[i])
        past = donors[which[i]][rows[i]][:, at]
        twin = by_nnls(y[i, rows[i]], past, 1e-6)
        assert_allclose(found[i, at], twin, atol=1e-9)


@pytest.mark.parametrize("n_donors", [1, 2, 7, 60, 200])
@pytest.mark.parametrize("size", [1e-3, 0.1, 3.0])
def test_weights_under_a_ridge_are_those_of_a_cone(n_donors, size):
    rng = np.random.default_rng(n_donors)
    donors = np.stack([returns(n_donors, 1, seed=s)[1][:T] for s in range(3)])
    y, _ = returns(1, 12, seed=9, n_sessions=T)
    which = rng.integers(0, 3, 12)
    allowed = rng.random((12, n_donors)) < 0.7
    allowed[:, 0] = True
    rows = rng.random((12, T)) < 0.9
    ridge = np.full(12, size * (donors[0] ** 2).sum(axis=0).max())
    given = {"which": which, "allowed": allowed, "rows": rows}
    wide = laid_out(donors)
    found, begin, arrived = ridged_weights(y, wide, ridge=ridge, **given)
    assert takes(donors, which, ridge).all()
    assert arrived.all()
    plain = simplex_weights(y, donors, ridge=ridge, centred=True, **given)
    assert_allclose(found, plain, atol=1e-12)
    for i in range(12):
        at = np.flatnonzero(allowed[i])
        past = donors[which[i]][rows[i]][:, at]
        own = y[i, rows[i]]
        twin = by_nnls(own - own.mean(), past - past.mean(axis=0), ridge[i])
        assert_allclose(found[i, at], twin, atol=1e-9)
    given["rows"] = rows & (np.arange(T) >= 20)
    warm, _, arrived = ridged_weights(y, wide, ridge=ridge, start=begin, **given)
    cold, _, _ = ridged_weights(y, wide, ridge=ridge, **given)
    assert arrived.all()
    assert_allclose(warm, cold, atol=1e-13)


def test_a_ridge_that_is_too_small_and_steps_that_do_not_arrive_take_the_other_way(
    monkeypatch,
):
    y, donors = returns(30, 3)
    usual = synthetic_did(y, donors, n_estimation=T)
    assert not takes(donors[None], np.zeros(1, np.int64), np.array([1e-9])).any()
    monkeypatch.setattr("eventstudy.models.ridged._MOST_STEPS", 1)
    other = synthetic_did(y, donors, n_estimation=T)
    monkeypatch.setattr("eventstudy.models.ridged._LEAST_RIDGE", 1e9)
    third = synthetic_did(y, donors, n_estimation=T)
    for ab in (other, third):
        assert_allclose(ab.weights, usual.weights, atol=1e-12)
        assert_allclose(ab.residuals, usual.residuals, atol=1e-13)
        assert_allclose(ab.ar, usual.ar, atol=1e-13)


def test_weights_do_not_depend_on_where_the_steps_begin():
    y, donors = returns(80, 6, n_sessions=T)
    given = {
        "which": np.zeros(6, np.int64),
        "allowed": np.ones((6, 80), np.bool_),
        "rows": np.ones((6, T), np.bool_),
        "ridge": np.full(6, 1e-8),
    }
    cold = simplex_weights(y, donors[None], **given)
    begin = np.random.default_rng(0).dirichlet(np.ones(80), 6)
    warm = simplex_weights(y, donors[None], start=begin, **given)
    assert_allclose(warm, cold, atol=1e-10)


def test_twins_among_donors_share_the_weight():
    y, donors = returns(6, 1, n_sessions=T)
    weights = synthetic_weights(y[0], np.column_stack([donors, donors[:, 0]]))
    alone = synthetic_weights(y[0], donors)
    assert_allclose(weights[0] + weights[6], alone[0], atol=1e-6)
    assert_allclose(weights[1:6], alone[1:], atol=1e-6)


def test_more_donors_than_sessions_have_one_solution():
    y, donors = returns(300, 2, n_sessions=40)
    first = synthetic_weights(y, donors)
    order = np.random.default_rng(1).permutation(300)
    assert_allclose(synthetic_weights(y, donors[:, order]), first[:, order], atol=1e-7)


@pytest.mark.parametrize(
    ("y", "donors", "said"),
    [
        (np.zeros(5), np.zeros((4, 3)), r"y has shape \(5,\).*wanted \(T,\)"),
        (np.zeros(4), np.zeros((4, 0)), "there are no donors"),
        (np.full(4, np.nan), np.zeros((4, 3)), "not finite"),
    ],
)
def test_arrays_that_do_not_fit_are_refused(y, donors, said):
    with pytest.raises(SpecError, match=said):
        synthetic_weights(y, donors)


def test_california_on_outcomes_alone_is_the_exact_minimum():
    names, packs = panel_of_states()
    ab = synthetic(packs[None, :, 0], packs[:, 1:], n_estimation=BEFORE, first_offset=0)
    assert ab.ar.mean() == pytest.approx(-19.5136, abs=5e-5)
    weights = dict(zip(names[1:], ab.weights[0].round(4).tolist(), strict=True))
    assert {name: w for name, w in weights.items() if w} == {
        "Utah": 0.3939,
        "Montana": 0.2318,
        "Nevada": 0.2049,
        "Connecticut": 0.1091,
        "New Hampshire": 0.0454,
        "Colorado": 0.0148,
    }


def test_california_by_synthetic_did_and_its_kin():
    _, packs = panel_of_states()
    given = {"n_estimation": BEFORE, "first_offset": 0}
    y, donors = packs[None, :, 0], packs[:, 1:]
    did = gsynth(y, donors, n_factors=0, **given)
    assert did.ar.mean() == pytest.approx(-27.3491, abs=5e-5)
    one = gsynth(y, donors, n_factors=1, **given)
    assert one.ar.mean() == pytest.approx(-13.8912, abs=5e-5)
    ab = synthetic_did(y, donors, **given)
    assert ab.ar.mean() == pytest.approx(-15.6054, abs=5e-5)
    before = 1 + ab.x_estimation[0, :, 0]
    years = dict(zip(range(1970, 1989), (before / before.sum()).tolist(), strict=True))
    assert {year: round(w, 3) for year, w in years.items() if w > 1e-9} == {
        1986: 0.366,
        1987: 0.206,
        1988: 0.427,
    }
    demeaned = simplex_weights(
        y[:, :BEFORE],
        donors[None, :BEFORE],
        which=np.zeros(1, np.int64),
        allowed=np.ones((1, 38), np.bool_),
        rows=np.ones((1, BEFORE), np.bool_),
        ridge=np.zeros(1),
        centred=True,
    )
    gap = y[0] - donors @ demeaned[0]
    assert gap[BEFORE:].mean() - gap[:BEFORE].mean() == pytest.approx(
        -11.1090, abs=5e-5
    )


@pytest.mark.parametrize("window", [(-2, 2), (0, 1), (-1, -1)])
def test_a_car_of_synthetic_did_is_the_length_times_tau(window):
    y, donors = returns(9, 3)
    ab = synthetic_did(y, donors, n_estimation=T, window=window)
    length = window[1] - window[0] + 1
    after = slice(T + 2 + window[0], T + 3 + window[1])
    before = (1 + ab.x_estimation[:, :, 0]) * ab.xtx_inv[:, :1, 0]
    assert_allclose(before.sum(axis=1), 1)
    for i in range(3):
        gap = y[i] - donors @ ab.weights[i]
        tau = gap[after].mean() - before[i] @ gap[:T]
        sums = cumulate(ab, window)
        assert sums.car[i] == pytest.approx(length * tau, abs=1e-12)
        exact = ab.sigma[i] ** 2 * (length + length**2 * (before[i] ** 2).sum())
        assert sums.se[i] ** 2 == pytest.approx(exact, rel=1e-12)
        on_sessions = loadings(ab, window)[i]
        assert_allclose(on_sessions[:T], -length * before[i], atol=1e-12)


@pytest.mark.parametrize("n_rows", [1, 7, 50])
def test_of_weights_that_fit_exactly_the_least_are_taken(n_rows):
    rng = np.random.default_rng(n_rows)
    columns = rng.standard_normal((5, n_rows, T))
    usable = rng.random((5, T)) < 0.9
    known = np.where(usable, rng.random((5, T)), 0.0)
    known /= known.sum(axis=1, keepdims=True)
    goal = np.einsum("bjt,bt->bj", columns, known)
    found = least_norm(goal, columns, usable, np.full((5, T), np.nan))
    for i in range(5):
        heavy = 1e5 * np.vstack([columns[i], np.ones(T)])[:, usable[i]]
        exact = np.append(np.zeros(usable[i].sum()), 1e5 * np.append(goal[i], 1.0))
        twin, _ = nnls(np.vstack([np.eye(usable[i].sum()), heavy]), exact)
        assert_allclose(found[i, usable[i]], twin, atol=1e-9)
        assert not found[i, ~usable[i]].any()
        assert_allclose(columns[i] @ found[i], goal[i], atol=1e-9)


def test_factors_that_a_caller_wants_are_few_whole_numbers():
    y, donors = returns(9, 1)
    with pytest.raises(SpecError, match="n_factors = 6; wanted a whole number from 0"):
        gsynth(y, donors, n_estimation=T, n_factors=6)


@pytest.mark.parametrize("n_donors", [6, 60])
def test_fits_are_judged_by_sessions_left_out(n_donors):
    y, donors = returns(n_donors, 2)
    ab = synthetic(y, donors, n_estimation=T)
    ridge = 1e-8 * (donors[:T] ** 2).sum() / n_donors
    for i in range(2):
        gaps = np.empty(T)
        for first in range(0, T, 10):
            left = np.setdiff1d(np.arange(T), np.arange(first, first + 10))
            weights = by_nnls(y[i, left], donors[left], ridge)
            block = slice(first, first + 10)
            gaps[block] = y[i, block] - donors[block] @ weights
        assert_allclose(ab.residuals[i], gaps, atol=1e-10)
        assert ab.sigma[i] == pytest.approx(np.sqrt((gaps**2).mean()), rel=1e-9)
        own = by_nnls(y[i, :T], donors[:T], ridge)
        assert_allclose(ab.ar[i], y[i, T:] - donors[T:] @ own, atol=1e-10)


def test_logs_are_those_of_the_portfolio_and_gaps_are_compounded():
    y, donors = returns(6, 1)
    logs = np.log1p(y)
    span = np.ones_like(y)
    span[0, T + 2], logs[0, T + 1] = 2, np.nan
    logs[0, T + 2] = np.log1p(y[0, T + 1 : T + 3]).sum()
    given = Donors(
        returns=donors[None],
        row=np.zeros(1, np.int64),
        allowed=np.ones((1, 6), np.bool_),
        in_logs=True,
        follows=np.arange(T + L) > 0,
    )
    ab = synthetic(logs, n_estimation=T, donors=given, span=span)
    simple = synthetic(y, donors, n_estimation=T)
    assert_allclose(ab.weights, simple.weights, atol=1e-12)
    path = np.log1p(donors @ ab.weights[0])[T:]
    assert_allclose(ab.ar[0, [0, 4]], (logs[0, T:] - path)[[0, 4]], atol=1e-12)
    both = np.log1p(y[0, T + 1 : T + 3]).sum() - path[1:3].sum()
    assert ab.ar[0, 2] == pytest.approx(both, abs=1e-12)
    assert np.isnan(ab.ar[0, 1])


def test_without_a_donor_or_with_a_copy_there_is_no_estimate():
    y, donors = returns(6, 2)
    y[0] = donors @ np.full(6, 1 / 6)
    assert Status(synthetic(y, donors, n_estimation=T).status[0]) == Status.CONSTANT
    donors[3] = np.nan
    ab = synthetic(y, donors, n_estimation=T)
    assert [Status(s) for s in ab.status] == [Status.TOO_FEW] * 2
    with pytest.raises(SpecError, match="needs the returns of donors"):
        synthetic(y, n_estimation=T)
