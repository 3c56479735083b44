"""Which tests to trust for which question, and intervals that belong to them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array
from eventstudy.core.registry import TESTS
from eventstudy.core.windows import Window, as_window
from eventstudy.inference.aggregates import Evidence, Need, Outcome, collect
from eventstudy.inference.dependence import Dependence, correlations
from eventstudy.inference.guarded import scaled_by_recent
from eventstudy.inference.pvalues import Options
from eventstudy.inference.sample import Sample, sample_of, spread

# From here on clusters of dates are counted, below the correlation is estimated.
MANY_CLUSTERS = 10
# From here on a floor under the spread costs little power.
LEAST_GUARDED = 3
# Up to here observations are too few for a cross-section.
FEW = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Confidence interval of a mean effect; nan with a reason where there is none.

    Parameters
    ----------
    test : str
        The test that it inverts.
    estimate : float
        The mean effect.
    se, df : float
        Standard error and degrees of freedom; nan for a resampled interval.
    low, high : float
        The ends of the interval.
    level : float
        Its confidence, such as 0.95.
    method : str
        What the test does, in words.
    reason : str, optional
        Why there is no interval.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(5, 63))
    >>> caar_interval(constant_mean(y, n_estimation=60), (-1, 1)).test
    'kp_bmp'
    """

    test: str
    estimate: float
    se: float
    df: float
    low: float
    high: float
    level: float
    method: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The tests to rely on for one table row, and why.

    Parameters
    ----------
    test, reason : str
        For the question whether these dates moved prices.
    such : str or None
        For the question whether such dates do; None where the design cannot tell.
    such_reason : str
        Why that test, or why none.

    Examples
    --------
    >>> from eventstudy.inference import dependence
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(5, 63))
    >>> recommend(dependence(constant_mean(y, n_estimation=60), (0, 0))).such is None
    True
    """

    test: str
    reason: str
    such: str | None
    such_reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What is to be known of one window; see `assess`.

    Parameters
    ----------
    interval : Interval
        For these dates.
    such : Interval or None
        For such dates, None where there is no test.
    advice : Recommendation
        The tests for both questions.
    dependence : Dependence
        The dependence of the observations.
    variance_increase : float
        Variance of the standardised CARs as a multiple of what the estimation window
        implies.
    variance_recent : float
        The same, of what recent volatility implies.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(5, 63))
    >>> ab = constant_mean(y, n_estimation=60)
    >>> evidence = collect(ab, [(0, 0)], frozenset({"correlation"}))
    >>> next(assess(evidence, [(0, 0)])).dependence.n
    5
    """

    interval: Interval
    such: Interval | None
    advice: Recommendation
    dependence: Dependence
    variance_increase: float
    variance_recent: float


def caar_interval(
    data: Abnormal | Evidence,
    window: Window,
    *,
    level: float = 0.95,
    outcome: Outcome = "car",
) -> Interval:
    """Return the interval of the mean effect of a window, for these dates.

    It holds the effects that the recommended test does not reject, see `recommend`.

    Parameters
    ----------
    data : Abnormal or Evidence
        The observations; evidence that was collected with "correlation" and the window.
    window : (int, int)
        (start, end) in event time, both ends included.
    level : float
        Confidence.
    outcome : {"car", "scar", "bhar"}
        The effect whose mean is estimated; decided already where evidence is given.

    Returns
    -------
    Interval
        The interval, or nan and a reason.

    Raises
    ------
    SpecError
        For a window outside the event window.

    References
    ----------
    Kolari & Pynnönen (2010), Review of Financial Studies 23; Bell & McCaffrey (2002),
    Survey Methodology 28; `recommend` for the choice.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(5, 63))
    >>> ab = constant_mean(y, n_estimation=60)
    >>> found = caar_interval(ab, (-1, 1))
    >>> found.low < found.estimate < found.high
    True
    """
    window = as_window(window)
    if isinstance(data, Abnormal):
        data = collect(data, [window], needs_of(len(data.asset)), outcome=outcome)
    sample = sample_of(data, window, residual=correlations(data))
    return interval_of(sample, level=level)


def needs_of(n: int) -> frozenset[Need]:
    """Return what intervals of n observations need to be collected."""
    needs: frozenset[Need] = frozenset({"correlation", "residuals"})
    return needs | {"placebo"} if n <= FEW else needs


def interval_of(
    sample: Sample,
    *,
    level: float = 0.95,
    test: str | None = None,
    options: Options | None = None,
) -> Interval:
    """Return the interval of a test of a sample, by default of the recommended one."""
    name = recommend(sample.dependence).test if test is None else test
    entry = TESTS.entry(name)
    found = None
    if sample.n and entry.interval is not None:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = entry.interval(sample, options or Options(), level)
    low = float("nan") if found is None else float(found.low)
    reason = "no observation has an estimate and a return" if not sample.n else None
    if reason is None and np.isnan(low):
        reason = "the test has no interval" if found is None else found.reason
    return Interval(
        test=name,
        estimate=float(sample.mean if found is None else found.estimate),
        se=float("nan") if found is None else float(found.se),
        df=float("nan") if found is None else float(found.df),
        low=low,
        high=float("nan") if found is None else float(found.high),
        level=level,
        method=str(entry.meaning),
        reason=reason,
    )


def variance_increase(
    data: Abnormal | Evidence, window: Window, *, recent: bool = False
) -> float:
    """Variance of the standardised CARs as a multiple of what volatility implies.

    ``s²(SCAR) / ((1-r̄_w) mean(df/(df-2)))``; the cross-section of correlated SCARs
    spreads less than each of them, by 1-r̄_w.

    Parameters
    ----------
    data : Abnormal or Evidence
        The observations; evidence that was collected with "correlation" and the window.
    window : (int, int)
        (start, end) in event time, both ends included.
    recent : bool
        Whether to measure by the volatility of the last 30 estimation sessions.

    Returns
    -------
    float
        The multiple; nan below three observations.

    References
    ----------
    Boehmer, Musumeci & Poulsen (1991), J. Financial Economics 30, on why it matters.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(400, 63))
    >>> y[:, 61] *= 2
    >>> variance_increase(constant_mean(y, n_estimation=60), (0, 0)) > 3
    True
    """
    window = as_window(window)
    if isinstance(data, Abnormal):
        data = collect(data, [window], frozenset({"correlation"}))
    sample = sample_of(data, window, residual=correlations(data))
    return _increase(sample, recent=recent)


def _increase(sample: Sample, *, recent: bool = False) -> float:
    z, df = scaled_by_recent(sample) if recent else (sample.scar, sample.df)
    return _multiple(sample, z, df)


def _multiple(sample: Sample, z: Array, df: Array) -> float:
    if sample.n < 3 or (df <= 2).any() or not sample.dependence.rbar < 1:
        return float("nan")
    expected = float((df / (df - 2)).mean())
    return float(spread(z)) ** 2 / ((1 - sample.dependence.rbar) * expected)


def rbar_by_window(
    evidence: Evidence, windows: Sequence[Window]
) -> dict[Window, float]:
    """Return the mean correlation between two observations, by window; 0 for one."""
    known = correlations(evidence)
    found = {w: float(sample_of(evidence, w, residual=known).rbar) for w in windows}
    return {w: 0.0 if np.isnan(r) else r for w, r in found.items()}


def assess(
    evidence: Evidence,
    windows: Sequence[Window],
    *,
    level: float = 0.95,
    shifts: Mapping[Window, Array] | None = None,
) -> Iterator[Assessment]:
    """Yield intervals, dependence, advice and variance multiples of each window.

    The same as `caar_interval`, `dependence`, `recommend` and `variance_increase`,
    with the correlations between assets, which are those of all windows, worked out
    once.

    Parameters
    ----------
    evidence : Evidence
        Collected with "correlation" and the windows.
    windows : sequence of (int, int)
        (start, end) in event time, both ends included.
    level : float
        Confidence of the intervals.
    shifts : mapping of window to ndarray, optional
        What `placebo_shifts` found.

    Yields
    ------
    Assessment
        Of one window after the other.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(5, 63))
    >>> ab = constant_mean(y, n_estimation=60)
    >>> evidence = collect(ab, [(0, 0), (-1, 1)], frozenset({"correlation"}))
    >>> [found.dependence.n_dates for found in assess(evidence, evidence.windows)]
    [1, 1]
    """
    known, options = correlations(evidence), Options(shifts=shifts)
    for window in windows:
        sample = sample_of(evidence, window, residual=known)
        increase = _increase(sample)
        advice = recommend(sample.dependence, increase)

        def interval(test: str, sample: Sample = sample) -> Interval:
            return interval_of(sample, level=level, test=test, options=options)

        yield Assessment(
            interval=interval(advice.test),
            such=None if advice.such is None else interval(advice.such),
            advice=advice,
            dependence=sample.dependence,
            variance_increase=increase,
            variance_recent=_increase(sample, recent=True),
        )


def recommend(
    found: Dependence, variance_ratio: float = float("nan")
) -> Recommendation:
    """Name the tests to rely on, by rules from simulated sizes (docs/few_dates.md).

    The first question is whether these dates moved prices, on average of these dates;
    the second whether such dates do, of which these are a sample.
    One observation: `t`, with `placebo_single` beside it. Two or three: `placebo`. One
    cluster of dates: `kp_bmp`; it has no second test. Every observation a cluster of
    its own: `kp_guarded` and `portfolio_z`. Two clusters: `kp_bmp` and `portfolio`;
    three to nine: `kp_guarded` and `portfolio`; ten or more: `kp_bmp` and `cluster`.

    Parameters
    ----------
    found : Dependence
        The dependence of the observations.
    variance_ratio : float
        Of `variance_increase`; a change of more than half is said in the reason.

    Returns
    -------
    Recommendation
        The tests and the reasons.

    Examples
    --------
    >>> from eventstudy.inference import dependence
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(5, 63))
    >>> recommend(dependence(constant_mean(y, n_estimation=60), (0, 0))).test
    'kp_bmp'
    """
    n, clusters = found.n, found.n_clusters
    if n == 0:
        return _alone("t", "there is no observation to test")
    if n == 1:
        return _alone(
            "t",
            "one observation: its own forecast error is all there is; set "
            "placebo_single beside it, which does not assume normal returns",
        )
    spread_changed = _variance_in_words(variance_ratio)
    if n <= FEW:
        return _alone(
            "placebo",
            f"{n} observations are too few for a cross-section: the mean is compared "
            "with pseudo-dates, so that wilder days count as an effect as well",
        )
    where = (
        "share one date"
        if found.n_dates == 1
        else f"lie on {found.n_dates} dates in {clusters} separate "
        f"{'cluster' if clusters == 1 else 'clusters'}"
    )
    depends = (
        f"{n} observations {where} (mean correlation {found.rbar:.2f}, worth "
        f"{min(found.n_effective, n):.1f} independent ones): dependence is estimated, "
        "not assumed away"
    )
    if clusters == 1:
        return _alone("kp_bmp", depends + spread_changed)
    return _of_clusters(found, depends, spread_changed)


def _of_clusters(
    found: Dependence, depends: str, spread_changed: str
) -> Recommendation:
    n, clusters = found.n, found.n_clusters
    guard = ", and the spread of few dates is not believed where it is small"
    if clusters == n:
        return Recommendation(
            test="kp_guarded",
            reason=f"{n} observations whose windows share no session{guard}",
            such="portfolio_z",
            such_reason=f"{n} observations, each a fact of its own",
        )
    if clusters >= MANY_CLUSTERS:
        return Recommendation(
            test="kp_bmp",
            reason=depends + spread_changed,
            such="cluster",
            such_reason=f"{n} observations fall into {clusters} clusters of dates, "
            "enough to count clusters instead of observations",
        )
    guarded = clusters >= LEAST_GUARDED
    return Recommendation(
        test="kp_guarded" if guarded else "kp_bmp",
        reason=depends + (guard if guarded else spread_changed),
        such="portfolio",
        such_reason=f"{clusters} clusters of dates, each a fact",
    )


def _alone(test: str, reason: str) -> Recommendation:
    """Recommend a test of these dates where such dates cannot be told of."""
    return Recommendation(
        test=test,
        reason=reason,
        such=None,
        such_reason="one date, or too few observations, say nothing of such dates",
    )


def _variance_in_words(ratio: float) -> str:
    if ratio > 1.5:
        return f"; the variance rose {ratio:.1f}-fold, which it allows for"
    if ratio < 1 / 1.5:
        return (
            f"; the variance fell to {ratio:.2f} of that in the estimation window, "
            "which it allows for, while placebo, rank and the Patell tests judge by "
            "the past and are more cautious"
        )
    return ""
