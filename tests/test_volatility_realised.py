"""Realised variance, HAR baselines and aligned prices: plain loops and real bars."""

import os
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from scipy import special, stats

from eventstudy.core.errors import DataError, SpecError
from eventstudy.volatility import (
    ShiftOptions,
    check_bars,
    cut,
    har,
    path_around,
    price_at,
    realised_variance,
    variance_ratio,
)

DATA = Path(os.path.normpath(Path(__file__).parents[1] / ".." / "shared" / "data"))
DAY = 86_400


def walk(seed, days, *, bar=300, sd=0.03, jump=None):
    """Bars of a 24/7 random walk; a jump is (bar, size)."""
    rng = np.random.default_rng(seed)
    n = days * DAY // bar
    moves = sd * np.sqrt(bar / DAY) * rng.normal(size=n)
    if jump:
        moves[jump[0]] += jump[1]
    close = 100 * np.exp(np.cumsum(moves))
    return bar * np.arange(n), np.r_[100.0, close[:-1]], close


def slow_realised(start, open_, close, bar, first, last):
    """One session in plain loops: rv, bipower, z."""
    r = []
    before = None
    for s, o, c in zip(start, open_, close, strict=True):
        if s < first or s + bar > last:
            continue
        r.append(np.log(c / (o if before is None else before)))
        before = c
    n = len(r)
    rv = sum(v**2 for v in r)
    bipower = sum(abs(r[i]) * abs(r[i - 1]) for i in range(1, n))
    bipower *= np.pi / 2 * n / (n - 1)
    mu = 2 ** (2 / 3) * special.gamma(7 / 6) / special.gamma(1 / 2)
    quarticity = sum(abs(r[i] * r[i - 1] * r[i - 2]) ** (4 / 3) for i in range(2, n))
    quarticity *= n * mu**-3 * n / (n - 2)
    spread = (np.pi**2 / 4 + np.pi - 5) / n * max(1, quarticity / bipower**2)
    return rv, bipower, (1 - bipower / rv) / np.sqrt(spread)


def test_realised_variance_equals_the_plain_loop_with_gaps():
    start, open_, close = walk(0, 4)
    keep = np.ones(len(start), bool)
    keep[100:130] = False
    keep[288] = False  # the first bar of the second day
    keep[2 * 288 : 2 * 288 + 200] = False
    bars = check_bars(start[keep], open_[keep], close[keep], bar=300)
    first = DAY * np.arange(4)
    got = realised_variance(bars, first, first + DAY)
    for i in (0, 1, 3):
        args = (start[keep], open_[keep], close[keep], 300, first[i], first[i] + DAY)
        rv, bipower, z = slow_realised(*args)
        assert_allclose(got.rv[i], rv, rtol=1e-10)
        assert_allclose(got.bipower[i], bipower, rtol=1e-10)
        assert_allclose(got.statistic[i], z, rtol=1e-9)
        assert_allclose(got.pvalue[i], stats.norm.sf(z), rtol=1e-8)
        assert_allclose(got.jump[i], max(rv - bipower, 0), rtol=1e-9)
    assert got.reason == (None, None, "88 of 288 bars", None)
    assert np.isnan(got.rv[2])
    assert_array_equal(got.expected, [288] * 4)
    assert_array_equal(got.n_bars, [258, 287, 88, 288])


def test_bars_outside_the_sessions_do_not_count():
    start, open_, close = walk(1, 2)
    bars = check_bars(start, open_, close, bar=300)
    nyse = np.array([14 * 3600 + 1800, DAY + 14 * 3600 + 1800])
    got = realised_variance(bars, nyse, nyse + 23_400)
    assert_array_equal(got.expected, [78, 78])
    assert_array_equal(got.n_bars, [78, 78])
    wanted = slow_realised(start, open_, close, 300, nyse[1], nyse[1] + 23_400)[0]
    assert_allclose(got.rv[1], wanted)


def test_a_jump_is_found_and_bipower_variance_leaves_it_out():
    start, open_, close = walk(2, 200, jump=(150 * 288 + 40, 0.06))
    bars = check_bars(start, open_, close, bar=300)
    first = DAY * np.arange(200)
    got = realised_variance(bars, first, first + DAY)
    assert got.pvalue[150] < 1e-6
    assert_allclose(got.jump[150], 0.06**2, rtol=0.25)
    others = np.delete(np.arange(200), 150)
    assert_allclose(got.rv[others].mean(), 0.03**2, rtol=0.02)
    assert_allclose(got.bipower.mean(), 0.03**2, rtol=0.03)
    assert 0.01 < (got.pvalue[others] < 0.05).mean() < 0.12


def test_bars_that_cannot_be_right_are_refused():
    with pytest.raises(DataError, match="bar 2 starts 30 s after"):
        check_bars([0, 60, 90], [1.0, 1, 1], [1.0, 1, 1], bar=60)
    with pytest.raises(DataError, match="bar 1 has no positive open"):
        check_bars([0, 60], [1.0, 0], [1.0, 1], bar=60)
    with pytest.raises(DataError, match="three columns"):
        check_bars([0, 60], [1.0], [1.0, 1], bar=60)
    with pytest.raises(SpecError, match="positive length"):
        check_bars([0], [1.0], [1.0], bar=0)


def test_har_equals_statsmodels_and_forecasts_a_loop():
    import statsmodels.api as sm

    rng = np.random.default_rng(3)
    rv = np.exp(0.5 * np.cumsum(rng.normal(size=(2, 160)), axis=1) / 5 - 7)
    rv[1, 50] = np.nan
    got = har(rv, n_estimation=150)
    log = np.log(rv)
    for i in range(2):
        rows, y = [], []
        for t in range(22, 150):
            row = [
                np.nanmean(log[i, t - h : t])
                if np.isfinite(log[i, t - h : t]).any()
                else np.nan
                for h in (1, 5, 22)
            ]
            if np.isfinite([*row, log[i, t]]).all():
                rows.append([1.0, *row])
                y.append(log[i, t])
        fit = sm.OLS(y, np.array(rows)).fit()
        assert_allclose(got.coefficients[i], fit.params, rtol=1e-8)
        assert_allclose(got.sigma[i], np.sqrt(fit.scale), rtol=1e-9)
        path = list(log[i, :150])
        for _ in range(10):
            x = [1.0, *(np.nanmean(path[-h:]) for h in (1, 5, 22))]
            path.append(float(np.dot(x, fit.params)))
        assert_allclose(got.expected[i], path[150:], rtol=1e-8)
    assert_allclose(got.abnormal, log[:, 150:] - got.expected)
    assert_allclose(got.se[:, 0], got.sigma)
    assert (np.diff(got.se, axis=1) > 0).all()


def test_har_forecast_errors_have_the_stated_spread():
    rng = np.random.default_rng(4)
    log = np.zeros((1500, 605))
    for t in range(22, 605):
        x = [log[:, t - h : t].mean(axis=1) for h in (1, 5, 22)]
        log[:, t] = 0.4 * x[0] + 0.3 * x[1] + 0.2 * x[2] + 0.3 * rng.normal(size=1500)
    got = har(np.exp(log), n_estimation=600)
    z = got.abnormal / got.se
    assert_allclose(z.std(axis=0), 1.0, atol=0.06)


def test_har_without_history_says_so():
    rv = np.full((2, 80), np.nan)
    rv[0, :60] = 1e-4
    got = har(rv, n_estimation=70)
    assert got.reason == (
        "38 sessions with a history, 40 needed",
        "0 sessions with a history, 40 needed",
    )
    assert np.isnan(got.expected).all()
    rv[0] = 1e-4
    assert har(rv, n_estimation=70).reason[0] == "the realised variance does not vary"
    with pytest.raises(SpecError, match="more than 22"):
        har(rv, n_estimation=20)


def test_ratio_of_realised_volatility():
    rng = np.random.default_rng(5)
    rv = 4e-4 * rng.chisquare(30, size=(3, 400)) / 30
    rv[:, 350:] *= 4
    w = cut(rv, 350)
    (got,) = variance_ratio(
        w.pre,
        w.post,
        history=w.history,
        gap=w.gap,
        options=ShiftOptions(measure="realised"),
        tests=("placebo",),
    )
    assert_allclose(got.ratio, 2.0, rtol=0.1)
    assert_allclose(got.pre, np.sqrt(w.pre.mean(axis=1)), rtol=1e-12)
    assert (got.pvalue < 0.05).all()


def test_a_price_is_known_when_its_bar_has_ended():
    bars = check_bars([0, 60, 120, 300], [1.0, 2, 3, 4], [2.0, 3, 4, 5], bar=60)
    got = price_at(bars, [0, 59, 60, 179, 180, 299, 400], max_age=100)
    assert_array_equal(got.price, [np.nan, np.nan, 2, 3, 4, np.nan, 5])
    assert_array_equal(got.age, [np.nan, np.nan, 0, 59, 0, 119, 40])


def test_path_around_an_instant_starts_from_the_last_known_price():
    start, open_, close = walk(6, 1, bar=60)
    bars = check_bars(start, open_, close, bar=60)
    got = path_around(bars, 30_030, before=600, after=1200)
    at = 500 - 1  # the bar that ended at 30 000
    assert got.base == close[at]
    assert_array_equal(got.seconds[[0, -1]], [29_460 - 30_030, 31_200 - 30_030])
    assert_allclose(got.path[9], 0.0, atol=1e-15)
    assert_allclose(got.path[-1], np.log(close[519] / close[at]))
    assert got.missing == 0
    with pytest.raises(DataError, match="no bar ended within 60 s"):
        path_around(bars, 2 * DAY, before=60, after=60)


@pytest.mark.skipif(not (DATA / "intraday").is_dir(), reason="no intraday bars here")
def test_bitcoin_at_the_new_york_close_equals_the_derived_file():
    import polars as pl

    frame = pl.read_csv(
        DATA / "intraday" / "BTC-USD_bitstamp_1h.csv.gz", infer_schema_length=None
    )
    seconds = frame["time_utc"].str.to_datetime(time_zone="UTC").dt.epoch("s")
    bars = check_bars(
        seconds.to_numpy(),
        frame["open"].to_numpy(),
        frame["close"].to_numpy(),
        bar=3600,
    )
    derived = pl.read_csv(DATA / "derived" / "btc_at_ny_close.csv")
    zone = ZoneInfo("America/New_York")
    closes = [
        int(datetime.fromisoformat(f"{day}T16:00").replace(tzinfo=zone).timestamp())
        for day in derived["date"]
    ]
    got = price_at(bars, np.array(closes), max_age=3600)
    assert_allclose(got.price, derived["btcusd_bitstamp_16ny"].to_numpy(), rtol=1e-12)


@pytest.mark.skipif(not (DATA / "intraday").is_dir(), reason="no intraday bars here")
def test_bitcoin_realised_volatility_is_that_of_its_daily_returns():
    import polars as pl

    frame = pl.read_csv(
        DATA / "intraday" / "BTCUSDT_binance_1h.csv.gz", infer_schema_length=None
    )
    seconds = (
        frame["time_utc"].str.to_datetime(time_zone="UTC").dt.epoch("s").to_numpy()
    )
    bars = check_bars(
        seconds, frame["open"].to_numpy(), frame["close"].to_numpy(), bar=3600
    )
    first = np.arange(seconds[0] // DAY + 1, seconds[-1] // DAY) * DAY
    got = realised_variance(bars, first, first + DAY)
    short = [r for r in got.reason if r]
    assert 0 < len(short) < 5  # exchange outages, stated
    close = price_at(bars, first + DAY, max_age=3600).price
    daily = np.diff(np.log(close))
    assert_allclose(
        np.sqrt(np.nanmean(got.rv)), np.sqrt(np.nanmean(daily**2)), rtol=0.1
    )
