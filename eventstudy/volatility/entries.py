"""Tests of a volatility shift: what they are asked, what they answer, their facts."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from inspect import getdoc
from typing import Any

import numpy as np

from eventstudy.core import registry
from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import Family
from eventstudy.volatility.histories import Histories
from eventstudy.volatility.spread import MEASURES, MeasureEntry, Spread, spread_in


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftOptions:
    """How volatilities are compared.

    Parameters
    ----------
    measure : str, MeasureEntry or callable
        A member of `MEASURES` by its name or itself, or a function from the values of
        the sessions, (E, S), to their variances, (E, S).
    level : float
        Of the intervals.
    reps : int
        Number of resamples.
    seed : int
        Of the resamples.

    Raises
    ------
    SpecError
        Where the level does not lie between 0 and 1.

    Examples
    --------
    >>> ShiftOptions(measure="squared_return", reps=999).level
    0.95
    """

    measure: str | MeasureEntry | Callable[..., Any] = "raw_return"
    level: float = 0.95
    reps: int = 1999
    seed: int = 0

    def __post_init__(self) -> None:
        """Check the level."""
        if not 0 < self.level < 1:
            raise SpecError(
                f"level = {self.level}: an interval's level lies between 0 and 1"
            )

    def measured(self) -> tuple[MeasureEntry, Spread]:
        """Return the measure, and how it adds up over sessions.

        Returns
        -------
        tuple of MeasureEntry and Spread
            The entry, and its spread.
        """
        measure = MEASURES.entry(self.measure)
        return measure, spread_in(measure)


@dataclass(frozen=True, slots=True, kw_only=True)
class RatioQuestion:
    """What a test of single observations is asked.

    Parameters
    ----------
    pre, post : ndarray
        Values of the windows, (E, P) and (E, Q), nan where missing; of a range
        (E, P, 4) and (E, Q, 4).
    history : ndarray, Histories or None
        The asset's sessions without those of events, (E, S).
    gap : int
        Sessions between the windows.
    ratio : ndarray
        Log of the ratio post / pre, (E,), nan where there is none.
    measure : MeasureEntry
        What is compared.
    spread : Spread
        How the measure adds up over sessions.
    options : ShiftOptions
        Level, number of resamples, seed.

    Examples
    --------
    >>> def normal(ask):
    ...     statistic = ask.ratio / np.sqrt(
    ...         0.5 / ask.pre.shape[1] + 0.5 / ask.post.shape[1]
    ...     )
    ...     return ShiftAnswer(statistic=statistic, pvalue=np.full(len(statistic), 0.5))
    >>> SHIFTS.entry(normal).name
    'normal'
    """

    pre: Array
    post: Array
    history: Array | Histories | None
    gap: int
    ratio: Array
    measure: MeasureEntry
    spread: Spread
    options: ShiftOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class PoolQuestion:
    """What a test of means over observations is asked, of those that have a ratio.

    Parameters
    ----------
    ratio : ndarray
        Log of the ratio post / pre of each observation, (E,).
    start : ndarray
        Column of the first session of the pre window, (E,).
    history : ndarray, Histories or None
        Sessions on the calendar that the observations share, (E, S).
    lengths : tuple of int
        Sessions of the pre window, of the gap, of the post window.
    pools : ndarray
        Members of each pool, (G, E).
    mean : ndarray
        Mean log ratio of each pool, (G,).
    clusters : sequence of ndarray
        Cluster of dates of each member, one array per pool; see `date_clusters`.
    measure : MeasureEntry
        What is compared.
    spread : Spread
        How the measure adds up over sessions.
    options : ShiftOptions
        Level, number of resamples, seed.

    Examples
    --------
    >>> def rose(ask):
    ...     share = np.array([(ask.ratio[inside] > 0).mean() for inside in ask.pools])
    ...     return ShiftAnswer(statistic=share, pvalue=np.abs(2 * share - 1))
    >>> ShiftEntry(name="rose", of_pool=rose).naive
    ''
    """

    ratio: Array
    start: IntArray
    history: Array | Histories | None
    lengths: tuple[int, int, int]
    pools: BoolArray
    mean: Array
    clusters: Sequence[IntArray]
    measure: MeasureEntry
    spread: Spread
    options: ShiftOptions


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftAnswer:
    """What a test says of observations or pools; every array is (H,).

    Parameters
    ----------
    statistic, pvalue : ndarray
        The two-sided test, nan where it has no answer.
    df : ndarray or None
        Degrees of freedom (of the denominator); inf if None.
    df_num : ndarray or None
        Degrees of freedom of the numerator of an F statistic.
    ci_low, ci_high : ndarray or None
        Interval of the ratio.
    reason : sequence of str or None
        Why a value is missing, None where it is there.

    Examples
    --------
    >>> answer = ShiftAnswer(statistic=np.zeros(2), pvalue=np.array([1.0, np.nan]))
    >>> answer.reasons("mine")
    [None, 'mine gives no p-value']
    """

    statistic: Array
    pvalue: Array
    df: Array | None = None
    df_num: Array | None = None
    ci_low: Array | None = None
    ci_high: Array | None = None
    reason: Sequence[str | None] | None = None

    def numbers(self) -> dict[str, Array]:
        """Return the numbers by their names in `ShiftResult`.

        Returns
        -------
        dict of str to ndarray
            What was not given is nan; degrees of freedom are inf.
        """
        shape = np.shape(self.statistic)
        empty, endless = np.full(shape, np.nan), np.full(shape, np.inf)
        return {
            "statistic": np.asarray(self.statistic, np.float64),
            "pvalue": np.asarray(self.pvalue, np.float64),
            "df_num": empty if self.df_num is None else self.df_num,
            "df": endless if self.df is None else self.df,
            "ci_low": empty if self.ci_low is None else self.ci_low,
            "ci_high": empty if self.ci_high is None else self.ci_high,
        }

    def reasons(self, name: str) -> list[str | None]:
        """Return the reasons, for tests that give none where no p-value is.

        Parameters
        ----------
        name : str
            The test's name, for the text.

        Returns
        -------
        list of str or None
            One per answer, None where there is a p-value.
        """
        if self.reason is not None:
            return list(self.reason)
        known = np.isfinite(np.asarray(self.pvalue, np.float64))
        return [None if there else f"{name} gives no p-value" for there in known]


@dataclass(frozen=True, slots=True, kw_only=True)
class ShiftEntry:
    """A member of `SHIFTS`: what it tells, what it supposes, where it comes from.

    Parameters
    ----------
    name : str
        The name in tables.
    meaning : str
        What the test does, in words.
    null : str
        The null hypothesis.
    robust_to : str
        What it withstands, and what it does not.
    citation : str
        Where it comes from.
    of_each : callable or None
        Test of single observations, `RatioQuestion` -> `ShiftAnswer` of (E,) arrays.
    of_pool : callable or None
        Test of means over observations, `PoolQuestion` -> `ShiftAnswer` of (G,) arrays.
    resampled : bool
        Whether its law is drawn from the asset's history. A study asks only such tests
        of measures other than the standard deviation.
    other_dates : bool
        Whether it sets the event against other dates of the same assets.
    preference : int
        Place among the tests that are valid under volatility clustering and shared
        dates: the first of them that has an answer gives the interval and the p-value
        of a report. 0 for all other tests.
    naive : str
        What it takes for granted, if a report may say that a naive reading would have
        claimed a change: "which takes ...".
    shown : bool
        Whether a report's tables have a column for it.
    table : str
        Table of a study that has its answers; empty where none has.

    Examples
    --------
    >>> from eventstudy.volatility import SHIFTS
    >>> SHIFTS["f"].naive
    'returns as normal and independent from day to day'
    """

    name: str
    meaning: str = ""
    null: str = ""
    robust_to: str = ""
    citation: str = ""
    of_each: Callable[[RatioQuestion], ShiftAnswer] | None = None
    of_pool: Callable[[PoolQuestion], ShiftAnswer] | None = None
    resampled: bool = False
    other_dates: bool = False
    preference: int = 0
    naive: str = ""
    shown: bool = True
    table: str = "volatility"


def _test_of(function: Callable[..., Any]) -> ShiftEntry:
    return ShiftEntry(
        name=function.__name__,
        meaning=(getdoc(function) or "").partition("\n")[0].strip(" ."),
        of_each=function,
    )


SHIFTS: Family[ShiftEntry] = registry.SHIFTS
SHIFTS.wrap = _test_of


def tests_of(measure: MeasureEntry, *, pooled: bool) -> list[ShiftEntry]:
    """Return the tests that a study asks of a measure, those that resample last.

    >>> measure = MEASURES["parkinson"]
    >>> [entry.name for entry in tests_of(measure, pooled=True)]
    ['bootstrap', 'placebo']
    """
    spread = spread_in(measure)
    return [
        entry for entry in asked(pooled=pooled) if spread.centred or entry.resampled
    ]


def asked(*, pooled: bool) -> list[ShiftEntry]:
    """Return the tests of a ratio, of single observations or of means over them."""
    own = [
        entry
        for entry in SHIFTS.values()
        if (entry.of_pool if pooled else entry.of_each) is not None
    ]
    return sorted(own, key=lambda entry: entry.resampled)


def chosen(
    tests: Sequence[str | ShiftEntry | Callable[..., Any]] | None, *, pooled: bool
) -> list[ShiftEntry]:
    """Return the tests that are meant; `SpecError` for one of the other kind."""
    if tests is None:
        return asked(pooled=pooled)
    entries = [SHIFTS.entry(test) for test in tests]
    for entry in entries:
        if (entry.of_pool if pooled else entry.of_each) is None:
            what = "a mean over observations" if pooled else "single observations"
            raise SpecError(f"{entry.name!r} is no test of a ratio of {what}")
    return entries
