"""Time and memory of the commands a user waits for, beside an import of libraries.

Run by hand: ``python benchmarks/startup.py [repeats]``. Each command runs in a process
of its own, in turn, once to warm the disk cache and then ``repeats`` times; the median
is printed, with the ratio to a process that only imports polars, scipy and matplotlib.
Processor time says more than the clock on a machine that does other things too.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[1]
IMPORTS = "import polars, scipy.stats, matplotlib.figure"
EVENTSTUDY = "from eventstudy.cli.main import main; main()"
CATALOGUE = "events/china_2021.csv"


class Cost(NamedTuple):
    """What a process cost: seconds on the clock, of the processor, peak MB."""

    wall: float
    cpu: float
    peak: float


def cost(code: str, arguments: Sequence[str]) -> Cost:
    """Run a process of Python and measure it."""
    start = time.perf_counter()
    child = subprocess.Popen(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
    )
    _, status, usage = os.wait4(child.pid, 0)
    wall = time.perf_counter() - start
    if os.waitstatus_to_exitcode(status) != 0:
        raise SystemExit(f"failed: {' '.join(arguments)}")
    child.returncode = 0  # it has been waited for
    # kilobytes on Linux, bytes on macOS
    peak = usage.ru_maxrss / (1 << 10 if sys.platform != "darwin" else 1 << 20)
    return Cost(wall, usage.ru_utime + usage.ru_stime, peak)


def main() -> None:
    """Measure and print."""
    repeats = int(sys.argv[1]) if len(sys.argv) > 1 else 3
    with tempfile.TemporaryDirectory() as folder:
        jobs = {
            "import polars, scipy, matplotlib": (IMPORTS, []),
            "eventstudy --help": (EVENTSTUDY, ["--help"]),
            f"eventstudy check {CATALOGUE}": (EVENTSTUDY, ["check", CATALOGUE]),
            f"eventstudy analyze {CATALOGUE}": (
                EVENTSTUDY,
                ["analyze", CATALOGUE, "--out", f"{folder}/report"],
            ),
        }
        rounds = [{name: cost(*job) for name, job in jobs.items()}]
        rounds += [
            {name: cost(*job) for name, job in jobs.items()} for _ in range(repeats)
        ]
    base = None
    width = max(map(len, jobs))
    print(f"{'':<{width}}  wall, s  cpu, s  peak, MB  wall ratio  cpu ratio")
    for name in jobs:
        measured = [found[name] for found in rounds[1:]]
        middle = Cost(
            *(statistics.median(part) for part in zip(*measured, strict=True))
        )
        base = base or middle
        print(
            f"{name:<{width}}  {middle.wall:7.2f}  {middle.cpu:6.2f}  "
            f"{middle.peak:8.0f}  {middle.wall / base.wall:10.2f}  "
            f"{middle.cpu / base.cpu:9.2f}"
        )
    print(f"median of {repeats}, on {os.cpu_count()} cores")


if __name__ == "__main__":
    main()
