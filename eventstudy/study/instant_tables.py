"""The table of moves in the minutes after the instants of announcements."""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

import numpy as np

from eventstudy.calendars import ALWAYS_OPEN, calendar_name
from eventstudy.core.abnormal import Array
from eventstudy.spec import StudySpec
from eventstudy.study.intraday_bars import BarFile, sessions_between
from eventstudy.study.intraday_tables import concerns
from eventstudy.study.schema import frame
from eventstudy.volatility import (
    InstantEffects,
    Steps,
    instant_effects,
    returns_over,
    steps_of,
)

if TYPE_CHECKING:
    from eventstudy.study.builders import Study, Tables

Row = dict[str, Any]
IMPRECISE: Mapping[str, int] = {"minute": 1, "hour": 60}
"""Minutes by which a stamp may be off."""
_TIMES = 2  # a window is at least so many times as long
_NUMBERS = ("car", "se", "pvalue", "pvalue_family", "pvalue_same_time")


def instant_tables(study: "Study") -> "Tables":
    """Hold the minutes after every announcement against those of the month before."""
    study.tell("Testing the minutes after announcements")
    spec = study.spec
    benchmark = study.bars.get(spec.intraday_benchmark)
    rows: list[Row] = []
    for symbol, file in study.bars.items():
        if symbol == spec.intraday_benchmark:
            continue
        steps = _steps(spec, symbol, file)
        beside = None if benchmark is None else returns_over(steps, benchmark.bars)
        for event in study.events.iter_rows(named=True):
            if concerns(spec, event, symbol):
                rows += _rows(spec, symbol, steps, beside, event)
    return {"intraday_effects": frame("intraday_effects", rows)}


def _steps(spec: StudySpec, symbol: str, file: BarFile) -> Steps:
    calendar = calendar_name(symbol, spec.calendars)
    if calendar == ALWAYS_OPEN:
        return steps_of(file.bars)
    start = file.bars.start
    return steps_of(
        file.bars, *sessions_between(calendar, int(start[0]), int(start[-1]))
    )


def _rows(
    spec: StudySpec,
    symbol: str,
    steps: Steps,
    benchmark: Array | None,
    event: Row,
) -> Iterator[Row]:
    keys = {"event_id": event["event_id"], "symbol": symbol}
    instant: datetime | None = event["announced_utc"]
    blurred = _TIMES * IMPRECISE.get(event["precision"], 0)
    allowed = [m for m in spec.intraday_minutes if instant and 0 < blurred <= m]
    found: InstantEffects | None = None
    if allowed:
        assert instant is not None
        found = instant_effects(
            steps, int(instant.timestamp()), minutes=allowed, benchmark=benchmark
        )
    for minutes in spec.intraday_minutes:
        row: Row = keys | {"minutes": minutes}
        if found is None or minutes not in allowed:
            known = event["precision"] if instant else "day"
            yield row | {"reason": f"the time is known to the {known} only"}
            continue
        at = allowed.index(minutes)
        numbers = {name: float(getattr(found, name)[at]) for name in _NUMBERS}
        row |= {name: v for name, v in numbers.items() if np.isfinite(v)}
        if found.reason[at] is None:
            row |= {"n": found.n, "n_same_time": found.n_same_time}
            row |= {"jumps": found.jumps}
            if np.isfinite(found.first_move):
                row["first_move"] = found.first_move
            if np.isfinite(found.beta):
                row["beta"] = found.beta
        yield row | {"reason": found.reason[at]}
