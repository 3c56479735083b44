"""When markets trade, and where an announcement falls: day 0 and its state."""

from eventstudy.calendars.day_zero import POLICIES, DayZero, day_zero
from eventstudy.calendars.day_zero_table import day_zero_table
from eventstudy.calendars.exchange import (
    ALWAYS_OPEN,
    Calendar,
    calendar_from_dates,
    get_calendar,
)
from eventstudy.calendars.of_symbol import calendar_name

__all__ = [
    "ALWAYS_OPEN",
    "POLICIES",
    "Calendar",
    "DayZero",
    "calendar_from_dates",
    "calendar_name",
    "day_zero",
    "day_zero_table",
    "get_calendar",
]
