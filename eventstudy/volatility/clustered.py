"""Mean log ratios over observations, whose spread across clusters speaks for itself.

Observations whose windows share sessions are one fact told several times: from five
clusters of dates on their means are taken (`cluster`).
"""

from collections.abc import Sequence

import numpy as np
from scipy import special

from eventstudy.core.abnormal import IntArray
from eventstudy.volatility.entries import (
    SHIFTS,
    PoolQuestion,
    ShiftAnswer,
    ShiftEntry,
)

MIN_CLUSTERS = 5


def date_clusters(day0: IntArray, length: int) -> IntArray:
    """Number the clusters of dates whose windows overlap.

    Dates are linked in a chain: A and C are one cluster if both overlap with B.

    Parameters
    ----------
    day0 : ndarray
        Columns of day 0, (E,).
    length : int
        Sessions from the start of the first window to the end of the last.

    Returns
    -------
    ndarray
        The cluster of each observation, (E,), numbered in the order of time.

    Examples
    --------
    >>> date_clusters(np.array([10, 300, 40, 12, 70]), 35)
    array([0, 1, 0, 0, 0])
    """
    dates, code = np.unique(np.asarray(day0, np.int64), return_inverse=True)
    cluster = np.concatenate([[0], np.cumsum(np.diff(dates) >= length)])
    return np.asarray(cluster[code], np.int64)


def csect(ask: PoolQuestion) -> ShiftAnswer:
    """Mean log ratio over its standard error, t(N-1); observations as independent."""
    codes = [np.arange(len(code)) for code in ask.clusters]
    return _by_cluster(ask, codes, least=2)


SHIFTS.register(
    ShiftEntry(
        name="csect",
        meaning="mean log ratio over its standard error across observations",
        null="mean log ratio is zero, observations independent",
        robust_to="differences between observations, not shared dates",
        citation="Boehmer, Musumeci & Poulsen (1991), J. Financial Economics 30",
        of_pool=csect,
        naive="observations as independent of each other",
    )
)


def cluster(ask: PoolQuestion) -> ShiftAnswer:
    """Mean log ratio, variance clustered by `date_clusters`, t(G-1)."""
    return _by_cluster(ask, ask.clusters, least=MIN_CLUSTERS)


SHIFTS.register(
    ShiftEntry(
        name="cluster",
        meaning="mean log ratio over its standard error by cluster of dates",
        null="mean log ratio is zero",
        robust_to="shared and overlapping dates, from five clusters on",
        citation="Liang & Zeger (1986), Biometrika 73",
        of_pool=cluster,
        preference=1,
    )
)


def _by_cluster(
    ask: PoolQuestion, codes: Sequence[IntArray], least: int
) -> ShiftAnswer:
    """Mean over its standard error clustered by codes, t(G-1)."""
    se, df = np.full((2, len(codes)), np.nan)
    why: list[str | None] = [None] * len(codes)
    for pool, (inside, code) in enumerate(zip(ask.pools, codes, strict=True)):
        groups = int(code.max(initial=-1)) + 1
        if groups < least:
            noun = "cluster" if groups == 1 else "clusters"
            why[pool] = f"{groups} {noun} of dates, {least} needed"
            continue
        sums = np.bincount(code, weights=ask.ratio[inside] - ask.mean[pool])
        spread = np.sqrt(groups / (groups - 1.0) * (sums @ sums)) / inside.sum()
        if not spread > 0:
            why[pool] = "the log ratios do not vary across clusters"
            continue
        se[pool], df[pool] = spread, groups - 1.0
    statistic = ask.mean / se
    half = special.stdtrit(df, 0.5 + ask.options.level / 2.0) * se
    return ShiftAnswer(
        statistic=statistic,
        df=df,
        pvalue=2.0 * special.stdtr(df, -np.abs(statistic)),
        ci_low=np.exp(ask.mean - half),
        ci_high=np.exp(ask.mean + half),
        reason=why,
    )
