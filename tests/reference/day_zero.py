"""Write day_zero.csv: day 0 of many instants in 2021, by wall clocks alone.

Run ``python tests/reference/day_zero.py``. Trading hours, holidays and early closes
were typed from the exchanges' own notices for 2021; the only library is the standard
one. Each answer is found by walking day by day from the eve of the announcement, so
nothing is shared with the package. Lunch breaks do not matter for day 0.

Columns: instant (UTC), then ``<calendar>_day0`` and ``<calendar>_state`` for each.
"""

import csv
from datetime import date, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

# zone, open, close, holidays on weekdays, early closes; January 2021 to January 2022
EXCHANGES = {
    "XNYS": (
        "America/New_York",
        time(9, 30),
        time(16),
        "2021-01-01 2021-01-18 2021-02-15 2021-04-02 2021-05-31 2021-07-05 2021-09-06 "
        "2021-11-25 2021-12-24 2022-01-17",
        {"2021-11-26": time(13)},
    ),
    "XTSE": (
        "America/Toronto",
        time(9, 30),
        time(16),
        "2021-01-01 2021-02-15 2021-04-02 2021-05-24 2021-07-01 2021-08-02 2021-09-06 "
        "2021-10-11 2021-12-27 2021-12-28 2022-01-03",
        {"2021-12-24": time(13)},
    ),
    "XLON": (
        "Europe/London",
        time(8),
        time(16, 30),
        "2021-01-01 2021-04-02 2021-04-05 2021-05-03 2021-05-31 2021-08-30 2021-12-27 "
        "2021-12-28 2022-01-03",
        {"2021-12-24": time(12, 30), "2021-12-31": time(12, 30)},
    ),
    "XHKG": (
        "Asia/Hong_Kong",
        time(9, 30),
        time(16),
        # 13 October: the typhoon Kompasu
        "2021-01-01 2021-02-12 2021-02-15 2021-04-02 2021-04-05 2021-04-06 2021-05-19 "
        "2021-06-14 2021-07-01 2021-09-22 2021-10-01 2021-10-13 2021-10-14 2021-12-27",
        {"2021-02-11": time(12), "2021-12-24": time(12), "2021-12-31": time(12)},
    ),
    "24/7": ("UTC", time(0), None, "", {}),
}

# Weeks in which the clocks of the US and of Europe differ (14-28 March, 31 October -
# 7 November) with their neighbours; the Chinese announcements; holidays that differ.
DAYS = """
2021-02-11 2021-02-12 2021-02-15
2021-03-12 2021-03-13 2021-03-14 2021-03-15 2021-03-26 2021-03-28 2021-03-29
2021-04-02 2021-04-05 2021-04-06 2021-05-03 2021-05-18 2021-05-19
2021-05-21 2021-05-24 2021-05-31 2021-06-12 2021-06-14 2021-06-18 2021-06-19 2021-06-21
2021-07-01 2021-07-05 2021-08-30 2021-09-24 2021-10-11 2021-10-12 2021-10-13
2021-10-29 2021-10-31 2021-11-01 2021-11-05 2021-11-07 2021-11-08
2021-11-25 2021-11-26 2021-12-24 2021-12-27 2021-12-31 2022-01-01 2022-01-03
"""

TIMES = """
00:00:00 01:29:59.999999 01:30:00 04:00:00 07:00:00 07:59:59.999999 08:00:00 08:59:59
09:00:00 12:30:00 13:29:59.999999 13:30:00 14:14:00 14:30:00 15:29:59.999999 15:30:00
16:30:00 17:59:59.999999 18:00:00 19:59:59.999999 20:00:00 20:30:00 21:00:00 23:59:59
23:59:59.999999
"""


def hours(exchange: str, day: date) -> tuple[datetime, datetime] | None:
    """Return the instants of the open and the close, None without a session."""
    zone, opens, closes, holidays, early = EXCHANGES[exchange]
    tz = ZoneInfo(zone)
    if closes is None:
        start = datetime.combine(day, opens, tz)
        return start, start + timedelta(days=1)
    if day.weekday() >= 5 or day.isoformat() in holidays.split():
        return None
    closes = early.get(day.isoformat(), closes)
    return datetime.combine(day, opens, tz), datetime.combine(day, closes, tz)


def answer(exchange: str, instant: datetime) -> tuple[date, str]:
    """Return day 0 of an instant, and the state of the exchange then."""
    local = instant.astimezone(ZoneInfo(EXCHANGES[exchange][0]))
    day = local.date() - timedelta(days=1)
    while (found := hours(exchange, day)) is None or found[1] <= instant:
        day += timedelta(days=1)
    today = hours(exchange, local.date())
    if today is None:
        return day, "weekend" if local.weekday() >= 5 else "holiday"
    clock = local.timetz().replace(tzinfo=None)
    if today[0].timetz().replace(tzinfo=None) <= clock and day == local.date():
        return day, "open"
    if exchange == "XNYS" and (clock < time(4) or clock >= time(20)):
        return day, "night"
    return day, "pre" if day == local.date() else "post"


def main() -> None:
    """Write the answers beside this script."""
    names = list(EXCHANGES)
    header = ["instant", *(f"{n}_{what}" for n in names for what in ("day0", "state"))]
    with Path(__file__).with_suffix(".csv").open("w", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        for day in DAYS.split():
            for clock in TIMES.split():
                instant = datetime.fromisoformat(f"{day}T{clock}+00:00")
                row = [cell for name in names for cell in answer(name, instant)]
                writer.writerow([f"{day}T{clock}Z", *row])


if __name__ == "__main__":
    main()
