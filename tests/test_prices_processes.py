"""Several processes at once, and processes that are killed at any moment."""

import contextlib
import multiprocessing
import multiprocessing.synchronize
import os
import random
import signal
import time
from dataclasses import replace
from datetime import date
from pathlib import Path

import polars as pl
import pytest
import yahoo_server as ys
from yahoo_server import Listing, utc, weekdays

from eventstudy.prices import fetch_prices
from eventstudy.prices.cached import Cached
from eventstudy.prices.retry import Retry
from eventstudy.prices.store import Store, read_stored
from eventstudy.prices.yahoo import Yahoo

START, END = date(2005, 1, 3), date(2021, 6, 30)
NOW = utc(2021, 7, 15, 12)
SYMBOLS = ["RIOT", "MARA", "CLSK", "^GSPC"]
KILLS = pytest.mark.parametrize("kills", [10, pytest.param(50, marks=pytest.mark.slow)])

pytestmark = [
    pytest.mark.processes,
    pytest.mark.skipif(os.name == "nt", reason="needs fork and SIGKILL"),
]


@pytest.fixture(scope="module")
def processes():
    """Children that start in milliseconds: forked from a server with our imports."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(["polars", "yfinance.data", __name__])
    return context


@pytest.fixture
def server():
    listings = [Listing(symbol=s, closes=weekdays(START, END)) for s in SYMBOLS]
    with ys.serving(*listings) as server:
        yield server


def source_of(root: Path) -> Cached:
    retry = Retry(attempts=3, first=0.01)
    return Cached(
        provider=Yahoo(timeout=20.0, retry=retry),
        store=Store(root=root, source="yahoo"),
        now=lambda: NOW,
    )


def fetch_in_child(root: Path, url: str, symbols, start, results, ready) -> None:
    ys.redirect(url)
    source = source_of(root)
    if isinstance(ready, multiprocessing.synchronize.Barrier):
        ready.wait()
    else:
        ready.set()
    prices = fetch_prices(symbols, source=source, start=start, end=END)
    if results is not None:
        results.put([(file.symbol, file.sha256) for file in prices.files])


def write_in_child(root: Path, ready) -> None:
    store = Store(root=root, source="fake")
    versions = [read_stored(root / name) for name in ("one.parquet", "two.parquet")]
    with store.lock("RIOT"):  # the first time takes longer
        store.write(versions[0])
    ready.set()
    while True:
        for stored in versions:
            with store.lock("RIOT"):
                store.write(stored)


@contextlib.contextmanager
def running(context, target, *arguments):
    """Start a child, wait until it is about to work; kill it in the end."""
    ready = context.Event()
    child = context.Process(target=target, args=(*arguments, ready))
    child.start()
    assert ready.wait(timeout=60)
    try:
        yield child
    finally:
        with contextlib.suppress(ProcessLookupError):  # it may have ended by itself
            os.kill(child.pid, signal.SIGKILL)
        child.join()
        child.close()


def test_eight_processes_one_download_per_symbol(processes, server, tmp_path):
    """Four want one and the same symbol, four want all: nobody downloads twice."""
    for symbol in SYMBOLS:
        server.scripts[symbol] = [ys.slow(0.2)]
    ready, results = processes.Barrier(8), processes.Queue()
    wanted = [["RIOT"]] * 4 + [SYMBOLS] * 4
    children = [
        processes.Process(
            target=fetch_in_child,
            args=(tmp_path, server.url, symbols, START, results, ready),
        )
        for symbols in wanted
    ]
    for child in children:
        child.start()
    hashes = [pair for _ in children for pair in results.get(timeout=60)]
    for child in children:
        child.join(timeout=60)
        assert child.exitcode == 0
    assert server.counts == dict.fromkeys(SYMBOLS, 1)
    assert len(hashes) == 20
    assert len(set(hashes)) == len(SYMBOLS)
    store = Store(root=tmp_path, source="yahoo")
    for symbol in SYMBOLS:
        assert store.read(symbol).frame["date"].max() == END


@KILLS
def test_killed_in_the_middle_of_a_fetch(processes, server, tmp_path, kills):
    """A file is there whole or not at all, and the next process is not held up."""
    rng = random.Random(20210621)
    store = Store(root=tmp_path, source="yahoo")
    fetch = (fetch_in_child, tmp_path, server.url, ["RIOT"])
    with running(processes, *fetch, date(2021, 1, 4), None) as child:
        begin = time.monotonic()
        child.join(timeout=60)
        whole = time.monotonic() - begin
    outcomes = set()
    for n in range(kills):
        with running(processes, *fetch, date(2020 - n % 15, 1, 4), None):
            time.sleep(rng.uniform(0.0, 1.2 * whole))
        held = store.read("RIOT")
        outcomes.add(None if held is None else held.provenance.start)
        if rng.random() < 0.3:
            store.path("RIOT").unlink(missing_ok=True)
    assert len(outcomes) > 1, "no child lived long enough to store anything"
    with running(processes, *fetch, START, None) as child:
        child.join(timeout=60)
        assert child.exitcode == 0
    frame = store.read("RIOT").frame
    assert frame["date"].to_list() == list(server.listings["RIOT"].closes)
    assert [p.name for p in store.folder.glob("[!.]*.parquet")] == ["RIOT.parquet"]


@KILLS
def test_killed_in_the_middle_of_a_write(processes, tmp_path, kills):
    """Readers see one of the two versions, never a mixture or a part."""
    rng = random.Random(20210621)
    store = Store(root=tmp_path, source="fake")
    one = _stored(factor=1.0)
    versions = {}
    for name, factor in (("one", 1.0), ("two", 2.0)):
        stored = replace(one, frame=one.frame.with_columns(pl.col("close") * factor))
        begin = time.monotonic()
        store.write(stored)
        whole = time.monotonic() - begin
        store.path("RIOT").rename(tmp_path / f"{name}.parquet")
        versions[name] = read_stored(tmp_path / f"{name}.parquet").provenance.sha256
    seen = set()
    for _ in range(kills):
        with running(processes, write_in_child, tmp_path):
            deadline = time.monotonic() + rng.uniform(0.0, 4 * whole + 0.05)
            while time.monotonic() < deadline:
                held = store.read("RIOT")
                seen.add(held and held.provenance.sha256)
        held = store.read("RIOT")
        seen.add(held and held.provenance.sha256)
    assert seen - {None} == set(versions.values())
    with store.lock("RIOT"):
        store.write(one)
    assert store.read("RIOT").provenance.sha256 == versions["one"]


def _stored(factor: float):
    from test_prices_store import Fake

    fake = Fake(closes=weekdays(START, END), factor=factor)
    source = Cached(
        provider=fake, store=Store(root=Path("unused"), source="fake"), now=lambda: NOW
    )
    return source._download("RIOT", None, START, END, NOW, [])
