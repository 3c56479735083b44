"""A study's tables of volatility, volume and bars against arrays cut by hand."""

import math
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

import eventstudy as es
from eventstudy.core.errors import DataError
from eventstudy.garch import fit, forecast
from eventstudy.outcomes import corwin_schultz
from eventstudy.study import estimate, volatility_garch
from eventstudy.study.intraday_bars import read_bars
from eventstudy.volatility import (
    MEASURES,
    ShiftOptions,
    cut,
    garch_dummy,
    icss,
    log_ranges,
    pooled_ratio,
    variance_ratio,
    window_dummy,
)

pytestmark = pytest.mark.long

FIRST = date(2020, 3, 1)
# Days of the announcements after the first price; the calendar that the study needs
# begins before the first price and ends after the last.
DAYS = {"e1": 190, "e2": 250, "e3": 300, "e4": 305}
N = 345
RANGES = [name for name, entry in MEASURES.items() if entry.is_range]
ASSETS = ("A", "B", "C")
BARS = Path(__file__).parents[1].resolve().parent / "shared" / "data" / "intraday"
WINDOW = {"post": (0, 30), "event": (0, 10)}
TABLES = {
    "volatility": "event_id asset group model measure window pre post ratio ci_low "
    "ci_high test statistic df_num df pvalue n n_clusters pre_near_events "
    "post_near_events reason",
    "garch": "asset group n omega alpha beta nu persistence half_life log_likelihood "
    "converged reason",
    "conditional": "asset group date sd",
    "breaks": "asset group date sd_before sd_after statistic critical event_id "
    "distance n_breaks mean_distance pvalue reason",
    "regimes": "asset group date probability",
    "volume_aar": "sample group offset aar caar se ci_low ci_high n",
    "intraday": "event_id symbol minutes log_change",
    "intraday_events": "event_id symbol bar_minutes announced_utc rv_event rv_usual "
    "ratio pvalue n_missing reason",
}


def spec(**changes):
    settings = {
        "returns": "log",
        "model": "constant_mean",
        "calendars": {"default": "24/7"},
        "groups": {"rigs": ("A", "B"), "coin": ("C",)},
        "overlap": "keep",
        "windows": ((-1, 1), (0, 5)),
        "tests": ("csect", "portfolio"),
        "resamples": 99,
        "parts": ("all",),
    }
    return es.StudySpec(**settings | changes)


def catalogue(days=DAYS, **columns):
    held = {
        "event_id": list(days),
        "announced_at": [str(FIRST + timedelta(days=d)) for d in days.values()],
    }
    return pl.DataFrame(held | columns)


def world(seed=0, n=N):
    """Days of opens, highs, lows, closes and volumes with clustered volatility."""
    rng = np.random.default_rng(seed)
    frames = []
    for symbol in ASSETS:
        h, steps = 4e-4, rng.standard_t(5, size=(n, 24)) / math.sqrt(24 * 5 / 3)
        path, level = [], 100.0
        for day in range(n):
            inside = level * np.exp(np.cumsum(math.sqrt(h) * steps[day]))
            path.append((level, max(level, *inside), min(level, *inside), inside[-1]))
            h = 2e-5 + 0.1 * math.log(inside[-1] / level) ** 2 + 0.85 * h
            level = inside[-1]
        columns = dict(
            zip(("open", "high", "low", "close"), zip(*path, strict=True), strict=True)
        )
        volume = np.exp(rng.normal(10, 0.5, n)).round()
        frames.append(
            pl.DataFrame(columns).with_columns(
                symbol=pl.lit(symbol),
                date=pl.Series([FIRST + timedelta(days=i) for i in range(n)]),
                volume=pl.Series(volume),
            )
        )
    return pl.concat(frames)


def column(frame, symbol, name):
    return frame.filter(pl.col("symbol") == symbol)[name].to_numpy()


def returns(frame, symbol):
    closes = column(frame, symbol, "close").tolist()
    out = [math.nan]
    for before, now in pairwise(closes):
        out.append(math.log(now / before))
    return np.array(out)


def errors(frame, symbol, day):
    """Returns less their mean over the estimation window."""
    y = returns(frame, symbol)
    return y - y[day - 130 : day - 10].mean()


@pytest.fixture(scope="module")
def prices():
    return world()


@pytest.fixture(scope="module")
def result(prices):
    return es.run(spec(), catalogue(), prices)


def one(table, **wanted):
    (row,) = table.filter(**wanted).iter_rows(named=True)
    return row


def test_tables_have_the_columns_of_the_contract(result):
    for name, columns in TABLES.items():
        assert getattr(result, name).columns == columns.split(), name


def test_only_what_was_asked_for_is_made(result):
    assert result.regimes.is_empty()
    assert result.intraday.is_empty()
    assert result.intraday_events.is_empty()


def test_a_missing_number_has_its_reason(result):
    table = result.volatility
    assert (
        table.filter(pl.col("pvalue").is_null() & pl.col("reason").is_null()).height
        == 0
    )
    known = table.filter(pl.col("pvalue").is_not_null())
    assert known["ratio"].is_not_null().all()
    assert set(table["window"]) == {"post", "event"}


@pytest.mark.parametrize("window", WINDOW)
@pytest.mark.parametrize(
    ("measure", "series"), [("raw_return", returns), ("abnormal_return", None)]
)
def test_ratios_of_single_observations(result, prices, window, measure, series):
    for event, day in DAYS.items():
        for asset in ASSETS:
            y = series(prices, asset) if series else errors(prices, asset, day)
            # sessions of the calendar without a price, before and after
            padded = np.r_[np.full(40, np.nan), y, np.full(40, np.nan)]
            held = cut(padded[None], day + 40, post=WINDOW[window])
            start, end = WINDOW[window]
            assert_allclose(held.pre[0], y[day - 60 : day - 10])
            assert_allclose(held.post[0], y[day + start : day + end + 1])
            wanted = variance_ratio(
                held.pre,
                held.post,
                history=held.history,
                gap=10,
                options=ShiftOptions(reps=99, seed=20210621),
            )
            for found in wanted:
                row = one(
                    result.volatility,
                    event_id=event,
                    asset=asset,
                    measure=measure,
                    window=window,
                    test=found.test,
                )
                assert row["ratio"] == pytest.approx(
                    np.std(y[day + start : day + end + 1], ddof=1)
                    / np.std(y[day - 60 : day - 10], ddof=1)
                )
                # ranked deviations tie or not by the last bit of a mean
                wide = {"rel": 1e-4, "nan_ok": True}
                assert row["pvalue"] == pytest.approx(found.pvalue[0], **wide)


@pytest.mark.parametrize("window", WINDOW)
def test_ranges_are_pooled_over_events(result, prices, window):
    start, end = WINDOW[window]
    for measure, asset in (("parkinson", "A"), ("rogers_satchell", "C")):
        o, h, low, c = (
            column(prices, asset, n) for n in ("open", "high", "low", "close")
        )
        if measure == "parkinson":
            variance = np.log(h / low) ** 2 / (4 * math.log(2))
        else:
            variance = np.log(h / o) * np.log(h / c) + np.log(low / o) * np.log(low / c)
        logs = [
            0.5 * math.log(variance[d + start : d + end + 1].mean())
            - 0.5 * math.log(variance[d - 60 : d - 10].mean())
            for d in DAYS.values()
        ]
        held = result.volatility.filter(measure=measure, asset=asset, window=window)
        assert set(held["test"]) == {"bootstrap", "placebo"}
        assert_allclose(held["ratio"], math.exp(np.mean(logs)))
        assert held["n"].to_list() == [4, 4]


def test_ranges_of_groups_equal_the_function(prices):
    """Two events, so that enough of the resamples are complete."""
    days = {"e1": 205, "e3": 295}
    groups = {"rigs": ("A", "B")}
    result = es.run(spec(groups=groups), catalogue(days), prices)
    ohlc = [
        np.array([column(prices, a, n) for a in ("A", "B")])
        for n in ("open", "high", "low", "close")
    ]
    values = log_ranges(*ohlc).values
    edge = np.full((2, 40, 4), np.nan)
    observations = [(a, d) for a in (0, 1) for d in days.values()]
    for measure in RANGES:
        for test in ("bootstrap", "placebo"):
            # pseudo-dates next to the first and last price may lack some sessions
            pad = 40 if test == "placebo" else 0
            padded = np.concatenate([edge[:, :pad], values, edge[:, :pad]], axis=1)
            held = cut(
                padded[[a for a, _ in observations]],
                np.array([d + pad for _, d in observations]),
            )
            (wanted,) = pooled_ratio(
                held.pre,
                held.post,
                day0=held.day0,
                history=held.history,
                gap=held.gap,
                tests=(test,),
                options=ShiftOptions(measure=measure, reps=99, seed=20210621),
            )
            keys = {"asset": "all", "group": "rigs", "window": "post", "test": test}
            row = one(result.volatility, measure=measure, **keys)
            assert wanted.reason == (None,)
            assert row["ratio"] == pytest.approx(wanted.ratio[0])
            assert row["pvalue"] == pytest.approx(wanted.pvalue[0])
            assert row["ci_high"] == pytest.approx(wanted.ci_high[0])


def garch_forecasts(prices, asset, day):
    """Fit of the estimation window, and errors and forecasts of what follows."""
    y = errors(prices, asset, day)
    found = fit(y[None, day - 130 : day - 10], dist="t")
    return found, y[day - 10 : day + 31], forecast(found, 41)[0]


@pytest.mark.parametrize("window", WINDOW)
def test_event_volatility_is_set_against_garch_forecasts(result, prices, window):
    inside = [10 + offset for offset in range(WINDOW[window][0], WINDOW[window][1] + 1)]
    for event, day in DAYS.items():
        _, ar, h = garch_forecasts(prices, "B", day)
        row = one(
            result.volatility,
            event_id=event,
            asset="B",
            test="filtered_simulation",
            window=window,
        )
        assert row["measure"] == "garch"
        total = sum(ar[k] ** 2 / h[k] for k in inside)
        assert row["statistic"] == pytest.approx(total, rel=1e-5)
        pre = math.sqrt(sum(h[k] for k in inside) / len(inside))
        post = math.sqrt(sum(ar[k] ** 2 for k in inside) / len(inside))
        assert row["pre"] == pytest.approx(pre, rel=1e-5)
        assert row["ratio"] == pytest.approx(post / pre, rel=1e-5)
        assert 0 < row["pvalue"] <= 1


def test_cumulative_abnormal_volatility_of_a_group(result, prices):
    """Fits whose shocks outlive the estimation window stand apart, in the ledger."""
    held, apart = [], []
    for asset in ("A", "B"):
        for event, day in DAYS.items():
            found = garch_forecasts(prices, asset, day)
            left = found[0].variance[0, 1:].sum()
            if left < 1 and math.log(0.5) / math.log(left) <= found[0].n[0]:
                held.append(found)
            else:
                apart.append((event, asset))
    told = result.ledger.filter(pl.col("stage") == "garch", pl.col("asset") != "C")
    assert set(told.select("event_id", "asset").iter_rows()) == set(apart)
    assert apart
    assert told["reason"].str.contains("outlives the estimation window").all()
    n, multiples = len(held), []
    for k in range(10, 21):
        ar, h = [ar[k] for _, ar, _ in held], [h[k] for _, _, h in held]
        parts = [
            (n * a - sum(ar)) ** 2 / (n * (n - 2) * v + sum(h))
            for a, v in zip(ar, h, strict=True)
        ]
        multiples.append(sum(parts) / n)
    keys = {"group": "rigs", "asset": "all", "measure": "garch", "window": "event"}
    chi = one(result.volatility, **keys, test="cav")
    assert chi["statistic"] == pytest.approx((n - 1) * sum(multiples), rel=1e-4)
    assert chi["ratio"] == pytest.approx(math.sqrt(np.mean(multiples)), rel=1e-4)
    assert chi["df"] == (n - 1) * 11
    boot = one(result.volatility, **keys, test="cav_bootstrap")
    assert boot["statistic"] == pytest.approx(sum(multiples) - 11, rel=1e-3, abs=1e-4)
    assert (boot["n"], boot["n_clusters"]) == (8 - len(apart), 1)


def test_too_large_a_group_says_that_it_is(prices, monkeypatch):
    monkeypatch.setattr(volatility_garch, "_MOST_POOLED", 4)
    found = es.run(spec(), catalogue(), prices).volatility
    keys = {"asset": "all", "measure": "garch", "window": "post", "test": "cav"}
    row = one(found, group="rigs", **keys)
    assert row["pvalue"] is None
    assert row["reason"] == "7 observations; 4 at most are simulated together"
    assert one(found, group="coin", **keys)["pvalue"] is not None


def test_a_step_in_the_variance_during_the_window(result, prices):
    for event, day in DAYS.items():
        y = errors(prices, "C", day)[None, 1:]
        dummy = window_dummy(N - 1, day - 1, (0, 30))
        wanted = garch_dummy(y, dummy, dist="t")
        row = one(
            result.volatility,
            event_id=event,
            asset="C",
            test="garch_dummy",
            window="post",
        )
        if row["ratio"] is None:
            assert row["reason"]
            continue
        assert row["ratio"] == pytest.approx(wanted.ratio[0], rel=1e-3)
        assert row["pvalue"] == pytest.approx(wanted.pvalue[0], abs=2e-3)
        outside = y[dummy == 0]
        assert row["pre"] == pytest.approx(math.sqrt(np.mean(outside**2)))
        assert row["post"] == pytest.approx(row["pre"] * row["ratio"])


def test_a_likelihood_without_a_top_has_no_ratio(prices):
    """In a window too calm for the shocks before it the step falls for ever."""
    calm = prices.filter(pl.col("symbol") == "A").select("symbol", "date", "close")
    y = returns(calm, "A")[1:]
    y[189:220] *= 0.3
    level = 100 * np.exp(np.r_[0.0, np.cumsum(y)])
    found = es.run(
        spec(groups={"rigs": ("A",)}),
        catalogue({"e1": 190}),
        calm.with_columns(close=pl.Series(level)),
    ).volatility
    row = one(found, event_id="e1", test="garch_dummy", window="post")
    assert row["reason"] == "the likelihood rises without end as the step grows"
    assert [row[name] for name in ("pre", "post", "ratio", "pvalue")] == [None] * 4


def test_garch_of_whole_histories(result, prices):
    for asset in ASSETS:
        wanted = fit(returns(prices, asset)[None, 1:], dist="t")
        row = one(result.garch, asset=asset)
        assert row["n"] == N - 1
        assert row["log_likelihood"] == pytest.approx(wanted.loglik[0], abs=1e-4)
        assert row["persistence"] == pytest.approx(row["alpha"] + row["beta"])
        if row["half_life"] is not None:
            assert row["persistence"] ** row["half_life"] == pytest.approx(0.5)
        else:
            assert "outlives" in row["reason"]
        path = result.conditional.filter(asset=asset)
        assert path["date"].to_list() == [
            FIRST + timedelta(days=i) for i in range(1, N)
        ]
        assert_allclose(path["sd"], np.sqrt(wanted.h[0]), rtol=1e-3)


def test_breaks_stand_beside_the_nearest_announcement(prices):
    calm = np.random.default_rng(5).normal(0, 0.01, N)
    calm[252:] *= 5
    level = 100 * np.exp(np.cumsum(calm))
    only = prices.filter(pl.col("symbol") == "C").select("symbol", "date")
    only = only.with_columns(close=pl.Series(level))
    groups = {"groups": {"coin": ("C",)}}
    (row,) = es.run(spec(**groups), catalogue(), only).breaks.iter_rows(named=True)
    assert row["event_id"] == "e2"
    day = (row["date"] - FIRST).days
    assert day == 1 + icss(np.diff(np.log(level))[None])[0].breaks[0]
    assert abs(day - 252) <= 10
    assert row["distance"] == day - DAYS["e2"]
    assert row["sd_before"] == pytest.approx(calm[1:day].std(), rel=0.1)
    assert row["sd_after"] > 4 * row["sd_before"]
    assert (row["n_breaks"], row["reason"]) == (1, None)
    apart = []
    for shift in range(N - 1):
        moved = [(d - 1 + shift) % (N - 1) for d in DAYS.values()]
        apart.append(min(abs(day - 1 - m) for m in moved))
    assert row["mean_distance"] == apart[0]
    assert row["pvalue"] == pytest.approx(np.mean(np.array(apart) <= apart[0]))


def test_an_asset_without_breaks_says_so(result):
    held = result.breaks.filter(pl.col("n_breaks") == 0)
    assert held["reason"].to_list() == ["no variance break"] * held.height
    assert set(result.breaks["asset"]) == set(ASSETS)


def log_volume_car(prices, asset, day, window):
    v = np.log1p(column(prices, asset, "volume"))
    usual = v[day - 130 : day - 10].mean()
    return sum(v[day + k] - usual for k in range(window[0], window[1] + 1))


def test_abnormal_volume_is_tested_like_returns(result, prices):
    for window in ((-1, 1), (0, 5)):
        sums = [
            log_volume_car(prices, asset, day, window)
            for asset in ("A", "B")
            for day in DAYS.values()
        ]
        row = one(
            result.tests,
            outcome="volume",
            group="rigs",
            test="csect",
            start=window[0],
            end=window[1],
        )
        assert row["model"] == "volume"
        assert row["estimate"] == pytest.approx(np.mean(sums))
        t = np.mean(sums) / (np.std(sums, ddof=1) / math.sqrt(len(sums)))
        assert row["statistic"] == pytest.approx(t)
    path = result.volume_aar.filter(group="rigs")
    assert path["offset"].to_list() == list(range(-10, 11))
    assert_allclose(path["caar"], path["aar"].cum_sum())
    day0 = [log_volume_car(prices, a, d, (0, 0)) for a in "AB" for d in DAYS.values()]
    assert path.filter(offset=0)["aar"][0] == pytest.approx(np.mean(day0))
    assert set(result.tests.filter(outcome="volume")["group"]) == {
        "rigs",
        "coin",
        "all",
    }


def test_liquidity_is_an_outcome_beside_volume():
    held = es.fetch_prices(["BTCM"], source="snapshot")
    settings = es.StudySpec(
        parts=("volume", "illiquidity"),
        returns="simple",
        model="constant_mean",
        windows=((-1, 1),),
        tests=("csect",),
    )
    events = pl.DataFrame({"event_id": ["e"], "announced_at": ["2021-06-21"]})
    found = es.run(settings, events, held).tests.filter(test="t")
    high, low, close, volume = (
        held.frame[name].to_numpy() for name in ("high", "low", "close", "volume")
    )
    zero = held.frame["date"].to_list().index(date(2021, 6, 21))
    moved = np.abs(close[1:] / close[:-1] - 1)
    value = close[1:] * volume[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratio = np.concatenate([[np.nan], np.log(1e6 * moved / value)])
    ratio[~np.isfinite(ratio)] = np.nan
    for outcome, series in (
        ("illiquidity", ratio),
        ("spread", corwin_schultz(high, low, close)[0]),
    ):
        usual = np.nanmean(series[zero - 130 : zero - 10])
        expected = (series[zero - 1 : zero + 2] - usual).sum()
        row = one(found, outcome=outcome)
        assert row["estimate"] == pytest.approx(expected, rel=1e-10)


def test_missing_volume_is_told_and_the_rest_goes_on(prices):
    broken = prices.with_columns(
        volume=pl.when(pl.col("symbol") == "C")
        .then(None)
        .when(
            (pl.col("symbol") == "B") & (pl.col("date") < FIRST + timedelta(days=200))
        )
        .then(0.0)
        .otherwise("volume")
    )
    found = es.run(spec(), catalogue(), broken)
    coin = found.tests.filter(outcome="volume", group="coin")
    assert coin["pvalue"].is_null().all()
    assert set(coin["reason"]) == {"no volume to study"}
    rigs = one(found.tests, outcome="volume", group="rigs", test="csect", start=-1)
    assert rigs["n"] == 6  # four of A, the two of B with 60 sessions of volume
    left = found.ledger.filter(stage="volume")
    assert left.filter(asset="B")["event_id"].to_list() == ["e1", "e2"]
    assert left.filter(asset="B")["held"].to_list() == ["0", "40"]
    assert left.filter(asset="C").height == 4
    assert left["reason"].is_not_null().all()
    assert found.cars.height == es.run(spec(), catalogue(), prices).cars.height


def test_prices_without_ranges_have_nulls_with_reasons(prices):
    closes = prices.select("symbol", "date", "close")
    found = es.run(spec(), catalogue(), closes).volatility
    ranges = found.filter(pl.col("measure").is_in(RANGES))
    assert ranges["ratio"].is_null().all()
    assert ranges["reason"].is_not_null().all()
    assert found.filter(measure="raw_return", test="f")["ratio"].is_not_null().all()


def test_short_and_constant_windows_have_nulls_with_reasons(prices):
    """C does not trade after the first event, and B's close stands still."""
    poor = prices.filter(
        (pl.col("symbol") != "C") | (pl.col("date") <= FIRST + timedelta(days=265))
    ).with_columns(
        close=pl.when(
            (pl.col("symbol") == "B") & (pl.col("date") >= FIRST + timedelta(days=295))
        )
        .then(100.0)
        .otherwise("close")
    )
    found = es.run(spec(), catalogue(), poor).volatility
    assert (
        found.filter(pl.col("pvalue").is_null() & pl.col("reason").is_null()).height
        == 0
    )
    keys = {"measure": "raw_return", "window": "post", "test": "f"}
    assert "no variation" in one(found, event_id="e4", asset="B", **keys)["reason"]
    assert (
        "valid sessions after" in one(found, event_id="e2", asset="C", **keys)["reason"]
    )


def same(a, b):
    keys = [c for c, kind in a.schema.items() if not kind.is_float()]
    a, b = (t.sort([c for c in keys if c != "reason"], nulls_last=True) for t in (a, b))
    assert a.select(keys).equals(b.select(keys), null_equal=True)
    for name in (c for c in a.columns if c not in keys):
        left, right = (t[name].fill_null(np.nan).to_numpy() for t in (a, b))
        assert_allclose(left, right, rtol=1e-5, atol=1e-8, err_msg=name)


def test_numbers_do_not_depend_on_the_size_of_the_blocks(result, prices, monkeypatch):
    monkeypatch.setattr(estimate, "BLOCK_SIZE", 5)
    found = es.run(spec(), catalogue(), prices)
    for name in ("volatility", "garch", "conditional", "breaks", "volume_aar", "tests"):
        same(getattr(result, name), getattr(found, name))


def test_regimes_are_fitted_when_asked_for(prices):
    groups = {"groups": {"coin": ("C",)}}
    only = prices.filter(pl.col("symbol") == "C")
    found = es.run(spec(regimes=True, **groups), catalogue(), only).regimes
    assert found["date"].to_list() == [FIRST + timedelta(days=i) for i in range(1, N)]
    assert found["probability"].is_between(0, 1).all()


HOURS = 24 * N


@pytest.fixture(scope="module")
def bars():
    """Hourly bars of C; the five hours before noon of day 40 are missing."""
    rng = np.random.default_rng(9)
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.004, HOURS)))
    start = datetime.combine(FIRST, datetime.min.time(), UTC)
    table = pl.DataFrame(
        {
            "time_utc": [start + timedelta(hours=h) for h in range(HOURS)],
            "open": np.r_[100.0, close[:-1]],
            "close": close,
        }
    )
    hour = np.arange(HOURS)
    return table.filter(pl.Series((hour < 40 * 24 + 7) | (hour >= 40 * 24 + 12)))


def timed(hours, **columns):
    start = datetime.combine(FIRST, datetime.min.time(), UTC)
    return pl.DataFrame(
        {
            "event_id": list(hours),
            "announced_at": [
                (start + timedelta(hours=h)).isoformat() for h in hours.values()
            ],
            **columns,
        }
    )


def test_announcements_among_bars(prices, bars, tmp_path):
    path = tmp_path / "bars.parquet"
    bars.write_parquet(path)
    events = timed({"e1": 200 * 24 + 10.5, "e2": 260 * 24 + 3})
    found = es.run(spec(intraday={"C": str(path)}), events, prices)
    close = dict(zip(bars["time_utc"], bars["close"], strict=True))
    said = datetime.combine(FIRST, datetime.min.time(), UTC) + timedelta(hours=4810.5)
    base = close[said - timedelta(hours=1.5)]  # the bar that ended half an hour before
    path_ = found.intraday.filter(event_id="e1")
    assert path_["minutes"].to_list() == [-90.0, -30.0, 30.0, 90.0, 150.0, 210.0]
    for minutes, change in path_.select("minutes", "log_change").iter_rows():
        start = said + timedelta(minutes=minutes - 60)
        assert change == pytest.approx(math.log(close[start] / base), abs=1e-12)
    row = one(found.intraday_events, event_id="e2")
    hours = [close[k] for k in sorted(close)]
    at = sorted(close).index(said + timedelta(hours=60 * 24 - 7.5))
    day = np.diff(np.log(hours[at - 1 : at + 24]))
    assert row["rv_event"] == pytest.approx((day**2).sum())
    assert row["ratio"] == pytest.approx(row["rv_event"] / row["rv_usual"])
    assert row["rv_usual"] == pytest.approx(24 * 0.004**2, rel=0.5)
    assert row["pvalue"] > 0.01
    assert (row["bar_minutes"], row["n_missing"], row["reason"]) == (60.0, 0, None)
    kinds = {(f["role"], f["name"]) for f in found.provenance["files"]}
    assert ("intraday", "bars.parquet") in kinds


def test_realised_volatility_before_and_after(prices, bars, tmp_path):
    path = tmp_path / "bars.csv"
    bars.write_csv(path)
    found = es.run(spec(intraday={"C": str(path)}), catalogue(), prices)
    log = dict(zip(bars["time_utc"], np.log(bars["close"]), strict=True))
    first = datetime.combine(FIRST, datetime.min.time(), UTC)
    rv = []
    for day in range(1, N):
        hours = [log.get(first + timedelta(hours=24 * day + h)) for h in range(-1, 24)]
        known = [h for h in hours if h is not None]
        rv.append(
            sum((b - a) ** 2 for a, b in pairwise(known))
            if len(known) > 0.8 * 24
            else None
        )
    rv = [None, *rv]
    logs = []
    for day in DAYS.values():
        after, before = rv[day : day + 31], rv[day - 60 : day - 10]
        logs.append(0.5 * math.log(np.mean(after) / np.mean(before)))
    held = found.volatility.filter(measure="realised", asset="C", window="post")
    pooled = held.filter(event_id="all")
    assert_allclose(pooled["ratio"], math.exp(np.mean(logs)), rtol=1e-9)
    single = held.filter(event_id="e3", test="bootstrap")
    assert_allclose(single["ratio"], math.exp(logs[2]), rtol=1e-9)


def test_announcements_outside_the_bars_say_so(prices, bars, tmp_path):
    path = tmp_path / "bars.csv"
    bars.head(100).write_csv(path)
    events = timed({"e1": 200 * 24 + 10.5})
    found = es.run(spec(intraday={"C": str(path)}), events, prices)
    assert found.intraday.is_empty()
    row = one(found.intraday_events)
    assert "0 of 24 bars" in row["reason"]
    assert row["ratio"] is None


def test_an_announcement_by_the_day_has_no_path(prices, bars, tmp_path):
    path = tmp_path / "bars.csv"
    bars.write_csv(path)
    found = es.run(spec(intraday={"C": str(path)}), catalogue(), prices)
    assert found.intraday_events.is_empty()


def test_short_bars_are_shown_every_five_minutes(prices, tmp_path):
    start = datetime(2020, 9, 10, tzinfo=UTC)
    table = pl.DataFrame(
        {
            "time_utc": [start + timedelta(minutes=m) for m in range(1440)],
            "open": [1.0] * 1440,
            "close": [1.0] * 1440,
        }
    )
    table.write_csv(tmp_path / "bars.csv")
    events = timed({"e1": (start - datetime(2020, 3, 1, tzinfo=UTC)).days * 24 + 10})
    settings = spec(intraday={"C": str(tmp_path / "bars.csv")})
    minutes = es.run(settings, events, prices).intraday["minutes"]
    assert minutes.to_list() == list(range(-120, 241, 5))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop("open"), "no column open"),
        (lambda t: t.with_columns(time_utc=pl.lit("noon")), "2021-06-18T14:00:00Z"),
        (lambda t: t.head(1), "1 bars; at least two"),
        (lambda t: pl.concat([t, t.slice(3, 1)]), "must be in the order of time"),
        (
            lambda t: t.with_columns(close=-pl.col("close")),
            "no positive open and close",
        ),
        (lambda t: t.with_columns(symbol=pl.lit("D")), "no bars of C; it has D"),
    ],
)
def test_bad_bars_are_refused_with_the_name_of_the_file(
    bars, tmp_path, change, message
):
    path = tmp_path / "spoiled.csv"
    change(bars.head(50)).write_csv(path)
    with pytest.raises(DataError, match=message) as caught:
        read_bars(str(path), "C")
    assert "spoiled.csv" in str(caught.value)


def test_a_file_that_is_not_there_is_named(tmp_path):
    with pytest.raises(
        DataError, match=r"nothing\.csv: the intraday bars cannot be read"
    ):
        read_bars(str(tmp_path / "nothing.csv"), "C")


def exchange_world(known=1.0):
    """R moves with bitcoin from New York close to New York close; bars by the hour."""
    rng = np.random.default_rng(3)
    start = datetime(2020, 3, 1, tzinfo=UTC)
    price = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, HOURS + 1)))
    times = [start + timedelta(hours=h) for h in range(HOURS)]
    table = pl.DataFrame({"time_utc": times, "open": price[:-1], "close": price[1:]})
    daily, rig = [], []
    calendar = es.calendars.get_calendar(
        "XNYS", start=date(2020, 3, 2), end=FIRST + timedelta(days=N - 1)
    )
    for day in range(N):
        daily.append((FIRST + timedelta(days=day), price[24 * (day + 1)]))
    for session, close in zip(calendar.sessions, calendar.closes_utc, strict=True):
        hour = int(close // 3_600_000_000 - start.timestamp() // 3600)
        own = float(np.exp(rng.normal(0, 1e-5)))
        rig.append((date(1970, 1, 1) + timedelta(days=int(session)), own * price[hour]))
    frames = [
        pl.DataFrame(rows, schema=["date", "close"], orient="row").with_columns(
            symbol=pl.lit(symbol)
        )
        for symbol, rows in (("BTC-USD", daily), ("R", rig))
    ]
    return pl.concat(frames), table.head(int(known * HOURS))


@pytest.mark.parametrize("known", [1.0, 0.7])
def test_a_factor_is_taken_at_the_exchanges_close(tmp_path, known):
    prices, table = exchange_world(known)
    path = tmp_path / "btc.csv"
    table.write_csv(path)
    settings = {
        "returns": "log",
        "model": "market",
        "factors": ("BTC-USD",),
        "groups": {"rigs": ("R",)},
        "windows": ((-1, 1),),
        "resamples": 99,
    }
    events = catalogue({"e1": 280})
    aligned = es.run(
        es.StudySpec(**settings, intraday={"BTC-USD": str(path)}), events, prices
    )
    daily = es.run(es.StudySpec(**settings), events, prices)
    assert daily.fit["r_squared"][0] < 0.9
    (note,) = [n for n in aligned.provenance["notes"] if "as a factor" in n]
    if known == 1.0:
        beta = aligned.coefficients.filter(term="BTC-USD")["value"][0]
        assert beta == pytest.approx(1.0, abs=1e-3)
        assert aligned.fit["r_squared"][0] > 0.9999
        assert "at the closes of XNYS" in note
    else:
        assert aligned.fit["r_squared"][0] == daily.fit["r_squared"][0]
        assert "too few closes of XNYS" in note


@pytest.mark.skipif(not BARS.is_dir(), reason="no folder of intraday bars beside")
@pytest.mark.parametrize(
    ("name", "bar"),
    [("BTC-USD_bitstamp_1h.csv.gz", 3600), ("BTCUSDT_binance_5m_2021.csv.gz", 300)],
)
def test_real_bars_can_be_read(name, bar):
    assert read_bars(str(BARS / name), "BTC-USD").bars.bar == bar


class TestChina:
    """The example of the README, once through."""

    @pytest.fixture(scope="class")
    @classmethod
    def found(cls, worked_example):
        return worked_example.result()

    def test_every_measure_of_prices_is_there(self, found):
        assert set(found.volatility["measure"]) == {
            "raw_return",
            "abnormal_return",
            "absolute_return",
            "squared_return",
            "garch",
            *RANGES,
        }
        assert set(found.volatility.filter(measure="garch")["test"]) == {
            "filtered_simulation",
            "garch_dummy",
            "cav",
            "cav_bootstrap",
        }
        lost = found.volatility.filter(
            pl.col("pvalue").is_null() & pl.col("reason").is_null()
        )
        assert lost.is_empty()

    def test_pools_have_a_bootstrap(self, found):
        pooled = found.volatility.filter(event_id="all", test="bootstrap")
        assert pooled["pvalue"].is_not_null().all()

    def test_every_asset_is_fitted(self, found):
        assert found.garch["converged"].all()
        assert set(found.garch["asset"]) == set(found.spec.assets)
        assert set(found.breaks["asset"]) == set(found.spec.assets)
        volumes = found.tests.filter(outcome="volume", sample="headline")
        assert set(volumes["group"]) == {*found.spec.groups, "all"}
        assert volumes.filter(test="csect")["pvalue"].is_not_null().all()
