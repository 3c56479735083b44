"""The command ``eventstudy check``: problems of a catalogue, or its days 0."""

from dataclasses import replace
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from eventstudy.cli import options
from eventstudy.cli.check_all import check_all
from eventstudy.cli.terminal import say, say_json
from eventstudy.core.errors import SpecError

if TYPE_CHECKING:
    import polars as pl

    from eventstudy.calendars import Calendar
    from eventstudy.prices import Prices
    from eventstudy.study.inputs import Request


@options.with_options(
    options.ALL_OF,
    options.STUDY_FILE,
    *options.settings("day0", "prices", *options.READING),
    options.CACHE,
    options.OFFLINE,
    options.STRICT,
    options.JSON,
    options.DEBUGGED,
)
def check(events: options.CATALOGUE, **given: Any) -> None:  # noqa: ANN401
    """Check a catalogue: all its problems, or its events with their day 0.

    With --prices, what looks wrong in the prices that the study needs as well; with
    --all, every catalogue of a folder.
    Example: eventstudy check events/china_2021.csv --prices snapshot
    """
    from eventstudy.study.inputs import Access, gated, prices_of, request_of
    from eventstudy.study.names import one_spelling

    said = options.overrides(given)
    if given["every"]:
        with options.told_by_flag(said):
            check_all(events, given["study"], said, as_json=given["as_json"])
        return
    with options.told_by_flag(said):
        request = request_of(events, given["study"], **said)
    if "prices" in said:
        frame = request.events.frame
        access = Access(cache=given["cache"], offline=given["offline"])
        prices = prices_of(request.spec, request.events, access)
        spelled = one_spelling(request.spec, request.events, prices)
        request = replace(request, events=spelled)
        prices = gated(request.spec, frame, prices, strict=given["strict"])
        found = _outside(request, prices)
    else:
        prices, found = None, []
    if given["as_json"]:
        say_json(findings(request, prices, found))
        return
    lines = day_zeros(request, prices)
    if prices is not None:
        lines += ["", *found, *price_findings(prices.issues)]
    say("\n".join(lines))


def findings(
    request: "Request", prices: "Prices | None", warnings: list[str]
) -> dict[str, Any]:
    """Return what programs want to know: events with their days 0, notes, findings."""
    table, notes = _table_of(request, prices)
    columns = ("event_id", "announced_at", "announced_utc", "kind", "headline")
    events = request.events.frame.select(columns).to_dicts()
    for event in events:
        own = table.filter(event_id=event["event_id"])
        event["day0"] = dict(own.select("calendar", "day0").iter_rows())
    said = [*request.events.notes, *request.notes, *notes, *warnings]
    issues = [] if prices is None else prices.issues.to_dicts()
    return {"events": events, "notes": said, "price_issues": issues}


def day_zeros(request: "Request", prices: "Prices | None" = None) -> list[str]:
    """Return the events with their day 0 on the calendars of the assets, and notes."""
    import polars as pl

    events = request.events.frame
    table, notes = _table_of(request, prices)
    names = table["calendar"].unique(maintain_order=True)
    heads = [f"day 0 on {name}" for name in names]
    rows = [("event", "announced", "kind", *heads)]
    for event in events.iter_rows(named=True):
        zeros = table.filter(pl.col("event_id") == event["event_id"])
        cells = [_day0_cell(row) for row in zeros.iter_rows(named=True)]
        rows.append((event["event_id"], event["announced_at"], event["kind"], *cells))
    count = "1 event" if events.height == 1 else f"{events.height} events"
    headline = int(events["headline"].sum())
    summary = f"{count}, {headline} in the headline sample, no problems found"
    lines = options.aligned(rows, left=set(range(len(rows[0]))))
    return [*lines, "", summary, *request.events.notes, *request.notes, *notes]


def _table_of(
    request: "Request", prices: "Prices | None"
) -> tuple["pl.DataFrame", list[str]]:
    """Return the days 0 of the events on the calendars of the assets, and notes."""
    from eventstudy.calendars import day_zero_table
    from eventstudy.calendars.offsets import offset_warnings

    events = request.events.frame
    calendars, notes = _calendars(request, prices)
    table = day_zero_table(
        events["event_id"].to_list(),
        calendars,
        events["announced_utc"].to_list(),
        events["announced_date"].to_list(),
        request.spec.day0,
    )
    named = events.select("event_id", "announced_at", "zone")
    notes += [
        f"warning: {text}"
        for event_id, written, zone in named.iter_rows()
        if zone is None
        for text in offset_warnings(event_id, written, calendars)
    ]
    return table, notes


def _calendars(
    request: "Request", prices: "Prices | None"
) -> tuple[list["Calendar"], list[str]]:
    """Return the calendars of the assets of the study and of the catalogue, and notes.

    Without any asset: those of coins and of US shares.
    """
    from eventstudy.calendars.of_prices import assign_calendars
    from eventstudy.panel.series import quotes_of

    events, spec = request.events.frame, request.spec
    named = events["assets"].explode().drop_nulls().unique(maintain_order=True)
    assets = list(dict.fromkeys([*spec.assets, *named]))
    quotes = {} if prices is None else quotes_of(prices.frame)
    assigned = assign_calendars(
        {asset: quotes[asset].days for asset in assets if asset in quotes},
        spec.calendars,
    )
    notes = assigned.notes()
    names = dict.fromkeys([] if assets else ["24/7", "XNYS"])
    for asset in assets:
        try:
            names[assigned.name_of(asset)] = None
        except SpecError as error:
            notes.append(str(error))
    start, end = _around(events, -10), _around(events, 20)
    found = [assigned.calendar(n, start, end) for n in names if n != "prices"]
    return found, notes


def _outside(request: "Request", prices: "Prices") -> list[str]:
    """Say which events lie outside the prices of their assets, and what has none."""
    import polars as pl

    from eventstudy.prices.table import LEVEL
    from eventstudy.study.inputs import groups_of
    from eventstudy.study.remarks import of_absent

    events, held = request.events.frame, prices.frame.filter(LEVEL.is_not_null())
    groups = groups_of(request.spec, request.events, prices)
    studied = [asset for members in groups.values() for asset in members]
    spans = {
        symbol: (first, last)
        for symbol, first, last in held.group_by("symbol")
        .agg(first=pl.col("date").min(), last=pl.col("date").max())
        .iter_rows()
    }
    lines = [f"warning: {remark.text}" for remark in of_absent(studied, prices)]
    for event_id, day, named in events.select(
        "event_id", "announced_date", "assets"
    ).iter_rows():
        own = [asset for asset in named or studied if asset in spans]
        out = [a for a in own if not spans[a][0] <= day <= spans[a][1]]
        if not out:
            continue
        first, last = spans[out[0]]
        others = f" and of {len(out) - 1} others" if len(out) > 1 else ""
        lines.append(
            f"warning: {event_id}: {day} lies outside the prices of {out[0]}{others}, "
            f"from {first} to {last}"
        )
    return lines


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
