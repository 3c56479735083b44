"""What a test sees: the observations used of one window, and sums over them."""

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import TypeVar

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.windows import Window, length_of
from eventstudy.inference.aggregates import Evidence, Outcome
from eventstudy.inference.dependence import (
    Correlations,
    Dates,
    Dependence,
    dates_of,
    dependence_from,
    measure,
)
from eventstudy.inference.shared_error import Moments, cluster_moments

AnyArray = TypeVar("AnyArray", Array, IntArray)


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Observations with an estimate and a valid return in the window.

    Observations are the last axis. A study has one sample, ``effect`` is (n,); a
    simulation has many on the same dates and assets, whose arrays have leading axes:
    ``effect`` is (..., n). A test that works on the last axis serves both.

    Parameters
    ----------
    window : (int, int)
        (start, end) in event time, both ends included.
    columns : slice
        Its columns of the event window.
    outcome : {"car", "scar", "bhar"}
        What ``effect`` holds.
    n_estimation_sessions : int
        Columns T of the estimation window.
    effect : array (..., n)
        The outcome tested.
    car, se, scar : array (..., n)
        Cumulative abnormal returns, their forecast standard errors, and their ratio.
    sar_sum : array (..., n)
        Sums over the window of the standardised abnormal returns per session.
    sar : array (..., n, L_w)
        The standardised abnormal returns; no columns unless the test needs "days".
    sigma, df : array (..., n)
        Residual standard deviation and degrees of freedom.
    positive : array (..., n)
        Share of positive estimation residuals.
    recent : array (..., n)
        Volatility per session of the last 30 estimation residuals, sigma where fewer
        than 15 are there.
    recent_n : array (..., n)
        How many these are, or sigma's degrees of freedom.
    n_valid, n_estimation : array of int (n,)
        Valid sessions in the window and in the estimation window.
    asset, clock : array of int (n,)
        Code of the asset, and row of the clock in sums by clock.
    labels : array of int (n,)
        Number of the cluster of dates, whose windows share sessions.
    dates : Dates
        The distinct dates.
    rbar, rank_rbar : array (...,)
        Mean correlation between two observations, from residuals and from their
        ranks; nan where it was not worked out.
    nu : array (...,)
        Degrees of freedom of the cross-sectional variance of correlated observations.
    cluster_rbar, cluster_nu : array (...,)
        The same between portfolios of the clusters of dates.
    n_unmeasured : int
        Pairs of assets without a correlation of their own.
    sums : mapping of str to array
        What was summed over all observations with an estimate: (..., sessions). Which
        are there is decided by the test's `EventTest.needs`.

    Examples
    --------
    >>> import numpy as np
    >>> import eventstudy as es
    >>> def show(sample, options):
    ...     return es.inference.Answer(estimate=sample.effect.max(), reason="shown")
    >>> ab = es.models.constant_mean(np.eye(8)[:3], n_estimation=5)
    >>> found = es.inference.battery(ab, windows=[(0, 0)], tests=[show])
    >>> found[(0, 0), "show"].estimate
    array([-0.2])
    """

    window: Window
    columns: slice
    outcome: Outcome
    n_estimation_sessions: int
    effect: Array
    car: Array
    se: Array
    scar: Array
    sar_sum: Array
    sar: Array
    sigma: Array
    df: Array
    positive: Array
    recent: Array
    recent_n: Array
    n_valid: IntArray
    n_estimation: IntArray
    asset: IntArray
    clock: IntArray
    labels: IntArray
    dates: Dates
    rbar: Array
    rank_rbar: Array
    nu: Array
    cluster_rbar: Array
    cluster_nu: Array
    n_unmeasured: int
    sums: Mapping[str, Array]

    @property
    def n(self) -> int:
        """Observations used."""
        return int(self.effect.shape[-1])

    @property
    def n_dates(self) -> int:
        """Distinct dates."""
        return len(self.dates.clocks)

    @property
    def n_clusters(self) -> int:
        """Clusters of dates."""
        return int(self.labels.max()) + 1 if self.n else 0

    @property
    def length(self) -> int:
        """Sessions of the window."""
        return length_of(self.window)

    @property
    def mean(self) -> Array:
        """Mean effect (...,): the CAAR, or the mean BHAR; nan for an empty sample."""
        if not self.n:
            return np.full(self.effect.shape[:-1], np.nan)
        return np.asarray(self.effect.mean(axis=-1), np.float64)

    @property
    def related(self) -> "Related":
        """What another sample of the same observations need not work out."""
        names = (field.name for field in fields(Related))
        return Related(**{name: getattr(self, name) for name in names})

    @property
    def dependence(self) -> Dependence:
        """The dependence of the observations of a sample without leading axes."""
        return dependence_from(
            n=self.n,
            n_dates=self.n_dates,
            n_clusters=self.n_clusters,
            rbar=float(self.rbar),
            nu=float(self.nu),
            n_unmeasured=self.n_unmeasured,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Related:
    """How far observations are related, and their clusters of dates; see `Sample`."""

    rbar: Array
    nu: Array
    cluster_rbar: Array
    cluster_nu: Array
    n_unmeasured: int


# The fields of a sample with its leading axes.
_LEADING = (
    *("effect", "car", "se", "scar", "sar_sum", "sar", "sigma", "df", "positive"),
    *("recent", "recent_n"),
    *("rbar", "rank_rbar", "nu", "cluster_rbar", "cluster_nu"),
)


def replication(samples: Sample, r: int) -> Sample:
    """Return one of many samples, which have one leading axis.

    What is counted, and variances known beforehand, are the same for all.
    """
    own = {name: getattr(samples, name)[r] for name in _LEADING}
    sums = {
        name: v if "count" in name or "variance" in name else v[r]
        for name, v in samples.sums.items()
    }
    return replace(samples, sums=sums, **own)


def sample_of(
    evidence: Evidence,
    window: Window,
    *,
    residual: Correlations | None,
    related: Related | None = None,
) -> Sample:
    """Cut the observations of one window out of the evidence.

    related : what an earlier sample of the same observations knows of them
    """
    v, column = evidence.vectors, evidence.windows.index(window)
    there = v.usable & (v.n_valid[:, column] > 0)
    # Nothing is copied where all are used: there may be tens of millions.
    used: BoolArray | slice = slice(None) if there.all() else there
    asset, clock = v.asset[used], v.clock[used]
    columns = evidence.columns(window)
    dates = dates_of(evidence.clocks, clock, columns)
    labels = dates.clusters
    if related is None:
        found = measure(
            residual, window, asset=asset, clock=clock, dates=dates, labels=labels
        )
        between = _between_clusters(residual, window, clock, dates, labels)
        related = Related(
            rbar=np.asarray(found.rbar),
            nu=np.asarray(found.nu),
            cluster_rbar=between.rbar,
            cluster_nu=between.nu,
            n_unmeasured=found.n_unmeasured,
        )
    car, se = _own(v.car, used, column), _own(v.se, used, column)
    return Sample(
        window=window,
        columns=columns,
        asset=asset,
        clock=clock,
        labels=labels,
        outcome=evidence.outcome,
        n_estimation_sessions=evidence.clocks.estimation.shape[1],
        effect=_own(v.effect, used, column),
        car=car,
        se=se,
        scar=car / se,
        sar_sum=_own(v.sar_sum, used, column),
        n_valid=_own(v.n_valid, used, column),
        sar=v.sar[used][:, columns],
        sigma=v.sigma[used],
        df=v.df[used],
        n_estimation=v.n_estimation[used],
        positive=v.positive[used],
        recent=v.recent[used],
        recent_n=v.recent_n[used],
        rbar=related.rbar,
        rank_rbar=np.asarray(np.nan),
        nu=related.nu,
        cluster_rbar=related.cluster_rbar,
        cluster_nu=related.cluster_nu,
        n_unmeasured=related.n_unmeasured,
        sums=evidence.sums,
        dates=dates,
    )


def _own(values: AnyArray, used: BoolArray | slice, column: int) -> AnyArray:
    """Return a column of the observations used, in one piece."""
    return np.ascontiguousarray(values[used, column])


def _between_clusters(
    known: Correlations | None,
    window: Window,
    clock: IntArray,
    dates: Dates,
    labels: IntArray,
) -> Moments:
    if known is None or not len(clock):
        unknown = np.asarray(np.nan)
        return Moments(n=0, total=unknown, square=unknown, edge=unknown)
    of_date = np.empty(len(dates.clocks), np.int64)
    of_date[dates.index] = labels
    return cluster_moments(known.clock_means(window, clock), of_date)


def with_ranks(
    sample: Sample, rank: Correlations | None, sums: Mapping[str, Array]
) -> Sample:
    """Add what a second walk through the observations found of their ranks."""
    rbar = sample.rank_rbar
    if rank is not None:
        rbar = np.asarray(rank.rbar(sample.window, sample.asset, sample.clock))
    return replace(sample, rank_rbar=rbar, sums={**sample.sums, **sums})


def spread(values: Array) -> Array:
    """Standard deviation (...,) over the last axis, N-1; 0 when only rounding.

    nan for fewer than two.
    """
    if values.shape[-1] < 2:
        return np.full(values.shape[:-1], np.nan)
    s = values.std(axis=-1, ddof=1)
    return np.where(s > 1e-12 * np.abs(values).max(axis=-1), s, 0.0)


def group_sums(values: Array, labels: IntArray, n_groups: int) -> Array:
    """Sum values (..., n) over groups of equal labels: (..., G)."""
    if values.ndim == 1:
        return np.asarray(np.bincount(labels, values, n_groups), np.float64)
    from scipy.sparse import csr_array

    n = len(labels)
    member = csr_array((np.ones(n), (labels, np.arange(n))), shape=(n_groups, n))
    total = (member @ values.reshape(-1, n).T).T
    return np.ascontiguousarray(total).reshape(*values.shape[:-1], n_groups)


def group_means(values: Array, labels: IntArray, n_groups: int) -> Array:
    """Means of values (..., n) over groups of equal labels: (..., G)."""
    out: Array = group_sums(values, labels, n_groups) / np.bincount(
        labels, minlength=n_groups
    )
    return out
