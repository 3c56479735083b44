"""Sessions that prices show and the calendar guessed from a symbol does not know.

A calendar read from the spelling of a symbol is a guess, and a guess never overrules
the prices at hand. Dates with a close that the guessed calendar does not know are

*of the file*
    where they are more than `FEW` or more than `SHARE` of the symbol's dates: the
    symbol trades on the dates of its prices, or on every day (``24/7``) when these
    are nearly all days;
*added*
    where the calendar ends before (or begins after) them, or where another symbol of
    the same guessed exchange has a close on them, too (a special session); plain
    symbols that lack sessions of the guessed exchange besides trade elsewhere, on the
    dates of their prices;
*strays*
    otherwise: they stay out.

Calendars that the user named are no guesses.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date

import numpy as np

from eventstudy.calendars.exchange import (
    ALWAYS_OPEN,
    Calendar,
    calendar_of_days,
    day_of,
    get_calendar,
    reach,
)
from eventstudy.calendars.of_symbol import calendar_name, is_guess, is_told
from eventstudy.core.abnormal import IntArray
from eventstudy.core.errors import SpecError

FEW = 5
SHARE = 0.05

_EVERY_DAY = 0.9  # share of all days from which closes are those of a 24/7 market
_FEWEST_DAYS = 14
_LISTED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class Assigned:
    """The calendars of symbols, after a look at the dates of their prices.

    overrides : calendars that the user named;  guessed : symbol -> what its spelling
    tells, where the prices say otherwise;  names : symbol -> what they say
    added : name -> the guessed calendar and the dates it lacks;  own : name -> dates of
    a file;  strays : symbol -> dates that stay out
    """

    overrides: Mapping[str, str]
    guessed: Mapping[str, str]
    names: Mapping[str, str]
    added: Mapping[str, tuple[str, IntArray]]
    own: Mapping[str, Calendar]
    strays: Mapping[str, IntArray]

    def name_of(self, symbol: str) -> str:
        """Return the name of a symbol's calendar."""
        return self.names.get(symbol) or calendar_name(symbol, self.overrides)

    def calendar(self, name: str, start: date, end: date) -> Calendar:
        """Return a calendar from ``start`` to ``end``; a file's dates are all given."""
        if name in self.own:
            return self.own[name]
        if name in self.added:
            guess, days = self.added[name]
            return with_days(get_calendar(guess, start=start, end=end), name, days)
        return get_calendar(name, start=start, end=end)

    def notes(self) -> list[str]:
        """Say which symbols trade on sessions that their spelling does not tell."""
        out = []
        for name in dict.fromkeys(self.names.values()):
            members = [s for s, named in self.names.items() if named == name]
            guess = self.guessed[members[0]]
            if name in self.added:
                days = self.added[name][1]
                out.append(
                    f"calendar {guess} lacks {dates_text(days)}, on which "
                    f"{_some(members)} has closes: sessions are taken from the prices"
                )
            else:
                taken = (
                    "every day is a session"
                    if name == ALWAYS_OPEN
                    else ("the dates of the prices are its sessions")
                )
                out.append(
                    f"{_some(members)}: closes on days that {guess} does not know, so "
                    f"{taken}; name another calendar under [calendars] if that is wrong"
                )
        return out


def assign_calendars(
    days: Mapping[str, IntArray], overrides: Mapping[str, str]
) -> Assigned:
    """Return the calendars of symbols whose prices have these dates.

    days : per symbol days since 1970-01-01 with a close, ascending
    """
    guesses = {s: g for s in days if (g := _guess(s, overrides)) is not None}
    lacking = {s: _off_days(days[s], g) for s, g in guesses.items() if len(days[s])}
    own: dict[str, Calendar] = {}
    many = [s for s, off in lacking.items() if _many(off, days[s], guesses[s])]
    names = _of_files(many, days, own)
    added: dict[str, tuple[str, IntArray]] = {}
    strays: dict[str, IntArray] = {}
    for guess in dict.fromkeys(guesses.values()):
        members = [s for s in lacking if guesses[s] == guess and s not in many]
        inside = [s for s in members if _in_some(days[s], lacking[s], own)]
        known = _known_to_several(members, lacking, guess)
        confirmed = [s for s in members if np.isin(lacking[s], known).any()]
        if elsewhere := [*inside, *_elsewhere(confirmed, days, lacking, guess)]:
            names |= _of_files(elsewhere, days, own)
        for symbol in (s for s in members if s not in names):
            if symbol in confirmed:
                name = f"{guess} and prices"
                added[name], names[symbol] = (guess, known), name
            left = lacking[symbol][~np.isin(lacking[symbol], known)]
            if left.size:
                strays[symbol] = left
    names = {symbol: names[symbol] for symbol in days if symbol in names}
    return Assigned(
        overrides=overrides,
        guessed={s: guesses[s] for s in names},
        names=names,
        added=added,
        own=own,
        strays=strays,
    )


def _guess(symbol: str, overrides: Mapping[str, str]) -> str | None:
    """Return the calendar that the spelling alone tells, None where a user said it."""
    if not is_guess(symbol, overrides):
        return None
    try:
        name = calendar_name(symbol, overrides)
    except SpecError:
        return None  # said where the calendar is needed
    return None if name == ALWAYS_OPEN else name


def _off_days(held: IntArray, guess: str) -> IntArray:
    """Return the dates of closes that a calendar does not have."""
    first, last = day_of(int(held[0]) - 7), day_of(int(held[-1]) + 7)
    try:
        sessions = get_calendar(guess, start=first, end=last).sessions
    except SpecError:  # recorded for none of these dates
        return held
    off: IntArray = held[~np.isin(held, sessions)]
    return off


def _many(off: IntArray, held: IntArray, guess: str) -> bool:
    """Tell whether a calendar lacks more dates than an accident would explain."""
    off = _within(off, guess)
    return bool(off.size > FEW or off.size > SHARE * len(held))


def _of_files(
    symbols: Sequence[str], days: Mapping[str, IntArray], own: dict[str, Calendar]
) -> dict[str, str]:
    """Name the calendars of symbols that trade on the dates of their prices.

    A symbol whose dates are all among those of another shares its calendar, so that a
    suspension stays a gap.
    """
    names: dict[str, str] = {}
    for symbol in sorted(symbols, key=lambda s: len(days[s]), reverse=True):
        if _is_always_open(days[symbol]):
            names[symbol] = ALWAYS_OPEN
            continue
        names[symbol] = next(
            (n for n, c in own.items() if np.isin(days[symbol], c.sessions).all()),
            f"prices of {symbol}",
        )
        if names[symbol] not in own:
            own[names[symbol]] = calendar_of_days(days[symbol], name=names[symbol])
    return names


def _in_some(held: IntArray, off: IntArray, own: Mapping[str, Calendar]) -> bool:
    """Tell whether the dates are among those of a symbol that trades elsewhere."""
    return bool(off.size) and any(
        bool(np.isin(held, calendar.sessions).all()) for calendar in own.values()
    )


def _elsewhere(
    symbols: Sequence[str],
    days: Mapping[str, IntArray],
    lacking: Mapping[str, IntArray],
    guess: str,
) -> list[str]:
    """Return the plain symbols that lack sessions of the guessed exchange besides.

    Those with closes on the same further dates are taken together, since one may be
    suspended. An exchange that the spelling tells is not doubted.
    """
    pools: dict[bytes, list[str]] = {}
    for symbol in symbols:
        if not is_told(symbol):
            pools.setdefault(lacking[symbol].tobytes(), []).append(symbol)
    out = []
    for pool in pools.values():
        held = np.unique(np.concatenate([days[symbol] for symbol in pool]))
        first, last = day_of(int(held[0])), day_of(int(held[-1]) + 1)
        sessions = get_calendar(guess, start=first, end=last).sessions
        if not np.isin(sessions[sessions <= held[-1]], held).all():
            out += pool
    return out


def _within(off: IntArray, guess: str) -> IntArray:
    """Return the dates inside the years for which a calendar is recorded."""
    if not off.size:
        return off
    first, last = reach(guess)
    inside: IntArray = off[(off >= first) & (off <= last)]
    return inside


def _is_always_open(held: IntArray) -> bool:
    n_days = int(held[-1] - held[0]) + 1
    return n_days >= _FEWEST_DAYS and len(held) >= _EVERY_DAY * n_days


def _known_to_several(
    members: Sequence[str], lacking: Mapping[str, IntArray], guess: str
) -> IntArray:
    """Return the dates on which two symbols have a close, or that lie beyond reach."""
    held = [lacking[symbol] for symbol in members if lacking[symbol].size]
    if not held:
        return np.empty(0, np.int64)
    found, count = np.unique(np.concatenate(held), return_counts=True)
    first, last = reach(guess)
    known: IntArray = found[(count > 1) | (found < first) | (found > last)]
    return known


def with_days(calendar: Calendar, name: str, days: IntArray) -> Calendar:
    """Add sessions on ``days``, with the hours of the sessions beside them.

    >>> june = get_calendar("XNYS", start=date(2021, 6, 1), end=date(2021, 6, 20))
    >>> saturday = np.array([18_797])
    >>> with_days(june, "XNYS and prices", saturday).sessions[-1]
    np.int64(18797)
    """
    new = np.setdiff1d(days, calendar.sessions)
    if not new.size:
        return replace(calendar, name=name)
    beside = np.clip(
        np.searchsorted(calendar.sessions, new) - 1, 0, len(calendar.sessions) - 1
    )
    shift = (new - calendar.sessions[beside]) * 86_400_000_000
    sessions = np.concatenate([calendar.sessions, new])
    order = np.argsort(sessions)
    opens, closes = (
        np.concatenate([known, known[beside] + shift])[order]
        for known in (calendar.opens_utc, calendar.closes_utc)
    )
    return replace(
        calendar,
        name=name,
        sessions=sessions[order],
        opens_utc=opens,
        closes_utc=closes,
    )


def dates_text(days: IntArray) -> str:
    """Write some dates, the first few of many.

    >>> dates_text(np.array([18_797]))
    '2021-06-19'
    """
    shown = [day_of(int(day)).isoformat() for day in days[:_LISTED]]
    rest = len(days) - len(shown)
    return ", ".join(shown) + (f" and {rest} more" if rest else "")


def _some(symbols: Sequence[str]) -> str:
    rest = len(symbols) - _LISTED
    return ", ".join(symbols[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
