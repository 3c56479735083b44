"""Spoiled catalogues, price files and study files through the command line.

Each ends with exit code 2 and a message that names the place, or with a report whose
ledger tells what was left out; never with a traceback, and nothing is overwritten.
"""

import gzip
import io
import os
import sys
from pathlib import Path

import polars as pl
import pytest

from eventstudy.cli import main as cli
from eventstudy.prices.snapshot import Snapshot
from eventstudy.report import formats

CATALOGUE = """\
event_id,announced_at,title,kind,assets
vow,2021-05-21T22:14+08:00,A committee vows,policy_signal,BTCM
summons,2021-06-21T18:12+08:00,"Banks, summoned",banking_payment,BTCM
"""
STUDY = """\
returns = "log"
resamples = 99
parts = ["returns"]
model = "market"
factors = ["^GSPC"]
windows = [[-1, 1]]
"""
OLD = {"manifest.json": b'{"program": "eventstudy", "outputs": {}}'}


@pytest.fixture(scope="module")
def prices():
    """Prices of two symbols as the text of one CSV each."""
    found = Snapshot().fetch(["BTCM", "^GSPC"], start=None, end=None).frame
    return {
        symbol: found.filter(symbol=symbol).drop("symbol", "adj_close").write_csv()
        for symbol in ("BTCM", "^GSPC")
    }


@pytest.fixture
def analyze(tmp_path, monkeypatch, capsys, prices):
    """Analyse the files at hand, into a folder with an earlier report."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(formats, "begun", lambda _: {})
    Path("prices").mkdir()
    for symbol, text in prices.items():
        Path(f"prices/{symbol}.csv").write_text(text, encoding="utf-8")
    Path("events.csv").write_text(CATALOGUE, encoding="utf-8")
    Path("events.toml").write_text(STUDY, encoding="utf-8")
    Path("out").mkdir()
    Path("out/manifest.json").write_bytes(OLD["manifest.json"])

    def command(*words):
        words = ["analyze", "events.csv", "--prices", "prices", "-o", "out", *words]
        monkeypatch.setattr(sys, "argv", ["eventstudy", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
        return code, *capsys.readouterr()

    return command


def refused(ended, *places):
    """Assert that a command was refused and named every place."""
    code, out, err = ended
    assert code == 2, out
    assert err.startswith("eventstudy: ")
    assert out == ""
    assert [place for place in places if place not in err] == []
    assert "Traceback" not in err
    assert len(err) < 10_000
    held = {path.name: path.read_bytes() for path in Path("out").iterdir()}
    assert held == OLD


def lines(text, **changed):
    """Return the text with lines replaced: line3="..." is the third."""
    rows = text.splitlines()
    for name, row in changed.items():
        rows[int(name.removeprefix("line")) - 1] = row
    return "\n".join(rows) + "\n"


def cells(text, column, change):
    """Return the CSV with the cells of one column changed."""
    frame = pl.read_csv(io.StringIO(text), infer_schema=False)
    return frame.with_columns(change(pl.col(column)).alias(column)).write_csv()


def test_the_files_themselves_are_fine(analyze):
    code, out, err = analyze()
    assert (code, err) == (0, "")
    assert "Report: out" in out


SUMMONS = "2021-06-21T18:12+08:00"

CATALOGUES = {
    "empty": ("", ["events.csv", "is empty"]),
    "blank": (" \n\n \n", ["events.csv", "is empty"]),
    "header only": (CATALOGUE.splitlines()[0], ["events.csv", "no events"]),
    "cut in a quotation": (CATALOGUE[:-40], ["events.csv:3", "cut off"]),
    "cut in a row": (
        CATALOGUE.replace('"Banks, summoned",banking_payment,BTCM', "Banks"),
        ["events.csv:3", "3 cells where the header has 5"],
    ),
    "too many cells": (
        CATALOGUE.replace('"Banks, summoned"', "Banks, summoned"),
        ["events.csv:3", "6 cells", "quotation marks"],
    ),
    "swapped columns": (
        CATALOGUE.replace("event_id,announced_at", "announced_at,event_id"),
        ["events.csv:2: column 'announced_at': value 'vow'", "events.csv:3"],
    ),
    "no required column": (
        CATALOGUE.replace("announced_at", "when"),
        ["events.csv:1: column 'announced_at'", "required"],
    ),
    "column twice": (
        CATALOGUE.replace("title", "kind", 1),
        ["events.csv:1: column 'kind'", "occurs 2 times"],
    ),
    "duplicate ids": (
        CATALOGUE.replace("summons,", "vow,"),
        ["events.csv:3: column 'event_id': value 'vow'", "line 2"],
    ),
    "naive time": (
        CATALOGUE.replace(SUMMONS, "2021-06-21T18:12"),
        ["events.csv:3: column 'announced_at'", "no offset"],
    ),
    "no such day": (
        CATALOGUE.replace(SUMMONS, "2021-06-31"),
        ["events.csv:3", "no day 2021-06-31"],
    ),
    "no such hour": (
        CATALOGUE.replace(SUMMONS, "2021-06-21T24:30+08:00"),
        ["events.csv:3", "no hour 24"],
    ),
    "year out of range": (
        CATALOGUE.replace(SUMMONS, "9999-06-21"),
        ["events.csv:3", "year 9999"],
    ),
    "a number for a date": (
        CATALOGUE.replace(SUMMONS, "1e308"),
        ["events.csv:3: column 'announced_at': value '1e308'"],
    ),
    "nan for a date": (CATALOGUE.replace(SUMMONS, "nan"), ["events.csv:3", "'nan'"]),
    "no date": (CATALOGUE.replace(SUMMONS, ""), ["events.csv:3", "announced_at"]),
    "unknown kind": (
        CATALOGUE.replace("banking_payment", "banking"),
        ["events.csv:3: column 'kind': value 'banking'", "banking_payment"],
    ),
    "symbol that is a path": (
        CATALOGUE.replace(",BTCM", ",../../etc/passwd"),
        ["events.csv:2: column 'assets'", "cannot be a symbol"],
    ),
    "id that is a path": (
        CATALOGUE.replace("summons,", "../summons,"),
        ["events.csv:3: column 'event_id'"],
    ),
    "control character": (
        CATALOGUE.replace("Banks, ", "Banks\x07 "),
        ["events.csv:3: column 'title'", "control character"],
    ),
    "web page": (
        "<!DOCTYPE html><html><body>404</body></html>",
        ["events.csv:1", "HTML"],
    ),
    "binary": (bytes(range(256)) * 40, ["events.csv", "NUL"]),
    "no text": (
        CATALOGUE.encode().replace(b"Banks", b"B\x81nks"),
        ["events.csv:3", "0x81", "UTF-8"],
    ),
    "workbook": (b"PK\x03\x04" + bytes(100), ["events.csv", "the workbook cannot be"]),
    "gzip": (gzip.compress(CATALOGUE.encode()), ["events.csv", "gzip"]),
    "endless line": (
        CATALOGUE.replace("A committee", "A" * 2_000_000),
        ["events.csv:2", "line of more than"],
    ),
    "all problems": (
        CATALOGUE.replace(SUMMONS, "soon").replace("policy_signal", "policy"),
        ["2 problems", "events.csv:2: column 'kind'", "events.csv:3"],
    ),
}


@pytest.mark.parametrize(
    ("content", "places"), CATALOGUES.values(), ids=CATALOGUES.keys()
)
def test_a_spoiled_catalogue_is_refused(content, places, analyze):
    content = content if isinstance(content, bytes) else content.encode()
    Path("events.csv").write_bytes(content)
    refused(analyze(), *places)


def test_a_folder_or_nothing_for_a_catalogue_is_refused(analyze):
    Path("events.csv").unlink()
    refused(analyze(), "events.csv", "No such file")
    Path("events.csv").mkdir()
    refused(analyze(), "events.csv", "Is a directory")


def edit(change):
    """Edit the prices of BTCM."""

    def spoil():
        path = Path("prices/BTCM.csv")
        content = change(path.read_text(encoding="utf-8"))
        path.write_bytes(content if isinstance(content, bytes) else content.encode())

    return spoil


def swap(*names):
    return lambda text: text.replace(",".join(names), ",".join(reversed(names)), 1)


PRICES = {
    "empty": (lambda _: "", ["BTCM.csv", "empty"]),
    "header only": (lambda t: t.splitlines()[0], ["BTCM.csv:1", "nothing below"]),
    "cut in a row": (
        lambda t: t[: t.index("2021-06-01") + 20],
        ["BTCM.csv:", "cut off"],
    ),
    "swapped columns": (swap("high", "low"), ["BTCM.csv:", "are columns swapped?"]),
    "date and close swapped": (
        lambda t: t.replace("date,open,high,low,close", "close,open,high,low,date", 1),
        ["BTCM.csv:2: column 'date'"],
    ),
    "no close": (
        lambda t: t.replace("close", "c", 1),
        ["BTCM.csv:1", "no column 'close'"],
    ),
    "close twice": (
        lambda t: t.replace("open", "price", 1),
        ["BTCM.csv", "'price' and 'close' can both be 'close'"],
    ),
    "word for a number": (
        lambda t: t.replace("2021-06-01,", "2021-06-01,n.a.", 1),
        ["BTCM.csv:", "column 'open'", "n.a.", "not a number"],
    ),
    "decimal comma": (
        lambda t: cells(t, "close", lambda c: c.str.replace(".", ",", literal=True)),
        ["BTCM.csv:2: column 'close'", "not a number"],
    ),
    "a date twice": (
        lambda t: t + t.splitlines()[-1].replace(",", ",9", 3) + "\n",
        ["BTCM.csv:", "column 'date'", "a second row"],
    ),
    "no such date": (
        lambda t: t.replace("2021-06-01", "2021-06-31"),
        ["BTCM.csv:", "value '2021-06-31'", "not a date"],
    ),
    "dates that cannot be told": (
        lambda t: "date,close\n03/05/2021,9\n04/05/2021,9\n",
        ["BTCM.csv: column 'date'", "date_format"],
    ),
    "times of day": (
        lambda t: cells(t, "date", lambda c: c + " 16:30"),
        ["BTCM.csv:2: column 'date'", "time of day"],
    ),
    "all closes zero": (
        lambda t: cells(t, "close", lambda c: pl.lit("0").alias(c.meta.output_name())),
        ["BTCM.csv", "not one usable close"],
    ),
    "all closes nan": (
        lambda t: cells(t, "close", lambda c: pl.lit("nan")),
        ["BTCM.csv", "not one usable close"],
    ),
    "web page": (lambda _: "<html><body>403</body></html>", ["BTCM.csv", "web page"]),
    "JSON": (lambda _: '{"chart": null}', ["BTCM.csv", "JSON"]),
    "binary": (lambda _: bytes(range(256)) * 9, ["BTCM.csv", "binary"]),
    "no text": (lambda t: t.encode() + b"caf\x81", ["BTCM.csv:", "UTF-8"]),
    "cut gzip": (lambda t: gzip.compress(t.encode())[:500], ["BTCM.csv", "gzip"]),
    "cut Parquet": (lambda _: b"PAR1" + bytes(200), ["BTCM.csv", "Parquet", "cut off"]),
    "endless line": (lambda _: "date,close," + "1" * 3_000_000, ["BTCM.csv:1", "line"]),
}


@pytest.mark.parametrize(("change", "places"), PRICES.values(), ids=PRICES.keys())
def test_a_spoiled_price_file_is_refused(change, places, analyze):
    edit(change)()
    refused(analyze(), *places)


def test_an_event_on_no_session_leaves_nothing_to_study(analyze):
    text = CATALOGUE.splitlines()[0] + "\nsaturday,2021-06-19,,,BTCM\n"
    Path("events.csv").write_text(text, encoding="utf-8")
    refused(analyze("--day0", "drop"), "nothing to study", "saturday, BTCM: on no")
    refused(analyze("--day0", "error"), "2021-06-19", "weekend")


def test_prices_that_are_not_there_are_refused(analyze):
    Path("prices/BTCM.csv").unlink()
    refused(analyze(), "nothing to study", "no prices for BTCM")
    refused(analyze("--assets", "NOPE"), "no announcement concerns NOPE")
    refused(analyze("--prices", "nowhere/at/all"), "nowhere")
    Path("prices/BTCM.csv").mkdir()
    refused(analyze(), "BTCM")
    Path("none").mkdir()
    refused(analyze("--prices", "none"), "none", "no CSV")


LEDGER = {
    "a close of zero": (lambda t: one_close(t, "0"), "not a price"),
    "a negative close": (lambda t: one_close(t, "-3.5"), "not a price"),
    "a close of nan": (lambda t: one_close(t, "nan"), "not a price"),
    "an infinite close": (lambda t: one_close(t, "inf"), "not a price"),
    "a huge close": (lambda t: one_close(t, "1e300"), "not a price"),
    "high below low": (
        lambda t: one(t, "high", "0.01"),
        "high, low, open and close contradict",
    ),
    "a negative volume": (lambda t: one(t, "volume", "-1"), "not a volume"),
}


def one(text, column, value):
    wrong = pl.col("date") == "2021-06-01"
    return cells(
        text, column, lambda c: pl.when(wrong).then(pl.lit(value)).otherwise(c)
    )


def one_close(text, value):
    return one(text, "close", value)


@pytest.mark.parametrize(("change", "reason"), LEDGER.values(), ids=LEDGER.keys())
def test_a_price_that_cannot_be_right_is_in_the_ledger(change, reason, analyze):
    edit(change)()
    code, _, err = analyze("-q")
    assert (code, err) == (0, "")
    ledger = pl.read_csv("out/tables/ledger.csv").filter(
        pl.col("reason").str.contains(reason, literal=True)
    )
    assert ledger.select("stage", "asset").rows() == [("prices", "BTCM")]
    assert ledger["held"].item().startswith("BTCM.csv:")
    cars = pl.read_csv("out/tables/cars.csv")
    assert cars["car"].is_finite().all()


def test_a_history_that_is_too_short_for_every_event_is_refused(analyze):
    edit(lambda t: "\n".join([t.splitlines()[0], *t.splitlines()[150:]]) + "\n")()
    refused(analyze(), "nothing to study", "vow, BTCM", "wanted 96")


def test_a_history_that_ends_before_the_events_is_refused(analyze):
    edit(lambda t: "\n".join(t.splitlines()[:190]) + "\n")()
    refused(analyze("-q"), "nothing to study", "BTCM", "wanted 80%")


def test_a_price_that_never_moves_is_refused(analyze):
    frame = pl.read_csv("prices/BTCM.csv").select("date", close=pl.lit(3.0))
    frame.write_csv("prices/BTCM.csv")
    refused(analyze("-q"), "nothing to study", "BTCM", "estimate")


STUDIES = {
    "no TOML": ("returns = log", ["events.toml", "not a TOML"]),
    "unknown key": ("windws = [[-1, 1]]", ["events.toml", "'windws'", "'windows'"]),
    "unknown key of a model": (
        '[[models]]\nname = "a"\nmodel = "market"\nfactor = ["^GSPC"]',
        ["events.toml", "[[models]] number 1", "'factor'"],
    ),
    "unknown model": ('model = "capm"', ["unknown model 'capm'", "market"]),
    "unknown test": ('tests = ["z"]', ["unknown test 'z'", "kp_bmp"]),
    "text for a number": ('seed = "seven"', ["events.toml", "seed = 'seven'"]),
    "number for a text": ("prices = 3", ["events.toml", "prices = 3"]),
    "truth for a number": ("resamples = true", ["events.toml", "resamples = True"]),
    "number for a list": ("windows = 3", ["events.toml", "windows = 3"]),
    "window of one number": ("windows = [[1]]", ["events.toml", "windows[0] = [1]"]),
    "window of fractions": ("windows = [[-1.5, 1]]", ["events.toml", "windows[0]"]),
    "window outside": ("windows = [[0, 40]]", ["events.toml", "[0,+40]", "inside"]),
    "no window": ("windows = []", ["events.toml", "windows is empty"]),
    "estimation over the event": (
        "estimation = [-30, 5]",
        ["events.toml", "estimation window [-30,+5] must end before"],
    ),
    "endless window": ("estimation = [-99999999, -11]", ["events.toml", "10000"]),
    "nan": ("min_coverage = nan", ["events.toml", "min_coverage = nan"]),
    "level beyond one": ("level = 95.0", ["events.toml", "level = 95"]),
    "empty group": ("[groups]\na = []", ["events.toml", "'a' is empty"]),
    "asset twice": (
        '[groups]\na = ["BTCM"]\nb = ["BTCM"]',
        ["events.toml", "BTCM is in group 'a' and in 'b'"],
    ),
    "unknown calendar": (
        '[calendars]\nBTCM = "MOON"\n[groups]\na = ["BTCM"]',
        ["calendar", "MOON"],
    ),
    "question about no event": (
        '[[questions]]\ntext = "Why?"\nevent_id = "summon"',
        ["no event 'summon'", "summons"],
    ),
    "UTF-16": ('returns = "log"'.encode("utf-16"), ["events.toml"]),
    "too large": ("#" * 2_000_000, ["events.toml", "larger than"]),
}


@pytest.mark.parametrize(("content", "places"), STUDIES.values(), ids=STUDIES.keys())
def test_a_spoiled_study_file_is_refused(content, places, analyze):
    content = content if isinstance(content, bytes) else content.encode()
    Path("events.toml").write_bytes(content)
    refused(analyze(), *places)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
@pytest.mark.parametrize("name", ["events.csv", "events.toml", "prices/BTCM.csv"])
def test_a_file_that_may_not_be_read_is_refused(name, analyze):
    Path(name).chmod(0)
    refused(analyze(), Path(name).name, "ermission denied")


FINE = {
    "byte order mark": CATALOGUE.encode("utf-8-sig"),
    "Windows line ends": CATALOGUE.replace("\n", "\r\n").encode(),
    "old Mac line ends": CATALOGUE.replace("\n", "\r").encode(),
    "semicolons": CATALOGUE.replace(",", ";")
    .replace('"Banks; summoned"', '"Banks, summoned"')
    .encode(),
    "a formula": CATALOGUE.replace("A committee vows", "=1+1").encode(),
    "only what is required": b"event_id,announced_at\nsummons,2021-06-21\n",
}


@pytest.mark.parametrize("content", FINE.values(), ids=FINE.keys())
def test_an_odd_catalogue_is_read(content, analyze):
    Path("events.csv").write_bytes(content)
    code, _, err = analyze("-q")
    assert (code, err) == (0, "")
    events = pl.read_csv("out/tables/events.csv")
    assert "summons" in events["event_id"].to_list()
    assert not events["title"].str.starts_with("=").any()
