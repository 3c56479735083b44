"""Texts -> dates, in one spelling for a whole column.

Dates that are written 2021-06-21, with or without midnight or the last second of the
day and a zone, are read as they stand. Other spellings are tried on the column: the
one that reads all of it is taken; where day and month can be told in two ways, they
are asked for, with the word ``date_format``.
"""

import re
from dataclasses import dataclass

import polars as pl

from eventstudy.core.errors import SpecError

YEARS = (1800, 2200)

_ZONE = r"\s*(?:Z|UTC|GMT|[+-]\d{2}:?\d{2})?"
_ISO = (
    r"^(\d{4}-\d{2}-\d{2})"
    rf"(?:[T ](?:00:00(?::00(?:\.0+)?)?|23:59(?::59(?:\.\d+)?)?){_ZONE})?$"
)
_CLOCK_TIME = r"\d[T ]\d{1,2}:\d{2}"
_WEEKDAY = r"^(?:mon|tue|wed|thu|fri|sat|sun)[a-z]*\.?,?\s+"
_TAIL = r"[ T]+(?:0{1,2}:00(?::00(?:\.0+)?)?|12:00(?::00)?\s*AM)$"

# Spellings of which one may read a column; those in a pair exclude one another.
_DAY_FIRST = ("%d/%m/%Y", "%d.%m.%Y", "%d-%m-%Y", "%d/%m/%y", "%d.%m.%y", "%d-%m-%y")
_MONTH_FIRST = ("%m/%d/%Y", "%m.%d.%Y", "%m-%d-%Y", "%m/%d/%y", "%m.%d.%y", "%m-%d-%y")
_CLEAR = (
    "%Y/%m/%d",
    "%Y.%m.%d",
    "%Y%m%d",
    "%b %d, %Y",
    "%B %d, %Y",
    "%b %d %Y",
    "%B %d %Y",
    "%d %b %Y",
    "%d %B %Y",
    "%d-%b-%Y",
    "%d-%B-%Y",
    "%d-%b-%y",
    "%d %b %y",
    "%d%b%Y",
    "%Y-%b-%d",
    "%Y年%m月%d日",
)
_EXCEL = r"^[2-7]\d{4}$"
_EPOCHS = {
    r"^1\d{9}$|^[2-9]\d{8}$": "s",
    r"^\d{12,13}$": "ms",
    r"^\d{15,16}$": "us",
    r"^\d{18,19}$": "ns",
}
_UNITS = {
    "s": "seconds",
    "ms": "milliseconds",
    "us": "microseconds",
    "ns": "nanoseconds",
}
_MICROSECONDS = {"s": 1_000_000, "ms": 1_000, "us": 1}
_MONTHS = {
    "Jan": "januar|jänner|janvier|enero|gennaio|janeiro",
    "Feb": "februar|février|febrero|febbraio|fevereiro",
    "Mar": "märz|mars|marzo|março",
    "Apr": "avril|abril|aprile",
    "May": "mai|mayo|maggio|maio",
    "Jun": "juni|juin|junio|giugno|junho",
    "Jul": "juli|juillet|julio|luglio|julho",
    "Aug": "août|agosto",
    "Sep": "sept|septembre|septiembre|settembre|setembro",
    "Oct": "oktober|octobre|octubre|ottobre|outubro|okt",
    "Nov": "novembre|noviembre|novembro",
    "Dec": "dezember|décembre|diciembre|dicembre|dezembro|dez",
}
_DAY_US = 86_400_000_000


@dataclass(frozen=True, slots=True, kw_only=True)
class DateCells:
    """Dates, null where a text is none, and how they were read.

    spelling : in words, None for dates as they should be written
    """

    values: pl.Series
    spelling: str | None = None


def read_dates(
    texts: pl.Series, date_format: str | None = None, *, setting: str = "date_format"
) -> DateCells:
    """Read texts as dates.

    date_format : of dates that are not written 2021-06-21
    setting : what the user calls that format
    Raises `SpecError` where day and month can be told in two ways, and for a format
    that there is not.

    >>> read_dates(pl.Series(["21/06/2021", "05/05/2021"])).values.to_list()
    [datetime.date(2021, 6, 21), datetime.date(2021, 5, 5)]
    >>> read_dates(pl.Series(["44368"])).values.to_list()
    [datetime.date(2021, 6, 21)]
    """
    dates = _iso(texts)
    if date_format is not None:
        return DateCells(
            values=_sane(dates.fill_null(_by(texts, date_format, setting)))
        )
    left = texts.filter(dates.is_null()).drop_nulls().unique(maintain_order=True)
    if not len(left):
        return DateCells(values=dates)
    found = _spelling(left, setting)
    if found is None:
        return DateCells(values=dates)
    spelling, read = found
    known = pl.DataFrame({"text": left, "day": read})
    joined = texts.to_frame("text").join(
        known, on="text", how="left", maintain_order="left"
    )
    return DateCells(values=dates.fill_null(joined["day"]), spelling=spelling)


def not_a_date(text: str | None, date_format: str | None) -> str:
    """Say what is wrong with a text that is no date, and what helps."""
    if text is None:
        return "the date is missing"
    if date_format is not None:
        return f"not a date written {date_format}"
    if re.search(_CLOCK_TIME, text):
        return (
            "a time of day; daily prices are wanted, one row per session: leave the "
            "time out, or name the format with date_format"
        )
    if any(re.match(pattern, text) for pattern in _EPOCHS):
        return (
            "a number that is no midnight in seconds since 1970; write the day of the "
            "session, such as 2021-05-21"
        )
    return (
        "not a date like the others; write 2021-05-21, or name the format with "
        "date_format, such as %d.%m.%Y"
    )


def _iso(texts: pl.Series) -> pl.Series:
    dates = texts.str.to_date("%Y-%m-%d", strict=False)
    if dates.null_count():
        days = texts.str.extract(_ISO).str.to_date("%Y-%m-%d", strict=False)
        dates = dates.fill_null(days)
    return _sane(dates)


def _sane(dates: pl.Series) -> pl.Series:
    inside = dates.dt.year().is_between(*YEARS)
    return dates.to_frame("d").select(pl.when(inside).then("d")).to_series()


def _by(texts: pl.Series, date_format: str, setting: str) -> pl.Series:
    try:
        return texts.str.to_date(date_format, strict=False)
    except pl.exceptions.PolarsError as error:
        raise SpecError(
            f"{setting} = {date_format!r} is no format of dates ({error}); write one "
            "such as %d.%m.%Y"
        ) from None


def _spelling(texts: pl.Series, setting: str) -> tuple[str, pl.Series] | None:
    """Return the one spelling that reads all texts, and their dates."""
    plain = texts.str.strip_chars().str.replace(f"(?i){_WEEKDAY}", "")
    plain = plain.str.replace(f"(?i){_TAIL}", "")
    plain = plain.str.replace(r"^(\d{5,})\.0+$", "$1")  # numbers as frames hold them
    for pattern, unit in _EPOCHS.items():
        if plain.str.contains(pattern).all():
            return _epoch(plain, unit)
    if plain.str.contains(_EXCEL).all():
        return "day numbers of a spreadsheet", _serial(plain)
    short = plain.str.replace_all(r"\.(\s)", "$1")
    if short.str.contains(r"[^\W\d_]{3}").any():
        for month, others in _MONTHS.items():
            short = short.str.replace(rf"(?i)\b(?:{others})\b", month)
    for date_format in _CLEAR:
        read = _whole(short, date_format)
        if read is not None:
            return f"dates written {date_format}", read
    return _either(plain, setting)


def _whole(texts: pl.Series, date_format: str) -> pl.Series | None:
    """Read all texts by one format, or None."""
    if date_format == "%Y%m%d" and not texts.str.contains(r"^\d{8}$").all():
        return None
    if "%y" in date_format and texts.str.contains(r"\d{4}$").any():
        return None
    if "%Y" in date_format and not texts.str.contains(r"\d{4}").all():
        return None
    read = texts.str.to_date(date_format, strict=False)
    inside = read.dt.year().is_between(*YEARS).fill_null(value=False)
    return read if bool(inside.all()) else None


def _either(texts: pl.Series, setting: str) -> tuple[str, pl.Series] | None:
    """Read dates in figures by day and month, in the one order that reads them all."""
    for first_day, first_month in zip(_DAY_FIRST, _MONTH_FIRST, strict=True):
        by_day, by_month = _whole(texts, first_day), _whole(texts, first_month)
        if by_day is not None and by_month is not None:
            if bool((by_day == by_month).all()):
                return f"dates written {first_day}", by_day
            at = (by_day != by_month).arg_true()[0]
            raise SpecError(
                f"{texts[at]} can be {by_day[at]} or {by_month[at]}, and no date of "
                f"the column decides; say {setting} = {first_day!r} or "
                f"{first_month!r}"
            )
        if by_day is not None:
            return f"dates written {first_day}", by_day
        if by_month is not None:
            return f"dates written {first_month}", by_month
    return None


def _serial(texts: pl.Series) -> pl.Series:
    """Days since 30 December 1899, as spreadsheets count."""
    days = texts.cast(pl.Int32) - 25_569
    return days.cast(pl.Date)


def _epoch(texts: pl.Series, unit: str) -> tuple[str, pl.Series] | None:
    """Read times since 1970 that all begin, or all end, their day in UTC."""
    number = texts.cast(pl.Int64, strict=False)
    if number.null_count():
        return None
    micro = number // 1_000 if unit == "ns" else number * _MICROSECONDS[unit]
    time = micro % _DAY_US
    starts = bool((time == 0).all())
    ends = bool((time >= _DAY_US - 60_000_000).all())
    if not (starts or ends):
        return None
    return f"{_UNITS[unit]} since 1970", (micro // _DAY_US).cast(pl.Int32).cast(pl.Date)
