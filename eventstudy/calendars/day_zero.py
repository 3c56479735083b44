"""From an announcement to day 0, the first session that could react to it.

A *session* is a date on which an exchange trades; its *close* is an instant. Day 0 is
the first session whose close is strictly after the announcement. An announcement is
*on* a session when it comes during the session or earlier on the session's own local
date; it then maps to that session whatever the policy says. Otherwise (weekend,
holiday, after the close) the policy decides:

``next``
    the first session whose close is after the announcement (the default);
``previous``
    the last session whose close is not after it: Friday's for a weekend, and the very
    day's for an announcement in the evening;
``error``
    `DataError`, listing every such announcement;
``drop``
    no day 0, with the reason.

Where only the day of an announcement is known, it is on the session of that date if
there is one, and otherwise subject to the policy.

The state says where the announcement fell on a calendar:

``open``
    within the session, a lunch break included; always so on ``24/7``;
``pre``, ``post``
    before the open, after the close on a session's local date. In New York these are
    the extended hours, from 04:00 and until 20:00 (on days with an early close too);
``night``
    in New York, the rest of a session's date;
``weekend``, ``holiday``
    a Saturday or Sunday, another weekday, without a session;
``unknown``
    only the date of the announcement, or of the session, is known; or the calendar
    does not reach so far.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime

import numpy as np

from eventstudy.calendars.exchange import (
    ALWAYS_OPEN,
    EPOCH,
    MICROSECOND,
    Calendar,
    day_number,
    day_of,
    zone_of,
)
from eventstudy.core.abnormal import BoolArray, IntArray
from eventstudy.core.errors import DataError, Problem, unknown_name

POLICIES = ("next", "previous", "error", "drop")

_EXTENDED_HOURS = "XNYS"  # whose hours before the open and after the close are known
_ONLY_DAY = "only the day is known"
_NO_HOURS = "no trading hours are known: a session is taken to last its local day"


@dataclass(frozen=True, slots=True, kw_only=True)
class DayZero:
    """Where one announcement falls on one calendar.

    Parameters
    ----------
    index : int or None
        Position in ``calendar.sessions``; None where there is no day 0.
    session : datetime.date or None
        Date of day 0.
    state : str
        One of open, pre, post, night, weekend, holiday and unknown; `day_zero` says
        what they are.
    shift : int
        Calendar days from the announcement's local date to day 0, 0 without one.
    announced_local : str
        ISO time in the exchange's zone; the date where only that is known.
    reason : str or None
        Why there is no day 0, or what is uncertain about it.

    Examples
    --------
    >>> from eventstudy.calendars import get_calendar
    >>> june = get_calendar("24/7", start=date(2021, 6, 1), end=date(2021, 6, 30))
    >>> zero = day_zero(june, announced_utc=None, announced_date=date(2021, 6, 12))
    >>> zero.session.isoformat(), zero.reason
    ('2021-06-12', 'only the day is known')
    """

    index: int | None
    session: date | None
    state: str
    shift: int
    announced_local: str
    reason: str | None


def day_zero(
    calendar: Calendar,
    *,
    announced_utc: datetime | None,
    announced_date: date,
    policy: str = "next",
) -> DayZero:
    """Return day 0 of one announcement: the first session that could react to it.

    Its state is *open* within a session (always on ``24/7``), *pre* and *post* before
    the open and after the close on a session's local date, *night* for the rest of
    that date in New York, *weekend* or *holiday* without a session, and *unknown*
    where only the date is known or the calendar does not reach so far. An announcement
    outside the calendar has no day 0, with the reason.

    Parameters
    ----------
    calendar : Calendar
        Sessions of the exchange.
    announced_utc : datetime.datetime or None
        Instant of the announcement, with its UTC offset.
    announced_date : datetime.date
        Its date, used only where the instant is None.
    policy : {"next", "previous", "error", "drop"}
        What to do with an announcement on no session: take the first session whose
        close is after it, the last whose close is not, raise an error, or have no
        day 0.

    Returns
    -------
    DayZero
        The session, the state and what is uncertain.

    Raises
    ------
    SpecError
        For an unknown policy.
    DataError
        For a time without an offset and, with policy ``error``, where the announcement
        is on no session.

    Examples
    --------
    >>> from eventstudy.calendars import get_calendar
    >>> crypto = get_calendar("24/7", start=date(2021, 6, 1), end=date(2021, 6, 30))
    >>> from datetime import UTC
    >>> noon = datetime(2021, 6, 12, 12, tzinfo=UTC)
    >>> day_zero(crypto, announced_utc=noon, announced_date=noon.date()).session
    datetime.date(2021, 6, 12)
    """
    return day_zeros(calendar, [announced_utc], [announced_date], policy)[0]


def day_zeros(
    calendar: Calendar,
    announced_utc: Sequence[datetime | None],
    announced_date: Sequence[date],
    policy: str = "next",
) -> list[DayZero]:
    """Return day 0 of every announcement on one calendar, in the order given.

    The rules are those of `day_zero`; with policy ``error`` all announcements that
    are on no session are listed at once.
    """
    if policy not in POLICIES:
        raise unknown_name("day 0 policy", policy, POLICIES)
    spots = _locate(calendar, announced_utc, announced_date)
    # Next to the ends it cannot be told whether an unlisted session would come first.
    before = (spots.first == 0) & ~spots.on_session
    after = spots.first == calendar.sessions.size
    index = np.where(spots.on_session | (policy != "previous"), 0, -1) + spots.first
    lost = before | after | (~spots.on_session & (policy in ("error", "drop")))
    reasons = _reasons(calendar, spots, before, after, lost)
    if policy == "error" and lost.any():
        raise DataError(
            f"announcements on no session of calendar {calendar.name}; correct them, "
            "or choose day0 = next, previous or drop",
            [
                Problem(message=str(reasons[i]), value=spots.local[i])
                for i in np.flatnonzero(lost).tolist()
            ],
        )
    rows = zip(
        np.where(lost, -1, index).tolist(),
        calendar.sessions[np.where(lost, 0, index)].tolist(),
        spots.day.tolist(),
        spots.states,
        spots.local,
        reasons,
        strict=True,
    )
    return [
        DayZero(
            index=i if i >= 0 else None,
            session=day_of(session) if i >= 0 else None,
            state=state,
            shift=session - day if i >= 0 else 0,
            announced_local=local,
            reason=reason,
        )
        for i, session, day, state, local, reason in rows
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Spots:
    """Announcements on a calendar; arrays and sequences have one entry for each."""

    first: IntArray  # first session that could react; S where there is none
    on_session: BoolArray  # during that session, or earlier on its date
    timed: BoolArray  # the instant is known, not only the day
    day: IntArray  # local date
    local: list[str]
    states: list[str]


def _locate(
    calendar: Calendar,
    announced_utc: Sequence[datetime | None],
    announced_date: Sequence[date],
) -> _Spots:
    zone = zone_of(calendar.zone)
    pairs = list(zip(announced_utc, announced_date, strict=True))
    naive = [utc for utc, _ in pairs if utc is not None and utc.utcoffset() is None]
    if naive:
        raise DataError(
            "announcements need a UTC offset",
            [Problem(message="no UTC offset", value=str(utc)) for utc in naive],
        )
    places = [day if utc is None else utc.astimezone(zone) for utc, day in pairs]
    timed = np.array([utc is not None for utc, _ in pairs], dtype=bool)
    instant = np.array(
        [0 if utc is None else (utc - EPOCH) // MICROSECOND for utc, _ in pairs],
        dtype=np.int64,
    )
    day = np.array([day_number(place) for place in places], dtype=np.int64)
    first = np.where(
        timed,
        np.searchsorted(calendar.closes_utc, instant, side="right"),
        np.searchsorted(calendar.sessions, day, side="left"),
    )
    covered = first < calendar.sessions.size
    reached = np.where(covered, first, 0)
    on_session = covered & (
        (calendar.sessions[reached] == day)
        | (timed & (calendar.opens_utc[reached] <= instant))
    )
    return _Spots(
        first=first,
        on_session=on_session,
        timed=timed,
        day=day,
        local=[place.isoformat() for place in places],
        states=_states(calendar, first, instant, timed, places),
    )


def _states(
    calendar: Calendar,
    first: IntArray,
    instant: IntArray,
    timed: BoolArray,
    places: Sequence[date],
) -> list[str]:
    if calendar.name == ALWAYS_OPEN:
        return ["open"] * len(places)
    sessions, last = calendar.sessions, calendar.sessions.size - 1
    day = np.array([day_number(place) for place in places], dtype=np.int64)
    hour = np.array([p.hour if isinstance(p, datetime) else 0 for p in places])
    reached = np.minimum(first, last)
    same_day = np.minimum(np.searchsorted(sessions, day), last)
    has_session = sessions[same_day] == day
    clocked = timed & calendar.hours
    started = calendar.opens_utc[reached] <= instant
    extended = calendar.name == _EXTENDED_HOURS
    weekday = (day + 3) % 7  # 1970-01-01 was a Thursday; Monday is 0
    state = np.select(
        [
            clocked & (first <= last) & started,
            has_session & ~clocked,
            has_session & extended & ((hour < 4) | (hour >= 20)),
            has_session & (instant < calendar.opens_utc[same_day]),
            has_session,
            (day < sessions[0]) | (day > sessions[last]),
            weekday >= 5,
        ],
        ["open", "unknown", "night", "pre", "post", "unknown", "weekend"],
        "holiday",
    )
    return [str(text) for text in state]


def _reasons(
    calendar: Calendar,
    spots: _Spots,
    before: BoolArray,
    after: BoolArray,
    lost: BoolArray,
) -> list[str | None]:
    """Return why there is no day 0, then what is uncertain; None for a plain case."""
    start, end = (day_of(int(calendar.sessions[i])) for i in (0, -1))
    name = calendar.name
    reasons: list[str | None] = []
    for i, timed in enumerate(spots.timed.tolist()):
        parts = []
        if before[i]:
            parts.append(f"before {start}, the first session of {name} at hand")
        elif after[i]:
            parts.append(f"after {end}, the last session of {name} at hand")
        elif lost[i]:
            parts.append(f"on no session of {name} ({spots.states[i]})")
        if not timed:
            parts.append(_ONLY_DAY)
        elif not calendar.hours:
            parts.append(_NO_HOURS)
        reasons.append("; ".join(parts) or None)
    return reasons
