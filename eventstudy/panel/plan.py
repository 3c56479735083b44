"""Events x assets -> observations: who is studied on which day 0, and who is not."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta

import numpy as np
import polars as pl

from eventstudy.calendars import (
    ALWAYS_OPEN,
    Calendar,
    DayZero,
    calendar_from_dates,
    calendar_name,
)
from eventstudy.calendars.day_zero import day_zeros
from eventstudy.calendars.exchange import day_of
from eventstudy.calendars.of_prices import Assigned
from eventstudy.calendars.periods import DAYS, in_periods, of_period, whole_periods
from eventstudy.catalogue.ids import merged_id
from eventstudy.core.abnormal import IntArray
from eventstudy.core.errors import DataError
from eventstudy.spec import StudySpec

_AT_HAND = "prices"
OwnWindow = tuple[int | date, int | date]
"""First and last session of an event's estimation window: event time, or dates."""

_EPOCH = date(1970, 1, 1)
_HOLIDAYS = timedelta(days=14)  # more than any exchange rests


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """One asset on one day 0; events that share it are merged.

    Parameters
    ----------
    asset, group : str
        The asset and its group.
    events : tuple of int
        Rows of the catalogue.
    event_id : str
        Their ids as one, see `merged_id`.
    ids : tuple of str
        Their ids.
    headline : bool
        Whether one of them is in the headline sample.
    day0 : int
        Place of day 0 among the calendar's sessions.
    session : date
        Its date; of a week or month that of its last session.
    estimation : (int or date, int or date), optional
        Its own estimation window, in event time or by dates.

    Examples
    --------
    >>> one = Observation(
    ...     asset="RIOT",
    ...     group="rigs",
    ...     events=(0, 1),
    ...     event_id="a+b",
    ...     ids=("a", "b"),
    ...     headline=True,
    ...     day0=120,
    ...     session=date(2021, 6, 21),
    ... )
    >>> one.event_id
    'a+b'
    """

    asset: str
    group: str
    events: tuple[int, ...]
    event_id: str
    ids: tuple[str, ...]
    headline: bool
    day0: int
    session: date
    estimation: OwnWindow | None = None

    def estimation_sessions(
        self, calendar: Calendar, usual: tuple[int, int]
    ) -> tuple[int, int]:
        """Return its estimation window in event time.

        Parameters
        ----------
        calendar : Calendar
            The calendar of ``day0``.
        usual : (int, int)
            The window of what has none of its own.

        Returns
        -------
        (int, int)
            First and last session relative to day 0.
        """
        if self.estimation is None:
            return usual
        first, last = self.estimation
        if isinstance(first, date):
            first = _sessions_before(calendar, first) - self.day0
        if isinstance(last, date):
            last = _sessions_before(calendar, last + timedelta(days=1)) - 1 - self.day0
        return first, last


def _sessions_before(calendar: Calendar, day: date) -> int:
    return int(np.searchsorted(calendar.sessions, (day - _EPOCH).days))


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplaced:
    """An event that has no day 0 on an asset's calendar.

    Parameters
    ----------
    asset, group : str
        The asset and its group.
    event : int
        Row of the catalogue.
    reason : str
        Why there is none.

    Examples
    --------
    >>> Unplaced(asset="RIOT", group="rigs", event=0, reason="no session").reason
    'no session'
    """

    asset: str
    group: str
    event: int
    reason: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """Calendars of a study, and where each event falls on them.

    Parameters
    ----------
    calendars : mapping of str to Calendar
        The calendars by name, whose sessions are weeks or months where returns are.
    by_day : mapping of str to Calendar
        The same with every session.
    zeros : mapping of str to sequence of DayZero
        Per calendar the day 0 of every event of the catalogue: the place of its week or
        month among the sessions of ``calendars``, and its own date.
    notes : tuple of str
        What the prices said against calendars guessed from symbols.
    strays : mapping of str to array
        Per symbol the dates of closes that are no sessions of its calendar.
    every_day : tuple of str
        Symbols that trade every day by their prices, not by their spelling.

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
    >>> market.zeros["XNYS"][0].session
    datetime.date(2021, 6, 21)
    """

    calendars: Mapping[str, Calendar]
    by_day: Mapping[str, Calendar]
    zeros: Mapping[str, Sequence[DayZero]]
    notes: tuple[str, ...] = ()
    strays: Mapping[str, IntArray] = field(default_factory=dict)
    every_day: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Announcements:
    """Events by the assets that they touch; events are rows of the catalogue.

    estimation : per event its own estimation window, None where it has the study's
    named : per event the assets that it names
    """

    event_id: Sequence[str]
    headline: Sequence[bool]
    estimation: Sequence[OwnWindow | None]
    named: Sequence[Sequence[str]]
    everywhere: Sequence[int]
    by_asset: Mapping[str, Sequence[int]]

    def touching(self, asset: str) -> list[int]:
        """Return the events that touch an asset, in catalogue order."""
        return sorted([*self.everywhere, *self.by_asset.get(asset, ())])


def announcements(events: pl.DataFrame, own: Mapping[str, OwnWindow]) -> Announcements:
    """Sort the events of a catalogue by asset, once for all assets.

    own : estimation windows of events that have their own, by id
    """
    everywhere: list[int] = []
    by_asset: dict[str, list[int]] = {}
    for row, touched in enumerate(events["assets"].to_list()):
        for asset in touched or ():
            by_asset.setdefault(asset, []).append(row)
        if not touched:
            everywhere.append(row)
    return Announcements(
        event_id=events["event_id"].to_list(),
        headline=events["headline"].to_list(),
        estimation=[own.get(one) for one in events["event_id"].to_list()],
        named=[touched or () for touched in events["assets"].to_list()],
        everywhere=everywhere,
        by_asset=by_asset,
    )


def calendar_for(asset: str, factors: Sequence[str], assigned: Assigned) -> str:
    """Return the calendar's name on which an asset is studied under a model's factors.

    A 24/7 asset with an exchange-listed factor is studied on the factor's sessions.
    """
    own = assigned.name_of(asset)
    if own != ALWAYS_OPEN:
        return own
    of_factors = (assigned.name_of(factor) for factor in factors)
    return next((name for name in of_factors if name != ALWAYS_OPEN), own)


def lay_out(
    spec: StudySpec,
    events: pl.DataFrame,
    names: Sequence[str],
    prices: pl.DataFrame,
    assigned: Assigned,
) -> Market:
    """Build the calendars called ``names`` and place every event on each of them."""
    first, last = whole_periods(*dates_needed(spec, events), spec.frequency)
    by_day = {
        name: _from_prices(spec, prices)
        if name == _AT_HAND
        else assigned.calendar(name, first, last)
        for name in dict.fromkeys(names)
    }
    instants = events["announced_utc"].to_list()
    days = events["announced_date"].to_list()
    calendars = {
        name: in_periods(
            calendar,
            spec.frequency,
            None if name == _AT_HAND or name in assigned.own else last,
        )
        for name, calendar in by_day.items()
    }
    zeros = {
        name: [
            of_period(zero, calendars[name])
            for zero in day_zeros(calendar, instants, days, spec.day0)
        ]
        for name, calendar in by_day.items()
    }
    return Market(calendars=calendars, by_day=by_day, zeros=zeros)


def own_calendar(
    spec: StudySpec,
    symbol: str,
    days: IntArray,
    prices: pl.DataFrame,
    assigned: Assigned,
) -> Calendar:
    """Return the calendar of a symbol around its ``days``, whatever its model's is."""
    name = assigned.name_of(symbol)
    if name == _AT_HAND:
        return _from_prices(spec, prices)
    first, last = (np.datetime64(int(day), "D").item() for day in (days[0], days[-1]))
    return assigned.calendar(name, first - _HOLIDAYS, last)


def _from_prices(spec: StudySpec, prices: pl.DataFrame) -> Calendar:
    """Take the dates of all symbols that are not assigned to another calendar."""
    symbols = prices["symbol"].unique().to_list()
    own = [s for s in symbols if calendar_name(s, spec.calendars) == _AT_HAND]
    dates = prices.filter(pl.col("symbol").is_in(own))["date"].unique().to_list()
    return calendar_from_dates(dates)


def dates_needed(spec: StudySpec, events: pl.DataFrame) -> tuple[date, date]:
    """Return the dates that the calendars must cover: events and all their windows."""
    volatility = (spec.volatility_pre, spec.volatility_event, spec.volatility_post)
    windows = (spec.estimation, spec.event_window, *volatility)
    back = -min(start for start, _ in windows)
    ahead = max(end for _, end in windows)
    margin = 15
    each = DAYS[spec.frequency]
    first, last = events["announced_date"].min(), events["announced_date"].max()
    assert isinstance(first, date)
    assert isinstance(last, date)
    return (
        first - timedelta(days=int(back * each) + margin),
        last + timedelta(days=int(max(ahead, 0) * each) + margin),
    )


def observations_of(
    asset: str,
    group: str,
    events: Announcements,
    zeros: Sequence[DayZero],
    calendar: Calendar,
) -> tuple[list[Observation], list[Unplaced]]:
    """Return the observations of one asset, one per day 0, and what has no day 0.

    Events of the same day 0, or of its week or month, are one observation, so that no
    return is counted twice.
    """
    by_day: dict[int, list[int]] = {}
    unplaced = []
    for row in events.touching(asset):
        zero = zeros[row]
        if zero.index is None:
            reason = zero.reason or "no day 0"
            unplaced.append(
                Unplaced(asset=asset, group=group, event=row, reason=reason)
            )
        else:
            by_day.setdefault(zero.index, []).append(row)
    placed = []
    for day0, rows in sorted(by_day.items()):
        placed.append(
            Observation(
                asset=asset,
                group=group,
                events=tuple(rows),
                event_id=merged_id([events.event_id[row] for row in rows]),
                ids=tuple(events.event_id[row] for row in rows),
                headline=any(events.headline[row] for row in rows),
                estimation=_estimation_of(events, rows, asset),
                day0=day0,
                session=day_of(int(calendar.sessions[day0])),
            )
        )
    return placed, unplaced


def _estimation_of(
    events: Announcements, rows: Sequence[int], asset: str
) -> OwnWindow | None:
    """Return the one estimation window of the announcements of a day, if any has one.

    Raises `DataError` for two that differ: the observation is one.
    """
    named = {events.estimation[row]: row for row in rows}
    named.pop(None, None)
    if len(named) > 1:
        ids = ", ".join(events.event_id[row] for row in named.values())
        raise DataError(
            f"{ids}: two estimation windows for {asset}, which has one day 0 for them; "
            "write the same"
        )
    return next(iter(named), None)


def purge_counts(day0: IntArray, n_sessions: int, purge: tuple[int, int]) -> IntArray:
    """Count, per session (S,), the day-0s whose purge window covers it."""
    edges = np.zeros(n_sessions + 1, np.int64)
    starts = np.clip(day0 + purge[0], 0, n_sessions)
    stops = np.clip(day0 + purge[1] + 1, 0, n_sessions)
    np.add.at(edges, starts, 1)
    np.add.at(edges, stops, -1)
    return np.cumsum(edges)[:-1]
