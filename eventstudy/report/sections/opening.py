"""The first screen: what happened, to whom, how much, how sure, and what is doubtful.

The lead has at most 60 words. Numbers that a table below holds are not repeated.
"""

from collections.abc import Iterator, Sequence

import polars as pl

from eventstudy.report import links
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import Effects, Row, confidence_text, told
from eventstudy.report.labels import (
    DIFFERENCE,
    headline_ids,
    main_window,
    model_names,
)
from eventstudy.report.section import Section
from eventstudy.report.sections import agreement, doubts, influence, volatility
from eventstudy.report.sections.agreement import Verdict
from eventstudy.report.views import Views
from eventstudy.study.result import StudyResult

_NAMED = 3  # groups that the lead names
_FOUND = (Verdict.BOTH, Verdict.THESE, Verdict.ALONE)


def blocks(views: Views) -> Iterator[str]:
    """The lead, the first figure, and four lines."""
    yield lead(views)
    yield views.figure("effects")
    yield md.bullets(line for line in _lines(views) if line)


def lead(views: Views) -> str:
    """Say the finding in at most 60 words."""
    effects = views.effects
    if not views.result.computed("headline"):
        return "Average effects on prices were not asked for in this study."
    rows = leading(effects)
    judged = [r for r in rows if agreement.verdict(effects, r) is not Verdict.NONE]
    if not judged:
        return (
            "No average effect on prices could be judged; why is told under "
            f"{links.to('what was left out', 'report', 'What was left out')}."
        )
    found = [r for r in judged if agreement.verdict(effects, r) in _FOUND]
    found.sort(key=lambda r: (_rank(effects, r), -abs(r["estimate"])))
    rest = [row for row in judged if row not in found]
    where = f"round {_announcements(views.result)}"
    if not found:
        parts = [f"{_name(effects, r)} {_size(effects, r)}" for r in rest[:_NAMED]]
        if len(rest) > _NAMED:
            parts.append(f"{len(rest) - _NAMED} more groups likewise")
        sizes = nb.listing(parts)
        return (
            f"**No effect a{where} can be told from chance. Beyond what was expected: "
            f"{sizes}.**"
        )
    first, *others = found
    where = where.removesuffix(",")
    text = f"A{where}, {_name(effects, first)} {_moved(effects, first)}. "
    text += _certainty(effects, first)
    text += _others(effects, first, others)
    if rest:
        text += f" {_capital(_sizes(effects, rest))} cannot be told from chance."
    return f"**{text}**"


def leading(effects: Effects) -> list[Row]:
    """A row per group in the headline window: of its first model, no differences."""
    rows = told(effects.at(main_window(effects.result)))
    order = model_names(effects.result)
    rows = sorted(rows, key=lambda row: order.index(row["model"]))
    chosen: dict[str, Row] = {}
    for row in rows:
        if DIFFERENCE not in row["group"] and not nb.is_missing(row["estimate"]):
            chosen.setdefault(row["group"], row)
    groups = list(dict.fromkeys(row["group"] for row in effects.rows))
    return sorted(chosen.values(), key=lambda row: groups.index(row["group"]))


def _rank(effects: Effects, row: Row) -> int:
    return _FOUND.index(agreement.verdict(effects, row))


def _announcements(result: StudyResult) -> str:
    number = len(headline_ids(result))
    main = "main " if number < result.events.height else ""
    if number == 1:
        return f"the {main}announcement"
    used = result.observations.filter(
        pl.col("status") == "used", pl.col("event_id").is_in(headline_ids(result))
    )["event_id"].n_unique()
    if used < number:
        of = nb.count(number, f"{main}announcement")
        return f"{of}, of which {used} could be estimated,"
    return nb.count(number, f"{main}announcement")


def _name(effects: Effects, row: Row) -> str:
    return effects.group(row)


def _moved(effects: Effects, row: Row) -> str:
    """Write what a group's prices did, with the interval."""
    places = effects.returns.places(row["estimate"], row["se"])
    change = effects.returns.change(row["estimate"]) or 0.0
    verb = "lost" if change < 0 else "gained"
    text = f"{verb} {nb.decimal(abs(100 * change), places)} % more than expected"
    if not effects.interval(row):
        return text
    shown = " to ".join(ends(effects, row))
    return f"{text} ({confidence_text(effects.result)} interval {shown})"


def ends(effects: Effects, row: Row) -> list[str]:
    """Write the ends of a group's interval in per cent; nothing without one."""
    if not effects.interval(row):
        return []
    places = effects.returns.places(row["estimate"], row["se"])
    return [
        nb.percent(effects.returns.change(row[name]), places)
        for name in ("ci_low_these", "ci_high_these")
    ]


def _size(effects: Effects, row: Row) -> str:
    """Write an average that is not told from chance, with its interval."""
    text = f"{effects.average(row)} %"
    if shown := " to ".join(ends(effects, row)):
        text += f" ({confidence_text(effects.result)} interval {shown})"
    return text


def _sizes(effects: Effects, rows: Sequence[Row]) -> str:
    parts = [f"{_name(effects, r)} ({effects.average(r)} %)" for r in rows]
    return nb.listing(parts, most=_NAMED)


def _certainty(effects: Effects, row: Row) -> str:
    dates = "On this date" if row["n_dates"] == 1 else "On these dates"
    return {
        Verdict.BOTH: f"{dates}, and for announcements like these, that is more than "
        "chance.",
        Verdict.THESE: f"{dates} that is more than chance; they are too few to say it "
        "of announcements like these.",
        Verdict.ALONE: f"{dates} that is more than chance; of other announcements "
        "nothing can be said.",
    }[agreement.verdict(effects, row)]


def _others(effects: Effects, first: Row, found: Sequence[Row]) -> str:
    """Name the other groups that were found, by what is found of them."""
    verdict = agreement.verdict(effects, first)
    like = [row for row in found if agreement.verdict(effects, row) is verdict]
    rest = [row for row in found if row not in like]
    text = f" So it is for {_sizes(effects, like)}." if like else ""
    return text + (f" On these dates only: {_sizes(effects, rest)}." if rest else "")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _lines(views: Views) -> Iterator[str]:
    """How sure, whether one date carries it, volatility, doubts: a line each."""
    effects, result = views.effects, views.result
    rows = leading(effects)
    if sure := _how_sure(effects, rows):
        yield f"**How sure?** {sure}"
    judged = [r for r in rows if agreement.verdict(effects, r) is not Verdict.NONE]
    found = [row for row in judged if agreement.verdict(effects, row) in _FOUND]
    others = [row for row in judged if row not in found]
    if rests := influence.line(effects, found[:_NAMED], others[:_NAMED]):
        yield f"**Does it rest on one date?** {rests}"
    if changed := volatility.line(result):
        yield f"**Did volatility change?** {changed}"
    yield f"**What is doubtful?** {doubts.line(result)}"


def _how_sure(effects: Effects, rows: Sequence[Row]) -> str:
    """Give both p-values and the count of tests, of the groups found or of all."""
    judged = [r for r in rows if agreement.verdict(effects, r) is not Verdict.NONE]
    found = [r for r in judged if agreement.verdict(effects, r) in _FOUND]
    parts = []
    for row in (found or judged)[:_NAMED]:
        text = f"{effects.group(row)}: {agreement.dates_words(row)} "
        text += nb.p_equals(row["pvalue_these"])
        if not nb.is_missing(row["pvalue_such"]):
            text += f", for announcements like these {nb.p_equals(row['pvalue_such'])}"
        elif row["n_dates"] == 1 or len(headline_ids(effects.result)) == 1:
            text += "; one date says nothing of announcements like these"
        if counted := agreement.count(row):
            text += f"; {counted}"
        if against := agreement.dissent_in_words(effects, row):
            text += f", {against}"
        parts.append(text)
    if not parts:
        return ""
    why = f" {links.to('Every test', 'tests')}."
    return _capital(". ".join(_capital(part) for part in parts)) + "." + why


SECTION = Section(title="", blocks=blocks)
