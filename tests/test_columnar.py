"""Parquet and Feather files with damaged sizes are refused before they are read."""

import io
from datetime import date, datetime

import polars as pl
import pytest

from eventstudy.cells import columnar
from eventstudy.cells.columnar import columnar_frame
from eventstudy.cells.compact import Damaged, structure
from eventstudy.core.errors import DataError
from eventstudy.prices import read_factors, read_prices

ROWS = 300
FRAME = pl.DataFrame(
    {
        "date": pl.date_range(date(2021, 1, 1), date(2021, 10, 27), eager=True),
        "close": [100.0 + n for n in range(ROWS)],
        "note": ["a" * (n % 7) if n % 3 else None for n in range(ROWS)],
    }
)


def written(**options):
    out = io.BytesIO()
    FRAME.write_parquet(out, **options)
    return out.getvalue()


def columns(data):
    """The metadata of each column chunk, by the footer."""
    end = len(data) - 8 - int.from_bytes(data[-8:-4], "little")
    return [
        column[3] for group in structure(data, end).fields[4] for column in group[1]
    ]


def patched(data, start, wanted, new):
    """Replace one integer of the structure that begins at a byte."""
    page = structure(data, start)
    sought = bytes([0x15, wanted << 1])
    at = data.index(sought, start, page.end)
    return data[: at + 1] + bytes([new]) + data[at + 2 :]


@pytest.mark.parametrize("compression", ["uncompressed", "snappy", "zstd", "lz4"])
@pytest.mark.parametrize("rows", [7, 100, 10_000])
def test_sound_files_are_read_whole(compression, rows):
    data = written(compression=compression, row_group_size=rows)
    assert columnar_frame(data).equals(FRAME)


def test_nested_columns_pass_the_check():
    out = io.BytesIO()
    nested = pl.DataFrame({"a": [[1, 2, 3], [], None, [4]]})
    nested.write_parquet(out)
    assert columnar_frame(out.getvalue()).equals(nested)


def test_a_page_that_claims_a_negative_number_of_values_is_refused():
    """The reader would ask for 2**61 bytes and the process would end."""
    short = FRAME.head(31).select("date")
    out = io.BytesIO()
    short.write_parquet(out, compression="uncompressed")
    data = out.getvalue()
    about = columns(data)[0]
    spoiled = patched(data, about.get(11, about[9]), 31, 0x7B)
    assert spoiled != data
    with pytest.raises(Damaged, match=r"the Parquet file is damaged .*-62"):
        columnar_frame(spoiled)


def test_a_page_longer_than_its_column_is_refused():
    data = written(compression="uncompressed")
    about = columns(data)[1]
    start = about.get(11, about[9])
    page = structure(data, start)
    at = data.index(b"\x15", start + 2, page.end)  # the compressed size
    at = data.index(b"\x15", at + 1, page.end)
    spoiled = data[: at + 1] + b"\xfe\xff\x7f" + data[at + 4 :]
    with pytest.raises(Damaged):
        columnar_frame(spoiled)


@pytest.mark.parametrize("cut", [4, 8, 12, 40, 200])
def test_what_is_cut_off_is_refused(cut):
    data = written()
    with pytest.raises(Damaged, match=r"cut off|damaged"):
        columnar_frame(data[:-cut])
    with pytest.raises(Damaged, match="damaged"):
        columnar_frame(data[: -cut - 4] + b"PAR1")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "end within"),
        (b"\x15\x80", "end within"),
        (b"\x15" + b"\xff" * 12, "more than 64 bits"),
        (b"\x1d", "unknown kind 13"),
        (b"\x18\x7f", "127 bytes"),
        (b"\x19\xf5\xff\xff\x03", "a list of"),
        (b"\x1c" * 200, "without an end"),
    ],
)
def test_what_is_no_structure_is_refused(data, said):
    with pytest.raises(Damaged, match=said):
        structure(data, 0)


def test_too_many_rows_for_the_bytes_are_refused(monkeypatch):
    monkeypatch.setattr(columnar, "_ROWS_OF_ANY", 0)
    monkeypatch.setattr(columnar, "_ROWS_PER_BYTE", 0)
    with pytest.raises(Damaged, match="rows: 300, where 0 to 0 can be"):
        columnar_frame(written())


@pytest.mark.parametrize(
    ("stamps", "said"),
    [
        (pl.Series([0, 2**31 - 1], dtype=pl.Int32).cast(pl.Date), "2147483647 days"),
        (
            pl.Series([0, 2**62], dtype=pl.Int64).cast(pl.Datetime("ms")),
            "4611686018427387904 ms since 1970",
        ),
    ],
)
def test_days_that_no_calendar_has_are_refused(stamps, said, tmp_path):
    path = tmp_path / "A.parquet"
    pl.DataFrame({"date": stamps, "close": [1.0, 2.0]}).write_parquet(path)
    with pytest.raises(DataError) as error:
        read_prices(path)
    (problem,) = error.value.problems
    assert (problem.file, problem.line, problem.column) == ("A.parquet", 2, "date")
    assert said in str(problem.value)
    assert "years 1 to 9999" in problem.message


def test_days_at_the_ends_of_the_calendar_are_read(tmp_path):
    path = tmp_path / "A.parquet"
    days = [date(2021, 6, 17), date(2021, 6, 18)]
    stamps = [datetime(d.year, d.month, d.day) for d in days]  # noqa: DTZ001
    pl.DataFrame({"date": stamps, "close": [1.0, 2.0]}).write_parquet(path)
    assert read_prices(path).frame["date"].to_list() == days


def test_two_factors_of_one_name_are_refused(tmp_path):
    path = tmp_path / "f.csv"
    path.write_text("date,Mkt-RF,mkt_rf,RF\n20210104,0.1,0.2,0\n20210105,0.1,0.2,0\n")
    with pytest.raises(DataError, match="two columns are called"):
        read_factors([path], "ff3")
