"""What moved between two reports: events, prices, settings, versions and numbers."""

import math
from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from eventstudy.report.saved import SavedReport
from eventstudy.study.schema import SCHEMA

MOST = 10  # lines of a table
_KEYS = (
    *("event_id", "calendar", "asset", "symbol", "sample", "outcome", "model", "group"),
    *("measure", "window", "start", "end", "test", "offset", "date", "term"),
    *("hypothesis", "other_event_id", "low", "minutes", "stage", "rule", "text"),
)


def differences(
    one: SavedReport, other: SavedReport, tolerance: float = 0.0
) -> list[str]:
    """Say what differs, a line each; empty where nothing does.

    tolerance : relative change of a number that is none
    """
    return [
        *_bounded("settings", _settings(one, other)),
        *_bounded("inputs", _inputs(one, other)),
        *(
            line
            for name, table in SCHEMA.items()
            if table.written
            for line in _bounded(
                name, _tables(name, one.table(name), other.table(name), tolerance)
            )
        ),
    ]


def _bounded(about: str, lines: Iterator[str]) -> Iterator[str]:
    found = list(lines)
    yield from (f"{about}: {line}" for line in found[:MOST])
    if len(found) > MOST:
        yield f"{about}: and {len(found) - MOST} more"


def _settings(one: SavedReport, other: SavedReport) -> Iterator[str]:
    """Settings that changed, and the seed among them."""
    before, after = one.spec.as_dict(), other.spec.as_dict()
    for name in before:
        if before[name] != after[name]:
            yield f"{name} from {before[name]!r} to {after[name]!r}"


def _inputs(one: SavedReport, other: SavedReport) -> Iterator[str]:
    """Files whose content changed, and versions of libraries."""
    before, after = _files(one), _files(other)
    for name in sorted({*before, *after}):
        if name not in after:
            yield f"{name} is gone"
        elif name not in before:
            yield f"{name} is new"
        elif before[name] != after[name]:
            yield f"{name} has another content"
    old, new = (
        r.manifest.get("inputs", {}).get("versions") or {} for r in (one, other)
    )
    for name in sorted({*old, *new}):
        if old.get(name) != new.get(name):
            yield f"{name} from {old.get(name)} to {new.get(name)}"


def _files(report: SavedReport) -> dict[str, Any]:
    files = report.manifest.get("inputs", {}).get("files") or ()
    return {
        " ".join(str(f[key]) for key in ("role", "symbol") if f.get(key)): f.get(
            "sha256"
        )
        for f in files
        if isinstance(f, Mapping)
    }


def _tables(
    name: str, before: pl.DataFrame, after: pl.DataFrame, tolerance: float
) -> Iterator[str]:
    """Rows that are new or gone, then cells that changed."""
    keys = [k for k in _KEYS if k in before.columns and k in after.columns]
    old, new = _by_key(before, keys), _by_key(after, keys)
    gone = [key for key in old if key not in new]
    added = [key for key in new if key not in old]
    few = 3 if name != "events" else MOST
    yield from (f"{_name(key)} is gone" for key in gone[:few])
    if len(gone) > few:
        yield f"{len(gone) - few} more rows are gone"
    yield from (f"{_name(key)} is new" for key in added[:few])
    if len(added) > few:
        yield f"{len(added) - few} more rows are new"
    yield from _cells(
        old, new, [c for c in before.columns if c in after.columns], tolerance
    )


def _cells(
    old: Mapping[Any, dict[str, Any]],
    new: Mapping[Any, dict[str, Any]],
    columns: list[str],
    tolerance: float,
) -> Iterator[str]:
    """Per column how many values moved, with the one that moved most."""
    for column in columns:
        moved = [
            (_change(row[column], new[key][column]), key)
            for key, row in old.items()
            if key in new and column not in ("line",)
        ]
        moved = [one for one in moved if one[0] > tolerance]
        if not moved:
            continue
        _, key = max(moved, key=lambda one: one[0])
        was, now = old[key][column], new[key][column]
        text = f"{column} of {_name(key)} from {was!r} to {now!r}"
        yield text if len(moved) == 1 else f"{text}, and {len(moved) - 1} more"


def _change(was: object, now: object) -> float:
    """The relative change of a number; infinite where anything else differs."""
    if isinstance(was, float) and isinstance(now, float):
        if was == now or (math.isnan(was) and math.isnan(now)):
            return 0.0
        scale = max(abs(was), abs(now))
        return abs(was - now) / scale if math.isfinite(scale) and scale else math.inf
    return 0.0 if was == now else math.inf


def _by_key(table: pl.DataFrame, keys: list[str]) -> dict[Any, dict[str, Any]]:
    """Rows by their key; rows that share one are numbered."""
    found: dict[Any, dict[str, Any]] = {}
    seen: dict[Any, int] = {}
    for row in table.iter_rows(named=True):
        key = tuple((name, str(row[name])) for name in keys if row[name] is not None)
        seen[key] = seen.get(key, 0) + 1
        found[(*key, ("row", str(seen[key]))) if seen[key] > 1 else key] = row
    return found


def _name(key: tuple[tuple[str, str], ...]) -> str:
    return " ".join(value for _, value in key) or "the row"
