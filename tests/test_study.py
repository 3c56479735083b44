"""A whole study against numbers that plain loops and statsmodels give."""

import math
from datetime import date

import numpy as np
import polars as pl
import pytest
import statsmodels.api as sm

import eventstudy as es

WINDOWS = ((-1, 1), (0, 5))


@pytest.fixture(scope="module")
def prices():
    return es.fetch_prices([], source="snapshot")


def catalogue(*rows):
    columns = ("event_id", "announced_at", "assets", "headline")
    rows = [dict(zip(columns, row, strict=False)) for row in rows]
    frame = pl.DataFrame(rows, schema=dict.fromkeys(columns, pl.String))
    return frame[[c.name for c in frame if c.null_count() < len(rows)]]


def spec(**changes):
    settings = {
        "returns": "log",
        "model": "market",
        "factors": ("^GSPC",),
        "windows": WINDOWS,
        "overlap": "keep",
        "tests": ("csect", "kp_bmp", "portfolio", "placebo"),
        "resamples": 199,
    }
    return es.StudySpec(**settings | changes)


SUMMONS = ("summons", "2021-06-21T18:12+08:00")


class TestOneEvent:
    @pytest.fixture(scope="class")
    @classmethod
    def result(cls, prices):
        return es.run(spec(), catalogue((*SUMMONS, "BTCM")), prices)

    def test_bit_mining_on_the_day_of_the_summons(self, result):
        fit = result.fit.row(0, named=True)
        beta = result.coefficients.filter(pl.col("term") == "^GSPC")["value"][0]
        ar = result.abnormal_returns.filter(pl.col("offset") == 0).row(0, named=True)
        car = result.cars.filter(pl.col("start") == -1).row(0, named=True)
        assert fit["alpha"] == pytest.approx(0.0049351, abs=5e-8)
        assert beta == pytest.approx(3.0470014, abs=5e-8)
        assert fit["sigma"] == pytest.approx(0.1063032, abs=5e-8)
        assert ar["session"] == date(2021, 6, 21)
        assert ar["abnormal"] == pytest.approx(-0.1949643, abs=5e-8)
        assert ar["se"] == pytest.approx(0.1077003, abs=5e-8)
        assert car["car"] == pytest.approx(-0.2402128, abs=5e-8)
        assert car["se"] == pytest.approx(0.1864270, abs=5e-8)

    def test_alpha_part_is_what_subtracting_alpha_did(self, result):
        fit = result.fit.row(0, named=True)
        for car in result.cars.iter_rows(named=True):
            length = car["end"] - car["start"] + 1
            assert car["alpha_part"] == pytest.approx(-fit["alpha"] * length)

    def test_one_observation_is_judged_by_its_forecast_error(self, result):
        row = result.headline.row(0, named=True)
        car = result.cars.row(0, named=True)
        assert (row["n"], row["recommended"]) == (1, "t")
        assert row["se"] == pytest.approx(car["se"])


def closes(prices, symbol):
    held = prices.frame.filter(pl.col("symbol") == symbol)
    return dict(zip(held["date"], held["close"], strict=True))


class TestAgainstLoops:
    """Several assets and events, overlap excluded: each number by hand."""

    EVENTS = catalogue(
        ("may", "2021-05-21T22:32+08:00"),
        ("june", "2021-06-21T18:12+08:00"),
        ("june-too", "2021-06-19T21:00+08:00"),
        ("september", "2021-09-24T17:32+08:00"),
    )
    ASSETS = ("BTCM", "RIOT")

    @pytest.fixture(scope="class")
    @classmethod
    def result(cls, prices):
        study = spec(overlap="exclude", groups={"miners": cls.ASSETS})
        return es.run(study, cls.EVENTS, prices)

    def test_events_of_one_day_are_one_observation(self, result):
        ids = result.cars["event_id"].unique().to_list()
        assert sorted(ids) == ["june+june-too", "may", "september"]
        rows = result.observations.filter(pl.col("asset") == "BTCM")
        assert rows.height == 4
        june = rows.filter(pl.col("observation") == "june+june-too")
        assert june["event_id"].to_list() == ["june", "june-too"]
        assert result.headline["n"].unique().to_list() == [6]
        assert result.headline["n_dates"].unique().to_list() == [3]

    @pytest.mark.parametrize("asset", ASSETS)
    @pytest.mark.parametrize(
        ("event_id", "day0", "others"),
        [
            ("june+june-too", date(2021, 6, 21), [date(2021, 5, 21)]),
            ("september", date(2021, 9, 24), [date(2021, 5, 21), date(2021, 6, 21)]),
        ],
    )
    def test_car_and_se(self, result, prices, asset, event_id, day0, others):
        own, market = closes(prices, asset), closes(prices, "^GSPC")
        days = sorted(own)
        zero = days.index(day0)
        near = {days[days.index(other) + k] for other in others for k in range(-1, 6)}

        def log_return(series, k):
            return math.log(series[days[k]] / series[days[k - 1]])

        kept = [k for k in range(zero - 130, zero - 10) if days[k] not in near]
        y = np.array([log_return(own, k) for k in kept])
        x = sm.add_constant(np.array([log_return(market, k) for k in kept]))
        ols = sm.OLS(y, x).fit()
        covariance = np.linalg.inv(x.T @ x)
        for start, end in WINDOWS:
            k = range(zero + start, zero + end + 1)
            rows = np.array([[1.0, log_return(market, i)] for i in k])
            ar = np.array([log_return(own, i) for i in k]) - rows @ ols.params
            v = ols.mse_resid * (np.eye(len(ar)) + rows @ covariance @ rows.T)
            got = result.cars.filter(
                pl.col("asset") == asset,
                pl.col("event_id") == event_id,
                pl.col("start") == start,
            ).row(0, named=True)
            assert got["car"] == pytest.approx(ar.sum(), rel=1e-10)
            assert got["se"] == pytest.approx(math.sqrt(v.sum()), rel=1e-10)
            assert got["df"] == len(kept) - 2

    def test_bhar_compounds_simple_returns(self, result, prices):
        own, market = closes(prices, "RIOT"), closes(prices, "^GSPC")
        days = sorted(own)
        zero = days.index(date(2021, 5, 21))
        y, m = (
            np.array(
                [s[days[k]] / s[days[k - 1]] - 1 for k in range(zero - 130, zero + 6)]
            )
            for s in (own, market)
        )
        ols = sm.OLS(y[:120], sm.add_constant(m[:120])).fit()
        expected = ols.params[0] + ols.params[1] * m[-6:]
        got = result.cars.filter(
            pl.col("event_id") == "may", pl.col("asset") == "RIOT", pl.col("start") == 0
        )["bhar"][0]
        bhar = np.prod(1 + y[-6:]) - np.prod(1 + expected)
        assert got == pytest.approx(bhar, rel=1e-10)

    def test_group_effect_is_the_mean_of_the_cars(self, result):
        for row in result.headline.iter_rows(named=True):
            own = result.cars.filter(
                pl.col("start") == row["start"], pl.col("end") == row["end"]
            )
            assert row["estimate"] == pytest.approx(own["car"].mean())
            assert row["alpha_part"] == pytest.approx(own["alpha_part"].mean())

    def test_path_ends_at_the_window_of_the_whole_event(self, result):
        last = result.aar.filter(pl.col("offset") == 10).row(0, named=True)
        total = result.abnormal_returns.group_by("event_id", "asset").agg(
            pl.col("abnormal").sum()
        )["abnormal"]
        assert last["caar"] == pytest.approx(total.mean())

    def test_contamination_counts_shared_sessions(self, result):
        # 20 sessions lie between the May and June events: -10..10 share the middle one.
        pairs = result.contamination.filter(pl.col("asset") == "BTCM")
        assert pairs.select("event_id", "other_event_id", "sessions").rows() == [
            ("may", "june+june-too", 1),
            ("june+june-too", "may", 1),
        ]


def test_spread_is_the_difference_of_the_groups(prices):
    study = spec(groups={"china": ("BTCM", "EBON"), "abroad": ("RIOT", "MARA")})
    events = catalogue(SUMMONS, ("september", "2021-09-24T17:32+08:00"))
    result = es.run(study, events, prices)

    def caar(group):
        row = result.headline.filter(
            pl.col("group") == group, pl.col("start") == 0, pl.col("end") == 5
        )
        return row["estimate"][0]

    # With complete prices the model is linear in the returns, so the spread of the
    # means is the mean of the spreads.
    assert caar("china - abroad") == pytest.approx(caar("china") - caar("abroad"))


def test_minor_events_are_studied_but_not_in_the_headline(prices):
    events = catalogue(
        ("big", "2021-06-21T18:12+08:00", "BTCM", "true"),
        ("small", "2021-09-24T17:32+08:00", "BTCM", "false"),
    )
    result = es.run(spec(), events, prices)
    counts = result.headline.group_by("sample").agg(pl.col("n").first()).sort("sample")
    assert counts.rows() == [("all", 2), ("headline", 1)]
    assert set(result.cars["event_id"]) == {"big", "small"}


def test_bitcoin_with_a_listed_factor_is_studied_on_its_sessions(prices):
    events = catalogue(("weekend", "2021-06-12"))
    study = spec(groups={"bitcoin": ("BTC-USD",)})
    result = es.run(study, events, prices)
    assert result.observations["day0"].to_list() == [date(2021, 6, 14)]
    own = spec(model="constant_mean", factors=(), groups={"bitcoin": ("BTC-USD",)})
    assert es.run(own, events, prices).observations["day0"].to_list() == [
        date(2021, 6, 12)
    ]


class TestLedger:
    def test_every_dropped_observation_has_its_reason(self, prices):
        events = catalogue(
            ("early", "2020-09-01", "BTCM"),
            ("late", "2022-01-10", "BTCM"),
            ("good", "2021-06-21", "BTCM"),
        )
        result = es.run(spec(), events, prices)
        left_out = result.ledger.filter(stage="observation")
        reasons = dict(left_out.select("event_id", "reason").iter_rows())
        assert set(reasons) == {"early", "late"}
        assert "estimation window" in reasons["early"]
        assert "do not cover the event window" in reasons["late"]
        status = dict(result.observations.select("event_id", "status").iter_rows())
        assert status == {"early": "dropped", "late": "dropped", "good": "used"}

    def test_assets_without_prices_are_named(self, prices):
        study = spec(groups={"miners": ("BTCM", "HUT")})
        result = es.run(study, catalogue(SUMMONS), prices)
        left_out = result.ledger.filter(stage="observation")
        assert left_out["reason"].to_list() == ["no prices for HUT"]

    def test_a_study_in_which_nothing_is_left_is_an_error(self, prices):
        with pytest.raises(es.DataError, match="late, BTCM: prices do not cover the"):
            es.run(spec(), catalogue(("late", "2022-06-30", "BTCM")), prices)


class TestRefusals:
    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"tests": ("tt",)}, "unknown test 'tt': did you mean 't'?"),
            ({"model": "market", "factors": ()}, "takes one factor, got none"),
            ({"model": "nonesuch"}, "unknown model 'nonesuch'; known: constant_mean"),
            ({"factors": ("^FTSE",)}, "no prices for the factors ^FTSE; held: BTBT"),
        ],
    )
    def test_impossible_requests(self, prices, changes, message):
        with pytest.raises(es.EventStudyError) as caught:
            es.run(spec(**changes), catalogue(SUMMONS), prices)
        assert message in str(caught.value)

    def test_question_about_an_unknown_event(self, prices):
        question = es.Question(text="What?", event_id="sumons")
        with pytest.raises(es.SpecError, match=r"no event 'sumons'.*summons"):
            es.run(spec(questions=(question,)), catalogue(SUMMONS), prices)


def test_tables_of_frames_of_other_libraries_are_the_same(prices):
    frame = prices.frame.filter(pl.col("symbol").is_in(["BTCM", "^GSPC"]))
    events = catalogue((*SUMMONS, "BTCM"))
    want = es.run(spec(), events, prices).cars
    for other in (frame, frame.to_arrow(), frame.to_pandas()):
        assert es.run(spec(), events, other).cars.equals(want)


def test_results_do_not_depend_on_the_size_of_blocks(prices, monkeypatch):
    study = spec(groups={"a": ("BTCM", "EBON", "SOS"), "b": ("RIOT", "MARA")})
    events = catalogue(SUMMONS, ("september", "2021-09-24T17:32+08:00"))
    whole = es.run(study, events, prices)
    monkeypatch.setattr("eventstudy.study.estimate.BLOCK_SIZE", 3)
    cut = es.run(study, events, prices)
    for name in ("cars", "tests", "headline", "aar"):
        a, b = getattr(whole, name), getattr(cut, name)
        keys = [c for c in a.columns if a[c].dtype != pl.Float64]
        assert a.select(keys).equals(b.select(keys)), name
        for column in set(a.columns) - set(keys):
            np.testing.assert_allclose(
                a[column].fill_null(-9.0), b[column].fill_null(-9.0), rtol=1e-10
            )


def test_a_garch_model_counts_sessions_not_variances(prices):
    events = catalogue((*SUMMONS, "BTCM"))
    result = es.run(spec(model="garch"), events, prices)
    assert result.abnormal_returns["span"].unique().to_list() == [1]
    alpha = result.fit["alpha"][0]
    for car in result.cars.iter_rows(named=True):
        length = car["end"] - car["start"] + 1
        assert car["alpha_part"] == pytest.approx(-alpha * length)
    # Its variance is a forecast, so that days differ; least squares gives them one.
    assert result.abnormal_returns["se"].n_unique() == 21
