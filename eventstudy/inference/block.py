"""Some rows of a chunk: where they stand among dates, clocks and assets.

Rows are taken so many at a time that their arrays stay in the processor's cache.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray, Status
from eventstudy.core.windows import rows_of
from eventstudy.inference.sums import (
    AssetRows,
    ClockSums,
    Members,
    NumberedDates,
    RowSums,
    Series,
    Sum,
    kept_apart,
    members,
)

# Observations worked on at a time.
ROWS = 512


@dataclass(frozen=True, kw_only=True)
class RowBlock:
    """Observations, and where they stand among clocks, assets and dates.

    by_asset : whether series are kept asset by asset, for the assets of the chunk
    many : whether there are so many observations that compiled loops are worth it
    """

    ab: Abnormal
    calendar: NumberedDates
    clocks: Members
    assets: Members
    by_asset: bool
    many: bool

    @cached_property
    def complete(self) -> bool:
        """Whether all have an estimate and every return, which spans one session."""
        return _is_complete(self.ab)

    @cached_property
    def to_clocks(self) -> RowSums:
        """What adds up the rows that share a clock."""
        return RowSums(self.clocks)

    def by_clock(self, values: Array) -> ClockSums:
        """Sum the rows of ``values`` (E, S) that share a clock."""
        return self.clock_sums(self.to_clocks.of(values))

    def clock_sums(self, total: Array) -> ClockSums:
        """Say of which clocks ``total`` (g, S) are the sums."""
        return ClockSums(
            rows=self.clocks.values,
            total=total,
            n_clocks=len(self.ab.clocks.estimation),
        )

    def series(
        self,
        values: Array,
        day: IntArray,
        n_days: int,
        *,
        averaged: bool,
        present: BoolArray | None = None,
    ) -> AssetRows | None:
        """Hand on ``values`` (E, S) to be summed by asset and date."""
        if not self.by_asset:
            return None
        return AssetRows(
            assets=self.assets,
            values=values,
            present=present,
            averaged=averaged,
            clock=self.ab.clock,
            day=day,
            n_days=n_days,
            many=self.many,
        )


def blocks(
    ab: Abnormal, calendar: NumberedDates, *, many: bool, by_asset: bool = True
) -> Iterator[RowBlock]:
    """Cut a chunk into blocks; one without observations is a block.

    by_asset : whether series are kept asset by asset if the chunk has few assets
    """
    by_asset = by_asset and kept_apart(members(ab.asset).n)
    for first in range(0, max(len(ab.ar), 1), ROWS):
        part = rows_of(ab, slice(first, first + ROWS)) if len(ab.ar) > ROWS else ab
        yield RowBlock(
            ab=part,
            calendar=calendar,
            clocks=members(part.clock),
            assets=members(part.asset),
            by_asset=by_asset,
            many=many,
        )


def _is_complete(ab: Abnormal) -> bool:
    """Whether nothing is missing; sums tell it without an array of marks."""
    if (ab.status != Status.OK).any() or not np.isfinite(ab.sigma).all():
        return False
    whole = all(np.isfinite(v.sum()) for v in (ab.residuals, ab.ar, ab.x_event))
    return whole and is_one(ab.span_event) and is_one(ab.span_estimation)


def is_one(span: Array) -> bool:
    """Whether all spans are 1; a view of one number is looked at once."""
    if span.size and not any(span.strides):
        return bool(span.flat[0] == 1.0)
    return bool((span == 1.0).all())


@dataclass(frozen=True, slots=True, kw_only=True)
class Walked:
    """What a walk finds of a block's observations.

    sums, series : of standardised residuals and of loadings, see `plain_walk`
    positive, recent, recent_n : (E,);  car, se, n_valid, sar_sum : (E, W)
    sar : (E, L); all as in `Vectors`
    """

    sums: dict[str, Sum]
    series: dict[str, Series]
    positive: Array
    recent: Array
    recent_n: Array
    car: Array
    se: Array
    n_valid: IntArray
    sar_sum: Array
    sar: Array
