"""The answer of one test, its p-value, and the reasons why there may be none."""

from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special

from eventstudy.core.abnormal import Array, InferenceResult, IntArray
from eventstudy.core.errors import unknown_name

Alternative = Literal["two-sided", "less", "greater"]
Reasons = NDArray[np.object_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a test may be asked for: the alternative, the seed, the resamples."""

    alternative: Alternative = "two-sided"
    seed: int = 0
    n_draws: int = 999


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer of a test of the whole sample; nan and a reason where there is none.

    df is inf for normal and resampled p-values. n and n_clusters override the
    sample's own counts where a test uses fewer observations.
    """

    estimate: float
    statistic: float = np.nan
    pvalue: float = np.nan
    df: float = np.nan
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers of a test of single observations; every array is (E,).

    reason : E texts as objects, None where there is an answer
    """

    estimate: Array
    statistic: Array
    pvalue: Array
    df: Array
    n: IntArray
    reason: Reasons


def check_alternative(alternative: str) -> Alternative:
    """Return the alternative, or raise `SpecError` with the known ones."""
    for known in get_args(Alternative):
        if alternative == known:
            return known  # type: ignore[no-any-return]
    raise unknown_name("alternative", alternative, get_args(Alternative))


def tail(
    statistic: Array | float, df: Array | float, alternative: Alternative
) -> Array:
    """P-value of a t (df finite) or normal (df = inf) statistic.

    By the distribution function of the negative statistic, so that far tails keep
    their digits where ``1 - cdf`` would be zero.

    >>> f"{tail(-10.0, np.inf, 'two-sided'):.2e}"
    '1.52e-23'
    """
    s = np.asarray(statistic, np.float64)
    sign, factor = {"two-sided": (-np.abs(s), 2.0), "less": (s, 1.0)}.get(
        alternative, (-s, 1.0)
    )
    df = np.asarray(df, np.float64)
    finite = np.isfinite(df)
    p: Array = factor * np.where(
        finite, special.stdtr(np.where(finite, df, 1.0), sign), special.ndtr(sign)
    )
    return p


def exceedance(draws: Array, observed: float, alternative: Alternative) -> float:
    """Share of resampled statistics at least as extreme: ``(1 + #) / (1 + B)``."""
    if alternative == "two-sided":
        extreme = np.abs(draws) >= np.abs(observed) * (1 - 1e-12)
    elif alternative == "less":
        extreme = draws <= observed
    else:
        extreme = draws >= observed
    return float((1 + extreme.sum()) / (1 + draws.size))


def judged(
    estimate: float, statistic: float, df: float, alternative: Alternative
) -> Answer:
    """Answer with the p-value of a t or normal statistic."""
    if not np.isfinite(statistic):
        return refused(estimate, "the statistic's variance is zero")
    return Answer(
        estimate=estimate,
        statistic=float(statistic),
        pvalue=float(tail(statistic, df, alternative)),
        df=float(df),
    )


def refused(estimate: float, reason: str) -> Answer:
    """Answer without a statistic, and why."""
    return Answer(estimate=estimate, reason=reason)


def as_result(
    answer: Answer,
    *,
    test: str,
    null: str,
    alternative: str,
    n: int,
    n_clusters: int,
) -> InferenceResult:
    """Return the one-row `InferenceResult` of a test of the whole sample."""
    return InferenceResult(
        test=test,
        null=null,
        alternative=alternative,
        estimate=np.array([answer.estimate]),
        statistic=np.array([answer.statistic]),
        pvalue=np.array([answer.pvalue]),
        df=np.array([answer.df]),
        n=np.array([n]),
        n_clusters=np.array([n_clusters]),
        reason=(answer.reason,),
    )
