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

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.volatility.null_distributions import (
    MIN_PSEUDO_DATES,
    joint_bootstrap_law,
    joint_placebo_law,
    judge,
    log_ratio,
    placebo_law,
)
from eventstudy.volatility.spread import (
    ShiftResult,
    Spread,
    needed,
    spread_named,
    spread_of,
)

POOLED_TESTS = ("csect", "cluster", "bootstrap", "placebo")
MIN_CLUSTERS = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class _Answers:
    """What a test says of G pools, all (G,).

    half : half width of the log ratio's interval
    """

    statistic: Array
    df: Array
    pvalue: Array
    half: Array
    reason: tuple[str | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What `pooled_ratio` was asked, of the E observations that have a ratio.

    ratio, start : (E,) log ratio, column of the first session of the pre window
    cluster : (E,) cluster of dates;  history : (E, S);  lengths : pre, gap, post
    pools : (G, E);  mean : (G,) mean log ratios
    """

    ratio: Array
    start: IntArray
    history: Array | None
    lengths: tuple[int, int, int]
    pools: BoolArray
    mean: Array
    spread: Spread
    level: float
    reps: int
    seed: int


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
    pools: BoolArray | None = None,
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
    (see `cut`);  pools : (G, E) members of each pool, None: all are one pool. The
    estimate is ``exp(mean log ratio)``; observations without a ratio are left out and
    not counted in ``n``.

    - ``csect`` : t(N-1) across observations; naive, it takes them for independent
    - ``cluster`` : variance clustered by `date_clusters`, t(G-1), from 5 clusters on
    - ``bootstrap`` : stationary bootstrap of whole dates of the histories, the law of
      the mean log ratio under no event; symmetric interval. All pools are judged on
      the same resamples
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
    member = np.ones((1, len(pre)), np.bool_) if pools is None else np.asarray(pools)
    _check(pre, post, dates, history, member, tests)
    s_pre, n_pre = spread_of(kind, pre)
    s_post, n_post = spread_of(kind, post)
    enough = (n_pre >= needed(pre.shape[1])) & (n_post >= needed(post.shape[1]))
    ratio = np.where(enough, log_ratio(s_pre, s_post), np.nan)
    used = np.isfinite(ratio)
    pools = member[:, used]
    weight = pools.astype(np.float64)
    n = pools.sum(axis=1)
    lengths = pre.shape[1], gap, post.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        ask = _Question(
            ratio=ratio[used],
            start=dates[used] - lengths[0] - gap,
            history=None if history is None else np.asarray(history, np.float64)[used],
            lengths=lengths,
            pools=pools,
            mean=weight @ ratio[used] / n,
            spread=kind,
            level=level,
            reps=reps,
            seed=seed,
        )
        sizes = [np.exp(weight @ np.log(s[used]) / n) for s in (s_pre, s_post)]
    clusters = [date_clusters(dates[used][inside], sum(lengths)) for inside in pools]
    found = [_answers(test, ask, clusters) for test in tests]
    return tuple(
        ShiftResult(
            measure=measure,
            test=test,
            pre=sizes[0],
            post=sizes[1],
            ratio=np.exp(ask.mean),
            ci_low=np.exp(ask.mean - answer.half),
            ci_high=np.exp(ask.mean + answer.half),
            statistic=answer.statistic,
            df_num=np.full(len(n), np.nan),
            df=answer.df,
            pvalue=answer.pvalue,
            n_pre=pools @ n_pre[used],
            n_post=pools @ n_post[used],
            n=n,
            n_clusters=np.array([len(np.unique(code)) for code in clusters]),
            reason=answer.reason,
        )
        for test, answer in zip(tests, found, strict=True)
    )


def _check(
    pre: Array,
    post: Array,
    day0: IntArray,
    history: Array | None,
    pools: BoolArray,
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
    if pools.ndim != 2 or pools.shape[1] != len(pre) or pools.dtype != np.bool_:
        raise SpecError(
            f"pools is an array of {pools.dtype} of shape {pools.shape}; wanted: one "
            f"row per pool and {len(pre)} columns that say who belongs to it"
        )


def _answers(test: str, ask: _Question, clusters: Sequence[IntArray]) -> _Answers:
    if test == "csect":
        codes = [np.arange(len(code)) for code in clusters]
        return _by_cluster(ask, codes, least=2)
    if test == "cluster":
        return _by_cluster(ask, clusters, least=MIN_CLUSTERS)
    if ask.history is None or not len(ask.ratio):
        return _nothing(ask, "no history on a shared calendar was given")
    if test == "bootstrap":
        law = joint_bootstrap_law(
            ask.spread,
            ask.history,
            ask.start,
            *ask.lengths,
            pools=ask.pools,
            reps=ask.reps,
            seed=ask.seed,
        )
        return _against(ask, law, ask.reps // 2, "complete resamples")
    own = placebo_law(ask.spread, ask.history, *ask.lengths)
    law = joint_placebo_law(own, ask.start, ask.pools)
    return _against(ask, law, MIN_PSEUDO_DATES, "joint pseudo-dates")


def _by_cluster(ask: _Question, codes: Sequence[IntArray], least: int) -> _Answers:
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
    return _Answers(
        statistic=statistic,
        df=df,
        pvalue=2.0 * special.stdtr(df, -np.abs(statistic)),
        half=special.stdtrit(df, 0.5 + ask.level / 2.0) * se,
        reason=_reasons(ask, why),
    )


def _against(ask: _Question, law: Array, least: int, what: str) -> _Answers:
    pvalue, half, sd, count = judge(ask.mean, law, ask.level)
    known = count >= least
    why = [None if n >= least else f"{n} {what}, {least} needed" for n in count]
    with np.errstate(divide="ignore", invalid="ignore"):
        return _Answers(
            statistic=np.where(known, ask.mean / sd, np.nan),
            df=np.where(known, np.inf, np.nan),
            pvalue=np.where(known, pvalue, np.nan),
            half=np.where(known, half, np.nan),
            reason=_reasons(ask, why),
        )


def _nothing(ask: _Question, why: str) -> _Answers:
    empty = np.full(len(ask.mean), np.nan)
    return _Answers(
        statistic=empty,
        df=empty,
        pvalue=empty,
        half=empty,
        reason=_reasons(ask, [why] * len(empty)),
    )


def _reasons(ask: _Question, why: Sequence[str | None]) -> tuple[str | None, ...]:
    held = [bool(inside.any()) for inside in ask.pools]
    return tuple(
        text if some else "no observation has a ratio"
        for text, some in zip(why, held, strict=True)
    )
