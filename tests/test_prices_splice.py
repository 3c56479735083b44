from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from yahoo_server import weekdays

from eventstudy.core.errors import DataError, SpecError
from eventstudy.prices import fetch_prices, read_prices

DATA = (Path(__file__).parents[1] / ".." / "shared" / "data" / "prices").resolve()
FIRST, MIDDLE, LAST = date(2020, 1, 6), date(2020, 6, 1), date(2020, 12, 31)
TRUE = weekdays(FIRST, LAST)


def folder_of(tmp_path, **histories) -> Path:
    for symbol, (closes, factor) in histories.items():
        frame = pl.DataFrame({"date": list(closes), "close": list(closes.values())})
        frame = frame.with_columns(pl.col("close") * factor, volume=100.0)
        frame.write_csv(tmp_path / f"{symbol}.csv")
    return tmp_path


def between(start, end):
    return {day: close for day, close in TRUE.items() if start <= day <= end}


def spliced(folder, **settings):
    splices = {"NEW": ["OLD", "NEW"]}
    return fetch_prices(["NEW"], source=folder, splices=splices, **settings)


@pytest.mark.parametrize("factor", [1.0, 10.0, 1 / 30])
def test_common_dates_give_the_scale(tmp_path, factor):
    overlap = MIDDLE + timedelta(days=20)
    folder = folder_of(
        tmp_path,
        OLD=(between(FIRST, overlap), factor),
        NEW=(between(MIDDLE, LAST), 1.0),
    )
    prices = spliced(folder)
    assert prices.symbols == ("NEW",)
    assert prices.frame["date"].to_list() == list(TRUE)
    assert prices.frame["close"].to_list() == pytest.approx(list(TRUE.values()))
    assert prices.frame["adj_close"].to_list() == pytest.approx(list(TRUE.values()))
    assert prices.frame["volume"][0] == pytest.approx(100 * factor)
    assert [file.symbol for file in prices.files] == ["NEW", "OLD"]
    (note,) = prices.issues.filter(rule="splice").iter_rows(named=True)
    assert (note["symbol"], note["date"], note["severity"]) == ("NEW", MIDDLE, "info")


def test_histories_that_meet(tmp_path):
    day_before = MIDDLE - timedelta(days=1)
    folder = folder_of(
        tmp_path,
        OLD=(between(FIRST, day_before), 1.0),
        NEW=(between(MIDDLE, LAST), 1.0),
    )
    assert spliced(folder).frame["close"].to_list() == list(TRUE.values())


@pytest.mark.parametrize(
    ("until", "factor"),
    [(MIDDLE - timedelta(days=1), 10.0), (MIDDLE - timedelta(days=30), 1.0)],
    ids=["another basis", "a hole"],
)
def test_a_seam_that_does_not_hold(tmp_path, until, factor):
    folder = folder_of(
        tmp_path,
        OLD=(between(FIRST, until), factor),
        NEW=(between(MIDDLE, LAST), 1.0),
    )
    with pytest.raises(DataError, match="NEW does not follow OLD: the close goes from"):
        spliced(folder)


def test_two_that_are_not_one_price(tmp_path):
    other = {day: 20 - n / 100 for n, day in enumerate(between(FIRST, LAST))}
    folder = folder_of(tmp_path, OLD=(other, 1.0), NEW=(between(MIDDLE, LAST), 1.0))
    with pytest.raises(DataError, match="OLD and NEW are not one price: on 2020-"):
        spliced(folder)


def test_a_part_that_is_missing(tmp_path):
    folder = folder_of(tmp_path, NEW=(TRUE, 1.0), OTHER=(TRUE, 1.0))
    with pytest.raises(DataError, match="no prices for OLD"):
        spliced(folder)
    with pytest.raises(DataError, match="splices: NEW lacks prices of OLD"):
        spliced(folder, partial=True)


def test_other_symbols_are_left_alone(tmp_path):
    folder = folder_of(
        tmp_path,
        OLD=(between(FIRST, MIDDLE), 1.0),
        NEW=(between(MIDDLE, LAST), 1.0),
        OTHER=(TRUE, 2.0),
    )
    prices = fetch_prices(
        ["OTHER", "NEW"], source=folder, splices={"NEW": ["OLD", "NEW"]}
    )
    assert prices.symbols == ("NEW", "OTHER")
    alone = fetch_prices(["OTHER"], source=folder, splices={"NEW": ["OLD", "NEW"]})
    assert alone.symbols == ("OTHER",)


@pytest.mark.parametrize("parts", ["OLD", ["OLD"], ["NEW", "NEW"]])
def test_too_few_parts(tmp_path, parts):
    with pytest.raises(SpecError, match="two symbols or more"):
        fetch_prices(["NEW"], source=tmp_path, splices={"NEW": parts})


def test_500_com_became_bit_mining():
    """The same firm from two downloads, before and after its reverse split of 2022."""
    if not (DATA / "WBAI.csv").is_file():
        pytest.skip("the folder with the downloaded prices is not here")
    later = pl.col("date") >= date(2020, 6, 1)
    held = read_prices(DATA / "BTCM.csv").frame
    frame = pl.concat([held.filter(later), read_prices(DATA / "WBAI.csv").frame])
    prices = fetch_prices(
        ["BTCM"],
        source=_Frame(frame),
        splices={"BTCM": ["WBAI", "BTCM"]},
    )
    both = prices.frame.join(held, on=["symbol", "date"], suffix="_held")
    assert prices.frame["date"].to_list() == held["date"].to_list()
    assert both.select(
        (pl.col("close") / pl.col("close_held") - 1).abs().max()
    ).item() == pytest.approx(0, abs=2e-3)


class _Frame:
    name = "frame"

    def __init__(self, frame):
        self.frame = frame

    def fetch(self, symbols, *, start, end):
        return read_prices(self.frame)
