"""The answer of one test, its p-value, and the reasons why there may be none."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray
from scipy import special

from eventstudy.core.abnormal import Array, BoolArray, InferenceResult, IntArray
from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.core.windows import Window

Alternative = Literal["two-sided", "less", "greater"]
Reasons = NDArray[np.object_]
# A condition (...,) under which a test has no answer, and why.
Case = tuple[BoolArray | np.bool_ | bool, str]
# Numbers held at once when resampling.
BUDGET = 20_000_000
ONE_CLUSTER = "the windows of all dates overlap: one cluster has no variance"


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """What a test may be asked for, beside the sample.

    Parameters
    ----------
    alternative : {"two-sided", "less", "greater"}
        The side of the alternative hypothesis.
    seed : int
        Seed of a test that resamples.
    n_draws : int
        Number of its resamples.
    shifts : mapping of (int, int) to array (B,), optional
        By window, the statistics of the sample's dates moved over the whole history,
        see `placebo_shifts`; `placebo` compares with them where there are at least 200.

    Examples
    --------
    >>> Options(seed=1).alternative
    'two-sided'
    """

    alternative: Alternative = "two-sided"
    seed: int = 0
    n_draws: int = 999
    shifts: Mapping[Window, Array] | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """Answer of a test of the whole sample; nan and a reason where there is none.

    Parameters
    ----------
    estimate : float or array (...,)
        What is estimated, as a rule the mean effect; arrays have the leading axes of
        the sample, see `Sample`.
    statistic : float or array (...,)
        The test statistic, nan where there is none.
    pvalue : float or array (...,)
        Its p-value under the alternative of the options.
    df : float or array (...,)
        Degrees of freedom; inf for normal and resampled p-values.
    reason : str, optional
        Why there is no statistic; with leading axes an array of texts and None.
    basis : str, optional
        What a randomisation compares with.

    Examples
    --------
    >>> Answer(estimate=0.01, reason="too few observations").statistic
    nan
    """

    estimate: Array | float
    statistic: Array | float = np.nan
    pvalue: Array | float = np.nan
    df: Array | float = np.nan
    reason: str | Reasons | None = None
    basis: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """Interval of the effect that a test estimates: what the test does not reject.

    Parameters
    ----------
    estimate : float or array (...,)
        The estimate, as a rule in the middle.
    se : float or array (...,)
        Its standard error; nan where the interval has none.
    df : float or array (...,)
        Degrees of freedom; inf for the normal and for resampled ones.
    low, high : float or array (...,)
        The ends, nan where there is no interval.
    reason : str, optional
        Why there is none.

    Examples
    --------
    >>> bounds(0.0, 1.0, np.inf, 0.95).high.round(2)
    np.float64(1.96)
    """

    estimate: Array | float
    se: Array | float
    df: Array | float
    low: Array | float
    high: Array | float
    reason: str | None = None


def check_level(level: float) -> None:
    """Refuse a confidence that is none; ``95`` for ``0.95`` among them."""
    if not 0.0 < level < 1.0:
        raise SpecError(
            f"level = {level!r}; wanted a number between 0 and 1, like 0.95"
        )


def quantile(df: Array | float, level: float) -> Array:
    """Return the two-sided critical value of t(df), normal where df is inf."""
    df = np.asarray(df, np.float64)
    finite = np.isfinite(df)
    t = special.stdtrit(np.where(finite, df, 1.0), 0.5 + level / 2)
    out: Array = np.where(np.isinf(df), special.ndtri(0.5 + level / 2), t)
    return np.where(np.isnan(df), np.nan, out)


def bounds(
    estimate: Array | float, se: Array | float, df: Array | float, level: float
) -> Bounds:
    """Return the interval ``estimate ± se q(df)``."""
    half = se * quantile(df, level)
    low, high = estimate - half, estimate + half
    none = np.isnan(np.asarray(half)).all()
    reason = "the estimate has no standard error" if none else None
    return Bounds(estimate=estimate, se=se, df=df, low=low, high=high, reason=reason)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answers:
    """Answers of a test of single observations.

    Parameters
    ----------
    estimate, statistic, pvalue, df : array (E,)
        As in `Answer`, one per observation.
    n : array of int (E,)
        Observations used, 1 each.
    reason : array of object (E,)
        Texts, None where there is an answer.

    Examples
    --------
    >>> import numpy as np
    >>> import eventstudy as es
    >>> ab = es.models.constant_mean(np.eye(8)[:3], n_estimation=5)
    >>> entry = es.inference.TESTS["t"]
    >>> entry.of_each(ab, (0, 0), Options()).n
    array([1, 1, 1])
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
    """P-value of a t or normal statistic.

    By the distribution function of the negative statistic, so that far tails keep
    their digits where ``1 - cdf`` would be zero.

    Parameters
    ----------
    statistic : array_like
        Statistics of any shape.
    df : array_like
        Degrees of freedom, infinite for the normal law.
    alternative : {"two-sided", "less", "greater"}
        As in `Options`.

    Returns
    -------
    ndarray
        P-values in the shape of the statistics.

    Examples
    --------
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


def of_tails(below: Array, above: Array, alternative: Alternative) -> Array:
    """P-value of a discrete law from its two tails."""
    tails = {"less": below, "greater": above}
    both: Array = np.minimum(1.0, 2 * np.minimum(below, above))
    return tails.get(alternative, both)


def exceedance(draws: Array, observed: Array, alternative: Alternative) -> Array:
    """Share of resampled statistics at least as extreme: ``(1 + #) / (1 + B)``.

    draws : (..., B);  observed : (...,)
    """
    level = np.asarray(observed)[..., None]
    if alternative == "two-sided":
        extreme = np.abs(draws) >= np.abs(level) * (1 - 1e-12)
    elif alternative == "less":
        extreme = draws <= level
    else:
        extreme = draws >= level
    p: Array = (1 + extreme.sum(axis=-1)) / (1 + draws.shape[-1])
    return p


def judged(
    estimate: Array | float,
    statistic: Array | float,
    df: Array | float,
    alternative: Alternative,
    *unless: Case,
) -> Answer:
    """Answer with the p-value of a t or normal statistic; see `answered`."""
    p = tail(statistic, df, alternative)
    infinite = (~np.isfinite(statistic), "the statistic's variance is zero")
    return answered(estimate, statistic, p, df, *unless, infinite)


def answered(
    estimate: Array | float,
    statistic: Array | float,
    pvalue: Array | float,
    df: Array | float,
    *unless: Case,
) -> Answer:
    """Answer with a statistic, except where a condition holds, with its reason.

    The first of several conditions gives the reason.
    """
    shape = np.shape(statistic)
    held = [(np.asarray(where), text) for where, text in unless if np.any(where)]
    if not held:
        return Answer(estimate=estimate, statistic=statistic, pvalue=pvalue, df=df)
    if not shape:
        return refused(estimate, held[0][1])
    reason, there = np.full(shape, None, object), np.ones(shape, np.bool_)
    for where, text in reversed(held):
        gone = np.broadcast_to(where, shape)
        reason[gone], there[gone] = text, False
    return Answer(
        estimate=estimate,
        statistic=np.where(there, statistic, np.nan),
        pvalue=np.where(there, pvalue, np.nan),
        df=np.where(there, df, np.nan),
        reason=reason,
    )


def refused(estimate: Array | float, reason: str) -> Answer:
    """Answer without a statistic, and why."""
    return Answer(estimate=estimate, reason=reason)


def not_on(outcome: str) -> str:
    """Say that a test is not defined on an outcome."""
    if outcome == "bhar":
        return "is defined on abnormal returns per session, not on bhar"
    return f"is defined on CARs, not on {outcome}"


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
    reason = answer.reason
    if reason is None and np.isnan(answer.statistic):
        reason = "the test gave no statistic"
    return InferenceResult(
        test=test,
        null=null,
        alternative=alternative,
        estimate=np.array([answer.estimate], np.float64),
        statistic=np.array([answer.statistic], np.float64),
        pvalue=np.array([answer.pvalue], np.float64),
        df=np.array([answer.df], np.float64),
        n=np.array([n]),
        n_clusters=np.array([n_clusters]),
        reason=(reason if reason is None else str(reason),),
        basis=answer.basis,
    )
