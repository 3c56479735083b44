"""Models that wild returns do not move, against statsmodels and linear programs."""

import numpy as np
import polars as pl
import pytest
import simulation_worlds as worlds
import statsmodels.api as sm
from numpy.testing import assert_allclose
from scipy.optimize import brentq, linprog
from scipy.special import digamma
from scipy.stats import theilslopes

import eventstudy as es
from eventstudy.core.abnormal import Status
from eventstudy.core.errors import SpecError
from eventstudy.core.windows import cumulate
from eventstudy.models import MODELS, huber, lad, market, student, theil_sen

T, L = 120, 21
ROBUST = ["huber", "lad", "student", "theil_sen"]


def wild(n_obs=4, seed=0, n_factors=1, df=3):
    rng = np.random.default_rng(seed)
    x = 0.01 * rng.normal(size=(n_obs, T + L, n_factors))
    e = 0.02 * rng.standard_t(df, size=(n_obs, T + L))
    return 0.001 + 1.2 * x.sum(axis=2) + e, x


def with_gaps(y):
    """Missing returns, and one that spans three sessions."""
    y, span = y.copy(), np.ones_like(y)
    y[0, 5:30] = np.nan
    y[1, 40:42] = np.nan
    span[1, 42] = 3
    y[2, T + 3] = np.nan
    return y, span


def rows_of(y, x, span, i):
    """Estimation rows of one observation over the root of their spans."""
    use = np.isfinite(y[i, :T])
    root = np.sqrt(span[i, :T][use])
    exog = np.column_stack([root, x[i, :T][use] / root[:, None]])
    return y[i, :T][use] / root, exog


@pytest.mark.parametrize("n_factors", [1, 3])
def test_huber_with_gaps_is_that_of_scaled_rows(n_factors):
    y, x = wild(n_factors=n_factors)
    y, span = with_gaps(y)
    found = huber(y, x, n_estimation=T, span=span)
    for i in range(len(y)):
        own, exog = rows_of(y, x, span, i)
        twin = sm.RLM(own, exog, M=sm.robust.norms.HuberT())
        twin = twin.fit(tol=1e-13, maxiter=2000, conv="coefs", cov="H1")
        assert_allclose(found.coefficients[i], twin.params, rtol=1e-8, atol=1e-11)
        sigma = np.sqrt((twin.resid**2).sum() / (len(own) - exog.shape[1]))
        assert_allclose(found.sigma[i], sigma, rtol=1e-9)
        cov = found.sigma[i] ** 2 * found.cov_coef[i]
        assert_allclose(cov, twin.cov_params(), rtol=1e-7, atol=1e-15)
        # Of a CAR: the window's own variance is that of the residuals, tails included.
        valid = np.isfinite(y[i, T + 9 : T + 12])
        row = np.array([valid.sum(), *x[i, T + 9 : T + 12][valid].sum(axis=0)])
        variance = sigma**2 * row[0] + row @ twin.cov_params() @ row
        assert_allclose(cumulate(found, (-1, 1)).se[i] ** 2, variance, rtol=1e-7)


def program(own, exog):
    """The least sum of absolute errors, by a linear program."""
    n, k = exog.shape
    found = linprog(
        np.r_[np.zeros(k), np.ones(2 * n)],
        A_eq=np.hstack([exog, np.eye(n), -np.eye(n)]),
        b_eq=own,
        bounds=[(None, None)] * k + [(0, None)] * (2 * n),
        method="highs-ds",
    )
    return found.fun


@pytest.mark.parametrize("n_factors", [1, 4])
def test_lad_reaches_the_minimum_of_a_linear_program(n_factors):
    y, x = wild(n_obs=12, n_factors=n_factors, df=1.5)
    y, span = with_gaps(y)
    found = lad(y, x, n_estimation=T, span=span)
    assert (found.status == 0).all()
    for i in range(len(y)):
        own, exog = rows_of(y, x, span, i)
        reached = np.abs(own - exog @ found.coefficients[i]).sum()
        assert_allclose(reached, program(own, exog), rtol=1e-10)


def test_lad_takes_returns_that_are_often_the_same():
    """Zero returns, prices in ticks and a market that rests: ties everywhere."""
    rng = np.random.default_rng(4)
    m = np.round(rng.normal(size=(30, T + L)), 1) * (rng.random((30, T + L)) < 0.6)
    y = np.round(0.7 * m + rng.normal(size=m.shape)) * (rng.random(m.shape) < 0.5)
    found = lad(y, m, n_estimation=T)
    assert (found.status == 0).all()
    for i in range(len(y)):
        exog = sm.add_constant(m[i, :T])
        reached = np.abs(y[i, :T] - exog @ found.coefficients[i]).sum()
        assert_allclose(reached, program(y[i, :T], exog), rtol=1e-10)


def score(own, exog, b, s, nu):
    """The derivatives of the likelihood of Student errors, which are 0 at its top."""
    r = (own - exog @ b) / s
    w = (nu + 1) / (nu + r**2)
    of_b = (w * r) @ exog / s
    of_s = np.sum(w * r**2 - 1) / s
    n = len(r)
    of_nu = n / 2 * (digamma((nu + 1) / 2) - digamma(nu / 2) - 1 / nu)
    of_nu += np.sum((w * r**2 / nu - np.log1p(r**2 / nu)) / 2)
    return of_b, of_s, of_nu


def scale_of(own, exog, b, nu):
    """The scale at which its own derivative is 0."""
    return brentq(lambda s: score(own, exog, b, s, nu)[1] * s, 1e-6, 10, xtol=1e-16)


@pytest.mark.parametrize("df", [2.5, 4, 300])
def test_student_stands_at_the_top_of_the_likelihood(df):
    y, x = wild(n_obs=40, n_factors=2, df=df)
    y, span = with_gaps(y)
    found = student(y, x, n_estimation=T, span=span)
    assert (found.status == 0).all()
    assert found.further_terms == ("nu",)
    nus = found.further[:, 0, 0]
    assert ((nus >= 2.1) & (nus <= 100)).all()
    for i, nu in enumerate(nus):
        own, exog = rows_of(y, x, span, i)
        b = found.coefficients[i]
        s = scale_of(own, exog, b, nu)
        of_b, _, of_nu = score(own, exog, b, s, nu)
        assert np.abs(of_b * s / np.sqrt((exog**2).sum(axis=0))).max() < 1e-8
        if 2.1 < nu < 100:
            assert abs(of_nu) < 1e-7
        else:
            assert of_nu * (nu - 50) > 0
        cov = s**2 * (nu + 3) / (nu + 1) * np.linalg.inv(exog.T @ exog)
        assert_allclose(found.sigma[i] ** 2 * found.cov_coef[i], cov, rtol=1e-6)


def test_the_variance_of_an_event_does_not_explode_as_nu_nears_two():
    y, x = wild(n_obs=300, df=1.5)
    found = student(y, x, n_estimation=T)
    low = found.further[:, 0, 0] == 2.1
    assert low.sum() > 20
    plain = market(y, x[:, :, 0], n_estimation=T)
    assert_allclose(found.sigma[low], plain.sigma[low], rtol=0.05)


def test_theil_sen_with_gaps_is_that_of_returns_per_session():
    y, x = wild()
    y, span = with_gaps(y)
    x[3, :80, 0] = np.round(x[3, :80, 0], 2)  # the market often moves by the same
    found = theil_sen(y, x, n_estimation=T, span=span)
    for i in range(len(y)):
        use = np.isfinite(y[i, :T])
        own, m = (v[i, :T][use] / span[i, :T][use] for v in (y, x[:, :, 0]))
        slope, constant = theilslopes(own, m)[:2]
        assert_allclose(found.coefficients[i], [constant, slope], rtol=1e-10)
    alone = theil_sen(y[2:3], x[2:3], n_estimation=T, span=span[2:3])
    assert_allclose(found.cov_coef[2], alone.cov_coef[0], rtol=1e-12)
    with pytest.raises(SpecError, match="takes one factor, x has 2"):
        theil_sen(y, np.concatenate([x, x], axis=2), n_estimation=T)


@pytest.mark.parametrize("name", ROBUST)
def test_rows_that_cannot_be_fitted_say_why_and_leave_the_others_alone(name):
    y, x = wild(n_obs=5)
    y[0, 2:T] = np.nan
    x[1, :, 0] = 0.0
    y[2, :T] = 0.5 * x[2, :T, 0]
    found = MODELS[name](y, x, n_estimation=T)
    why = [Status.TOO_FEW, Status.SINGULAR, Status.CONSTANT, Status.OK, Status.OK]
    assert [Status(int(s)) for s in found.status] == why
    assert np.isnan(found.ar[:3]).all()
    alone = MODELS[name](y[3:], x[3:], n_estimation=T)
    assert_allclose(found.ar[3:], alone.ar, rtol=1e-12, atol=1e-15)
    assert_allclose(found.cov_coef[3:], alone.cov_coef, rtol=1e-10)


@pytest.mark.parametrize("name", ROBUST)
def test_a_wild_day_hardly_moves_the_slope(name):
    rng = np.random.default_rng(2)
    m = 0.01 * rng.normal(size=(12, T + L))
    y = 1.2 * m + 0.01 * rng.normal(size=m.shape)
    before = MODELS[name](y, m, n_estimation=T).coefficients[:, 1]
    at = m[:, :T].argmax(axis=1)
    y[np.arange(12), at] -= 1.0
    after = MODELS[name](y, m, n_estimation=T).coefficients[:, 1]
    plain = market(y, m, n_estimation=T).coefficients[:, 1]
    assert abs(np.median(after - before)) < 0.1
    assert np.median(plain - 1.2) < -1


@pytest.mark.parametrize("name", ROBUST)
def test_units_and_signs_pass_through(name):
    y, x = wild()
    base = MODELS[name](y, x, n_estimation=T)
    other = MODELS[name](-100.0 * y, 10.0 * x, n_estimation=T)
    assert_allclose(other.ar, -100.0 * base.ar, rtol=1e-8, atol=1e-12)
    assert_allclose(other.coefficients[:, 1], -10.0 * base.coefficients[:, 1])
    assert_allclose(other.sigma, 100.0 * base.sigma)
    assert_allclose(cumulate(other, (-1, 1)).se, 100.0 * cumulate(base, (-1, 1)).se)


@pytest.mark.parametrize("name", ROBUST)
def test_a_factor_is_needed(name):
    with pytest.raises(SpecError, match="factor"):
        MODELS[name](wild()[0], n_estimation=T)


def test_the_report_says_which_estimates_lie_at_a_bound():
    from eventstudy.report.sections import fit, methods
    from eventstudy.report.views import Views

    prices = worlds.prices(2, 900, correlation=0.4)
    spec = worlds.spec(2, model="student", factors=("M",), resamples=99)
    result = es.run(spec, worlds.events([400, 600, 800]), prices)
    nu = result.coefficients.filter(term="nu")
    assert nu["se"].null_count() == nu.height == 6
    at = nu.filter(pl.col("value") == 100, asset="A0").height
    assert 0 < at < 4
    said = "\n".join(fit.blocks(Views(result)))
    assert f"A0 (degrees of freedom of the errors 100: {at} of 3)" in said
    assert result.cars["se"].null_count() == 0
    assert "is not their mean" in "\n".join(methods.blocks(Views(result)))
