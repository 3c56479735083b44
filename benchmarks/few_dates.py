"""Size and power of tests on few, clustered dates: the tables of docs/few_dates.md.

Run by hand: ``python benchmarks/few_dates.py [replications] [part of a name] [rest]``.
Prints Markdown; with ``rest`` for the tests that are candidates for nothing. All
replications of a design are fitted and tested together, in chunks.
"""

import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Clock, IntArray
from eventstudy.inference import TESTS, Options
from eventstudy.inference.battery import answers_of
from eventstudy.inference.pvalues import tail
from eventstudy.inference.sample import spread
from eventstudy.models import MODELS
from eventstudy.simulation.batch import batch_of, fits_of
from eventstudy.simulation.design import ModelBlock, SimulatedSample, SimulationDesign
from eventstudy.simulation.injected import Injections
from eventstudy.simulation.layout import layout_of
from eventstudy.spec import ModelSetting

EXAMPLE = (0, 3, 16, 23, 24, 92)
GAP = 10  # sessions between the estimation window and day 0
CHUNK = 8_000  # observations fitted at a time
NAMES = (
    *("csect", "bmp", "patell", "kp_patell", "kp_bmp"),
    *("kp_guarded", "kp_guarded_estimation", "rank", "grank_t", "grank_overlap"),
    *("placebo", "permutation", "portfolio", "portfolio_z", "cluster", "cluster_cr3"),
    *("wild_cluster", "sign_flip"),
)
STATES = ("nothing", "variance x 2", "variance / 2", "dates differ", "power")
SMALL = "small spread"


@dataclass(frozen=True, kw_only=True)
class Design:
    """A kind of study.

    own : every date has an asset of its own;  regime : volatility until 45 sessions
    before the first date, as a multiple;  purge : sessions around other dates left out
    """

    name: str
    dates: tuple[int, ...]
    n_assets: int
    rho: float
    half: int = 1
    t: int = 120
    garch: bool = False
    regime: float = 1.0
    model: str = "constant_mean"
    purge: tuple[int, int] | None = (-1, 5)
    own: bool = False


def every(step: int, n: int) -> tuple[int, ...]:
    """Return n dates ``step`` sessions apart."""
    return tuple(step * k for k in range(n))


DESIGNS = (
    Design(name="example", dates=EXAMPLE, n_assets=6, rho=0.55),
    Design(name="example, GARCH", dates=EXAMPLE, n_assets=6, rho=0.55, garch=True),
    Design(
        name="example, calmer before", dates=EXAMPLE, n_assets=6, rho=0.55, regime=1.6
    ),
    Design(
        name="example, wilder before",
        dates=EXAMPLE,
        n_assets=6,
        rho=0.55,
        regime=1 / 1.6,
    ),
    Design(
        name="example, market model",
        dates=EXAMPLE,
        n_assets=6,
        rho=0.55,
        model="market",
    ),
    Design(name="one date", dates=(0,), n_assets=6, rho=0.5),
    Design(
        name="one date, many assets",
        dates=(0,),
        n_assets=30,
        rho=0.3,
        half=0,
        t=250,
        garch=True,
    ),
    Design(name="one date, close assets", dates=(0,), n_assets=15, rho=0.8, t=60),
    Design(name="two observations", dates=(0,), n_assets=2, rho=0.5),
    Design(name="three observations", dates=(0,), n_assets=3, rho=0.5, garch=True),
    Design(name="two clusters", dates=(0, 60), n_assets=5, rho=0.7, t=60),
    Design(
        name="three clusters", dates=(0, 40, 41, 100), n_assets=3, rho=0.4, garch=True
    ),
    Design(
        name="five clusters, long window",
        dates=(0, 30, 60, 61, 95, 140),
        n_assets=10,
        rho=0.2,
        half=5,
    ),
    Design(name="eight clusters", dates=every(20, 8), n_assets=3, rho=0.8, t=250),
    Design(
        name="fifteen clusters", dates=every(15, 15), n_assets=4, rho=0.5, garch=True
    ),
    Design(
        name="far apart, one asset each",
        dates=every(12, 12),
        n_assets=12,
        rho=0.5,
        garch=True,
        own=True,
    ),
    Design(
        name="six apart, own assets", dates=every(30, 6), n_assets=6, rho=0.5, own=True
    ),
    Design(
        name="shared estimation, purged",
        dates=every(25, 6),
        n_assets=6,
        rho=0.7,
        half=10,
        purge=(-10, 10),
    ),
    Design(name="shared estimation", dates=every(25, 6), n_assets=6, rho=0.7, half=10),
    Design(
        name="shared estimation, kept",
        dates=every(25, 6),
        n_assets=6,
        rho=0.7,
        half=10,
        purge=None,
    ),
)


def shocks(rng: np.random.Generator, shape: tuple[int, ...], *, garch: bool) -> Array:
    """Return disturbances of variance 1 on the last axis' sessions."""
    if not garch:
        return rng.standard_normal(shape)
    burn = 100
    e = rng.standard_t(4, (shape[-1] + burn, *shape[:-1])) / np.sqrt(2.0)
    h = np.ones(shape[:-1])
    for step in e:
        shock = step * np.sqrt(h)
        step[...] = shock
        h = 0.02 + 0.08 * shock**2 + 0.90 * h
    return np.moveaxis(e[burn:], 0, -1)


@dataclass(frozen=True, kw_only=True)
class Study:
    """A design laid out on a calendar; arrays are (N,) or (N, T+L)."""

    design: Design
    at: IntArray
    keep: BoolArray
    asset: IntArray
    clock: IntArray
    clocks: Clock
    n_days: int


def lay_out(design: Design) -> Study:
    """Place the observations on the calendar, whose first session is day 0."""
    half, t, dates = design.half, design.t, np.array(design.dates)
    offsets = np.r_[-GAP - t : -GAP, -half : half + 1]
    first = GAP + t
    days = first + dates[:, None] + offsets
    n = design.n_assets
    if design.own:
        asset, clock = np.arange(n), np.arange(n)
    else:
        asset = np.tile(np.arange(n), len(dates))
        clock = np.repeat(np.arange(len(dates)), n)
    keep = np.ones((len(asset), len(offsets)), np.bool_)
    if design.purge is not None and not design.own:
        low, high = design.purge
        for other in dates:
            apart = days[:, :t] - first - other
            near = (apart >= low) & (apart <= high)
            near[dates == other] = False
            keep[:, :t] &= ~near[clock]
    return Study(
        design=design,
        at=days[clock],
        keep=keep,
        asset=asset,
        clock=clock,
        clocks=Clock(estimation=days[:, :t], event=days[:, t:]),
        n_days=int(days.max()) + 1,
    )


def fit(study: Study, rng: np.random.Generator, n_paths: int) -> Abnormal:
    """Draw returns and fit every observation of every replication."""
    d, n_days = study.design, study.n_days
    n_assets = d.n_assets
    common = shocks(rng, (n_paths, 1, n_days), garch=d.garch)
    own = shocks(rng, (n_paths, n_assets, n_days), garch=d.garch)
    y = np.sqrt(d.rho) * common + np.sqrt(1.0 - d.rho) * own
    y[..., : GAP + d.t - 45] *= d.regime
    y *= np.linspace(0.8, 1.5, n_assets)[:, None]
    rows = y[:, study.asset[:, None], study.at]
    rows[:, ~study.keep] = np.nan
    x = None
    if d.model == "market":
        market = rng.standard_normal((n_paths, n_days))
        x = market[:, study.at]
        rows = rows + x
        x = x.reshape(-1, x.shape[2])

    def repeated(values: IntArray) -> IntArray:
        return np.tile(values, n_paths)

    return MODELS.entry(d.model)(
        rows.reshape(-1, rows.shape[2]),
        x,
        n_estimation=d.t,
        asset=repeated(study.asset),
        clock=repeated(study.clock),
        clocks=study.clocks,
        first_offset=-d.half,
    )


def simulated(study: Study) -> tuple[SimulationDesign, SimulatedSample]:
    """Return the design as the package's simulation knows it."""
    n = len(study.asset)
    part = ModelBlock(
        setting=ModelSetting(model="constant_mean"),
        group=("all",) * n,
        at=study.at,
        keep=study.keep,
        span=np.ones(study.keep.shape),
        base=np.zeros(n, np.int64),
        growth=np.empty(0),
        factor_growth=np.empty((0, 0)),
        asset=study.asset,
        clock=study.clock,
        clocks=study.clocks,
        n_estimation=study.design.t,
        first_offset=-study.design.half,
        window=(-study.design.half, study.design.half),
    )
    cell = SimulatedSample(model="m", group="all", members=((0, np.arange(n)),))
    whole = SimulationDesign(
        calendar="",
        parts=(part,),
        cells=(cell,),
        pool=np.arange(1),
        block=1.0,
        path=1,
        first_date=0,
    )
    return whole, cell


def the_rest() -> tuple[str, ...]:
    """Return the other tests of samples; `ball_torous` needs 20 dates."""
    names = [n for n, entry in TESTS.items() if entry.level == "sample"]
    return tuple(n for n in names if n not in (*NAMES, "ball_torous"))


def pvalues(
    study: Study, replications: int, names: tuple[str, ...]
) -> Iterator[tuple[str, str, Array]]:
    """Yield p-values by state and test, chunk by chunk."""
    rng = np.random.default_rng(20_210_521)
    half = study.design.half
    window = (-half, half)
    whole, cell = simulated(study)
    layout = layout_of(whole, cell, window)
    needs = frozenset().union(*(TESTS[name].needs for name in names))
    needs = needs | {"correlation"}
    step = max(1, CHUNK // len(study.asset))
    for first in range(0, replications, step):
        n_paths = min(step, replications - first)
        fits = fits_of(fit(study, rng, n_paths), n_paths, window)
        batch = batch_of([fits], cell, layout)
        injections = Injections(batch=batch, needs=needs)
        size = batch.se.mean()
        by_cluster = rng.standard_normal((n_paths, layout.n_clusters))
        rbar = np.nan_to_num(batch.rbar.mean()) if layout.n > 1 else 0.0
        error = np.sqrt((1.0 + (layout.n - 1) * rbar) / layout.n)
        for state in STATES:
            effect: Array | float = 0.0
            if state == "dates differ":
                effect = size * by_cluster[:, layout.cluster]
            elif state == "power":
                effect = -2.5 * error * size
            variance = {"variance x 2": 2.0, "variance / 2": 0.5}.get(state, 1.0)
            sample = injections.sample(effect, variance)
            expected = (sample.df / (sample.df - 2)).mean(axis=-1)
            multiple = spread(sample.scar) ** 2 / (1.0 - sample.rbar) / expected
            for name in names:
                p = answers_of(TESTS[name], sample, OPTIONS)[1]
                yield state, name, p
                if state == "nothing":
                    yield SMALL, name, p[multiple < 0.4]
            bmp = answers_of(TESTS["kp_bmp"], sample, OPTIONS)[0]
            yield state, "kp_bmp, t(N-1)", tail(bmp, layout.n - 1.0, "two-sided")


OPTIONS = Options(n_draws=999)


def table(study: Study, replications: int, names: tuple[str, ...]) -> list[str]:
    """Return the lines of a design's table, rates in per cent."""
    found: dict[tuple[str, str], list[Array]] = {}
    for state, name, p in pvalues(study, replications, names):
        found.setdefault((name, state), []).append(p)
    rate = {}
    for key, parts in found.items():
        p = np.concatenate(parts)
        p = p[np.isfinite(p)]
        enough = len(p) >= (100 if key[1] == SMALL else 1)
        levels = (0.05, 0.01, 0.005) if enough else ()
        rate[key] = [100.0 * (p <= level).mean() for level in levels]
    lines = [f"| {' | '.join(('test', *STATES, SMALL, '1 %', '0.5 %'))} |"]
    lines.append("|---|" + "---:|" * (len(STATES) + 3))
    for name in dict.fromkeys(name for name, _ in found):
        by_state = [rate[name, state] for state in STATES]
        if not by_state[0]:
            continue
        cells = [f"{r[0]:.1f}" for r in by_state]
        small = rate.get((name, SMALL))
        cells.append(f"{small[0]:.1f}" if small else "")
        cells += [f"{by_state[0][1]:.1f}", f"{by_state[0][2]:.1f}"]
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return lines


def main() -> None:
    """Print a table for every design."""
    replications = int(sys.argv[1]) if len(sys.argv) > 1 else 4000
    wanted = sys.argv[2] if len(sys.argv) > 2 else ""
    names = the_rest() if "rest" in sys.argv[3:] else NAMES
    for design in DESIGNS:
        if wanted not in design.name:
            continue
        start = time.perf_counter()
        lines = table(lay_out(design), replications, names)
        print(f"\n### {design.name}\n")
        print("\n".join(lines), flush=True)
        print(f"{time.perf_counter() - start:.0f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
