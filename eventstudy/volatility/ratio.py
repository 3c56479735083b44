"""Ratio of volatility after to before an event, with tests that differ in trust."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.core.errors import SpecError
from eventstudy.volatility.entries import (
    RatioQuestion,
    ShiftEntry,
    ShiftOptions,
    chosen,
)
from eventstudy.volatility.histories import Histories
from eventstudy.volatility.null_distributions import log_ratio
from eventstudy.volatility.spread import needed, spread_of
from eventstudy.volatility.windows import ShiftResult, window_reasons

_DEFAULT = ShiftOptions()


def variance_ratio(
    pre: Array,
    post: Array,
    *,
    history: Array | Histories | None = None,
    gap: int = 0,
    tests: Sequence[str | ShiftEntry | Callable[..., Any]] | None = None,
    options: ShiftOptions = _DEFAULT,
) -> tuple[ShiftResult, ...]:
    """Compare the standard deviations post / pre of each series.

    Parameters
    ----------
    pre, post : ndarray
        Returns or abnormal returns of the two windows, (E, P) and (E, Q), nan where
        missing; a return that spans k sessions is to be divided by sqrt(k). Log ranges
        (E, P, 4) and (E, Q, 4) for a measure of ranges.
    history : ndarray, Histories or None
        The asset's sessions without those of events, (E, S), nan where missing or
        excluded; see `cut`. The placebo test needs one, the bootstrap should have one.
    gap : int
        Sessions between the windows.
    tests : sequence of str, ShiftEntry or callable, or None
        Members of `SHIFTS` that test single observations, by name or themselves, or
        functions from a `RatioQuestion` to a `ShiftAnswer`; None is all members.
    options : ShiftOptions
        Measure, level, number of resamples, seed.

    Returns
    -------
    tuple of ShiftResult
        One per test, with a row per series.

    Raises
    ------
    SpecError
        For unknown tests or measures, and for shapes that do not fit.

    References
    ----------
    Brown & Forsythe (1974), J. American Statistical Association 69; Fligner & Killeen
    (1976), same journal 71; Politis & Romano (1994), same journal 89.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> pre, post = rng.normal(size=(1, 50)), 2 * rng.normal(size=(1, 31))
    >>> f, bf = variance_ratio(pre, post, tests=("f", "brown_forsythe"))
    >>> f.ratio.round(2), f.pvalue.round(4), bf.pvalue.round(4)
    (array([2.27]), array([0.]), array([0.]))
    """
    pre, post = (np.atleast_2d(np.asarray(w, np.float64)) for w in (pre, post))
    past = history
    if not (past is None or isinstance(past, Histories)):
        past = np.atleast_2d(np.asarray(past, np.float64))
    members = chosen(tests, pooled=False)
    measure, spread = options.measured()
    _check(pre, post, past)
    s_pre, n_pre = spread_of(spread, pre)
    s_post, n_post = spread_of(spread, post)
    wanted = needed(pre.shape[1]), needed(post.shape[1])
    why = window_reasons(s_pre, n_pre, s_post, n_post, wanted)
    usable = np.array([w is None for w in why], np.bool_)
    ratio = np.where(usable, log_ratio(s_pre, s_post), np.nan)
    ask = RatioQuestion(
        pre=pre,
        post=post,
        history=past,
        gap=gap,
        ratio=ratio,
        measure=measure,
        spread=spread,
        options=options,
    )
    one = np.ones(len(pre), np.int64)
    results = []
    for entry in members:
        answer = entry.of_each(ask)  # type: ignore[misc]
        lacks = answer.reasons(entry.name)
        reason = tuple(w or lack for w, lack in zip(why, lacks, strict=True))
        known = np.array([r is None for r in reason], np.bool_)
        results.append(
            ShiftResult(
                measure=measure.name,
                test=entry.name,
                pre=s_pre,
                post=s_post,
                ratio=np.exp(ratio),
                n_pre=n_pre,
                n_post=n_post,
                n=one,
                n_clusters=one,
                reason=reason,
                **{k: np.where(known, v, np.nan) for k, v in answer.numbers().items()},
            )
        )
    return tuple(results)


def _check(pre: Array, post: Array, history: Array | Histories | None) -> None:
    if len(pre) != len(post) or (history is not None and len(history) != len(pre)):
        held = "none" if history is None else len(history)
        raise SpecError(
            f"pre has {len(pre)} rows, post {len(post)}, history {held}: one row per "
            "observation is wanted in each"
        )
