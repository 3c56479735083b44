"""Clock readings with the name of their zone -> readings with their offset from UTC.

The zone of a reading is, in this order, the one in brackets behind it
(``2021-08-03T15:45[America/New_York]``, as in RFC 9557), the one of the row's column
``zone``, and for readings without an offset the study file's ``timezone``. An offset
that stands beside a zone must be one that the zone had then.
"""

import re
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import polars as pl

from eventstudy.core.errors import Problem, SpecError

_READING = re.compile(
    r"(?P<local>[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}"
    r"(?::[0-9]{2}(?:\.[0-9]{1,6})?)?)"
    r"(?P<offset>Z|[+-][0-9]{2}:[0-9]{2})?"
    r"(?:\[(?P<zone>[^\]]*)\])?",
    re.ASCII,
)


def zone_named(name: str) -> ZoneInfo:
    """Return the zone of an IANA name; raise `SpecError` if there is none."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise SpecError(
            f"there is no time zone {name!r}; give an IANA name such as "
            "'America/New_York' or 'Asia/Shanghai'"
        ) from None


def with_offsets(
    cells: pl.DataFrame, columns: tuple[str, ...], timezone: str | None, file: str
) -> tuple[pl.DataFrame, list[Problem]]:
    """Write the offsets of readings whose zone is named, and name it in ``zone``.

    cells : text columns and ``line``;  columns : those that hold readings
    """
    problems: list[Problem] = []
    has_zone = "zone" in cells.columns
    own = cells["zone"].to_list() if has_zone else [None] * cells.height
    named: list[str | None] = [None] * cells.height
    lines = cells["line"].to_list()
    for column in (name for name in columns if name in cells.columns):
        texts = cells[column].to_list()
        for row, text in enumerate(texts):
            match = _READING.fullmatch(text or "")
            if match is None:
                continue
            try:
                texts[row], zone = _resolved(match, own[row], timezone)
            except SpecError as error:
                problems.append(
                    Problem(
                        message=str(error),
                        file=file,
                        line=lines[row],
                        column=column,
                        value=text,
                    )
                )
                zone = None
            if column == columns[0]:
                named[row] = zone
        cells = cells.with_columns(pl.Series(column, texts, dtype=pl.String))
    if has_zone or any(named):
        cells = cells.with_columns(pl.Series("zone", named, dtype=pl.String))
    return cells, problems


def _resolved(
    match: re.Match[str], own: str | None, timezone: str | None
) -> tuple[str, str | None]:
    """Return the reading with its offset, and the zone that was named for it."""
    local, offset, behind = match["local"], match["offset"], match["zone"]
    if behind is not None and own is not None and behind != own:
        raise SpecError(f"is in zone {behind!r}, and the column zone says {own!r}")
    name = behind or own or (None if offset else timezone)
    if name is None:
        return match[0], None
    zone = zone_named(name)
    try:
        read = datetime.fromisoformat(local)
    except ValueError:
        return local + (offset or "Z"), name  # the check of cells says what is wrong
    if offset == "Z":  # of RFC 9557: the instant in UTC, and the zone of the place
        return local + offset, name
    if offset is not None:
        return local + _agreed(read, offset, zone, name), name
    return local + _only_offset(read, zone, name), name


def _agreed(read: datetime, offset: str, zone: ZoneInfo, name: str) -> str:
    """Return the offset, or raise `SpecError` when the zone did not have it then."""
    had = _offsets(read, zone)
    if offset not in had:
        raise SpecError(
            f"the offset {offset} and the zone {name} disagree: it was "
            f"{' or '.join(had) or 'no such time'} there"
        )
    return offset


def _only_offset(read: datetime, zone: ZoneInfo, name: str) -> str:
    had = _offsets(read, zone)
    if not had:
        raise SpecError(
            f"there was no such time in {name}: its clocks were put forward"
        )
    if len(had) > 1:
        raise SpecError(
            f"that time occurred twice in {name}, as its clocks were put back; write "
            f"the offset, {' or '.join(had)}"
        )
    return had[0]


def _offsets(read: datetime, zone: ZoneInfo) -> list[str]:
    """Return the offsets with which a clock of the zone showed that time."""
    out = []
    for fold in (0, 1):
        local = read.replace(tzinfo=zone, fold=fold)
        shown = local.astimezone(UTC).astimezone(zone).replace(tzinfo=None)
        text = offset_text(local.utcoffset())
        if shown == read and text not in out:
            out.append(text)
    return out


def offset_text(offset: timedelta | None) -> str:
    """Write an offset from UTC.

    >>> offset_text(timedelta(hours=-4))
    '-04:00'
    """
    minutes = round((offset or timedelta()).total_seconds() / 60)
    sign = "-" if minutes < 0 else "+"
    return f"{sign}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
