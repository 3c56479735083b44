"""Counterfactuals in a study: who may be a donor, and the tables of the fits."""

from datetime import timedelta

import numpy as np
import polars as pl
import pytest
import simulation_worlds as worlds
from numpy.testing import assert_allclose

import eventstudy as es
from eventstudy.core.errors import SpecError
from eventstudy.panel import build
from eventstudy.panel.donors import RULES
from eventstudy.simulation import simulate
from eventstudy.simulation.design import designs_of
from eventstudy.simulation.draw import replicate
from eventstudy.study.estimate import estimators

DONORS = tuple(f"A{i}" for i in range(3, 12))


def world(**changes):
    return worlds.prices(12, 400, correlation=0.5, **changes)


def study(model="synthetic", *, prices=None, events=None, donors=DONORS, **changes):
    groups = {"g": ("A0", "A1", "A2")}
    settings = {
        "groups": groups,
        "models": (es.ModelSetting(model=model, donors=donors),),
        "resamples": 99,
        "tests": ("csect", "kp_bmp"),
        "windows": ((-1, 1), (0, 2)),
    }
    events = worlds.events([200, 300]) if events is None else events
    prices = world() if prices is None else prices
    return es.run(worlds.spec(3, **(settings | changes)), events, prices)


def simple_returns(prices):
    wide = prices.pivot(on="symbol", index="date", values="close").sort("date")
    closes = wide.drop("date").to_numpy()
    out = np.full(closes.shape, np.nan)
    out[1:] = closes[1:] / closes[:-1] - 1
    return wide.columns[1:], out


def reasons(result, event="e0"):
    rows = result.donors.filter(pl.col("event_id") == event, asset="A0")
    return {r["donor"]: r["reason"] for r in rows.iter_rows(named=True) if r["reason"]}


@pytest.mark.parametrize("returns", ["simple", "log"])
def test_a_study_makes_the_portfolio_of_the_arrays(returns):
    prices = world()
    found = study(prices=prices, returns=returns)
    names, simple = simple_returns(prices)
    place = {name: i for i, name in enumerate(names)}
    donors = simple[:, [place[d] for d in DONORS]]
    for event, day0 in (("e0", 200), ("e1", 300)):
        past = slice(day0 - 70, day0 - 10)
        y = simple[:, place["A1"]]
        weights = es.models.synthetic_weights(y[past], donors[past])
        held = found.donors.filter(event_id=event, asset="A1").drop_nulls("weight")
        told = dict(held.select("donor", "weight").rows())
        for name, weight in zip(DONORS, weights.tolist(), strict=True):
            assert told.get(name, 0.0) == pytest.approx(weight, abs=1e-7)
        window = slice(day0 - 1, day0 + 2)
        path, own = donors[window] @ weights, y[window]
        gap = own - path if returns == "simple" else np.log1p(own) - np.log1p(path)
        car = found.cars.filter(event_id=event, asset="A1", start=-1)["car"].item()
        assert car == pytest.approx(gap.sum(), abs=1e-9)
        row = found.counterfactuals.filter(event_id=event, asset="A1", start=-1)
        rmse = np.sqrt(((y - donors @ weights)[past] ** 2).mean())
        assert row["rmse_before"].item() == pytest.approx(rmse, rel=1e-9)
        mean = donors[past].mean(axis=1)
        for series, column in (
            (y[past], "treated"),
            (donors[past] @ weights, "synthetic"),
        ):
            slope = np.cov(series, mean)[0, 1] / mean.var(ddof=1)
            assert row[f"beta_{column}"].item() == pytest.approx(slope, rel=1e-9)
        assert row["n_donors"].item() == 9


def test_rules_say_who_may_be_no_donor():
    first = worlds.FIRST
    events = pl.DataFrame(
        {
            "event_id": ["e0", "near", "far"],
            "announced_at": [
                (first + timedelta(days=d)).isoformat() for d in (200, 203, 300)
            ],
            "assets": ["A0;A1", "A3", "A4"],
        }
    )
    prices = world(missing={"A5": [180], "A6": [201], "A7": [350]})
    weekdays = prices.filter(pl.col("symbol") == "A8").with_columns(
        symbol=pl.lit("BTC-USD")
    )
    found = study(
        prices=pl.concat([prices, weekdays]),
        events=events,
        donors=(*DONORS, "A0", "A1", "A2", "BTC-USD", "GONE"),
        calendars={"default": "prices", "BTC-USD": "24/7"},
        purge=(-3, 5),
    )
    assert reasons(found) == {
        "A0": RULES[1],
        "GONE": RULES[2],
        "BTC-USD": RULES[3],
        "A3": RULES[4],  # announced near it
        "A1": RULES[4],  # named by it
        "A2": RULES[5],  # it names two of the group
        "A5": RULES[6],
        "A6": RULES[6],
    }
    remarks = " ".join(found.remarks["text"].to_list())
    assert "no prices for GONE" in remarks


def test_peers_stay_donors_of_an_announcement_of_one_asset():
    events = worlds.events([200], assets=["A0"])
    found = study(events=events, donors=(*DONORS, "A1", "A2"))
    assert reasons(found) == {}
    told = events.with_columns(expected_g=pl.lit("-"))
    assert reasons(study(events=told, donors=(*DONORS, "A1", "A2"))) == {
        "A1": RULES[5],
        "A2": RULES[5],
    }


def test_an_index_may_be_a_donor_and_takes_all_weight_of_its_copy():
    prices = world()
    copy = prices.filter(pl.col("symbol") == "A0").with_columns(
        symbol=pl.lit("^X"),
        close=pl.col("close") * (1 + 1e-4 * pl.int_range(pl.len()).sin()),
    )
    found = study(prices=pl.concat([prices, copy]), donors=(*DONORS, "^X"))
    held = found.donors.filter(asset="A0", event_id="e0").drop_nulls("weight")
    assert held.row(0)[3] == "^X"
    assert held["weight"][0] > 0.99


def test_too_few_donors_are_in_the_ledger_with_the_rules():
    prices = world(missing={name: [250] for name in DONORS[:5]})
    found = study(prices=prices)
    ledger = found.ledger.filter(reason="too few donors")
    assert ledger["event_id"].unique().to_list() == ["e1"]
    assert ledger["held"].unique().to_list() == [
        "4 of 9 (5: prices do not cover both windows)"
    ]
    assert ledger["wanted"].unique().to_list() == ["5"]


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ({"model": "synthetic"}, r"takes at least 5 donors, and got none under donors"),
        (
            {"model": "synthetic", "donors": ("A", "B")},
            r"at least 5 donors, and got A, B under donors; name them in \[\[models",
        ),
        ({"model": "constant_mean", "donors": ("A",)}, "leave them out"),
        ({"model": "gsynth", "donors": DONORS, "factors": ("M",)}, "got M"),
    ],
)
def test_a_setting_without_enough_donors_is_refused(setting, said):
    with pytest.raises(SpecError, match=said):
        es.StudySpec(models=(es.ModelSetting(**setting),))


def test_donors_are_read_from_the_study_file(tmp_path):
    path = tmp_path / "study.toml"
    path.write_text(
        '[[models]]\nmodel = "synthetic"\ndonors = ["A", "B", "C", "D", "^GSPC"]\n',
        encoding="utf-8",
    )
    spec = es.read_spec(path)
    assert spec.models[0].donors == ("A", "B", "C", "D", "^GSPC")
    assert spec.symbols == spec.models[0].donors


def test_synthetic_did_is_fitted_anew_for_every_window():
    prices = world()
    found = study("synthetic_did", prices=prices, returns="simple")
    names, simple = simple_returns(prices)
    place = {name: i for i, name in enumerate(names)}
    donors = simple[:, [place[d] for d in DONORS]]
    used = np.r_[130:190, 197:204]  # estimation window and event window of day 200
    for window in ((-1, 1), (0, 2)):
        ab = es.models.synthetic_did(
            simple[used, place["A2"]][None],
            donors[used],
            n_estimation=60,
            window=window,
            first_offset=-3,
        )
        car = es.inference.TESTS["t"](ab, window).estimate[0]
        row = found.cars.filter(event_id="e0", asset="A2", start=window[0])
        assert row["car"].item() == pytest.approx(car, abs=1e-10)
        mean = found.cars.filter(start=window[0])["car"].mean()
        shown = found.headline.filter(start=window[0], outcome="car")["estimate"]
        assert shown.item() == pytest.approx(mean, abs=1e-12)
    cars = found.cars.filter(event_id="e0", asset="A2")["car"].to_list()
    whole = found.abnormal_returns.filter(event_id="e0", asset="A2")
    sums = [
        whole.filter(pl.col("offset").is_between(*w))["abnormal"].sum()
        for w in ((-1, 1), (0, 2))
    ]
    assert not np.allclose(cars, sums, atol=1e-6)


def test_gsynth_in_a_study_lists_the_factors_that_were_chosen():
    found = study("gsynth")
    assert set(found.coefficients["term"].unique()) <= {
        "constant",
        *(f"factor {i}" for i in range(1, 6)),
    }
    assert found.counterfactuals["pvalue_conformal"].null_count() == 12
    assert found.counterfactuals["reason"].unique().to_list() == [
        "the conformal test is not defined for the model gsynth"
    ]
    sums = (
        found.donors.drop_nulls("weight")
        .group_by("event_id", "asset")
        .agg(pl.col("weight").sum())
    )
    assert_allclose(sums["weight"], 1.0, atol=1e-6)


def test_every_part_of_a_study_goes_through_with_donors():
    prices = world().with_columns(
        open=pl.col("close"),
        high=1.01 * pl.col("close"),
        low=0.99 * pl.col("close"),
        volume=pl.lit(100.0) + pl.int_range(pl.len()).sin(),
    )
    found = study(prices=prices, parts=("all",))
    assert found.joint["reason"].unique().to_list() == [
        "the joint regression is not defined for the model synthetic"
    ]
    own = found.volatility.filter(measure="abnormal_return").filter(
        pl.col("event_id") != "all"
    )
    assert own["ratio"].null_count() < own.height


@pytest.mark.parametrize("model", ["synthetic", "synthetic_did"])
@pytest.mark.parametrize("returns", ["simple", "log"])
def test_a_simulation_that_draws_the_actual_sessions_has_the_fits_of_the_study(
    model, returns
):
    prices = es.read_prices(world(missing={"A5": [180]})).frame
    spec = worlds.spec(
        3,
        groups={"g": ("A0", "A1", "A2")},
        models=(es.ModelSetting(model=model, donors=DONORS),),
        returns=returns,
    )
    events = es.read_events(worlds.events([200, 300]))
    groups = {"g": ("A0", "A1", "A2")}
    panels, _ = build(spec, groups, events.frame, prices)
    fitted = [(e, list(e)) for e in estimators(spec, panels)]
    (design,), _ = designs_of(spec, fitted, ["g"], (-1, 1))
    (part,), estimate = design.parts, fitted[0][1][0]
    start = panels[0].day0[estimate.rows][:, None] + np.r_[-70:-10, -3:4] - part.at
    path = start[0, 0] + np.arange(design.path)
    ab = replicate(part, path[None], simple=returns == "simple")
    study_fit, _ = estimate.on((-1, 1))
    assert_allclose(ab.ar, study_fit.ar, atol=1e-12)
    assert_allclose(ab.residuals, study_fit.residuals, atol=1e-12)


@pytest.mark.long
def test_a_study_with_donors_can_be_simulated():
    spec = worlds.spec(
        3,
        groups={"g": ("A0", "A1", "A2")},
        models=(es.ModelSetting(model="gsynth", donors=DONORS),),
        resamples=99,
    )
    found = simulate(
        spec,
        worlds.events([200, 300]),
        world(),
        replications=100,
        tests=["patell"],
        scenarios=(),
    )
    assert found.sizes(1.0)["size"].item() < 0.2
