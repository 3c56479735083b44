"""The mean log ratio of volatility over observations that share dates and news."""

from collections.abc import Sequence

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError
from eventstudy.volatility.clustered import date_clusters
from eventstudy.volatility.entries import (
    PoolQuestion,
    ShiftEntry,
    ShiftOptions,
    chosen,
)
from eventstudy.volatility.histories import Histories
from eventstudy.volatility.null_distributions import log_ratio
from eventstudy.volatility.spread import needed, spread_of
from eventstudy.volatility.windows import ShiftResult

_DEFAULT = ShiftOptions()


def pooled_ratio(
    pre: Array,
    post: Array,
    *,
    day0: IntArray,
    history: Array | Histories | None = None,
    gap: int = 0,
    pools: BoolArray | None = None,
    tests: Sequence[str | ShiftEntry] | None = None,
    options: ShiftOptions = _DEFAULT,
) -> tuple[ShiftResult, ...]:
    """Test the mean over observations of the log ratio post / pre.

    The estimate is ``exp(mean log ratio)``; observations without a ratio are left out
    and not counted in ``n``. All pools are judged on the same resamples.

    Parameters
    ----------
    pre, post : ndarray
        The windows, (E, P) and (E, Q), as for `variance_ratio`.
    day0 : ndarray
        Columns of one calendar that all observations share, (E,).
    history : ndarray, Histories or None
        Sessions on that calendar, (E, S), nan where missing or excluded; see `cut`.
    gap : int
        Sessions between the windows.
    pools : ndarray or None
        Members of each pool, (G, E); None takes all observations as one pool.
    tests : sequence of str or ShiftEntry, or None
        Members of `SHIFTS` that test means over observations; None is all of them.
    options : ShiftOptions
        Measure, level, number of resamples, seed.

    Returns
    -------
    tuple of ShiftResult
        One per test, with a row per pool.

    Raises
    ------
    SpecError
        For unknown tests or measures, and for shapes that do not fit.

    References
    ----------
    Liang & Zeger (1986), Biometrika 73; Politis & Romano (1994), J. American
    Statistical Association 89.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> pre, post = rng.normal(size=(6, 50)), 2 * rng.normal(size=(6, 31))
    >>> days = np.array([100, 300, 500, 700, 900, 1100])
    >>> (r,) = pooled_ratio(pre, post, day0=days, tests=("cluster",))
    >>> r.ratio.round(2), r.n_clusters
    (array([1.96]), array([6]))
    """
    pre, post = (np.atleast_2d(np.asarray(w, np.float64)) for w in (pre, post))
    dates = np.asarray(day0, np.int64)
    members = chosen(tests, pooled=True)
    measure, spread = options.measured()
    member = np.ones((1, len(pre)), np.bool_) if pools is None else np.asarray(pools)
    _check(pre, post, dates, history, member)
    s_pre, n_pre = spread_of(spread, pre)
    s_post, n_post = spread_of(spread, post)
    enough = (n_pre >= needed(pre.shape[1])) & (n_post >= needed(post.shape[1]))
    ratio = np.where(enough, log_ratio(s_pre, s_post), np.nan)
    used = np.isfinite(ratio)
    pools = member[:, used]
    weight = pools.astype(np.float64)
    n = pools.sum(axis=1)
    lengths = pre.shape[1], gap, post.shape[1]
    with np.errstate(divide="ignore", invalid="ignore"):
        mean = weight @ ratio[used] / n
        sizes = [np.exp(weight @ np.log(s[used]) / n) for s in (s_pre, s_post)]
    clusters = [date_clusters(dates[used][inside], sum(lengths)) for inside in pools]
    ask = PoolQuestion(
        ratio=ratio[used],
        start=dates[used] - lengths[0] - gap,
        history=None if history is None else _of(history, used),
        lengths=lengths,
        pools=pools,
        mean=mean,
        clusters=clusters,
        measure=measure,
        spread=spread,
        options=options,
    )
    answers = [(entry.name, entry.of_pool(ask)) for entry in members]  # type: ignore[misc]
    return tuple(
        ShiftResult(
            measure=measure.name,
            test=name,
            pre=sizes[0],
            post=sizes[1],
            ratio=np.exp(mean),
            n_pre=pools @ n_pre[used],
            n_post=pools @ n_post[used],
            n=n,
            n_clusters=np.array([len(np.unique(code)) for code in clusters]),
            reason=_reasons(pools, answer.reasons(name)),
            **answer.numbers(),
        )
        for name, answer in answers
    )


def _of(history: Array | Histories, used: BoolArray) -> Array | Histories:
    if isinstance(history, Histories):
        return history.of(used)
    return np.asarray(history, np.float64)[used]


def _check(
    pre: Array,
    post: Array,
    day0: IntArray,
    history: Array | Histories | None,
    pools: BoolArray,
) -> None:
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


def _reasons(pools: BoolArray, why: Sequence[str | None]) -> tuple[str | None, ...]:
    held = [bool(inside.any()) for inside in pools]
    return tuple(
        text if some else "no observation has a ratio"
        for text, some in zip(why, held, strict=True)
    )
