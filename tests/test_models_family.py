"""The family of models: a twin of every member, and members of the user's own."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
import simulation_worlds as worlds
import statsmodels.api as sm
from numpy.testing import assert_allclose, assert_array_equal
from scipy.optimize import linprog, minimize_scalar, nnls
from scipy.stats import norm, theilslopes
from scipy.stats import t as student_t
from test_volatility_garch import simulated

import eventstudy as es
from eventstudy.core.errors import SpecError
from eventstudy.core.windows import cumulate, forecast_se
from eventstudy.models import MODELS, ModelEntry, abnormal_from
from eventstudy.study.estimate import Estimator

E, T, L = 3, 400, 11


def sample(n_factors, *, garch=False):
    """Returns on some factors; the errors' variance is steady, or a GARCH path."""
    rng = np.random.default_rng(n_factors)
    x = 0.01 * rng.standard_normal((E, T + L, n_factors))
    e = 0.02 * rng.standard_normal((E, T + L))
    if garch:
        e = simulated(25, E, T + L, alpha=0.2, beta=0.7)
    return 0.001 + 1.2 * x.sum(axis=2) + e, x


def by_least_squares(y, x):
    twin = sm.OLS(y[:T], sm.add_constant(x[:T], has_constant="add")).fit()
    ahead = twin.get_prediction(sm.add_constant(x[T:], has_constant="add"))
    return y[T:] - ahead.predicted_mean, ahead.se_obs


def against_the_market(y, x):
    errors = y - x[:, 0]
    return errors[T:], np.full(L, errors[:T].std(ddof=1))


def by_arch(kind):
    """Mean and variance estimated together, by arch; no forecast beyond a day."""

    def twin(y, x):
        from arch.univariate import EGARCH, GARCH, LS

        law = EGARCH if kind == "egarch" else GARCH
        model = LS(100 * y[:T], 100 * x[:T])
        model.volatility = law(p=1, o=int(kind != "garch"), q=1)
        found = model.fit(disp="off", tol=1e-10, show_warning=False)
        beta = found.params.iloc[: 1 + x.shape[1]].to_numpy()
        ahead = found.forecast(
            horizon=1, x=100 * x[None, T : T + 1].transpose(2, 0, 1), reindex=False
        )
        se = np.full(L, np.nan)
        se[0] = np.sqrt(ahead.residual_variance.to_numpy()[-1, 0]) / 100
        return y[T:] - beta[0] / 100 - x[T:] @ beta[1:], se

    return twin


def by_their_three_betas(y, x):
    """The three betas over the same sessions; the error from the plain matrices."""
    inner = x[:, 0]
    r, m = y[1 : T - 1], inner[1 : T - 1]
    z = np.array([inner[t - 1] + inner[t] + inner[t + 1] for t in range(1, T - 1)])

    def slope(of, shift):
        other = inner[1 + shift : T - 1 + shift]
        return np.cov(of, other)[0, 1] / m.var(ddof=1)

    rho = (slope(m, 1) + slope(m, -1)) / 2
    beta = sum(slope(r, shift) for shift in (-1, 0, 1)) / (1 + 2 * rho)
    alpha = r.mean() - beta * m.mean()
    zs, xs = (np.column_stack([np.ones(T - 2), v]) for v in (z, m))
    left = np.linalg.inv(zs.T @ xs)
    errors = r - alpha - beta * m
    sigma2 = (errors @ errors) / (T - 4)
    ahead = np.column_stack([np.ones(L), inner[T:]])
    spread = np.einsum("lk,km,lm->l", ahead, left @ zs.T @ zs @ left.T, ahead)
    return y[T:] - alpha - beta * inner[T:], np.sqrt(sigma2 * (1 + spread))


def by_rlm(y, x):
    """Huber's estimate by statsmodels; the own error has the residuals' variance."""
    exog = sm.add_constant(x)
    past = sm.RLM(y[:T], exog[:T], M=sm.robust.norms.HuberT())
    found = past.fit(tol=1e-13, maxiter=2000, conv="coefs", cov="H1")
    sigma2 = (found.resid**2).sum() / (T - exog.shape[1])
    spread = np.einsum("lk,km,lm->l", exog[T:], found.cov_params(), exog[T:])
    return y[T:] - exog[T:] @ found.params, np.sqrt(sigma2 + spread)


def by_linear_program(y, x):
    """Least absolute errors as a linear program; the sparsity by sorted residuals."""
    exog = sm.add_constant(x)
    past, k = exog[:T], exog.shape[1]
    cost = np.r_[np.zeros(k), np.ones(2 * T)]
    equal = np.hstack([past, np.eye(T), -np.eye(T)])
    bounds = [(None, None)] * k + [(0, None)] * (2 * T)
    b = linprog(cost, A_eq=equal, b_eq=y[:T], bounds=bounds, method="highs-ds").x[:k]
    e = y[:T] - past @ b
    e[np.abs(e) < 1e-12] = 0.0
    h = T ** (-1 / 3) * norm.ppf(0.975) ** (2 / 3) * (1.5 * norm.pdf(0) ** 2) ** (1 / 3)
    s = (np.quantile(e, 0.5 + h) - np.quantile(e, 0.5 - h)) / (2 * h)
    cov = s**2 / 4 * np.linalg.inv(past.T @ past)
    spread = np.einsum("lk,km,lm->l", exog[T:], cov, exog[T:])
    return y[T:] - exog[T:] @ b, np.sqrt((e @ e) / (T - k) + spread)


def by_em(y, x):
    """EM with the degrees of freedom at the maximum of the likelihood in each step."""
    exog = sm.add_constant(x)
    past, own, k = exog[:T], y[:T], exog.shape[1]
    b, s, nu = np.linalg.lstsq(past, own, rcond=None)[0], own.std(), 10.0
    for _ in range(3000):
        before = b
        w = (nu + 1) / (nu + ((own - past @ b) / s) ** 2)
        b = np.linalg.solve((past.T * w) @ past, (past.T * w) @ own)
        s = np.sqrt(np.mean(w * (own - past @ b) ** 2))
        r = (own - past @ b) / s

        def worse(v, r=r):
            return -student_t.logpdf(r, v).sum()

        nu = minimize_scalar(worse, bounds=(2.1, 100.0), options={"xatol": 1e-10}).x
        if np.abs(b - before).max() < 1e-15:
            break
    e = own - past @ b
    cov = s**2 * (nu + 3) / (nu + 1) * np.linalg.inv(past.T @ past)
    spread = np.einsum("lk,km,lm->l", exog[T:], cov, exog[T:])
    return y[T:] - exog[T:] @ b, np.sqrt((e @ e) / (T - k) + spread)


def by_theilslopes(y, x):
    """The slope by scipy; resamples one by one, with the draws that the model has."""
    past, m = y[:T], x[:T, 0]
    beta, alpha = theilslopes(past, m)[:2]
    e = past - alpha - beta * m
    held = []
    for row in np.random.default_rng(20210621).random((100, T)):
        drawn = alpha + beta * m + e[(row * T).astype(int)]
        slopes = [(drawn[i] - drawn[:i]) / (m[i] - m[:i]) for i in range(1, T)]
        slope = np.median(np.concatenate(slopes))
        held.append([np.median(drawn) - slope * np.median(m), slope])
    cov = np.cov(np.array(held).T)
    ahead = np.column_stack([np.ones(L), x[T:, 0]])
    spread = np.einsum("lk,km,lm->l", ahead, cov, ahead)
    return y[T:] - alpha - beta * x[T:, 0], np.sqrt((e @ e) / (T - 2) + spread)


def simplex(y, donors, ridge=0.0):
    """Weights of least distance to y, by the nearest point of a cone.

    As the weights sum to one, it is the least point of the hull of the donors less y;
    beside a row of ones, least squares without a sign find a multiple of it.
    """
    hull = np.vstack([donors - y[:, None], np.sqrt(ridge) * np.eye(donors.shape[1])])
    scale = np.abs(hull).max()
    found, _ = nnls(
        np.vstack([hull / scale, np.ones(donors.shape[1])]),
        np.append(np.zeros(len(hull)), 1.0),
        maxiter=10_000,
    )
    return found / found.sum()


def blocks_of_ten():
    """Sessions to fit to, and the ten that are left out of them."""
    for first in range(0, T, 10):
        left_out = np.arange(first, first + 10)
        yield np.setdiff1d(np.arange(T), left_out), left_out


def by_nnls(y, x):
    ridge, gaps = 1e-8 * (x[:T] ** 2).sum() / x.shape[1], np.empty(T)
    for rows, left_out in blocks_of_ten():
        gap = y - x @ simplex(y[rows], x[rows], ridge)
        gaps[left_out] = gap[left_out]
    errors = y - x @ simplex(y[:T], x[:T], ridge)
    return errors[T:], np.full(L, np.sqrt((gaps**2).mean()))


def by_did(y, x):
    """Weights of donors and sessions, each by a cone, and blocks left out in turn."""
    noise = np.diff(x[:T], axis=0).std(ddof=1)

    def donor_weights(rows):
        past = x[rows] - x[rows].mean(axis=0)
        ridge = np.sqrt(L) * noise**2 * len(rows)
        return simplex(y[rows] - y[rows].mean(), past, ridge)

    gaps = np.empty(T)
    for rows, left_out in blocks_of_ten():
        gap = y - x @ donor_weights(rows)
        gaps[left_out] = gap[left_out] - gap[rows].mean()
    after = x[T:].mean(axis=0)
    # Seven donors by 400 sessions: many weights fit exactly, the least are taken.
    heavy = 1e5 * np.vstack(
        [(x[:T] - x[:T].mean(axis=1)[:, None]).T / noise, np.ones(T)]
    )
    goal = 1e5 * np.append((after - after.mean()) / noise, 1.0)
    before, _ = nnls(np.vstack([np.eye(T), heavy]), np.append(np.zeros(T), goal))
    gap = y - x @ donor_weights(np.arange(T))
    se = np.sqrt((gaps**2).mean() * (1 + (before**2).sum()))
    return gap[T:] - before @ gap[:T], np.full(L, se)


def by_factors_of_donors(y, x):
    """Factors of donors without effects of unit and session, then least squares."""
    centred = x - x.mean(axis=0) - x.mean(axis=1)[:, None] + x.mean()
    vectors = np.linalg.eigh(centred.T @ centred)[1][:, ::-1]
    rest, best = y - x.mean(axis=1), (np.inf, 0)
    for r in range(6):
        design = np.column_stack([np.ones(T + L), centred @ vectors[:, :r]])
        error = 0.0
        for rows, left_out in blocks_of_ten():
            beta = np.linalg.lstsq(design[rows], rest[rows], rcond=None)[0]
            error += ((rest - design @ beta)[left_out] ** 2).sum()
        best = min(best, (error, r))
    return by_least_squares(rest, centred @ vectors[:, : best[1]])


def by_eigenvectors(y, x):
    """Components of the donors' correlations, counted by the criterion, then a fit."""
    n = x.shape[1]
    z = (x - x[:T].mean(axis=0)) / x[:T].std(axis=0)
    values, vectors = np.linalg.eigh(np.corrcoef(x[:T].T))
    values, vectors = values[::-1], vectors[:, ::-1]
    best = (np.inf, 0)
    for r in range(min(8, T // 10, n // 2) + 1):
        left = z[:T] - z[:T] @ vectors[:, :r] @ vectors[:, :r].T
        penalty = r * (n + T) / (n * T) * np.log(min(n, T))
        best = min(best, (np.log((left**2).mean()) + penalty, r))
    return by_least_squares(y, (z @ vectors / np.sqrt(values))[:, : best[1]])


# Every member, with a slow way to the same abnormal returns and standard errors, the
# factors or donors it is given, and how close they are: likelihoods are climbed, not
# solved.
TWINS = {
    "dimson": (by_least_squares, 3, 1e-9),
    "scholes_williams": (by_their_three_betas, 1, 1e-9),
    "constant_mean": (by_least_squares, 0, 1e-9),
    "market": (by_least_squares, 1, 1e-9),
    "factors": (by_least_squares, 3, 1e-9),
    "market_adjusted": (against_the_market, 1, 1e-9),
    "huber": (by_rlm, 2, 1e-9),
    "lad": (by_linear_program, 2, 1e-9),
    "student": (by_em, 2, 1e-7),
    "theil_sen": (by_theilslopes, 1, 1e-9),
    "basket": (by_least_squares, 1, 1e-9),
    "garch": (by_arch("garch"), 1, 2e-2),
    "gjr": (by_arch("gjr"), 1, 2e-2),
    "egarch": (by_arch("egarch"), 1, 2e-2),
    "synthetic": (by_nnls, 7, 1e-9),
    "synthetic_did": (by_did, 7, 1e-9),
    "pca": (by_eigenvectors, 7, 1e-9),
    "gsynth": (by_factors_of_donors, 7, 1e-9),
}


def test_no_model_without_a_twin():
    assert set(TWINS) == set(MODELS)


def fitted(name):
    _, n_factors, _ = TWINS[name]
    y, x = sample(n_factors, garch=MODELS[name].conditional_variance)
    return y, x, MODELS[name](y, x if n_factors else None, n_estimation=T)


@pytest.mark.parametrize("name", TWINS)
def test_every_model_agrees_with_its_twin(name):
    twin, _, close = TWINS[name]
    y, x, ab = fitted(name)
    se = forecast_se(ab)
    assert (ab.status == 0).all()
    for i in range(E):
        ar, se_twin = twin(y[i], x[i])
        told = np.isfinite(se_twin)
        assert told.any()
        assert_allclose(ab.ar[i], ar, atol=close * ab.sigma[i])
        assert_allclose(se[i, told], se_twin[told], rtol=2 * close)


@pytest.mark.parametrize("name", TWINS)
def test_every_model_predicts_any_session(name):
    y, x, ab = fitted(name)
    entry = MODELS[name]
    expected = entry.expected(ab, x)
    assert expected.shape == (E, T + L)
    both = np.concatenate([ab.residuals, ab.ar], axis=1)
    held = np.isfinite(both)  # sessions at the ends may have no neighbours
    assert held.mean() > 0.99
    if name in ("synthetic", "synthetic_did"):  # residuals of sessions left out
        held[:, :T] = False
    assert_allclose((y - expected)[held], both[held], atol=1e-14)
    some = np.array([T + 3, 5, 5])  # in any order, any number
    assert_allclose(entry.expected(ab, x[:, some]), expected[:, some], rtol=1e-12)
    assert entry.expected(ab, x[:, :0]).shape == (E, 0)
    # A return over three sessions: three constants, the factors' moves over them.
    three = entry.predict(ab, 3 * x, span=np.full((E, T + L), 3.0))
    assert_allclose(three, 3 * expected, atol=1e-14)


def test_one_model_each_is_taken_where_only_factors_are_named():
    taken = {e.default_with: e.name for e in MODELS.values() if e.default_with}
    assert taken == {
        "no factor": "constant_mean",
        "one factor": "market",
        "several factors": "factors",
    }
    assert [MODELS[n].takes for n in ("constant_mean", "market", "factors", "gjr")] == [
        "no factor",
        "one factor",
        "at least one factor",
        "any factors",
    ]


# --- a model of the user's own ------------------------------------------------------


def half_market(y, x, *, n_estimation, **context):
    """Half the market's return."""
    return abnormal_from(y, 0.5 * x[:, :, 0], n_estimation=n_estimation, **context)


def with_slope(y, x, *, n_estimation, **context):
    """A constant and a slope, estimated by least squares."""
    factor = x[:, :, 0]
    past = slice(0, n_estimation)
    use = np.isfinite(y) & np.isfinite(factor)
    beta, inverse = np.empty((len(y), 2)), np.empty((len(y), 2, 2))
    for i in range(len(y)):
        rows = np.column_stack([np.ones(len(factor[i])), factor[i]])[past][use[i, past]]
        inverse[i] = np.linalg.inv(rows.T @ rows)
        beta[i] = inverse[i] @ rows.T @ y[i, past][use[i, past]]
    return abnormal_from(
        y,
        beta[:, :1] + beta[:, 1:] * factor,
        n_estimation=n_estimation,
        n_parameters=2,
        coefficients=beta,
        x=x,
        xtx_inv=inverse,
        **context,
    )


HALF = ModelEntry(
    name="half_market",
    meaning="half the market's return",
    formula="E[R] = R_m / 2",
    citation="Doe (2020), J. Examples 1",
    min_factors=1,
    max_factors=1,
    fit=half_market,
    expected=lambda abnormal, x: 0.5 * x[:, :, 0],
)


@pytest.fixture
def registered():
    MODELS.register(HALF)
    yield MODELS["half_market"]
    MODELS.remove("half_market")


def study(name, **changes):
    prices = worlds.prices(3, 900, correlation=0.4, missing={"A0": [699, 703, 790]})
    noise = np.random.default_rng(0).random(prices.height)
    prices = prices.with_columns(
        open=prices["close"],
        high=prices["close"] * 1.01,
        low=prices["close"] * 0.99,
        volume=100.0 * (1 + 0.1 * noise),
    )
    spec = worlds.spec(
        3,
        model=name,
        factors=("M",),
        tests=("csect", "kp_bmp", "placebo"),
        resamples=99,
        parts=("all",),
        **changes,
    )
    events = worlds.events([600, 700, 702, 800])
    return es.run(spec, events, prices)


@pytest.mark.long
def test_a_second_model_without_parameters_has_a_whole_study(registered):
    found = study("half_market")
    same = study("market_adjusted")
    assert found.cars["car"].null_count() == 0
    for table in ("tests", "joint", "joint_tests"):
        mine, theirs = getattr(found, table), getattr(same, table)
        assert mine.height == theirs.height > 0
        # What has no reason in the one has none in the other.
        assert mine["reason"].to_list() == theirs["reason"].to_list()
    mine, theirs = (
        r.volatility.filter(r.volatility["measure"] == "abnormal_return")
        for r in (found, same)
    )
    assert mine.height == theirs.height > 0
    assert mine["ratio"].null_count() == theirs["ratio"].null_count()
    # Half the market added to the abnormal returns changes the joint effects by it.
    assert not np.allclose(found.joint["car"], same.joint["car"])
    single = found.joint.filter(found.joint["n_overlapping"] == 0)
    assert_allclose(single["car"], single["car_alone"], atol=0.01)


def test_a_model_without_expected_returns_keeps_to_the_windows_of_the_study():
    MODELS.register(replace(HALF, expected=ModelEntry.of(half_market).expected))
    try:
        found = study("half_market")
    finally:
        MODELS.remove("half_market")
    assert found.joint["car"].null_count() == found.joint.height
    assert found.joint["reason"].unique().to_list() == [
        "the joint regression is not defined for the model half_market"
    ]
    own = found.volatility.filter(
        found.volatility["measure"] == "abnormal_return",
        found.volatility["event_id"] != "all",
    )
    assert own["ratio"].null_count() < own.height


def test_a_function_stands_where_a_name_is_taken():
    entry = MODELS.entry(half_market)
    assert (entry.name, entry.meaning) == ("half_market", "Half the market's return.")
    y, x = sample(1)
    ab = entry(y, x, n_estimation=T)
    assert ab.model == "half_market"
    assert_allclose(ab.ar, (y - 0.5 * x[:, :, 0])[:, T:], rtol=1e-12)
    with pytest.raises(SpecError, match=r"has no name.*wanted a function with a name"):
        MODELS.entry(lambda y, x, *, n_estimation, **context: None)


def test_a_function_brings_what_predicts_any_session():
    def third(y, x, *, n_estimation, **context):
        return abnormal_from(y, x[:, :, 0] / 3, n_estimation=n_estimation, **context)

    third.expected = lambda abnormal, x: x[:, :, 0] / 3
    entry = MODELS.entry(third)
    y, x = sample(1)
    ab = entry(y, x, n_estimation=T)
    assert not entry.linear
    assert_allclose(entry.predict(ab, x)[:, T:], y[:, T:] - ab.ar, atol=1e-15)


def test_estimators_take_a_function():
    y, x = sample(1)
    setting = es.ModelSetting(model=half_market, factors=("M",))
    panel = SimpleNamespace(
        setting=setting,
        columns=SimpleNamespace(n_estimation=T, first_offset=-5),
        asset=np.arange(E),
        clock=np.zeros(E, int),
        clocks=MODELS["constant_mean"](y, n_estimation=T).clocks,
    )
    block = SimpleNamespace(y=y, x=x, y_simple=y, x_simple=x, span=np.ones_like(y))
    estimator = Estimator(spec=None, panel=panel, clocks=panel.clocks)
    ab = estimator._model(block, np.arange(E), simple=False)
    assert (ab.model, ab.first_offset) == ("half_market", -5)


# --- what a model of one's own returns ----------------------------------------------


def test_expected_returns_make_what_the_models_make():
    y, x = sample(1)
    y[0, 30:40] = np.nan
    y[1, T + 2] = np.nan
    for own, name in ((with_slope, "market"), (None, "market_adjusted")):
        theirs = MODELS[name](y, x, n_estimation=T)
        mine = (
            own(y, x, n_estimation=T)
            if own
            else abnormal_from(y, x[:, :, 0], n_estimation=T)
        )
        assert_array_equal(mine.df, theirs.df)
        assert_allclose(mine.ar, theirs.ar, atol=1e-13)
        assert_allclose(mine.sigma, theirs.sigma, rtol=1e-10)
        assert_allclose(forecast_se(mine), forecast_se(theirs), rtol=1e-10)
        a, b = cumulate(mine, (-2, 3)), cumulate(theirs, (-2, 3))
        assert_allclose(a.scar, b.scar, rtol=1e-9)


def test_more_parameters_than_returns_are_no_estimate():
    y = np.random.default_rng(0).normal(size=(2, 9))
    ab = abnormal_from(y, np.zeros(9), n_estimation=6, n_parameters=6, first_offset=0)
    assert [s.name for s in map(es.models.Status, ab.status.tolist())] == [
        "TOO_FEW"
    ] * 2
    assert np.isnan(ab.ar).all()
    assert np.isnan(ab.sigma).all()


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"expected": np.zeros((2, 9, 2))}, r"wanted \(2, 9\), one value for each"),
        ({"expected": np.zeros(8)}, r"x has shape|expected has shape"),
        ({"x": np.zeros(9)}, "belong to coefficients"),
        (
            {"coefficients": np.zeros((2, 2))},
            r"coefficients has shape \(2, 2\); wanted",
        ),
        (
            {"coefficients": np.zeros((2, 1)), "xtx_inv": np.zeros((2, 2, 2))},
            r"xtx_inv has shape \(2, 2, 2\); wanted \(2, 1, 1\)",
        ),
    ],
)
def test_shapes_of_a_model_of_ones_own_are_checked(changes, said):
    given = {"expected": np.zeros(9), "first_offset": 0} | changes
    y = np.random.default_rng(0).normal(size=(2, 9))
    with pytest.raises(SpecError, match=said):
        abnormal_from(y, n_estimation=6, **given)


def test_what_a_model_returns_is_checked():
    def no_model(y, x=None, *, n_estimation, **context):
        return y

    y, x = sample(1)
    with pytest.raises(SpecError, match=r"returned ndarray; wanted an Abnormal"):
        MODELS.entry(no_model)(y, n_estimation=T)
    ab = HALF(y, x, n_estimation=T)
    with pytest.raises(
        SpecError, match=r"0 coefficients for 1 factors.*wanted ModelEn"
    ):
        MODELS["market"].expected(ab, x)
    wrong = replace(HALF, expected=lambda abnormal, x: x)
    with pytest.raises(SpecError, match=r"have shape .*; wanted \(3, 411\)"):
        wrong.predict(ab, x)
