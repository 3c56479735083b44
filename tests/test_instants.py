"""Moves in the minutes after an instant: twin, check values, sizes, odd bars."""

import datetime as dt
import math
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from eventstudy.core.errors import DataError, SpecError
from eventstudy.volatility import (
    check_bars,
    instant_effects,
    jump_threshold,
    returns_over,
    steps_of,
)

BARS = (Path(__file__).parents[1] / ".." / "shared" / "data" / "intraday").resolve()
DAY = 86_400
TWO_HOURS = 7_200


def bars_of(returns, bar=900, start=0):
    close = 100 * np.exp(np.cumsum(returns))
    open_ = np.concatenate([[100.0], close[:-1]])
    times = start + bar * np.arange(len(returns))
    return check_bars(times, open_, close, bar=bar)


def seasonal(rng, days=45, bar=900, spread=0.001, law=None):
    n = days * DAY // bar
    clock = np.arange(n) % (DAY // bar)
    shape = 1 + 0.6 * np.sin(2 * np.pi * clock / (DAY // bar))
    draws = rng.standard_t(5, n) if law is None else law(n)
    return spread * shape * draws


def slow_effects(returns, bar, at, minutes):
    """One window after another, one instant after another."""
    per_day = DAY // bar
    begin = at - 30 * per_day
    groups = {}
    for t in range(begin, at):
        groups.setdefault(t % per_day, []).append(abs(returns[t]))
    f = {slot: 1.4826 * float(np.median(v)) for slot, v in groups.items()}
    usual = float(np.median(list(f.values())))
    f = {slot: max(v, 0.1 * usual) for slot, v in f.items()}
    square = np.mean([f[t % per_day] ** 2 for t in range(begin, at)])
    scale = [f[t % per_day] / math.sqrt(square) for t in range(len(returns))]
    x = [r / s for r, s in zip(returns, scale, strict=True)]
    back = max(per_day, 30)

    def z(t, m):
        # the step before t ends at t; the scale ends one hour before that
        stop = t - 3600 // bar
        pairs = [abs(x[k]) * abs(x[k - 1]) for k in range(stop - back + 1, stop)]
        v = math.pi / 2 * sum(pairs) / len(pairs)
        steps = range(t, t + 60 * m // bar)
        car = sum(returns[k] for k in steps)
        se = math.sqrt(v * sum(scale[k] ** 2 for k in steps))
        return car, se

    longest = 60 * max(minutes) // bar
    lead = begin + back + 3600 // bar + 1
    dates = [t for t in range(lead, at) if t + longest <= at]
    own = [z(at, m) for m in minutes]
    law = [[abs(c / s) for c, s in (z(t, m) for m in minutes)] for t in dates]
    law = np.array(law)
    mine = np.array([abs(c / s) for c, s in own])
    spread = np.sqrt((law**2).mean(axis=0))
    top = (law / spread).max(axis=1)
    same = [k for k, t in enumerate(dates) if t % per_day == at % per_day]
    return {
        "car": [c for c, _ in own],
        "se": [s for _, s in own],
        "pvalue": (1 + (law >= mine).sum(axis=0)) / (1 + len(dates)),
        "pvalue_family": [
            (1 + (top >= one).sum()) / (1 + len(dates)) for one in mine / spread
        ],
        "pvalue_same_time": (1 + (law[same] >= mine).sum(axis=0)) / (1 + len(same)),
        "n": len(dates),
    }


@pytest.mark.parametrize("bar", [900, 3600])
def test_the_sums_are_those_of_one_window_after_another(bar):
    rng = np.random.default_rng(bar)
    returns = seasonal(rng, days=40, bar=bar)
    at, minutes = 34 * DAY // bar + 5, (60, 240, 1440)
    slow = slow_effects(returns, bar, at, minutes)
    fast = instant_effects(steps_of(bars_of(returns, bar)), bar * at, minutes=minutes)
    assert fast.n == slow["n"]
    for name, values in slow.items():
        np.testing.assert_allclose(getattr(fast, name), values, rtol=1e-9)


def test_the_bar_in_which_the_instant_falls_is_the_first():
    returns = np.zeros(4000)
    returns[3500] = 0.02
    returns += np.random.default_rng(1).normal(0, 1e-4, 4000)
    steps = steps_of(bars_of(returns))
    inside, at_start, at_end = (
        instant_effects(steps, 900 * 3500 + late, minutes=(15,))
        for late in (400, 0, 900)
    )
    assert inside.car[0] == at_start.car[0] == pytest.approx(0.02, abs=1e-3)
    assert abs(at_end.car[0]) < 1e-3
    assert at_end.first_move == 0.0
    assert inside.first_move == pytest.approx((900 - 400) / 60)


def test_the_threshold_of_jumps_is_that_of_the_paper():
    assert round(jump_threshold(96, 0.01), 2) == 4.10
    rng = np.random.default_rng(3)
    largest = np.abs(rng.normal(size=(20_000, 2_000))).max(axis=1)
    assert 0.006 < (largest > jump_threshold(2_000, 0.01)).mean() < 0.014
    with pytest.raises(SpecError, match="two returns"):
        jump_threshold(1)


def test_a_benchmark_takes_out_what_moves_both():
    rng = np.random.default_rng(5)
    both, own = seasonal(rng), seasonal(rng, spread=2e-4)
    both[40 * 96] += 0.05
    asset = steps_of(bars_of(1.5 * both + own))
    market = steps_of(bars_of(both))
    alone = instant_effects(asset, 900 * 40 * 96, minutes=(15,))
    at = 900 * 40 * 96
    over = returns_over(asset, bars_of(both))
    np.testing.assert_allclose(over[1:], market.returns[1:], atol=1e-12)
    net = instant_effects(asset, at, minutes=(15,), benchmark=over)
    assert net.beta == pytest.approx(1.5, abs=0.05)
    assert abs(net.car[0]) < 0.01 < abs(alone.car[0])
    with pytest.raises(SpecError, match="one a step"):
        instant_effects(asset, at, benchmark=over[1:])
    with pytest.raises(SpecError, match="shorter ones"):
        returns_over(asset, bars_of(both[::4], 3600))


def test_what_the_bars_do_not_cover_has_a_reason():
    steps = steps_of(bars_of(seasonal(np.random.default_rng(6))))
    early = instant_effects(steps, 10 * DAY)
    assert "begin 10 days before" in early.reason[0]
    assert "end before" in instant_effects(steps, 60 * DAY).reason[0]
    late = instant_effects(steps, 45 * DAY - TWO_HOURS)
    assert late.reason[:2] == (None, None)
    assert "end within" in late.reason[2]
    assert np.isfinite(late.pvalue[:2]).all()
    assert np.isnan(late.pvalue[2:]).all()
    hourly = steps_of(bars_of(seasonal(np.random.default_rng(6), bar=3600), 3600))
    found = instant_effects(hourly, 40 * DAY)
    assert found.reason[0] == "bars of 60 minutes are too long"
    returns = seasonal(np.random.default_rng(6))
    whole = bars_of(returns)
    kept = np.ones(len(returns), np.bool_)
    kept[20 * 96 : 40 * 96] = False
    holes = check_bars(whole.start[kept], whole.open[kept], whole.close[kept], bar=900)
    assert "are missing" in instant_effects(steps_of(holes), 42 * DAY).reason[0]
    with pytest.raises(SpecError, match="positive whole"):
        instant_effects(steps, 40 * DAY, minutes=(0,))


def exchange(days=60, bar=3600):
    opens = DAY * np.arange(days) + 14 * 3600 + 1800
    return opens, opens + 6 * 3600 + 1800


def test_sessions_are_cut_and_a_night_is_one_step():
    opens, closes = exchange()
    rng = np.random.default_rng(2)
    start = (opens[:, None] + 3600 * np.arange(7)).ravel()
    close = 100 * np.exp(np.cumsum(rng.normal(0, 0.01, len(start))))
    open_ = np.concatenate([[100.0], close[:-1]]) * np.exp(
        rng.normal(0, 0.002, len(start))
    )
    early = opens - 1800  # before the session, over its first half hour
    times = np.sort(np.concatenate([start, early]))
    at = np.searchsorted(times, start)
    o, c = np.full(len(times), 50.0), np.full(len(times), 50.0)
    o[at], c[at] = open_, close
    keep = np.ones(len(times), np.bool_)
    with pytest.raises(DataError, match="not overlap"):
        check_bars(times, o, c, bar=3600)
    keep[np.searchsorted(times, early)] = False
    bars = check_bars(times[keep], o[keep], c[keep], bar=3600)
    steps = steps_of(bars, opens, closes)
    assert len(steps.ends) == 60 * 8 - 1
    assert steps.per_day == 8
    assert steps.returns.sum() == pytest.approx(np.log(close[-1] / open_[0]))
    night = steps.returns[steps.clock == 0]
    np.testing.assert_allclose(night, np.log(open_[7::7] / close[6:-1:7]))
    # announced at night: the night's move is the first
    found = instant_effects(steps, int(closes[50]) + 3600, minutes=(60,))
    np.testing.assert_allclose(
        found.car[0], np.log(close[51 * 7] / close[51 * 7 - 1]), rtol=1e-12
    )
    with pytest.raises(DataError, match="are the times UTC"):
        steps_of(bars, opens + 5 * 3600 * 2, opens + 5 * 3600 * 2 + 60)


def test_weekends_have_scales_of_their_own_where_there_are_days_enough():
    steps = steps_of(bars_of(seasonal(np.random.default_rng(1), days=70)))
    assert len(np.unique(steps.slot)) == 2 * 96
    assert steps.per_day == 96
    short = steps_of(bars_of(seasonal(np.random.default_rng(1), days=45)))
    assert len(np.unique(short.slot)) == 96


@pytest.mark.parametrize(
    ("when", "z"), [("2021-05-21T13:33", -2.31), ("2021-09-24T09:01", -6.60)]
)
def test_bitcoin_around_the_announcements(when, z):
    path = BARS / "BTCUSDT_binance_15m_2021.csv.gz"
    if not path.exists():
        pytest.skip("the bars of 2021 are not here")
    table = pl.read_csv(path, try_parse_dates=True)
    bars = check_bars(
        table["time_utc"].dt.epoch("s").to_numpy(),
        table["open"].to_numpy(),
        table["close"].to_numpy(),
        bar=900,
    )
    instant = int(dt.datetime.fromisoformat(f"{when}+00:00").timestamp())
    found = instant_effects(steps_of(bars), instant)
    assert found.car[1] / found.se[1] == pytest.approx(z, abs=0.02)
    assert found.reason == (None,) * 4


def clustered(rng):
    """Log variances that wander through the day, beside the time of day."""
    n = 45 * 96
    wander, out = 0.0, np.empty(n)
    for t in range(n):
        wander = 0.98 * wander + rng.normal(0, 0.15)
        out[t] = wander
    return seasonal(rng, law=lambda m: rng.normal(size=m) * np.exp(out / 2))


LAWS = {
    "fat tails": seasonal,
    "normal, hourly": lambda rng: seasonal(rng, bar=3600, law=rng.standard_normal),
    "clustered": clustered,
}


# Greatest size at 5 %. A day after an instant shares its volatility with the hours
# before it, which instants of calmer weeks do not: the docstring says so.
MOST = {"fat tails": 0.065, "normal, hourly": 0.065, "clustered": 0.07}


@pytest.mark.slow
@pytest.mark.parametrize("name", LAWS)
def test_sizes_of_moves_after_an_instant(name):
    rng = np.random.default_rng(5)
    single, family = [], []
    for _ in range(3000):
        returns = LAWS[name](rng)
        bar = 45 * DAY // len(returns)
        at = int(rng.integers(35 * DAY // bar, 43 * DAY // bar))
        found = instant_effects(
            steps_of(bars_of(returns, bar)), bar * at, minutes=(60, 240, 1440)
        )
        single.append(found.pvalue <= 0.05)
        family.append(found.pvalue_family.min() <= 0.05)
    size = np.array([*np.mean(single, axis=0), np.mean(family)])
    assert (size > 0.035).all(), size
    assert (size < MOST[name]).all(), size
