"""Two processes give what one gives, whatever becomes of the second."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import polars as pl
import pytest

import eventstudy as es
from eventstudy.core.errors import SpecError
from eventstudy.scale.choice import opened, usual
from eventstudy.scale.engine import OneProcess, Task
from eventstudy.scale.processes import TwoProcesses
from eventstudy.study import builders

pytestmark = pytest.mark.processes
SQUARES = [Task("operator:mul", (), (n, n)) for n in range(20)]


def alive(pid):
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] != "Z"


@pytest.fixture
def engine():
    with TwoProcesses() as two:
        yield two


@pytest.mark.parametrize("made", [OneProcess, TwoProcesses])
def test_answers_come_in_order(made):
    engine = made()
    engine.hold("base", 3)
    assert engine.share(SQUARES) == [n * n for n in range(20)]
    powers = [Task("operator:pow", ("base",), (n,)) for n in range(5)]
    later = engine.later(powers)
    engine.hold("base", 3)
    assert [one.result() for one in later] == [1, 3, 9, 27, 81]
    if made is TwoProcesses:
        engine.close()


def test_both_processes_take_a_share(engine):
    pids = set(engine.share([Task("os:getpid")] * 2))
    assert os.getpid() in pids
    while len(pids) < 2:  # the second one takes its time to start
        pids |= set(engine.share([Task("os:getpid"), Task("time:sleep", (), (0.2,))]))
        pids -= {None}


def test_an_error_of_a_task_is_raised_here(engine):
    with pytest.raises(ZeroDivisionError):
        engine.share([Task("operator:truediv", (), (1, 0)), *SQUARES])
    assert engine.share(SQUARES[:3]) == [0, 1, 4]


def test_what_cannot_be_sent_is_done_here(engine):
    engine.hold("secret", lambda: 7)
    asked = Task("operator:call", ("secret",))
    assert engine.share([asked, *SQUARES])[::20] == [7, 361]


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_a_second_process_that_is_killed_is_done_without(engine, when):
    second = engine._second
    if when == "before":
        second.kill()
        second.wait()
    promises = engine.later([Task("time:sleep", (), (0.05,))] * 10)
    time.sleep(0.2)
    if when == "meanwhile":
        second.kill()
    assert engine.gathered(promises) == [None] * 10
    assert engine.share(SQUARES) == [n * n for n in range(20)]


def test_no_second_process_to_be_had(monkeypatch):
    monkeypatch.setattr(
        subprocess,
        "Popen",
        lambda *_, **__: (_ for _ in ()).throw(BlockingIOError("no more processes")),
    )
    with TwoProcesses() as engine:
        assert engine.share(SQUARES) == [n * n for n in range(20)]


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_the_second_process_does_not_outlive_the_first(number):
    code = (
        "from eventstudy.core.interrupt import install; install()\n"
        "from eventstudy.scale.engine import Task\n"
        "from eventstudy.scale.processes import TwoProcesses\n"
        "engine = TwoProcesses()\n"
        "print(engine._second.pid, flush=True)\n"
        "engine.later([Task('time:sleep', (), (600,))])\n"
        "import time; time.sleep(600)\n"
    )
    first = subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, text=True
    )
    pid = int(first.stdout.readline())
    time.sleep(1.0)
    first.send_signal(number)
    first.wait(20)
    first.stdout.close()
    until = time.monotonic() + 20
    while alive(pid) and time.monotonic() < until:
        time.sleep(0.05)
    assert not alive(pid)


def test_a_file_of_a_modules_name_beside_the_catalogue_is_not_imported(
    tmp_path, monkeypatch
):
    (tmp_path / "pickle.py").write_text("raise SystemExit(3)")
    monkeypatch.chdir(tmp_path)
    with TwoProcesses() as engine:
        promises = engine.later([Task("os:getpid")])
        engine._second.stdin.flush()
        until = time.monotonic() + 20
        while not promises[0].done.is_set() and time.monotonic() < until:
            time.sleep(0.02)
        assert promises[0].answer == engine._second.pid


def test_engines_by_name():
    with opened("threads") as one, opened("processes") as two:
        assert isinstance(one, OneProcess)
        assert isinstance(two, TwoProcesses)
        with opened(two) as same:
            assert same is two
    with pytest.raises(SpecError, match="unknown engine 'dusk'; known: threads"):
        opened("dusk").__enter__()


@pytest.mark.parametrize(("cores", "name"), [(1, "threads"), (2, "processes")])
def test_the_usual_engine_goes_by_the_cores(cores, name, monkeypatch):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(cores)))
    assert usual() == name


def test_a_study_is_the_same_by_both():
    events = {"event_id": ["summons"], "announced_at": ["2021-06-21T18:12+08:00"]}
    asked = {
        "assets": ["BTCM", "SOS"],
        "factors": ["^GSPC"],
        "windows": [(-1, 1)],
        "parts": ["returns", "volume", "volatility", "breaks", "joint"],
        "resamples": 99,
    }
    frame = es.read_events(pl.DataFrame(events))
    one = es.analyze(frame, **asked)
    with TwoProcesses([builders.__name__]) as engine:
        two = es.analyze(frame, engine=engine, **asked)
    assert set(one.tables) == set(two.tables)
    for name, table in one.tables.items():
        assert table.equals(two.tables[name]), name
