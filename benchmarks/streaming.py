"""Memory and time of a battery over a Parquet data set, and of one in memory.

Run by hand: ``python benchmarks/streaming.py FOLDER [observations] [threads]``; threads
are those of this process, and the workers of a Dask cluster on this machine. Market
model, 250 sessions of estimation, event window of 21, a window of three, nine tests,
4,000 assets on 2,500 dates. All are run in processes of their own; time is that of the
processor per observation, memory the most that the process had. The one in memory has
as many observations as 100,000, since its cost per observation is the same for any
number.
"""

import json
import os
import resource
import subprocess
import sys
import time
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import polars as pl
from inference import NINE, ONE_THREAD

import eventstudy as es

T, L, WINDOW = 250, 21, (-1, 1)
N_ASSETS, N_DATES = 4_000, 2_500
IN_MEMORY = 100_000
Figures = dict[str, float]


def make(folder: Path, n_obs: int) -> None:
    """Write returns, the market, and as many dates."""
    rng = np.random.default_rng(0)
    days = [date(2010, 1, 1) + timedelta(days=k) for k in range(N_DATES + T + L - 1)]
    market = 0.01 * rng.standard_normal(len(days))
    pl.DataFrame({"date": days, "market": market}).write_parquet(
        folder / "market.parquet"
    )
    (folder / "returns").mkdir(exist_ok=True)
    for first in range(0, N_ASSETS, 500):
        assets = np.repeat(np.arange(first, first + 500, dtype=np.int32), len(days))
        noise = 0.02 * rng.standard_normal(len(assets))
        pl.DataFrame(
            {
                "asset": assets,
                "date": days * 500,
                "ret": np.tile(market, 500) + noise,
            }
        ).write_parquet(
            folder / "returns" / f"{first:05d}.parquet", row_group_size=100_000
        )
    chosen = np.sort(rng.choice(N_ASSETS * N_DATES, n_obs, replace=False))
    middle = np.array(days, "datetime64[D]")[T + 10 : T + 10 + N_DATES]
    pl.DataFrame(
        {
            "asset": (chosen // N_DATES).astype(np.int32),
            "date": middle[chosen % N_DATES],
        }
    ).write_parquet(folder / "events.parquet")


def opened(folder: Path) -> es.scale.Dataset:
    """Return the observations in chunks."""
    return es.scale.dataset(
        folder / "returns",
        folder / "events.parquet",
        factors=folder / "market.parquet",
        limits=es.scale.Limits(memory="3 GB"),
    )


def streamed(folder: Path, threads: int) -> Figures:
    """Test all observations of the data set."""
    begun, clock = time.process_time(), time.perf_counter()
    made = opened(folder)
    es.scale.battery(
        made,
        windows=WINDOW,
        tests=NINE,
        limits=es.scale.Limits(memory="8 GB", threads=threads),
    )
    return _figures(time.process_time() - begun, clock, made.observations)


def on_cluster(folder: Path, threads: int) -> Figures:
    """Test all observations of the data set on workers of one thread each."""
    from distributed import Client, LocalCluster

    with (
        LocalCluster(
            n_workers=threads, threads_per_worker=1, dashboard_address=":0"
        ) as cluster,
        Client(cluster) as client,
    ):
        client.wait_for_workers(threads)
        begun, clock = time.process_time(), time.perf_counter()
        made = opened(folder)
        es.scale.battery(
            made,
            windows=WINDOW,
            tests=NINE,
            limits=es.scale.Limits(memory="8 GB"),
            engine=client,
        )
        return _figures(time.process_time() - begun, clock, made.observations)


def in_memory(folder: Path, threads: int) -> Figures:
    """Fit and test some observations that are all in memory."""
    made = opened(folder)
    chunks = [made.open(n) for n in range(min(len(made), IN_MEMORY // 8_000 + 1))]
    n_obs = sum(len(chunk.ar) for chunk in chunks)
    es.inference.battery(chunks, windows=WINDOW, tests=NINE)
    data = [
        (c.residuals, c.ar, c.x_estimation, c.x_event, c.asset, c.clock) for c in chunks
    ]
    begun, clock = time.process_time(), time.perf_counter()
    fits = [
        es.models.market(
            np.concatenate([past, event], axis=1),
            np.concatenate([x[:, :, 0], y[:, :, 1]], axis=1),
            n_estimation=T,
            first_offset=-10,
            asset=asset,
            clock=clock_of,
            clocks=made.clocks,
        )
        for past, event, x, y, asset, clock_of in data
    ]
    es.inference.battery(fits, windows=WINDOW, tests=NINE, workers=threads)
    return _figures(time.process_time() - begun, clock, n_obs)


def _figures(cpu: float, clock: float, n_obs: int) -> Figures:
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    return {
        "observations": n_obs,
        "µs of processor per observation": 1e6 * cpu / n_obs,
        "seconds": time.perf_counter() - clock,
        "GB at most": most,
    }


JOBS = {"in memory": in_memory, "streamed": streamed, "on a cluster": on_cluster}


def main() -> None:
    """Make the data, and run each job in a process of its own."""
    folder, job = Path(sys.argv[1]), sys.argv[4] if len(sys.argv) > 4 else ""
    n_obs = int(sys.argv[2]) if len(sys.argv) > 2 else 1_000_000
    threads = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    if job:
        print(json.dumps(JOBS[job](folder, threads)))
        return
    folder.mkdir(parents=True, exist_ok=True)
    make(folder, n_obs)
    for name in JOBS:
        given = [str(folder), str(n_obs), str(threads), name]
        found = subprocess.run(
            [sys.executable, __file__, *given],
            env=os.environ | ONE_THREAD,
            stdout=subprocess.PIPE,
            check=True,
        )
        figures = json.loads(found.stdout)
        print(name, {key: round(value, 2) for key, value in figures.items()})


if __name__ == "__main__":
    main()
