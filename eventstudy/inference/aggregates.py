"""What tests need of the observations, in a value that merges.

Per observation only scalars are kept (a CAR, its standard error, ...); whatever needs
whole series is kept as sums over observations per session or per asset. So memory
does not grow with the length of the windows times the number of observations, and
chunks, threads and machines give the same numbers.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Clock, IntArray, Status
from eventstudy.core.errors import SpecError
from eventstudy.core.loadings import unit_loadings
from eventstudy.core.windows import (
    Window,
    buy_and_hold,
    columns,
    columns_from,
    cumulate,
    length_of,
)
from eventstudy.inference.shared_error import error_key
from eventstudy.inference.standardised import (
    daily_sar,
    pseudo_scars,
    recent_volatility,
    standardised_residuals,
)

Need = Literal[
    "correlation",
    "residuals",
    "sessions",
    "days",
    "placebo",
    "ranks",
    "signs",
    "granks",
    "rank_z",
]
Outcome = Literal["car", "scar", "bhar"]

# Up to here correlations are kept asset by asset, beyond they are pooled by date.
MAX_ASSETS = 500


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberedDates:
    """Distinct dates of a table of clocks, numbered.

    day : (G, T) the estimation dates among n_days of them
    whole : (G, T+L) all dates, those of the event windows too, among n_whole
    """

    clocks: Clock
    day: IntArray
    n_days: int
    whole: IntArray
    n_whole: int


def numbered_dates(clocks: Clock) -> NumberedDates:
    """Number the distinct dates of the clocks' windows."""
    both = np.concatenate([clocks.estimation, clocks.event], axis=1)
    (day, n_days), (whole, n_whole) = (_numbered(v) for v in (clocks.estimation, both))
    return NumberedDates(
        clocks=clocks, day=day, n_days=n_days, whole=whole, n_whole=n_whole
    )


def _numbered(days: IntArray) -> tuple[IntArray, int]:
    distinct, index = np.unique(days, return_inverse=True)
    return np.asarray(index, np.int64).reshape(days.shape), len(distinct)


@dataclass(frozen=True, slots=True, kw_only=True)
class Vectors:
    """Scalars per observation: (E,), or (E, W) with one column per window.

    usable : has an estimate;  n_parameters : regressors of the model
    positive : share of positive estimation residuals
    recent, recent_n : recent volatility and its returns, see `recent_volatility`
    car, se, n_valid, sar_sum, effect : per window; see `cumulate`. sar_sum is the sum
        of the daily standardised abnormal returns; effect the outcome tested
    sar : (E, L) daily standardised abnormal returns, (E, 0) unless asked for
    """

    usable: BoolArray
    asset: IntArray
    clock: IntArray
    sigma: Array
    df: Array
    n_estimation: IntArray
    positive: Array
    recent: Array
    recent_n: Array
    car: Array
    se: Array
    n_valid: IntArray
    sar_sum: Array
    effect: Array
    sar: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetSeries:
    """Sums (A, D) and counts (A, D) of series by asset and date.

    Counts have no columns where the sums are not to be averaged.
    """

    assets: IntArray
    total: Array
    count: Array

    def __add__(self, other: "AssetSeries") -> "AssetSeries":
        """Add ``other``, whose assets are all here, in place."""
        rows = np.searchsorted(self.assets, other.assets)
        self.total[rows] += other.total
        self.count[rows] += other.count
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """The mergeable aggregate of any number of observations.

    Parameters
    ----------
    windows : tuple of (int, int)
        (start, end) in event time, both ends included.
    clocks : Clock
        The calendar dates of event time, shared by all observations.
    first_offset : int
        Event time of the first event-window column.
    outcome : {"car", "scar", "bhar"}
        What is tested.
    vectors : Vectors
        Scalars per observation.
    sums : mapping of str to array
        Arrays that add up.
    series : mapping of str to AssetSeries or None
        Sums by asset and date, None once there are more than `MAX_ASSETS` assets.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> ab = constant_mean(np.eye(8)[:3], n_estimation=5)
    >>> collect(ab, [(0, 0)], frozenset()).vectors.car.shape
    (3, 1)
    """

    windows: tuple[Window, ...]
    clocks: Clock
    first_offset: int
    outcome: Outcome
    vectors: Vectors
    sums: Mapping[str, Array]
    series: Mapping[str, AssetSeries | None]

    def columns(self, window: Window) -> slice:
        """Return the event-window columns of a window in event time.

        Parameters
        ----------
        window : (int, int)
            First and last session, both included.

        Returns
        -------
        slice
            Of the event-window columns.
        """
        return columns_from(self.first_offset, self.clocks.event.shape[1], window)


def collect(
    ab: Abnormal,
    windows: Sequence[Window],
    needs: frozenset[Need],
    *,
    outcome: Outcome = "car",
    calendar: NumberedDates | None = None,
) -> Evidence:
    """Reduce one chunk of observations to `Evidence`.

    Parameters
    ----------
    ab : Abnormal
        The abnormal returns of E observations.
    windows : sequence of (int, int)
        (start, end) in event time, both ends included.
    needs : set of str
        What the tests will ask for, see `EventTest`.
    outcome : {"car", "scar", "bhar"}
        What is tested.
    calendar : NumberedDates, optional
        The numbered dates of the clocks, where they are known already.

    Returns
    -------
    Evidence
        To be merged with that of other chunks.

    Raises
    ------
    SpecError
        For a window outside the event window.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> ab = constant_mean(np.eye(8)[:3], n_estimation=5)
    >>> sorted(collect(ab, [(0, 0)], frozenset({"placebo"})).sums)
    ['placebo_1', 'placebo_count_1']
    """
    calendar = numbered_dates(ab.clocks) if calendar is None else calendar
    sums: dict[str, Array] = {}
    series: dict[str, AssetSeries | None] = {}
    if "correlation" in needs:
        pooled, by_asset = co_movement(ab, calendar, standardised_residuals(ab))
        sums |= {f"pooled_residual_{k}": v for k, v in pooled.items()}
        series["residual"] = by_asset
        for window in windows:
            key = error_key(window)
            sums[key], series[key] = shared_loadings(ab, window, calendar)
    if "residuals" in needs:
        present = (ab.status == Status.OK)[:, None] & ~np.isnan(ab.residuals)
        sums["residual"] = by_clock(ab, np.where(present, ab.residuals, 0.0))
        sums["residual_count"] = by_clock(ab, present.astype(np.float64))
    if "days" in needs:
        z = standardised_residuals(ab)
        present = (ab.status == Status.OK)[:, None] & ~np.isnan(z)
        sums["day_z"] = by_clock(ab, np.where(present, z, 0.0))
        sums["day_count"] = by_clock(ab, present.astype(np.float64))
    if "placebo" in needs:
        for length in sorted(set(map(length_of, windows))):
            scar = pseudo_scars(ab, length)
            sums[f"placebo_{length}"] = np.nansum(scar, axis=0)
            sums[f"placebo_count_{length}"] = (~np.isnan(scar)).sum(axis=0, dtype=float)
    if "sessions" in needs:
        share = np.sqrt(ab.df / np.maximum(ab.n_estimation, 1))
        with np.errstate(divide="ignore", invalid="ignore"):
            z = standardised_residuals(ab) / share[:, None]
        series_z = np.concatenate([z, daily_sar(ab)], axis=1)
        sums["session"] = np.nansum(series_z, axis=0)
        sums["session_count"] = (~np.isnan(series_z)).sum(axis=0, dtype=float)
    if "rank_z" in needs:
        sar = daily_sar(ab)
        sums["sar"] = np.nansum(sar, axis=0)
        sums["sar_square"] = np.nansum(sar**2, axis=0)
        sums["sar_count"] = (~np.isnan(sar)).sum(axis=0, dtype=float)
    return Evidence(
        windows=tuple(windows),
        clocks=ab.clocks,
        first_offset=ab.first_offset,
        outcome=outcome,
        vectors=_vectors(ab, windows, needs, outcome),
        sums=sums,
        series=series,
    )


def merge(a: Evidence, b: Evidence) -> Evidence:
    """Return the evidence of both; order matters only for rounding.

    Parameters
    ----------
    a, b : Evidence
        Of two chunks of one study.

    Returns
    -------
    Evidence
        Of all their observations.

    Raises
    ------
    SpecError
        When they do not share clocks, event window, windows and outcome.

    Examples
    --------
    >>> from eventstudy.models import constant_mean
    >>> ab = constant_mean(np.eye(8)[:3], n_estimation=5)
    >>> part = collect(ab, [(0, 0)], frozenset())
    >>> merge(part, part).vectors.car.shape
    (6, 1)
    """
    return merge_all((a, b))


def merge_all(parts: Iterable[Evidence]) -> Evidence:
    """Merge evidence in order; sums are added as they come, vectors joined at the end.

    Raises `SpecError` when the parts do not share one table of clocks.
    """
    first: Evidence | None = None
    vectors: list[Vectors] = []
    total = Totals()
    for part in parts:
        if first is None:
            first = part
        else:
            _check_same_study(first, part)
        total.add(part.sums, part.series)
        vectors.append(part.vectors)
    if first is None:
        raise SpecError("there is nothing to test: no chunk of observations was given")
    joined = Vectors(
        **{
            f.name: np.concatenate([getattr(v, f.name) for v in vectors])
            for f in fields(Vectors)
        }
    )
    return Evidence(
        windows=first.windows,
        clocks=first.clocks,
        first_offset=first.first_offset,
        outcome=first.outcome,
        vectors=joined,
        sums=total.sums,
        series=total.series,
    )


class Totals:
    """Running totals of sums by name and of series by asset, added in place."""

    def __init__(self) -> None:
        self.sums: dict[str, Array] = {}
        self.series: dict[str, AssetSeries | None] = {}

    def add(
        self, sums: Mapping[str, Array], series: Mapping[str, AssetSeries | None]
    ) -> None:
        """Add one part; its own arrays are left as they are."""
        for name, value in sums.items():
            if name in self.sums:
                self.sums[name] += value
            else:
                self.sums[name] = value.copy()
        for name, found in series.items():
            if name in self.series:
                self.series[name] = _merge_series(self.series[name], found)
            else:
                self.series[name] = found and _zeros(found.assets, found) + found


def by_clock(ab: Abnormal, values: Array) -> Array:
    """Sum the rows of ``values`` (E, T) that share a clock: (G, T)."""
    n_clocks = len(ab.clocks.estimation)
    if n_clocks == 1:
        return np.asarray(values.sum(axis=0, keepdims=True), np.float64)
    from scipy.sparse import csr_array

    n_obs = len(values)
    rows = csr_array(
        (np.ones(n_obs), (ab.clock, np.arange(n_obs))), shape=(n_clocks, n_obs)
    )
    return np.asarray(rows @ values, np.float64)


def co_movement(
    ab: Abnormal, calendar: NumberedDates, z: Array
) -> tuple[dict[str, Array], AssetSeries | None]:
    """Sums of series ``z`` (E, T): by clock, and by asset and date.

    Every row is first brought to mean 0 and mean square 1, so that mean products of
    two complete rows are their correlation.
    """
    valid = (ab.status == Status.OK)[:, None] & ~np.isnan(z)
    present = valid.astype(np.float64)
    count = np.maximum(present.sum(axis=1), 1.0)
    z = np.where(valid, z, 0.0)
    z -= (z.sum(axis=1) / count)[:, None] * present
    size = np.sqrt(np.einsum("et,et->e", z, z) / count)
    z /= np.where(size > 0, size, 1.0)[:, None]
    pooled = {"sum": by_clock(ab, z), "count": by_clock(ab, present)}
    assets, index = np.unique(ab.asset, return_inverse=True)
    if len(assets) > MAX_ASSETS:
        return pooled, None
    cell = (index[:, None] * calendar.n_days + calendar.day[ab.clock]).ravel()
    shape = (len(assets), calendar.n_days)
    size = shape[0] * shape[1]
    return pooled, AssetSeries(
        assets=np.asarray(assets, np.int64),
        total=np.asarray(np.bincount(cell, z.ravel(), size), np.float64).reshape(shape),
        count=np.asarray(np.bincount(cell, present.ravel(), size), float).reshape(
            shape
        ),
    )


def shared_loadings(
    ab: Abnormal, window: Window, calendar: NumberedDates
) -> tuple[Array, AssetSeries | None]:
    """Sums of the unit `loadings` by clock (G, T+L), and by asset and date."""
    values = unit_loadings(ab, window)
    assets, index = np.unique(ab.asset, return_inverse=True)
    sums = by_clock(ab, values)
    if len(assets) > MAX_ASSETS:
        return sums, None
    cell = (index[:, None] * calendar.n_whole + calendar.whole[ab.clock]).ravel()
    shape = (len(assets), calendar.n_whole)
    total = np.bincount(cell, values.ravel(), shape[0] * shape[1])
    return sums, AssetSeries(
        assets=np.asarray(assets, np.int64),
        total=np.asarray(total, np.float64).reshape(shape),
        count=np.zeros((len(assets), 0)),
    )


def _merge_series(a: AssetSeries | None, b: AssetSeries | None) -> AssetSeries | None:
    if a is None or b is None:
        return None
    assets = np.union1d(a.assets, b.assets)
    if len(assets) > MAX_ASSETS:
        return None
    if len(assets) == len(a.assets):
        return a + b
    return _zeros(assets, a) + a + b


def _zeros(assets: IntArray, like: AssetSeries) -> AssetSeries:
    total, count = (
        np.zeros((len(assets), v.shape[1])) for v in (like.total, like.count)
    )
    return AssetSeries(assets=assets, total=total, count=count)


def _vectors(
    ab: Abnormal, windows: Sequence[Window], needs: frozenset[Need], outcome: Outcome
) -> Vectors:
    n_valid_residuals = np.maximum((~np.isnan(ab.residuals)).sum(axis=1), 1)
    sar = daily_sar(ab)
    recent, recent_n = recent_volatility(ab)
    held = [columns(ab, window) for window in windows]
    sums = [cumulate(ab, window) for window in windows]
    car = np.column_stack([s.car for s in sums])
    se = np.column_stack([s.se for s in sums])
    effect = car
    if outcome == "scar":
        effect = car / se
    elif outcome == "bhar":
        effect = np.column_stack([buy_and_hold(ab, w) for w in windows])
    return Vectors(
        usable=ab.status == Status.OK,
        asset=ab.asset,
        clock=ab.clock,
        sigma=ab.sigma,
        df=ab.df,
        n_estimation=ab.n_estimation,
        positive=(ab.residuals > 0).sum(axis=1) / n_valid_residuals,
        recent=recent,
        recent_n=recent_n,
        car=car,
        se=se,
        n_valid=np.column_stack([s.n_valid for s in sums]),
        sar_sum=np.column_stack([np.nansum(sar[:, at], axis=1) for at in held]),
        effect=effect,
        sar=sar if "days" in needs else sar[:, :0],
    )


def _check_same_study(a: Evidence, b: Evidence) -> None:
    same = a.clocks is b.clocks or (
        np.array_equal(a.clocks.estimation, b.clocks.estimation)
        and np.array_equal(a.clocks.event, b.clocks.event)
    )
    if not same:
        raise SpecError(
            "chunks of one study must share one table of clocks; these differ, so "
            "common dates could not be recognised"
        )
    if a.first_offset != b.first_offset:
        raise SpecError(
            f"chunks of one study must share one event window; these begin on "
            f"{a.first_offset:+d} and {b.first_offset:+d}"
        )
    if a.windows != b.windows or a.outcome != b.outcome:
        raise SpecError("evidence of different windows or outcomes cannot be merged")
