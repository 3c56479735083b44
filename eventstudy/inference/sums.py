"""Sums over observations that merge: by clock, by date, and by asset and date.

A chunk gives rows only for the clocks that it sees, and hands the series by asset on
as they are: they are added where all chunks add up. So a chunk costs what its
observations cost, however many dates and assets the study has.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, Clock, IntArray

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

    def __add__(self, other: "AssetSeries") -> "AssetSeries":
        """Add ``other``, whose assets are all here, in place."""
        rows = np.searchsorted(self.assets, other.assets)
        self.total[rows] += other.total
        self.count[rows] += other.count
        return self


@dataclass(frozen=True, slots=True, kw_only=True)
class AssetRows:
    """Series of observations, to be summed by asset and date.

    assets : of the observations;  values : (E, S), 0 where missing
    present : (E, S) what counts, None where all do
    averaged : whether they are to be counted
    day, n_days : (E, S) number of the date, among so many
    """

    assets: Members
    values: Array
    present: BoolArray | None
    averaged: bool
    day: IntArray
    n_days: int

    @property
    def empty(self) -> AssetSeries:
        """Sums of nothing, of the assets that are here."""
        n = self.assets.n
        return AssetSeries(
            assets=self.assets.values,
            total=np.zeros((n, self.n_days)),
            count=np.zeros((n, self.n_days if self.averaged else 0)),
        )

    def add_to(self, sums: AssetSeries) -> None:
        """Add the observations to sums that have all their assets."""
        row = np.searchsorted(sums.assets, self.assets.values)[self.assets.index]
        cell = (row[:, None] * self.n_days + self.day).ravel()
        np.add.at(sums.total.reshape(-1), cell, self.values.ravel())
        if self.averaged:
            there = self.present
            count = 1.0 if there is None else there.ravel().astype(np.float64)
            np.add.at(sums.count.reshape(-1), cell, count)


Sum = Array | ClockSums
Series = AssetSeries | AssetRows | None


class Totals:
    """Running totals of sums by name and of series by asset, added in place."""

    def __init__(self) -> None:
        self.sums: dict[str, Array] = {}
        self.series: dict[str, AssetSeries | None] = {}

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
            if name not in self.series:
                self.series[name] = None if found is None else _empty(found)
            self.series[name] = _plus(self.series[name], found)


def _empty(found: AssetSeries | AssetRows) -> AssetSeries:
    if isinstance(found, AssetRows):
        return found.empty
    return _zeros(found.assets, found)


def _plus(held: AssetSeries | None, found: Series) -> AssetSeries | None:
    """Add a part to the sums held, in place; None beyond `MAX_ASSETS`."""
    if held is None or found is None:
        return None
    new = found.assets if isinstance(found, AssetSeries) else found.assets.values
    assets = np.union1d(held.assets, new)
    if not kept_apart(len(assets)):
        return None
    if len(assets) > len(held.assets):
        held = _zeros(assets, held) + held
    if isinstance(found, AssetSeries):
        return held + found
    found.add_to(held)
    return held


def _zeros(assets: IntArray, like: AssetSeries) -> AssetSeries:
    total, count = (
        np.zeros((len(assets), v.shape[1])) for v in (like.total, like.count)
    )
    return AssetSeries(assets=assets, total=total, count=count)
