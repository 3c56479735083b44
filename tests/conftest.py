"""What a test run shares: its folders, one thread a worker, one worked example."""

import json
import os
import pickle
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from filelock import FileLock
from hypothesis import settings

ROOT = Path(__file__).parents[1]

# Workers share the cores; threads of their own would only wait for each other.
for threads in ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "POLARS_MAX_THREADS"):
    os.environ.setdefault(threads, "1")


# How long an example takes says more about the other workers than about the code. The
# same examples are drawn everywhere, so that one run tells of the next;
# --hypothesis-seed draws others.
settings.register_profile("shared cores", deadline=None, derandomize=True)
settings.load_profile("shared cores")


def pytest_configure(config):
    """Keep nothing in the user's folders: one cache for all workers and children."""
    if not hasattr(config, "workerinput"):
        config.cache_folder = TemporaryDirectory(prefix="eventstudy-tests-")
        os.environ["EVENTSTUDY_CACHE"] = config.cache_folder.name


def pytest_unconfigure(config):
    if hasattr(config, "cache_folder"):
        config.cache_folder.cleanup()


# --- processes -----------------------------------------------------------------------

STARTS = {"subprocess.Popen", "os.fork", "os.posix_spawn", "os.system"}
FONTS = "fc-list"  # asked by matplotlib, where it does not know the fonts yet


class Running:
    """The test that runs, None between tests and where it may start processes."""

    name: str | None = None


def pytest_collection_modifyitems(items):
    """Mark the tests of the worked example, which a process makes, and of analyses."""
    for item in items:
        asked = getattr(item, "fixturenames", ())
        if "worked_example" in asked:
            item.add_marker("processes")
        if {"worked_example", "analyze"} & {*asked}:
            item.add_marker("long")


def pytest_runtest_setup(item):
    may = item.get_closest_marker("processes") or not isinstance(item, pytest.Function)
    Running.name = None if may else item.name


def pytest_runtest_teardown():
    Running.name = None


def only_marked_tests_start_processes(event, arguments):
    if event in STARTS and Running.name and FONTS not in str(arguments[:2]):
        name, Running.name = Running.name, None
        pytest.fail(f"{name} starts a process: mark it `processes`")


sys.addaudithook(only_marked_tests_start_processes)


@pytest.fixture(autouse=True)
def one_process(monkeypatch):
    """Commands that a test calls share the cores with the other workers."""
    monkeypatch.setattr("eventstudy.scale.choice.usual", lambda: "threads")


# --- the worked example --------------------------------------------------------------


@dataclass(frozen=True)
class Example:
    """The worked example as the command of the README made it.

    folder : with ``events/`` and ``reports/china_2021/``;  printed : by the command
    """

    folder: Path
    printed: str

    @property
    def report(self) -> Path:
        return self.folder / "reports/china_2021"

    def result(self):
        """The result that the report was written of."""
        return pickle.loads((self.folder / "result.pickle").read_bytes())


# The command, which keeps its result beside the report.
COMMAND = """
import pickle
from pathlib import Path

from eventstudy import report

write = report.write_report

def write_and_keep(result, *arguments, **options):
    Path("result.pickle").write_bytes(pickle.dumps(result))
    return write(result, *arguments, **options)

report.write_report = write_and_keep

from eventstudy.cli.main import main

main()
"""


@pytest.fixture(scope="session")
def worked_example(tmp_path_factory, worker_id):
    """The worked example, made by the first worker that asks, for all of them."""
    base = tmp_path_factory.getbasetemp()
    folder = (base if worker_id == "master" else base.parent) / "worked_example"
    with FileLock(f"{folder}.lock"):
        if not (folder / "done.json").is_file():
            (folder / "done.json").write_text(json.dumps(_make_example(folder)))
    done = json.loads((folder / "done.json").read_text())
    assert done["code"] == 0, done["errors"]
    return Example(folder, done["printed"])


def _make_example(folder: Path) -> dict[str, object]:
    folder.mkdir()
    (folder / "events").symlink_to(ROOT / "events", target_is_directory=True)
    done = subprocess.run(
        [sys.executable, "-c", COMMAND, "analyze", "events/china_2021.csv"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
    )
    return {"code": done.returncode, "printed": done.stdout, "errors": done.stderr}
