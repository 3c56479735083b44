"""What a sample's tests need that is the same in every replication."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import csr_array

from eventstudy.core.abnormal import Array, BoolArray, IntArray
from eventstudy.core.errors import SpecError
from eventstudy.core.windows import Window, columns_from, length_of
from eventstudy.inference.dependence import MIN_COMMON_DATES, Dates, dates_of
from eventstudy.inference.sums import MAX_ASSETS, numbered_dates
from eventstudy.simulation.design import SimulatedSample, SimulationDesign


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Layout:
    """Fixed facts of one cell with N observations of A assets on D estimation dates.

    window : (start, end) in event time;  columns : its event-window columns
    present : (N, T) there is an estimation return;  inside : (N, L) and in the event
        window;  root_span : (N, L) square root of the sessions that each spans
    carries : (N, L) marks the return that holds day 0, and with it the effect
    to_dates : (A D, N T) sums series by asset and date;  count : (A, D)
    measured : (A, A) pairs of assets with enough common dates
    whole : (R, T+L) number of each date's sessions among all
    to_assets : (A D, N (T+L)) sums loadings by asset and date;  cells : (R, A)
    asset, cluster : (N,) number of the asset, and of the cluster of dates whose windows
        share a session
    dates : the distinct dates (calendar and day 0)
    """

    window: Window
    columns: slice
    present: BoolArray
    inside: BoolArray
    root_span: Array
    carries: Array
    to_dates: csr_array
    count: Array
    measured: BoolArray
    whole: IntArray
    n_whole: int
    to_assets: csr_array
    cells: Array
    asset: IntArray
    cluster: IntArray
    dates: Dates

    @property
    def n(self) -> int:
        """Observations."""
        return len(self.present)

    def others(self, inside: BoolArray) -> BoolArray:
        """Mark returns of all sessions but the window's, (N, M), given ``inside``."""
        event = np.delete(inside, self.columns, axis=1)
        return np.concatenate([self.present, event], axis=1)

    @property
    def n_dates(self) -> int:
        """Distinct dates."""
        return len(self.dates.clocks)

    @property
    def n_clusters(self) -> int:
        """Clusters of dates."""
        return int(self.cluster.max()) + 1

    @property
    def length(self) -> int:
        """Sessions of the window."""
        return length_of(self.window)


def layout_of(
    design: SimulationDesign, cell: SimulatedSample, window: Window
) -> Layout:
    """Work out a sample's layout.

    Raises `SpecError` beyond the number of assets for which correlations are kept
    asset by asset.
    """
    parts = [(design.parts[number], rows) for number, rows in cell.members]
    t = parts[0][0].n_estimation
    clocks, first_offset = parts[0][0].clocks, parts[0][0].first_offset
    columns = columns_from(first_offset, clocks.event.shape[1], window)
    keep = np.concatenate([part.keep[rows] for part, rows in parts])
    span = np.concatenate([part.span[rows] for part, rows in parts])
    asset = np.concatenate([part.asset[rows] for part, rows in parts])
    clock = np.concatenate([part.clock[rows] for part, rows in parts])
    assets, index = np.unique(asset, return_inverse=True)
    if len(assets) > MAX_ASSETS:
        raise SpecError(
            f"{cell.group} ({cell.model}) has {len(assets)} assets; a simulation takes "
            f"at most {MAX_ASSETS}. Simulate a part of them"
        )
    calendar = numbered_dates(clocks)
    dates = dates_of(clocks, clock, columns)
    place = (index[:, None] * calendar.n_days + calendar.day[clock]).ravel()
    shape = (len(assets) * calendar.n_days, len(asset) * t)
    present = keep[:, :t]
    to_dates = csr_array((np.ones(place.size), (place, np.arange(place.size))), shape)
    count = to_dates @ present.astype(np.float64).ravel()
    count = count.reshape(len(assets), calendar.n_days)
    common = (count > 0).astype(np.float64)
    measured = common @ common.T >= MIN_COMMON_DATES
    np.fill_diagonal(measured, val=True)
    everywhere = (index[:, None] * calendar.n_whole + calendar.whole[clock]).ravel()
    shape = (len(assets) * calendar.n_whole, everywhere.size)
    place = np.arange(everywhere.size)
    cells = np.zeros((len(dates.clocks), len(assets)))
    np.add.at(cells, (dates.index, index), 1.0)
    return Layout(
        window=window,
        columns=columns,
        present=present,
        inside=keep[:, t:],
        root_span=np.sqrt(span[:, t:]),
        carries=_carries(keep[:, t:], span[:, t:], columns, -first_offset),
        to_dates=to_dates,
        count=count,
        measured=measured,
        whole=calendar.whole[dates.clocks],
        n_whole=calendar.n_whole,
        to_assets=csr_array((np.ones(place.size), (everywhere, place)), shape),
        cells=cells,
        asset=index,
        cluster=dates.clusters,
        dates=dates,
    )


def _carries(keep: BoolArray, span: Array, window: slice, day0: int) -> Array:
    """Mark the first return at or after day 0 whose span covers it, inside the window.

    Where day 0 has no price its effect is in the next return; where returns that span
    a gap are dropped, it is lost, as it would be in the study.
    """
    columns = np.arange(keep.shape[1])
    later = keep & (columns >= day0) & (columns < window.stop)
    first = np.argmax(later, axis=1)
    rows = np.arange(len(keep))
    held = later.any(axis=1) & (first - span[rows, first] < day0)
    marks = np.zeros(keep.shape)
    marks[rows[held], first[held]] = 1.0
    return marks


def members_of(values: Sequence[NDArray[Any]], cell: SimulatedSample) -> NDArray[Any]:
    """Join the cell's observations of arrays (R, N_part, ...) along their axis."""
    pieces = []
    for number, rows in cell.members:
        whole = np.array_equal(rows, np.arange(values[number].shape[1]))
        pieces.append(values[number] if whole else values[number][:, rows])
    return pieces[0] if len(pieces) == 1 else np.concatenate(pieces, axis=1)
