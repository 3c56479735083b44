"""What must be said beside the numbers: doubts, defaults, what is not there."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import polars as pl

from eventstudy.calendars.of_prices import dates_text
from eventstudy.calendars.offsets import offset_warnings
from eventstudy.panel import Market, Panel
from eventstudy.prices.table import SNAPSHOT
from eventstudy.study.table import Table, text

REMARKS = Table(
    "remarks",
    "a row per thing that must be said beside the numbers",
    (
        text("severity", "warning: a number may be wrong or lacking; note"),
        text("about", "calendars, prices, ..."),
        text("event_id", "the observation that it is about; null: all"),
        text("asset", "the asset that it is about; null: all"),
        text("text", "what must be said, a sentence"),
    ),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Remark:
    """One thing that must be said."""

    severity: Literal["warning", "note"]
    about: str
    text: str
    event_id: str | None = None
    asset: str | None = None


def table(said: Iterable[Remark]) -> pl.DataFrame:
    """Return the remarks as a table of the result, warnings first."""
    held = sorted(said, key=lambda remark: remark.severity != "warning")
    return REMARKS.frame([asdict(remark) for remark in held])


def of_calendars(market: Market) -> Sequence[Remark]:
    """Say where prices and calendars guessed from symbols did not agree."""
    strays = [
        Remark(
            severity="warning",
            about="calendars",
            asset=asset,
            text=f"{asset} has a close on {dates_text(days)}, no session of the "
            "calendar guessed from its symbol: not used; name its calendar under "
            "[calendars] if it is one",
        )
        for asset, days in market.strays.items()
    ]
    notes = [Remark(severity="note", about="calendars", text=t) for t in market.notes]
    return [*strays, *notes]


def of_snapshots(issues: pl.DataFrame) -> Sequence[Remark]:
    """Say of which assets the prices were snapshots at midnight."""
    moved = issues.filter(rule=SNAPSHOT)["symbol"].unique(maintain_order=True)
    if not len(moved):
        return []
    text = (
        f"{', '.join(moved)}: the times of the prices, at 00:00 UTC, are taken for the "
        'close of the day that ended; stamps = "start" says otherwise'
    )
    return [Remark(severity="note", about="prices", text=text)]


def of_times(
    events: pl.DataFrame, panels: Sequence[Panel], market: Market
) -> Sequence[Remark]:
    """Say which announcements have an offset that their exchange did not have then."""
    of_asset: dict[str, set[str]] = {}
    for panel in panels:
        for asset, name in panel.calendar.items():
            of_asset.setdefault(asset, set()).add(name)
    out = []
    columns = ("event_id", "announced_at", "zone", "assets")
    for event_id, announced_at, zone, assets in events.select(columns).iter_rows():
        if zone is not None:
            continue
        names = {n for a in assets or of_asset for n in of_asset.get(a, ())}
        held = [market.calendars[name] for name in sorted(names)]
        out += [
            Remark(severity="warning", about="times", event_id=event_id, text=text)
            for text in offset_warnings(event_id, announced_at, held)
        ]
    return out
