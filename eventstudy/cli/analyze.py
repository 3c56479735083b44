"""What ``eventstudy analyze`` and ``check`` do: flags and files -> report or table."""

import hashlib
import shlex
import sys
import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from eventstudy.calendars import calendar_name, day_zero_table, get_calendar
from eventstudy.catalogue import Events, read_events
from eventstudy.cli.options import Flags, default_prices, prices_of
from eventstudy.core.errors import SpecError
from eventstudy.report import write_report
from eventstudy.spec import (
    FACTOR_SETS,
    StudySpec,
    read_spec,
    read_table,
    spec_from,
    window_text,
)
from eventstudy.study.pipeline import resolve, run
from eventstudy.study.result import StudyResult

Progress = Callable[[str], None]

# Flags that change where things come from and go to, not what is said.
_SILENT_FLAGS = {"--quiet", "-q", "--force", "--debug", "--offline", "--refresh"}
_SILENT_OPTIONS = {"--out", "-o", "--cache"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to study: catalogue, spec, further input files (SHA-256), notes."""

    events: Events
    spec: StudySpec
    inputs: dict[str, str]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Done:
    """A finished analysis: its result and the report's path."""

    result: StudyResult
    report: Path


def analyze(
    catalogue: Path,
    flags: Flags,
    out: Path | None,
    *,
    parquet: bool,
    force: bool,
    progress: Progress,
) -> Done:
    """Study a catalogue and write the report to ``out``, or ``reports/NAME``."""
    progress("Reading the catalogue")
    request = request_of(catalogue, flags)
    progress("Reading prices")
    prices = prices_of(request.spec, request.events.frame, flags)
    result = run(
        request.spec,
        request.events,
        prices,
        progress=progress,
        command=command_line(sys.argv[1:]),
        inputs=request.inputs,
        notes=request.notes,
    )
    progress("Writing the report")
    folder = Path("reports") / catalogue.stem if out is None else out
    report = write_report(result, folder, parquet=parquet, force=force)
    return Done(result=result, report=report)


def check(catalogue: Path, flags: Flags, *, with_prices: bool) -> str:
    """Return the events with their day 0 on every calendar, and doubtful prices."""
    request = request_of(catalogue, flags)
    events, spec = request.events.frame, request.spec
    names_needed = [calendar_name(asset, spec.calendars) for asset in spec.assets]
    calendars = [
        get_calendar(name, start=_around(events, -10), end=_around(events, 20))
        for name in dict.fromkeys(names_needed or ["24/7", "XNYS"])
        if name != "prices"
    ]
    table = day_zero_table(
        events["event_id"].to_list(),
        calendars,
        events["announced_utc"].to_list(),
        events["announced_date"].to_list(),
        spec.day0,
    )
    heads = [f"day 0 on {calendar.name}" for calendar in calendars]
    rows = [("event", "announced", "kind", *heads)]
    for event in events.iter_rows(named=True):
        zeros = table.filter(pl.col("event_id") == event["event_id"])
        cells = [_day0_cell(row) for row in zeros.iter_rows(named=True)]
        rows.append((event["event_id"], event["announced_at"], event["kind"], *cells))
    count = "1 event" if events.height == 1 else f"{events.height} events"
    headline = int(events["headline"].sum())
    summary = f"{count}, {headline} in the headline sample, no problems found"
    notes = [*request.events.notes, *request.notes]
    lines = _aligned(rows, left=set(range(len(rows[0]))))
    if with_prices:
        found = prices_of(spec, events, flags).issues
        notes += ["", *price_findings(found)]
    return "\n".join([*lines, "", summary, *notes])


def price_findings(issues: pl.DataFrame) -> list[str]:
    """Return what the readers of prices and the quality gate found, a line each."""
    doubtful = issues.filter(pl.col("severity") != "info")
    rows = []
    for row in doubtful.iter_rows(named=True):
        place = (
            row["symbol"] if row["date"] is None else f"{row['symbol']} {row['date']}"
        )
        rows.append(f"{row['severity']}: {place}: {row['rule']}: {row['detail']}")
    return rows or ["nothing doubtful in the prices"]


def _day0_cell(row: dict[str, Any]) -> str:
    if row["day0"] is None:
        return f"none ({row['reason']})"
    state = "hour unknown" if row["state"] == "unknown" else row["state"]
    shift = f", {row['shift']:+d} d" if row["shift"] else ""
    return f"{row['day0']:%a %Y-%m-%d} ({state}{shift})"


def _around(events: pl.DataFrame, days: int) -> date:
    edge = (
        events["announced_date"].min() if days < 0 else events["announced_date"].max()
    )
    assert isinstance(edge, date)
    return edge + timedelta(days=days)


def request_of(catalogue: Path, flags: Flags) -> Request:
    """Read the catalogue and its study file, and put the flags on top."""
    events = read_events(catalogue)
    beside = catalogue.with_suffix(".toml")
    path = flags.study or (beside if beside.is_file() else None)
    table: dict[str, Any] = {}
    inputs: dict[str, str] = {}
    notes: list[str] = []
    if path is None:
        notes.append(f"no study file {beside.name}: defaults and flags are used")
    else:
        _, table = read_table(path)
        read_spec(path)  # so that a fault of the file is told with the file's name
        inputs[str(path)] = hashlib.sha256(path.read_bytes()).hexdigest()
    if "returns" not in table and flags.returns is None:
        notes.append("returns: log, as nothing else was asked for")
    spec = resolve(spec_from(table | changes(flags, table)), events)
    if path is None and flags.prices is None:
        chosen = default_prices(spec, events.frame)
        if chosen != spec.prices:
            notes.append(
                f"prices: {chosen}, as the embedded {spec.prices} does not cover the "
                "study"
            )
        spec = replace(spec, prices=chosen)
    return Request(events=events, spec=spec, inputs=inputs, notes=tuple(notes))


def changes(flags: Flags, table: dict[str, Any]) -> dict[str, Any]:
    """Return the keys of a study file that the flags replace."""
    plain = {
        "prices": flags.prices,
        "returns": flags.returns,
        "missing": flags.missing,
        "overlap": flags.overlap,
        "day0": flags.day0,
        "alternative": flags.alternative,
        "seed": flags.seed,
        "tests": None if flags.tests is None else names(flags.tests, "--tests"),
    }
    windows = {
        "estimation": flags.estimation,
        "event_window": flags.event_window,
        "volatility_pre": flags.volatility_pre,
        "volatility_event": flags.volatility_event,
        "volatility_post": flags.volatility_post,
    }
    out: dict[str, Any] = {k: v for k, v in plain.items() if v is not None}
    for key, text in windows.items():
        if text is not None:
            flag = key.replace("volatility", "vol").replace("_", "-")
            out[key] = window(text, f"--{flag}")
    if flags.windows:
        out["windows"] = [window(text, "--window") for text in flags.windows]
    if flags.factor_files:
        out["factor_files"] = [str(path) for path in flags.factor_files]
    out |= _universe(flags, table) | _models(flags, table)
    if "questions" in table:
        out["questions"] = _questions(table["questions"], out)
    return out


def _questions(
    asked: list[dict[str, Any]], changed: dict[str, Any]
) -> list[dict[str, Any]]:
    """Return the file's questions about windows and models that are studied still."""
    if "windows" in changed:
        default = changed["windows"][0]
        windows = set(changed["windows"])
        asked = [q for q in asked if tuple(q.get("window", default)) in windows]
    if "models" in changed:
        held = {setting["name"] for setting in changed["models"]}
        asked = [
            {**q, "models": [m for m in q.get("models", []) if m in held]}
            for q in asked
        ]
    return asked


def _universe(flags: Flags, table: dict[str, Any]) -> dict[str, Any]:
    """Return the groups: ``--group`` replaces them, ``--assets`` picks from them."""
    groups: dict[str, Any] = dict(table.get("groups", {}))
    for text in flags.groups:
        name, equals, members = text.partition("=")
        if not equals or not name.strip():
            raise SpecError(f"--group {text!r}: write NAME=SYMBOL,SYMBOL")
        groups[name.strip()] = names(members, "--group")
    if flags.groups:
        given = [text.partition("=")[0].strip() for text in flags.groups]
        groups = {name: groups[name] for name in given}
    if flags.assets is not None:
        wanted = names(flags.assets, "--assets")
        known = {asset for members in groups.values() for asset in members}
        groups = {
            name: [asset for asset in members if asset in wanted]
            for name, members in groups.items()
        }
        if others := [asset for asset in wanted if asset not in known]:
            groups["assets"] = [*groups.get("assets", []), *others]
        groups = {name: members for name, members in groups.items() if members}
    if groups == table.get("groups", {}):
        return {}
    return {"groups": groups, **_settings_of(groups, table)}


def _settings_of(groups: dict[str, Any], table: dict[str, Any]) -> dict[str, Any]:
    """Return the file's models for other groups: each as its assets were studied.

    A group follows the file's group that one of its assets came from; a group of new
    assets follows the first group of the first model.
    """
    if "models" not in table:
        return {}
    old: dict[str, Any] = table.get("groups", {})
    home = {asset: name for name, members in old.items() for asset in members}
    first = table["models"][0].get("groups", list(old))[:1]
    models = []
    for setting in table["models"]:
        followed = setting.get("groups", list(old))
        own = [
            name
            for name, members in groups.items()
            if ([home[asset] for asset in members if asset in home] or first)[0]
            in followed
        ]
        if own:
            models.append({**setting, "groups": own})
    return {"models": models}


def _models(flags: Flags, table: dict[str, Any]) -> dict[str, Any]:
    if flags.market is not None and (flags.model or flags.factors):
        raise SpecError(
            "--market is short for --model market --factors SYMBOL; give one"
        )
    if flags.market is not None:
        return {"models": [], "model": "market", "factors": [flags.market]}
    if flags.model is None and flags.factors is None:
        return {}
    factors = names(flags.factors, "--factors") if flags.factors else []
    model = flags.model
    if model is None:
        single = len(factors) == 1 and factors[0] not in FACTOR_SETS
        model = "market" if single else "factors"
    elif not factors and model not in ("constant_mean", *table.get("factors", [])):
        factors = _factors_of(table)
    return {"models": [], "model": model, "factors": factors}


def _factors_of(table: dict[str, Any]) -> list[str]:
    """Return the factors of the study file's first model that has any."""
    held = [setting.get("factors", []) for setting in table.get("models", [])]
    return next((list(factors) for factors in held if factors), [])


def window(text: str, flag: str) -> tuple[int, int]:
    """Read ``-1:1``.

    >>> window("-130:-11", "--estimation")
    (-130, -11)
    """
    start, colon, end = text.strip().strip("[]").replace(",", ":").partition(":")
    try:
        pair = int(start), int(end if colon else start)
    except ValueError:
        raise SpecError(
            f"{flag} {text!r}: write two whole numbers of sessions, such as -1:1"
        ) from None
    return pair


def names(text: str, flag: str) -> list[str]:
    """Read ``RIOT,MARA``."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise SpecError(f"{flag} {text!r} names nothing")
    return list(dict.fromkeys(found))


def command_line(arguments: Sequence[str]) -> str:
    """Return the command that gives the same numbers, wherever they are written.

    >>> command_line(["analyze", "events/china_2021.csv", "-o", "/tmp/x", "--quiet"])
    'eventstudy analyze events/china_2021.csv'
    """
    kept: list[str] = []
    skip = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if skip:
            skip = False
        elif name in _SILENT_OPTIONS:
            skip = not equals
        elif name not in _SILENT_FLAGS:
            kept.append(argument)
    return shlex.join(["eventstudy", *kept])


def closing_table(done: Done) -> str:
    """Return the lines that end an analysis: the headline of the first window."""
    result = done.result
    start, end = result.spec.windows[0]
    of_window = (pl.col("start") == start) & (pl.col("end") == end)
    keys = ["sample", "model", "group", "start", "end"]
    tests = result.tests.filter(of_window, pl.col("outcome") == "car")
    rows = result.headline.filter(of_window, pl.col("sample") == "headline").join(
        tests.select(*keys, recommended="test", p="pvalue"),
        on=[*keys, "recommended"],
        how="left",
    )
    unit = " (100 × log return)" if result.spec.returns == "log" else ""
    confidence = f"{100 * result.spec.level:g} % interval"
    head = ("group", "model", "CAAR", confidence, "N", "p", "test")
    cells = [head, *(_closing_cells(row) for row in rows.iter_rows(named=True))]
    lines = [""]
    if rows.height:
        lines.append(f"Mean CAR{window_text((start, end))} in per cent{unit}")
        lines += _aligned(cells, left={0, 1, 6})
    else:
        lines.append("No event of the headline sample could be estimated")
    dropped = result.observations.filter(pl.col("status") == "dropped").height
    if dropped:
        lines.append(
            f"{dropped} of {result.observations.height} rows left out; why: report"
        )
    return "\n".join([*lines, "", f"Report: {done.report}"])


def _closing_cells(row: dict[str, Any]) -> tuple[str, ...]:
    low, high, p = row["ci_low"], row["ci_high"], row["p"]
    return (
        textwrap.shorten(row["group"], 34, placeholder="…"),
        textwrap.shorten(row["model"], 16, placeholder="…"),
        _percent(row["estimate"]),
        "–" if low is None else f"{_percent(low)} … {_percent(high)}",
        str(row["n"]),
        "–" if p is None else "<0.001" if p < 0.001 else f"{p:.3f}",
        row["recommended"] or "–",
    )


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:+.1f}"


def _aligned(rows: Sequence[tuple[str, ...]], left: set[int]) -> list[str]:
    """Write the rows in columns as wide as their content, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:{'<' if number in left else '>'}{width}}"
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
