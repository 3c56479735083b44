"""Time and memory of a simulation: a loop over studies, and ours.

Run by hand: ``python benchmarks/simulation.py [replications]``. The design is that of
events/china_2021.csv on the embedded prices: 10 assets, six dates, two model settings,
11 tests, 15 effects, two variances. The loop fits and tests one replication after the
other with the package's own `battery`, one effect only, and is scaled up. Every job
runs in a process of its own, so that its peak memory is its own.
"""

import json
import resource
import subprocess
import sys
import time
from pathlib import Path

import eventstudy as es
from eventstudy.catalogue import read_events
from eventstudy.core.windows import select
from eventstudy.inference import battery
from eventstudy.panel import build
from eventstudy.simulation.design import SimulationDesign, designs_of
from eventstudy.simulation.draw import draw_sessions, replicate
from eventstudy.study.estimate import estimators

EVENTS = Path(__file__).parents[1] / "events"
N_LOOP = 20


def study() -> tuple[es.StudySpec, es.Events, es.Prices]:
    """Return the worked example."""
    spec = es.read_spec(EVENTS / "china_2021.toml")
    events = read_events(EVENTS / "china_2021.csv")
    return spec, events, es.fetch_prices(spec.symbols, source="snapshot")


def batched(replications: int, workers: int) -> tuple[float, int]:
    """Return seconds, and how many (test, injection, replication) were judged."""
    spec, events, prices = study()
    start = time.perf_counter()
    found = es.simulate(
        spec, events, prices, replications=replications, workers=workers
    )
    seconds = time.perf_counter() - start
    return seconds, int(found.rejections["replications"].sum())


def looped() -> tuple[float, int]:
    """The same for a loop over replications, without injections."""
    spec, events, prices = study()
    panels, _ = build(spec, spec.groups, events.frame, prices.frame)
    fitted = [(e, list(e)) for e in estimators(spec, panels)]
    designs, _ = designs_of(spec, fitted, list(spec.groups), (-1, 1))
    start = time.perf_counter()
    judged = sum(_one_by_one(spec, design) for design in designs)
    return time.perf_counter() - start, judged


def _one_by_one(spec: es.StudySpec, design: SimulationDesign) -> int:
    judged = 0
    sessions = draw_sessions(design, N_LOOP, seed=0)
    for r in range(N_LOOP):
        fits = [replicate(p, sessions[r : r + 1], simple=False) for p in design.parts]
        for cell in design.cells:
            chunks = [select(fits[number], rows) for number, rows in cell.members]
            judged += len(battery(chunks, windows=[(-1, 1)], tests=spec.tests))
    return judged


def job(name: str, replications: int) -> dict[str, float]:
    """Run one job; return its time, judgements and peak memory in megabytes."""
    if name == "loop":
        seconds, judged = looped()
    else:
        seconds, judged = batched(replications, workers=int(name))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "judged": judged, "megabytes": peak}


def main(replications: int) -> None:
    """Print all jobs side by side."""
    print(f"{'job':<28}{'seconds':>9}{'tests':>12}{'µs/test':>10}{'MB':>7}")
    for name, label in (
        ("loop", f"loop, {N_LOOP} replications"),
        ("1", f"batched, {replications}, 1 thread"),
        ("2", f"batched, {replications}, 2 threads"),
    ):
        done = subprocess.run(
            [sys.executable, __file__, name, str(replications)],
            check=True,
            capture_output=True,
            text=True,
        )
        found = json.loads(done.stdout)
        each = 1e6 * found["seconds"] / found["judged"]
        print(
            f"{label:<28}{found['seconds']:>9.1f}{found['judged']:>12,}"
            f"{each:>10.1f}{found['megabytes']:>7.0f}"
        )


if __name__ == "__main__":
    if len(sys.argv) == 3:
        print(json.dumps(job(sys.argv[1], int(sys.argv[2]))))
    else:
        main(int(sys.argv[1]) if len(sys.argv) == 2 else 1000)
