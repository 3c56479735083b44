"""Ways in which people write one price series: read rightly, or asked, never wrongly.

The table of ``docs/files_we_read.md`` is that of `WAYS`.
"""

import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest

from eventstudy.core.errors import DataError
from eventstudy.prices import read_prices

PAGE = Path(__file__).parents[1] / "docs" / "files_we_read.md"
DAYS = [
    day
    for n in range(45)
    if (day := date(2021, 5, 3) + timedelta(days=n)).weekday() < 5
]
CLOSE = [round(1234.56 + 3.17 * (n % 7) - 1.9 * n, 2) for n in range(len(DAYS))]
OPEN = [round(c - 1.25, 2) for c in CLOSE]
HIGH = [round(c + 2.35, 2) for c in CLOSE]
LOW = [round(c - 2.45, 2) for c in CLOSE]
VOLUME = [1_200_345 + 1_000 * n for n in range(len(DAYS))]


def us(value):
    return f"{value:,.2f}"


def german(value):
    return us(value).translate(str.maketrans(",.", ".,"))


def table(day, number=str, volume=str, sep=",", header=None, rows=DAYS, quote=False):
    """Write the series; day, number and volume write a cell."""
    names = header or ["Date", "Open", "High", "Low", "Close", "Volume"]
    lines = [sep.join(names)] if header != [] else []
    for n, when in enumerate(rows):
        at = DAYS.index(when)
        cells = [day(when), *map(number, (OPEN[at], HIGH[at], LOW[at], CLOSE[at]))]
        cells.append(volume(VOLUME[at]))
        lines.append(sep.join(f'"{c}"' if quote else c for c in cells))
        assert n >= 0
    return "\n".join(lines) + "\n"


def closes(day, number=str, sep=",", head="Date,Close"):
    lines = [f"{day(d)}{sep}{number(c)}" for d, c in zip(DAYS, CLOSE, strict=True)]
    return "\n".join([head.replace(",", sep), *lines]) + "\n"


ANGLES = "<DATE>,<OPEN>,<HIGH>,<LOW>,<CLOSE>,<VOL>"
CRSP = "DlyCalDt,DlyOpen,DlyHigh,DlyLow,DlyPrc,DlyVol"
COMPUSTAT = "datadate,prcod,prchd,prcld,prccd,cshtrd"


def iso(day):
    return day.isoformat()


def epoch(day, unit):
    moment = datetime(day.year, day.month, day.day, tzinfo=UTC)
    return str(int(moment.timestamp()) * unit)


def serial(day):
    return str((day - date(1899, 12, 30)).days)


def klines(unit):
    lines = []
    for at, day in enumerate(DAYS):
        start, end = epoch(day, unit), int(epoch(day, unit)) + 86_400 * unit - 1
        numbers = [OPEN[at], HIGH[at], LOW[at], CLOSE[at], VOLUME[at]]
        lines.append(",".join(map(str, [start, *numbers, end, 1, 2, 3, 4, 0])))
    return "\n".join(lines) + "\n"


def three_lines():
    body = table(iso).split("\n", 1)[1]
    return (
        "Price,Open,High,Low,Close,Volume\nTicker,AAA,AAA,AAA,AAA,AAA\nDate,,,,,\n"
        + body
    )


def three_lines_two_symbols():
    rows = [
        f"{iso(d)},{c},{c + 1},{c},{c + 1}" for d, c in zip(DAYS, CLOSE, strict=True)
    ]
    head = "Price,Close,Close,Open,Open\nTicker,AAA,BBB,AAA,BBB\nDate,,,,\n"
    return head + "\n".join(rows) + "\n"


def spliced(text, at, line):
    lines = text.splitlines()
    return "\n".join([*lines[:at], line, *lines[at:]]) + "\n"


PLAIN = table(iso)
# name -> (text or bytes, settings, None or the word of the setting that is asked for)
WAYS = {
    "dates 2021-06-21": (PLAIN, {}, None),
    "dates 21/06/2021": (table(lambda d: f"{d:%d/%m/%Y}"), {}, None),
    "dates 21.06.2021": (table(lambda d: f"{d:%d.%m.%Y}"), {}, None),
    "dates 21-06-2021": (table(lambda d: f"{d:%d-%m-%Y}"), {}, None),
    "dates 06/21/2021": (table(lambda d: f"{d:%m/%d/%Y}"), {}, None),
    "dates 6/21/2021": (table(lambda d: f"{d.month}/{d.day}/{d.year}"), {}, None),
    "dates 06/21/21": (table(lambda d: f"{d:%m/%d/%y}"), {}, None),
    "dates 2021/06/21": (table(lambda d: f"{d:%Y/%m/%d}"), {}, None),
    "dates 2021.06.21": (table(lambda d: f"{d:%Y.%m.%d}"), {}, None),
    "dates 20210621": (table(lambda d: f"{d:%Y%m%d}"), {}, None),
    "dates Jun 21, 2021": (
        table(lambda d: f"{d:%b %d, %Y}", quote=True),
        {},
        None,
    ),
    "dates June 21, 2021": (table(lambda d: f"{d:%B %d, %Y}", quote=True), {}, None),
    "dates 21 Jun 2021": (table(lambda d: f"{d:%d %b %Y}"), {}, None),
    "dates 21-Jun-2021": (table(lambda d: f"{d:%d-%b-%Y}"), {}, None),
    "dates 21-Jun-21": (table(lambda d: f"{d:%d-%b-%y}"), {}, None),
    "dates 21JUN2021": (table(lambda d: f"{d:%d%b%Y}".upper()), {}, None),
    "dates Mon, 21 Jun 2021": (
        table(lambda d: f"{d:%a, %d %b %Y}", quote=True),
        {},
        None,
    ),
    "day numbers of a spreadsheet": (table(serial), {}, None),
    "dates 21. Juni 2021": (
        closes(lambda d: f"{d.day}. {'Mai' if d.month == 5 else 'Juni'} {d.year}"),
        {},
        None,
    ),
    "dates 21 juin 2021": (
        closes(lambda d: f"{d.day} {'mai' if d.month == 5 else 'juin'} {d.year}"),
        {},
        None,
    ),
    "dates 20210621.0": (table(lambda d: f"{d:%Y%m%d}.0"), {}, None),
    "seconds since 1970, with .0": (table(lambda d: f"{epoch(d, 1)}.0"), {}, None),
    "seconds since 1970 at the opening": (
        table(lambda d: f"{int(epoch(d, 1)) + 52_200}"),
        {},
        "no midnight in seconds",
    ),
    "nanoseconds since 1970": (table(lambda d: epoch(d, 1_000_000_000)), {}, None),
    "seconds since 1970": (table(lambda d: epoch(d, 1)), {}, None),
    "milliseconds since 1970": (table(lambda d: epoch(d, 1_000)), {}, None),
    "microseconds since 1970": (table(lambda d: epoch(d, 1_000_000)), {}, None),
    "dates with midnight": (table(lambda d: f"{d} 00:00:00"), {}, None),
    "dates with midnight and a zone": (
        table(lambda d: f"{d} 00:00:00-04:00"),
        {},
        None,
    ),
    "dates with the last second": (table(lambda d: f"{d}T23:59:59.999Z"), {}, None),
    "dates 6/21/2021 12:00 AM": (
        table(lambda d: f"{d:%m/%d/%Y} 12:00 AM"),
        {},
        None,
    ),
    "day and month cannot be told": (
        closes(lambda d: f"{d:%d/%m/%Y}").split("\n")[0]
        + "\n03/05/2021,5.25\n04/05/2021,5.5\n",
        {},
        "date_format",
    ),
    "a date_format that is given": (
        table(lambda d: f"{d:%d %m %Y}"),
        {"date_format": "%d %m %Y"},
        None,
    ),
    "times of day": (table(lambda d: f"{d}T16:00:00"), {}, "time of day"),
    "times of day, dates 6/21/2021": (
        table(lambda d: f"{d:%m/%d/%Y} 16:00:00"),
        {},
        "time of day",
    ),
    "times of day, and a date_format that has them": (
        table(lambda d: f"{d:%m/%d/%Y} 16:00:00"),
        {"date_format": "%m/%d/%Y %H:%M:%S"},
        None,
    ),
    "decimal comma, ; between cells": (
        table(iso, german, german, ";"),
        {},
        None,
    ),
    "decimal comma, quoted": (table(iso, german, quote=True), {}, None),
    "decimal comma without thousands": (
        table(iso, lambda v: f"{v:.2f}".replace(".", ","), sep=";"),
        {},
        None,
    ),
    "thousands with commas": (table(iso, us, lambda v: f"{v:,}", quote=True), {}, None),
    "thousands with blanks": (
        table(iso, lambda v: us(v).replace(",", " "), sep=";"),
        {},
        None,
    ),
    "thousands with apostrophes": (
        table(iso, lambda v: us(v).replace(",", "'"), sep=";"),
        {},
        None,
    ),
    "three digits after every comma": (
        "Date;Close\n2021-05-03;1,234\n2021-05-04;1,250\n",
        {},
        "decimal",
    ),
    "dollar signs": (table(iso, lambda v: f"${us(v)}", quote=True), {}, None),
    "euro signs behind": (table(iso, lambda v: f"{german(v)} €", sep=";"), {}, None),
    "currency by its letters": (table(iso, lambda v: f"USD {v}"), {}, None),
    "volume as 1.2M": (
        table(iso, str, lambda v: f"{v / 1e6:.6f}M"),
        {},
        None,
    ),
    "volume as 1200.345K": (table(iso, str, lambda v: f"{v / 1e3:.3f}K"), {}, None),
    "a column of changes in per cent": (
        PLAIN.replace("Volume", "Volume,Change %").replace("345\n", "345,1.2%\n"),
        {},
        None,
    ),
    "missing words": (
        spliced(PLAIN, 10, "2021-05-02,n/a,-,null,NA,#N/A"),
        {},
        None,
    ),
    "newest first": (table(iso, rows=DAYS[::-1]), {}, None),
    "tabs": (table(iso, sep="\t"), {}, None),
    "bars": (table(iso, sep="|"), {}, None),
    "sep=; in the first line": ("sep=;\n" + table(iso, sep=";"), {}, None),
    "UTF-8 with a mark": (("\ufeff" + PLAIN).encode(), {}, None),
    "UTF-16": (PLAIN.encode("utf-16"), {}, None),
    "Windows text": (
        table(
            iso, header=["Date", "Eröffnung", "Hoch", "Tief", "Schluss", "Volumen"]
        ).encode("cp1252"),
        {},
        None,
    ),
    "line ends of Windows": (PLAIN.replace("\n", "\r\n"), {}, None),
    "German headings": (
        table(
            iso, header=["Datum", "Erster", "Hoch", "Tief", "Schlusskurs", "Stuecke"]
        ),
        {},
        None,
    ),
    "French headings": (
        table(iso, header=["Date", "Ouv", "Plus haut", "Plus bas", "Dernier", "Vol."]),
        {},
        None,
    ),
    "Close/Last": (PLAIN.replace("Close", "Close/Last"), {}, None),
    "headings that are named": (
        PLAIN.replace("Close", "Settle"),
        {"columns": {"close": "Settle"}},
        None,
    ),
    "headings that say nothing": (PLAIN.replace("Close", "Settle"), {}, "close"),
    "three header lines": (three_lines(), {}, None),
    "three header lines, two symbols": (three_lines_two_symbols(), {}, None),
    "three header lines, symbols first": (
        three_lines_two_symbols().replace(
            "Price,Close,Close,Open,Open\nTicker,AAA,BBB,AAA,BBB",
            "Ticker,AAA,BBB,AAA,BBB\nPrice,Close,Close,Open,Open",
        ),
        {},
        None,
    ),
    "index without a name": (PLAIN.replace("Date", ""), {}, None),
    "klines without header, ms": (klines(1_000), {}, None),
    "klines without header, us": (klines(1_000_000), {}, None),
    "no header": (PLAIN.split("\n", 1)[1], {}, "first line holds numbers"),
    "empty columns without a name": (PLAIN.replace("\n", ",,\n"), {}, None),
    "a separator at the end of rows": (
        PLAIN.replace("\n", ",\n").replace("Volume,", "Volume", 1),
        {},
        None,
    ),
    "the header again": (
        spliced(PLAIN, 12, "Date,Open,High,Low,Close,Volume"),
        {},
        None,
    ),
    "a footnote": (PLAIN + "*Close price adjusted for splits.\n", {}, None),
    "a footnote with a comma": (PLAIN + "Source: A Vendor, Inc.\n", {}, None),
    "a title above the header": ("Prices of AAA\n" + PLAIN, {}, None),
    "names and values above the header": (
        "Security,AAA US Equity\nStart Date,5/3/2021\n\n" + PLAIN,
        {},
        None,
    ),
    "headings in angle brackets": (
        PLAIN.replace("Date,Open,High,Low,Close,Volume", ANGLES),
        {},
        None,
    ),
    "headings of CRSP": (
        PLAIN.replace("Date,Open,High,Low,Close,Volume", CRSP),
        {},
        None,
    ),
    "headings of Compustat": (
        PLAIN.replace("Date,Open,High,Low,Close,Volume", COMPUSTAT),
        {},
        None,
    ),
    "headings of FRED": (closes(iso, head="observation_date,AAA"), {}, None),
    "Chinese headings and dates": (
        closes(lambda d: f"{d.year}年{d.month}月{d.day}日", head="日期,收盘价"),
        {},
        None,
    ),
    "blanks behind separators": (
        table(iso, sep=", ", quote=True),
        {},
        None,
    ),
    "cells apart by blanks": (closes(iso, sep=" "), {}, "separate the cells"),
    "an old workbook": (b"\xd0\xcf\x11\xe0" + bytes(600), {}, "save it as .xlsx"),
    "UTF-16 without a mark": (PLAIN.encode("utf-16-le"), {}, "UTF-16"),
    "a line of a dividend": (
        spliced(PLAIN, 12, "2021-05-18,0.22 Dividend,,,,"),
        {},
        None,
    ),
    "a session twice, alike": (PLAIN + PLAIN.splitlines()[-1] + "\n", {}, None),
    "a session twice, two closes": (
        PLAIN + "2021-06-16,1,1,1,1,1\n",
        {},
        "second row",
    ),
    "one column named after its symbol": (
        closes(iso, head="Date,AAA"),
        {},
        None,
    ),
    "a file that is cut off": (PLAIN[:-12], {}, "cut off"),
    "a web page": ("<!DOCTYPE html><html></html>", {}, "web page"),
    "two decimal marks": (
        "Date;Close\n2021-05-03;12,5\n2021-05-04;12.5\n",
        {},
        "decimal",
    ),
}


def written(name, folder):
    text, settings, asked = WAYS[name]
    path = folder / "AAA.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path, settings, asked


@pytest.mark.parametrize("name", WAYS)
def test_a_way_of_writing_prices_is_read_rightly_or_asked(name, tmp_path):
    path, settings, asked = written(name, tmp_path)
    if asked is not None:
        with pytest.raises(DataError, match=asked):
            read_prices(path, **settings)
        return
    frame = read_prices(path, **settings).frame.filter(symbol="AAA").drop_nulls("close")
    assert frame["date"].to_list() == DAYS
    assert frame["close"].to_list() == pytest.approx(CLOSE, abs=1e-9)
    if frame["volume"].null_count() < len(DAYS) - 1:
        held = frame["volume"].to_list()
        if name == "a session twice, alike":
            held[-1] = VOLUME[-1]
        assert held == pytest.approx(VOLUME, rel=1e-6)


def test_the_page_has_every_way():
    rows = [
        f"| {name} | {'read' if asked is None else 'asked or refused: ' + asked} |"
        for name, (_, _, asked) in WAYS.items()
    ]
    page = PAGE.read_text(encoding="utf-8")
    lines = [line for line in page.splitlines() if line.startswith("| ")]
    assert [line for line in lines[1:] if not line.startswith("| :")] == rows
    read = sum(asked is None for _, _, asked in WAYS.values())
    assert f"{len(WAYS)} ways, {read} of them read" in page


def workbook(path, sheet="Prices"):
    xlsxwriter = pytest.importorskip("xlsxwriter", reason="the extra excel writes it")
    pytest.importorskip("fastexcel", reason="the extra excel reads it")
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet("About").write(0, 0, "prices of AAA")
        page = book.add_worksheet(sheet)
        form = book.add_format({"num_format": "dd/mm/yyyy"})
        page.write_row(0, 0, ["Date", "Close", "Volume"])
        for n, day in enumerate(DAYS, start=1):
            page.write_datetime(n, 0, day, form)
            page.write_row(n, 1, [CLOSE[n - 1], VOLUME[n - 1]])


def test_a_sheet_of_a_workbook_is_read_by_its_name(tmp_path):
    workbook(tmp_path / "AAA.xlsx")
    prices = read_prices(tmp_path, sheet="Prices")
    assert prices.frame["date"].to_list() == DAYS
    assert prices.frame["close"].to_list() == CLOSE
    assert prices.frame["volume"].to_list() == VOLUME
    with pytest.raises(
        DataError, match="no sheet 'Price'; there are 'About', 'Prices'"
    ):
        read_prices(tmp_path / "AAA.xlsx", sheet="Price")
    with pytest.raises(DataError, match=r"AAA\.xlsx: the sheet 'About' has no table"):
        read_prices(tmp_path / "AAA.xlsx")
    (tmp_path / "AAA.xlsx").write_bytes(b"PK\x03\x04 no workbook")
    with pytest.raises(DataError, match=r"AAA\.xlsx: the workbook cannot be read"):
        read_prices(tmp_path)


def test_files_of_a_folder_have_settings_of_their_own(tmp_path):
    (tmp_path / "AAA.csv").write_text(PLAIN)
    odd = "Tag;Kurs\n" + "".join(
        f"{d:%d %m %Y};{german(c)}\n" for d, c in zip(DAYS, CLOSE, strict=True)
    )
    (tmp_path / "MKT.csv").write_text(odd)
    own = {"columns": {"date": "Tag", "close": "Kurs"}, "date_format": "%d %m %Y"}
    frame = read_prices(tmp_path, per_file={"MKT": own}).frame
    for symbol in ("AAA", "MKT"):
        assert frame.filter(symbol=symbol)["close"].to_list() == CLOSE
    with pytest.raises(DataError, match=r"MKT\.csv:1: there is no column 'date'"):
        read_prices(tmp_path)


def test_prices_with_a_minus_are_the_size_of_a_mean_of_bid_and_ask(tmp_path):
    lines = ["PERMNO,date,TICKER,PRC,VOL,RET"]
    for n, (day, close) in enumerate(zip(DAYS, CLOSE, strict=True)):
        lines.append(f"1,{day:%Y%m%d},NA,{-close if n % 5 == 0 else close},100,0.01")
    (tmp_path / "crsp.csv").write_text("\n".join(lines))
    prices = read_prices(tmp_path / "crsp.csv")
    assert prices.symbols == ("NA",)
    assert prices.frame["close"].to_list() == CLOSE
    (issue,) = prices.issues.filter(rule="midquote").to_dicts()
    assert issue["detail"].startswith(f"{len(DAYS[::5])} prices with a minus")


def test_what_was_decided_is_among_the_issues(tmp_path):
    (tmp_path / "AAA.csv").write_bytes(
        (PLAIN + "*Close price adjusted for splits.\n").encode("utf-16")
    )
    said = read_prices(tmp_path).issues.filter(rule="file")["detail"].to_list()
    assert said == ["UTF-16 text", f"remarks, skipped: line {len(DAYS) + 2}"]


def test_a_long_file_in_parquet_is_not_parsed_again():
    frame = pl.DataFrame({"symbol": "A", "date": DAYS, "close": CLOSE}, strict=False)
    held = io.BytesIO()
    frame.write_parquet(held)
    assert read_prices(frame).frame["close"].to_list() == CLOSE
