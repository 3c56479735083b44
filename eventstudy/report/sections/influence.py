"""Averages that rest on one date or on one asset."""

from collections.abc import Iterator, Sequence

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import Effects, Row
from eventstudy.report.figures.influence import without_each
from eventstudy.report.labels import headline_ids
from eventstudy.report.section import Section
from eventstudy.report.sections import joint
from eventstudy.report.sections.agreement import Verdict, verdict
from eventstudy.report.views import Views


def sentence(effects: Effects, row: Row) -> str:
    """Say where an average rests on one date or one asset; empty elsewhere."""
    lines = []
    if event := _date(effects, row):
        lines.append(f"It rests on one date: {event}.")
    without = row["estimate_without_asset"]
    found = verdict(effects, row) not in (Verdict.NONE, Verdict.NEITHER)
    if found and row["influence_asset"] and rests(row, without):
        asset = md.escape(row["influence_asset"])
        shown = effects.returns.percent(without, row["se"])
        lines.append(f"It rests on one asset: {shown} % without {asset}.")
    return " ".join(lines)


def clause(effects: Effects, row: Row) -> str:
    """Say what an average that rests on one date is without it; empty elsewhere."""
    event = _date(effects, row)
    name = effects.group(row)
    return f"that of {name} ({effects.average(row)} %): {event}" if event else ""


def line(effects: Effects, found: Sequence[Row], others: Sequence[Row]) -> str:
    """Say which averages rest on one date, and whether dates differ; may be empty.

    found : told from chance;  others : not, of which none has anything to rest
    """
    if len(headline_ids(effects.result)) < 2:
        return "It is one date: whatever else happened on it is in the number."
    held = [row for row in found if row["influence_event"] and row["n_dates"] > 1]
    parts = [_found(effects, held)] if held else []
    ranges = [text for row in others if (text := _without_any(effects, row))]
    if ranges:
        lead = "Not told from chance" if held else "There is no effect to rest on one"
        parts.append(f"{lead}: without any one date {nb.listing(ranges)}.")
    differing = [
        effects.group(row)
        for row in [*found, *others]
        if not nb.is_missing(row["q_pvalue"]) and row["q_pvalue"] < effects.alpha
    ]
    if parts and differing:
        parts.append(f"Dates differ by more than noise for {nb.listing(differing)}.")
    elif parts:
        parts.append("Dates do not differ by more than noise (Q test).")
    return " ".join(parts)


def _found(effects: Effects, held: Sequence[Row]) -> str:
    if resting := [text for row in held if (text := clause(effects, row))]:
        return f"Yes, {'; '.join(resting)}."
    parts = [
        f"{effects.returns.percent(row['estimate_without_it'], row['se'])} % for "
        f"{effects.group(row)} (without {joint.titled(effects.result, event)})"
        for row in held
        if (event := row["influence_event"])
    ]
    return (
        "No effect that was found changes sign or halves: without the date that moves "
        f"it most it is {', '.join(parts)}."
    )


def _without_any(effects: Effects, row: Row) -> str:
    """Give the ends between which an average stays without each date in turn."""
    values = without_each(effects.result).filter(group=row["group"])["without"]
    if len(values) < 2:
        return ""
    low, high = (
        effects.returns.percent(end, row["se"]) for end in (min(values), max(values))
    )
    return f"{effects.group(row)} between {low} and {high} %"


def blocks(views: Views) -> Iterator[str]:
    """The averages without each date in turn."""
    yield views.figure("influence")


def rests(row: Row, without: float | None) -> bool:
    """Tell whether an average changes sign or loses half of its size."""
    if without is None or nb.is_missing(without) or nb.is_missing(row["estimate"]):
        return False
    estimate: float = row["estimate"]
    return estimate * without < 0 or abs(without) < abs(estimate) / 2


def _date(effects: Effects, row: Row) -> str:
    without = row["estimate_without_it"]
    if not row["influence_event"] or not rests(row, without):
        return ""
    event = joint.titled(effects.result, row["influence_event"])
    return f"{effects.returns.percent(without, row['se'])} % without {event}"


SECTION = Section(title="Averages without each date", blocks=blocks)
