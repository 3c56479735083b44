"""Randomisation tests: exchange of sessions, exchange of signs."""

import numpy as np

from eventstudy.core.registry import TESTS
from eventstudy.inference.entry import BY_SESSION, EventTest
from eventstudy.inference.pvalues import (
    BUDGET,
    Answer,
    Options,
    answered,
    exceedance,
    refused,
)
from eventstudy.inference.sample import Sample, group_sums

# With fewer sessions in all no p-value below 5 % is possible.
MIN_SESSIONS = 20
# Up to here all 2^G assignments of signs are enumerated.
MAX_ENUMERATED = 12


def permutation(sample: Sample, options: Options) -> Answer:
    """Exchange of sessions: the window's mean SAR among random sets of sessions.

    Under the null the sessions of estimation window and window are exchangeable. All
    assets keep their session, so cross-correlation on a shared date is respected;
    errors that hang together over time are not. ``Σ_τ Σ_i SAR / sqrt(N_τ L)`` against
    B random choices of L sessions, ``p = (1 + #) / (1 + B)``.
    Nguyen & Wolf (2023), A note on testing AR and CAR for event studies, University
    of Zurich.
    """
    count = sample.sums["session_count"]
    there = count > 0
    mean = np.where(there, sample.sums["session"] / np.sqrt(count), 0.0)
    first = sample.n_estimation_sessions
    event = mean[..., first:][..., sample.columns]
    inside = event[..., there[first:][sample.columns]]
    pool = np.concatenate([mean[..., :first][..., there[:first]], inside], axis=-1)
    n, held = inside.shape[-1], pool.shape[-1]
    if held < MIN_SESSIONS or n == held:
        return refused(sample.mean, f"fewer than {MIN_SESSIONS} sessions to exchange")
    rng = np.random.default_rng(options.seed)
    keys = rng.random((options.n_draws, held))
    chosen = np.argpartition(keys, n - 1, axis=1)[:, :n]
    draws = pool[..., chosen].sum(axis=-1) / np.sqrt(n)
    observed = inside.sum(axis=-1) / np.sqrt(n)
    p = exceedance(draws, observed, options.alternative)
    return answered(sample.mean, observed, p, np.inf)


TESTS.register(
    EventTest(
        name="permutation",
        meaning="the window's mean SAR among random sets of sessions",
        null="H0: sessions are exchangeable",
        citation="Nguyen & Wolf (2023), University of Zurich",
        robust_to={"cross-correlation", "missing data"},
        scale="estimation window",
        resampled=True,
        outcomes=BY_SESSION,
        needs={"sessions"},
        vectorised=True,
        of_sample=permutation,
    )
)


def sign_flip(sample: Sample, options: Options) -> Answer:
    """Exchange of signs by cluster of dates: exact for symmetric cluster effects.

    The sum of effects over clusters of dates, each cluster's sum with a random sign;
    up to 12 clusters all assignments are enumerated. Statistic: the sum over its root
    sum of squares. With five clusters no p-value is below 1/16, so six are needed.
    Fisher (1935); Canay, Romano & Shaikh (2017), Econometrica 85, for clusters.
    """
    g = sample.n_clusters
    total = group_sums(sample.effect, sample.labels, g)
    size = np.sqrt((total**2).sum(axis=-1))
    if g <= MAX_ENUMERATED:
        signs = 1.0 - 2.0 * (np.arange(1, 2**g)[:, None] >> np.arange(g) & 1)
        draws = total @ signs.T
    else:
        rng = np.random.default_rng(options.seed)
        step = max(1, BUDGET // g)
        draws = np.concatenate(
            [
                total
                @ (
                    2.0 * rng.integers(0, 2, (min(step, options.n_draws - i), g)) - 1.0
                ).T
                for i in range(0, options.n_draws, step)
            ],
            axis=-1,
        )
    # Rounding must not decide between an assignment and its equal.
    draws = np.round(draws / size[..., None], 12)
    observed = np.round(total.sum(axis=-1) / size, 12)
    p = exceedance(draws, observed, options.alternative)
    return answered(
        sample.mean, observed, p, np.inf, (~(size > 0), "all effects are zero")
    )


TESTS.register(
    EventTest(
        name="sign_flip",
        meaning="signs exchanged by cluster of dates",
        null="H0: cluster effects symmetric about 0",
        citation="Fisher (1935); Canay, Romano & Shaikh (2017), Econometrica 85",
        robust_to={"event-induced variance", "cross-correlation", "missing data"},
        estimand="such dates",
        scale="event",
        resampled=True,
        min_n=6,
        min_clusters=6,
        vectorised=True,
        of_sample=sign_flip,
    )
)
