"""How long large studies take, and what memory they want, by rates measured here.

Run by hand: ``python benchmarks/cluster_plan.py FOLDER [PAGE]``. A data set is made in
the folder, read and tested on one thread; time and memory of larger ones are computed
from the rates, and written as the table of docs/how-to/cluster.md if it is named. A job
that wants more memory than the process that tests has is cut into as many batteries.
"""

import sys
import time
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

import polars as pl
from inference import NINE
from streaming import WINDOW, make, opened

import eventstudy as es
from eventstudy.scale.streaming import needed

MEASURED = 200_000
BEGIN, END = "<!-- computed plan -->", "<!-- end of the computed plan -->"
MACHINE = 32_000_000_000
CLUSTER = 64


@dataclass(frozen=True)
class Job:
    """A study: its observations, and the rows of returns that they are cut from."""

    what: str
    observations: float
    rows: float


JOBS = (
    Job("Earnings dates of CRSP", 1e6, 8e7),
    Job("A placebo over all dates of CRSP", 4.5e8, 4.5e8),
    Job("300 pairs, five years of minutes, 1,000 dates each", 3e5, 8e8),
)


@dataclass(frozen=True)
class Rates:
    """Seconds of one core: of an observation, of its tests, and of a row read."""

    collected: float
    tested: float
    read: float

    def seconds(self, job: Job, cores: int) -> float:
        """Two walks shared by the cores, and the tests on one."""
        walks = 2 * self.read * job.rows + self.collected * job.observations
        return walks / cores + self.tested * job.observations


def measured(folder: Path) -> Rates:
    """Measure on one thread, after a first run that loads what is compiled."""
    folder.mkdir(parents=True, exist_ok=True)
    make(folder, MEASURED)
    began = time.process_time()
    rows = 0
    for file in sorted((folder / "returns").glob("*.parquet")):
        rows += pl.read_parquet(file, columns=["asset", "date", "ret"]).height
    read = (time.process_time() - began) / rows
    for _ in range(2):
        data = opened(folder)
        made = es.scale.plan(
            windows=WINDOW,
            tests=NINE,
            clocks=data.clocks,
            assets=data.assets,
            observations=data.observations,
        )
        times = [time.process_time()]
        first = es.scale.merge(
            es.scale.collect(data.open(n), made) for n in range(len(data))
        )
        times.append(time.process_time())
        again = es.scale.again(first, made)
        times.append(time.process_time())
        ranks = es.scale.merge(
            es.scale.collect(data.open(n), again) for n in range(len(data))
        )
        times.append(time.process_time())
        es.scale.finish(first, made, ranks)
        times.append(time.process_time())
    walk_1, between, walk_2, last = (b - a for a, b in pairwise(times))
    return Rates((walk_1 + walk_2) / MEASURED, (between + last) / MEASURED, read)


def table(rates: Rates) -> str:
    """Write the plan of every job."""
    head = (
        "| Study | Observations | Rows read | Two cores | "
        f"{CLUSTER} workers | Batteries | Memory of the process that tests |\n"
        "| :--- | ---: | ---: | ---: | ---: | ---: | ---: |\n"
    )
    lines = []
    for job in JOBS:
        most = MACHINE / (needed(10**9) / 10**9)
        batteries = int(-(-job.observations // most))
        memory = needed(int(job.observations / batteries)) / 1e9
        lines.append(
            f"| {job.what} | {job.observations:,.0f} | {job.rows:,.0f} | "
            f"{_time(rates.seconds(job, 2))} | {_time(rates.seconds(job, CLUSTER))} | "
            f"{batteries} | {memory:,.1f} GB |\n"
        )
    return (
        f"Measured on one core: {1e6 * rates.collected:.0f} µs to fit an observation "
        f"twice and collect it, {1e6 * rates.tested:.1f} µs to test it, "
        f"{1e9 * rates.read:.0f} ns to read a row.\n\n" + head + "".join(lines)
    )


def _time(seconds: float) -> str:
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def main() -> None:
    """Measure, print the table, and put it on the page."""
    found = table(measured(Path(sys.argv[1])))
    print(found)
    if len(sys.argv) > 2:
        page = Path(sys.argv[2])
        text = page.read_text(encoding="utf-8")
        before, _, rest = text.partition(BEGIN)
        after = rest.partition(END)[2]
        page.write_text(f"{before}{BEGIN}\n{found}{END}{after}", encoding="utf-8")


if __name__ == "__main__":
    main()
