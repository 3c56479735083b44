"""Speed of the volatility core beside a loop of the arch package.

Run by hand: ``OPENBLAS_NUM_THREADS=1 python benchmarks/volatility.py`` (about six
minutes; ``--quick`` leaves the 2,000 series out), with numba installed for the compiled
likelihood, which a first fit loads and does not count. Both sides fit the same
simulated series, one after the other in the same process; times are processor seconds,
so that other work on the machine does not count.
"""

import sys
import time
from collections.abc import Callable

import numpy as np
from arch import arch_model

from eventstudy.core.abnormal import Array
from eventstudy.garch import fit
from eventstudy.volatility import cut, variance_ratio

MODELS = (("garch", "normal"), ("garch", "t"), ("gjr", "normal"), ("egarch", "normal"))


def simulate(rows: int, sessions: int, seed: int = 0) -> Array:
    """GARCH(1,1) returns in percent with t(8) shocks."""
    rng = np.random.default_rng(seed)
    h, out = np.ones(rows), np.empty((rows, sessions + 200))
    for t in range(sessions + 200):
        out[:, t] = np.sqrt(h) * rng.standard_t(8, size=rows) * np.sqrt(6 / 8)
        h = 0.03 + 0.08 * out[:, t] ** 2 + 0.89 * h
    return 2.0 * out[:, 200:]


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def garch_against_arch(rows: int, kind: str, dist: str) -> None:
    """Print both times, their ratio and the largest differences."""
    y = simulate(rows, 500)
    fit(y[:100], kind=kind, dist=dist)
    ours = []
    took = seconds(lambda: ours.append(fit(y, kind=kind, dist=dist)))
    vol = "EGARCH" if kind == "egarch" else "GARCH"
    theirs: list[float] = []
    paths: list[tuple[Array, Array]] = []

    def loop() -> None:
        for row in y:
            model = arch_model(
                row, vol=vol, o=int(kind != "garch"), dist=dist, rescale=False
            )
            found = model.fit(disp="off", show_warning=False)
            theirs.append(found.loglikelihood)
            paths.append((found.params.to_numpy(), found.std_resid))

    loop_took = seconds(loop)
    gap = ours[0].loglik - np.array(theirs)
    speed = (
        f"ours {took:7.2f} s  arch {loop_took:7.2f} s  ratio {loop_took / took:5.1f}"
    )
    lower, higher = np.mean(gap < -1e-4), np.mean(gap > 1e-4)
    least = ""
    if kind == "egarch":  # some of theirs do not forget: see eventstudy.garch.transform
        steady = np.array([leaves(*path) < 0.0 for path in paths])
        least = f" ({np.mean((gap < -1e-4) & steady):.3f} than paths that forget)"
    print(
        f"{kind:7} {dist:7} {rows:5} series  {speed}"
        f"  converged {ours[0].converged.mean():.3f}"
        f"  log-likelihood lower {lower:.3f}{least}, higher {higher:.3f}"
    )


def leaves(params: Array, z: Array) -> float:
    """Logarithm of what a path of EGARCH leaves of a change of its start."""
    _, _, alpha, gamma, beta, *_ = params
    with np.errstate(all="ignore"):
        left = beta - 0.5 * (alpha * np.abs(z[:-1]) + gamma * z[:-1])
        return float(np.log(np.abs(left)).sum())


def ratios(rows: int) -> None:
    """Print the time of all variance ratio tests."""
    w = cut(simulate(rows, 641, seed=1), 610)
    took = seconds(lambda: variance_ratio(w.pre, w.post, history=w.history, gap=w.gap))
    print(f"variance_ratio, five tests, {rows} observations: {took:.2f} s")


def main() -> None:
    """Run everything."""
    sizes = (100,) if "--quick" in sys.argv else (100, 2000)
    for rows in sizes:
        for kind, dist in MODELS:
            garch_against_arch(rows, kind, dist)
    ratios(2000)


if __name__ == "__main__":
    main()
