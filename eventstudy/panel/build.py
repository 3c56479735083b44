"""Observations + series -> dense arrays of event time, and the ledger of exclusions."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

import numpy as np
import polars as pl

from eventstudy.calendars import ALWAYS_OPEN, Calendar
from eventstudy.calendars.of_prices import Assigned, assign_calendars
from eventstudy.core.abnormal import Array, BoolArray, Clock, IntArray
from eventstudy.core.errors import DataError
from eventstudy.panel.guessed import moved_day_zeros, refuse_stray_day_zeros
from eventstudy.panel.plan import (
    Announcements,
    Market,
    Observation,
    Unplaced,
    announcements,
    calendar_for,
    lay_out,
    observations_of,
    purge_counts,
)
from eventstudy.panel.series import Quotes, Series, trade_to_trade, without
from eventstudy.spec import ModelSetting, StudySpec

AtClose = Callable[[str, Calendar, Quotes], Quotes]

_NO_DAY = -1


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Columns:
    """Event time of the arrays: T estimation offsets, then all others, ascending.

    The others cover the event window and the volatility windows without a hole.

    Parameters
    ----------
    offsets : int array (T+L,)
        Session of each column relative to day 0.
    n_estimation : int
        T.

    Examples
    --------
    >>> columns = Columns(offsets=np.array([-3, -2, -1, 0, 1]), n_estimation=2)
    >>> columns.slice_of((0, 1))
    slice(1, 3, None)
    """

    offsets: IntArray
    n_estimation: int

    @property
    def first_offset(self) -> int:
        """Event time of the first other column, counted back from the last.

        The others before the estimation window, which have no place in the event
        window, come as if they adjoined those after it.
        """
        others = self.offsets[self.n_estimation :]
        return int(others[-1]) - len(others) + 1

    def slice_of(self, window: tuple[int, int]) -> slice:
        """Return the columns of a window outside the estimation window.

        They are counted from the first column after the estimation window.

        Parameters
        ----------
        window : (int, int)
            First and last session in event time, both included.

        Returns
        -------
        slice
            Of the columns after the estimation window.
        """
        others = self.offsets[self.n_estimation :]
        start = int(np.searchsorted(others, window[0]))
        return slice(start, start + window[1] - window[0] + 1)


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
    n_valid, n_purged : int array (E,)
        Estimation sessions with a return, and those taken out near other events.
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
    n_purged: IntArray
    event_coverage: Array


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
        keep = inside & (span > 0)
        keep[:, :t] &= ~purged
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
            n_purged=purged.sum(axis=1),
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


def columns_of(spec: StudySpec) -> Columns:
    """Return the event-time columns that a spec's windows need."""
    estimation = np.arange(spec.estimation[0], spec.estimation[1] + 1)
    windows = (
        spec.event_window,
        spec.volatility_pre,
        spec.volatility_event,
        spec.volatility_post,
    )
    low = min(spec.estimation[0], *(start for start, _ in windows))
    high = max(end for _, end in windows)
    others = np.setdiff1d(np.arange(low, high + 1), estimation)
    return Columns(
        offsets=np.concatenate([estimation, others]), n_estimation=len(estimation)
    )


def quotes_of(prices: pl.DataFrame) -> dict[str, Quotes]:
    """Return adjusted closes by symbol; rows without a price are left out."""
    held = prices.select("symbol", "date", close=pl.coalesce("adj_close", "close"))
    held = held.filter(pl.col("close").is_not_null()).sort("symbol", "date")
    return {
        str(key[0]): Quotes(
            days=frame["date"].to_physical().cast(pl.Int64).to_numpy(),
            closes=frame["close"].to_numpy(),
        )
        for key, frame in held.partition_by(
            "symbol", as_dict=True, include_key=False
        ).items()
    }


def build(
    spec: StudySpec,
    groups: Mapping[str, Sequence[str]],
    events: pl.DataFrame,
    prices: pl.DataFrame,
    *,
    at_close: AtClose | None = None,
    wrong: Mapping[str, IntArray] = MappingProxyType({}),
) -> tuple[list[Panel], Market]:
    """Lay out every model setting's observations on one table of clocks.

    Parameters
    ----------
    spec : StudySpec
        The request.
    groups : mapping of str to sequence of str
        Assets by group.
    events : polars.DataFrame
        The frame of `Events`.
    prices : polars.DataFrame
        The frame of `Prices`.
    at_close : callable, optional
        ``(factor, calendar, quotes by the day)`` -> quotes at the calendar's closes;
        asked for the factors of every asset that trades on its own calendar.
    wrong : mapping of str to array
        Per symbol the days whose price change is wrong and left out.

    Returns
    -------
    panels : list of Panel
        One per model setting.
    market : Market
        The calendars, and where each event falls on them.

    Raises
    ------
    DataError
        When a factor has no prices: nothing could be estimated.

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
    >>> panel.observations[0].session
    datetime.date(2021, 6, 21)
    """
    quotes = quotes_of(prices)
    members = [(asset, group) for group, assets in groups.items() for asset in assets]
    _refuse_missing_factors(spec, quotes)
    studied = dict.fromkeys([*(asset for asset, _ in members), *spec.factor_names])
    assigned = assign_calendars(
        {symbol: quotes[symbol].days for symbol in studied if symbol in quotes},
        spec.calendars,
    )
    named = [
        (setting, asset, group)
        for setting in spec.models
        for asset, group in members
        if not setting.groups or group in setting.groups
    ]
    calendars = {
        (setting, asset): calendar_for(asset, setting, assigned)
        for setting, asset, _ in named
    }
    market = lay_out(spec, events, list(calendars.values()), prices, assigned)
    columns, announced = columns_of(spec), announcements(events)
    on = {asset: name for (_, asset), name in calendars.items()}
    refuse_stray_day_zeros(spec, announced, events, on, market, assigned)
    moved = moved_day_zeros(spec, announced, events, on, market, assigned)
    market = replace(
        market,
        notes=(*assigned.notes(), *([moved] if moved else [])),
        strays={a: days for a, days in assigned.strays.items() if a in on},
        every_day=tuple(s for s, n in assigned.names.items() if n == ALWAYS_OPEN),
    )
    clocks = _ClockTable(columns=columns, market=market)
    drafts = [
        _draft(
            spec,
            setting,
            named,
            calendars,
            announced,
            quotes,
            market,
            clocks,
            at_close,
            assigned,
            wrong,
        )
        for setting in spec.models
    ]
    codes = {asset: code for code, (asset, _) in enumerate(members)}
    table = clocks.table()
    return [
        _panel(spec, draft, columns, codes, table, calendars) for draft in drafts
    ], market


@dataclass(slots=True, kw_only=True)
class _Draft:
    setting: ModelSetting
    observations: list[Observation]
    unplaced: list[Unplaced]
    unpriced: list[tuple[str, str]]
    clock: list[int]
    base: list[int]
    length: list[int]
    series: list[Series]
    near_events: list[IntArray]


def _draft(
    spec: StudySpec,
    setting: ModelSetting,
    named: Sequence[tuple[ModelSetting, str, str]],
    calendars: Mapping[tuple[ModelSetting, str], str],
    events: Announcements,
    quotes: Mapping[str, Quotes],
    market: Market,
    clocks: "_ClockTable",
    at_close: AtClose | None,
    assigned: Assigned,
    wrong: Mapping[str, IntArray],
) -> _Draft:
    draft = _Draft(
        setting=setting,
        observations=[],
        unplaced=[],
        unpriced=[],
        clock=[],
        base=[],
        length=[],
        series=[],
        near_events=[],
    )
    base = 0
    for wanted, asset, group in named:
        if wanted is not setting:
            continue
        name = calendars[setting, asset]
        if asset not in quotes:
            draft.unpriced.append((asset, group))
            continue
        placed, unplaced = observations_of(asset, group, events, market.zeros[name])
        draft.unplaced += unplaced
        if not placed:
            continue
        calendar = market.calendars[name]
        n_sessions = len(calendar.sessions)
        held = dict(quotes)
        if at_close and assigned.name_of(asset) == name:
            held |= {f: at_close(f, calendar, quotes[f]) for f in setting.factors}
        series = trade_to_trade(
            asset,
            setting.factors,
            held,
            calendar,
            bridge_gaps=spec.missing == "trade_to_trade",
            riskless=setting.riskless,
        )
        symbols = [s for s in (asset, *setting.factors, setting.riskless) if s in wrong]
        if symbols:
            days = np.unique(np.concatenate([wrong[s] for s in symbols if s]))
            series = without(series, days, calendar)
        draft.series.append(series)
        day0 = np.array([o.day0 for o in placed], np.int64)
        draft.near_events.append(purge_counts(day0, n_sessions, spec.purge))
        draft.observations += placed
        draft.clock += [clocks.row(name, o.day0) for o in placed]
        draft.base += [base] * len(placed)
        draft.length += [n_sessions] * len(placed)
        base += n_sessions
    return draft


def _panel(
    spec: StudySpec,
    draft: _Draft,
    columns: Columns,
    codes: Mapping[str, int],
    clocks: Clock,
    calendars: Mapping[tuple[ModelSetting, str], str],
) -> Panel:
    series, n_factors = draft.series, len(draft.setting.factors)
    observations = draft.observations
    nothing, no_factors = np.empty(0), np.empty((0, n_factors))
    near_events = np.concatenate([np.zeros(0, np.int64), *draft.near_events])
    return Panel(
        setting=draft.setting,
        columns=columns,
        event_window=spec.event_window,
        observations=tuple(observations),
        unplaced=tuple(draft.unplaced),
        unpriced=tuple(draft.unpriced),
        calendar={a: name for (s, a), name in calendars.items() if s is draft.setting},
        asset=np.array([codes[o.asset] for o in observations], np.int64),
        clock=np.array(draft.clock, np.int64),
        clocks=clocks,
        day0=np.array([o.day0 for o in observations], np.int64),
        base=np.array(draft.base, np.int64),
        length=np.array(draft.length, np.int64),
        flat=Series(
            log_return=np.concatenate([nothing, *(s.log_return for s in series)]),
            simple_return=np.concatenate([nothing, *(s.simple_return for s in series)]),
            log_factors=np.concatenate([no_factors, *(s.log_factors for s in series)]),
            simple_factors=np.concatenate(
                [no_factors, *(s.simple_factors for s in series)]
            ),
            span=np.concatenate([np.zeros(0, np.int64), *(s.span for s in series)]),
        ),
        near_events=np.concatenate([[0], np.cumsum(near_events)]),
        overlap=spec.overlap,
        purge=spec.purge,
    )


@dataclass(slots=True, kw_only=True)
class _ClockTable:
    """Numbers the distinct (calendar, day 0) pairs of a study."""

    columns: Columns
    market: Market
    rows: dict[tuple[str, int], int] = field(default_factory=dict)

    def row(self, calendar: str, day0: int) -> int:
        return self.rows.setdefault((calendar, day0), len(self.rows))

    def table(self) -> Clock:
        keys = list(self.rows)
        days = np.full((len(keys), len(self.columns.offsets)), _NO_DAY, np.int64)
        for row, (name, day0) in enumerate(keys):
            sessions = self.market.calendars[name].sessions
            at = day0 + self.columns.offsets
            inside = (at >= 0) & (at < len(sessions))
            days[row, inside] = sessions[at[inside]]
        t = self.columns.n_estimation
        return Clock(estimation=days[:, :t], event=days[:, t:])


def _refuse_missing_factors(spec: StudySpec, quotes: Mapping[str, Quotes]) -> None:
    if missing := [name for name in spec.factor_names if name not in quotes]:
        raise DataError(
            f"no prices for the factors {', '.join(missing)}; held: "
            f"{', '.join(sorted(quotes)) or 'none'}. Add them to the prices or name "
            "other factors"
        )
