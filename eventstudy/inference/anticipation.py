"""When a move began: paths of windows, judged with the search for the window."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, Status
from eventstudy.core.errors import DataError, SpecError
from eventstudy.core.windows import Window, columns, select, whole
from eventstudy.inference.aggregates import Evidence, Need, collect, merge_all
from eventstudy.inference.dependence import correlations
from eventstudy.inference.guarded import readings, scaled_by_recent
from eventstudy.inference.pvalues import check_level, exceedance
from eventstudy.inference.sample import Sample, sample_of
from eventstudy.inference.single import (
    FEW_DATES,
    MIN_PSEUDO_DATES,
    MIN_SHIFTS,
    not_rejected,
)

EMPTY = "no observation has an estimate and a return in every window"


@dataclass(frozen=True, slots=True, kw_only=True)
class Anticipation:
    """Mean effects of windows with one end and many beginnings, judged together.

    Parameters
    ----------
    windows : sequence of (int, int)
        The W windows, the longest first.
    estimate : array (W,)
        Mean CARs.
    low, high : array (W,)
        Band that holds the effects of all windows at once.
    statistic : array (W,)
        What is compared with the pseudo-dates.
    pvalue : array (W,)
        P-value of each window, the search among all of them allowed for.
    onset : array (W,)
        Probability that the move began with the window, see `onset`.
    found : (int, int) or None
        The window with the largest statistic. Its estimate is too large on average,
        since it was chosen for its size.
    n : int
        Observations, the same in every window.
    basis : str or None
        Where the dates were moved.
    reason : str or None
        Why there is no band.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(0).normal(size=(8, 141))
    >>> ab = constant_mean(y, n_estimation=120, first_offset=-10)
    >>> len(anticipation(ab, first=-3).windows)
    4
    """

    windows: tuple[Window, ...]
    estimate: Array
    low: Array
    high: Array
    statistic: Array
    pvalue: Array
    onset: Array
    found: Window | None
    n: int
    basis: str | None = None
    reason: str | None = None

    @property
    def max_pvalue(self) -> float:
        """P-value of the largest statistic: that there is no effect in any window."""
        return float(self.pvalue.min()) if self.found else float("nan")


def anticipation(
    data: Abnormal | Sequence[Abnormal],
    *,
    first: int = -10,
    last: int = 0,
    level: float = 0.95,
    shifts: Mapping[Window, Array] | None = None,
) -> Anticipation:
    """Judge the windows [first, last], [first + 1, last], ... [0, last] together.

    All observations are moved over time by the same number of sessions, as in
    `placebo`. Of every pseudo-date the largest statistic over the windows is taken, so
    that the search for the window is part of the test:
    ``p = (1 + #{max_w |S_w(s)| >= max_w |S_w|}) / (1 + B)``. The band holds the
    effects that the largest statistics do not reject at the level, of all windows at
    once. With at least 200 ``shifts`` over the whole history S is that of
    `kp_guarded`, else the mean SCAR among the pseudo-dates of the estimation window.

    Sizes at 5 %: 4 to 7 % where dates are shared or far apart. Where they are few and
    overlap partly, neighbouring pseudo-dates are so much alike that the estimation
    window holds few different ones: 8 % with six dates within 92 sessions and six
    assets. See docs/uncertain_dates.md.

    Parameters
    ----------
    data : Abnormal or sequence of Abnormal
        The observations; those without a return in the shortest window are left out.
    first : int
        Where the longest window begins, in event time; at most 0.
    last : int
        Where all windows end.
    level : float
        Confidence of the band.
    shifts : mapping of (int, int) to array (B,), optional
        What `placebo_shifts` found for all of these windows in one call.

    Returns
    -------
    Anticipation
        Paths over the windows.

    Raises
    ------
    SpecError
        For windows outside the event window, or none.
    DataError
        For shifts of another call than that for these windows.

    References
    ----------
    Fisher (1935), The Design of Experiments; Westfall & Young (1993), Resampling-Based
    Multiple Testing, for the maximum.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(0).normal(size=(8, 141))
    >>> y[:, 127:131] += 1.0  # from three sessions before day 0
    >>> ab = constant_mean(y, n_estimation=120, first_offset=-10)
    >>> found = anticipation(ab)
    >>> round(found.max_pvalue, 3), found.windows[found.onset.argmax()]
    (0.009, (-3, 0))
    """
    check_level(level)
    windows = windows_before(first, last)
    chunks = with_returns(data, windows[-1])
    if not chunks:
        return _refused(windows, np.full(len(windows), np.nan), 0, EMPTY)
    needs = needs_of_path(related=shifts is not None)
    known = merge_all(collect(ab, windows, needs) for ab in chunks)
    return path_of(known, level=level, shifts=shifts)


def windows_before(first: int, last: int) -> tuple[Window, ...]:
    """Return the windows that end on ``last`` and begin on ``first`` to day 0."""
    begins, ends = whole(first), whole(last)
    if begins is None or ends is None:
        raise SpecError(
            f"first = {first!r}, last = {last!r}; wanted whole numbers of sessions"
        )
    first, last = begins, ends
    begin = min(0, last)
    if first > begin:
        raise SpecError(
            f"first = {first}: wanted a session up to {begin}, so that there is a "
            f"window [first, {last}]"
        )
    return tuple((start, last) for start in range(first, begin + 1))


def with_returns(data: Abnormal | Sequence[Abnormal], window: Window) -> list[Abnormal]:
    """Keep what has an estimate and a return in the window; no empty chunks."""
    chunks = [data] if isinstance(data, Abnormal) else data
    if not isinstance(chunks, list | tuple) or not all(
        isinstance(ab, Abnormal) for ab in chunks
    ):
        raise SpecError(
            f"the observations are a {type(data).__name__}; wanted an Abnormal, as "
            "models return it, or a list of them"
        )
    kept = []
    for ab in chunks:
        there = ~np.isnan(ab.ar[:, columns(ab, window)]).all(axis=1)
        there &= ab.status == Status.OK
        if there.any():
            kept.append(ab if there.all() else select(ab, there))
    return kept


def needs_of_path(*, related: bool) -> frozenset[Need]:
    """Return what `path_of` needs; related where there are shifts."""
    needs: frozenset[Need] = frozenset({"placebo", "sessions"})
    return needs | {"correlation"} if related else needs


def path_of(
    known: Evidence, *, level: float, shifts: Mapping[Window, Array] | None
) -> Anticipation:
    """Judge the windows of the evidence, in which the same observations count."""
    windows = known.windows
    residual = correlations(known)
    samples = [sample_of(known, window, residual=residual) for window in windows]
    mean = np.array([float(sample.mean) for sample in samples])
    n = samples[0].n
    if n == 0:
        return _refused(windows, mean, n, EMPTY)
    began = _onset(known)
    if shifts is not None and len(shifts.get(windows[0], ())) >= MIN_SHIFTS:
        draws = _aligned(windows, shifts)
        found = [_by_recent(sample) for sample in samples]
        basis = f"{draws.shape[1]} shifts over the whole history"
    else:
        draws = _pseudo_dates(known, n)
        found = [(s.scar.mean(), (1.0 / s.se).mean()) for s in samples]
        basis = f"{draws.shape[1]} pseudo-dates of the estimation window"
        if shifts is not None:
            n_shifts = len(shifts.get(windows[0], ()))
            basis += f", as there are {n_shifts} shifts, wanted {MIN_SHIFTS}"
    observed, weight = np.array(found, np.float64).T
    if draws.shape[1] < MIN_PSEUDO_DATES:
        few = FEW_DATES.format(held=draws.shape[1], wanted=MIN_PSEUDO_DATES)
        return _refused(windows, mean, n, few, began)
    largest = np.abs(draws).max(axis=0)
    band = not_rejected(samples[0], largest, observed, weight, level)
    return Anticipation(
        windows=windows,
        estimate=mean,
        low=np.asarray(band.low, np.float64),
        high=np.asarray(band.high, np.float64),
        statistic=observed,
        pvalue=exceedance(largest, np.abs(observed), "two-sided"),
        onset=began,
        found=windows[int(np.argmax(np.abs(observed)))],
        n=n,
        basis=basis,
        reason=band.reason,
    )


def _by_recent(sample: Sample) -> tuple[Array, Array]:
    """Return the cautious statistic, and how fast it falls in the effect."""
    if sample.n == 1:
        sample = replace(sample, rbar=np.zeros(()))
    found = readings(sample, *scaled_by_recent(sample))
    own = np.fmax(found.own, found.floor)
    weight = (sample.sigma / (sample.recent * sample.se)).mean()
    return found.mean / own, weight / own


def _aligned(windows: Sequence[Window], shifts: Mapping[Window, Array]) -> Array:
    """Statistics of the shifts that have one in every window, (W, B)."""
    held = [len(shifts.get(window, ())) for window in windows]
    if len(set(held)) > 1:
        raise DataError(
            f"shifts has {', '.join(map(str, held))} statistics of these windows; "
            "wanted those of one call of placebo_shifts for all of them"
        )
    found = np.array([shifts[window] for window in windows])
    return np.asarray(found[:, np.isfinite(found).all(axis=0)])


def _pseudo_dates(known: Evidence, n: int) -> Array:
    """Mean SCARs of pseudo-dates in the estimation window, (W, B)."""
    lengths = [window[1] - window[0] + 1 for window in known.windows]
    most = max(lengths)
    # Windows of one pseudo-date end on the same session.
    total, count = (
        np.array([known.sums[f"{name}_{k}"][most - k :] for k in lengths])
        for name in ("placebo", "placebo_count")
    )
    there = (count >= max(1.0, 0.5 * n)).all(axis=0)
    return np.asarray(total[:, there] / count[:, there], np.float64)


def _refused(
    windows: tuple[Window, ...],
    mean: Array,
    n: int,
    reason: str,
    began: Array | None = None,
) -> Anticipation:
    nan = np.full(len(windows), np.nan)
    return Anticipation(
        windows=windows,
        estimate=mean,
        low=nan,
        high=nan,
        statistic=nan,
        pvalue=nan,
        onset=nan if began is None else began,
        found=None,
        n=n,
        reason=reason,
    )


def _onset(known: Evidence) -> Array:
    """Probabilities (W,) that the mean abnormal return moved with a window's start."""
    with np.errstate(invalid="ignore"):
        mean = known.sums["session"] / known.sums["session_count"]
    n_past = known.clocks.estimation.shape[1]
    path = mean[n_past:][known.columns(known.windows[0])]
    found = np.full(len(known.windows), np.nan)
    past = mean[:n_past]
    if np.isfinite(path).all() and np.isfinite(past).sum() > 1:
        found = onset(path, past[np.isfinite(past)])[: len(found)]
        found = found / found.sum()
    return found


def onset(path: Array, past: Array, *, kappa: float = 1.0) -> Array:
    """Probability of each session that a lasting shift of the mean began with it.

    The sessions before the shift have mean 0, those from it on mean μ; the prior is
    normal-inverse-gamma, ``μ ~ N(0, σ²/kappa)`` and σ² as the earlier sessions have
    it, and every session is as likely beforehand. It is conditional on there being a
    shift, so it is a picture of when, not a test of whether.

    Parameters
    ----------
    path : array (L,)
        Mean abnormal returns by session, such as standardised ones.
    past : array (T,)
        The same of earlier sessions, without an effect.
    kappa : float
        Sessions that the prior of μ is worth.

    Returns
    -------
    array (L,)
        Probabilities, which sum to 1.

    Raises
    ------
    DataError
        For values that are not finite, no path, no past, or a past without variance.
    SpecError
        For a kappa that is not positive.

    References
    ----------
    Smith (1975), Biometrika 62, for one change point; Gelman et al. (2013), Bayesian
    Data Analysis, section 3.3, for the prior.

    Examples
    --------
    >>> past = np.tile([1.0, -1.0], 30)
    >>> onset(np.array([0.2, -0.1, 2.0, 2.2]), past).round(2)
    array([0.14, 0.2 , 0.54, 0.12])
    """
    path, past = np.asarray(path, np.float64), np.asarray(past, np.float64)
    square = float((past**2).sum())
    if not len(path) or not np.isfinite(path).all() or not np.isfinite(square):
        raise DataError("path and past must be finite, and path not empty")
    if square <= 0:
        raise DataError("past has no variance to compare the path with")
    if not kappa > 0:
        raise SpecError(f"kappa = {kappa}: wanted a number above 0")
    held = np.arange(len(path), 0, -1)
    total = path[::-1].cumsum()[::-1]
    rest = square + (path**2).sum() - total**2 / (kappa + held)
    log = -0.5 * np.log1p(held / kappa)
    log -= 0.5 * (len(past) + len(path)) * np.log(rest)
    weight = np.exp(log - log.max())
    return np.asarray(weight / weight.sum(), np.float64)
