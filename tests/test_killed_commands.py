"""Whole commands that are killed at any moment, and eight of them at once."""

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from datetime import date
from pathlib import Path

import pytest
import yahoo_server as ys
from yahoo_server import Listing, weekdays

from eventstudy.prices import upkeep
from eventstudy.report.folder import MANIFEST

pytestmark = [
    pytest.mark.processes,
    pytest.mark.long,
    pytest.mark.skipif(os.name == "nt", reason="needs process groups and SIGKILL"),
]
KILLS = pytest.mark.parametrize("kills", [3, pytest.param(100, marks=pytest.mark.slow)])
CATALOGUE = (
    "event_id,announced_at,assets\n"
    "inner_mongolia,2021-05-25,RIOT MARA\nsummons,2021-06-21T18:12+08:00,RIOT MARA\n"
)
SYMBOLS = ("RIOT", "MARA", "^GSPC")
FIRST, LAST = date(2018, 1, 2), date(2021, 12, 30)
# The command with its requests sent to the stand-in.
PROGRAM = """
import sys
import yahoo_server
yahoo_server.redirect(sys.argv.pop(1))
from eventstudy.__main__ import main
main()
"""
FETCH = ["prices", "fetch", *SYMBOLS, "--start", f"{FIRST}", "--end", f"{LAST}"]
STUDY = ["--prices", "yahoo"]
ANALYZE = [
    *["analyze", "two.csv", *STUDY, "-q", "-o", "report"],
    *["--parts", "returns", "--resamples", "99"],
]
SIMULATE = [
    *["simulate", "two.csv", *STUDY, "-q", "-o", "report"],
    *["--tests", "csect,kp_bmp", "--replications", "100", "--effects", "0,0.05"],
]


@pytest.fixture
def server():
    with ys.serving(*(Listing(symbol=s, closes=closes(s)) for s in SYMBOLS)) as server:
        yield server


def closes(symbol: str) -> dict:
    """Closes of a random walk on weekdays."""
    rng = random.Random(symbol)
    found, price = {}, 50.0
    for day in weekdays(FIRST, LAST):
        price *= 1 + rng.gauss(0, 0.02)
        found[day] = round(price, 4)
    return found


class Box:
    """A folder with a catalogue and a cache, and commands that run there."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.cache = folder, folder / "cache"
        self.url = url
        (folder / "two.csv").write_text(CATALOGUE)
        (folder / "two.toml").write_text('factors = ["^GSPC"]\n')

    def start(self, *words: str) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, "-c", PROGRAM, self.url, *words],
            cwd=self.folder,
            env=os.environ
            | {
                "EVENTSTUDY_CACHE": str(self.cache),
                "EVENTSTUDY_RETRY_WAIT": "0.01",
                "PYTHONPATH": str(Path(__file__).parent),
            },
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )

    def run(self, *words: str) -> float:
        """Run a command to its end; return the seconds that it took."""
        begin = time.monotonic()
        child = self.start(*words)
        _, errors = child.communicate(timeout=300)
        assert child.returncode == 0, errors.decode()
        return time.monotonic() - begin

    def kill(self, seconds: float, *words: str) -> bool:
        """Kill a command after so many seconds; tell whether it still ran."""
        child = self.start(*words)
        try:
            child.wait(seconds)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
        return child.returncode != 0

    def check(self) -> None:
        """The report is whole, or was just being exchanged; the cache is sound."""
        report = self.folder / "report"
        old = self.folder / ".report.eventstudy-old"
        held = report if report.exists() else old
        if held.exists():
            check_report(held)
        assert upkeep.verify(self.cache) == []


def check_report(folder: Path) -> None:
    files = {p.relative_to(folder).as_posix(): p for p in folder.rglob("*.*")}
    outputs = json.loads(files.pop(MANIFEST).read_text())["outputs"]
    hashes = {n: hashlib.sha256(p.read_bytes()).hexdigest() for n, p in files.items()}
    assert hashes == outputs


def left_over(box: Box) -> list[str]:
    return sorted(p.name for p in box.folder.iterdir() if p.name.startswith("."))


@KILLS
@pytest.mark.parametrize(
    "words", [ANALYZE, FETCH, SIMULATE], ids=["analyze", "fetch", "simulate"]
)
def test_a_command_that_is_killed_leaves_report_and_cache_whole(
    server, tmp_path, words, kills
):
    box = Box(tmp_path, server.url)
    whole = box.run(*words)  # what a run takes, and an earlier report
    rng = random.Random(f"{words[0]}{kills}")
    killed = 0
    for _ in range(kills):
        if rng.random() < 0.5:
            for path in box.cache.glob("yahoo/1d/*/*.parquet"):
                path.unlink()
        killed += box.kill(rng.uniform(0.0, 1.1 * whole), *words)
        box.check()
    assert killed > 0
    box.run(*words)
    box.check()
    assert left_over(box) == []
    if words is not FETCH:
        check_report(tmp_path / "report")
    assert len(upkeep.status(box.cache)) == len(SYMBOLS)


@pytest.mark.parametrize("many", [2, pytest.param(8, marks=pytest.mark.slow)])
def test_commands_at_once_into_one_folder_and_one_cache(server, tmp_path, many):
    box = Box(tmp_path, server.url)
    (tmp_path / "report").mkdir()
    (tmp_path / "report/notes.txt").write_text("mine")
    words = [*ANALYZE, "--force"]
    children = [box.start(*words) for _ in range(many)]
    for child in children:
        _, errors = child.communicate(timeout=600)
        assert child.returncode == 0, errors.decode()
    assert (tmp_path / "report/notes.txt").read_text() == "mine"
    (tmp_path / "report/notes.txt").unlink()
    check_report(tmp_path / "report")
    assert left_over(box) == []
    assert upkeep.verify(box.cache) == []
    # one download of a symbol, whoever asked first
    assert set(server.counts.values()) == {1}
