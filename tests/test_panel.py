"""Events and prices laid out in event time, against loops over dates."""

from dataclasses import replace
from datetime import date, timedelta
from math import log

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from eventstudy.calendars import calendar_from_dates, get_calendar
from eventstudy.catalogue import read_events
from eventstudy.core.errors import DataError
from eventstudy.core.windows import cumulate, forecast_se, narrow, narrow_clocks
from eventstudy.models import market
from eventstudy.panel import Columns, Panel, build
from eventstudy.panel.columns import columns_of
from eventstudy.panel.plan import purge_counts
from eventstudy.panel.series import Quotes, on_sessions, quotes_of, trade_to_trade
from eventstudy.prices import fetch_prices
from eventstudy.spec import ModelSetting, StudySpec

DAY = timedelta(days=1)
MONDAY = date(2021, 3, 1)
# Sixty weekdays; every calendar here is "prices" unless a test says otherwise.
WEEKDAYS = [day for n in range(84) if (day := MONDAY + n * DAY).weekday() < 5]
SMALL = {
    "returns": "log",
    "calendars": {"default": "prices"},
    "estimation": (-20, -6),
    "event_window": (-3, 3),
    "windows": ((-1, 1),),
    "min_estimation": 5,
    "purge": (-1, 2),
    "volatility_pre": (-12, -5),
    "volatility_event": (0, 1),
    "volatility_post": (0, 5),
}


def days_of(day):
    return (day - date(1970, 1, 1)).days


def walk(seed, dates, *, without=()):
    """Closes of a random walk on the dates, with holes."""
    rng = np.random.default_rng(seed)
    closes = 100 * np.exp(np.cumsum(0.02 * rng.standard_normal(len(dates))))
    return {
        d: c for d, c in zip(dates, closes.tolist(), strict=True) if d not in without
    }


def frame(closes):
    """A price table of ``{symbol: {date: close}}``; the raw close is another."""
    rows = [(s, d, 2 * c, c) for s, held in closes.items() for d, c in held.items()]
    schema = {
        "symbol": pl.String,
        "date": pl.Date,
        "close": pl.Float64,
        "adj_close": pl.Float64,
    }
    return pl.DataFrame(rows, schema=schema, orient="row").sort("symbol", "date")


def catalogue(*events):
    """Events from (id, announced_at, assets)."""
    columns = ("event_id", "announced_at", "assets")
    cells = zip(*events, strict=True)
    return read_events(
        pl.DataFrame(
            dict(zip(columns, map(list, cells), strict=True)),
            schema=dict.fromkeys(columns, pl.String),
        )
    ).frame


def panel_of(closes, events, *, groups=None, **changes) -> Panel:
    spec = StudySpec(**{**SMALL, **changes})
    groups = groups or {"all": ["A"]}
    (panel,), _ = build(spec, groups, events, frame(closes))
    return panel


# --- trade to trade -----------------------------------------------------------------


def loop_returns(asset, factors, closes, sessions, *, bridge):
    """{session position: (span, log returns)} by walking from session to session."""
    names, out, last = [asset, *factors], {}, None
    for position, day in enumerate(sessions):
        if not all(day in closes[name] for name in names):
            continue
        if last is not None and (bridge or position - last == 1):
            before = sessions[last]
            moves = [log(closes[n][day] / closes[n][before]) for n in names]
            out[position] = (position - last, moves)
        last = position
    return out


HOLES = {
    "none": ((), ()),
    "asset": (WEEKDAYS[3:5] + WEEKDAYS[10:11], ()),
    "factor": ((), WEEKDAYS[6:9]),
    "both": (WEEKDAYS[3:6] + WEEKDAYS[20:21], WEEKDAYS[5:8]),
    "ends": (WEEKDAYS[:4] + WEEKDAYS[-3:], WEEKDAYS[-1:]),
    "all but one": (WEEKDAYS[1:], ()),
}


@pytest.mark.parametrize("holes", HOLES)
@pytest.mark.parametrize("bridge", [True, False], ids=["bridged", "dropped"])
def test_returns_run_from_trade_to_trade(holes, bridge):
    ours, theirs = HOLES[holes]
    closes = {
        "A": walk(1, WEEKDAYS, without=ours),
        "M": walk(2, WEEKDAYS, without=theirs),
    }
    closes["F"] = walk(3, [MONDAY + n * DAY for n in range(84)])  # every day
    calendar = calendar_from_dates(WEEKDAYS)
    quotes = quotes_of(frame(closes))
    found = trade_to_trade("A", ["M", "F"], quotes, calendar, bridge_gaps=bridge)
    wanted = loop_returns("A", ["M", "F"], closes, WEEKDAYS, bridge=bridge)
    for position in range(len(WEEKDAYS)):
        span, moves = wanted.get(position, (0, [np.nan] * 3))
        assert found.span[position] == span
        logs = [found.log_return[position], *found.log_factors[position]]
        simple = [found.simple_return[position], *found.simple_factors[position]]
        assert_allclose(logs, moves, rtol=1e-12, atol=1e-15)
        assert_allclose(simple, np.expm1(moves), rtol=1e-10, atol=1e-15)


def test_a_factor_that_never_closes_is_compounded_over_the_weekend():
    week = [MONDAY + n * DAY for n in range(8)]
    friday, monday = week[4], week[7]
    closes = {"A": walk(1, [d for d in week if d.weekday() < 5]), "BTC": walk(2, week)}
    calendar = get_calendar("XNYS", start=MONDAY - DAY, end=monday + DAY)
    found = trade_to_trade(
        "A", ["BTC"], quotes_of(frame(closes)), calendar, bridge_gaps=False
    )
    at = calendar.sessions.tolist().index(days_of(monday))
    assert found.span[at] == 1  # Friday to Monday is one session, of both
    for name, move in (("A", found.log_return[at]), ("BTC", found.log_factors[at, 0])):
        assert_allclose(move, log(closes[name][monday] / closes[name][friday]))


def test_returns_add_up_whatever_is_missing():
    closes = {"A": walk(4, WEEKDAYS, without=WEEKDAYS[10:30:3])}
    series = trade_to_trade(
        "A",
        [],
        quotes_of(frame(closes)),
        calendar_from_dates(WEEKDAYS),
        bridge_gaps=True,
    )
    held = closes["A"]
    total = log(held[WEEKDAYS[-1]] / held[WEEKDAYS[0]])
    assert_allclose(np.nansum(series.log_return), total, rtol=1e-12)
    assert series.span.sum() == len(WEEKDAYS) - 1


def test_adjusted_closes_come_first_and_missing_ones_are_left_out():
    prices = frame({"A": {WEEKDAYS[0]: 5.0, WEEKDAYS[2]: 7.0}, "B": {}})
    prices = prices.vstack(
        prices.head(1).with_columns(
            date=pl.lit(WEEKDAYS[1]),
            close=pl.lit(None, pl.Float64),
            adj_close=pl.lit(None, pl.Float64),
        )
    )
    quotes = quotes_of(prices)
    assert list(quotes) == ["A"]
    assert quotes["A"].closes.tolist() == [5.0, 7.0]
    assert quotes["A"].days.tolist() == [days_of(WEEKDAYS[0]), days_of(WEEKDAYS[2])]
    only_close = quotes_of(prices.with_columns(adj_close=pl.lit(None, pl.Float64)))
    assert only_close["A"].closes.tolist() == [10.0, 14.0]


def test_closes_outside_the_calendar_are_not_seen():
    quotes = Quotes(days=np.array([0, 5, 9, 50]), closes=np.array([1.0, 2.0, 3.0, 4.0]))
    calendar = calendar_from_dates([date(1970, 1, day) for day in (5, 6, 10, 11)])
    assert_array_equal(on_sessions(quotes, calendar), [np.nan, 2.0, 3.0, np.nan])


# --- event time ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("changes", "others"),
    [
        ({}, [-5, -4, *range(-3, 6)]),
        ({"volatility_pre": (-30, -25)}, [*range(-30, -20), -5, -4, *range(-3, 6)]),
        ({"volatility_post": (4, 9)}, [-5, -4, *range(-3, 10)]),
        (
            {"volatility_pre": (-8, -7), "volatility_post": (-2, 2)},
            [-5, -4, *range(-3, 4)],
        ),
        ({"estimation": (-20, -4)}, [*range(-3, 6)]),
    ],
    ids=["inside", "before", "after", "narrow", "adjoining"],
)
def test_columns_cover_every_window(changes, others):
    spec = StudySpec(**{**SMALL, **changes})
    columns = columns_of(spec)
    estimation = list(range(spec.estimation[0], spec.estimation[1] + 1))
    assert columns.n_estimation == len(estimation)
    assert columns.offsets.tolist() == estimation + others
    assert columns.offsets[columns.n_estimation :][
        columns.slice_of(spec.event_window)
    ].tolist() == list(range(-3, 4))
    held = columns.slice_of(spec.event_window)
    assert held.start + columns.first_offset == spec.event_window[0]
    for window in (
        spec.estimation,
        spec.event_window,
        spec.volatility_pre,
        spec.volatility_post,
        (-12, 2),
    ):
        wanted = list(range(window[0], window[1] + 1))
        held = [k for k in sorted(columns.offsets.tolist()) if k in wanted]
        assert held == wanted


def loop_block(closes, sessions, day0s, which, *, asset="A", factors=(), **changes):
    """Columns of one observation: (position, span, moves, purged) by offset."""
    spec = StudySpec(**{**SMALL, **changes})
    bridge = spec.missing == "trade_to_trade"
    returns = loop_returns(asset, factors, closes, sessions, bridge=bridge)
    blocked = set()
    for other in day0s:
        if other != day0s[which] and spec.overlap == "exclude":
            blocked |= set(range(other + spec.purge[0], other + spec.purge[1] + 1))
    out = {}
    for offset in columns_of(spec).offsets.tolist():
        position = day0s[which] + offset
        if not 0 <= position < len(sessions):
            out[offset] = (1, None, False)
            continue
        span, moves = returns.get(position, (0, None))
        lived = range(position - max(span, 1) + 1, position + 1)
        in_estimation = spec.estimation[0] <= offset <= spec.estimation[1]
        purged = in_estimation and bool(blocked & set(lived))
        out[offset] = (1, None, True) if purged else (max(span, 1), moves, False)
    return out


GAPS = [*WEEKDAYS[12:15], WEEKDAYS[27], *WEEKDAYS[33:35], WEEKDAYS[41]]
DESIGNS = {
    "apart": [5, 30],
    "near": [25, 36, 41],
    "adjacent": [38, 39, 40],
    "edges": [1, 2, 58],
}


@pytest.mark.parametrize("design", DESIGNS)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"overlap": "keep"},
        {"missing": "drop"},
        {"purge": (0, 0)},
        {"purge": (-4, 9)},
        {"purge": (-15, 3)},
        {"purge": (2, 4)},
    ],
    ids=lambda c: "-".join(f"{k}{v}" for k, v in c.items()) or "default",
)
def test_blocks_are_those_of_a_loop(design, changes):
    closes = {
        "A": walk(1, WEEKDAYS, without=GAPS),
        "M": walk(2, WEEKDAYS, without=WEEKDAYS[28:29]),
    }
    # A third symbol keeps the dates on which the others have no price.
    closes["Z"] = walk(3, WEEKDAYS)
    day0s = DESIGNS[design]
    events = catalogue(*((f"e{d}", str(WEEKDAYS[d]), "A") for d in day0s))
    panel = panel_of(closes, events, model="market", factors=("M",), **changes)
    block = panel.block(slice(None))
    assert len(panel) == len(day0s)
    for i, day0 in enumerate(day0s):
        twin = loop_block(closes, WEEKDAYS, day0s, i, factors=("M",), **changes)
        held = list(twin.values())
        span = [k for k, _, _ in held]
        y, x = ([np.nan if m is None else m[j] for _, m, _ in held] for j in (0, 1))
        assert panel.observations[i].session == WEEKDAYS[day0]
        assert_array_equal(block.span[i], span)
        assert_allclose(block.y[i], y, rtol=1e-12, atol=1e-15)
        assert_allclose(block.x[i, :, 0], x, rtol=1e-12, atol=1e-15)
        assert_allclose(block.y_simple[i], np.expm1(y), rtol=1e-10, atol=1e-15)
        assert_allclose(block.x_simple[i, :, 0], np.expm1(x), rtol=1e-10, atol=1e-15)
        t = panel.columns.n_estimation
        assert block.n_valid[i] == np.isfinite(y[:t]).sum()
        assert block.n_purged[i] == sum(purged for _, _, purged in held[:t])
        # Sessions of the event window that its returns span, from the window on.
        spanned = set()
        for offset in range(-3, 4):
            k, moves, _ = twin[offset]
            spanned |= set(range(offset - k + 1, offset + 1)) if moves else set()
        assert_allclose(block.event_coverage[i], len(spanned & set(range(-3, 4))) / 7)


def test_blocks_do_not_depend_on_how_they_are_cut():
    closes = {name: walk(n, WEEKDAYS, without=GAPS) for n, name in enumerate("AB")}
    closes["Z"] = walk(9, WEEKDAYS)
    events = catalogue(*((f"e{d}", str(WEEKDAYS[d]), "") for d in (25, 30, 41)))
    panel = panel_of(closes, events, groups={"g": ["A"], "h": ["B"]})
    whole = panel.block(slice(None))
    assert [len(range(*s.indices(9))) for s in panel.blocks(4)] == [4, 2]
    for name in ("y", "x", "span", "n_valid", "n_purged", "event_coverage"):
        parts = [getattr(panel.block(rows), name) for rows in panel.blocks(4)]
        assert_array_equal(np.concatenate(parts), getattr(whole, name), err_msg=name)
    assert_array_equal(panel.block(np.array([5, 0])).y, whole.y[[5, 0]])


def test_history_is_the_whole_series_of_the_asset():
    closes = {"A": walk(1, WEEKDAYS, without=GAPS), "B": walk(2, WEEKDAYS)}
    events = catalogue(("e", str(WEEKDAYS[30]), "A"), ("f", str(WEEKDAYS[40]), ""))
    panel = panel_of(closes, events, groups={"g": ["A", "B"]})
    assert [o.asset for o in panel.observations] == ["A", "A", "B"]
    found = panel.history(np.arange(3), simple=False)
    for i, (asset, near) in enumerate([("A", (30, 40)), ("A", (30, 40)), ("B", (40,))]):
        twin = loop_returns(asset, [], closes, WEEKDAYS, bridge=True)
        y = [twin[p][1][0] if p in twin else np.nan for p in range(len(WEEKDAYS))]
        assert_allclose(found.y[i], y, rtol=1e-12, atol=1e-15)
        assert found.span[i].tolist() == [
            twin[p][0] if p in twin else 1 for p in range(len(WEEKDAYS))
        ]
        blocked = {p + k for p in near for k in (-1, 0, 1, 2)}
        assert set(np.flatnonzero(found.near_events[i])) == blocked
    assert found.day0.tolist() == [30, 40, 40]


@pytest.mark.parametrize("purge", [(-1, 5), (0, 0), (3, 7), (-9, -2), (-50, 50)])
def test_purge_counts_are_those_of_a_loop(purge):
    day0s, n = [0, 3, 3, 11, 19], 20
    wanted = [sum(d + purge[0] <= t <= d + purge[1] for d in day0s) for t in range(n)]
    assert purge_counts(np.array(day0s), n, purge).tolist() == wanted


# --- who is studied -----------------------------------------------------------------

PAIR = {"A": walk(1, WEEKDAYS), "B": walk(2, WEEKDAYS)}
BOTH = {"g": ["A"], "h": ["B"]}


def test_events_of_one_day_are_one_observation():
    saturday = WEEKDAYS[29] + DAY
    assert saturday.weekday() == 5
    events = catalogue(
        ("late", str(WEEKDAYS[35]), ""),
        ("weekend", str(saturday), ""),
        ("monday", str(WEEKDAYS[30]), "A;B"),
        ("only-b", str(WEEKDAYS[30]), "B"),
    )
    panel = panel_of(PAIR, events, groups=BOTH)
    assert [(o.asset, o.group, o.event_id, o.events) for o in panel.observations] == [
        ("A", "g", "weekend+monday", (1, 2)),
        ("A", "g", "late", (0,)),
        ("B", "h", "weekend+monday+only-b", (1, 2, 3)),
        ("B", "h", "late", (0,)),
    ]
    assert panel.asset.tolist() == [0, 0, 1, 1]
    # The same calendar and the same day 0: the same row of dates.
    assert panel.clock.tolist() == [0, 1, 0, 1]
    t = panel.columns.n_estimation
    for row, day0 in enumerate((30, 35)):
        at = [day0 + offset for offset in panel.columns.offsets.tolist()]
        days = [days_of(WEEKDAYS[p]) if p < len(WEEKDAYS) else -1 for p in at]
        assert panel.clocks.estimation[row].tolist() == days[:t]
        assert panel.clocks.event[row].tolist() == days[t:]


def test_the_other_assets_events_purge_nothing():
    events = catalogue(
        ("a", str(WEEKDAYS[40]), "A"),
        ("b", str(WEEKDAYS[30]), "B"),
        ("b2", str(WEEKDAYS[40]), "B"),
    )
    panel = panel_of(PAIR, events, groups=BOTH)
    purged = panel.block(slice(None)).n_purged.tolist()
    found = {
        (o.asset, o.event_id): n
        for o, n in zip(panel.observations, purged, strict=True)
    }
    assert found == {("A", "a"): 0, ("B", "b"): 0, ("B", "b2"): 4}


def test_headline_is_that_of_any_event_of_the_day():
    events = catalogue(("x", str(WEEKDAYS[30]), ""), ("y", str(WEEKDAYS[30]), ""))
    for marks, wanted in (([True, False], True), ([False, False], False)):
        marked = events.with_columns(headline=pl.Series(marks))
        assert panel_of(PAIR, marked).observations[0].headline is wanted


def test_what_cannot_be_placed_or_priced_is_listed():
    events = catalogue(
        ("early", "2020-01-06", ""),
        ("good", str(WEEKDAYS[30]), ""),
        ("gone", "2022-01-03", "A"),
    )
    panel = panel_of(PAIR, events, groups={"g": ["A", "NONE"], "h": ["B"]})
    assert [(o.asset, o.event_id) for o in panel.observations] == [
        ("A", "good"),
        ("B", "good"),
    ]
    assert panel.unpriced == (("NONE", "g"),)
    listed = [(u.asset, u.group, u.event) for u in panel.unplaced]
    assert listed == [("A", "g", 0), ("A", "g", 2), ("B", "h", 0)]
    for unplaced, said in zip(
        panel.unplaced, ["before", "after", "before"], strict=True
    ):
        assert unplaced.reason.startswith(said)


def test_a_study_of_nothing_is_an_empty_panel():
    events = catalogue(("early", "2020-01-06", ""))
    panel = panel_of(PAIR, events, model="market", factors=("B",))
    block = panel.block(slice(None))
    assert len(panel) == 0
    assert list(panel.blocks(5)) == []
    assert block.y.shape == (0, len(panel.columns.offsets))
    assert block.x.shape == (0, len(panel.columns.offsets), 1)


@pytest.mark.parametrize(
    ("policy", "day0"),
    [("next", WEEKDAYS[30]), ("previous", WEEKDAYS[29]), ("drop", None)],
)
def test_day_0_of_a_saturday(policy, day0):
    events = catalogue(("saturday", str(WEEKDAYS[29] + DAY), ""))
    panel = panel_of(PAIR, events, day0=policy)
    assert [o.session for o in panel.observations] == ([day0] if day0 else [])
    assert len(panel.unplaced) == (day0 is None)


def test_day_0_can_be_an_error():
    events = catalogue(("saturday", str(WEEKDAYS[29] + DAY), ""))
    with pytest.raises(DataError, match="on no session of calendar prices"):
        panel_of(PAIR, events, day0="error")


def test_factors_without_prices_are_an_error():
    events = catalogue(("good", str(WEEKDAYS[30]), ""))
    with pytest.raises(DataError, match=r"factors \^X, Y; held: A, B\. Add them"):
        panel_of(PAIR, events, model="factors", factors=("^X", "A", "Y"))


# --- several models and calendars ---------------------------------------------------


def test_a_coin_is_studied_on_the_sessions_of_its_factor():
    every_day = [MONDAY + n * DAY for n in range(84)]
    good_friday = date(2021, 4, 2)
    open_days = [d for d in WEEKDAYS if d != good_friday]
    closes = {
        "BTC-USD": walk(1, every_day),
        "SPY": walk(2, open_days),
        "RIOT": walk(3, open_days),
    }
    saturday = date(2021, 4, 24)
    events = catalogue(("saturday", f"{saturday}T12:00+00:00", ""))
    spec = StudySpec(
        **{**SMALL, "calendars": {}},
        models=(
            ModelSetting(name="own", model="constant_mean"),
            ModelSetting(
                name="net", model="factors", factors=("SPY",), groups=("coin", "share")
            ),
            ModelSetting(
                name="coin", model="factors", factors=("BTC-USD",), groups=("share",)
            ),
        ),
        groups={"coin": ("BTC-USD",), "share": ("RIOT",)},
    )
    panels, market_days = build(spec, spec.groups, events, frame(closes))
    own, net, coin = panels
    assert dict(own.calendar) == {"BTC-USD": "24/7", "RIOT": "XNYS"}
    assert dict(net.calendar) == {"BTC-USD": "XNYS", "RIOT": "XNYS"}
    assert dict(coin.calendar) == {"RIOT": "XNYS"}
    assert set(market_days.calendars) == {"24/7", "XNYS"}
    monday = saturday + 2 * DAY
    sessions = [[o.session for o in panel.observations] for panel in panels]
    assert sessions == [[saturday, monday], [monday, monday], [monday]]
    # All panels share one table: a row for the coin's own days, one for New York's.
    assert own.clocks is net.clocks is coin.clocks
    assert [p.clock.tolist() for p in panels] == [[0, 1], [1, 1], [1]]
    t = own.columns.n_estimation
    day0 = t + own.columns.offsets[t:].tolist().index(0)
    assert own.clocks.event[:, day0 - t].tolist() == [
        days_of(saturday),
        days_of(monday),
    ]
    btc, friday = closes["BTC-USD"], saturday - DAY
    weekend = log(btc[monday] / btc[friday])
    assert_allclose(net.block(slice(None)).y[0, day0], weekend)
    assert_allclose(coin.block(slice(None)).x[0, day0, 0], weekend)
    assert_allclose(own.block(slice(None)).y[0, day0], log(btc[saturday] / btc[friday]))
    # The holiday is no gap: no return spans more than one session.
    assert (net.block(slice(None)).span == 1).all()


def test_models_of_some_groups_leave_the_others_out():
    events = catalogue(("good", str(WEEKDAYS[30]), ""))
    spec = StudySpec(
        **SMALL,
        models=(
            ModelSetting(name="m", model="constant_mean", groups=("h",)),
            ModelSetting(name="m", model="market", factors=("B",), groups=("g",)),
        ),
        groups=BOTH,
    )
    panels, _ = build(spec, spec.groups, events, frame(PAIR))
    assert [[o.asset for o in p.observations] for p in panels] == [["B"], ["A"]]
    assert [p.asset.tolist() for p in panels] == [[1], [0]]  # codes of the whole study


def test_calendars_reach_as_far_as_the_windows():
    wide = {"volatility_pre": (-400, -300), "volatility_post": (200, 300)}
    spec = StudySpec(**{**SMALL, "calendars": {}, **wide})
    events = catalogue(("a", "2019-06-03", ""), ("b", "2019-12-20", ""))
    (panel,), _ = build(spec, {"all": ["A"]}, events, frame(PAIR))
    assert (panel.clocks.estimation > 0).all()
    assert (panel.clocks.event > 0).all()


# --- real prices --------------------------------------------------------------------


def test_bit_mining_on_the_day_of_the_summons():
    spec = StudySpec(returns="log", model="market", factors=("^GSPC",), overlap="keep")
    prices = fetch_prices(["BTCM", "^GSPC"], source="snapshot").frame
    events = catalogue(("CN21-13b", "2021-06-21T18:12+08:00", "BTCM"))
    (panel,), _ = build(spec, {"all": ["BTCM"]}, events, prices)
    block = panel.block(slice(None))
    assert [o.session for o in panel.observations] == [date(2021, 6, 21)]
    assert (block.n_valid[0], block.n_purged[0], block.event_coverage[0]) == (120, 0, 1)
    ab = market(
        block.y,
        block.x,
        n_estimation=120,
        span=block.span,
        clock=panel.clock,
        clocks=panel.clocks,
        first_offset=panel.columns.first_offset,
    )
    columns = panel.columns.slice_of((-10, 10))
    ab = narrow(ab, (-10, 10), narrow_clocks(ab.clocks, columns))
    alpha, beta = ab.coefficients[0]
    assert (round(alpha, 7), round(beta, 7)) == (0.0049351, 3.0470014)
    assert round(ab.sigma[0], 7) == 0.1063032
    assert round(ab.ar[0, 10], 7) == -0.1949643
    assert round(forecast_se(ab)[0, 10], 7) == 0.1077003
    car = cumulate(ab, (-1, 1))
    assert (round(car.car[0], 7), round(car.se[0], 7)) == (-0.2402128, 0.1864270)
    assert ab.clocks.event[0, 10] == days_of(date(2021, 6, 21))
    # A second announcement a week earlier takes its sessions out of the estimate.
    more = catalogue(
        ("CN21-13b", "2021-06-21T18:12+08:00", "BTCM"),
        ("before", "2021-05-19T10:00+08:00", "BTCM"),
    )
    (purged,), _ = build(
        replace(spec, overlap="exclude"), {"all": ["BTCM"]}, more, prices
    )
    last = purged.block(np.array([1]))
    assert (last.n_valid[0], last.n_purged[0]) == (113, 7)


def test_columns_are_a_value_of_their_own():
    columns = Columns(offsets=np.array([-3, -2, 0, 1]), n_estimation=2)
    assert columns.slice_of((0, 1)) == slice(0, 2)
    assert columns.first_offset == 0
    assert columns.offsets.tolist().index(-2) == 1
