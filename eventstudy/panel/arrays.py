"""The arrays of a panel: observations in event time, gathered block by block."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from eventstudy.core.abnormal import Array, BoolArray, Clock, IntArray
from eventstudy.panel.columns import Columns
from eventstudy.panel.donor_series import DonorSeries
from eventstudy.panel.plan import Observation, Unplaced
from eventstudy.panel.series import Series
from eventstudy.spec import ModelSetting


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Arrays of E observations; nan marks a missing or purged return.

    Parameters
    ----------
    y, y_simple : array (E, T+L)
        Returns in logs, and simple.
    x, x_simple : array (E, T+L, F)
        Returns of the factors over the same spans.
    span : array (E, T+L)
        Sessions that each return spans, 1 where there is none.
    n_valid : int array (E,)
        Estimation sessions with a return.
    purged : bool array (E, T)
        Estimation sessions taken out near other events, or whose leads of a factor
        reach the event window.
    outside : bool array (E, T)
        Columns outside an estimation window of the observation's own.
    event_coverage : array (E,)
        Share of the event window's sessions that returns span.

    Examples
    --------
    >>> import polars as pl
    >>> import eventstudy as es
    >>> from eventstudy.panel import build
    >>> prices = es.fetch_prices(["BTCM", "^GSPC"], source="snapshot")
    >>> events = es.read_events(
    ...     pl.DataFrame({"event_id": ["summons"], "announced_at": ["2021-06-21"]})
    ... )
    >>> spec = es.StudySpec(model="market", factors=("^GSPC",))
    >>> (panel,), market = build(spec, {"all": ["BTCM"]}, events.frame, prices.frame)
    >>> panel.block(slice(0, 1)).n_valid
    array([120])
    """

    y: Array
    y_simple: Array
    x: Array
    x_simple: Array
    span: Array
    n_valid: IntArray
    purged: BoolArray
    outside: BoolArray
    event_coverage: Array

    @property
    def n_purged(self) -> IntArray:
        """Return how many sessions are taken out near other events, (E,)."""
        return np.asarray(self.purged.sum(axis=1), np.int64)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class History:
    """All sessions of the assets of E observations, nan beyond a calendar's end.

    Parameters
    ----------
    y : array (E, S)
        Returns.
    x : array (E, S, F)
        Returns of the factors over the same spans.
    span : array (E, S)
        Sessions that each return spans, 1 where there is none.
    day0 : int array (E,)
        Column of day 0.
    near_events : bool array (E, S)
        Whether a session lies near some event's day 0.

    Examples
    --------
    >>> import polars as pl
    >>> import eventstudy as es
    >>> from eventstudy.panel import build
    >>> prices = es.fetch_prices(["BTCM", "^GSPC"], source="snapshot")
    >>> events = es.read_events(
    ...     pl.DataFrame({"event_id": ["summons"], "announced_at": ["2021-06-21"]})
    ... )
    >>> spec = es.StudySpec(model="market", factors=("^GSPC",))
    >>> (panel,), market = build(spec, {"all": ["BTCM"]}, events.frame, prices.frame)
    >>> panel.history(np.array([0]), simple=False).near_events.sum()
    np.int64(7)
    """

    y: Array
    x: Array
    span: Array
    day0: IntArray
    near_events: BoolArray


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Panel:
    """All observations of one model setting, ready to be gathered block by block.

    Parameters
    ----------
    setting : ModelSetting
        The setting.
    columns : Columns
        Event time of the arrays.
    event_window : (int, int)
        First and last session of the event window.
    observations : tuple of Observation
        The E observations.
    unplaced : tuple of Unplaced
        Events without a day 0, by asset.
    unpriced : tuple of (str, str)
        Assets without prices, and their groups.
    calendar : mapping of str to str
        Each asset's calendar under this setting.
    asset, clock, day0 : int array (E,)
        Code of the asset, row of ``clocks``, and session of day 0 on the calendar.
    clocks : Clock
        Dates of the columns, shared by all panels of a study.
    base, length : int array (E,)
        Where the asset's series begins in ``flat``, and its sessions.
    flat : Series
        The series of all assets, one after the other.
    near_events : int array
        Cumulated over ``flat``: the purge windows that cover a session.
    overlap : {"exclude", "keep"}
        What becomes of estimation sessions near other events.
    purge : (int, int)
        How near, in sessions around another day 0.
    estimation : int array (E, 2)
        First and last session of each observation's estimation window.
    left_out : tuple of tuple of str
        Per observation the members of a basket that are not in its own.
    donors : DonorSeries or None
        The donors of a model that has them.

    Examples
    --------
    >>> import polars as pl
    >>> import eventstudy as es
    >>> from eventstudy.panel import build
    >>> prices = es.fetch_prices(["BTCM", "^GSPC"], source="snapshot")
    >>> events = es.read_events(
    ...     pl.DataFrame({"event_id": ["summons"], "announced_at": ["2021-06-21"]})
    ... )
    >>> spec = es.StudySpec(model="market", factors=("^GSPC",))
    >>> (panel,), market = build(spec, {"all": ["BTCM"]}, events.frame, prices.frame)
    >>> len(panel), panel.calendar
    (1, {'BTCM': 'XNYS'})
    """

    setting: ModelSetting
    columns: Columns
    event_window: tuple[int, int]
    observations: tuple[Observation, ...]
    unplaced: tuple[Unplaced, ...]
    unpriced: tuple[tuple[str, str], ...]
    calendar: Mapping[str, str]
    asset: IntArray
    clock: IntArray
    day0: IntArray
    clocks: Clock
    base: IntArray
    length: IntArray
    flat: Series
    near_events: IntArray
    overlap: str
    purge: tuple[int, int]
    estimation: IntArray
    left_out: tuple[tuple[str, ...], ...]
    donors: DonorSeries | None = None

    def __len__(self) -> int:
        """Return the number of observations."""
        return len(self.observations)

    def blocks(self, size: int) -> Iterator[slice]:
        """Cut the observations into consecutive slices.

        Parameters
        ----------
        size : int
            The most observations of a slice.

        Yields
        ------
        slice
            Of the observations, in their order.
        """
        for start in range(0, len(self), size):
            yield slice(start, min(start + size, len(self)))

    def block(self, rows: slice | IntArray) -> Block:
        """Gather the arrays of some observations.

        Parameters
        ----------
        rows : slice or array of int (E,)
            Which observations.

        Returns
        -------
        Block
            Their returns and factors in event time.
        """
        at = self.day0[rows][:, None] + self.columns.offsets[None, :]
        inside = (at >= 0) & (at < self.length[rows][:, None])
        at = np.where(inside, self.base[rows][:, None] + at, 0)
        span = np.where(inside, self.flat.span[at], 0)
        t = self.columns.n_estimation
        purged = np.zeros((len(at), t), np.bool_)
        if self.overlap == "exclude":
            purged = inside[:, :t] & self._near_others(at[:, :t], span[:, :t])
        # Leads of the factor that lie in the event window would tell of the event.
        ahead = self.columns.offsets[:t] + max(self.setting.shifts)
        purged |= inside[:, :t] & (ahead >= self.event_window[0])
        offsets, own = self.columns.offsets[:t], self.estimation[rows]
        outside = (offsets < own[:, :1]) | (offsets > own[:, 1:])
        purged &= ~outside
        keep = inside & (span > 0)
        keep[:, :t] &= ~purged & ~outside
        event = (
            t
            + np.arange(len(self.columns.offsets) - t)[
                self.columns.slice_of(self.event_window)
            ]
        )
        first, last = self.event_window
        covered = np.minimum(span[:, event], np.arange(1, last - first + 2)).sum(axis=1)
        return Block(
            y=np.where(keep, self.flat.log_return[at], np.nan),
            x=np.where(keep[:, :, None], self.flat.log_factors[at], np.nan),
            y_simple=np.where(keep, self.flat.simple_return[at], np.nan),
            x_simple=np.where(keep[:, :, None], self.flat.simple_factors[at], np.nan),
            span=np.where(keep, span, 1).astype(np.float64),
            n_valid=keep[:, :t].sum(axis=1),
            purged=purged,
            outside=outside,
            event_coverage=covered / (last - first + 1),
        )

    def _near_others(self, at: IntArray, span: IntArray) -> BoolArray:
        """Flag the estimation returns (E, T) that touch another's purge window."""
        reach = np.maximum(span, 1)
        before = np.maximum(at - reach, -1)
        touched = self.near_events[at + 1] - self.near_events[before + 1]
        # The observation's own purge window is among those counted.
        first, last = self.purge
        offset = self.columns.offsets[: self.columns.n_estimation]
        own = np.minimum(offset, last) - np.maximum(offset - reach + 1, first) + 1
        return np.asarray(touched > np.maximum(own, 0), np.bool_)

    def history(self, rows: IntArray, *, simple: bool) -> History:
        """Gather the whole histories of some observations' assets.

        Parameters
        ----------
        rows : array of int (E,)
            Which observations.
        simple : bool
            Whether to give simple returns; log returns otherwise.

        Returns
        -------
        History
            All sessions of the assets.
        """
        sessions = np.arange(int(self.length[rows].max(initial=0)))
        inside = sessions < self.length[rows][:, None]
        at = np.where(inside, self.base[rows][:, None] + sessions, 0)
        span = np.where(inside, self.flat.span[at], 0)
        traded = span > 0
        y = self.flat.simple_return if simple else self.flat.log_return
        x = self.flat.simple_factors if simple else self.flat.log_factors
        return History(
            y=np.where(traded, y[at], np.nan),
            x=np.where(traded[:, :, None], x[at], np.nan),
            span=np.where(traded, span, 1).astype(np.float64),
            day0=self.day0[rows],
            near_events=inside & (np.diff(self.near_events)[at] > 0),
        )
