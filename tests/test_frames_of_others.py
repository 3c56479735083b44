"""Frames of pandas without pyarrow, of yfinance, and by symbol, read as others are."""

import subprocess
import sys
from datetime import date

import numpy as np
import pandas as pd
import polars as pl
import pytest

import eventstudy as es
from eventstudy.cells.frames import as_polars

DAYS = pd.date_range("2021-05-03", periods=6, freq="B")
CLOSE = [10.0, 11.0, np.nan, 12.0, 13.0, 12.5]


def yahoo(level):
    """A frame as ``yf.download`` gives: two levels of columns, dates as index."""
    columns = {
        ("Close", "AAA"): CLOSE,
        ("Close", "BBB"): [2 * c for c in CLOSE],
        ("Volume", "AAA"): range(6),
        ("Volume", "BBB"): range(6),
    }
    frame = pd.DataFrame(columns, index=DAYS.rename("Date"))
    frame.columns.names = ["Price", "Ticker"]
    return frame if level == 0 else frame.swaplevel(axis=1)


FRAMES = {
    "a column of dates": lambda: pd.DataFrame(
        {"symbol": "AAA", "date": DAYS, "close": CLOSE}
    ),
    "dates as index": lambda: pd.DataFrame(
        {"symbol": "AAA", "close": CLOSE}, index=DAYS.rename("Date")
    ),
    "an index without a name": lambda: pd.DataFrame(
        {"symbol": "AAA", "close": CLOSE}, index=DAYS
    ),
    "zoned dates": lambda: pd.DataFrame(
        {"symbol": "AAA", "Close": CLOSE},
        index=DAYS.tz_localize("America/New_York").rename("Date"),
    ),
    "texts and objects": lambda: pd.DataFrame(
        {
            "ticker": pd.Series(["AAA"] * 6, dtype="category"),
            "date": [str(d.date()) for d in DAYS],
            "close": pd.Series([None if c != c else c for c in CLOSE], dtype=object),
        }
    ),
    "nullable numbers": lambda: pd.DataFrame(
        {
            "symbol": pd.Series(["AAA"] * 6, dtype="string"),
            "date": DAYS,
            "close": pd.Series(CLOSE, dtype="Float64"),
        }
    ),
    "fields above symbols": lambda: yahoo(0),
    "symbols above fields": lambda: yahoo(1),
    "dates in whole seconds": lambda: pd.DataFrame(
        {"symbol": "AAA", "close": CLOSE}, index=DAYS.as_unit("s")
    ),
    "zoned dates in whole seconds": lambda: pd.DataFrame(
        {"symbol": "AAA", "close": CLOSE},
        index=DAYS.as_unit("s").tz_localize("America/New_York"),
    ),
    "days as periods": lambda: pd.DataFrame(
        {"symbol": "AAA", "close": CLOSE}, index=DAYS.to_period("D")
    ),
    "a column named after its symbol": lambda: pd.Series(CLOSE, index=DAYS, name="AAA"),
    "columns by symbol": lambda: {"AAA": pd.Series(CLOSE, index=DAYS)},
    "frames by symbol": lambda: {
        "AAA": pd.DataFrame({"Close": CLOSE}, index=DAYS.rename("Date")),
        "BBB": pl.DataFrame({"date": list(DAYS.date), "close": CLOSE}),
    },
}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_is_read_as_prices(name):
    frame = es.read_prices(FRAMES[name]()).frame.filter(symbol="AAA")
    frame = frame.drop_nulls("close")
    held = [(d.date(), c) for d, c in zip(DAYS, CLOSE, strict=True) if c == c]
    assert frame.select("date", "close").rows() == held


def test_two_levels_have_both_symbols():
    for level in (0, 1):
        prices = es.read_prices(yahoo(level))
        assert prices.symbols == ("AAA", "BBB")
        assert prices.frame.filter(symbol="BBB")["close"][0] == 20.0
        assert prices.frame.filter(symbol="BBB")["volume"].to_list()[:2] == [0, 1]


def test_what_is_no_frame_is_told():
    for source in (5, ["AAA"], {"AAA": 5}, {}, np.array(CLOSE)):
        with pytest.raises(es.DataError, match="wanted a path or a frame"):
            es.read_prices(source)


def test_a_frame_without_symbols_is_asked_whose_it_is():
    frame = pd.DataFrame({"close": CLOSE}, index=DAYS)
    with pytest.raises(es.DataError, match="give frames by symbol"):
        es.read_prices(frame)


def test_a_kind_of_returns_that_there_is_not_is_told():
    frame = pd.DataFrame({"symbol": "AAA", "ret": CLOSE}, index=DAYS)
    with pytest.raises(es.SpecError, match="input_returns = 'arith'"):
        es.read_prices(frame, input_returns="arith")


def test_missing_values_of_pandas_are_null():
    frame = pd.DataFrame({"a": [1, None], "b": [pd.NaT, DAYS[0]], "c": ["x", None]})
    found = as_polars(frame)
    assert found.null_count().row(0) in ((0, 1, 1), (1, 1, 1))
    assert found["b"].to_list()[1].date() == date(2021, 5, 3)


WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
import pandas as pd
import eventstudy as es
days = pd.date_range("2021-05-03", periods=4, freq="B")
frame = pd.DataFrame({"symbol": "A", "date": days, "close": [1.0, 2, 3, 4]})
prices = es.read_prices(frame)
events = es.read_events(pd.DataFrame({"ticker": ["A"], "date": [days[1]]}))
print(prices.frame["close"].to_list(), events.frame["event_id"].to_list())
"""


@pytest.mark.processes
def test_pandas_needs_no_pyarrow():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_PYARROW],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == "[1.0, 2.0, 3.0, 4.0] ['A-2021-05-04']\n", done.stderr
