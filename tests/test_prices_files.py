import gzip
from datetime import date, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pandas as pd
import polars as pl
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from eventstudy.core.errors import DataError, SpecError
from eventstudy.prices import fetch_prices, read_prices
from eventstudy.prices.raw import MAX_LINE_BYTES
from eventstudy.prices.symbols import check_symbols, file_stem, symbol_of_file

GOOD = """\
date,open,high,low,close,adj_close,volume
2021-05-19,12,13,11,12.5,12.4,1000
2021-05-20,12.5,14,12,13.5,13.4,2000
2021-05-21,13.5,13.6,9,9.5,9.4,3000
"""
CLOSES = [12.5, 13.5, 9.5]


def write(folder: Path, name: str, content: str | bytes) -> Path:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def good_frame() -> pl.DataFrame:
    return pl.read_csv(GOOD.encode(), try_parse_dates=True)


def parquet_bytes(frame: pl.DataFrame, tmp_path: Path) -> bytes:
    path = tmp_path / "made.parquet"
    frame.write_parquet(path)
    data = path.read_bytes()
    path.unlink()
    return data


class TestShapes:
    """The same prices, however they are written."""

    @pytest.mark.parametrize(
        "text",
        [
            GOOD,
            "\ufeff" + GOOD,
            GOOD.replace("\n", "\r\n"),
            GOOD.replace("\n", "\r"),
            GOOD.replace(",", ";"),
            GOOD.replace(",", "\t"),
            GOOD.replace(",", "|"),
            GOOD.rstrip("\n"),
            "\n" + GOOD.replace("\n", "\n\n"),
            GOOD + ",,,,,,\n",
            GOOD.replace("2021-05-20", '"2021-05-20"'),
            GOOD.replace("date,open", "Date, Open ").replace("adj_close", "Adj Close"),
            GOOD.replace("date", "timestamp").replace(",close", ",Price"),
            GOOD.replace("-19,", "-19T00:00:00Z,").replace("-20,", "-20 00:00:00,"),
            GOOD.replace("-19,", "-19 00:00:00-04:00,").replace(
                "2021-05-20", "20210520"
            ),
            GOOD.replace("volume", "volume,note").replace("000\n", "000,=x\n"),
        ],
    )
    def test_text(self, tmp_path, text):
        prices = read_prices(write(tmp_path, "BTCM.csv", text))
        assert prices.symbols == ("BTCM",)
        assert prices.frame["close"].to_list() == CLOSES
        assert prices.frame["adj_close"].to_list() == [12.4, 13.4, 9.4]
        assert prices.frame["date"].to_list() == [
            date(2021, 5, d) for d in (19, 20, 21)
        ]
        assert prices.issues.is_empty()

    def test_only_date_and_close_are_needed(self, tmp_path):
        path = write(tmp_path, "X.csv", "date,close\n2021-05-20,9\n2021-05-21,\n")
        frame = read_prices(path).frame
        assert frame["adj_close"].to_list() == [9.0, None]
        assert frame["open"].null_count() == frame["volume"].null_count() == 2

    @pytest.mark.parametrize("suffix", ["csv", "csv.gz", "parquet", "feather"])
    def test_folder_and_file_types(self, tmp_path, suffix):
        path = tmp_path / f"BTC-USD.{suffix}"
        if suffix == "parquet":
            good_frame().write_parquet(path)
        elif suffix == "feather":
            good_frame().write_ipc(path)
        else:
            data = GOOD.encode()
            path.write_bytes(gzip.compress(data) if suffix == "csv.gz" else data)
        write(tmp_path, "^GSPC.csv", GOOD)
        for name in ("README.md", "NOTICE.txt", "._RIOT.csv"):
            write(tmp_path, name, "not prices")
        prices = read_prices(tmp_path)
        assert prices.symbols == ("BTC-USD", "^GSPC")
        assert prices.frame.filter(symbol="BTC-USD")["close"].to_list() == CLOSES
        assert prices.source == f"files: {tmp_path.name}"
        assert [file.name for file in prices.files] == [path.name, "^GSPC.csv"]
        assert all(len(file.sha256) == 64 and file.rows == 3 for file in prices.files)

    def test_long_file_in_any_order(self, tmp_path):
        long = pl.concat(
            [good_frame().with_columns(symbol=pl.lit(s)) for s in ("RIOT", "BTCM")]
        ).reverse()
        prices = read_prices(write(tmp_path, "all.csv", long.write_csv()))
        assert prices.frame["symbol"].to_list() == ["BTCM"] * 3 + ["RIOT"] * 3
        assert prices.frame["close"].to_list() == CLOSES * 2
        assert set(prices.issues["rule"]) == {"unsorted"}

    @pytest.mark.parametrize(
        "make",
        [
            lambda frame: frame,
            lambda frame: frame.lazy(),
            lambda frame: pa.table(frame.to_arrow()),
            lambda frame: frame.to_pandas(),
            lambda frame: frame.to_pandas().set_index("date"),
        ],
        ids=["polars", "lazy", "pyarrow", "pandas", "pandas-index"],
    )
    def test_frames(self, make):
        prices = read_prices(make(good_frame().with_columns(symbol=pl.lit("X"))))
        assert prices.frame["close"].to_list() == CLOSES
        assert prices.source == "frame"
        assert prices.files[0].sha256 == read_prices(prices.frame).files[0].sha256

    def test_zoned_stamps_keep_their_local_date(self):
        zone = ZoneInfo("Asia/Hong_Kong")
        stamps = pd.DatetimeIndex([datetime(2021, 5, 21, tzinfo=zone)], name="Date")
        frame = pd.DataFrame({"Close": [9.0], "Ticker": ["X"]}, index=stamps)
        assert read_prices(frame).frame["date"].to_list() == [date(2021, 5, 21)]

    def test_columns_and_date_format_settle_what_is_unclear(self, tmp_path):
        text = "date,close,price\n05/21/2021,1,9\n"
        path = write(tmp_path, "X.csv", text)
        prices = read_prices(path, columns={"close": "price"}, date_format="%m/%d/%Y")
        assert prices.frame.row(0)[:6:5] == ("X", 9.0)
        with pytest.raises(SpecError, match="unknown field 'cost'; known: symbol"):
            read_prices(path, columns={"cost": "price"})

    def test_wide(self, tmp_path):
        text = "Date,RIOT,^GSPC\n2021-05-20,9,4100\n2021-05-22,,\n2021-05-21,8,\n"
        prices = read_prices(write(tmp_path, "closes.csv", text))
        assert prices.frame.select("symbol", "close").rows() == [
            ("RIOT", 9.0),
            ("RIOT", 8.0),
            ("^GSPC", 4100.0),
        ]
        bad = text.replace("8,", "x,")
        with pytest.raises(DataError, match=r"closes\.csv:4: column 'RIOT': value 'x'"):
            read_prices(write(tmp_path, "closes.csv", bad))

    def test_a_misspelt_header_is_not_wide(self, tmp_path):
        text = GOOD.replace("close", "clsoe")
        with pytest.raises(DataError, match="no column 'close'"):
            read_prices(write(tmp_path, "X.csv", text))

    def test_a_time_of_day_beside_the_date_means_nothing(self, tmp_path):
        text = "time,date,close\n09:30,2021-05-20,9\n"
        assert len(read_prices(write(tmp_path, "X.csv", text))) == 1

    def test_html_for_notebooks(self, tmp_path):
        prices = read_prices(write(tmp_path, "M&M.NS.csv", GOOD))
        assert len(prices) == 3
        assert (
            repr(prices)
            == "<Prices from files: M&M.NS.csv: 1 symbols, 3 rows, 0 issues>"
        )
        assert "<td>M&amp;M.NS</td>" in prices._repr_html_()


HTML = "<!DOCTYPE html><html><body>Too many requests</body></html>"
REFUSED = {
    "empty": ("", "X.csv: the file is empty"),
    "blank": ("\n \n", "X.csv: the file is empty"),
    "a byte-order mark alone": (b"\xef\xbb\xbf", "X.csv: the file is empty"),
    "header only": ("date,close\n", "X.csv:1: there is a header line and nothing"),
    "html": (HTML, "X.csv: this is a web page, not a table"),
    "json": ('{"chart": null}', "X.csv: this is JSON"),
    "binary": (b"date,close\n2021-05-21,\x00\x01", "X.csv:2: binary data"),
    "no text": (GOOD.encode() + b"\x81\x8d", "X.csv:5: byte 0x81 is no text"),
    "workbook": (b"PK\x03\x04 rest", "zip file, or a workbook that is not named"),
    "cut off": (GOOD[:-14], "X.csv:4: 4 cells where the header has 7"),
    "one more cell": (GOOD.replace("1000", "1,000"), "X.csv:2: 8 cells where"),
    "no close": (GOOD.replace(",close", ",end"), "no column 'close'; found 'date'"),
    "no header": (GOOD.partition("\n")[2], "X.csv:1: the first line holds numbers"),
    "two closes": (GOOD.replace("open", "last"), "'last' and 'close' can both be"),
    "twice": (GOOD.replace("open", "close"), "X.csv:1: columns named twice: close"),
    "word": (GOOD.replace("13.5,13.4", "soon,13.4"), "X.csv:3: column 'close': value"),
    "thousands": (GOOD.replace("2000", '"2,00"'), "X.csv: '2,00' has a decimal comma"),
    "date": (GOOD.replace("05-20", "02-30"), "X.csv:3: column 'date': value '2021-02"),
    "no day": (GOOD.replace("2021-05-20", "25/20/2021"), "X.csv:3: column 'date'"),
    "ancient": (GOOD.replace("2021-05-20", "0021-05-20"), "X.csv:3: column 'date'"),
    "no date": (
        GOOD.replace("2021-05-20", ""),
        "X.csv:3: column 'date': the date is m",
    ),
    "intraday": (GOOD.replace("-20,", "-20T14:30:00Z,"), "X.csv:3: .*a time of day"),
    "duplicate": (GOOD.replace("-20", "-19"), "X.csv:3: .*a second row for X"),
    "no prices": ("date,close\n2021-05-20,0\n2021-05-21,\n", "not one usable close"),
    "date and close swapped": (
        GOOD.replace("date", "x").replace(",close", ",date").replace("x,", "close,"),
        "X.csv:2: column 'date': value '12.5'",
    ),
    "open quote": (GOOD.replace("12,13", '"12,13'), "X.csv:2: cannot be split"),
    "gzip cut off": (gzip.compress(GOOD.encode())[:-12], "gzip file is damaged"),
    "endless line": (b"1," * MAX_LINE_BYTES, "X.csv:1: a line longer than 1024 KiB"),
    "endless second line": (
        GOOD.encode() + b"1" * (MAX_LINE_BYTES + 1),
        "X.csv:5: a line longer than 1024 KiB",
    ),
}


class TestRefused:
    """Structural faults: one error that names file, line, column and value."""

    @pytest.mark.parametrize(("content", "message"), REFUSED.values(), ids=REFUSED)
    def test_text(self, tmp_path, content, message):
        with pytest.raises(DataError, match=message):
            read_prices(write(tmp_path, "X.csv", content))

    @pytest.mark.parametrize("keep", [0.1, 0.5, 0.9, 0.999])
    def test_parquet_cut_off(self, tmp_path, keep):
        data = parquet_bytes(good_frame(), tmp_path)
        path = write(tmp_path, "X.parquet", data[: int(len(data) * keep)])
        with pytest.raises(DataError, match=r"X\.parquet: the Parquet file is cut off"):
            read_prices(path)

    @pytest.mark.parametrize("position", range(0, 60, 3))
    def test_parquet_damaged(self, tmp_path, position):
        data = bytearray(parquet_bytes(good_frame(), tmp_path))
        at = len(data) - 8 - position
        data[at : at + 3] = b"\xff\x00\xff"
        path = write(tmp_path, "X.parquet", bytes(data))
        try:
            prices = read_prices(path)
        except DataError as error:
            assert "X.parquet" in str(error)  # noqa: PT017
        else:
            assert prices.frame["close"].to_list() == CLOSES

    def test_columns_of_wrong_types(self, tmp_path):
        frame = good_frame().with_columns(close=pl.col("date"), date=pl.col("close"))
        path = write(tmp_path, "X.parquet", parquet_bytes(frame, tmp_path))
        with pytest.raises(DataError, match="wanted dates, found numbers") as caught:
            read_prices(path)
        assert "column 'close': wanted numbers, found Date" in str(caught.value)

    def test_high_and_close_swapped(self, tmp_path):
        days = pl.date_range(date(2021, 1, 1), date(2021, 1, 20), eager=True)
        frame = pl.DataFrame({"date": days}).with_columns(
            open=10.0, high=10.2, low=9.0, close=12.0
        )
        path = write(tmp_path, "X.csv", frame.write_csv())
        with pytest.raises(DataError, match=r"in 20 of 20 rows; are columns swapped\?"):
            read_prices(path)

    def test_everything_wrong_in_a_folder_is_said_at_once(self, tmp_path):
        write(tmp_path, "A.csv", GOOD.replace("12.5,12.4", "x,y"))
        write(tmp_path, "B.csv", GOOD.replace("2021-05-21", "soon"))
        write(tmp_path, "C.csv", GOOD)
        with pytest.raises(DataError) as caught:
            read_prices(tmp_path)
        places = {(p.file, p.line, p.column, p.value) for p in caught.value.problems}
        assert places == {
            ("A.csv", 2, "close", "x"),
            ("A.csv", 2, "adj_close", "y"),
            ("B.csv", 4, "date", "soon"),
        }

    def test_a_thousand_faults_are_cut_short(self, tmp_path):
        text = "date,close\n" + "never,1\n" * 1000
        with pytest.raises(DataError, match="and more like these") as caught:
            read_prices(write(tmp_path, "X.csv", text))
        assert len(caught.value.problems) == 51

    def test_no_file_no_folder_no_prices(self, tmp_path):
        with pytest.raises(DataError, match="no such file or folder"):
            read_prices(tmp_path / "nowhere")
        with pytest.raises(DataError, match="no CSV, Excel, Parquet or Feather file"):
            read_prices(tmp_path)
        with pytest.raises(DataError, match=r"wanted a path or a frame, .*found list"):
            read_prices([1.0])

    def test_line_numbers_survive_quotes_and_blank_lines(self, tmp_path):
        lines = 'date,close,note\n\n2021-05-19,9,"a\nb"\n\n2021-05-20,x,c\n'
        with pytest.raises(DataError, match=r"X\.csv:6: column 'close': value 'x'"):
            read_prices(write(tmp_path, "X.csv", lines))

    def test_a_symbol_that_leaves_the_folder(self, tmp_path):
        text = "symbol,date,close\nX,2021-05-20,9\n../../etc/passwd,2021-05-20,9\n"
        with pytest.raises(DataError, match=r"all\.csv:3: column 'symbol'"):
            read_prices(write(tmp_path, "all.csv", text))


class TestRowsThatCannotBeRight:
    """Nothing is repaired or filled; what was done is an entry with file and line."""

    @pytest.mark.parametrize(
        "value", ["0", "-9.5", "NaN", "inf", "-inf", "1e400", "1e13"]
    )
    def test_close(self, tmp_path, value):
        text = GOOD.replace("9.5,9.4", f"{value},9.4")
        prices = read_prices(write(tmp_path, "X.csv", text))
        last = prices.frame.row(2, named=True)
        assert last["volume"] == 3000
        del last["symbol"], last["date"], last["volume"]
        assert set(last.values()) == {None}
        issue = prices.issues.row(0, named=True)
        assert issue["symbol"] == "X"
        assert issue["date"] == date(2021, 5, 21)
        assert (issue["file"], issue["line"]) == ("X.csv", 4)
        assert (issue["severity"], issue["rule"]) == ("warning", "price")
        assert issue["action"] == "the session's prices are missing"
        assert prices.issues.height == 1

    def test_no_adjusted_close_beside_a_close(self, tmp_path):
        prices = read_prices(write(tmp_path, "X.csv", GOOD.replace("9.5,9.4", "9.5,")))
        assert prices.frame["adj_close"].to_list() == [12.4, 13.4, None]
        assert prices.frame["close"].to_list() == [12.5, 13.5, None]
        assert prices.issues["rule"].to_list() == ["no_adjusted_close"]

    @pytest.mark.parametrize(
        ("cells", "rule"),
        [
            ("11,9", "range"),
            ("13.6,9.6", "range"),
            ("9.4,9", "range"),
            ("0,9", "price"),
        ],
    )
    def test_high_and_low(self, tmp_path, cells, rule):
        text = GOOD.replace("13.6,9,", f"{cells},")
        if cells == "11,9":
            text = text.replace("13.5,11,9", "13.5,8,9")
        prices = read_prices(write(tmp_path, "X.csv", text))
        last = prices.frame.row(2, named=True)
        assert last["open"] is last["high"] is last["low"] is None
        assert (last["close"], last["adj_close"]) == (9.5, 9.4)
        assert prices.issues["rule"].to_list() == [rule]
        assert prices.issues["line"].to_list() == [4]

    def test_rounding_is_no_contradiction(self, tmp_path):
        text = GOOD.replace("13.6,9,", "13.6,9.5003,")
        assert read_prices(write(tmp_path, "X.csv", text)).issues.is_empty()

    @pytest.mark.parametrize("value", ["-1", "nan", "inf"])
    def test_volume(self, tmp_path, value):
        prices = read_prices(write(tmp_path, "X.csv", GOOD.replace("3000", value)))
        assert prices.frame["volume"].to_list() == [1000, 2000, None]
        assert prices.frame["close"].to_list() == CLOSES
        assert prices.issues["rule"].to_list() == ["volume"]

    def test_zero_volume_is_a_volume(self, tmp_path):
        prices = read_prices(write(tmp_path, "X.csv", GOOD.replace("3000", "0")))
        assert prices.frame["volume"].to_list() == [1000, 2000, 0]
        assert prices.issues.is_empty()

    def test_unsorted_rows_are_sorted_and_said(self, tmp_path):
        head, *rows = GOOD.splitlines()
        text = "\n".join([head, *reversed(rows)])
        prices = read_prices(write(tmp_path, "X.csv", text))
        assert prices.frame["close"].to_list() == CLOSES
        issue = prices.issues.row(0, named=True)
        assert (issue["rule"], issue["severity"], issue["line"]) == (
            "unsorted",
            "info",
            3,
        )

    @given(
        st.lists(
            st.sampled_from(["1", "2.5", "0", "-1", "nan", "inf", "", "1e300"]),
            min_size=1,
            max_size=30,
        )
    )
    def test_what_is_kept_is_what_stood_there(self, closes):
        days = [f"2021-01-{day + 1:02d}" for day in range(len(closes))]
        table = {"symbol": ["X"] * len(days), "date": days, "close": closes}
        good = [float(c) if c in ("1", "2.5") else None for c in closes]
        if not any(good):
            with pytest.raises(DataError, match="not one usable close"):
                read_prices(pl.DataFrame(table))
            return
        prices = read_prices(pl.DataFrame(table))
        assert prices.frame["close"].to_list() == good
        assert prices.frame["adj_close"].to_list() == good
        assert prices.issues.height == sum(c not in ("1", "2.5", "") for c in closes)


class TestSymbols:
    @pytest.mark.parametrize(
        "symbol", ["BTC-USD", "^GSPC", "BRK.B", "M&M.NS", "CON.DE"]
    )
    def test_file_name_and_back(self, symbol):
        path = Path(f"{file_stem(symbol)}.parquet")
        assert symbol in path.name
        assert symbol_of_file(path) == symbol

    @pytest.mark.parametrize("symbol", ["con", "NUL", "com1", "CON.DE"])
    def test_reserved_names_are_not_file_names(self, symbol):
        assert file_stem(symbol).startswith("_")

    @pytest.mark.parametrize(
        "symbol",
        [
            *("", ".", "..", "../x", "a/b", "a\\b", "/etc", "C:x", "a\x00", "a\nb"),
            *("x.", " x", "a*", "x" * 101, "a\u2028b", "a\x85b"),
        ],
    )
    def test_refused(self, symbol):
        with pytest.raises(SpecError, match="not usable as symbols"):
            check_symbols(["RIOT", symbol])

    def test_a_text_is_one_symbol(self, tmp_path):
        assert check_symbols("RIOT") == ("RIOT",)
        assert fetch_prices("RIOT").symbols == ("RIOT",)
        with pytest.raises(DataError, match="no prices for RIOTS in snapshot"):
            fetch_prices("RIOTS")


class TestFetchFromFiles:
    def test_only_the_files_asked_for_are_read(self, tmp_path):
        write(tmp_path, "A.csv", GOOD)
        write(tmp_path, "B.csv", "spoiled")
        assert fetch_prices(["A"], source=tmp_path).symbols == ("A",)

    def test_unknown_symbols_are_all_named_with_what_there_is(self, tmp_path):
        write(tmp_path, "A.csv", GOOD)
        message = r"no prices for B, C in files: .*; it has A"
        with pytest.raises(DataError, match=message):
            fetch_prices(["A", "B", "C"], source=str(tmp_path))

    def test_span(self, tmp_path):
        write(tmp_path, "A.csv", GOOD)
        day = date(2021, 5, 20)
        prices = fetch_prices(["A"], source=tmp_path, start=day, end=day)
        assert prices.frame["date"].to_list() == [day]
        with pytest.raises(DataError, match="no prices for A from 2022-01-01"):
            fetch_prices(["A"], source=tmp_path, start=date(2022, 1, 1))

    def test_unknown_source(self):
        with pytest.raises(SpecError, match="unknown source of prices 'bloomberg'"):
            fetch_prices(["A"], source="bloomberg")


@pytest.mark.parametrize("unit", [1.0, 100.0])
def test_returns_offered_as_closes_are_told_as_what_they_are(tmp_path, unit):
    days = pl.date_range(date(2021, 1, 1), date(2021, 1, 20), eager=True)
    r = [unit * 0.01 * (-1) ** n for n in range(20)]
    frame = pl.DataFrame({"date": days, "close": r})
    with pytest.raises(DataError, match=r"X\.csv:2: .*50% .*look like returns"):
        read_prices(write(tmp_path, "X.csv", frame.write_csv()))
    level = frame.with_columns(close=100 * (1 + pl.col("close") / unit).cum_prod())
    assert len(read_prices(write(tmp_path, "X.csv", level.write_csv()))) == 20
