"""The joint tables of a study against statsmodels on returns cut by hand."""

from datetime import date

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm
from numpy.testing import assert_allclose
from statsmodels.multivariate.multivariate_ols import _MultivariateOLS

import eventstudy as es
from eventstudy.panel import build
from eventstudy.study import joint_tables
from eventstudy.study.estimate import estimators
from eventstudy.study.joint_tables import joint_effects
from eventstudy.study.observation_tables import cars as single

ASSETS = ("BTCM", "RIOT", "MARA")
DAYS = {
    "list": date(2021, 6, 18),
    "summons": date(2021, 6, 21),
    "september": date(2021, 9, 24),
}
WINDOWS = ((-1, 1), (0, 5))


@pytest.fixture(scope="module")
def prices():
    return es.fetch_prices([*ASSETS, "^GSPC", "BTC-USD"], source="snapshot")


def tables(prices, *, days=DAYS, assets=None, headline=None, **changes):
    settings = {
        "returns": "log",
        "model": "market",
        "factors": ("^GSPC",),
        "windows": WINDOWS,
        "groups": {"china": ("BTCM",), "abroad": ("RIOT", "MARA")},
    }
    spec = es.StudySpec(**settings | changes)
    catalogue = pl.DataFrame(
        {
            "event_id": list(days),
            "announced_at": [day.isoformat() for day in days.values()],
            "assets": [assets.get(e) if assets else None for e in days],
            "headline": headline or ["true"] * len(days),
        },
        schema_overrides={"assets": pl.String},
    )
    events = es.read_events(catalogue).frame
    panels, _ = build(spec, spec.groups, events, prices.frame)
    fitted = [(e, list(e)) for e in estimators(spec, panels)]
    cars = pl.concat([single(e, block) for e, held in fitted for block in held])
    return joint_effects(spec, events, fitted, cars)


def closes(prices, symbol):
    held = prices.frame.filter(pl.col("symbol") == symbol).sort("date")
    return dict(zip(held["date"], held["close"], strict=True))


def by_hand(prices, window, estimation=(-130, -11)):
    """Returns (S, A), regressors (S, 2 + M) of the sample, cut from the closes."""
    market = closes(prices, "^GSPC")
    days = sorted(market)
    zeros = [days.index(day) for day in DAYS.values()]
    offsets = [*range(estimation[0], estimation[1] + 1), *range(-10, 11)]
    kept = sorted({z + o for z in zeros for o in offsets})

    def logs(symbol):
        held = closes(prices, symbol)
        return [np.log(held[days[s]] / held[days[s - 1]]) for s in kept]

    inside = [[window[0] <= s - z <= window[1] for z in zeros] for s in kept]
    exog = np.column_stack([np.ones(len(kept)), logs("^GSPC"), np.array(inside, float)])
    return np.column_stack([logs(a) for a in ASSETS]), exog


@pytest.mark.parametrize("window", WINDOWS)
def test_effects_and_tests_are_those_of_statsmodels(prices, window):
    found = tables(prices)
    y, exog = by_hand(prices, window)
    length = window[1] - window[0] + 1
    in_window = (pl.col("start") == window[0]) & (pl.col("end") == window[1])
    for asset, returns in zip(ASSETS, y.T, strict=True):
        twin = sm.OLS(returns, exog).fit()
        rows = found.effects.filter(in_window & (pl.col("asset") == asset))
        assert rows["event_id"].to_list() == list(DAYS)
        assert_allclose(rows["car"], twin.params[2:] * length, rtol=1e-9)
        assert_allclose(rows["se"], twin.bse[2:] * length, rtol=1e-9)
        assert_allclose(rows["pvalue"], twin.pvalues[2:], rtol=1e-8)
        assert rows["df"].to_list() == [twin.df_resid] * 3
        assert rows["n_overlapping"].to_list() == [1, 1, 0]
    multi = _MultivariateOLS(y, exog).fit()
    picks = {event: np.eye(5)[[2 + m]] for m, event in enumerate(DAYS)}
    for event, pick in (picks | {"all": np.eye(5)[2:]}).items():
        stat = multi.mv_test([("h", pick)]).results["h"]["stat"]
        row = found.tests.filter(
            in_window,
            pl.col("event_id") == event,
            pl.col("group") == "all",
            pl.col("hypothesis") == "all_zero",
        ).row(0, named=True)
        trace = stat.loc["Hotelling-Lawley trace"]
        assert_allclose(row["statistic"], float(trace["F Value"]), rtol=1e-8)
        assert_allclose(row["pvalue"], float(trace["Pr > F"]), rtol=1e-7)
        assert (row["n_assets"], row["exact"]) == (3, event != "all")


def test_the_separate_car_stands_beside(prices):
    found = tables(prices).effects
    study = es.StudySpec(
        returns="log",
        model="market",
        factors=("^GSPC",),
        windows=WINDOWS,
        groups={"china": ("BTCM",), "abroad": ("RIOT", "MARA")},
        tests=("csect",),
        resamples=99,
    )
    events = pl.DataFrame(
        {"event_id": list(DAYS), "announced_at": [d.isoformat() for d in DAYS.values()]}
    )
    cars = es.run(study, events, prices).cars
    both = found.join(cars, on=["event_id", "asset", "start", "end"], suffix="_cars")
    assert both.height == found.height == 18
    assert_allclose(both["car_alone"], both["car_cars"], rtol=1e-12)
    assert_allclose(both["pvalue_alone"], both["pvalue_cars"], rtol=1e-12)


def test_a_constant_mean_on_another_calendar_is_a_system_of_its_own(prices):
    found = tables(
        prices, model="constant_mean", factors=(), groups={"b": ("BTC-USD",)}
    )
    assert found.effects.height == 6
    equal = found.tests.filter(pl.col("hypothesis") == "all_equal")
    assert equal["reason"].unique().to_list() == ["needs two assets"]
    zero = found.tests.filter(hypothesis="all_zero", event_id="list", start=-1)
    one = found.effects.filter(event_id="list", start=-1)
    assert_allclose(zero["pvalue"], one["pvalue"])


def test_the_difference_to_the_market_gets_a_constant(prices):
    found = tables(prices, model="market_adjusted").effects
    y, exog = by_hand(prices, (-1, 1))
    twin = sm.OLS(y[:, 0] - exog[:, 1], np.delete(exog, 1, axis=1)).fit()
    rows = found.filter(asset="BTCM", start=-1)
    assert_allclose(rows["car"], 3 * twin.params[1:], rtol=1e-9)
    assert_allclose(rows["se"], 3 * twin.bse[1:], rtol=1e-9)


def test_an_asset_joins_the_tests_of_its_own_events_only(prices):
    found = tables(prices, assets={"summons": "RIOT MARA"})
    assert found.effects.filter(asset="BTCM")["event_id"].unique().sort().to_list() == [
        "list",
        "september",
    ]
    of_all = found.tests.filter(group="all", start=-1, hypothesis="all_zero")
    held = dict(zip(of_all["event_id"], of_all["n_assets"].to_list(), strict=True))
    assert held == {"list": 3, "summons": 2, "september": 3, "all": 3}
    assert of_all.filter(event_id="all")["n_events"].item() == 2
    other = tables(prices).effects.filter(asset="BTCM", event_id="list")
    # The window of the summons keeps its indicator in every equation.
    own = found.effects.filter(asset="BTCM", event_id="list")
    assert_allclose(own["car"], other["car"])


def test_sessions_between_the_windows_are_not_in_the_sample(prices):
    estimation = (-30, -11)
    found = tables(prices, estimation=estimation, min_estimation=9, min_coverage=0.3)
    y, exog = by_hand(prices, (-1, 1), estimation)
    assert len(y) == 42 + 41
    twin = sm.OLS(y[:, 0], exog).fit()
    rows = found.effects.filter(asset="BTCM", start=-1)
    assert_allclose(rows["car"], 3 * twin.params[2:], rtol=1e-9)
    assert rows["df"].to_list() == [twin.df_resid] * 3


def test_windows_that_touch_do_not_overlap(prices):
    days = {"list": date(2021, 6, 18), "later": date(2021, 6, 23)}
    found = tables(prices, days=days, overlap="keep").effects
    assert found.filter(start=-1)["n_overlapping"].unique().to_list() == [0]
    assert found.filter(start=0)["n_overlapping"].unique().to_list() == [1]


def test_minor_events_have_no_indicator(prices):
    found = tables(prices, headline=["true", "false", "true"])
    assert "summons" not in found.effects["event_id"]
    assert found.effects["n_overlapping"].unique().to_list() == [0]


def test_what_cannot_be_estimated_has_a_reason(prices, monkeypatch):
    monkeypatch.setattr(joint_tables, "_BUDGET", 100)
    found = tables(prices)
    assert found.effects["car"].null_count() == found.effects.height == 18
    assert "are more than 100 numbers" in found.effects["reason"][0]
    assert found.effects["car_alone"].null_count() == 0
    assert found.tests["event_id"].unique().to_list() == ["all"]
    assert found.tests["reason"].null_count() == 0


def test_more_events_than_sessions(prices):
    first = date(2021, 2, 1).toordinal()
    days = {f"e{i}": date.fromordinal(first + i) for i in range(220)}
    found = tables(prices, days=days, estimation=(-15, -11), min_estimation=3)
    assert found.effects["reason"].unique().to_list() == [
        "the joint regression has 155 parameters for 37 sessions"
    ]


def test_a_study_without_observations_has_empty_tables(prices):
    found = tables(prices, days={"early": date(1995, 1, 3)})
    assert found.effects.is_empty()
    assert found.tests.is_empty()
    assert found.effects.columns[:4] == ["model", "group", "asset", "event_id"]
