"""The mean log ratio of volatility over observations that share dates and news.

Observations whose windows share sessions are one fact told several times. With five or
more clusters of dates their means speak for themselves (`cluster`); with fewer, whole
calendar dates of the assets' histories are resampled or shifted together, so that the
correlation across assets and the overlap of windows stay as they are.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from eventstudy.errors import SpecError, unknown_name
from eventstudy.results import Array, IntArray
from eventstudy.volatility.laws import (
    MIN_PSEUDO_DATES,
    joint_bootstrap_law,
    joint_placebo_law,
    judge,
    log_ratio,
    placebo_law,
)
from eventstudy.volatility.shift import (
    ShiftResult,
    Spread,
    needed,
    spread_named,
    spread_of,
)

POOLED_TESTS = ("csect", "cluster", "bootstrap", "placebo")
MIN_CLUSTERS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answer:
    """Statistic, degrees of freedom, p and half width of the log ratio's interval."""

    statistic: float = np.nan
    df: float = np.nan
    pvalue: float = np.nan
    half: float = np.nan
    reason: str | None = None


def date_clusters(day0: IntArray, length: int) -> IntArray:
    """Number the clusters of dates whose windows of ``length`` sessions overlap, (E,).

    Dates are linked in a chain: A and C are one cluster if both overlap with B.

    >>> date_clusters(np.array([10, 300, 40, 12, 70]), 35)
    array([0, 1, 0, 0, 0])
    """
    dates, code = np.unique(np.asarray(day0, np.int64), return_inverse=True)
    cluster = np.concatenate([[0], np.cumsum(np.diff(dates) >= length)])
    return np.asarray(cluster[code], np.int64)


def pooled_ratio(
    pre: Array,
    post: Array,
    *,
    day0: IntArray,
    history: Array | None = None,
    gap: int = 0,
    tests: Sequence[str] = POOLED_TESTS,
    spread: str | Spread = "sd",
    measure: str = "return",
    level: float = 0.95,
    reps: int = 1999,
    seed: int = 0,
) -> tuple[ShiftResult, ...]:
    """Mean over observations of the log ratio post / pre, one result per test.

    pre : (E, P), post : (E, Q) windows;  day0 : (E,) columns of one calendar that all
    observations share;  history : (E, S) on that calendar, nan = missing or excluded
    (see `cut`). The estimate is ``exp(mean log ratio)``; observations without a ratio
    are left out and not counted in ``n``.

    - ``csect`` : t(N-1) across observations; naive, it takes them for independent
    - ``cluster`` : variance clustered by `date_clusters`, t(G-1), from 5 clusters on
    - ``bootstrap`` : stationary bootstrap of whole dates of the histories, the law of
      the mean log ratio under no event; symmetric interval
    - ``placebo`` : all dates moved by the same number of sessions, at every number
      for which four fifths of the observations have an admissible pseudo-date

    Raises `SpecError` for unknown tests and for shapes that do not fit.

    >>> rng = np.random.default_rng(0)
    >>> pre, post = rng.normal(size=(6, 50)), 2 * rng.normal(size=(6, 31))
    >>> days = np.array([100, 300, 500, 700, 900, 1100])
    >>> (r,) = pooled_ratio(pre, post, day0=days, tests=("cluster",))
    >>> r.ratio.round(2), r.n_clusters
    (array([1.96]), array([6]))
    """
    pre, post = (np.atleast_2d(np.asarray(w, np.float64)) for w in (pre, post))
    dates = np.asarray(day0, np.int64)
    kind = spread if isinstance(spread, Spread) else spread_named(spread)
    _check(pre, post, dates, history, tests)
    s_pre, n_pre = spread_of(kind, pre)
    s_post, n_post = spread_of(kind, post)
    enough = (n_pre >= needed(pre.shape[1])) & (n_post >= needed(post.shape[1]))
    ratio = np.where(enough, log_ratio(s_pre, s_post), np.nan)
    used = np.isfinite(ratio)
    lengths = pre.shape[1], gap, post.shape[1]
    cluster = date_clusters(dates[used], sum(lengths))
    past = None if history is None else np.asarray(history, np.float64)[used]
    mean = float(ratio[used].mean()) if used.any() else np.nan
    results = []
    for test in tests:
        if not used.any():
            answer = _Answer(reason="no observation has a ratio")
        elif test == "csect":
            answer = _by_cluster(ratio[used], np.arange(used.sum()), level, least=2)
        elif test == "cluster":
            answer = _by_cluster(ratio[used], cluster, level, least=MIN_CLUSTERS)
        elif past is None:
            answer = _Answer(reason="no history on a shared calendar was given")
        elif test == "bootstrap":
            law = joint_bootstrap_law(
                kind, past, dates[used], *lengths, reps=reps, seed=seed
            )
            answer = _against(mean, law, level, reps // 2, "complete resamples")
        else:
            start = dates[used] - lengths[0] - gap
            law = joint_placebo_law(placebo_law(kind, past, *lengths), start)
            answer = _against(mean, law, level, MIN_PSEUDO_DATES, "joint pseudo-dates")
        results.append(
            ShiftResult(
                measure=measure,
                test=test,
                pre=_geometric_mean(s_pre[used]),
                post=_geometric_mean(s_post[used]),
                ratio=np.exp([mean]),
                ci_low=np.exp([mean - answer.half]),
                ci_high=np.exp([mean + answer.half]),
                statistic=np.array([answer.statistic]),
                df_num=np.array([np.nan]),
                df=np.array([answer.df]),
                pvalue=np.array([answer.pvalue]),
                n_pre=np.array([n_pre[used].sum()]),
                n_post=np.array([n_post[used].sum()]),
                n=np.array([used.sum()]),
                n_clusters=np.array([len(np.unique(cluster))]),
                reason=(answer.reason,),
            )
        )
    return tuple(results)


def _check(
    pre: Array,
    post: Array,
    day0: IntArray,
    history: Array | None,
    tests: Sequence[str],
) -> None:
    for test in tests:
        if test not in POOLED_TESTS:
            raise unknown_name("pooled variance test", test, POOLED_TESTS)
    held = {len(pre), len(post), len(day0)} | (
        {len(history)} if history is not None else set()
    )
    if len(held) > 1:
        raise SpecError(
            f"pre, post, day0 and history have {sorted(held)} rows: one row per "
            "observation is wanted in each"
        )


def _by_cluster(ratio: Array, cluster: IntArray, level: float, least: int) -> _Answer:
    """Mean over its standard error clustered by codes, t(G-1)."""
    _, code = np.unique(cluster, return_inverse=True)
    groups = int(code.max()) + 1
    if groups < least:
        noun = "cluster" if groups == 1 else "clusters"
        return _Answer(reason=f"{groups} {noun} of dates, {least} needed")
    mean = ratio.mean()
    sums = np.bincount(code, weights=ratio - mean)
    se = np.sqrt(groups / (groups - 1.0) * (sums @ sums)) / len(ratio)
    if not se > 0:
        return _Answer(reason="the log ratios do not vary across clusters")
    statistic = mean / se
    df = groups - 1.0
    return _Answer(
        statistic=statistic,
        df=df,
        pvalue=2.0 * float(special.stdtr(df, -abs(statistic))),
        half=float(special.stdtrit(df, 0.5 + level / 2.0)) * se,
    )


def _against(mean: float, law: Array, level: float, least: int, what: str) -> _Answer:
    pvalue, half, sd, count = judge(np.array([mean]), law[None, :], level)
    if count[0] < least:
        return _Answer(reason=f"{count[0]} {what}, {least} needed")
    return _Answer(
        statistic=mean / float(sd[0]),
        df=np.inf,
        pvalue=float(pvalue[0]),
        half=float(half[0]),
    )


def _geometric_mean(values: Array) -> Array:
    return np.exp([np.log(values).mean()]) if len(values) else np.array([np.nan])
