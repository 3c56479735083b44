"""The market of the other assets: arrays by hand, and who is in it in a study."""

import numpy as np
import polars as pl
import pytest
import simulation_worlds as worlds
import statsmodels.api as sm
from numpy.testing import assert_allclose

import eventstudy as es
from eventstudy.core.errors import DataError, SpecError
from eventstudy.models import basket, basket_return, market
from eventstudy.study.currencies import converted

T, L = 120, 21


def test_weights_are_those_of_the_session_before():
    rng = np.random.default_rng(0)
    r, w = 0.02 * rng.normal(size=(30, 5)), rng.random((30, 5))
    r[7, 2] = np.nan
    w[9, 1] = np.nan
    r[12, :3] = np.nan
    found = basket_return(r, w)
    for t in range(30):
        pairs = [
            (w[t - 1, j], r[t, j])
            for j in range(5)
            if t and np.isfinite(r[t, j]) and w[t - 1, j] > 0
        ]
        if len(pairs) < 3:
            assert np.isnan(found[t])
            assert t in (0, 12)
            continue
        wanted = sum(a * b for a, b in pairs) / sum(a for a, _ in pairs)
        assert found[t] == pytest.approx(wanted, rel=1e-12)
    assert_allclose(basket_return(r)[0], r[0].mean())
    with pytest.raises(SpecError, match="weights have shape"):
        basket_return(r, w[1:])
    with pytest.raises(SpecError, match="below zero"):
        basket_return(r, -w)


def test_with_itself_inside_an_abnormal_return_shrinks_by_its_weight():
    rng = np.random.default_rng(1)
    r = 0.02 * rng.normal(size=(T + L, 4)) + 0.02 * rng.normal(size=(T + L, 1))
    r[T + 10, 0] += 0.5
    without = basket(r[:, 0], basket_return(r[:, 1:]), n_estimation=T)
    inside = basket(r[:, 0], basket_return(r), n_estimation=T)
    shrunk = inside.ar[0, 10] / without.ar[0, 10]
    assert shrunk == pytest.approx(1 - inside.coefficients[0, 1] / 4, abs=0.05)
    assert inside.model == "basket"
    plain = market(r[:, 0], basket_return(r[:, 1:]), n_estimation=T)
    assert_allclose(without.ar, plain.ar)
    with pytest.raises(SpecError, match="needs the returns of a basket"):
        basket(r[:, 0], n_estimation=T)


# --- in a study ---------------------------------------------------------------------

MEMBERS = ("A0", "A1", "A2", "A3", "A4")


def study(members=MEMBERS, weights="equal", named=("", "A1", ""), **changes):
    prices = worlds.prices(5, 900, correlation=0.4, missing={"A3": [560]})
    volume = 100.0 + 900.0 * np.random.default_rng(8).random(prices.height)
    prices = prices.with_columns(volume=pl.Series(volume))
    worth = 1e6 * np.random.default_rng(9).random(prices.height)
    prices = prices.with_columns(market_value=pl.Series(worth))
    setting = es.ModelSetting(model="basket", members=members, weights=weights)
    spec = worlds.spec(2, models=(setting,), resamples=99, **changes)
    sessions = [600, 700, 800][: len(named)]
    return es.run(spec, worlds.events(sessions), prices), prices


def closes(prices, column="close"):
    wide = prices.pivot("symbol", index="date", values=column).sort("date")
    return wide.select(MEMBERS).to_numpy()


@pytest.mark.parametrize("weights", ["equal", "value", "dollar_volume"])
def test_a_study_leaves_the_asset_out_of_its_own_basket(weights):
    result, prices = study(weights=weights)
    level = closes(prices)
    r = np.vstack([np.full((1, 5), np.nan), level[1:] / level[:-1] - 1])
    turnover = level * closes(prices, "volume")
    w = {
        "equal": np.ones_like(level),
        "value": closes(prices, "market_value"),
        "dollar_volume": turnover,
    }[weights]
    rm = np.full(len(r), np.nan)
    for t in range(1, len(r)):
        held = [j for j in (1, 2, 3, 4) if np.isfinite(r[t, j] * w[t - 1, j])]
        rm[t] = sum(w[t - 1, j] * r[t, j] for j in held)
        rm[t] /= sum(w[t - 1, j] for j in held)
    past = np.arange(530, 590)
    y = np.diff(np.log(level[:, 0]), prepend=np.nan)
    twin = sm.OLS(y[past], sm.add_constant(np.log1p(rm[past]))).fit()
    found = result.coefficients.filter(asset="A0", event_id="e0")
    assert found["term"].to_list() == ["constant", "basket"]
    assert_allclose(found["value"].to_numpy(), twin.params, rtol=1e-8)
    assert_allclose(found["se"].to_numpy(), twin.bse, rtol=1e-8)
    inside = result.baskets.filter(asset="A0", event_id="e0")
    assert inside.filter(~pl.col("inside")).rows() == [
        ("e0", "A0", "basket", "A0", False, "the asset itself")
    ]


def test_members_that_an_announcement_names_are_left_out_of_its_baskets():
    prices = worlds.prices(5, 900, correlation=0.4)
    events = worlds.events([600, 700]).with_columns(
        assets=pl.Series(["A0", "A0;A2"]), kind=pl.lit("ban")
    )
    setting = es.ModelSetting(model="basket", members=MEMBERS)
    spec = worlds.spec(1, models=(setting,), resamples=99)
    result = es.run(spec, events.drop("kind"), prices)
    out = result.baskets.filter(~pl.col("inside"))
    assert out.select("event_id", "member", "reason").sort(
        "event_id", "member"
    ).rows() == [
        ("e0", "A0", "the asset itself"),
        ("e1", "A0", "the asset itself"),
        ("e1", "A2", "named by the announcement"),
    ]
    level = closes(prices)
    r = np.vstack([np.full((1, 5), np.nan), level[1:] / level[:-1] - 1])
    y, past = np.diff(np.log(level[:, 0]), prepend=np.nan), np.arange(630, 690)
    x = np.log1p(r[past][:, [1, 3, 4]].mean(axis=1))
    twin = sm.OLS(y[past], sm.add_constant(x)).fit()
    found = result.coefficients.filter(event_id="e1")
    assert_allclose(found["value"].to_numpy(), twin.params, rtol=1e-8)


def test_too_few_members_are_an_error_that_says_what_to_do():
    with pytest.raises(SpecError, match="takes at least 3 members, got A, B"):
        es.StudySpec(models=(es.ModelSetting(model="basket", members=("A", "B")),))
    setting = es.ModelSetting(model="market", factors=("M",), members=MEMBERS)
    with pytest.raises(SpecError, match="members is said, which market does not take"):
        es.StudySpec(models=(setting,))
    with pytest.raises(DataError, match=r"e0, A0: the basket .* has 2 members"):
        study(members=("A0", "A1", "A2"))


def test_every_part_of_a_study_takes_a_basket():
    result, _ = study(parts=("returns", "joint"))
    assert result.cars["se"].null_count() == 0
    assert result.placebo.height > 0
    assert result.joint["car"].null_count() == 0


def worlds_of_value(**columns):
    """Prices of five assets with what is known of their value."""
    prices = worlds.prices(5, 900, correlation=0.4)
    return prices.with_columns(**columns)


def by_value(prices):
    setting = es.ModelSetting(model="basket", members=MEMBERS, weights="value")
    spec = worlds.spec(2, models=(setting,), resamples=99)
    return es.run(spec, worlds.events([600, 700]), prices)


def test_shares_times_the_close_are_a_market_value():
    drawn = pl.Series(np.random.default_rng(3).random(5 * 900 + 900))
    prices = worlds_of_value()
    prices = prices.with_columns(shares=drawn[: prices.height])
    worth = prices.drop("shares").with_columns(
        market_value=prices["close"] * prices["shares"]
    )
    one, other = by_value(prices), by_value(worth)
    assert one.cars.equals(other.cars)
    assert es.read_prices(prices).frame.columns[-1] == "market_value"
    equal, _ = study(weights="equal", named=("", ""))
    assert not one.cars["car"].equals(equal.cars["car"])


@pytest.mark.parametrize(
    ("weights", "said"),
    [
        ("value", "a column market_value of the prices, or shares.*known of A0, A1"),
        ("dollar_volume", "the volume: a column volume.*known of A0, A1"),
    ],
)
def test_weights_that_are_not_known_are_told_where_they_come_from(weights, said):
    setting = es.ModelSetting(model="basket", members=MEMBERS, weights=weights)
    spec = worlds.spec(2, models=(setting,), resamples=99)
    with pytest.raises(DataError, match=said):
        es.run(spec, worlds.events([600]), worlds.prices(5, 900, correlation=0.4))


def test_a_member_without_a_value_on_a_day_is_not_in_the_next_return():
    worth = pl.when(pl.col("symbol") == "A4", pl.col("date").dt.day() < 15)
    prices = worlds_of_value(market_value=worth.then(None).otherwise(100.0))
    level = closes(prices)
    r = np.vstack([np.full((1, 5), np.nan), level[1:] / level[:-1] - 1])
    days = prices.filter(symbol="A0")["date"].dt.day().to_numpy()
    rm = np.array(
        [
            r[t, 1:4].mean() if days[t - 1] < 15 else r[t, 1:5].mean()
            for t in range(len(r))
        ]
    )
    y, past = np.diff(np.log(level[:, 0]), prepend=np.nan), np.arange(530, 590)
    twin = sm.OLS(y[past], sm.add_constant(np.log1p(rm[past]))).fit()
    found = by_value(prices).coefficients.filter(asset="A0", event_id="e0")
    assert_allclose(found["value"].to_numpy(), twin.params, rtol=1e-8)


def test_market_values_are_read_from_files_and_bad_ones_left_out(tmp_path):
    path = tmp_path / "A.csv"
    path.write_text(
        "date,close,Market Cap\n2021-06-21,10,1.2M\n2021-06-22,11,-5\n2021-06-23,12,\n",
        encoding="utf-8",
    )
    found = es.read_prices(path)
    assert found.frame["market_value"].to_list() == [1.2e6, None, None]
    assert found.issues["detail"].to_list() == ["not a market value: market_value -5.0"]
    other = tmp_path / "B.csv"
    other.write_text("date,close,shrout\n2021-06-21,10,7\n", encoding="utf-8")
    both = es.read_prices(tmp_path).frame
    assert both.filter(symbol="B")["market_value"].to_list() == [70.0]
    plain = pl.DataFrame({"symbol": ["C"], "date": ["2021-06-21"], "close": [1.0]})
    assert "market_value" not in es.read_prices(plain).frame.columns


def test_market_values_are_converted_with_their_prices():
    days = ["2021-06-21", "2021-06-22"]
    frame = pl.DataFrame(
        {
            "symbol": ["0700.HK"] * 2 + ["HKDUSD=X"] * 2,
            "date": days * 2,
            "close": [500.0, 510.0, 0.125, 0.128],
            "shares": [10.0, 10.0, None, None],
        }
    )
    spec = es.StudySpec(
        currencies={"HKD": "HKDUSD=X"}, groups={"g": ["0700.HK"]}, model="constant_mean"
    )
    found = converted(spec, es.read_prices(frame)).frame.filter(symbol="0700.HK")
    assert_allclose(found["market_value"], [625.0, 652.8])
