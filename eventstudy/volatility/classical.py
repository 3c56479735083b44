"""Tests of equal spread that take sessions as independent, against scipy's in tests.

The F test believes in normal, independent returns and is wrong for both reasons.
Brown-Forsythe and Fligner-Killeen survive fat tails, not volatility clustering.
"""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Array, BoolArray
from eventstudy.volatility.entries import (
    SHIFTS,
    RatioQuestion,
    ShiftAnswer,
    ShiftEntry,
)


def f(ask: RatioQuestion) -> ShiftAnswer:
    """``F = ratio²``, (Q-1, P-1) degrees of freedom, with the exact interval."""
    return _of_sd("f", ask, _f)


def _f(ask: RatioQuestion) -> ShiftAnswer:
    ratio = np.exp(ask.ratio)
    df_post, df_pre = (np.isfinite(w).sum(axis=1) - 1.0 for w in (ask.post, ask.pre))
    statistic = ratio**2
    lower = special.fdtr(df_post, df_pre, statistic)
    upper = special.fdtrc(df_post, df_pre, statistic)
    tail = (1.0 - ask.options.level) / 2.0
    high = special.fdtri(df_post, df_pre, 1.0 - tail)
    low = special.fdtri(df_post, df_pre, tail)
    return ShiftAnswer(
        statistic=statistic,
        pvalue=np.minimum(2.0 * np.minimum(lower, upper), 1.0),
        df_num=df_post,
        df=df_pre,
        ci_low=ratio / np.sqrt(high),
        ci_high=ratio / np.sqrt(low),
    )


SHIFTS.register(
    ShiftEntry(
        name="f",
        meaning="F test of the variance ratio post/pre",
        null="equal variances of independent normal returns",
        robust_to="nothing: shown as what a naive test would claim",
        citation="Snedecor & Cochran (1989), Statistical Methods, section 6.12",
        of_each=f,
        naive="returns as normal and independent from day to day",
    )
)


def brown_forsythe(ask: RatioQuestion) -> ShiftAnswer:
    """One-way F of the absolute deviations from the window's median, (1, P+Q-2)."""
    return _of_sd("brown_forsythe", ask, _brown_forsythe)


def _brown_forsythe(ask: RatioQuestion) -> ShiftAnswer:
    a, b = _deviations(ask.pre), _deviations(ask.post)
    (n_a, mean_a, ss_a), (n_b, mean_b, ss_b) = _moments(a), _moments(b)
    df = n_a + n_b - 2.0
    between = (mean_a - mean_b) ** 2 * n_a * n_b / (n_a + n_b)
    statistic = between * df / (ss_a + ss_b)
    return ShiftAnswer(
        statistic=statistic,
        pvalue=special.fdtrc(1.0, df, statistic),
        df_num=np.ones_like(df),
        df=df,
    )


SHIFTS.register(
    ShiftEntry(
        name="brown_forsythe",
        meaning="equal mean absolute deviation from the median, post and pre",
        null="equal spread of independent returns",
        robust_to="fat tails, not volatility clustering",
        citation="Brown & Forsythe (1974), J. American Statistical Association 69",
        of_each=brown_forsythe,
        naive="returns as independent from day to day",
        # One naive test is enough for comparison: `f`.
        shown=False,
    )
)


def fligner(ask: RatioQuestion) -> ShiftAnswer:
    """Chi-square of normal scores of ranks of absolute deviations from the median.

    Median-centred as in Conover, Johnson & Johnson (1981), Technometrics 23.
    """
    return _of_sd("fligner", ask, _fligner)


def _fligner(ask: RatioQuestion) -> ShiftAnswer:
    pre, post = ask.pre, ask.post
    deviations = np.concatenate([_deviations(pre), _deviations(post)], axis=1)
    valid = np.isfinite(deviations)
    n = valid.sum(axis=1, keepdims=True)
    score = special.ndtri(0.5 + _average_ranks(deviations, valid) / (2.0 * (n + 1.0)))
    score = np.where(valid, score, np.nan)
    n_all, mean_all, ss_all = _moments(score)
    n_a, mean_a, _ = _moments(score[:, : pre.shape[1]])
    n_b, mean_b, _ = _moments(score[:, pre.shape[1] :])
    between = n_a * (mean_a - mean_all) ** 2 + n_b * (mean_b - mean_all) ** 2
    statistic = between / (ss_all / (n_all - 1.0))
    return ShiftAnswer(
        statistic=statistic,
        pvalue=special.chdtrc(1.0, statistic),
        df=np.ones_like(statistic),
    )


SHIFTS.register(
    ShiftEntry(
        name="fligner",
        meaning="equal normal scores of ranked absolute deviations, post and pre",
        null="equal spread of independent returns",
        robust_to="fat tails and outliers, not volatility clustering",
        citation="Fligner & Killeen (1976), J. American Statistical Association 71",
        of_each=fligner,
        naive="returns as independent from day to day",
        shown=False,
    )
)


def _of_sd(
    name: str, ask: RatioQuestion, test: Callable[[RatioQuestion], ShiftAnswer]
) -> ShiftAnswer:
    """Answer for the standard deviation; say so for any other measure."""
    if not ask.spread.centred:
        empty = np.full(len(ask.pre), np.nan)
        text = f"{name} is a test of the standard deviation, not of"
        why = [f"{text} {ask.measure.name!r}"] * len(ask.pre)
        return ShiftAnswer(statistic=empty, pvalue=empty, df=empty, reason=why)
    with np.errstate(divide="ignore", invalid="ignore"):
        found = test(ask)
    lost = np.isnan(found.pvalue) & ~np.isnan(ask.ratio)
    text = f"the deviations from the median do not vary enough for {name}"
    return replace(found, reason=[text if one else None for one in lost])


def _deviations(window: Array) -> Array:
    """Absolute deviations from each row's median; nan where missing."""
    valid = np.isfinite(window)
    n = valid.sum(axis=1)
    ordered = np.sort(np.where(valid, window, np.inf), axis=1)
    rows = np.arange(len(window))
    middle = np.maximum(n - 1, 0) // 2, np.minimum(n // 2, window.shape[1] - 1)
    median = (ordered[rows, middle[0]] + ordered[rows, middle[1]]) / 2.0
    return np.where(valid, np.abs(window - median[:, None]), np.nan)


def _moments(values: Array) -> tuple[Array, Array, Array]:
    """Count, mean and sum of squares about the mean of each row, nan left out."""
    valid = np.isfinite(values)
    n = valid.sum(axis=1).astype(np.float64)
    mean = np.where(valid, values, 0.0).sum(axis=1) / n
    squares = np.where(valid, (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return n, mean, squares


def _average_ranks(values: Array, valid: BoolArray) -> Array:
    """Ranks 1..n within each row, ties averaged, missing values last."""
    filled = np.where(valid, values, np.inf)
    order = np.argsort(filled, axis=1, kind="stable")
    ordered = np.take_along_axis(filled, order, axis=1)
    place = np.arange(values.shape[1])
    new = np.ones(values.shape, np.bool_)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    last = np.ones(values.shape, np.bool_)
    last[:, :-1] = new[:, 1:]
    first = np.maximum.accumulate(np.where(new, place, 0), axis=1)
    end = np.where(last, place, values.shape[1])[:, ::-1]
    end = np.minimum.accumulate(end, axis=1)[:, ::-1]
    ranks = np.empty_like(filled)
    np.put_along_axis(ranks, order, (first + end) / 2.0 + 1.0, axis=1)
    return ranks
