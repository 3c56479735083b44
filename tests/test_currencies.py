"""Shares of several currencies: said, and converted by a rate."""

from datetime import date, timedelta

import numpy as np
import polars as pl
import pytest
from numpy.testing import assert_allclose

import eventstudy as es
from eventstudy.core.errors import DataError, SpecError
from eventstudy.prices import read_prices
from eventstudy.study.currencies import converted

DAYS = [
    day
    for n in range(400)
    if (day := date(2020, 6, 1) + timedelta(days=n)).weekday() < 5
]
G = np.random.default_rng(3)
LEVELS = {
    name: 50 * np.exp(np.cumsum(0.02 * G.standard_normal(len(DAYS))))
    for name in ("SAP.DE", "RIOT", "^GSPC")
}
RATE = 1.1 * np.exp(np.cumsum(0.004 * G.standard_normal(len(DAYS))))
EVENTS = pl.DataFrame({"event_id": ["x"], "announced_at": ["2021-03-15T12:00+00:00"]})


def table(levels, out=()):
    return pl.concat(
        pl.DataFrame({"symbol": name, "date": DAYS, "close": values}).filter(
            ~((pl.col("symbol") == name) & pl.col("date").is_in(list(out)))
            if name == "EURUSD=X"
            else pl.lit(value=True)
        )
        for name, values in levels.items()
    )


def spec(**more):
    return es.StudySpec(
        groups={"firms": ("SAP.DE", "RIOT")},
        model="market",
        factors=("^GSPC",),
        estimation=(-100, -11),
        windows=((-1, 1),),
        calendars={"SAP.DE": "prices", "RIOT": "prices", "^GSPC": "prices"},
        **more,
    )


def test_prices_times_rates_are_the_prices_converted():
    held = read_prices(table({**LEVELS, "EURUSD=X": RATE}))
    found = es.run(spec(currencies={"EUR": "EURUSD=X"}), EVENTS, held)
    by_hand = table({**LEVELS, "SAP.DE": LEVELS["SAP.DE"] * RATE})
    wanted = es.run(spec(), EVENTS, by_hand)
    assert_allclose(found.cars["car"], wanted.cars["car"], rtol=0, atol=1e-13)
    assert_allclose(found.cars["se"], wanted.cars["se"], rtol=0, atol=1e-13)
    by_asset = es.run(spec(currencies={"SAP.DE": "EURUSD=X"}), EVENTS, held)
    assert by_asset.cars.equals(found.cars)


def test_open_high_and_low_are_converted_and_volume_is_not():
    rows = {"symbol": "SAP.DE", "date": DAYS[:3], "volume": [5.0, 6, 7]}
    rows |= {"open": 10.0, "high": 12.0, "low": 9.0, "close": 11.0}
    rates = pl.DataFrame({"symbol": "E", "date": DAYS[:3], "close": [1.0, 2, 3]})
    prices = read_prices(pl.concat([pl.DataFrame(rows), rates], how="diagonal"))
    found = converted(spec(currencies={"EUR": "E"}), prices).frame.filter(
        symbol="SAP.DE"
    )
    for name, value in (("open", 10), ("high", 12), ("low", 9), ("adj_close", 11)):
        assert_allclose(found[name], value * np.array([1, 2, 3]))
    assert found["volume"].to_list() == [5, 6, 7]


def test_a_missing_rate_is_the_last_one_for_five_days():
    out = DAYS[100:103]  # Monday to Wednesday, or less
    prices = read_prices(table({**LEVELS, "EURUSD=X": RATE}, out))
    found = converted(spec(currencies={"EUR": "EURUSD=X"}), prices).frame
    found = found.filter(symbol="SAP.DE")["close"].to_numpy()
    assert_allclose(found[100:103], LEVELS["SAP.DE"][100:103] * RATE[99])
    long = DAYS[100:110]
    prices = converted(
        spec(currencies={"EUR": "EURUSD=X"}),
        read_prices(table({**LEVELS, "EURUSD=X": RATE}, long)),
    )
    lost = prices.frame.filter(symbol="SAP.DE")["close"].is_null()
    wanted = [(day - DAYS[99]).days > 5 and day in long for day in DAYS]
    assert lost.to_list() == wanted
    (issue,) = prices.issues.filter(rule="no_rate").iter_rows(named=True)
    assert issue["detail"] == f"no rate EURUSD=X for {sum(wanted)} closes"


def texts(result):
    return " ".join(result.tables["remarks"]["text"])


def test_a_group_of_several_currencies_is_a_warning():
    prices = read_prices(table(LEVELS))
    plain = es.StudySpec(
        groups={"firms": ("SAP.DE", "RIOT")}, model="market", factors=("^GSPC",)
    )
    assert "firms has assets in several currencies, EUR (SAP.DE), USD (RIOT)" in texts(
        es.run(plain, EVENTS, prices)
    )
    apart = es.StudySpec(
        groups={"a": ("SAP.DE",), "b": ("RIOT",)}, model="market", factors=("^GSPC",)
    )
    assert "several currencies" not in texts(es.run(apart, EVENTS, prices))


def test_the_advice_of_the_warning_works():
    prices = read_prices(table({**LEVELS, "EURUSD=X": RATE}))
    said = es.StudySpec(
        groups={"firms": ("SAP.DE", "RIOT")},
        model="market",
        factors=("^GSPC",),
        currencies={"EUR": "EURUSD=X"},
    )
    assert "several currencies" not in texts(es.run(said, EVENTS, prices))


def test_a_currency_of_no_symbol_is_said():
    prices = read_prices(table({**LEVELS, "EURUSD=X": RATE}))
    found = es.run(
        spec(currencies={"EUR": "EURUSD=X", "JPY": "JPYUSD=X"}), EVENTS, prices
    )
    assert "[currencies] JPY: no symbol of the study is in it" in texts(found)


def test_a_rate_without_prices_is_an_error():
    with pytest.raises(DataError, match=r"no prices for the rates EURUSD=X"):
        es.run(spec(currencies={"EUR": "EURUSD=X"}), EVENTS, table(LEVELS))


def test_returns_are_not_converted():
    returns = pl.DataFrame({"symbol": "SAP.DE", "date": DAYS[:30], "return": 0.01})
    both = pl.concat(
        [
            returns.cast({"return": pl.Float64}).with_columns(
                close=pl.lit(None, pl.Float64)
            )
        ]
    ).drop("close")
    prices = read_prices(both)
    rates = read_prices(table({"EURUSD=X": RATE}))
    held = es.prices.Prices(
        frame=pl.concat([prices.frame, rates.frame]),
        source="frame",
        files=prices.files,
        issues=prices.issues,
        returns=prices.returns,
    )
    with pytest.raises(SpecError, match="came as returns"):
        converted(spec(currencies={"EUR": "EURUSD=X"}), held)
