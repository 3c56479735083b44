"""The command ``eventstudy check``: problems of a catalogue, or its days 0."""

from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

import typer

from eventstudy.cli import options

if TYPE_CHECKING:
    import polars as pl

    from eventstudy.study.inputs import Request


@options.with_options(
    options.STUDY_FILE,
    *options.settings("day0", "prices"),
    options.CACHE,
    options.OFFLINE,
    options.STRICT,
    options.DEBUGGED,
)
def check(events: options.CATALOGUE, **given: Any) -> None:  # noqa: ANN401
    """Check a catalogue: all its problems, or its events with their day 0.

    With --prices, what looks wrong in the prices that the study needs as well.
    """
    from eventstudy.study.inputs import Access, gated, prices_of, request_of

    said = options.overrides(given)
    with options.told_by_flag(said):
        request = request_of(events, given["study"], **said)
    lines = day_zeros(request)
    if "prices" in said:
        frame = request.events.frame
        access = Access(cache=given["cache"], offline=given["offline"])
        prices = prices_of(request.spec, frame, access)
        prices = gated(request.spec, frame, prices, strict=given["strict"])
        lines += ["", *price_findings(prices.issues)]
    typer.echo("\n".join(lines))


def day_zeros(request: "Request") -> list[str]:
    """Return the events with their day 0 on every calendar, and notes."""
    import polars as pl

    from eventstudy.calendars import calendar_name, day_zero_table, get_calendar

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
    lines = options.aligned(rows, left=set(range(len(rows[0]))))
    return [*lines, "", summary, *request.events.notes, *request.notes]


def price_findings(issues: "pl.DataFrame") -> list[str]:
    """Return what the readers of prices and the quality gate found, a line each."""
    rows = []
    for row in issues.iter_rows(named=True):
        if row["severity"] == "info":
            continue
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


def _around(events: "pl.DataFrame", days: int) -> date:
    edge = (
        events["announced_date"].min() if days < 0 else events["announced_date"].max()
    )
    assert isinstance(edge, date)
    return edge + timedelta(days=days)
