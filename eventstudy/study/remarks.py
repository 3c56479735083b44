"""What must be said beside the numbers: doubts, defaults, what is not there."""

from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import polars as pl

from eventstudy.calendars.of_prices import dates_text
from eventstudy.panel import Market
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
