"""Student's t of the means of clusters of dates."""

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.core.registry import TESTS
from eventstudy.inference.clustered import SAME
from eventstudy.inference.entry import EventTest
from eventstudy.inference.pvalues import (
    ONE_CLUSTER,
    Answer,
    Bounds,
    Options,
    bounds,
    judged,
)
from eventstudy.inference.sample import Sample, group_means, spread


def ibragimov_muller(sample: Sample, options: Options) -> Answer:
    """Student's t of one estimate per cluster of dates, t(G-1).

    The mean effect is estimated in each cluster by itself, each observation counting
    once, and the G estimates are tested as if they were a normal sample. Whatever
    happens within clusters is allowed, and so are clusters of different precision: at
    levels up to 8.3 % estimates of different variances reject less often than those of
    one variance. The clusters must be independent. They are not where many of their
    estimation sessions are shared: six dates whose windows of 21 sessions are left out
    of each other's estimation windows reject about 11 % at 5 %, for which `portfolio`
    and `cluster` have a correction.
    Ibragimov & Müller (2010), J. Business & Economic Statistics 28.
    """
    values = _means(sample)
    s, n = spread(values), values.shape[-1]
    mean = values.mean(axis=-1)
    few, same = (n < 2, ONE_CLUSTER), (s == 0, SAME)
    t = mean * np.sqrt(n) / s
    return judged(mean, t, n - 1, options.alternative, few, same)


def ibragimov_muller_interval(sample: Sample, options: Options, level: float) -> Bounds:
    """Return ``mean ± t(G-1) s/√G`` of the clusters' means."""
    values = _means(sample)
    s, n = spread(values), values.shape[-1]
    se = np.where(s > 0, s, np.nan) / np.sqrt(n)
    return bounds(values.mean(axis=-1), se, n - 1, level)


TESTS.register(
    EventTest(
        name="ibragimov_muller",
        meaning="t of one mean per cluster of dates, of any precision",
        null="H0: E[CAR] = 0",
        citation="Ibragimov & Müller (2010), J. Business & Economic Statistics 28",
        robust_to={
            "event-induced variance",
            "cross-correlation",
            "non-normality",
            "missing data",
        },
        estimand="such dates",
        scale="event",
        min_n=2,
        min_clusters=2,
        estimates_mean=False,
        vectorised=True,
        interval=ibragimov_muller_interval,
        of_sample=ibragimov_muller,
    )
)


def _means(sample: Sample) -> Array:
    """Mean effect of each cluster, (..., G)."""
    return group_means(sample.effect, sample.labels, sample.n_clusters)
