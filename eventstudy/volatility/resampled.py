"""Ratios against what the asset's own history does when nothing happens.

The bootstrap and the placebo dates survive fat tails and volatility clustering, if the
history is long enough to show how volatility wanders. Of pools whole calendar dates
are resampled or moved together, so that the correlation across assets and the overlap
of windows stay as they are.
"""

from collections.abc import Callable

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.volatility.entries import (
    SHIFTS,
    PoolQuestion,
    RatioQuestion,
    ShiftAnswer,
    ShiftEntry,
)
from eventstudy.volatility.histories import histories_of
from eventstudy.volatility.null_distributions import (
    MIN_PSEUDO_DATES,
    bootstrap_law,
    joint_bootstrap_law,
    joint_placebo_law,
    judge,
    placebo_law,
)
from eventstudy.volatility.spread import Spread, spread_of

# Rows of which the resampled ratios are held in memory at once.
_CHUNK = 512


def bootstrap(ask: RatioQuestion) -> ShiftAnswer:
    """Log ratio against its law on stationary bootstrap resamples of the history.

    The interval is symmetric; statistic = log ratio / sd of the law. Without a history
    the two windows, each divided by its own spread, stand in for it: valid for fat
    tails, too narrow when volatility clusters.
    """
    least = ask.options.reps // 2

    def lack(count: int) -> str | None:
        if count >= least:
            return None
        return "the history is too short, or varies too little, to be resampled"

    return _against_own(ask, _bootstrap_law, lack)


def bootstrap_pooled(ask: PoolQuestion) -> ShiftAnswer:
    """Mean log ratio against that on resamples of whole calendar dates."""
    if ask.history is None or not len(ask.ratio):
        return _no_history(ask)
    law = joint_bootstrap_law(
        ask.spread,
        ask.history,
        ask.start,
        *ask.lengths,
        pools=ask.pools,
        reps=ask.options.reps,
        seed=ask.options.seed,
    )
    return _against_joint(ask, law, ask.options.reps // 2, "complete resamples")


SHIFTS.register(
    ShiftEntry(
        name="bootstrap",
        meaning="log ratio against stationary bootstrap resamples of the history",
        null="post and pre come from the asset's own stationary history",
        robust_to="fat tails, volatility clustering; pooled: shared dates",
        citation="Politis & Romano (1994), J. American Statistical Association 89",
        of_each=bootstrap,
        of_pool=bootstrap_pooled,
        resampled=True,
        preference=2,
    )
)


def placebo(ask: RatioQuestion) -> ShiftAnswer:
    """Log ratio against that at every pseudo-date of the history.

    No pseudo-date uses the event's sessions; needs a history.
    """

    def lack(count: int) -> str | None:
        if ask.history is None:
            return "no history given to take pseudo-dates from"
        if count >= MIN_PSEUDO_DATES:
            return None
        return f"{count} admissible pseudo-dates, {MIN_PSEUDO_DATES} needed"

    return _against_own(ask, _placebo_law, lack)


def placebo_pooled(ask: PoolQuestion) -> ShiftAnswer:
    """Mean log ratio against that with all dates moved by the same sessions.

    At every number of sessions for which four fifths of the observations have an
    admissible pseudo-date.
    """
    if ask.history is None or not len(ask.ratio):
        return _no_history(ask)
    law = joint_placebo_law(
        ask.spread, ask.history, ask.start, *ask.lengths, pools=ask.pools
    )
    return _against_joint(ask, law, MIN_PSEUDO_DATES, "joint pseudo-dates")


SHIFTS.register(
    ShiftEntry(
        name="placebo",
        meaning="log ratio against that at every other date of the same asset",
        null="day 0 is a date like any other",
        robust_to="fat tails, volatility clustering; pooled: shared dates",
        citation="Brown & Warner (1985), J. Financial Economics 14 (the design)",
        of_each=placebo,
        of_pool=placebo_pooled,
        resampled=True,
        other_dates=True,
        preference=3,
    )
)


def _against_own(
    ask: RatioQuestion,
    law: Callable[[RatioQuestion, slice], Array],
    lack: Callable[[int], str | None],
) -> ShiftAnswer:
    n_obs = len(ask.pre)
    pvalue, half, sd = (np.full(n_obs, np.nan) for _ in range(3))
    count = np.zeros(n_obs, np.int64)
    for start in range(0, n_obs, _CHUNK):
        rows = slice(start, start + _CHUNK)
        found = judge(ask.ratio[rows], law(ask, rows), ask.options.level)
        pvalue[rows], half[rows], sd[rows], count[rows] = found
    with np.errstate(divide="ignore", invalid="ignore"):
        return ShiftAnswer(
            statistic=ask.ratio / sd,
            pvalue=pvalue,
            ci_low=np.exp(ask.ratio - half),
            ci_high=np.exp(ask.ratio + half),
            reason=[lack(n) for n in count.tolist()],
        )


def _bootstrap_law(ask: RatioQuestion, rows: slice) -> Array:
    lengths = ask.pre.shape[1], ask.gap, ask.post.shape[1]
    if ask.history is None:
        past, least = _standardised(ask.spread, ask.pre[rows], ask.post[rows]), 1
    else:
        past, least = ask.history[rows], lengths[0] + lengths[2]
    return bootstrap_law(
        ask.spread,
        past,
        *lengths,
        reps=ask.options.reps,
        seed=ask.options.seed,
        least_block=least,
    )


def _placebo_law(ask: RatioQuestion, rows: slice) -> Array:
    if ask.history is None:
        return np.empty((len(ask.pre[rows]), 0))
    lengths = ask.pre.shape[1], ask.gap, ask.post.shape[1]
    return placebo_law(ask.spread, histories_of(ask.history).of(rows), *lengths)


def _standardised(spread: Spread, pre: Array, post: Array) -> Array:
    """Join the windows, each divided by its spread, so that the ratio is one."""
    halves = []
    for window in (pre, post):
        size, _ = spread_of(spread, window)
        centred = spread.parts(window)[0] if spread.centred else window
        scale = np.where(size > 0, size, np.nan)
        halves.append(centred / scale.reshape(-1, *[1] * (window.ndim - 1)))
    return np.concatenate(halves, axis=1)


def _against_joint(ask: PoolQuestion, law: Array, least: int, what: str) -> ShiftAnswer:
    pvalue, half, sd, count = judge(ask.mean, law, ask.options.level)
    known = count >= least
    why = [None if n >= least else f"{n} {what}, {least} needed" for n in count]
    half = np.where(known, half, np.nan)
    with np.errstate(divide="ignore", invalid="ignore"):
        return ShiftAnswer(
            statistic=np.where(known, ask.mean / sd, np.nan),
            df=np.where(known, np.inf, np.nan),
            pvalue=np.where(known, pvalue, np.nan),
            ci_low=np.exp(ask.mean - half),
            ci_high=np.exp(ask.mean + half),
            reason=why,
        )


def _no_history(ask: PoolQuestion) -> ShiftAnswer:
    empty = np.full(len(ask.mean), np.nan)
    why = ["no history on a shared calendar was given"] * len(empty)
    return ShiftAnswer(statistic=empty, pvalue=empty, df=empty, reason=why)
