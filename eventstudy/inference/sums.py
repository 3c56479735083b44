"""Sums over observations that merge: by clock, by date, and by asset and date.

A chunk gives rows only for the clocks that it sees, and hands the series by asset on
as they are: they are added where all chunks add up. So a chunk costs what its
observations cost, however many dates and assets the study has.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, Clock, IntArray
from eventstudy.core.compiled import compiled

# Up to here correlations are kept asset by asset, beyond they are pooled by date.
MAX_ASSETS = 500
# Dates are numbered by a table of all days between them where it is not longer than
# this many times the dates.
_SPARSEST = 64


def kept_apart(n_assets: int) -> bool:
    """Whether there are so few assets that each one's series are kept."""
    return n_assets <= MAX_ASSETS


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
    (day, n_days), (whole, n_whole) = (numbered(v) for v in (clocks.estimation, both))
    return NumberedDates(
        clocks=clocks, day=day, n_days=n_days, whole=whole, n_whole=n_whole
    )


def numbered(days: IntArray) -> tuple[IntArray, int]:
    """Number distinct days in order, and count them.

    >>> numbered(np.array([[7, 9], [9, 12]]))
    (array([[0, 1],
           [1, 2]]), 3)
    """
    if not days.size:
        return np.zeros(days.shape, np.int64), 0
    first = int(days.min())
    width = int(days.max()) - first + 1
    if width > _SPARSEST * days.size:
        distinct, index = np.unique(days, return_inverse=True)
        return np.asarray(index, np.int64).reshape(days.shape), len(distinct)
    there = np.zeros(width, np.bool_)
    place = days - first
    there[place] = True
    number = np.cumsum(there) - 1
    return np.asarray(number[place], np.int64), int(number[-1]) + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Members:
    """The distinct values of a code among observations, and each one's place in them.

    values : (g,) in order;  index : (E,)
    """

    values: IntArray
    index: IntArray

    @property
    def n(self) -> int:
        """Distinct values."""
        return len(self.values)

    @property
    def counts(self) -> IntArray:
        """Observations of each value, (g,)."""
        return np.bincount(self.index, minlength=self.n)


def members(codes: IntArray) -> Members:
    """Find the distinct codes."""
    index, n = numbered(codes)
    values = np.zeros(n, np.int64)
    values[index] = codes
    return Members(values=values, index=index)


class RowSums:
    """Adds up the rows of arrays that belong to one of some members."""

    def __init__(self, of: Members) -> None:
        self._n, self._index = of.n, of.index
        if 1 < of.n < len(of.index):
            from scipy.sparse import csr_array

            order = np.argsort(of.index, kind="stable").astype(np.int32)
            ends = np.concatenate([[0], np.cumsum(of.counts)]).astype(np.int32)
            shape = (of.n, len(order))
            self._matrix = csr_array((np.ones(len(order)), order, ends), shape)

    def of(self, values: Array) -> Array:
        """Return the sums (g, S) of ``values`` (E, S)."""
        if self._n == 1:
            return np.asarray(values.sum(axis=0, keepdims=True), np.float64)
        if self._n == len(self._index):
            out = np.empty(values.shape)
            out[self._index] = values
            return out
        return np.asarray(self._matrix @ values, np.float64)


@dataclass(frozen=True, slots=True, kw_only=True)
class ClockSums:
    """Sums (g, S) over the observations of some clocks, ``rows`` (g,) of all."""

    rows: IntArray
    total: Array
    n_clocks: int


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetSeries:
    """Sums (A, D) and counts (A, D) of series by asset and date.

    Counts have no columns where the sums are not to be averaged.
    """

    assets: IntArray
    total: Array
    count: Array


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRows:
    """Series of observations, to be summed by asset and date.

    assets : of the observations;  values : (E, S), 0 where missing
    present : (E, S) what counts, None where all do
    averaged : whether they are to be counted
    clock : (E,);  day : (G, S) number of the date, by clock, among n_days
    many : whether there are so many observations that a compiled loop is worth it
    """

    assets: Members
    values: Array
    present: BoolArray | None
    averaged: bool
    clock: IntArray
    day: IntArray
    n_days: int
    many: bool

    def add_to(self, total: Array, count: Array, row_of: IntArray) -> None:
        """Add the observations to sums, ``row_of`` (g,) being the assets' rows."""
        row = row_of[self.assets.index]
        kernel = compiled(_add_rows, "i1 i1 i2 f2 F2") if self.many else None
        there: Array | None = None
        if self.averaged:
            whole = np.broadcast_to(1.0, self.values.shape)
            there = whole if self.present is None else self.present.astype(np.float64)
        if kernel is None:
            cell = (row[:, None] * self.n_days + self.day[self.clock]).ravel()
            np.add.at(total.reshape(-1), cell, self.values.ravel())
            if there is not None:
                np.add.at(count.reshape(-1), cell, there.ravel())
            return
        kernel(row, self.clock, self.day, self.values, total)
        if there is not None:
            kernel(row, self.clock, self.day, there, count)


def _add_rows(
    row: IntArray, clock: IntArray, day: IntArray, values: Array, total: Array
) -> None:
    """Add values to rows of sums by date."""
    for e in range(len(row)):
        for j in range(values.shape[1]):
            total[row[e], day[clock[e], j]] += values[e, j]


Sum = Array | ClockSums
Series = AssetSeries | AssetRows | None


class Totals:
    """Running totals of sums by name and of series by asset, added in place."""

    def __init__(self) -> None:
        self.sums: dict[str, Array] = {}
        self._series: dict[str, _Growing | None] = {}

    @property
    def series(self) -> dict[str, AssetSeries | None]:
        """The series as they are now, None of more than `MAX_ASSETS` assets."""
        return {
            name: None if held is None else held.found()
            for name, held in self._series.items()
        }

    def add(self, sums: Mapping[str, Sum], series: Mapping[str, Series]) -> None:
        """Add one part; its own arrays are left as they are."""
        for name, value in sums.items():
            if isinstance(value, ClockSums):
                if name not in self.sums:
                    shape = (value.n_clocks, value.total.shape[1])
                    self.sums[name] = np.zeros(shape)
                self.sums[name][value.rows] += value.total
            elif name in self.sums:
                self.sums[name] += value
            else:
                self.sums[name] = value.copy()
        for name, found in series.items():
            held = self._series.setdefault(name, _Growing())
            if held is not None and (found is None or not held.add(found)):
                self._series[name] = None


class _Growing:
    """Sums by asset and date, the assets in the order in which they came."""

    def __init__(self) -> None:
        self._assets = np.empty(0, np.int64)
        self._total = self._count = np.empty((0, 0))

    def add(self, found: AssetSeries | AssetRows) -> bool:
        """Add a part; False where that would be too many assets."""
        assets = found.assets if isinstance(found, AssetSeries) else found.assets.values
        if not len(assets):
            return True
        self._assets = np.concatenate(
            [self._assets, np.setdiff1d(assets, self._assets, assume_unique=True)]
        )
        n = len(self._assets)
        if not kept_apart(n):
            return False
        if n > len(self._total):
            self._make_room(found, min(2 * n, MAX_ASSETS))
        order = np.argsort(self._assets)
        rows = order[np.searchsorted(self._assets, assets, sorter=order)]
        if isinstance(found, AssetSeries):
            self._total[rows] += found.total
            self._count[rows] += found.count
        else:
            found.add_to(self._total, self._count, rows)
        return True

    def _make_room(self, found: AssetSeries | AssetRows, n: int) -> None:
        if isinstance(found, AssetSeries):
            widths = found.total.shape[1], found.count.shape[1]
        else:
            widths = found.n_days, found.n_days if found.averaged else 0
        held = self._total, self._count
        self._total, self._count = (np.zeros((n, width)) for width in widths)
        for new, old in zip((self._total, self._count), held, strict=True):
            new[: len(old), : old.shape[1]] = old

    def found(self) -> AssetSeries:
        """Return the sums, by the assets' codes."""
        order = np.argsort(self._assets)
        return AssetSeries(
            assets=self._assets[order],
            total=self._total[order],
            count=self._count[order],
        )
