"""Which p-value to trust, and an interval that respects dependence."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Abnormal
from eventstudy.core.windows import Window
from eventstudy.inference.aggregates import Evidence, Outcome, collect
from eventstudy.inference.clustered import clustered_variance
from eventstudy.inference.dependence import Dependence, correlations
from eventstudy.inference.parametric import MOST
from eventstudy.inference.sample import Sample, sample_of, spread

# From here on clusters of dates are counted, below the correlation is estimated.
MANY_CLUSTERS = 10


@dataclass(frozen=True, slots=True, kw_only=True)
class Interval:
    """Confidence interval of a mean effect; nan with a reason where there is none.

    Parameters
    ----------
    estimate : float
        The mean effect.
    se : float
        Its standard error.
    df : float
        Degrees of freedom of the t distribution.
    low, high : float
        The ends of the interval.
    level : float
        Its confidence, such as 0.95.
    method : str
        How the standard error was made, in words.
    reason : str, optional
        Why there is no interval.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(1, 63))
    >>> caar_interval(constant_mean(y, n_estimation=60), (-1, 1)).method
    'forecast error'
    """

    estimate: float
    se: float
    df: float
    low: float
    high: float
    level: float
    method: str
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Assessment:
    """What is to be known of one window; see `assess`.

    Parameters
    ----------
    interval : Interval
        The interval of `caar_interval`.
    dependence : Dependence
        The dependence of the observations.
    variance_increase : float
        The event's variance as a multiple of that of the estimation window.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(5, 63))
    >>> evidence = collect(constant_mean(y, n_estimation=60), [(0, 0)], frozenset())
    >>> next(assess(evidence, [(0, 0)])).dependence.n
    5
    """

    interval: Interval
    dependence: Dependence
    variance_increase: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Recommendation:
    """The test to rely on for one table row, and why.

    Parameters
    ----------
    test : str
        Its name in `TESTS`.
    reason : str
        Why, in a sentence.

    Examples
    --------
    >>> Recommendation(test="t", reason="one observation").test
    't'
    """

    test: str
    reason: str


def caar_interval(
    data: Abnormal | Evidence,
    window: Window,
    *,
    level: float = 0.95,
    outcome: Outcome = "car",
) -> Interval:
    """Dependence-robust confidence interval of the mean effect of a window.

    Two or more observations: ``s/√N sqrt((1+(N-1)r̄_w)/(1-r̄_w))`` with t(ν), the
    interval that belongs to `kp_bmp`, on the scale of the effect itself. From ten
    clusters of dates on, fewer than observations: that of `cluster`. One observation:
    its forecast standard error with t(T-k).

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
    Survey Methodology 28.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(5, 63))
    >>> ab = constant_mean(y, n_estimation=60)
    >>> found = caar_interval(ab, (-1, 1))
    >>> found.low < found.estimate < found.high
    True
    """
    if isinstance(data, Abnormal):
        needs = frozenset({"correlation"})
        data = collect(data, [window], needs, outcome=outcome)  # type: ignore[arg-type]
    sample = sample_of(data, window, residual=correlations(data))
    return interval_of(sample, level=level)


def interval_of(sample: Sample, *, level: float = 0.95) -> Interval:
    """Return `caar_interval` of a sample."""
    mean = float(sample.mean)
    se, df, method, reason = _standard_error(sample)
    half = se * float(special.stdtrit(df, 0.5 + level / 2)) if df > 0 else np.nan
    return Interval(
        estimate=mean,
        se=se,
        df=df,
        low=mean - half,
        high=mean + half,
        level=level,
        method=method,
        reason=reason,
    )


def _standard_error(sample: Sample) -> tuple[float, float, str, str | None]:
    if sample.n == 0:
        return np.nan, np.nan, "none", "no observation has an estimate and a return"
    if sample.n == 1:
        if sample.outcome != "car":
            return np.nan, np.nan, "none", "one observation has no spread"
        return float(sample.se[0]), float(sample.df[0]), "forecast error", None
    if MANY_CLUSTERS <= sample.dependence.n_clusters < sample.n:
        variance, df = clustered_variance(sample.effect, sample.labels)
        if variance > 0:
            return float(np.sqrt(variance)), df, "clustered by dates (CR2)", None
    method = "cross-section, inflated for the correlation between windows"
    rbar = sample.dependence.rbar
    factor = 1 + (sample.n - 1) * rbar
    if not (factor > 0 and rbar < MOST):
        return np.nan, np.nan, method, "the mean correlation admits no variance"
    s = float(spread(sample.effect))
    if s == 0:
        return np.nan, np.nan, method, "all observations have the same effect"
    se = s / np.sqrt(sample.n) * np.sqrt(factor / (1 - rbar))
    return float(se), float(sample.nu), method, None


def variance_increase(data: Abnormal | Evidence, window: Window) -> float:
    """Variance of the event's SCAR as a multiple of what the estimation window says.

    ``s²(SCAR) / ((1-r̄_w) mean(df/(df-2)))``; the cross-section of correlated SCARs
    spreads less than each of them, by 1-r̄_w.

    Parameters
    ----------
    data : Abnormal or Evidence
        The observations; evidence that was collected with "correlation" and the window.
    window : (int, int)
        (start, end) in event time, both ends included.

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
    if isinstance(data, Abnormal):
        data = collect(data, [window], frozenset({"correlation"}))
    return _increase(sample_of(data, window, residual=correlations(data)))


def _increase(sample: Sample) -> float:
    if sample.n < 3 or (sample.df <= 2).any() or not sample.dependence.rbar < 1:
        return float("nan")
    expected = float((sample.df / (sample.df - 2)).mean())
    s = float(spread(sample.scar))
    return s**2 / ((1 - sample.dependence.rbar) * expected)


def rbar_by_window(
    evidence: Evidence, windows: Sequence[Window]
) -> dict[Window, float]:
    """Return the mean correlation between two observations, by window; 0 for one."""
    known = correlations(evidence)
    found = {w: float(sample_of(evidence, w, residual=known).rbar) for w in windows}
    return {w: r if r == r else 0.0 for w, r in found.items()}


def assess(
    evidence: Evidence, windows: Sequence[Window], *, level: float = 0.95
) -> Iterator[Assessment]:
    """Yield interval, dependence and variance increase of each window.

    The same as `caar_interval`, `dependence` and `variance_increase`, with the
    correlations between assets, which are those of all windows, worked out once.

    Parameters
    ----------
    evidence : Evidence
        Collected with "correlation" and the windows.
    windows : sequence of (int, int)
        (start, end) in event time, both ends included.
    level : float
        Confidence of the intervals.

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
    known = correlations(evidence)
    for window in windows:
        sample = sample_of(evidence, window, residual=known)
        yield Assessment(
            interval=interval_of(sample, level=level),
            dependence=sample.dependence,
            variance_increase=_increase(sample),
        )


def recommend(
    found: Dependence, variance_ratio: float = float("nan")
) -> Recommendation:
    """Name the test to rely on, by rules from simulated sizes.

    One observation: `t` with `placebo_single` beside it. No shared sessions and
    negligible correlation: `bmp`. One date: `kp_bmp` (well-sized where csect rejects
    39 % and grank_t 7 % at 5 %), or `placebo` below four observations. Few clusters of
    dates: `kp_bmp`, as clusters are too few to be counted. Ten clusters or more:
    `cluster`, which needs no estimate of any correlation.

    Parameters
    ----------
    found : Dependence
        The dependence of the observations.
    variance_ratio : float
        Of `variance_increase`; a change of more than half is said in the reason.

    Returns
    -------
    Recommendation
        The test and the reason.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(5, 63))
    >>> from eventstudy.inference import dependence
    >>> recommend(dependence(constant_mean(y, n_estimation=60), (0, 0))).test
    'kp_bmp'
    """
    n, clusters = found.n, found.n_clusters
    if n == 0:
        return Recommendation(test="t", reason="there is no observation to test")
    if n == 1:
        return Recommendation(
            test="t",
            reason="one observation: its own forecast error is all there is; set "
            "placebo_single beside it, which does not assume normal returns",
        )
    spread_changed = _variance_in_words(variance_ratio)
    if n < 4:
        return Recommendation(
            test="placebo",
            reason=f"{n} observations are too few for a cross-section: the mean is "
            "compared with pseudo-dates of the estimation window",
        )
    if clusters == n:
        return Recommendation(
            test="bmp",
            reason=f"{n} observations whose windows share no session: nothing to "
            f"correct{spread_changed}",
        )
    if clusters >= MANY_CLUSTERS:
        return Recommendation(
            test="cluster",
            reason=f"{n} observations fall into {clusters} clusters of dates, enough "
            "to count clusters instead of observations",
        )
    where = (
        "share one date"
        if found.n_dates == 1
        else f"lie on {found.n_dates} dates in {clusters} separate "
        f"{'cluster' if clusters == 1 else 'clusters'}"
    )
    return Recommendation(
        test="kp_bmp",
        reason=f"{n} observations {where} (mean correlation {found.rbar:.2f}, worth "
        f"{min(found.n_effective, n):.1f} independent ones): dependence is estimated, "
        f"not assumed away{spread_changed}",
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
