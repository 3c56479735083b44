"""Calendars of symbols, typed by hand."""

from datetime import date

import pytest

from eventstudy.calendars import calendar_name, get_calendar, of_symbol
from eventstudy.core.errors import SpecError

NAMES = sorted({*of_symbol._INDICES, *of_symbol._SUFFIXES, "24/7", "24/5", "CMES"})


@pytest.mark.parametrize(
    ("symbol", "name"),
    [
        ("BTCM", "XNYS"),
        ("RIOT", "XNYS"),
        ("BRK-B", "XNYS"),  # a class of shares, no pair
        ("BF-B", "XNYS"),
        ("BAC-PL", "XNYS"),  # a preferred share
        ("SPAQ-UN", "XNYS"),
        ("BTC-USD", "24/7"),
        ("btc-usd", "24/7"),
        ("ETH-EUR", "24/7"),
        ("SOL-USDT", "24/7"),
        ("ETH-BTC", "24/7"),
        ("1INCH-USD", "24/7"),
        ("UNI7083-USD", "24/7"),
        ("ABTC-USD.SW", "XSWX"),  # a listed product on bitcoin keeps exchange hours
        ("GC=F", "CMES"),
        ("BTC=F", "CMES"),
        ("GCZ21.CMX", "CMES"),
        ("EURUSD=X", "24/5"),
        ("DX-Y.NYB", "IEPA"),
        ("^GSPC", "XNYS"),
        ("^IXIC", "XNYS"),
        ("^VIX", "XNYS"),
        ("^HSI", "XHKG"),
        ("^FTSE", "XLON"),
        ("^N225", "XTKS"),
        ("^GDAXI", "XETR"),
        ("^STOXX50E", "XETR"),
        ("^SET.BK", "XBKK"),
        ("000001.SS", "XSHG"),
        ("399001.SZ", "XSHG"),
        ("HIVE.TO", "XTSE"),
        ("HIVE.V", "XTSE"),
        ("CAR-UN.TO", "XTSE"),
        ("ARB.L", "XLON"),
        ("0863.HK", "XHKG"),
        ("7203.T", "XTKS"),
        ("SAP.DE", "XETR"),
        ("NB2.F", "XFRA"),
        ("MC.PA", "XPAR"),
        ("ASML.AS", "XAMS"),
        ("005930.KS", "XKRX"),
        ("035720.KQ", "XKRX"),
        ("BHP.AX", "XASX"),
        ("NESN.SW", "XSWX"),
        ("ENI.MI", "XMIL"),
    ],
)
def test_symbols(symbol, name):
    assert calendar_name(symbol) == name


def test_an_entry_for_the_symbol_wins_over_what_it_tells():
    assert calendar_name("0863.HK", {"0863.HK": "XNYS"}) == "XNYS"


@pytest.mark.parametrize("symbol", ["FIRM01", "^MARKET", "A.B"])
def test_the_default_is_for_symbols_that_tell_nothing(symbol):
    assert calendar_name(symbol, {"default": "prices"}) == "prices"


@pytest.mark.parametrize("symbol", ["BTC-USD", "0863.HK", "^HSI"])
def test_the_default_leaves_telling_symbols_alone(symbol):
    assert calendar_name(symbol, {"default": "XNYS"}) == calendar_name(symbol)


@pytest.mark.parametrize("symbol", ["^MARKET", "FIRM.ZZ", "BRK.B"])
def test_an_unknown_index_or_suffix_is_not_guessed(symbol):
    with pytest.raises(SpecError, match="name one for it, or a default"):
        calendar_name(symbol)


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_every_calendar_that_a_symbol_can_lead_to_can_be_built(name):
    calendar = get_calendar(name, start=date(2021, 1, 4), end=date(2021, 12, 30))
    assert calendar.name == name
    assert 240 <= len(calendar.sessions) <= 365
