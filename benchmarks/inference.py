"""Time and memory of fits and tests: loops over observations, and ours.

Run by hand: ``python benchmarks/inference.py [largest]``. Market model, estimation 250
sessions, event window 21, the classical battery (csect, patell, bmp, kp, rank, grank,
sign, gsign) on a three-day window. Every job runs in a process of its own, so that
its peak memory is its own; making the data is not timed in the comparison with loops,
and is in the figures up to a million.
"""

import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
from scipy import stats

from eventstudy.core.abnormal import Abnormal, Array, Clock, IntArray
from eventstudy.inference import battery
from eventstudy.models import market

T, L, WINDOW = 250, 21, (-1, 1)
COLUMNS = slice(9, 12)  # of the event window
N_LOOP, CHUNK, N_DATES = 10_000, 1_000, 100
TESTS = (
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
Arrays = tuple[Array, Array, IntArray, IntArray, Clock]
Maker = Callable[[], Arrays]
Fitted = tuple[Array, Array, float, Array, Array]
Fit = Callable[[Array, Array], Fitted]


def study(n_obs: int) -> list[Maker]:
    """Return chunks as functions that make returns, the same at each call."""
    rng = np.random.default_rng(0)
    starts = 25 * np.arange(N_DATES)  # windows of three sessions do not overlap
    days = starts[:, None] + np.arange(T + L)
    clocks = Clock(estimation=days[:, :T], event=days[:, T:])
    market_return = 0.01 * rng.standard_normal(days.max() + 1)
    shock = 0.01 * rng.standard_normal(days.max() + 1)
    base = 0.02 * rng.standard_normal((min(CHUNK, n_obs), T + L))

    def arrays(first: int) -> Arrays:
        rows = np.arange(first, min(first + CHUNK, n_obs))
        clock = rows % N_DATES
        x = market_return[days[clock]]
        noise = np.roll(base[: len(rows)], 7 * (first // CHUNK), axis=1)
        return noise + x + shock[days[clock]], x, rows, clock, clocks

    return [lambda i=i: arrays(i) for i in range(0, n_obs, CHUNK)]  # type: ignore[misc]


def held(makers: list[Maker]) -> list[Maker]:
    """Make the data now, so that only what follows is timed."""
    return [lambda made=made: made for made in [make() for make in makers]]  # type: ignore[misc]


def fitted(make: Maker) -> Abnormal:
    """Fit one chunk with ours."""
    y, x, asset, clock, clocks = make()
    return market(y, x, n_estimation=T, asset=asset, clock=clock, clocks=clocks)


def our_fits(makers: list[Maker]) -> None:
    """Fit all chunks, one after the other in one thread."""
    for make in makers:
        fitted(make)


def ours(makers: list[Maker]) -> dict[str, float]:
    """Fit and test with ours, in two threads."""
    chunks = [lambda m=m: fitted(m) for m in makers]  # type: ignore[misc]
    found = battery(chunks, windows=[WINDOW], tests=TESTS, workers=2)
    return {name: float(found[WINDOW, name].statistic[0]) for name in TESTS}


def fit_by_statsmodels(y: Array, x: Array) -> Fitted:
    """Residuals, prediction errors, variance, event rows, (X'X)^-1 of one row."""
    import statsmodels.api as sm

    design = sm.add_constant(x)
    fit = sm.OLS(y[:T], design[:T]).fit()
    error = y[T:] - fit.predict(design[T:])
    return fit.resid, error, fit.mse_resid, design[T:], fit.normalized_cov_params


def fit_by_numpy(y: Array, x: Array) -> Fitted:
    """Return the same by least squares of numpy."""
    design = np.column_stack([np.ones(len(x)), x])
    beta = np.linalg.lstsq(design[:T], y[:T], rcond=None)[0]
    error = y - design @ beta
    variance = float((error[:T] ** 2).sum() / (T - 2))
    inverse = np.linalg.inv(design[:T].T @ design[:T])
    return error[:T], error[T:], variance, design[T:], inverse


def rows_of(makers: list[Maker]) -> Iterator[tuple[Array, Array, int]]:
    """Walk through the observations one by one."""
    for make in makers:
        y, x, _, clock, _ = make()
        yield from zip(y, x, clock, strict=True)


def loop_fits(makers: list[Maker], fit: Fit) -> None:
    """Fit in a loop over observations."""
    for y, x, _ in rows_of(makers):
        fit(y, x)


def loop(makers: list[Maker], fit: Fit) -> dict[str, float]:
    """Fit and test as one would write it: a fit and scipy's ranks per observation."""
    car, scar, ranks, residuals, standard, share, dates = [], [], [], [], [], [], []
    for y, x, date in rows_of(makers):
        past, event, variance, rows, inverse = fit(y, x)
        s = rows[COLUMNS].sum(axis=0)
        forecast = COLUMNS.stop - COLUMNS.start + s @ inverse @ s
        car.append(event[COLUMNS].sum())
        scar.append(car[-1] / np.sqrt(variance * forecast))
        ranks.append(stats.rankdata([*past, *event]) / (1 + T + L) - 0.5)
        residuals.append(past)
        standard.append(past / np.sqrt(variance))
        share.append((past > 0).mean())
        dates.append(date)
    rbar = mean_correlation(residuals, np.array(dates))
    scaled = np.array(scar) * np.sqrt(1 - rbar) / np.std(scar, ddof=1)
    granks = [
        stats.rankdata([*z, own]) / (T + 2) - 0.5
        for z, own in zip(standard, scaled, strict=True)
    ]
    return statistics(np.array(car), np.array(scar), rbar, ranks, granks, share)


def mean_correlation(residuals: list[Array], dates: Array) -> float:
    """Mean over all pairs; pairs of different dates have none."""
    pairs = 0.0
    for date in np.unique(dates):
        block = np.corrcoef([residuals[i] for i in np.flatnonzero(dates == date)])
        pairs += block.sum() - len(block)
    return pairs / (len(dates) * (len(dates) - 1))


def statistics(
    car: Array,
    scar: Array,
    rbar: float,
    ranks: list[Array],
    granks: list[Array],
    share: list[float],
) -> dict[str, float]:
    """Return the nine statistics from what the loop gathered."""
    n, inflation = len(car), 1 + (len(car) - 1) * rbar
    bmp = float(stats.ttest_1samp(scar, 0).statistic)
    patell = scar.sum() / np.sqrt(n * (T - 2) / (T - 4))
    mean, grank = np.mean(ranks, axis=0), np.mean(granks, axis=0)
    inside = mean[T:][COLUMNS]
    z = grank[-1] / np.sqrt((grank**2).mean())
    positive, p = (car > 0).sum(), np.mean(share)
    return {
        "csect": float(stats.ttest_1samp(car, 0).statistic),
        "patell": patell,
        "bmp": bmp,
        "kp_patell": patell / np.sqrt(inflation),
        "kp_bmp": bmp * np.sqrt((1 - rbar) / inflation),
        "rank": inside.sum() / np.sqrt(len(inside)) / np.sqrt((mean**2).mean()),
        "grank_t": z * np.sqrt((T - 1) / (T - z**2)),
        "sign": (positive - n / 2) / np.sqrt(n / 4),
        "gsign": (positive - n * p) / np.sqrt(n * p * (1 - p)),
    }


JOBS: dict[str, Callable[[list[Maker]], dict[str, float] | None]] = {
    "statsmodels fits": lambda m: loop_fits(m, fit_by_statsmodels),
    "numpy fits": lambda m: loop_fits(m, fit_by_numpy),
    "our fits": our_fits,
    "statsmodels + scipy": lambda m: loop(m, fit_by_statsmodels),
    "numpy + scipy": lambda m: loop(m, fit_by_numpy),
    "ours": ours,
}


def measure(job: str, n_obs: int) -> dict[str, float]:
    """Return seconds, peak megabytes and statistics of a job in its own process."""
    done = subprocess.run(
        [sys.executable, __file__, "--job", job, str(n_obs)],
        check=True,
        stdout=subprocess.PIPE,
        text=True,
    )
    figures: dict[str, float] = json.loads(done.stdout)
    return figures


def run_job(job: str, n_obs: int) -> None:
    """Do one job and print its figures for the process that asked."""
    JOBS[job](study(200))  # imports and first calls are not what is measured
    makers = held(study(n_obs)) if n_obs <= N_LOOP else study(n_obs)
    start, busy = time.perf_counter(), time.process_time()
    found = JOBS[job](makers) or {}
    figures = {
        "seconds": time.perf_counter() - start,
        "cpu": time.process_time() - busy,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(json.dumps(figures | found))


def cells(figures: dict[str, float]) -> str:
    """Seconds, processor seconds and peak memory as cells of a table."""
    return f"{figures['seconds']:.2f} | {figures['cpu']:.2f} | {figures['peak']:.0f}"


def main(largest: int) -> None:
    """Print both tables."""
    found = {job: measure(job, N_LOOP) for job in JOBS}
    for job in ("numpy + scipy", "ours"):
        for name in TESTS:
            expected = found["statsmodels + scipy"][name]
            np.testing.assert_allclose(found[job][name], expected, rtol=1e-7)
    print(f"{N_LOOP:,} observations; the three give the same {len(TESTS)} statistics\n")
    print("| job | seconds | cpu seconds | peak MB | times the loop's speed |")
    print("|---|---|---|---|---|")
    for job, figures in found.items():
        base = "statsmodels fits" if "fits" in job else "statsmodels + scipy"
        ratio = found[base]["seconds"] / figures["seconds"]
        print(f"| {job} | {cells(figures)} | {ratio:.1f} |")
    print(
        "\n| observations, fit and tests | seconds | cpu seconds | peak MB | µs each |"
    )
    print("|---|---|---|---|---|")
    n_obs = 1_000
    while n_obs <= largest:
        figures = measure("ours", n_obs)
        each = 1e6 * figures["seconds"] / n_obs
        print(f"| {n_obs:,} | {cells(figures)} | {each:.0f} |")
        n_obs *= 10


if __name__ == "__main__":
    if sys.argv[1:2] == ["--job"]:
        run_job(sys.argv[2], int(sys.argv[3]))
    else:
        main(int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000)
