"""Speed of synthetic weights beside scipy's least squares without a sign, one by one.

Run by hand: ``python benchmarks/synthetic.py`` (half a minute). Events of a few dates
choose among 500 donors by 120 sessions. Both sides solve the same problems in turn, in
the same process; times are processor seconds, so that other work on the machine does
not count.
"""

import time
from collections.abc import Callable

import numpy as np
from scipy.optimize import nnls

from eventstudy.core.abnormal import Array
from eventstudy.core.threads import OneThread
from eventstudy.models.simplex import simplex_weights

SESSIONS, DONORS, TURNS = 120, 500, 5
DATES = ((200, 1), (200, 20), (2000, 4))
ONE_BY_ONE = 20


def simulate(events: int, dates: int) -> tuple[Array, Array, Array]:
    """Returns of events and of donors on a market, and the date of each event."""
    rng = np.random.default_rng(0)
    market = 0.01 * rng.standard_normal((dates, SESSIONS))
    donors = market[:, :, None] * rng.uniform(0.5, 1.5, (dates, 1, DONORS))
    donors += 0.02 * rng.standard_normal(donors.shape)
    which = np.arange(events) % dates
    y = market[which] * rng.uniform(0.5, 1.5, (events, 1))
    return y + 0.02 * rng.standard_normal(y.shape), donors, which


def seconds(work: Callable[[], object]) -> float:
    """Processor seconds of one call."""
    start = time.process_time()
    work()
    return time.process_time() - start


def one_by_one(y: Array, donors: Array, ridge: float) -> Array:
    """Weights of one event: the least point of the hull of the donors less y."""
    hull = np.vstack([donors - y[:, None], np.sqrt(ridge) * np.eye(DONORS)])
    scale = np.abs(hull).max()
    held = np.vstack([hull / scale, np.ones(DONORS)])
    found, _ = nnls(held, np.append(np.zeros(len(hull)), 1.0), maxiter=10_000)
    return np.asarray(found / found.sum(), np.float64)


def compare(events: int, dates: int) -> None:
    """Print both times for an event, their ratio and the largest difference."""
    y, donors, which = simulate(events, dates)
    ridge = 1e-8 * (donors**2).sum(axis=(1, 2))[which] / DONORS
    ours: list[Array] = []

    def batched() -> None:
        ours.append(
            simplex_weights(
                y,
                donors,
                which=which,
                allowed=np.ones((events, DONORS), np.bool_),
                rows=np.ones((events, SESSIONS), np.bool_),
                ridge=ridge,
            )
        )

    theirs: list[Array] = []

    def loop() -> None:
        theirs[:] = [
            one_by_one(y[i], donors[which[i]], ridge[i]) for i in range(ONE_BY_ONE)
        ]

    turns = [(seconds(batched), seconds(loop)) for _ in range(TURNS)]
    batch, single = (min(column) for column in zip(*turns, strict=True))
    batch, single = 1e3 * batch / events, 1e3 * single / ONE_BY_ONE
    gap = np.abs(ours[-1][:ONE_BY_ONE] - np.array(theirs)).max()
    print(
        f"{events} events of {dates} dates: {batch:.2f} ms an event, scipy "
        f"{single:.1f} ms, ratio {single / batch:.0f}, largest difference {gap:.0e}"
    )


if __name__ == "__main__":
    with OneThread():
        for events, dates in DATES:
            compare(events, dates)
