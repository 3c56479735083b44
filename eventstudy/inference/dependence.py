"""How far N observations are N facts: shared dates, correlation, effective number."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Clock, IntArray
from eventstudy.core.errors import SpecError
from eventstudy.core.overlap import linked
from eventstudy.core.windows import Window
from eventstudy.inference.aggregates import (
    MAX_ASSETS,
    AssetSeries,
    Evidence,
    NumberedDates,
    collect,
    numbered_dates,
)

# Fewer common dates than this do not make a correlation.
MIN_COMMON_DATES = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class Dependence:
    """Dependence between the observations of one window.

    Parameters
    ----------
    n : int
        Observations.
    n_dates : int
        Distinct event clocks (calendar and day 0).
    n_clusters : int
        Groups of dates whose windows share a session, directly or by a chain.
    rbar : float
        Mean over all pairs of observations of the correlation between their two
        windows' sums; nan when it was not worked out or N = 1.
    n_effective : float
        ``N / (1 + (N-1) rbar)``, the effective number of independent observations.
    n_unmeasured : int
        Pairs of assets with fewer than 30 common dates, taken as uncorrelated although
        their windows share sessions.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> y = np.random.default_rng(1).normal(size=(5, 63))
    >>> dependence(constant_mean(y, n_estimation=60), (0, 0)).n_clusters
    1
    """

    n: int
    n_dates: int
    n_clusters: int
    rbar: float
    n_effective: float
    n_unmeasured: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlations:
    """Correlations between assets, exact (A, A), or pooled from sums by clock.

    Exact: ``assets``, ``matrix`` and ``measured``. Pooled: ``by_clock`` (G, D) sums
    and counts of standardised residuals.
    """

    assets: IntArray | None = None
    matrix: Array | None = None
    measured: BoolArray | None = None
    pooled: tuple[Array, Array] | None = None
    calendar: NumberedDates


def dependence(
    data: Abnormal | Evidence,
    window: Window,
    *,
    groups: Mapping[int, int] | None = None,
) -> Dependence:
    """Return N, dates, clusters, mean correlation and effective N of a window.

    The mean correlation is ``r̄_w = 1/(N(N-1)) Σ_{i≠j} ρ_{a(i)a(j)} |W_i ∩ W_j| / L_w``
    with W_i the calendar sessions of observation i's window and ρ the correlation of
    two assets' standardised estimation residuals on common dates. With one shared
    date it is the r̄ of Kolari & Pynnönen (2010), eq. 11; for partly overlapping
    windows see Kolari, Pape & Pynnönen (2018). Cost is linear in N. Up to 500 assets ρ
    is worked out asset by asset; beyond, it is pooled over the pairs active on a date,
    ``Σ_t [(Σz)² - Σz²] / Σ_t [(Σm)² - Σm]``, which is the same when the series are
    complete.

    Parameters
    ----------
    data : Abnormal or Evidence
        The observations; evidence that was collected with "correlation" and the window.
    window : (int, int)
        (start, end) in event time, both ends included.
    groups : mapping of int to int, optional
        Asset code -> group; given, assets of different groups count as uncorrelated
        (blocks by industry).

    Returns
    -------
    Dependence
        Of the observations with an estimate and a return in the window.

    Raises
    ------
    SpecError
        For an asset without a group, or groups of more than 500 assets.

    References
    ----------
    Kolari & Pynnönen (2010), Review of Financial Studies 23; Kolari, Pape & Pynnönen
    (2018).

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> common = np.random.default_rng(0).normal(size=(1, 63))
    >>> ab = constant_mean(np.repeat(common, 4, axis=0), n_estimation=60)
    >>> dependence(ab, (-1, 1)).n_effective
    1.0
    """
    if isinstance(data, Abnormal):
        data = collect(data, [window], frozenset({"correlation"}))
    column = data.windows.index(window)
    vectors = data.vectors
    used = vectors.usable & (vectors.n_valid[:, column] > 0)
    dates = dates_of(data.clocks, vectors.clock[used], data.columns(window))
    return measure(
        correlations(data, groups=groups),
        asset=vectors.asset[used],
        dates=dates,
        labels=dates.clusters,
    )


def correlations(
    evidence: Evidence,
    *,
    series: str = "residual",
    groups: Mapping[int, int] | None = None,
) -> Correlations | None:
    """Return the assets' correlations, None when they were not collected."""
    calendar = numbered_dates(evidence.clocks)
    if groups is not None and evidence.series.get(series, False) is None:
        raise SpecError(
            f"blocks by group need correlations asset by asset: at most {MAX_ASSETS} "
            "assets"
        )
    by_asset = evidence.series.get(series)
    if by_asset is not None:
        matrix, measured = _pairwise(by_asset)
        if groups is not None:
            block = np.array([_group(groups, int(a)) for a in by_asset.assets])
            matrix = np.where(block[:, None] == block, matrix, 0.0)
        return Correlations(
            assets=by_asset.assets, matrix=matrix, measured=measured, calendar=calendar
        )
    if f"pooled_{series}_sum" not in evidence.sums:
        return None
    pooled = (
        evidence.sums[f"pooled_{series}_sum"],
        evidence.sums[f"pooled_{series}_count"],
    )
    return Correlations(pooled=pooled, calendar=calendar)


def _group(groups: Mapping[int, int], asset: int) -> int:
    if asset not in groups:
        raise SpecError(f"asset {asset} has no group; groups must name every asset")
    return groups[asset]


@dataclass(frozen=True, slots=True, kw_only=True)
class Dates:
    """The R distinct event clocks of n observations, in one window.

    clocks : (R,) their rows;  index : (n,) each observation's place among them
    day : (R, L) number of the session;  n_days : distinct sessions
    """

    clocks: IntArray
    index: IntArray
    day: IntArray
    n_days: int

    @property
    def lived(self) -> Array:
        """1 where a clock's window holds the session, (R, n_days)."""
        out = np.zeros((len(self.clocks), self.n_days))
        out[np.arange(len(self.clocks))[:, None], self.day] = 1.0
        return out

    @property
    def clusters(self) -> IntArray:
        """Number of each observation's cluster: windows that share a session, (n,)."""
        n, length = self.day.shape
        rows = np.repeat(np.arange(n), length)
        return linked(n, rows, self.day.ravel())[self.index]


def dates_of(clocks: Clock, clock: IntArray, columns: slice) -> Dates:
    """Return the distinct dates of observations with the event clocks ``clock``."""
    rows, index = np.unique(clock, return_inverse=True)
    dates = clocks.event[rows, columns]
    distinct, day = np.unique(dates, return_inverse=True)
    return Dates(
        clocks=rows,
        index=np.asarray(index, np.int64),
        day=np.asarray(day, np.int64).reshape(dates.shape),
        n_days=len(distinct),
    )


def date_clusters(clocks: Clock, clock: IntArray, columns: slice) -> IntArray:
    """Number the clusters of dates, (n,): windows that share a session are together."""
    return dates_of(clocks, clock, columns).clusters


def measure(
    known: Correlations | None, *, asset: IntArray, dates: Dates, labels: IntArray
) -> Dependence:
    """Return the dependence of observations of ``asset`` (n,) on ``dates``.

    labels : their clusters of dates
    """
    n, length = len(asset), dates.day.shape[1]
    rbar, n_unmeasured = np.nan, 0
    if known is not None and n > 1:
        if known.matrix is not None:
            total, n_unmeasured = _exact_sum(known, asset, dates)
        else:
            total = _pooled_sum(known, dates)
        rbar = total / (n * (n - 1.0) * length)
    return dependence_from(
        n=n,
        n_dates=len(dates.clocks),
        n_clusters=int(labels.max()) + 1 if n else 0,
        rbar=float(rbar),
        n_unmeasured=n_unmeasured,
    )


def dependence_from(
    *, n: int, n_dates: int, n_clusters: int, rbar: float, n_unmeasured: int
) -> Dependence:
    """Return the dependence with the effective number of observations."""
    inflation = 1.0 + (n - 1) * rbar if n > 1 else 1.0
    return Dependence(
        n=n,
        n_dates=n_dates,
        n_clusters=n_clusters,
        rbar=rbar,
        n_effective=float(n / inflation) if inflation > 0 else float("nan"),
        n_unmeasured=n_unmeasured,
    )


def _pairwise(series: AssetSeries) -> tuple[Array, BoolArray]:
    """Correlation matrix (A, A) on common dates, 0 where there are fewer than 30."""
    m = (series.count > 0).astype(np.float64)
    z = np.divide(series.total, series.count, out=np.zeros_like(m), where=m > 0)
    n = m @ m.T
    sum_a, square_a = z @ m.T, (z * z) @ m.T
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = z @ z.T - sum_a * sum_a.T / n
        variance = square_a - sum_a**2 / n
        matrix = covariance / np.sqrt(variance * variance.T)
    measured = n >= MIN_COMMON_DATES
    matrix = np.where(measured & np.isfinite(matrix), matrix, 0.0)
    np.fill_diagonal(matrix, 1.0)
    np.fill_diagonal(measured, val=True)
    return matrix, measured


def _exact_sum(known: Correlations, asset: IntArray, dates: Dates) -> tuple[float, int]:
    """Σ_{i≠j} ρ |W_i ∩ W_j|, and the co-active pairs of assets without a ρ."""
    assert known.assets is not None
    assert known.matrix is not None
    assert known.measured is not None
    index = np.searchsorted(known.assets, asset)
    n_assets, n_dates = len(known.assets), len(dates.clocks)
    seen = np.bincount(index * n_dates + dates.index, minlength=n_assets * n_dates)
    active = seen.reshape(n_assets, n_dates) @ dates.lived
    shared = active @ active.T
    total = float((known.matrix * shared).sum()) - dates.day.shape[1] * len(asset)
    unmeasured = np.triu((shared > 0) & ~known.measured, 1).sum()
    return total, int(unmeasured)


def _pooled_sum(known: Correlations, dates: Dates) -> float:
    """Σ_{i≠j} ρ |W_i ∩ W_j| with one pooled ρ per event session."""
    from scipy.sparse import csr_array

    assert known.pooled is not None
    lived = csr_array(dates.lived.T)
    day = known.calendar.day[dates.clocks]
    pointer = np.arange(0, day.size + 1, day.shape[1])
    shape = (len(day), known.calendar.n_days)

    def on_calendar(values: Array) -> csr_array:
        return csr_array((values[dates.clocks].ravel(), day.ravel(), pointer), shape)

    z, m = (lived @ on_calendar(v) for v in known.pooled)
    # Σ_t z² = Σ_t m, by scaling
    own = lived @ known.pooled[1][dates.clocks].sum(axis=1)
    pairs = np.asarray((m * m).sum(axis=1)).ravel() - own
    moved = np.asarray((z * z).sum(axis=1)).ravel() - own
    active = lived @ np.bincount(dates.index, minlength=len(day)).astype(np.float64)
    rho = np.divide(moved, pairs, out=np.zeros_like(pairs), where=pairs > 0)
    return float((rho * (active**2 - active)).sum())
