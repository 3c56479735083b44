"""What must be said beside the numbers: doubts, defaults, what is not there."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Literal

import polars as pl

from eventstudy.calendars.of_prices import dates_text
from eventstudy.calendars.offsets import offset_warnings
from eventstudy.core.periods import PERIODS
from eventstudy.panel import Market, Panel
from eventstudy.prices import Prices
from eventstudy.prices.fetch import meant
from eventstudy.prices.quality import HELD_BACK, SAME_RETURNS
from eventstudy.prices.table import LEVEL, NO_PRICES, SIMPLE_RETURNS, SNAPSHOT
from eventstudy.spec import StudySpec, window_text
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


def of_absent(assets: Iterable[str], prices: Prices) -> Sequence[Remark]:
    """Say which assets of the study have no prices, and what may have been meant."""
    held = set(prices.frame.filter(LEVEL.is_not_null())["symbol"].unique())
    told = dict(prices.issues.filter(rule=NO_PRICES).select("symbol", "detail").rows())
    out = []
    for asset in dict.fromkeys(assets):
        if asset in held:
            continue
        near = meant(asset, sorted(held)) or _question(told.get(asset) or "")
        text = f"no prices for {asset}{near}"
        remark = Remark(severity="warning", about="prices", asset=asset, text=text)
        out.append(remark)
    return out


def of_twins(assets: Iterable[str], issues: pl.DataFrame) -> Sequence[Remark]:
    """Say which assets of the study have the same returns as another."""
    found = issues.filter(pl.col("symbol").is_in(list(assets)), rule=SAME_RETURNS)
    return [
        Remark(severity="warning", about="prices", asset=symbol, text=detail)
        for symbol, detail in found.select("symbol", "detail").iter_rows()
    ]


def _question(detail: str) -> str:
    """Return what a finding asks at its end: ``: did you mean RIOT?``."""
    _, colon, asked = detail.rpartition(": did you mean ")
    return f"{colon}{asked}" if colon else ""


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


def of_returns(issues: pl.DataFrame) -> Sequence[Remark]:
    """Say of which assets the returns were taken for simple ones."""
    taken = issues.filter(rule=SIMPLE_RETURNS)["symbol"].unique(maintain_order=True)
    if not len(taken):
        return []
    text = (
        f"the returns of {_some(list(taken))} are read as simple returns, as nothing "
        'else was said; input_returns = "log" says otherwise'
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


_LISTED = 4
_CUT = {
    "drop": "out of averages and tests",
    "extend": "lengthened to the next return, or out of averages and tests",
    "keep": "counted as found",
}


def of_frequency(spec: StudySpec) -> Sequence[Remark]:
    """Say what a study of weeks or months counts."""
    if spec.frequency == "daily":
        return []
    word = PERIODS[spec.frequency]
    text = (
        f"returns are {spec.frequency}: a session of the tables is a {word}, which "
        f"ends with its last session, and windows count {word}s; day 0 lies in {word} "
        f"0. An asset without a price on the last session of a {word} has none of it"
    )
    return [Remark(severity="note", about="frequency", text=text)]


def of_windows(spec: StudySpec, cars: pl.DataFrame) -> Sequence[Remark]:
    """Say which windows have returns that do not span exactly their sessions."""
    wrong = pl.col("doubt").fill_null("").str.contains_any(list(HELD_BACK))
    rows = cars.filter(
        pl.col("covered") != "full",
        pl.col("n_valid") > 0,
        ~wrong if spec.hold_back else pl.lit(value=True),
    )
    if rows.is_empty():
        return []
    named = [
        f"{event_id} {asset} {window_text((start, end))} ({n} of {length}, {covered})"
        for event_id, asset, start, end, n, length, covered in rows.select(
            "event_id", "asset", "start", "end", "n_valid", "n_window", "covered"
        )
        .unique(maintain_order=True)
        .iter_rows()
    ]
    count = "1 window" if len(named) == 1 else f"{len(named)} windows"
    text = (
        f"{count} with a missing close at an edge, {_CUT[spec.cut_windows]}: "
        f"{_some(named)}"
    )
    return [Remark(severity="warning", about="windows", text=text)]


def of_doubts(
    spec: StudySpec, cars: pl.DataFrame, issues: pl.DataFrame
) -> Sequence[Remark]:
    """Say what the quality gate doubts in the windows that are used, by asset."""
    doubted = cars.drop_nulls("doubt").select("event_id", "asset", "doubt")
    touched: dict[tuple[str, str, str], list[str]] = {}
    for event_id, asset, doubt in doubted.unique(maintain_order=True).iter_rows():
        for name in doubt.split(", "):
            factor, _, rule = name.rpartition(" ")
            names = touched.setdefault((factor or asset, rule, asset), [])
            if event_id not in names:
                names.append(event_id)
    out = []
    for (symbol, rule, asset), event_ids in touched.items():
        found = issues.filter(symbol=symbol, rule=rule, severity="warning")
        details = [f"{day}, {detail}" for day, detail in _details(found)]
        held = spec.hold_back and rule in HELD_BACK
        what = "held back from averages and tests" if held else "counted all the same"
        used = f" in the windows of {asset}" if symbol != asset else ""
        out.append(
            Remark(
                severity="warning",
                about="prices",
                asset=asset,
                text=f"{symbol} is doubtful{used} ({rule}): {_some(details, 2)}; "
                f"{what}: {_some(event_ids)}",
            )
        )
    return out


def _details(found: pl.DataFrame) -> Iterator[tuple[str, str]]:
    for day, detail in found.select("date", "detail").iter_rows():
        yield str(day), detail


def _some(texts: Sequence[str], most: int = _LISTED) -> str:
    rest = len(texts) - most
    return ", ".join(texts[:most]) + (f" and {rest} more" if rest > 0 else "")
