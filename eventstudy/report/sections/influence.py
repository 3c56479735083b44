"""Averages that rest on one date or on one asset."""

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import Effects, Row
from eventstudy.report.labels import group_label
from eventstudy.report.sections import joint
from eventstudy.report.sections.agreement import Verdict, verdict


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
    name = md.escape(group_label(row["group"]))
    return f"that of {name} ({effects.average(row)} %): {event}" if event else ""


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
