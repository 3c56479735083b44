"""A Dask cluster tells what one process tells, whatever becomes of its workers."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from functools import partial
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import polars as pl
import pytest
from reference.inference_panels import panel, take
from test_scale_parts import NINE, WINDOWS, assert_same

import eventstudy as es
from eventstudy import __main__ as cli
from eventstudy.core.errors import SourceError, SpecError
from eventstudy.core.limits import Limits
from eventstudy.inference import battery
from eventstudy.scale.dask_engine import connected

distributed = pytest.importorskip(
    "distributed", reason="a cluster wants the extra cluster (dask)"
)
pytestmark = [
    pytest.mark.processes,
    pytest.mark.long,
    # Dask closes its own sockets and loops when it is collected.
    pytest.mark.filterwarnings("ignore::ResourceWarning"),
    pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning"),
    pytest.mark.filterwarnings("ignore::DeprecationWarning:distributed"),
]


@pytest.fixture(scope="module")
def cluster():
    config = {"distributed.scheduler.allowed-failures": 12}
    import dask

    with (
        dask.config.set(config),
        distributed.LocalCluster(
            n_workers=2, threads_per_worker=1, dashboard_address=":0"
        ) as found,
    ):
        yield found


@pytest.fixture
def client(cluster):
    with distributed.Client(cluster, set_as_default=False) as found:
        found.wait_for_workers(2, timeout=60)
        yield found


def chunk(first, last, *, wait=0.0):
    """Some observations of one study, made where they are needed."""
    time.sleep(wait)
    return take(whole(), np.arange(first, last))


def whole():
    return panel("adjacent dates", n_assets=12, seed=3)


def chunks(at, **options):
    """Functions that each give the observations from one cut to the next."""
    ends = [0, *at, len(whole().ar)]
    return [partial(chunk, a, b, **options) for a, b in pairwise(ends)]


@pytest.fixture(scope="module")
def wanted():
    return battery(whole(), windows=WINDOWS, tests=NINE)


@pytest.mark.parametrize("at", [[], [1], [10, 11, 40], list(range(4, 72, 4))])
def test_any_split_gives_the_same(client, wanted, at):
    told = []
    found = es.scale.battery(
        chunks(at), windows=WINDOWS, tests=NINE, engine=client, progress=told.append
    )
    assert_same(found, wanted)
    assert told[-1].share == 1.0
    assert told[-1].rows == 72
    assert set(told[-1].memory) <= set(client.scheduler_info()["workers"])


def killer(client, pauses, stop, killed):
    """End a worker's process again and again."""
    for pause in pauses:
        if stop.wait(pause):
            return
        for pid in list(client.run(os.getpid, on_error="ignore").values())[:1]:
            os.kill(pid, signal.SIGKILL)
            killed.append(pid)


@pytest.mark.parametrize("times", [2, pytest.param(10, marks=pytest.mark.slow)])
def test_workers_killed_in_mid_run_change_nothing(client, wanted, times):
    stop, killed = threading.Event(), []
    pauses = np.random.default_rng(5).uniform(0.1, 0.6, times)
    thread = threading.Thread(target=killer, args=(client, pauses, stop, killed))
    thread.start()
    try:
        found = es.scale.battery(
            chunks(list(range(3, 72, 3)), wait=0.1),
            windows=WINDOWS,
            tests=NINE,
            engine=client,
        )
    finally:
        stop.set()
        thread.join()
    assert killed
    assert_same(found, wanted)


def greedy():
    """Take more memory than a worker may."""
    held = []
    while True:
        held.append(np.ones(20_000_000))
        time.sleep(0.05)


def test_a_worker_out_of_memory_is_told_in_a_sentence(tmp_path):
    import dask

    config = {
        "distributed.scheduler.allowed-failures": 0,
        "distributed.worker.memory.terminate": 0.7,
        "distributed.worker.memory.pause": False,
        "distributed.worker.memory.monitor-interval": "20ms",
    }
    with (
        dask.config.set(config),
        distributed.LocalCluster(
            n_workers=1,
            threads_per_worker=1,
            memory_limit="1GB",
            dashboard_address=":0",
        ) as small,
        distributed.Client(small, set_as_default=False) as client,
        pytest.raises(SourceError, match="their memory was used up; give each worker"),
    ):
        es.scale.battery(
            [*chunks([]), greedy],
            windows=(0, 1),
            tests=["csect"],
            engine=client,
            keep=tmp_path,
        )
    # What was finished is there, whole, and nothing else.
    names = [one.name for one in tmp_path.iterdir()]
    assert len(names) <= 1
    for one in tmp_path.iterdir():
        assert es.scale.read_part(one).rows == 72


def test_a_scheduler_that_goes_is_told_in_a_sentence(tmp_path):
    scheduler = subprocess.Popen(
        [
            *(sys.executable, "-m", "distributed.cli.dask_scheduler", "--port", "0"),
            *("--no-dashboard", "--scheduler-file", str(tmp_path / "scheduler.json")),
        ],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    worker = None
    try:
        file = tmp_path / "scheduler.json"
        while not file.exists():
            time.sleep(0.05)
        worker = subprocess.Popen(
            [
                *(sys.executable, "-m", "distributed.cli.dask_worker"),
                *("--scheduler-file", str(file), "--nthreads", "1"),
                *("--no-dashboard", "--death-timeout", "5"),
            ],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        with distributed.Client(
            scheduler_file=str(file), set_as_default=False, timeout="5s"
        ) as client:
            client.wait_for_workers(1, timeout=60)
            threading.Timer(1.0, scheduler.kill).start()
            with pytest.raises(SourceError, match="does not answer any more"):
                es.scale.battery(
                    chunks(list(range(3, 72, 3)), wait=0.3),
                    windows=(0, 1),
                    tests=["csect"],
                    engine=client,
                )
    finally:
        for process in (scheduler, worker):
            if process is not None:
                process.kill()
                process.wait()


def big(noise):
    return whole()


def test_chunks_may_hold_much(client, wanted):
    noise = np.random.default_rng(0).bytes(20_000_000)
    found = es.scale.battery(
        [partial(big, noise)], windows=WINDOWS, tests=NINE, engine=client
    )
    assert_same(found, wanted)


def wrong(number):
    raise SpecError(f"chunk {number} cannot be made")


def test_an_error_of_a_chunk_is_told_as_it_is(client):
    with pytest.raises(SpecError, match="chunk 7 cannot be made"):
        es.scale.battery(
            [*chunks([]), partial(wrong, 7)],
            windows=(0, 1),
            tests=["csect"],
            engine=client,
        )


def test_an_address_where_nobody_answers_is_told():
    with pytest.raises(SourceError, match="no scheduler answers at tcp://127"):
        connected("tcp://127.0.0.1:9")


def test_a_data_set_goes_to_workers_as_its_name(client, tmp_path):
    from test_scale_datasets import made_of

    made = made_of(tmp_path)
    options = {"windows": (-1, 1), "tests": NINE}
    here = es.scale.battery(made, **options, limits=Limits(threads=1))
    assert es.scale.battery(made, **options, engine=client).equals(here)


def test_a_simulation_counts_the_same_anywhere(client):
    spec = es.StudySpec(returns="log", groups={"miners": ("RIOT", "MARA")})
    listed = pl.DataFrame(
        {"event_id": ["a", "b"], "announced_at": ["2021-05-21", "2021-06-21"]}
    )
    prices = es.fetch_prices(spec.symbols, source="snapshot")
    found = [
        es.simulate(
            spec,
            listed,
            prices,
            replications=100,
            tests=["patell", "kp_bmp"],
            effects=[0.0, 0.02],
            engine=engine,
        )
        for engine in ("threads", "processes", client)
    ]
    for other in found[1:]:
        assert other.rejections.equals(found[0].rejections)
        assert other.coverage.equals(found[0].coverage)


EVENTS = {"event_id": ["summons"], "announced_at": ["2021-06-21T18:12+08:00"]}


def test_a_study_is_the_same_on_a_cluster(client):
    asked = {
        "assets": ["BTCM", "SOS"],
        "factors": ["^GSPC"],
        "windows": [(-1, 1)],
        "parts": ["returns", "volume", "volatility", "breaks", "joint"],
        "resamples": 99,
    }
    here, there = (
        es.analyze(pl.DataFrame(EVENTS), **asked, engine=engine)
        for engine in ("threads", client)
    )
    for name, table in here.tables.items():
        assert table.equals(there.tables[name]), name


def command(monkeypatch, capsys, words):
    """Run the command; return its exit code and what it printed."""
    monkeypatch.setattr(sys, "argv", ["eventstudy", *words])
    code = 0
    try:
        cli.main()
    except SystemExit as ended:
        code = ended.code
    found = capsys.readouterr()
    return SimpleNamespace(code=code, out=found.out, err=found.err)


def test_the_command_takes_the_address_of_a_scheduler(
    cluster, tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    pl.DataFrame(EVENTS).write_csv("tiny.csv")
    Path("tiny.toml").write_text('parts = ["breaks"]\n', encoding="utf-8")
    words = ["analyze", "tiny.csv", "--assets", "BTCM", "--json", "--format", "md"]
    ended = command(
        monkeypatch, capsys, [*words, "--cluster", cluster.scheduler_address]
    )
    assert ended.code == 0, ended.err
    assert json.loads(ended.out)["report"] == "reports/tiny"


def test_the_battery_takes_an_address_too(cluster, tmp_path, monkeypatch, capsys):
    from test_scale_datasets import MARKETS, made_of

    monkeypatch.chdir(tmp_path)
    made = made_of(tmp_path, events=None)
    MARKETS.write_parquet("market.parquet")
    words = [
        *("battery", str(tmp_path / "returns.parquet"), "--factors", "market.parquet"),
        *("--estimation", "-60:-6", "--event-window", "-5:5", "--tests", "kp_bmp"),
        *("--json", "--cluster", cluster.scheduler_address),
    ]
    ended = command(monkeypatch, capsys, words)
    assert ended.code == 0, ended.err
    found = es.scale.battery(made, windows=(-1, 1), tests=["kp_bmp"])
    assert json.loads(ended.out) == found.to_dicts()


def test_the_command_simulates_on_a_cluster(cluster, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    pl.DataFrame(EVENTS).write_csv("tiny.csv")
    Path("tiny.toml").write_text('[groups]\nminers = ["RIOT"]\n', encoding="utf-8")
    words = ["simulate", "tiny.csv", "--replications", "100", "--tests", "patell"]
    pages = []
    for number, own in enumerate(
        (["--cluster", cluster.scheduler_address], ["--engine", "threads"])
    ):
        out = f"page_{number}"
        ended = command(monkeypatch, capsys, [*words, *own, "--out", out])
        assert ended.code == 0, ended.err
        pages.append(ended.out.replace(out, "page"))
    assert pages[0] == pages[1]
