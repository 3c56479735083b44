"""What was left out: observations, and the ledger with every reason."""

from collections.abc import Iterator

import polars as pl

from eventstudy.report import links
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.study.result import StudyResult

MOST_ROWS = 60
_MOST_REASONS = 8


def blocks(views: Views) -> Iterator[str]:
    """What was asked for and used, and why the rest was left out."""
    result = views.result
    yield summary(result)
    yield md.details(
        "Announcements that count as one observation",
        md.bullets(joint_observations(result)),
    )
    if result.ledger.is_empty():
        yield "The ledger of exclusions is empty: nothing was left out."
        return
    yield ledger_counts(result)
    yield md.details(f"Row by row (the first {MOST_ROWS})", ledger_rows(result))
    yield "All rows: `tables/ledger.csv`."


def short_blocks(views: Views) -> Iterator[str]:
    """How many could not be estimated, and the most frequent reasons."""
    result = views.result
    yield f"{summary(result)} {links.to('Row by row', 'left_out')}."
    dropped = result.observations.filter(pl.col("status") == "dropped")
    reasons = (
        dropped.group_by("reason", maintain_order=True)
        .agg(pl.struct("event_id", "asset").n_unique().alias("pairs"))
        .sort("pairs", descending=True, maintain_order=True)
    )
    lines = [
        f"{nb.count(pairs, 'pair')}: "
        f"{md.escape(md.shorten(reason or 'no reason recorded', 160))}"
        for reason, pairs in reasons.head(_MOST_REASONS).iter_rows()
    ]
    if reasons.height > _MOST_REASONS:
        lines.append(f"and {reasons.height - _MOST_REASONS} more reasons")
    yield md.bullets(lines)


def summary(result: StudyResult) -> str:
    """Count what was asked for, used and dropped."""
    observations = result.observations
    used = observations.filter(pl.col("status") == "used")
    pairs = ["event_id", "asset"]
    asked = observations.unique(pairs).height
    held = used.unique(pairs).height
    distinct = used.unique(["observation", "asset"]).height
    text = (
        f"{nb.count(asked, 'pair')} of announcement and asset were asked for; "
        f"{held:,} could be estimated, {asked - held:,} could not."
    )
    if distinct < held:
        text += (
            f" They make {nb.count(distinct, 'observation')}, as announcements that "
            "share an asset's day 0 are one."
        )
    return text


def joint_observations(result: StudyResult) -> list[str]:
    """Announcements that count as one, with the assets on which they do."""
    used = result.observations.filter(
        (pl.col("status") == "used") & (pl.col("observation") != pl.col("event_id"))
    )
    grouped = used.group_by("observation", maintain_order=True).agg(
        pl.col("asset").unique(maintain_order=True), pl.col("day0").min()
    )
    return [
        f"{nb.listing([md.escape(e) for e in joined.split('+')])} ({day}): "
        f"{nb.listing([md.escape(a) for a in assets])}"
        for joined, assets, day in grouped.sort("day0").iter_rows()
    ]


def ledger_counts(result: StudyResult) -> str:
    """Reasons with the number of rows that they concern."""
    counted = (
        result.ledger.group_by("stage", "reason", maintain_order=True)
        .agg(pl.len(), pl.col("asset").drop_nulls().unique(maintain_order=True))
        .sort("len", descending=True, maintain_order=True)
    )
    rows = [
        [
            md.escape(stage or ""),
            md.escape(md.shorten(reason or "", 160)),
            str(n),
            nb.listing([md.escape(a) for a in assets], most=6),
        ]
        for stage, reason, n, assets in counted.head(MOST_ROWS).iter_rows()
    ]
    return md.table(["Stage", "Reason", "Rows", "Assets"], rows, "llrl") if rows else ""


def ledger_rows(result: StudyResult) -> str:
    """Every row of the ledger, up to a limit."""
    columns = ("stage", "event_id", "asset", "model", "reason", "held", "wanted")
    rows = [
        [md.escape(md.shorten(str(value), 160)) if value else "" for value in row]
        for row in result.ledger.head(MOST_ROWS).select(columns).iter_rows()
    ]
    heads = ["Stage", "Event", "Asset", "Model", "Reason", "Held", "Wanted"]
    return md.table(heads, rows, "lllllrr") if rows else ""


SECTION = Section(title="What was left out", blocks=short_blocks)
DETAILS = Section(title="Observations left out", blocks=blocks)
