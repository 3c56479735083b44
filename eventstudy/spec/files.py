"""Study files (TOML) -> specs; faults are told with file, line and key."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import MISSING, fields
from pathlib import Path
from typing import Any

from eventstudy.core.errors import DataError, SpecError, nearest
from eventstudy.spec.entries import LongRunSetting, ModelSetting, Question
from eventstudy.spec.outcome import OutcomeSetting
from eventstudy.spec.study import StudySpec
from eventstudy.spec.typed import Key, SettingError

_MAX_BYTES = 1_000_000


def read_spec(path: str | Path) -> StudySpec:
    """Read a study file.

    Parameters
    ----------
    path : str or Path
        The file (TOML).

    Returns
    -------
    StudySpec
        What the file says, with defaults for what it does not say.

    Raises
    ------
    DataError
        For a file that is no TOML.
    SpecError
        For an unknown key or an impossible value, with the file's name and the line.

    Examples
    --------
    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "study.toml"
    ...     _ = path.write_text('returns = "simple"', encoding="utf-8")
    ...     read_spec(path).returns
    'simple'
    """
    text, table = read_table(path)
    try:
        return spec_from(table)
    except SettingError as err:
        line = line_of(text, err.key)
        place = f"{path}:{line}" if line else f"{path}"
        raise SpecError(f"{place}: {err}") from err


def read_table(path: str | Path) -> tuple[str, dict[str, Any]]:
    """Return the text and content of a study file; `DataError` if it is no TOML."""
    path = Path(path)
    try:
        if path.exists() and not path.is_file():
            raise DataError(f"{path}: a folder, pipe or device; no study file")
        if path.stat().st_size > _MAX_BYTES:
            raise DataError(f"{path}: larger than {_MAX_BYTES} bytes; no study file")
        text = path.read_text(encoding="utf-8-sig")
        return text, tomllib.loads(text)
    except OSError as err:
        reason = err.strerror or str(err)
        raise DataError(f"{path}: the study file cannot be read: {reason}") from err
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as err:
        raise DataError(f"{path}: not a TOML study file: {err}") from err


def spec_from(table: Mapping[str, Any]) -> StudySpec:
    """Return the spec of a study file's content.

    >>> spec_from({"windows": [[-1, 1]], "seed": 7}).windows
    ((-1, 1),)
    """
    _refuse_unknown_keys("the study file", table, StudySpec)
    given = dict(table)
    for name, kind in (
        ("models", ModelSetting),
        ("questions", Question),
        ("outcomes", OutcomeSetting),
    ):
        if name in table:
            given[name] = _entries(name, table[name], kind)
    if "long_run" in table:
        given["long_run"] = _long_run(table["long_run"])
    if isinstance(table.get("intraday"), Mapping):
        given |= intraday(table["intraday"])
    try:
        return StudySpec(**given)
    except SettingError as err:
        if err.key and str(err.key[0]).startswith("intraday_"):
            name = str(err.key[0]).removeprefix("intraday_")
            raise SettingError(str(err), "intraday", name) from err
        raise


def intraday(table: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that a table [intraday] says.

    Its keys are symbols, or ``bars`` with a table of them, ``minutes`` and
    ``benchmark``.

    >>> intraday({"bars": {"BTC-USD": "bars.csv"}, "minutes": [60]})
    {'intraday': {'BTC-USD': 'bars.csv'}, 'intraday_minutes': [60]}
    """
    bars = table.get("bars", {})
    if not isinstance(bars, Mapping):
        raise SettingError(
            f"bars = {bars!r}; wanted a table of files by symbol, such as "
            '{ "BTC-USD" = "bars.csv" }',
            "intraday",
            "bars",
        )
    own = ("bars", "minutes", "benchmark")
    named = {name: file for name, file in table.items() if name not in own}
    said = {f"intraday_{n}": table[n] for n in own[1:] if n in table}
    return {"intraday": {**named, **bars}, **said}


def _long_run(table: object) -> LongRunSetting:
    if isinstance(table, LongRunSetting):
        return table
    if not isinstance(table, Mapping):
        raise SettingError(
            f"long_run = {table!r}; wanted a table headed [long_run]", "long_run"
        )
    _refuse_unknown_keys("[long_run]", table, LongRunSetting, "long_run")
    if "holds" not in table:
        raise SettingError("[long_run] lacks holds", "long_run")
    try:
        return LongRunSetting(**table)
    except SettingError as err:
        raise SettingError(f"[long_run]: {err}", "long_run", *err.key) from err


def _entries(
    name: str,
    tables: object,
    kind: type[ModelSetting] | type[Question] | type[OutcomeSetting],
) -> tuple[object, ...]:
    if not isinstance(tables, list | tuple) or not all(
        isinstance(table, Mapping | kind) for table in tables
    ):
        raise SettingError(
            f"{name} = {tables!r}; wanted tables headed [[{name}]]", name
        )
    entries: list[object] = []
    for at, table in enumerate(tables):
        if isinstance(table, kind):
            entries.append(table)
            continue
        where = f"[[{name}]] number {at + 1}"
        _refuse_unknown_keys(where, table, kind, name, at)
        required = [f.name for f in fields(kind) if f.default is MISSING]
        if lacking := [key for key in required if key not in table]:
            raise SettingError(f"{where} lacks {' and '.join(lacking)}", name, at)
        try:
            entries.append(kind(**table))
        except SettingError as err:
            raise SettingError(f"{where}: {err}", name, at, *err.key) from err
    return tuple(entries)


def _refuse_unknown_keys(
    where: str, table: Mapping[str, Any], kind: type, *place: str | int
) -> None:
    known = sorted(f.name for f in fields(kind))
    for key in table:
        if key not in known:
            near = nearest(str(key), known)
            meant = f" (did you mean {near!r}?)" if near else ""
            raise SettingError(
                f"{where} has an unknown key {key!r}{meant}; known: {', '.join(known)}",
                *place,
                key,
            )


_HEAD = re.compile(r"\s*(\[\[?)\s*([^\[\]#]+?)\s*\]\]?\s*(#.*)?$")
_ASSIGNED = re.compile(r"\s*([\w\"'.^=-]+?)\s*=(?!=)")
_QUOTES = re.compile(r'"""|\'\'\'')


def line_of(text: str, key: Key) -> int | None:
    """Return the line of a study file on which a key stands, or its table's.

    >>> line_of("[groups]" + chr(10) + "miners = []", ("groups", "miners"))
    2
    """
    best, found = 0, None
    here: Key = ()
    counts: dict[str, int] = {}
    inside = False
    for number, line in enumerate(text.splitlines(), start=1):
        closed = not inside
        if len(_QUOTES.findall(line)) % 2:
            inside = not inside
        if not closed:
            continue
        if head := _HEAD.match(line):
            name = head[2].strip("\"' ")
            here = tuple(part.strip("\"' ") for part in name.split("."))
            if head[1] == "[[":
                counts[name] = counts.get(name, -1) + 1
                here = (*here, counts[name])
            place = here
        elif assigned := _ASSIGNED.match(line):
            place = (*here, *(p.strip("\"' ") for p in assigned[1].split(".")))
        else:
            continue
        shared = len(place) if key[: len(place)] == place else 0
        if shared > best:
            best, found = shared, number
    return found
