"""Sources of prices that users bring: registered by name, or given as they are."""

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from polars.testing import assert_frame_equal

import eventstudy as es
from eventstudy.cli import main as cli
from eventstudy.core.errors import DataError, SourceError, SpecError
from eventstudy.prices import SOURCES, SourceEntry
from eventstudy.prices.cached import Cached
from eventstudy.prices.fetch import open_source
from eventstudy.prices.yahoo import Yahoo

pytestmark = pytest.mark.long

START, END = date(2020, 1, 2), date(2021, 12, 31)


def walk(symbol):
    """Made-up closes on all weekdays, always the same for a symbol."""
    days = pl.date_range(START, END, eager=True).alias("date")
    days = days.filter(days.dt.weekday() <= 5)
    rng = np.random.default_rng(sum(map(ord, symbol)))
    close = 50 * np.exp(np.cumsum(rng.normal(0, 0.02, len(days))))
    return pl.DataFrame({"date": days, "close": close})


class Tape:
    name, client = "tape", "tape reader 1"
    notice, terms = "Prices of the Tape Exchange.", "For study only."
    basis = "unadjusted tape closes"
    asked = 0

    def download(self, symbol, *, interval, start, end, now):
        Tape.asked += 1
        return walk(symbol).filter(pl.col("date").is_between(start, end))


def ticker(symbols, *, start, end):
    """Closes of a long frame."""
    return pl.concat(
        walk(symbol).with_columns(symbol=pl.lit(symbol)) for symbol in symbols
    )


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("EVENTSTUDY_CACHE", str(tmp_path / "cache"))
    monkeypatch.setattr(Tape, "asked", 0)
    return tmp_path / "cache"


@pytest.fixture
def tape():
    SOURCES.register(SourceEntry(name="tape", meaning="closes of a tape", open=Tape))
    yield
    SOURCES.remove("tape")


@pytest.fixture
def command(tmp_path, monkeypatch, capsys):
    """Run a command in a folder with the catalogue one.csv."""
    monkeypatch.chdir(tmp_path)
    events = ["may,2021-05-21,AAA,mining_ban", "june,2021-06-21,BBB,other"]
    text = "\n".join(["event_id,announced_at,assets,kind", *events])
    Path("one.csv").write_text(text, encoding="utf-8")

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["eventstudy", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        return code, *capsys.readouterr()

    return run


def test_a_whole_analysis_speaks_of_its_own_source(tape, command):
    """No word of another provider's notice, basis or name; the manifest repeats it."""
    words = ("--prices", "tape", "--market", "MKT", "-q")
    assert command("analyze", "one.csv", *words) == (0, "", "")
    folder = Path("reports/one")
    texts = [p for p in folder.rglob("*") if p.suffix in (".md", ".html", ".json")]
    assert len(texts) >= 2
    for path in texts:
        assert "yahoo" not in path.read_text(encoding="utf-8").lower(), path
    report = (folder / "details/methods.md").read_text(encoding="utf-8")
    assert "Prices of the Tape Exchange. For study only." in report
    inputs = json.loads((folder / "manifest.json").read_text())["inputs"]
    assert inputs["source"] == "tape"
    assert inputs["notice"] == "Prices of the Tape Exchange. For study only."
    prices = [file for file in inputs["files"] if file["role"] == "prices"]
    assert {file["symbol"] for file in prices} == {"AAA", "BBB", "MKT"}
    assert all(file["basis"].startswith("unadjusted tape closes") for file in prices)
    asked = Tape.asked
    assert asked == 3
    again = ("--prices", str(folder / "manifest.json"), "--market", "MKT", "-q")
    assert command("analyze", "one.csv", *again, "--out", "again") == (0, "", "")
    assert Tape.asked == asked
    tables = [path.relative_to(folder) for path in folder.glob("tables/*.csv")]
    assert tables
    for table in tables:
        assert (Path("again") / table).read_bytes() == (folder / table).read_bytes()


def test_a_study_file_names_it(tape, command):
    text = (
        'prices = "tape"\nmodel = "constant_mean"\n[groups]\nfirms = ["AAA", "BBB"]\n'
    )
    Path("one.toml").write_text(text, encoding="utf-8")
    assert command("analyze", "one.csv", "-q") == (0, "", "")
    assert Tape.asked == 2
    report = Path("reports/one/details/methods.md").read_text(encoding="utf-8")
    assert "Prices of the Tape Exchange. For study only." in report


def test_the_commands_know_it(tape, command):
    code, out, _ = command("list", "sources")
    assert code == 0
    assert "closes of a tape" in out
    span = ("--start", "2021-01-01", "--end", "2021-06-30")
    code, out, _ = command("prices", "fetch", "AAA", *span, "--source", "tape")
    assert "AAA: 2021-01-01 to 2021-06-30" in out
    assert "tape reader 1" in command("prices", "status")[1]
    assert command("prices", "export", "out", "--source", "tape")[0] == 0
    assert command("prices", "clear")[1] == "deleted: AAA\n"
    assert command("prices", "import", "out")[1] == "imported: AAA\n"
    code, _, err = command("prices", "fetch", "AAA", "--source", "snapshot")
    assert code == 2
    assert "the prices are snapshot" in err


class TestFetch:
    def test_downloads_are_kept(self, tape, cache):
        first = es.fetch_prices("AAA", source="tape", start=START, end=END)
        again = es.fetch_prices("AAA", source="tape", start=START, end=END)
        assert Tape.asked == 1
        assert_frame_equal(first.frame, again.frame)
        assert first.frame["close"].to_list() == walk("AAA")["close"].to_list()
        assert (first.source, first.notice) == (
            "tape",
            "Prices of the Tape Exchange. For study only.",
        )
        assert first.files[0].basis.startswith("unadjusted tape closes; in no currency")
        es.fetch_prices("AAA", source="tape", start=START, end=END, refresh=True)
        assert Tape.asked == 2

    def test_offline(self, tape):
        with pytest.raises(SourceError, match="--source tape"):
            es.fetch_prices("AAA", source="tape", offline=True)
        assert Tape.asked == 0

    def test_an_object_a_function_and_an_entry(self, cache):
        wanted = walk("AAA")["close"].to_list()
        given = [
            Tape(),
            ticker,
            SourceEntry(name="other", open=lambda: ticker),
            SourceEntry(name="mine", open=Tape),
        ]
        names = []
        for source in given:
            prices = es.fetch_prices(["AAA"], source=source, start=START, end=END)
            assert prices.frame["close"].to_list() == wanted
            assert {file.symbol for file in prices.files} == {"AAA"}
            names.append(prices.source)
        assert names == ["tape", "ticker", "other", "tape"]
        assert "tape" not in SOURCES

    def test_a_function_cannot_work_offline(self):
        with pytest.raises(SpecError, match="without a network, but the prices are"):
            es.fetch_prices("AAA", source=ticker, offline=True)

    def test_names_are_taken_once(self, tape):
        with pytest.raises(SpecError, match="there is a source of prices 'yahoo'"):
            SOURCES.register(SourceEntry(name="yahoo", open=Tape))

        class Yah(Tape):
            name = "yahoo"

        with pytest.raises(SpecError, match="there is a source of prices 'yahoo'"):
            es.fetch_prices("AAA", source=Yah())
        es.fetch_prices("AAA", source=Tape(), start=START, end=END)
        opened = open_source(Yahoo())
        assert isinstance(opened, Cached)

    def test_what_a_provider_lacks_is_said(self):
        class Bare:
            name = "bare"

            def download(self, symbol, **_):
                return walk(symbol)

        with pytest.raises(SpecError, match="Bare lacks the texts client, notice, te"):
            es.fetch_prices("AAA", source=Bare())

    @pytest.mark.parametrize("name", ["../up", "", "a/b"])
    def test_its_folder_is_inside_the_cache(self, name, tmp_path):
        class Out(Tape):
            pass

        Out.name = name
        with pytest.raises(SpecError, match="is a folder's name too"):
            es.fetch_prices("AAA", source=Out())

    def test_faults_of_a_frame_are_the_symbols(self):
        class Odd(Tape):
            name = "odd"

            def download(self, symbol, **_):
                if symbol == "TWICE":
                    return pl.concat([walk("A"), walk("A").head(1)])
                if symbol == "NONE":
                    return walk("A").head(0)
                if symbol == "WORDS":
                    return pl.DataFrame({"date": [START], "close": ["high"]})
                return walk("A")

        prices = es.fetch_prices(
            ["GOOD", "TWICE", "NONE", "WORDS"], source=Odd(), partial=True
        )
        assert prices.symbols == ("GOOD",)
        failed = prices.issues.filter(rule="no_prices").sort("symbol")
        assert failed["symbol"].to_list() == ["NONE", "TWICE", "WORDS"]
        assert "two rows of TWICE for 2020-01-02" in failed["detail"][1]

    def test_days_to_come_are_left_out(self):
        now = datetime(2021, 3, 10, 12, tzinfo=UTC)
        prices = es.fetch_prices("AAA", source=Tape(), now=lambda: now)
        assert prices.frame["date"].max() == date(2021, 3, 9)

    def test_other_bars_need_a_chart(self):
        source = open_source(Tape(), interval="1h")
        with pytest.raises(SpecError, match="1h bars of tape: wanted a Chart"):
            source.fetch(["AAA"], start=START, end=END)

    def test_files_and_manifests_are_meant_by_their_paths(self):
        for name in ("files", "manifest"):
            with pytest.raises(SpecError, match="give the path"):
                es.fetch_prices("AAA", source=name)
        with pytest.raises(DataError, match=r"there is no file none\.csv"):
            es.fetch_prices("AAA", source="none.csv")
