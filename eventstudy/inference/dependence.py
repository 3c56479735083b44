"""How far N observations are N facts: shared dates, correlation, effective number."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Clock, IntArray
from eventstudy.core.errors import SpecError
from eventstudy.core.overlap import linked
from eventstudy.core.windows import Window, as_window
from eventstudy.inference.aggregates import Evidence, collect
from eventstudy.inference.shared_error import (
    Matrix,
    Moments,
    clock_means,
    counts_of,
    error_key,
    observation_moments,
    pair_sum,
)
from eventstudy.inference.sums import (
    MAX_ASSETS,
    AssetSeries,
    NumberedDates,
    members,
    numbered,
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
    nu : float
        Degrees of freedom of the observations' cross-sectional variance, N - 1 when all
        are equally correlated, fewer otherwise; nan as rbar.
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
    nu: float
    n_effective: float
    n_unmeasured: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Correlations:
    """Correlations between assets within a session, exact (A, A) or pooled.

    assets, matrix, measured : exact;  pooled : one number for all pairs, otherwise
    evidence : where the sums of loadings are
    """

    assets: IntArray | None = None
    matrix: Array | None = None
    measured: BoolArray | None = None
    pooled: float = np.nan
    calendar: NumberedDates
    evidence: Evidence

    def moments(self, window: Window, asset: IntArray, clock: IntArray) -> Moments:
        """Moments of R between observations, from their clocks' mean loadings."""
        dates, held = members(clock), members(asset)
        n_assets, column = held.n, held.index
        if self.assets is not None:
            n_assets = len(self.assets)
            column = np.searchsorted(self.assets, held.values)[column]
        cells = counts_of(dates.index, column, (dates.n, n_assets))
        matrix = self.pooled if self.matrix is None else self.matrix
        means = self.clock_means(window, clock)
        return observation_moments(means, cells, matrix)

    def clock_means(self, window: Window, clock: IntArray) -> Matrix:
        """Mean loadings (R, D) of the distinct clocks of observations."""
        total = self.evidence.sums[error_key(window)]
        return clock_means(total, self.calendar.whole, clock, self.calendar.n_whole)

    def rbar(self, window: Window, asset: IntArray, clock: IntArray) -> float:
        """Mean correlation between two observations."""
        by_asset = self.evidence.series[error_key(window)]
        n = len(asset)
        if n < 2:
            return np.nan
        if self.matrix is None or by_asset is None:
            return float(self.moments(window, asset, clock).rbar)
        total = float(pair_sum(by_asset.total, self.matrix)) - n
        return total / (n * (n - 1.0))


def dependence(
    data: Abnormal | Evidence,
    window: Window,
    *,
    groups: Mapping[int, int] | None = None,
) -> Dependence:
    """Return N, dates, clusters, mean correlation and effective N of a window.

    The mean correlation is ``r̄_w = 1/(N(N-1)) Σ_{i≠j} R_ij`` with ``R_ij = ρ κ_ij /
    sqrt(κ_ii κ_jj)``: ρ is the correlation of two assets' standardised estimation
    residuals on common dates, and ``κ_ij = Σ_t a_i(t) a_j(t)`` of the `loadings` says
    how far the two CARs rest on the same sessions, those of their windows and, through
    the estimates of what is normal, those of their estimation windows. Without
    parameters ``κ_ij / κ_ii`` is the share of common sessions. With one shared date r̄
    is that of Kolari & Pynnönen (2010), Review of Financial Studies 23, eq. 11; for
    partly overlapping windows see Kolari, Pape & Pynnönen (2018); shared estimation
    error is our addition. ν: see `Moments`. Cost is linear in N. Up to 500 assets ρ is
    worked out asset by asset; beyond, it is pooled over all pairs and dates,
    ``Σ_t [(Σz)² - Σz²] / Σ_t [(Σm)² - Σm]``.

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
    >>> round(dependence(ab, (-1, 1)).n_effective, 9)
    1.0
    """
    window = as_window(window)
    if isinstance(data, Abnormal):
        data = collect(data, [window], frozenset({"correlation"}))
    column = data.windows.index(window)
    vectors = data.vectors
    used = vectors.usable & (vectors.n_valid[:, column] > 0)
    dates = dates_of(data.clocks, vectors.clock[used], data.columns(window))
    return measure(
        correlations(data, groups=groups),
        window,
        asset=vectors.asset[used],
        clock=vectors.clock[used],
        dates=dates,
        labels=dates.clusters,
    )


def correlations(
    evidence: Evidence,
    *,
    series: str = "residual",
    groups: Mapping[int, int] | None = None,
    of: Evidence | None = None,
    calendar: NumberedDates | None = None,
) -> Correlations | None:
    """Return the assets' correlations, None when they were not collected.

    of : where the loadings are, by default in the evidence itself
    calendar : the numbered dates of the clocks, where they are known already
    """
    of = evidence if of is None else of
    calendar = numbered_dates(evidence.clocks) if calendar is None else calendar
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
            assets=by_asset.assets,
            matrix=matrix,
            measured=measured,
            calendar=calendar,
            evidence=of,
        )
    if f"pooled_{series}_sum" not in evidence.sums:
        return None
    rho = _pooled(
        evidence.sums[f"pooled_{series}_sum"],
        evidence.sums[f"pooled_{series}_count"],
    )
    return Correlations(pooled=rho, calendar=calendar, evidence=of)


def _pooled(z: Array, m: Array) -> float:
    """One correlation from sums of standardised series and counts by date, (D,)."""
    own = m.sum()  # Σ_t Σ_i z² = Σ_t Σ_i m, by scaling
    pairs = float((m * m).sum() - own)
    return float((z * z).sum() - own) / pairs if pairs > 0 else 0.0


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
    def clusters(self) -> IntArray:
        """Number of each observation's cluster: windows that share a session, (n,)."""
        n, length = self.day.shape
        rows = np.repeat(np.arange(n), length)
        return linked(n, rows, self.day.ravel())[self.index]


def dates_of(clocks: Clock, clock: IntArray, columns: slice) -> Dates:
    """Return the distinct dates of observations with the event clocks ``clock``."""
    distinct = members(clock)
    day, n_days = numbered(clocks.event[distinct.values, columns])
    return Dates(clocks=distinct.values, index=distinct.index, day=day, n_days=n_days)


def date_clusters(clocks: Clock, clock: IntArray, columns: slice) -> IntArray:
    """Number the clusters of dates, (n,): windows that share a session are together."""
    return dates_of(clocks, clock, columns).clusters


def measure(
    known: Correlations | None,
    window: Window,
    *,
    asset: IntArray,
    clock: IntArray,
    dates: Dates,
    labels: IntArray,
) -> Dependence:
    """Return the dependence of observations of ``asset`` and ``clock`` (n,).

    dates : theirs;  labels : their clusters of dates
    """
    rbar, nu, n_unmeasured = np.nan, np.nan, 0
    if known is not None and len(asset) > 1:
        found = known.moments(window, asset, clock)
        nu = float(found.nu)
        rbar = (
            float(found.rbar)
            if known.matrix is None
            else known.rbar(window, asset, clock)
        )
        if known.matrix is not None:
            n_unmeasured = _unmeasured(known, asset, dates)
    return dependence_from(
        n=len(asset),
        n_dates=len(dates.clocks),
        n_clusters=int(labels.max()) + 1 if len(asset) else 0,
        rbar=rbar,
        nu=nu,
        n_unmeasured=n_unmeasured,
    )


def dependence_from(
    *,
    n: int,
    n_dates: int,
    n_clusters: int,
    rbar: float,
    nu: float,
    n_unmeasured: int,
) -> Dependence:
    """Return the dependence with the effective number of observations."""
    inflation = 1.0 + (n - 1) * rbar if n > 1 else 1.0
    return Dependence(
        n=n,
        n_dates=n_dates,
        n_clusters=n_clusters,
        rbar=rbar,
        nu=nu,
        n_effective=float(n / inflation) if inflation > 0 else float("nan"),
        n_unmeasured=n_unmeasured,
    )


def _pairwise(series: AssetSeries) -> tuple[Array, BoolArray]:
    """Correlation matrix (A, A) on common dates, 0 where there are fewer than 30."""
    there = series.count > 0
    z = np.divide(series.total, series.count, out=np.zeros(there.shape), where=there)
    # On dates that all assets have, sums over the dates are those of each alone.
    full = there.all(axis=0)
    m, rest = there[:, ~full].astype(np.float64), z[:, ~full]
    n = m @ m.T + float(full.sum())
    sum_a = rest @ m.T + z[:, full].sum(axis=1)[:, None]
    square_a = (rest * rest) @ m.T + (z[:, full] ** 2).sum(axis=1)[:, None]
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = z @ z.T - sum_a * sum_a.T / n
        variance = square_a - sum_a**2 / n
        matrix = covariance / np.sqrt(variance * variance.T)
    measured = n >= MIN_COMMON_DATES
    matrix = np.where(measured & np.isfinite(matrix), matrix, 0.0)
    np.fill_diagonal(matrix, 1.0)
    np.fill_diagonal(measured, val=True)
    return matrix, measured


def _unmeasured(known: Correlations, asset: IntArray, dates: Dates) -> int:
    """Pairs of assets without a ρ although their windows share sessions."""
    assert known.assets is not None
    assert known.measured is not None
    if known.measured.all():
        return 0
    index = np.searchsorted(known.assets, asset)
    active = np.zeros((len(known.assets), dates.n_days))
    for day in dates.day.T:
        active[index, day[dates.index]] = 1.0
    shared = active @ active.T
    return int(np.triu((shared > 0) & ~known.measured, 1).sum())
