"""Time and memory of fits and tests: loops over observations, and ours.

Run by hand: ``python benchmarks/inference.py [observations] [page]``; ``make bench``
writes the page. Estimation window 250 sessions, event window 21, a window of three
sessions, float64. Every job runs in a process of its own on one thread, after a small
one that takes imports and first calls; making the data is not timed. Time is that of
the processor, since a machine does other things too, and is told in passes as well: one
pass is one ``np.sum`` over the returns, in the same run.
"""

import json
import os
import platform
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
from loops import loop, loop_fits, numpy_fit, statsmodels_fit

from eventstudy.core.abnormal import Abnormal, Array, Clock, IntArray
from eventstudy.inference import TESTS, battery
from eventstudy.models import factors

T, L, WINDOW = 250, 21, (-1, 1)
CHUNK = 1_000
NINE = (
    "csect",
    "patell",
    "bmp",
    "kp_patell",
    "kp_bmp",
    "rank",
    "grank_t",
    "sign",
    "gsign",
)
# The others take the mean correlation: of a date's pairs in the loop, and of the
# estimation windows that dates share as well in ours.
SAME = ("csect", "patell", "bmp", "rank", "sign", "gsign")
ONE_WALK = ("csect", "patell", "bmp", "kp_patell", "kp_bmp", "sign", "gsign")
ONE_THREAD = {
    f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL", "NUMBA")
}
Figures = dict[str, float]


@dataclass(frozen=True, kw_only=True)
class Study:
    """What is studied; n_assets = 0 is an asset for each observation."""

    n_obs: int
    n_dates: int = 100
    n_factors: int = 1
    n_assets: int = 0
    missing: float = 0.0

    @property
    def words(self) -> str:
        """Say what is special about it."""
        held = [f"{self.n_dates:,} dates"]
        if self.n_factors != 1:
            held.append(f"{self.n_factors} factors")
        if self.n_assets:
            held.append(f"{self.n_assets} assets")
        if self.missing:
            held.append(f"{self.missing:.0%} missing")
        return ", ".join(held)


@dataclass(frozen=True)
class Chunk:
    """Returns (E, T+L), factors (E, T+L, F), and who lived when."""

    y: Array
    x: Array
    asset: IntArray
    clock: IntArray
    clocks: Clock

    def fitted(self) -> Abnormal:
        """Fit it with ours."""
        return factors(
            self.y,
            self.x,
            n_estimation=T,
            asset=self.asset,
            clock=self.clock,
            clocks=self.clocks,
        )


def chunks_of(study: Study) -> list[Chunk]:
    """Make the data: dates 25 sessions apart where there are few, else daily ones."""
    rng = np.random.default_rng(0)
    step = 25 if study.n_dates <= 100 else 1
    days = step * np.arange(study.n_dates)[:, None] + np.arange(T + L)
    clocks = Clock(estimation=days[:, :T], event=days[:, T:])
    market = 0.01 * rng.standard_normal((days.max() + 1, study.n_factors))
    shock = 0.01 * rng.standard_normal(days.max() + 1)
    found = []
    for first in range(0, study.n_obs, CHUNK):
        rows = np.arange(first, min(first + CHUNK, study.n_obs))
        clock = rows * 7919 % study.n_dates
        x = market[days[clock]]
        noise = 0.02 * rng.standard_normal((len(rows), T + L))
        y = x.sum(axis=2) + shock[days[clock]] + noise
        y[rng.random(y.shape) < study.missing] = np.nan
        asset = rng.integers(0, study.n_assets, len(rows)) if study.n_assets else rows
        found.append(Chunk(y, x, asset, clock, clocks))
    return found


def our_fits(chunks: list[Chunk]) -> None:
    """Fit all chunks, one after the other."""
    for chunk in chunks:
        chunk.fitted()


def tested(chunks: list[Chunk], tests: Sequence[str]) -> dict[str, float]:
    """Fit and test with ours; what needs two walks fits twice, as it keeps nothing."""
    lazy = [chunk.fitted for chunk in chunks]
    found = battery(lazy, windows=[WINDOW], tests=tests)
    return {name: float(found[WINDOW, name].statistic[0]) for name in tests}


def one_pass(chunks: list[Chunk]) -> None:
    """Add up all returns once."""
    for chunk in chunks:
        np.sum(chunk.y)


JOBS: dict[str, Callable[[list[Chunk]], dict[str, float] | None]] = {
    "pass": one_pass,
    "statsmodels fits": lambda c: loop_fits(c, statsmodels_fit),
    "numpy fits": lambda c: loop_fits(c, numpy_fit),
    "our fits": our_fits,
    "statsmodels + scipy": lambda c: loop(c, statsmodels_fit),
    "numpy + scipy": lambda c: loop(c, numpy_fit),
    "nine tests": lambda c: tested(c, NINE),
    "seven tests, one walk": lambda c: tested(c, ONE_WALK),
    "all tests but bootstrap": lambda c: tested(
        c, [n for n in TESTS if n != "bootstrap"]
    ),
    "bootstrap": lambda c: tested(c, ["bootstrap"]),
}


def measure(job: str, study: Study, *, compiled: bool = True) -> Figures:
    """Return µs of each observation, peak MB and statistics, from its own process."""
    plain = {} if compiled else {"NUMBA_DISABLE_JIT": "1"}
    done = subprocess.run(
        [sys.executable, __file__, "--job", job, json.dumps(asdict(study))],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
        env={**os.environ, **ONE_THREAD, **plain},
    )
    figures: Figures = json.loads(done.stdout)
    return figures


def run_job(job: str, study: Study) -> None:
    """Do one job and print its figures for the process that asked."""
    # Imports, first calls and what is compiled are not what is measured.
    JOBS[job](chunks_of(replace(study, n_obs=min(study.n_obs, 6_000))))
    chunks = chunks_of(study)
    times = []
    for _ in range(9 if job == "pass" else 1):
        wall, busy = time.perf_counter(), time.process_time()
        found = JOBS[job](chunks) or {}
        times.append((time.process_time() - busy, time.perf_counter() - wall))
    cpu, clock = min(times)
    figures = {
        "us": 1e6 * cpu / study.n_obs,
        "wall": 1e6 * clock / study.n_obs,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(figures | found))


def against_loops(n_obs: int) -> list[str]:
    """Compare with loops: fits on one and three factors, and the nine tests."""
    lines = [
        "| job | statsmodels, µs | numpy, µs | ours, µs | ratios |",
        "|---|--:|--:|--:|--:|",
    ]
    for words, names, n_factors in (
        ("fits, one factor", ("statsmodels fits", "numpy fits", "our fits"), 1),
        ("fits, three factors", ("statsmodels fits", "numpy fits", "our fits"), 3),
        (
            "fits and nine tests",
            ("statsmodels + scipy", "numpy + scipy", "nine tests"),
            1,
        ),
    ):
        study = Study(n_obs=n_obs, n_factors=n_factors)
        found = [measure(name, study) for name in names]
        for name in SAME if "tests" in words else ():
            for other in found[1:]:
                np.testing.assert_allclose(other[name], found[0][name], rtol=1e-7)
        a, b, c = (figures["us"] for figures in found)
        lines.append(
            f"| {words} | {a:,.0f} | {b:,.0f} | {c:.1f} | {a / c:.0f}, {b / c:.0f} |"
        )
    return lines


def by_design(n_obs: int) -> list[str]:
    """Compare designs, with compiled loops and without, in passes over the returns."""
    base = Study(n_obs=n_obs)
    one = measure("pass", base)["us"]
    lines = [
        f"One pass: {one:.2f} µs an observation.",
        "",
        "| job | design | µs | passes | µs without numba | to the first | peak MB |",
        "|---|---|--:|--:|--:|--:|--:|",
    ]
    first = 0.0
    for job, study in (
        ("nine tests", base),
        ("nine tests", replace(base, n_dates=2_500)),
        ("nine tests", replace(base, n_dates=14_000)),
        ("nine tests", replace(base, n_assets=500)),
        ("nine tests", replace(base, n_dates=2_500, n_assets=500)),
        ("nine tests", replace(base, missing=0.01)),
        ("nine tests", replace(base, n_factors=3)),
        ("our fits", base),
        ("seven tests, one walk", base),
        ("all tests but bootstrap", base),
        ("bootstrap", replace(base, n_obs=max(n_obs // 10, CHUNK))),
    ):
        figures = measure(job, study)
        plain = measure(job, study, compiled=False)["us"]
        us, peak = figures["us"], figures["peak"]
        first = first or us
        lines.append(
            f"| {job} | {study.words} | {us:.1f} | {us / one:,.0f} | {plain:.1f} "
            f"| {us / first:.2f} | {peak:,.0f} |"
        )
    return lines


def page(n_obs: int) -> str:
    """Write the page of the documentation."""
    n_loop = min(n_obs, 2_000)
    busy = os.getloadavg()[0]
    machine = (
        f"{platform.machine()}, {os.cpu_count()} cores, numpy {np.__version__}, "
        f"{busy:.1f} processes of others running at the start"
    )
    text = (Path(__file__).parent / "speed_page.md").read_text(encoding="utf-8")
    return text.format(
        n_obs=f"{n_obs:,}",
        n_loop=f"{n_loop:,}",
        machine=machine,
        nine=", ".join(NINE),
        loops="\n".join(against_loops(n_loop)),
        designs="\n".join(by_design(n_obs)),
    )


def main(arguments: Sequence[str]) -> None:
    """Print the page, or write it where it is to be."""
    text = page(int(arguments[0]) if arguments else 50_000)
    if len(arguments) > 1:
        Path(arguments[1]).write_text(text, encoding="utf-8")
    else:
        print(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        run_job(sys.argv[2], Study(**json.loads(sys.argv[3])))
    else:
        main(sys.argv[1:])
