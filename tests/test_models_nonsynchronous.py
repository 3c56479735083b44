"""Market models with lags and leads, against plain loops; their words in a study."""

import numpy as np
import polars as pl
import pytest
import simulation_worlds as worlds
import statsmodels.api as sm
from numpy.testing import assert_allclose

import eventstudy as es
from eventstudy.core.abnormal import Status
from eventstudy.core.errors import SpecError
from eventstudy.core.loadings import loadings
from eventstudy.core.windows import cumulate, forecast_se
from eventstudy.models import MODELS, dimson, factors, market, scholes_williams
from eventstudy.spec.files import spec_from

T, L = 120, 21


def late(n_obs=3, seed=1, n_sessions=T + L, rho=0.0, spread=0.3):
    """Returns that follow the market of three sessions, and the market."""
    rng = np.random.default_rng(seed)
    m = 0.01 * rng.normal(size=(n_obs, n_sessions + 2))
    for t in range(1, n_sessions + 2):
        m[:, t] += rho * m[:, t - 1]
    y = 0.001 + spread * m[:, :-2] + 0.8 * m[:, 1:-1] - 0.1 * m[:, 2:]
    return y + 0.01 * rng.normal(size=y.shape), m[:, 1:-1]


def neighbours(m, lags, leads, t):
    """Columns of lags and leads of one market, by hand; nan where there is none."""
    out = []
    for at in range(len(m)):
        row = [
            m[at + k] if 0 <= at + k < len(m) else np.nan
            for k in range(-lags, leads + 1)
        ]
        out.append(row if not t - leads <= at < t else [np.nan] * len(row))
    return np.array(out)


@pytest.mark.parametrize(("lags", "leads"), [(1, 1), (2, 2), (0, 2), (3, 0), (0, 0)])
def test_lags_and_leads_are_those_of_neighbouring_columns(lags, leads):
    y, m = late()
    found = dimson(y, m, n_estimation=T, lags=lags, leads=leads)
    for i in range(len(y)):
        x = neighbours(m[i], lags, leads, T)
        use = np.isfinite(x).all(axis=1)
        past = np.flatnonzero(use[:T])
        assert found.n_estimation[i] == len(past) == T - lags - leads
        twin = sm.OLS(y[i, past], sm.add_constant(x[past])).fit()
        assert_allclose(found.coefficients[i], twin.params, rtol=1e-9, atol=1e-12)
        ahead = T + np.flatnonzero(use[T:])
        told = twin.get_prediction(sm.add_constant(x[ahead], has_constant="add"))
        assert_allclose(found.ar[i, ahead - T], y[i, ahead] - told.predicted_mean)
        assert_allclose(forecast_se(found)[i, ahead - T], told.se_obs, rtol=1e-9)
        sums = np.array([0.0] + [1.0] * (1 + lags + leads))
        own = twin.t_test(sums)
        assert_allclose(found.further[i, 0], [own.effect[0], own.sd[0, 0]], rtol=1e-9)
        # The variance of a CAR has the whole covariance of the forecast errors.
        window = (-3, 4)
        rows = np.column_stack([np.ones(8), x[T + 7 : T + 15]]).sum(axis=0)
        own = twin.mse_resid * 8 + rows @ twin.cov_params() @ rows
        assert_allclose(cumulate(found, window).se[i] ** 2, own, rtol=1e-9)


def test_columns_of_neighbours_may_be_given():
    y, m = late()
    x = np.array([neighbours(one, 1, 1, T) for one in m])
    given = dimson(y, x, n_estimation=T)
    made = dimson(y, m, n_estimation=T)
    for name in ("ar", "coefficients", "sigma", "further"):
        assert_allclose(getattr(given, name), getattr(made, name), rtol=1e-10)


def fowler_rorke(m, b, n):
    """Weights written out for one and two lags; autocorrelations by corrcoef's sums."""
    inner = m[n:-n] - m[n:-n].mean()
    rho = []
    for k in range(1, n + 1):
        back = m[n - k : len(m) - n - k]
        ahead = m[n + k : len(m) - n + k]
        own = [(part - part.mean()) @ inner / (inner @ inner) for part in (back, ahead)]
        rho.append(sum(own) / 2)
    if n == 1:
        w = [(1 + rho[0]) / (1 + 2 * rho[0])]
    else:
        d = 1 + 2 * rho[0] + 2 * rho[1]
        w = [(1 + 2 * rho[0] + rho[1]) / d, (1 + rho[0] + rho[1]) / d]
    weights = np.array([*w[::-1], 1.0, *w])
    return weights, weights @ b


@pytest.mark.parametrize("n", [1, 2])
def test_the_beta_of_fowler_and_rorke_weighs_the_slopes(n):
    y, m = late(rho=0.4)
    found = dimson(y, m, n_estimation=T, lags=n, leads=n)
    assert found.further_terms == ("beta", "beta_fowler_rorke")
    for i in range(len(y)):
        weights, value = fowler_rorke(m[i, :T], found.coefficients[i, 1:], n)
        assert_allclose(found.further[i, 1, 0], value, rtol=1e-10)
        slopes = found.sigma[i] ** 2 * found.cov_coef[i, 1:, 1:]
        assert_allclose(found.further[i, 1, 1] ** 2, weights @ slopes @ weights)


def test_the_sum_is_inconsistent_and_fowler_and_rorkes_beta_is_not():
    """The market is white, its index is not: three tenths of it trade a day late."""
    rng = np.random.default_rng(3)
    n = 400_000
    true = rng.normal(size=n + 1)
    index = 0.7 * true[1:] + 0.3 * true[:-1]
    y = 0.4 * true[1:] + 0.6 * true[:-1] + 0.1 * rng.normal(size=n)
    found = dimson(y[None], index, n_estimation=n - 1, first_offset=0)
    plain, weighted = found.further[0, :, 0]
    assert abs(weighted - 1.0) < 0.01
    assert abs(plain - 1.0) > 0.1


def test_one_beta_times_the_market_of_the_session():
    y, m = late()
    whole = dimson(y, m, n_estimation=T)
    found = dimson(y, m, n_estimation=T, beta_only=True)
    beta = whole.coefficients[:, 1:].sum(axis=1)
    errors = y - whole.coefficients[:, :1] - beta[:, None] * m
    errors[:, [0, T - 1, T + L - 1]] = np.nan
    assert_allclose(found.ar, errors[:, T:])
    assert_allclose(found.residuals, errors[:, :T])
    sigma = np.sqrt(np.nansum(errors[:, :T] ** 2, axis=1) / (T - 2 - 4))
    assert_allclose(found.sigma, sigma)
    row = np.array([3.0, *[1.0] * 3])
    for i in range(len(y)):
        row[1:] = m[i, T + 9 : T + 12].sum()
        own = sigma[i] ** 2 * (3 + row @ whole.xtx_inv[i] @ row)
        assert_allclose(cumulate(found, (-1, 1)).se[i] ** 2, own)
    assert_allclose(found.further, whole.further)


def test_returns_over_a_gap_want_columns_of_neighbours():
    y, m = late()
    span = np.ones_like(y)
    span[0, 30] = 2
    with pytest.raises(SpecError, match=r"wanted x with 3 columns"):
        dimson(y, m, n_estimation=T, span=span)
    with pytest.raises(SpecError, match=r"x has 2 columns; wanted one, .* or 3"):
        dimson(y, np.stack([m, m], axis=2), n_estimation=T)
    with pytest.raises(SpecError, match=r"lags = -1"):
        dimson(y, m, n_estimation=T, lags=-1)
    with pytest.raises(SpecError, match=r"needs the market's returns"):
        dimson(y, n_estimation=T)


# --- Scholes and Williams ----------------------------------------------------------


def test_an_instrument_that_does_not_move_with_the_market_gives_no_estimate():
    """A market that takes back each move the day after: ρ = -1/2, 1 + 2 ρ = 0."""
    rng = np.random.default_rng(0)
    y = 0.01 * rng.normal(size=(2, 2021))
    steps = rng.normal(size=2022)
    bouncing = np.diff(steps)
    calm = 0.01 * rng.normal(size=2021)
    x = np.stack([bouncing, calm])
    found = scholes_williams(y, x, n_estimation=2000)
    assert [Status(int(s)) for s in found.status] == [Status.WEAK, Status.OK]
    assert np.isnan(found.ar[0]).all()
    assert np.isnan(found.sigma[0])
    assert np.isfinite(found.ar[1]).all()


def test_an_event_session_needs_no_neighbour():
    y, m = late()
    found = scholes_williams(y, m, n_estimation=T)
    assert np.isfinite(found.ar).all()
    assert (found.n_estimation == T - 2).all()
    x = np.array([neighbours(one, 1, 1, T) for one in m])
    given = scholes_williams(y, x, n_estimation=T)
    assert_allclose(given.coefficients, found.coefficients, rtol=1e-10)
    assert np.isnan(given.ar[:, -1]).all()
    with pytest.raises(SpecError, match=r"needs the market's returns"):
        scholes_williams(y, n_estimation=T)


@pytest.mark.parametrize("fit", [dimson, scholes_williams])
def test_a_car_is_the_linear_form_that_its_loadings_say(fit):
    """Move one return after the other: the CAR moves by the session's loading."""
    y, m = late(n_obs=1)
    base = fit(y, m, n_estimation=T)
    said = loadings(base, (-2, 3))
    moved = np.repeat(y, T + L, axis=0) + np.eye(T + L)
    cars = cumulate(fit(moved, m[0], n_estimation=T), (-2, 3)).car
    found = cars - cumulate(base, (-2, 3)).car
    held = np.r_[1 : T - 1, T : T + L - 1]
    assert_allclose(found[held], said[0, held], atol=1e-10)
    variance = base.sigma[0] ** 2 * (said[0] ** 2).sum()
    assert_allclose(cumulate(base, (-2, 3)).se[0] ** 2, variance)


def test_thin_trading_is_undone():
    """Six tenths of the share trade a day late, three tenths of the index."""
    rng = np.random.default_rng(5)
    n = 400_000
    true = rng.normal(size=n + 1)
    index = 0.7 * true[1:] + 0.3 * true[:-1]
    y = 0.4 * true[1:] + 0.6 * true[:-1] + 0.1 * rng.normal(size=n)
    found = scholes_williams(y[None], index, n_estimation=n - 1, first_offset=0)
    assert abs(found.coefficients[0, 1] - 1.0) < 0.01
    plain = market(y[None], index, n_estimation=n - 1, first_offset=0)
    assert abs(plain.coefficients[0, 1] - 1.0) > 0.1


# --- in a study ---------------------------------------------------------------------


def study(model="dimson", missing=None, **options):
    prices = worlds.prices(3, 900, correlation=0.4, missing=missing or {})
    spec = worlds.spec(
        3,
        models=(es.ModelSetting(model=model, factors=("M",), **options),),
        tests=("csect", "kp_bmp", "placebo"),
        resamples=99,
        estimation=(-70, -4),
    )
    return es.run(spec, worlds.events([600, 700, 800]), prices), prices


def test_a_study_takes_the_lags_from_the_sessions_of_the_factor():
    """A gap in the share leaves the factor's sessions in the lags as they are."""
    result, prices = study(missing={"A0": [555, 556]}, lags=2, leads=1)
    level = prices.pivot("symbol", index="date", values="close").sort("date")
    log = {name: np.log(level[name].to_numpy()) for name in ("A0", "M")}
    row = result.coefficients.filter(asset="A0").sort("event_id")
    held = [t for t in range(530, 596) if np.isfinite(log["A0"][t])]
    x, y, w = [], [], []
    for t in held:
        s = t - 1
        while not np.isfinite(log["A0"][s]):
            s -= 1
        k = t - s
        w.append(1 / k)
        y.append(log["A0"][t] - log["A0"][s])
        own = [log["M"][t + shift] - log["M"][s + shift] for shift in (-2, -1, 0, 1)]
        x.append([k, *own])
    twin = sm.WLS(np.array(y), np.array(x), weights=w).fit()
    first = row.filter(pl.col("event_id") == row["event_id"][0])
    assert first["term"].to_list() == [
        "constant",
        "M lag 2",
        "M lag 1",
        "M",
        "M lead 1",
        "beta",
    ]
    assert_allclose(first["value"][:5].to_numpy(), twin.params, rtol=1e-8, atol=1e-12)
    assert_allclose(first["se"][:5].to_numpy(), twin.bse, rtol=1e-8)
    used = result.observations.filter(asset="A0").sort("day0")
    # The last estimation session's lead is the first of the event window.
    assert used["n_excluded"][0] == 1
    assert used["n_estimation"][0] == len(held)


def test_a_wrong_price_of_the_factor_takes_its_neighbours_out():
    from eventstudy.panel import build

    prices = es.read_prices(worlds.prices(1, 900, correlation=0.4)).frame
    events = es.read_events(worlds.events([700]))
    setting = es.ModelSetting(model="dimson", factors=("M",))
    spec = worlds.spec(1, models=(setting,))
    day = prices.filter(symbol="M").sort("date")["date"].to_physical().to_numpy()[650]
    wrong = {"M": np.array([day], np.int64)}
    groups = {"all": ["A0"]}
    plain, _ = build(spec, groups, events.frame, prices)
    found, _ = build(spec, groups, events.frame, prices, wrong=wrong)
    lost = np.isfinite(plain[0].flat.log_return) & np.isnan(found[0].flat.log_return)
    place = np.flatnonzero(lost)
    assert len(place) == 3
    assert place.tolist() == [place[1] - 1, place[1], place[1] + 1]


def test_the_study_file_says_lags_leads_and_one_beta():
    held = es.StudySpec(
        models=(es.ModelSetting(model="dimson", factors=("M",), beta_only=True),)
    )
    assert held.models[0].options == {"beta_only": True}
    assert held.models[0].shifts == (-1, 0, 1)
    assert "lags" not in held.as_dict()["models"][0]
    with pytest.raises(SpecError, match=r"lags is said, which market does not take"):
        es.StudySpec(models=(es.ModelSetting(model="market", factors=("M",), lags=1),))
    with pytest.raises(SpecError, match=r"lags = 11; wanted 0 to 10"):
        es.StudySpec(models=(es.ModelSetting(model="dimson", factors=("M",), lags=11),))


@pytest.mark.parametrize("options", [{}, {"beta_only": True, "lags": 2}])
def test_every_part_of_a_study_takes_lags_and_leads(options):
    result, _ = study(**options)
    assert result.cars["se"].null_count() == 0
    assert result.placebo.height > 0


def test_no_lags_and_no_leads_are_the_market_model():
    y, m = late()
    mine = dimson(y, m, n_estimation=T, lags=0, leads=0)
    assert_allclose(mine.ar, market(y, m, n_estimation=T).ar)
    wide = np.array([neighbours(one, 1, 1, T) for one in m])
    assert_allclose(
        dimson(y, m, n_estimation=T).ar, factors(y, wide, n_estimation=T).ar
    )
    assert MODELS["dimson"].takes == "one factor"


def test_a_study_takes_the_instrument_from_the_sessions_of_the_market():
    result, prices = study("scholes_williams")
    level = prices.pivot("symbol", index="date", values="close").sort("date")
    a, m = (np.diff(np.log(level[s].to_numpy()), prepend=np.nan) for s in ("A0", "M"))
    past = np.arange(530, 596)
    own = np.column_stack([np.ones(66), m[past]])
    z = np.column_stack([np.ones(66), m[past - 1] + m[past] + m[past + 1]])
    left = np.linalg.inv(z.T @ own)
    b = left @ z.T @ a[past]
    e = a[past] - own @ b
    se = np.sqrt(np.diag(left @ z.T @ z @ left.T) * (e @ e) / 64)
    held = result.coefficients.filter(asset="A0", event_id="e0")
    assert held["term"].to_list() == ["constant", "M"]
    assert_allclose(held["value"].to_numpy(), b, rtol=1e-8)
    assert_allclose(held["se"].to_numpy(), se, rtol=1e-8)
    assert result.cars["se"].null_count() == 0


MEMBERS = ("A0", "A1", "A2", "A3", "A4")
ASKED = [
    {"model": "dimson", "factors": ["M"], "lags": 2, "leads": 0},
    {"model": "scholes_williams", "factors": ["M"]},
    {"model": "huber", "factors": ["M"]},
    {"model": "lad", "factors": ["M"]},
    {"model": "student", "factors": ["M"]},
    {"model": "basket", "members": list(MEMBERS), "weights": "equal"},
]


@pytest.mark.long
@pytest.mark.parametrize("asked", ASKED, ids=[one["model"] for one in ASKED])
def test_a_model_of_a_study_file_can_be_simulated(asked):
    (setting,) = spec_from({"models": [asked]}).models
    spec = worlds.spec(2, models=(setting,), tests=("csect",), resamples=99)
    found = es.simulate(
        spec=spec,
        events=worlds.events([400, 600, 700, 800]),
        prices=worlds.prices(5, 900, correlation=0.4),
        replications=100,
        effects=[],
        variances=[1.0],
    )
    assert found.rejections.height > 0


@pytest.mark.parametrize(
    ("asked", "wanted"),
    [
        ({"model": "dimson", "lags": 1.5}, "lags = 1.5; wanted a whole number"),
        ({"model": "dimson", "beta_only": 1}, "beta_only = 1; wanted true or false"),
        ({"model": "basket", "weights": "size"}, "allowed: equal, value, dollar"),
        ({"model": "basket", "members": "A0"}, "members = 'A0'; wanted a list"),
    ],
)
def test_a_study_file_that_says_what_cannot_be_is_told_what_can(asked, wanted):
    with pytest.raises(SpecError, match=wanted):
        spec_from({"models": [{"factors": ["M"], **asked}]})


# --- what the report says -----------------------------------------------------------


def around_the_clock(weight_of_lag, n_assets=2):
    """Shares that follow a coin of the session, and of the session before."""
    prices = worlds.prices(n_assets, 900, correlation=0.4, missing={"A0": [300]})
    level = prices.pivot("symbol", index="date", values="close").sort("date")
    m = np.diff(np.log(level["M"].to_numpy()), prepend=np.log(100.0))
    late = np.exp(weight_of_lag * np.cumsum(np.r_[0.0, m[:-1]]))
    moved = pl.DataFrame({"date": level["date"], "late": late})
    shares = prices.join(moved, on="date").with_columns(
        close=pl.when(pl.col("symbol") == "M")
        .then("close")
        .otherwise(pl.col("close") * pl.col("late"))
    )
    spec = worlds.spec(
        n_assets,
        model="market",
        factors=("M",),
        calendars={"default": "prices", "M": "24/7"},
        resamples=99,
    )
    return es.run(spec, worlds.events([600, 700]), shares.drop("late"))


def test_lag_and_lead_are_tested_as_by_a_regression():
    result = around_the_clock(0.3)
    closes = result.closes.pivot("symbol", index="date", values="close").sort("date")
    log = {name: np.log(closes[name].to_numpy()) for name in ("A0", "M")}
    a, m = np.diff(log["A0"], prepend=np.nan), np.diff(log["M"], prepend=np.nan)
    near = [d + k for d in (600, 700) for k in range(-1, 6)]
    rows = [t for t in range(2, 899) if t not in near and t not in (299, 300, 301, 302)]
    x = np.array([[1.0, m[t], m[t - 1], m[t + 1]] for t in rows])
    twin = sm.OLS(a[rows], x).fit()
    told = twin.f_test(np.eye(4)[2:])
    found = result.lead_lag.filter(asset="A0").to_dicts()[0]
    assert found["n"] == len(rows)
    for name, value in zip(("slope", "lag", "lead"), twin.params[1:], strict=True):
        assert found[name] == pytest.approx(value, rel=1e-8)
    assert found["statistic"] == pytest.approx(float(told.fvalue), rel=1e-8)
    assert found["pvalue"] == pytest.approx(float(told.pvalue), rel=1e-8)
    assert (found["df1"], found["df2"]) == (2, len(rows) - 4)


def fit_text(result):
    from eventstudy.report.sections import fit
    from eventstudy.report.views import Views

    return "\n".join(fit.blocks(Views(result)))


def test_the_report_offers_lags_and_leads_where_they_carry_weight():
    assert "The model `dimson` takes such returns in" in fit_text(around_the_clock(0.3))
    assert "carry no weight" in fit_text(around_the_clock(0.0))


def test_no_lag_is_tested_where_every_factor_closes():
    result, _ = study(model="market")
    assert result.lead_lag.is_empty()
    assert "around the clock" not in fit_text(result)


def test_the_report_shows_the_sum_of_the_slopes_and_the_options():
    from eventstudy.report.sections import methods
    from eventstudy.report.views import Views

    result, _ = study(beta_only=True)
    assert "sum of the slopes" in fit_text(result)
    assert "beta by Fowler & Rorke (1983)" in fit_text(result)
    said = "\n".join(methods.blocks(Views(result)))
    assert "lags = 1, leads = 1, beta_only = true" in said
    assert "not exact" in said


def test_the_report_says_which_slopes_the_data_do_not_tell():
    prices = worlds.prices(1, 900, correlation=0.0)
    calm = prices.with_columns(
        close=pl.when(pl.col("symbol") == "M")
        .then(100.0 * (pl.col("close") / 100.0) ** 0.1)
        .otherwise("close")
    )
    spec = worlds.spec(1, model="market", factors=("M",), resamples=99)
    result = es.run(spec, worlds.events([600, 700]), calm)
    se = result.coefficients.filter(term="M")["se"]
    assert se.min() > 1
    assert "**Not told by these data.**" in fit_text(result)
    assert f"A0 (M: {se.median():.1f})" in fit_text(result)
