"""Every model against slow twins: statsmodels, numpy, extended precision."""

from datetime import date
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import chi2
from statsmodels.stats.diagnostic import acorr_ljungbox
from statsmodels.stats.stattools import jarque_bera

from eventstudy.core.abnormal import Abnormal, Clock, Status
from eventstudy.core.errors import SpecError
from eventstudy.core.windows import cumulate, forecast_se, narrow, select
from eventstudy.models import MODELS, constant_mean, factors, market, market_adjusted
from eventstudy.models.diagnostics import LAGS, diagnose
from eventstudy.prices import fetch_prices

E, T, L = 7, 80, 21
WINDOWS = [(-10, 10), (-1, 1), (0, 0), (-10, -10), (0, 10)]


def sample(n_factors, *, gaps=False, seed=1):
    """Returns, factors and spans; with gaps, rows of unequal numbers of returns."""
    rng = np.random.default_rng([seed, n_factors])
    x = 0.01 * rng.standard_normal((E, T + L, n_factors)) + 0.0005
    y = 0.002 + x @ rng.uniform(0.5, 2, n_factors)
    y = y + 0.03 * rng.standard_normal(y.shape)
    span = np.ones_like(y)
    if gaps:
        span = rng.choice([1.0, 1.0, 2.0, 4.0], y.shape)
        y[rng.random(y.shape) < 0.15] = np.nan
        y[1, :30] = np.nan
        y[2, T + 9 : T + 12] = np.nan
        x[3, 40:50, :1] = np.nan
    return y, x, span


def fit(name, y, x, span):
    inputs = None if name == "constant_mean" else x
    return MODELS[name](y, inputs, n_estimation=T, span=span)


CASES = [
    pytest.param(name, n_factors, gaps, id=f"{name}-{n_factors}-{label}")
    for name, n_factors in [("constant_mean", 0), ("market", 1), ("factors", 3)]
    for gaps, label in [(False, "complete"), (True, "gaps")]
]


def rows_of(y, x, span, i):
    """Columns span and factors of one row, with its valid sessions in both windows."""
    exog = np.column_stack([span[i], x[i]])
    valid = np.isfinite(y[i]) & np.isfinite(exog).all(axis=1)
    return exog, np.flatnonzero(valid[:T]), T + np.flatnonzero(valid[T:])


@pytest.mark.parametrize(("name", "n_factors", "gaps"), CASES)
def test_least_squares_is_that_of_statsmodels(name, n_factors, gaps):
    y, x, span = sample(n_factors, gaps=gaps)
    ab = fit(name, y, x, span)
    se = forecast_se(ab)
    assert ab.status.tolist() == [Status.OK] * E
    for i in range(E):
        exog, est, event = rows_of(y, x, span, i)
        twin = sm.WLS(y[i, est], exog[est], weights=1 / span[i, est]).fit()
        assert ab.n_estimation[i] == len(est)
        assert ab.df[i] == twin.df_resid
        close = {"rtol": 1e-9, "atol": 1e-15}
        assert_allclose(ab.coefficients[i], twin.params, **close)
        assert_allclose(ab.sigma[i], np.sqrt(twin.scale), **close)
        assert_allclose(ab.xtx_inv[i], twin.normalized_cov_params, rtol=1e-8)
        assert_allclose(ab.residuals[i, est], twin.resid, rtol=1e-8, atol=1e-14)
        ahead = twin.get_prediction(exog[event], weights=1 / span[i, event])
        errors = y[i, event] - ahead.predicted_mean
        assert_allclose(ab.ar[i, event - T], errors, rtol=1e-9, atol=1e-14)
        assert_allclose(se[i, event - T], ahead.se_obs, **close)
        # Where there is no return nothing is claimed.
        for part, held in ((ab.ar, event - T), (se, event - T), (ab.residuals, est)):
            assert_array_equal(np.flatnonzero(np.isfinite(part[i])), held)


@pytest.mark.parametrize("n_factors", [1, 3])
def test_r_squared_is_that_of_statsmodels(n_factors):
    y, x, span = sample(n_factors)
    ab = fit("factors", y, x, span)
    for i in range(E):
        twin = sm.OLS(y[i, :T], sm.add_constant(x[i, :T])).fit()
        assert_allclose(ab.r_squared[i], twin.rsquared, rtol=1e-10)


@pytest.mark.parametrize(("name", "n_factors", "gaps"), CASES)
@pytest.mark.parametrize("window", WINDOWS, ids=str)
def test_variance_of_sums_is_the_sum_of_the_whole_matrix(name, n_factors, gaps, window):
    y, x, span = sample(n_factors, gaps=gaps)
    found = cumulate(fit(name, y, x, span), window)
    for i in range(E):
        exog, est, event = rows_of(y, x, span, i)
        event = event[(event >= T + 10 + window[0]) & (event <= T + 10 + window[1])]
        if not len(event):
            assert found.n_valid[i] == 0
            assert np.isnan([found.car[i], found.se[i], found.scar[i]]).all()
            continue
        whiten = 1 / np.sqrt(span[i, est])
        w_y, w_x = y[i, est] * whiten, exog[est] * whiten[:, None]
        inverse = np.linalg.inv(w_x.T @ w_x)
        beta = inverse @ w_x.T @ w_y
        s2 = np.sum((w_y - w_x @ beta) ** 2) / (len(est) - exog.shape[1])
        v = np.diag(span[i, event]) + exog[event] @ inverse @ exog[event].T
        car = np.sum(y[i, event] - exog[event] @ beta)
        assert_allclose(found.car[i], car, rtol=1e-8)
        assert_allclose(found.se[i], np.sqrt(s2 * v.sum()), rtol=1e-9)
        assert_allclose(found.scar[i], car / np.sqrt(s2 * v.sum()), rtol=1e-8)
        assert found.length[i] == span[i, event].sum()


def test_constant_mean_is_the_mean():
    y, _, _ = sample(0)
    ab = constant_mean(y, n_estimation=T)
    mean, sd = y[:, :T].mean(axis=1), y[:, :T].std(axis=1, ddof=1)
    assert_allclose(ab.ar, y[:, T:] - mean[:, None], rtol=1e-12, atol=1e-16)
    assert_allclose(ab.sigma, sd, rtol=1e-12)
    # Brown & Warner's forecast error of a mean.
    assert_allclose(forecast_se(ab)[:, 0], sd * np.sqrt(1 + 1 / T), rtol=1e-12)
    long = cumulate(ab, (-10, 10)).se
    assert_allclose(long, sd * np.sqrt(L + L**2 / T), rtol=1e-12)
    assert_allclose(ab.r_squared, 0, atol=1e-12)


@pytest.mark.parametrize("shape", ["(E, S)", "(E, S, 1)"])
def test_market_adjusted_is_a_difference(shape):
    y, x, _ = sample(1)
    y[0, 5], y[0, T + 3] = np.nan, np.nan
    ab = market_adjusted(y, x if shape.endswith("1)") else x[:, :, 0], n_estimation=T)
    gap = y - x[:, :, 0]
    assert_array_equal(ab.ar, gap[:, T:])
    assert_array_equal(ab.residuals, gap[:, :T])
    assert_allclose(ab.sigma, np.nanstd(gap[:, :T], axis=1, ddof=1), rtol=1e-12)
    assert ab.df.tolist() == [T - 2, *[T - 1] * (E - 1)]
    # Nothing is estimated, so nothing but the returns' own variance remains.
    assert ab.coefficients.shape == (E, 0)
    assert_allclose(cumulate(ab, (-1, 1)).se, ab.sigma * np.sqrt(3), rtol=1e-12)
    assert_allclose(forecast_se(ab)[1], ab.sigma[1], rtol=1e-12)


def test_market_adjusted_variance_is_per_session():
    y, x, span = sample(1, gaps=True)
    ab = market_adjusted(y, x, n_estimation=T, span=span)
    for i in range(E):
        gap, k = (y - x[:, :, 0])[i, :T], span[i, :T]
        ok = np.isfinite(gap)
        twin = sm.WLS(gap[ok], k[ok], weights=1 / k[ok]).fit()
        assert_allclose(ab.sigma[i], np.sqrt(twin.scale), rtol=1e-10)


def test_one_row_is_the_same_alone_and_in_company():
    y, x, span = sample(3, gaps=True)
    together = fit("factors", y, x, span)
    for i in range(E):
        alone = factors(y[i], x[i : i + 1], n_estimation=T, span=span[i : i + 1])
        for name in ("ar", "sigma", "coefficients", "xtx_inv", "r_squared"):
            ours, theirs = getattr(alone, name)[0], getattr(together, name)[i]
            assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15, err_msg=name)


def test_the_event_window_never_enters_the_estimate():
    y, x, _ = sample(1)
    calm, shaken = market(y, x, n_estimation=T), y.copy()
    shaken[:, T:] += 5.0
    after = market(shaken, x, n_estimation=T)
    assert_array_equal(after.sigma, calm.sigma)
    assert_array_equal(after.coefficients, calm.coefficients)
    assert_allclose(after.ar - calm.ar, 5.0)


# --- arithmetic in hard places ------------------------------------------------------


def long_double_fit(y, exog, event):
    """Coefficients, sigma and forecast errors by QR (modified Gram-Schmidt, twice)."""
    q = exog.astype(np.longdouble)
    r = np.eye(q.shape[1], dtype=np.longdouble)
    for _ in range(2):
        step = np.zeros_like(r)
        for j in range(q.shape[1]):
            step[j, j] = np.sqrt(np.sum(q[:, j] ** 2))
            q[:, j] = q[:, j] / step[j, j]
            for m in range(j + 1, q.shape[1]):
                step[j, m] = np.sum(q[:, j] * q[:, m])
                q[:, m] = q[:, m] - step[j, m] * q[:, j]
        r = step @ r
    z = q.T @ y.astype(np.longdouble)
    beta = np.zeros_like(z)
    for j in range(len(z))[::-1]:
        beta[j] = (z[j] - np.sum(r[j, j + 1 :] * beta[j + 1 :])) / r[j, j]
    sigma = np.sqrt(np.sum((y - exog @ beta) ** 2) / (len(y) - len(beta)))
    half = event.astype(np.longdouble)  # rows of X* R^-1
    for j in range(len(z)):
        half[:, j] = (half[:, j] - half[:, :j] @ r[:j, j]) / r[j, j]
    se = sigma * np.sqrt(1 + np.sum(half**2, axis=1))
    return beta.astype(float), float(sigma), se.astype(float)


@pytest.mark.parametrize(
    ("apart", "slope_rtol", "se_rtol"),
    [(1.0, 1e-12, 1e-12), (1e-3, 1e-9, 1e-9), (1e-5, 1e-9, 1e-7), (1e-7, 1e-7, 1e-3)],
)
def test_nearly_collinear_factors(apart, slope_rtol, se_rtol):
    rng = np.random.default_rng(3)
    one = rng.standard_normal(T + L)
    x = 0.01 * np.stack([one, one + apart * rng.standard_normal(T + L)], axis=1)
    y = 0.001 + x @ [0.5, 1.5] + 0.02 * rng.standard_normal(T + L)
    ab = factors(y, x[None], n_estimation=T)
    exog = np.column_stack([np.ones(T + L), x])
    beta, sigma, se = long_double_fit(y[:T], exog[:T], exog[T:])
    assert_allclose(ab.coefficients[0], beta, rtol=slope_rtol)
    assert_allclose(ab.sigma[0], sigma, rtol=slope_rtol)
    assert_allclose(ab.ar[0], y[T:] - exog[T:] @ beta, rtol=1e-6, atol=1e-12)
    assert_allclose(forecast_se(ab)[0], se, rtol=se_rtol)
    assert_allclose(
        ab.residuals[0],
        y[:T] - exog[:T] @ np.linalg.lstsq(exog[:T], y[:T], rcond=None)[0],
        rtol=1e-5,
        atol=1e-11,
    )


@pytest.mark.parametrize("level", [0.0, 1.0, 1e3, 1e5], ids="level{:g}".format)
@pytest.mark.parametrize("scale", [1e-12, 1e-6, 1.0, 1e8], ids="scale{:g}".format)
def test_any_level_and_scale(level, scale):
    y, x, _ = sample(1)
    x, y = scale * (x / 0.01 + level), y * scale
    ab = market(y, x, n_estimation=T)
    for i in range(E):
        exog = np.column_stack([np.ones(T + L), x[i]])
        beta, sigma, se = long_double_fit(y[i, :T], exog[:T], exog[T:])
        assert_allclose(ab.coefficients[i, 1], beta[1], rtol=1e-9)
        assert_allclose(ab.sigma[i], sigma, rtol=1e-10)
        assert_allclose(
            ab.ar[i], y[i, T:] - exog[T:] @ beta, rtol=1e-5, atol=1e-8 * scale
        )
        assert_allclose(forecast_se(ab)[i], se, rtol=1e-6)


# --- what cannot be estimated -------------------------------------------------------


def _case(name):
    """y, x of one row that has no estimate."""
    rng = np.random.default_rng(11)
    y, x = rng.standard_normal(T + L), rng.standard_normal((T + L, 2))
    if name == "all missing":
        y[:] = np.nan
    elif name == "no estimation returns":
        y[:T] = np.nan
    elif name == "as many returns as parameters":
        y[3:T] = np.nan
    elif name == "factor missing throughout":
        x[:, 1] = np.nan
    elif name == "constant price":
        y[:] = 0.0
    elif name == "constant return":
        y[:] = 0.1
    elif name == "exact fit":
        y = 0.3 + x @ [1.0, -2.0]
    elif name == "the factor itself":
        y = x[:, 0].copy()
    elif name == "factor at rest":
        x[:T, 1] = 0.0
    elif name == "constant factor":
        x[:T, 1] = 0.013
    elif name == "all but constant factor":
        x[:, 1] = 1e8 + x[:, 1]
    elif name == "same factor twice":
        x[:, 1] = x[:, 0]
    elif name == "same factor rescaled and moved":
        x[:, 1] = 3 * x[:, 0] + 0.7
    elif name == "factors apart by rounding":
        x[:, 1] = x[:, 0] * (1 + 1e-11 * x[:, 1])
    return y, x


UNESTIMABLE = {
    "all missing": Status.TOO_FEW,
    "no estimation returns": Status.TOO_FEW,
    "as many returns as parameters": Status.TOO_FEW,
    "factor missing throughout": Status.TOO_FEW,
    "constant price": Status.CONSTANT,
    "constant return": Status.CONSTANT,
    "exact fit": Status.CONSTANT,
    "the factor itself": Status.CONSTANT,
    "factor at rest": Status.SINGULAR,
    "constant factor": Status.SINGULAR,
    "all but constant factor": Status.SINGULAR,
    "same factor twice": Status.SINGULAR,
    "same factor rescaled and moved": Status.SINGULAR,
    "factors apart by rounding": Status.SINGULAR,
}


@pytest.mark.parametrize("name", UNESTIMABLE)
def test_no_estimate_is_a_status_and_nan_without_warning(name):
    y, x = _case(name)
    good_y, good_x = _case("good")
    ab = factors(np.stack([good_y, y]), np.stack([good_x, x]), n_estimation=T)
    assert ab.status.tolist() == [Status.OK, UNESTIMABLE[name]]
    sums, shape = cumulate(ab, (-1, 1)), diagnose(ab)
    claims = [ab.ar, ab.residuals, ab.sigma, ab.coefficients, ab.xtx_inv, ab.r_squared]
    claims += [forecast_se(ab), sums.car, sums.se, sums.scar]
    claims += [shape.skewness, shape.jarque_bera, shape.ljung_box, shape.arch_lm]
    for claim in claims:
        assert np.isnan(claim[1]).all()
        assert np.isfinite(claim[0]).all()
    assert ab.df[1] == max(ab.n_estimation[1] - 3, 0)


@pytest.mark.parametrize(
    ("model", "y", "x", "status"),
    [
        (constant_mean, np.full(T + L, 0.1), None, Status.CONSTANT),
        (constant_mean, np.r_[0.1, np.full(T + L - 1, np.nan)], None, Status.TOO_FEW),
        (market_adjusted, _case("good")[0], _case("good")[0], Status.CONSTANT),
        (market_adjusted, np.exp(np.log(_case("good")[0] ** 2)), _case("good")[0] ** 2,
         Status.CONSTANT),
        (market_adjusted, np.full(T + L, np.nan), _case("good")[0], Status.TOO_FEW),
    ],
    ids=["constant", "one return", "the market", "the market, rounded", "missing"],
)  # fmt: skip
def test_no_variance_without_factors(model, y, x, status):
    ab = model(y, None if x is None else x[None], n_estimation=T)
    assert ab.status.tolist() == [status]
    assert np.isnan(ab.sigma).all()
    assert np.isnan(ab.ar).all()
    assert np.isnan(cumulate(ab, (-10, 10)).se).all()


def test_infinite_returns_and_bad_spans_count_as_missing():
    y, x, span = sample(1)
    missing = y.copy()
    missing[0, :5] = missing[1, T + 2] = np.nan
    y[0, 0], y[1, T + 2], span[0, 1:5] = np.inf, -np.inf, [0, -1, np.nan, np.inf]
    found = market(y, x, n_estimation=T, span=span)
    wanted = market(missing, x, n_estimation=T)
    for name in ("ar", "actual", "residuals", "sigma", "n_estimation"):
        assert_array_equal(getattr(found, name), getattr(wanted, name), err_msg=name)
    assert_array_equal(forecast_se(found), forecast_se(wanted))
    assert_array_equal(diagnose(found).arch_lm, diagnose(wanted).arch_lm)


def test_every_status_says_why():
    texts = [status.text for status in Status]
    assert len(set(texts)) == len(texts)
    assert "collinear" in Status.SINGULAR.text


# --- laws ---------------------------------------------------------------------------

LAWS = settings(max_examples=40, deadline=None)
seeds = st.integers(0, 10**6)
sizes = st.floats(1e-6, 1e6) | st.floats(-1e6, -1e-6)


@LAWS
@given(seed=seeds, c=sizes)
def test_scaling_the_returns_scales_the_answer(seed, c):
    y, x, span = sample(2, gaps=True, seed=seed)
    ab, scaled = fit("factors", y, x, span), fit("factors", c * y, x, span)
    assert_allclose(scaled.ar, c * ab.ar, rtol=1e-8, atol=1e-10 * abs(c))
    assert_allclose(scaled.sigma, abs(c) * ab.sigma, rtol=1e-9)
    assert_allclose(forecast_se(scaled), abs(c) * forecast_se(ab), rtol=1e-9)


@LAWS
@given(seed=seeds, c=sizes)
def test_scaling_a_factor_changes_its_slope_only(seed, c):
    y, x, span = sample(2, gaps=True, seed=seed)
    ab, scaled = fit("factors", y, x, span), fit("factors", y, x * [c, 1], span)
    assert_allclose(scaled.ar, ab.ar, rtol=1e-7, atol=1e-12)
    assert_allclose(forecast_se(scaled), forecast_se(ab), rtol=1e-9)
    slopes = ab.coefficients / [1, c, 1]
    assert_allclose(scaled.coefficients, slopes, rtol=1e-7, atol=1e-11 / min(1, abs(c)))


@LAWS
@given(seed=seeds)
def test_the_order_of_sessions_and_of_rows_does_not_matter(seed):
    y, x, span = sample(2, gaps=True, seed=seed)
    rng = np.random.default_rng(seed)
    days = np.r_[rng.permutation(T), np.arange(T, T + L)]
    rows = rng.permutation(E)
    ab = select(fit("factors", y, x, span), rows)
    mixed = fit("factors", y[rows][:, days], x[rows][:, days], span[rows][:, days])
    assert_allclose(mixed.ar, ab.ar, rtol=1e-8, atol=1e-13)
    assert_allclose(mixed.sigma, ab.sigma, rtol=1e-10)
    assert_allclose(mixed.residuals, ab.residuals[:, days[:T]], rtol=1e-8, atol=1e-13)


@LAWS
@given(seed=seeds, shift=st.floats(-1, 1))
def test_a_constant_added_per_session_moves_alpha_only(seed, shift):
    y, x, span = sample(2, gaps=True, seed=seed)
    ab, moved = fit("factors", y, x, span), fit("factors", y + shift * span, x, span)
    assert_allclose(moved.ar, ab.ar, rtol=1e-7, atol=1e-12)
    assert_allclose(moved.sigma, ab.sigma, rtol=1e-8)
    change = moved.coefficients - ab.coefficients
    assert_allclose(change, [[shift, 0, 0]] * E, atol=1e-10)


@LAWS
@given(seed=seeds, slope=st.floats(-5, 5))
def test_a_factor_added_to_the_returns_moves_its_slope_only(seed, slope):
    y, x, span = sample(2, gaps=True, seed=seed)
    ab, moved = (
        fit("factors", y, x, span),
        fit("factors", y + slope * x[..., 0], x, span),
    )
    assert_allclose(moved.ar, ab.ar, rtol=1e-7, atol=1e-12)
    change = moved.coefficients - ab.coefficients
    assert_allclose(change, [[0, slope, 0]] * E, atol=1e-9)


@LAWS
@given(seed=seeds)
def test_residuals_are_orthogonal_to_the_regressors(seed):
    y, x, span = sample(3, gaps=True, seed=seed)
    ab = fit("factors", y, x, span)
    e = np.nan_to_num(ab.residuals) / span[:, :T]
    exog = np.concatenate([span[..., None], np.nan_to_num(x)], axis=2)[:, :T]
    assert_allclose(np.einsum("et,etk->ek", e, exog), 0, atol=1e-12)


# --- refusals and the record --------------------------------------------------------

Y = np.zeros((2, 10))


@pytest.mark.parametrize(
    ("model", "y", "x", "more", "said"),
    [
        ("constant_mean", Y, Y, {}, "takes no factors"),
        ("market", Y, None, {}, "needs the market's returns"),
        ("market_adjusted", Y, None, {}, "needs the market's returns"),
        ("market", Y, np.zeros((2, 10, 2)), {}, "takes one factor, x has 2"),
        ("factors", Y, None, {}, "at least one factor"),
        ("factors", Y, np.zeros((2, 10, 0)), {}, "at least one factor"),
        ("factors", Y, np.zeros((2, 9, 1)), {}, r"x has shape \(2, 9, 1\); wanted"),
        ("factors", Y[None], Y, {}, r"y has shape \(1, 2, 10\); wanted \(E, T\+L\)"),
        ("constant_mean", Y, None, {"n_estimation": 10}, "n_estimation = 10"),
        ("constant_mean", Y, None, {"n_estimation": 0}, "n_estimation = 0"),
        ("constant_mean", Y, None, {"span": np.ones(10)}, r"span has shape \(10,\)"),
        ("constant_mean", Y, None, {"asset": np.zeros(3)}, r"wanted \(2,\)"),
        ("constant_mean", Y, None, {"clock": np.zeros(2)}, "give both or neither"),
        (
            "constant_mean",
            Y,
            None,
            {
                "clock": np.zeros(2),
                "clocks": Clock(estimation=np.zeros((1, 6)), event=np.zeros((1, 5))),
            },
            r"clocks.event has shape \(5,\); wanted \(4,\)",
        ),
    ],
)
def test_shapes_that_do_not_fit_are_refused(model, y, x, more, said):
    with pytest.raises(SpecError, match=said):
        MODELS[model](y, x, **{"n_estimation": 6, "first_offset": 0, **more})


def test_one_market_serves_every_row():
    y, x, _ = sample(1)
    each, one = market(y, np.tile(x[:1], (E, 1, 1)), n_estimation=T), x[0]
    for shape in ((T + L,), (T + L, 1)):
        found = market(y, one.reshape(shape), n_estimation=T)
        assert_allclose(found.ar, each.ar, rtol=1e-12)
        assert_allclose(found.xtx_inv, each.xtx_inv, rtol=1e-12)
    y, x, _ = sample(3)
    for model in ("factors", "garch"):
        each = MODELS[model](y, np.tile(x[:1], (E, 1, 1)), n_estimation=T)
        assert_allclose(MODELS[model](y, x[0], n_estimation=T).ar, each.ar, rtol=1e-9)
    # A shape that is y's own is one factor by row, not one factor per row of y.
    square = np.random.default_rng(0).normal(size=(9, 9))
    assert factors(square, square.T, n_estimation=8).coefficients.shape == (9, 2)


def test_day_0_is_in_the_middle_unless_said():
    y = np.random.default_rng(1).normal(size=(2, 12))
    assert constant_mean(y, n_estimation=7).first_offset == -2
    assert constant_mean(y, n_estimation=7, first_offset=0).first_offset == 0
    said = r"4 columns, so none is in the middle; wanted first_offset=\.\.\."
    for model in (constant_mean, MODELS["garch"]):
        with pytest.raises(SpecError, match=said):
            model(y, n_estimation=8)


def test_the_record_says_whose_and_when():
    y, x, _ = sample(1)
    ab = market(y, x, n_estimation=T)
    assert ab.model == "market"
    assert ab.asset.tolist() == list(range(E))
    assert ab.clock.tolist() == [0] * E
    assert ab.clocks.estimation.tolist() == [list(range(T))]
    assert ab.clocks.event.tolist() == [list(range(T, T + L))]
    clocks = Clock(
        estimation=np.zeros((3, T), np.int64), event=np.ones((3, L), np.int64)
    )
    clock, asset = np.arange(E) % 3, np.arange(E) // 2
    ab = market(y, x, n_estimation=T, clock=clock, clocks=clocks, asset=asset)
    assert ab.clocks is clocks
    assert_array_equal(ab.clock, clock)
    assert_array_equal(ab.asset, asset)
    assert_array_equal(ab.actual, y[:, T:])


@pytest.mark.parametrize("entry", MODELS.values(), ids=list(MODELS))
def test_the_family_calls_its_members(entry):
    y, x, _ = sample(entry.min_donors or 1)
    needed = entry.max_factors != 0 or entry.min_donors or entry.min_members
    inputs = x if needed else None
    direct = entry.fit(y, inputs, n_estimation=T)
    assert entry(y, inputs, n_estimation=T).model == entry.name == direct.model


def test_a_single_row_with_a_gap_leaves_its_factor_as_it_was():
    y, x, _ = sample(1)
    y, x = y[:1].copy(), x[:1].copy()
    y[0, 7] = np.nan
    before = x.copy()
    alone = market(y, x, n_estimation=T)
    assert_array_equal(x, before)
    both = market(np.repeat(y, 2, axis=0), np.repeat(x, 2, axis=0), n_estimation=T)
    assert_allclose(alone.ar[0], both.ar[0], rtol=1e-12)


# --- diagnostics --------------------------------------------------------------------


def arch_lm(e):
    """Engle's test over the sessions whose own and lagged residuals are there."""
    whole = [t for t in range(LAGS, T) if np.isfinite(e[t - LAGS : t + 1]).all()]
    lagged = np.array([e[t - LAGS : t][::-1] ** 2 for t in whole])
    twin = sm.OLS(e[whole] ** 2, sm.add_constant(lagged)).fit()
    return chi2.sf(len(whole) * twin.rsquared, LAGS)


def test_diagnostics_are_those_of_statsmodels():
    y, x, _ = sample(1)
    y[0] = np.random.default_rng(5).standard_t(3, T + L)
    ab = market(y, x, n_estimation=T)
    found = diagnose(ab)
    for i in range(E):
        e = ab.residuals[i]
        _, p_value, skewness, kurtosis = jarque_bera(e)
        assert_allclose(found.skewness[i], skewness, rtol=1e-10)
        assert_allclose(found.excess_kurtosis[i], kurtosis - 3, rtol=1e-9)
        assert_allclose(found.jarque_bera[i], p_value, rtol=1e-8)
        box = acorr_ljungbox(e, lags=[LAGS])["lb_pvalue"].item()
        assert_allclose(found.ljung_box[i], box, rtol=1e-8)
        assert_allclose(found.arch_lm[i], arch_lm(e), rtol=1e-8)


def test_diagnostics_with_gaps_keep_calendar_lags():
    y, _, span = sample(0, gaps=True)
    ab = constant_mean(y, n_estimation=T, span=span)
    found = diagnose(ab)
    for i in range(E):
        e = ab.residuals[i] / np.sqrt(span[i, :T])
        e = e - np.nanmean(e)
        n, filled = np.isfinite(e).sum(), np.nan_to_num(e)
        q = 0.0
        for lag in range(1, LAGS + 1):
            pairs = [filled[t] * filled[t - lag] for t in range(lag, T)]
            q += n * (n + 2) * (sum(pairs) / np.sum(filled**2)) ** 2 / (n - lag)
        assert_allclose(found.ljung_box[i], chi2.sf(q, LAGS), rtol=1e-9)
        assert_allclose(found.arch_lm[i], arch_lm(e), rtol=1e-7)


def test_short_estimation_windows_have_no_arch_test():
    y = np.random.default_rng(1).standard_normal((2, 9))
    found = diagnose(constant_mean(y, n_estimation=8))
    assert np.isnan(found.arch_lm).all()
    assert np.isfinite(found.ljung_box).all()
    assert np.isnan(
        diagnose(constant_mean(y, n_estimation=5, first_offset=0)).ljung_box
    ).all()


# --- real prices --------------------------------------------------------------------


@pytest.fixture(scope="module")
def summons() -> SimpleNamespace:
    """BIT Mining around the summons of 21 June 2021, as plain arrays."""
    frame = fetch_prices(["BTCM", "^GSPC"], source="snapshot").frame
    wide = frame.pivot("symbol", index="date", values="adj_close").sort("date")
    logs = wide.select(pl.col("BTCM", "^GSPC").log().diff())
    day0 = wide["date"].to_list().index(date(2021, 6, 21))
    rows = np.r_[day0 - 130 : day0 - 10, day0 - 10 : day0 + 11]
    y, m = (logs[name].to_numpy()[rows][None] for name in ("BTCM", "^GSPC"))
    return SimpleNamespace(y=y, m=m)


def test_bit_mining_on_the_day_of_the_summons(summons):
    ab: Abnormal = market(summons.y, summons.m, n_estimation=120)
    alpha, beta = ab.coefficients[0]
    assert (round(alpha, 7), round(beta, 7)) == (0.0049351, 3.0470014)
    assert round(ab.sigma[0], 7) == 0.1063032
    assert ab.df.tolist() == [118.0]
    assert round(ab.ar[0, 10], 7) == -0.1949643
    assert round(forecast_se(ab)[0, 10], 7) == 0.1077003
    car = cumulate(ab, (-1, 1))
    assert round(car.car[0], 7) == -0.2402128
    assert round(car.se[0], 7) == 0.1864270
    cut = narrow(ab, (-1, 1), Clock(estimation=ab.clocks.estimation,
                                         event=ab.clocks.event[:, 9:12]))  # fmt: skip
    assert_array_equal(cumulate(cut, (-1, 1)).car, car.car)
