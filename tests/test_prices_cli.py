"""``eventstudy prices …`` with the real client against a local server."""

from datetime import date

import pytest
import yahoo_server as ys
from typer.testing import CliRunner
from yahoo_server import Listing, weekdays

from eventstudy.cli.prices import app
from eventstudy.core.errors import DataError, SourceError, SpecError
from eventstudy.prices import read_prices

START, END = date(2021, 5, 3), date(2021, 6, 30)
SPAN = ["--start", str(START), "--end", str(END)]


@pytest.fixture
def server(monkeypatch, tmp_path):
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    monkeypatch.setenv("EVENTSTUDY_CACHE", str(tmp_path / "cache"))
    closes = weekdays(START, END)
    listings = [Listing(symbol=s, closes=closes) for s in ("RIOT", "^GSPC")]
    with ys.serving(*listings) as server:
        ys.redirect(server.url, monkeypatch.setattr)
        yield server


def run(*arguments) -> str:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None:
        raise result.exception
    return result.output


def test_fetch_status_verify_clear(server, tmp_path):
    line = "RIOT: 2021-05-03 to 2021-06-30, 43 rows"
    assert line in run("fetch", "RIOT", "^GSPC", *SPAN)
    assert line in run("fetch", "RIOT", *SPAN)
    assert server.counts == {"RIOT": 1, "^GSPC": 1}
    held = sorted(path.name for path in (tmp_path / "cache").rglob("*.parquet"))
    assert held == ["RIOT.parquet", "^GSPC.parquet"]
    shown = run("status")
    assert "2 files" in shown
    assert "2021-05-03 to 2021-06-30, 43 rows, USD" in shown
    assert run("verify") == "2 files, no damage\n"
    assert run("clear", "RIOT") == "deleted: RIOT\n"
    assert run("clear") == "deleted: ^GSPC\n"
    assert "0 files" in run("status")


def test_refresh_and_cache(server, tmp_path):
    run("fetch", "RIOT", *SPAN)
    run("fetch", "RIOT", *SPAN, "--refresh")
    assert server.counts["RIOT"] == 2
    run("fetch", "RIOT", *SPAN, "--cache", tmp_path / "other")
    assert server.counts["RIOT"] == 3
    assert list((tmp_path / "other").rglob("RIOT.parquet"))


def test_a_failure_keeps_the_good_ones_and_says_which(server):
    with pytest.raises(SourceError, match=r"(?s)for:.*DEAD: No data found"):
        run("fetch", "DEAD", "RIOT", *SPAN)
    assert "1 file," in run("status")


def test_damage_is_found_and_mended(server, tmp_path):
    run("fetch", "RIOT", *SPAN)
    (path,) = (tmp_path / "cache").rglob("RIOT.parquet")
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(SourceError, match="1 file damaged"):
        run("verify")
    assert "the Parquet file is cut off" in run("status")
    assert "set aside and downloaded anew" in run("fetch", "RIOT", *SPAN)
    assert run("verify") == "1 file, no damage\n"


def test_export_and_import(server, tmp_path):
    run("fetch", "RIOT", "^GSPC", *SPAN)
    assert "RIOT.parquet, ^GSPC.parquet" in run("export", tmp_path / "out")
    assert read_prices(tmp_path / "out").frame.height == 86
    other = ["--cache", tmp_path / "other"]
    assert "imported: RIOT, ^GSPC" in run("import", tmp_path / "out", *other)
    assert run("verify", *other) == "2 files, no damage\n"


def test_what_is_wrong_is_said(server, tmp_path):
    with pytest.raises(SpecError, match="--start 'May': write a date"):
        run("fetch", "RIOT", "--start", "May")
    with pytest.raises(SpecError, match=r"not usable as symbols: '\.\./x'"):
        run("fetch", "../x")
    with pytest.raises(DataError, match="not in the cache: RIOT"):
        run("clear", "RIOT")
    with pytest.raises(DataError, match="RIOT is not in the cache"):
        run("export", tmp_path, "RIOT")
    (tmp_path / "mine.csv").write_text("date,close\n")
    with pytest.raises(DataError, match="give their folder with --prices"):
        run("import", tmp_path / "mine.csv")
