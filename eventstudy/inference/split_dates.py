"""A window found on half of the dates and tested on the others."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Abnormal, BoolArray, InferenceResult
from eventstudy.core.registry import TESTS
from eventstudy.core.windows import Window, columns, cumulate, select
from eventstudy.inference.aggregates import collect, merge_all
from eventstudy.inference.anticipation import EMPTY, windows_before, with_returns
from eventstudy.inference.battery import run
from eventstudy.inference.dependence import correlations, date_clusters
from eventstudy.inference.entry import EventTest
from eventstudy.inference.pvalues import Options, check_level
from eventstudy.inference.recommend import (
    Interval,
    interval_of,
    needs_of,
    recommend,
)
from eventstudy.inference.sample import sample_of

# Each half needs two.
LEAST_CLUSTERS = 4


@dataclass(frozen=True, slots=True, kw_only=True)
class SplitDates:
    """A window, how large it was where it was found, and its test elsewhere.

    Parameters
    ----------
    found : (int, int) or None
        The window with the largest mean SCAR on the first half of the dates.
    estimate_found : float
        Its mean CAR there, too large on average.
    interval : Interval or None
        Mean CAR of that window on the other dates, without that bias.
    pvalue : float
        Its p-value, two-sided.
    n_found, n_tested : int
        Observations of the two halves.
    clusters_found, clusters_tested : int
        Their clusters of dates.
    reason : str or None
        Why there is no test.

    Examples
    --------
    >>> SplitDates().pvalue
    nan
    """

    found: Window | None = None
    estimate_found: float = float("nan")
    interval: Interval | None = None
    pvalue: float = float("nan")
    n_found: int = 0
    n_tested: int = 0
    clusters_found: int = 0
    clusters_tested: int = 0
    reason: str | None = None


def split_dates(
    data: Abnormal | Sequence[Abnormal],
    *,
    first: int = -10,
    last: int = 0,
    level: float = 0.95,
    seed: int = 0,
) -> SplitDates:
    """Find the window [τ, last] on half of the dates, and test it on the others.

    Clusters of dates whose windows [first, last] share a session stay together; half
    of the clusters, rounded down, are drawn at random. The window with the largest
    absolute mean SCAR there is tested on the others by the test that `recommend`
    names. The price of an unbiased estimate is power: half of the dates, and a window
    found on half of them. Another seed may find another window.

    Estimation windows of the two halves may share sessions; the correlation that this
    leaves between the halves is of the order of the window's length over that of the
    estimation window. Size at 5 %: 5 to 6 % with twenty dates of six assets; 3 % with
    six dates, or with one observation a date, where `kp_guarded` is cautious.

    Parameters
    ----------
    data : Abnormal or sequence of Abnormal
        The observations; those without a return in the shortest window are left out.
    first, last : int
        Where the longest window begins, and where all windows end, in event time.
    level : float
        Confidence of the interval.
    seed : int
        Seed of the draw.

    Returns
    -------
    SplitDates
        With a reason where there are fewer than four clusters.

    Raises
    ------
    SpecError
        For windows outside the event window, or none.

    References
    ----------
    Cox (1975), Biometrika 62, A note on data-splitting for the evaluation of
    significance levels.

    Examples
    --------
    >>> from eventstudy.core.abnormal import Clock
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(0).normal(size=(12, 141))
    >>> y[:, 127:131] += 1.0
    >>> days = np.arange(141) + 200 * np.arange(12)[:, None]
    >>> ab = constant_mean(
    ...     y,
    ...     n_estimation=120,
    ...     first_offset=-10,
    ...     clock=np.arange(12),
    ...     clocks=Clock(estimation=days[:, :120], event=days[:, 120:]),
    ... )
    >>> found = split_dates(ab)
    >>> found.found, found.clusters_tested, found.pvalue < 0.01
    ((-3, 0), 6, True)
    """
    check_level(level)
    windows = windows_before(first, last)
    chunks = with_returns(data, windows[-1])
    if not chunks:
        return SplitDates(reason=EMPTY)
    clock = np.concatenate([ab.clock for ab in chunks])
    labels = date_clusters(chunks[0].clocks, clock, columns(chunks[0], windows[0]))
    n_clusters = int(labels.max()) + 1
    if n_clusters < LEAST_CLUSTERS:
        return SplitDates(
            reason=f"clusters of dates whose windows share no session: {n_clusters}, "
            f"at least {LEAST_CLUSTERS} are needed"
        )
    drawn = np.random.default_rng(seed).permutation(n_clusters)[: n_clusters // 2]
    chosen = np.isin(labels, drawn)
    half, rest = _cut(chunks, chosen), _cut(chunks, ~chosen)
    means = [
        np.concatenate([cumulate(ab, window).scar for ab in half]).mean()
        for window in windows
    ]
    found = windows[int(np.argmax(np.abs(means)))]
    cars = np.concatenate([cumulate(ab, found).car for ab in half])
    interval, tested = _tested(rest, found, level)
    return SplitDates(
        found=found,
        estimate_found=float(cars.mean()),
        interval=interval,
        pvalue=float(tested.pvalue[0]),
        n_found=int(chosen.sum()),
        n_tested=int((~chosen).sum()),
        clusters_found=len(drawn),
        clusters_tested=n_clusters - len(drawn),
        reason=tested.reason[0],
    )


def _cut(chunks: Sequence[Abnormal], chosen: BoolArray) -> list[Abnormal]:
    """Keep the observations that are chosen of all chunks in a row."""
    ends = np.cumsum([len(ab.asset) for ab in chunks])[:-1]
    pairs = zip(chunks, np.split(chosen, ends), strict=True)
    return [select(ab, own) for ab, own in pairs if own.any()]


def _tested(
    chunks: Sequence[Abnormal], window: Window, level: float
) -> tuple[Interval, InferenceResult]:
    """Return the interval and the result of the recommended test."""
    needs = needs_of(sum(len(ab.asset) for ab in chunks))
    known = merge_all(collect(ab, [window], needs) for ab in chunks)
    sample = sample_of(known, window, residual=correlations(known))
    entry: EventTest = TESTS.entry(recommend(sample.dependence).test)
    found = run(
        chunks,
        [window],
        [entry],
        options=Options(),
        outcome="car",
        groups=None,
        workers=1,
    )
    interval = interval_of(sample, level=level, test=entry.name)
    return interval, found[window, entry.name]
