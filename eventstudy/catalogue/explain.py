"""Why a cell was refused, and what is allowed: one sentence for a person."""

import datetime as dt
import difflib
import re
from collections.abc import Callable, Iterable

from eventstudy.catalogue.schema import (
    FLAGS,
    KINDS,
    LIST_SEPARATOR,
    PRECISIONS,
    STATUSES,
    SYMBOL,
    YEARS,
)
from eventstudy.core.errors import nearest

_WRITTEN = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{2})-(?P<day>[0-9]{2})"
    r"(?:[T ](?P<hour>[0-9]{2}):(?P<minute>[0-9]{2})"
    r"(?::(?P<second>[0-9]{2})(?:\.[0-9]{1,6})?)?"
    r"(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})?)?",
    re.ASCII,
)
_EXAMPLE = "an instant with offset such as 2021-05-21T22:14+08:00"


def explain(column: str, rule: str, value: str | None) -> str:
    """Return what is wrong with the value of a column that broke a rule."""
    if rule == "precision_has_its_time":
        return (
            "announced_at is a date without a time; write the time with its offset, "
            "or precision day"
        )
    if value is None:
        return "is empty; every event needs one"
    return _EXPLANATIONS[column](value)


def near_misses(wanted: str, found: Iterable[str]) -> list[str]:
    """Return the columns that may have been meant by ``wanted``."""
    alike = {_plain(name) for name in (wanted, *_SYNONYMS.get(wanted, ()))}
    return [
        name
        for name in found
        if _plain(name) in alike
        or difflib.SequenceMatcher(None, _plain(name), _plain(wanted)).ratio() > 0.8
    ]


_SYNONYMS = {
    "event_id": ("id", "event", "name", "key"),
    "announced_at": (
        "date", "datetime", "time", "timestamp", "day", "when", "event_date",
        "announced", "announced_on", "announced_utc", "announcement", "published_at",
        "announcement_date",
    ),
}  # fmt: skip


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def _announced(value: str) -> str:
    if not _WRITTEN.fullmatch(value):
        return f"is neither a date such as 2021-05-21 nor {_EXAMPLE}"
    return _moment(value)


def _instant(value: str) -> str:
    match = _WRITTEN.fullmatch(value)
    if not match or match["hour"] is None:
        return f"is not {_EXAMPLE}"
    return _moment(value)


def _day(value: str) -> str:
    match = _WRITTEN.fullmatch(value)
    if not match or match["hour"] is not None:
        return "is not a date such as 2021-05-21"
    return _moment(value)


def _moment(value: str) -> str:
    """First thing wrong with a date or instant that has the right form."""
    match = _WRITTEN.fullmatch(value)
    assert match is not None
    year, month, day = (int(match[part]) for part in ("year", "month", "day"))
    if not YEARS[0] <= year <= YEARS[1]:
        return f"year {year} is out of range; years go from {YEARS[0]} to {YEARS[1]}"
    try:
        dt.date(year, month, day)
    except ValueError:
        return f"there is no day {year}-{month:02}-{day:02} in the calendar"
    if int(match["hour"] or 0) > 23:
        return (
            f"there is no hour {match['hour']}; hours go from 00 to 23, and midnight "
            "is 00:00 of the day that begins"
        )
    if int(match["minute"] or 0) > 59 or int(match["second"] or 0) > 59:
        return "minutes and seconds go from 00 to 59"
    if match["offset"] is None:
        return (
            "has no offset from UTC, so the instant is not known; write "
            f"{value}Z for UTC or {value}+08:00 for a Chinese clock, or name the "
            f"zone: {value}[Asia/Shanghai], a column zone, or timezone in the study "
            "file"
        )
    return f"no clock is {match['offset']} from UTC; offsets go from -14:00 to +14:00"


def _event_id(value: str) -> str:
    if len(value) > 100:
        return "is longer than 100 characters"
    if not value.strip("."):
        return "is no name for a file; wanted more than dots"
    return (
        "holds a character that cannot stand in a file name; not allowed are "
        '/ \\ : * ? " < > | and control characters'
    )


def _words(value: str, bad: Callable[[str], bool], allowed: str) -> str:
    wrong = [word for word in re.split(LIST_SEPARATOR, value) if word and bad(word)]
    return f"{', '.join(map(repr, wrong))} {allowed}"


def _assets(value: str) -> str:
    return _words(
        value,
        lambda word: not re.fullmatch(SYMBOL, word),
        "cannot be a symbol; wanted the Yahoo spelling of at most 31 letters, digits "
        "and . - ^ = & _ such as BTCM, BTC-USD, ^GSPC or 0700.HK, separated by spaces",
    )


def _flags(value: str) -> str:
    return _words(
        value,
        lambda word: word not in FLAGS,
        f"is no flag; known: {', '.join(sorted(FLAGS))}",
    )


def _one_of(known: Iterable[str]) -> Callable[[str], str]:
    names = list(known)

    def explain_choice(value: str) -> str:
        near = nearest(value.replace(" ", "_").replace("-", "_"), names)
        hint = f"did you mean {near}? " if near else ""
        return f"is not known; {hint}known: {', '.join(names)}"

    return explain_choice


_EXPLANATIONS: dict[str, Callable[[str], str]] = {
    "event_id": _event_id,
    "announced_at": _announced,
    "precision": _one_of(PRECISIONS),
    "kind": _one_of(KINDS),
    "status": _one_of(STATUSES),
    "headline": _one_of(("true", "false")),
    "assets": _assets,
    "flags": _flags,
    "reaction_at": _instant,
    "source_latest_at": _instant,
    "date_act": _day,
    "date_first_public": _day,
    "date_effective": _day,
}
