import shutil
from datetime import date
from importlib import resources
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from eventstudy.core.errors import DataError
from eventstudy.prices import SOURCES, fetch_prices
from eventstudy.prices.embed import build

FIGURES = (Path(__file__).parents[1] / ".." / "shared" / "figures" / "prices").resolve()
SYMBOLS = (
    *("BTBT", "BTC-USD", "BTCM", "CAN", "CLSK", "EBON", "ETH-USD"),
    *("MARA", "MSTR", "NCTY", "RIOT", "SOS", "^GSPC"),
)


def test_what_it_holds():
    prices = fetch_prices([])
    assert prices.symbols == SYMBOLS
    rows = {file.symbol: file.rows for file in prices.files}
    assert rows.pop("BTC-USD") == rows.pop("ETH-USD") == 516
    assert set(rows.values()) == {358}
    assert {f.first for f in prices.files} == {date(2020, 8, 3)}
    assert {f.last for f in prices.files} == {date(2021, 12, 31)}
    assert prices.frame.null_count().sum_horizontal().item() == 0
    assert prices.frame["adj_close"].equals(prices.frame["close"])


def test_notice_and_oddities_travel_with_the_prices():
    prices = fetch_prices(["BTBT"])
    assert "vendor's rights" in prices.notice
    assert "March 2024" in prices.notice
    assert prices.issues.select("symbol", "date").rows() == [
        ("BTBT", date(2021, 10, 29))
    ]


def test_unknown_symbols():
    with pytest.raises(DataError, match="no prices for DOGE, HUT in snapshot; it has"):
        fetch_prices(["BTCM", "DOGE", "HUT"])


def test_small_enough_to_ship():
    data = resources.files("eventstudy.prices") / "data" / "snapshot.parquet"
    assert len(data.read_bytes()) < 300_000


def test_sources_say_what_they_are():
    assert {"snapshot", "files"} <= set(SOURCES)
    assert not SOURCES["snapshot"].needs_network


def test_it_is_made_from_the_figures(tmp_path):
    if not FIGURES.is_dir():
        pytest.skip("the folder with the figures is not here")
    for symbol in SYMBOLS:
        shutil.copy(FIGURES / f"{symbol}.csv", tmp_path)
    build(tmp_path, tmp_path / "again.parquet")
    again = pl.read_parquet(tmp_path / "again.parquet")
    assert_frame_equal(again, fetch_prices([]).frame)
    # Independently of our reader: the closes as Python reads them.
    for path in tmp_path.glob("*.csv"):
        cells = [line.split(",") for line in path.read_text().splitlines()[1:]]
        mine = again.filter(symbol=path.stem)
        assert mine["date"].cast(pl.String).to_list() == [row[0] for row in cells]
        assert mine["close"].to_list() == [float(row[4]) for row in cells]


def test_a_faulty_row_is_not_embedded(tmp_path):
    (tmp_path / "X.csv").write_text("date,close\n2021-01-04,1\n2021-01-05,0\n")
    with pytest.raises(DataError, match=r"X\.csv:3: not a price"):
        build(tmp_path, tmp_path / "out.parquet")
    assert not (tmp_path / "out.parquet").exists()
