"""What the prices say against calendars guessed from symbols, and what it moves."""

from collections.abc import Mapping

import polars as pl

from eventstudy.calendars import Calendar, DayZero
from eventstudy.calendars.day_zero import day_zeros
from eventstudy.calendars.exchange import day_number
from eventstudy.calendars.of_prices import Assigned, with_days
from eventstudy.core.errors import SpecError
from eventstudy.panel.plan import Announcements, Market, dates_needed
from eventstudy.spec import StudySpec

_LISTED = 5


def refuse_stray_day_zeros(
    spec: StudySpec,
    events: Announcements,
    frame: pl.DataFrame,
    named: Mapping[str, str],
    market: Market,
    assigned: Assigned,
) -> None:
    """Raise `SpecError` where a date that stays out would be day 0 of an event.

    frame : the catalogue;  named : asset -> the calendar on which it is studied
    """
    for asset, days in assigned.strays.items():
        if asset not in named:
            continue
        name, there = named[asset], set(days.tolist())
        calendar = with_days(market.by_day[name], name, days)
        found = _zeros(spec, frame, calendar)
        for row in events.touching(asset):
            session = found[row].session
            if session is None or day_number(session) not in there:
                continue
            raise SpecError(
                f"{asset} has a close on {session}, which is no session of {name}, the "
                f"calendar guessed from its symbol, and would be day 0 of "
                f"{events.event_id[row]}. Say on which calendar it trades, under "
                f'[calendars] of the study file: "{asset}" = "24/7", "prices" '
                f'or "{name}"'
            )


def moved_day_zeros(
    spec: StudySpec,
    events: Announcements,
    frame: pl.DataFrame,
    named: Mapping[str, str],
    market: Market,
    assigned: Assigned,
) -> str | None:
    """Say which events have another day 0 than on the guessed calendars."""
    first, last = dates_needed(spec, frame)
    moved: dict[str, list[str]] = {}
    on_guess: dict[str, list[DayZero]] = {}
    for asset, name in named.items():
        if assigned.names.get(asset) != name:
            continue
        guess = assigned.guessed[asset]
        if guess not in on_guess:
            calendar = assigned.calendar(guess, first, last)
            on_guess[guess] = _zeros(spec, frame, calendar)
        for row in events.touching(asset):
            was, now = on_guess[guess][row].session, market.zeros[name][row].session
            if was != now:
                text = f"{events.event_id[row]} from {was or 'none'} to {now or 'none'}"
                moved.setdefault(text, []).append(asset)
    if not moved:
        return None
    shown = [f"{text} ({_some(assets)})" for text, assets in moved.items()]
    rest = len(shown) - _LISTED
    more = f"; and {rest} more" if rest > 0 else ""
    return f"this moves day 0 of {'; '.join(shown[:_LISTED])}{more}"


def _zeros(spec: StudySpec, frame: pl.DataFrame, calendar: Calendar) -> list[DayZero]:
    return day_zeros(
        calendar,
        frame["announced_utc"].to_list(),
        frame["announced_date"].to_list(),
        "drop" if spec.day0 == "error" else spec.day0,
    )


def _some(assets: list[str]) -> str:
    rest = len(assets) - _LISTED
    return ", ".join(assets[:_LISTED]) + (f" and {rest} more" if rest > 0 else "")
