"""Factors downloaded from Kenneth French's library, by a stand-in on the loopback."""

import json
import sys
from datetime import UTC, date, datetime
from pathlib import Path

import french_server as library
import numpy as np
import polars as pl
import pytest

import eventstudy as es
from eventstudy.cli import main as cli
from eventstudy.core.errors import SourceError, SpecError
from eventstudy.prices import french, read_factors, upkeep, with_factors
from eventstudy.prices.factors import with_levels
from eventstudy.prices.french import French, factor_prices
from eventstudy.prices.retry import WAIT_VARIABLE
from eventstudy.spec import FACTOR_REGIONS, FACTOR_SETS

FIRST, LAST = date(2018, 1, 2), date(2021, 10, 29)
THREE = "F-F_Research_Data_Factors_daily"
FIVE = "F-F_Research_Data_5_Factors_2x3_daily"
MOMENTUM = "F-F_Momentum_Factor_daily"


@pytest.fixture
def server(monkeypatch):
    with library.serving() as served:
        served.publish(FIRST, LAST)
        monkeypatch.setattr(french, "LIBRARY", served.url)
        monkeypatch.setenv(WAIT_VARIABLE, "0")
        monkeypatch.setenv("no_proxy", "127.0.0.1")
        yield served


@pytest.fixture
def cache(tmp_path):
    return tmp_path / "cache"


def test_a_download_is_what_the_file_read_by_hand_is(server, cache, tmp_path):
    path = tmp_path / f"{THREE}_CSV.zip"
    path.write_bytes(library.zipped(server.files[THREE], THREE))
    plain = es.fetch_prices("RIOT")
    by_hand = with_factors(plain, read_factors(path, "ff3", units="percent"))
    names = ["mkt_rf", "smb", "hml", "rf"]
    downloaded = with_levels(plain, factor_prices(names, cache=cache))
    held = pl.col("symbol").is_in(names)
    # a level begins the day before the first return, and no bar is before the file
    assert downloaded.frame.filter(held).equals(by_hand.frame.filter(held))
    assert server.requests == [THREE]
    assert all(file.is_factor for file in downloaded.files if file.symbol in names)
    assert "Kenneth R. French" in downloaded.notice


@pytest.mark.parametrize(
    ("chosen", "files"),
    [
        ("capm", [THREE]),
        ("ff3", [THREE]),
        ("carhart", [MOMENTUM, THREE]),
        ("ff5", [FIVE]),
        ("ff6", [FIVE, MOMENTUM]),
    ],
)
def test_a_file_is_asked_for_once(server, cache, chosen, files):
    names = [*FACTOR_SETS[chosen], "rf"]
    found = factor_prices(names, cache=cache, end=date(2021, 6, 30))
    assert sorted(found.symbols) == sorted(names)
    assert sorted(server.requests) == sorted(files)
    factor_prices(names, cache=cache, offline=True, end=date(2021, 6, 30))
    factor_prices(names, cache=cache, end=date(2021, 6, 30))
    assert len(server.requests) == len(files)


def test_a_file_that_does_not_come_is_not_asked_for_by_each_factor(
    server, cache, monkeypatch
):
    monkeypatch.setattr(french, "LIBRARY", "http://127.0.0.1:9/")
    asked = []
    get = French._get

    def counted(self, name):
        asked.append(name)
        return get(self, name)

    monkeypatch.setattr(French, "_get", counted)
    with pytest.raises(SourceError, match="cannot be reached"):
        factor_prices(["mkt_rf", "smb", "hml", "rf"], cache=cache)
    assert asked == [f"{THREE}_CSV.zip"] * 4  # one file, four attempts


def test_regions_by_name(server, cache):
    assert FACTOR_REGIONS[0] == "US"
    found = factor_prices(["mkt_rf", "mom"], region="Europe", cache=cache)
    assert sorted(server.requests) == [
        "Europe_3_Factors_Daily",
        "Europe_Mom_Factor_Daily",
    ]
    assert found.symbols == ("mkt_rf", "mom")
    with pytest.raises(SpecError, match="region of factors 'europe': did you mean"):
        factor_prices(["mkt_rf"], region="europe", cache=cache)
    with pytest.raises(SourceError, match="no file Japan_3_Factors_Daily"):
        factor_prices(["mkt_rf"], region="Japan", cache=cache)


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (library.fails, "the library answers HTTP 503"),
        (library.web_page, "no file of factors.*web page"),
        (library.cut_off, "bytes came|IncompleteRead"),
        (library.damaged, "no file of factors"),
        (library.endless, "larger than 64 MiB"),
    ],
)
def test_what_is_no_answer_is_not_stored(server, cache, answer, words):
    server.scripts[THREE] = [answer] * 4
    with pytest.raises(SourceError, match=f"(?s){words}.*--factor-file"):
        factor_prices(["mkt_rf"], cache=cache)
    assert upkeep.status(cache).is_empty()
    server.scripts.clear()
    assert factor_prices(["mkt_rf"], cache=cache).symbols == ("mkt_rf",)


def test_a_fault_that_passes_is_asked_again(server, cache):
    server.scripts[THREE] = [library.fails, library.cut_off, library.damaged]
    assert factor_prices(["smb"], cache=cache).symbols == ("smb",)
    assert server.requests == [THREE] * 4


def test_a_file_that_drips_ends(server):
    server.scripts[THREE] = [library.drip] * 4
    asked = French(timeout=0.3)
    with pytest.raises(es.prices.TryAgainError, match=r"not whole after 0.3|timed out"):
        asked.download(
            "US.3.smb", interval="1d", start=FIRST, end=LAST, now=datetime.now(UTC)
        )


def test_offline_names_what_works_instead(cache):
    with pytest.raises(SourceError) as told:
        factor_prices(["smb"], cache=cache, offline=True, end=date(2021, 6, 30))
    assert "eventstudy prices fetch US.3.smb --end 2021-06-30 --source french" in str(
        told.value
    )
    assert "--factor-file FILE.csv" in str(told.value)


def test_a_longer_file_extends_and_a_revised_one_supersedes(server, cache):
    early, late = date(2021, 3, 31), date(2021, 9, 30)
    first = factor_prices(["hml"], cache=cache, end=early)
    longer = factor_prices(["hml"], cache=cache, end=late)
    assert longer.frame.head(len(first)).equals(first.frame)
    store = es.prices.fetch.Store(root=cache, source="french")
    assert len(list(store.versions("US.3.hml"))) == 1
    server.publish(FIRST, LAST, seed=1)
    revised = factor_prices(["hml"], cache=cache, end=late, refresh=True)
    assert not revised.frame.equals(longer.frame)
    assert len(list(store.versions("US.3.hml"))) == 2
    assert upkeep.verify(cache) == []


def test_what_the_library_does_not_have(server, cache):
    with pytest.raises(SpecError, match="'carhart4': did you mean 'carhart'"):
        factor_prices(["carhart4"], cache=cache)
    for symbol in ("RIOT", "US.3.cma", "Mars.3.smb", "US.4.smb", "US.mom.smb"):
        with pytest.raises(SourceError, match="regions: US, Developed"):
            es.fetch_prices(symbol, source="french", cache=cache)


# --- the command ----------------------------------------------------------------------


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("EVENTSTUDY_CACHE", str(tmp_path / "cache"))
    text = "event_id,announced_at,assets\na,2021-05-21,RIOT\nb,2021-06-21,RIOT\n"
    Path("one.csv").write_text(text, encoding="utf-8")

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["eventstudy", *words])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code or 0
        return code, *capsys.readouterr()

    return command


@pytest.mark.long
def test_a_study_downloads_its_factors_and_is_made_again_offline(server, run):
    Path("one.toml").write_text('factors = ["ff3"]\nresamples = 99\n')
    words = ["analyze", "one.csv", "-q", "--parts", "returns"]
    code, _, err = run(*words, "-o", "online")
    assert (code, err) == (0, "")
    manifest = json.loads(Path("online/manifest.json").read_text())
    roles = {f["symbol"]: f["role"] for f in manifest["inputs"]["files"][2:]}
    assert roles == {
        "RIOT": "prices",
        **dict.fromkeys(("mkt_rf", "smb", "hml", "rf"), "factors"),
    }
    terms = pl.read_csv("online/tables/coefficients.csv")["term"]
    assert terms.unique(maintain_order=True).to_list() == [
        "constant",
        "mkt_rf",
        "smb",
        "hml",
    ]
    assert run(*words, "--offline", "-o", "offline")[0] == 0
    replay = ["--prices", "online/manifest.json"]
    assert run(*words, *replay, "--offline", "-o", "again")[0] == 0
    assert server.requests == [THREE]
    for name in ("cars.csv", "tests.csv", "coefficients.csv"):
        first = Path("online/tables", name).read_bytes()
        assert first == Path("offline/tables", name).read_bytes()
        assert first == Path("again/tables", name).read_bytes()
    assert "Kenneth R. French" in Path("online/details/methods.md").read_text()


@pytest.mark.long
def test_a_file_instead_gives_the_same_numbers(server, run):
    Path("f.zip").write_bytes(library.zipped(server.files[THREE], THREE))
    words = ["analyze", "one.csv", "-q", "--parts", "returns", "--factors", "ff3"]
    assert run(*words, "-o", "online")[0] == 0
    assert run(*words, "--factor-file", "f.zip", "-o", "file")[0] == 0
    one, other = (pl.read_csv(f"{o}/tables/cars.csv") for o in ("online", "file"))
    np.testing.assert_array_equal(one["car"], other["car"])


def test_status_verify_and_fetch_know_it(server, run):
    symbols, end = ["US.3.smb", "Europe.5.cma"], ["--end", f"{LAST}"]
    code, out, err = run("prices", "fetch", *symbols, "--source", "french", *end)
    assert (code, err) == (0, "")
    assert "US.3.smb: 2018-01-01 to 2021-10-29" in out
    assert "US.3.smb" in run("prices", "status")[1]
    assert run("prices", "verify")[1] == "2 files, no damage\n"
    assert "Kenneth French's data library" in run("list", "sources")[1]
