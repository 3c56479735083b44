"""Randomisation tests: exchange of sessions, exchange of signs."""

import numpy as np

from eventstudy.inference.clustered import few_clusters
from eventstudy.inference.pvalues import Answer, Options, exceedance, refused
from eventstudy.inference.sample import Sample

# With fewer sessions in all no p-value below 5 % is possible.
MIN_SESSIONS = 20
# Up to here all 2^G assignments of signs are enumerated.
MAX_ENUMERATED = 12
_BUDGET = 20_000_000


def permutation(sample: Sample, options: Options) -> Answer:
    """Exchange of sessions: the window's mean SAR among random sets of sessions.

    Under the null the sessions of estimation window and window are exchangeable. All
    assets keep their session, so cross-correlation on a shared date is respected;
    errors that hang together over time are not. ``Σ_τ Σ_i SAR / sqrt(N_τ L)`` against
    B random choices of L sessions, ``p = (1 + #) / (1 + B)``.
    Nguyen & Wolf (2023), A note on testing AR and CAR for event studies, University
    of Zurich.
    """
    if (refusal := sample.lacks(1, sessions=True)) is not None:
        return refusal
    count = sample.sums["session_count"]
    total = sample.sums["session"]
    there = count > 0
    mean = np.divide(total, np.sqrt(count), out=np.zeros_like(total), where=there)
    first = sample.n_estimation_sessions
    start, stop = first + sample.columns.start, first + sample.columns.stop
    inside = mean[start:stop][there[start:stop]]
    pool = np.concatenate([mean[:first][there[:first]], inside])
    if len(pool) < MIN_SESSIONS or len(inside) == len(pool):
        return refused(sample.mean, f"fewer than {MIN_SESSIONS} sessions to exchange")
    rng = np.random.default_rng(options.seed)
    keys = rng.random((options.n_draws, len(pool)))
    chosen = np.argpartition(keys, len(inside) - 1, axis=1)[:, : len(inside)]
    draws = pool[chosen].sum(axis=1) / np.sqrt(len(inside))
    observed = float(inside.sum() / np.sqrt(len(inside)))
    return Answer(
        estimate=sample.mean,
        statistic=observed,
        pvalue=exceedance(draws, observed, options.alternative),
        df=np.inf,
    )


def sign_flip(sample: Sample, options: Options) -> Answer:
    """Exchange of signs by cluster of dates: exact for symmetric cluster effects.

    The sum of effects over clusters of dates, each cluster's sum with a random sign;
    up to 12 clusters all assignments are enumerated. Statistic: the sum over its root
    sum of squares.
    Fisher (1935); Canay, Romano & Shaikh (2017), Econometrica 85, for clusters.
    """
    if (refusal := few_clusters(sample)) is not None:
        return refusal
    total = np.bincount(sample.labels, sample.effect)
    g, size = len(total), float(np.sqrt((total**2).sum()))
    if not size > 0:
        return refused(sample.mean, "all effects are zero")
    if g <= MAX_ENUMERATED:
        signs = 1.0 - 2.0 * (np.arange(1, 2**g)[:, None] >> np.arange(g) & 1)
        draws = signs @ total
    else:
        rng = np.random.default_rng(options.seed)
        step = max(1, _BUDGET // g)
        draws = np.concatenate(
            [
                (2.0 * rng.integers(0, 2, (min(step, options.n_draws - i), g)) - 1.0)
                @ total
                for i in range(0, options.n_draws, step)
            ]
        )
    # Rounding must not decide between an assignment and its equal.
    draws = np.round(draws / size, 12)
    observed = round(float(total.sum()) / size, 12)
    return Answer(
        estimate=sample.mean,
        statistic=observed,
        pvalue=exceedance(draws, observed, options.alternative),
        df=np.inf,
    )
