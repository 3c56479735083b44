"""Series that are no prices: how far they were from what their history led to expect.

The words are the series' own: its name and unit, never those of prices.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
from scipy import special

from eventstudy.outcomes.kinds import KINDS, MEASURES
from eventstudy.report import links
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import confidence_text
from eventstudy.report.figures import outcomes as figure
from eventstudy.report.figures.outcomes import main_event, period_of, settings
from eventstudy.report.labels import alpha_of, short_title
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.spec import OutcomeSetting
from eventstudy.study.result import StudyResult

Row = dict[str, Any]
MOST_ROWS = 60
_PVALUES = ("pvalue_model", "pvalue_placebo")
_TITLE = "Other outcomes"
WHERE = links.to("in detail", "outcomes", _TITLE)


@dataclass(frozen=True, slots=True)
class _Words:
    """How effects of one series are told."""

    setting: OutcomeSetting
    z: float

    @property
    def is_log(self) -> bool:
        """Whether effects are told in per cent."""
        return KINDS[self.setting.kind].is_log

    @property
    def unit(self) -> str:
        """The unit of effects."""
        return "%" if self.is_log else md.escape(self.setting.unit)

    def size(self, effect: float, *, sign: bool = True) -> str:
        """Write an effect, in per cent or in the unit."""
        if self.is_log:
            value = 100 * float(np.expm1(effect))
            return nb.decimal(value if sign else abs(value), 0, sign=sign)
        places = nb.places_for(effect)
        return nb.decimal(effect if sign else abs(effect), places, sign=sign)

    def gap(self, effect: float) -> str:
        """Write an effect as above or below what was expected."""
        side = "above" if effect > 0 else "below"
        return f"{self.size(effect, sign=False)} {self.unit} {side}".replace("  ", " ")

    def interval(self, row: Row) -> str:
        """Write the interval of an effect."""
        low, high = (row["effect"] + k * self.z * row["se"] for k in (-1, 1))
        return f"[{self.size(low)}, {self.size(high)}]"


def _words(result: StudyResult, setting: OutcomeSetting) -> _Words:
    return _Words(setting, float(special.ndtri(0.5 + result.spec.level / 2)))


def answer(result: StudyResult, event_id: str, outcome: str) -> str:
    """Say how far a series was from what was expected, and how far that is chance."""
    named = [one for one in settings(result) if outcome in ("", one.name)]
    if not named:
        return "No answer: the series is not studied."
    return " ".join(_sentences(result, event_id, one) for one in named)


def _sentences(result: StudyResult, event_id: str, setting: OutcomeSetting) -> str:
    rows = result.outcomes.filter(event_id=event_id, outcome=setting.name).to_dicts()
    name = md.escape(setting.name)
    known = [row for row in rows if row["effect"] is not None]
    if not known:
        why = rows[0]["reason"] if rows else "the announcement is not in the table"
        return f"No answer of {name}: {md.escape(why)}."
    told, first = _words(result, setting), known[0]
    period = period_of(result, setting.name)
    parts = [
        f"{_over(first, period)} {name} was {told.gap(first['effect'])} what its own "
        f"{first['n_history']} {period} before led to expect "
        f"({confidence_text(result)} interval {told.interval(first)} {told.unit}), "
        f"{nb.p_equals(first['pvalue_model'])} by the model."
    ]
    parts += [
        f"In the last seven days of them it was {told.gap(row['effect'])} "
        f"({nb.p_equals(row['pvalue_model'])})."
        for row in known[1:]
        if row["measure"] == "last_week"
    ]
    return " ".join([*parts, _placebo(result, first, period), *_moves(result, first)])


def _over(row: Row, period: str) -> str:
    length = row["end"] - row["start"] + 1
    if row["measure"] == "last_week":
        return f"In the last seven days of the {length} {period} from {row['day0']},"
    return f"On average over the {length} {period} from {row['day0']},"


def _placebo(result: StudyResult, row: Row, period: str) -> str:
    """Say what the same comparison finds at earlier dates, and if the two agree."""
    if row["pvalue_placebo"] is None:
        return "Too few earlier dates have a window of their own to compare with."
    alpha = alpha_of(result)
    model, placebo = row["pvalue_model"] < alpha, row["pvalue_placebo"] < alpha
    verdict = {
        (True, True): "Both tell it from chance.",
        (
            True,
            False,
        ): "The two disagree: the gap is large for the model, but no rarity "
        "beside its own past, so it is not established.",
        (False, True): "The two disagree: the gap is rare beside its own past, but "
        "within the model's error.",
        (False, False): "Neither tells it from chance.",
    }[model, placebo]
    return (
        f"Among {row['n_placebo']} earlier dates, each with {row['placebo_history']} "
        f"{period} of history, {nb.p_equals(row['pvalue_placebo'])}; only "
        f"{row['n_apart']} of their windows share no {period[:-1]}, so that p cannot "
        f"be below {nb.decimal(1 / (1 + row['n_apart']))}. {verdict}"
    )


def _moves(result: StudyResult, row: Row) -> list[str]:
    """Say how the model's p-value moves with the length of the history."""
    held = result.outcome_histories.filter(
        pl.col("pvalue_model").is_not_null(),
        event_id=row["event_id"],
        outcome=row["outcome"],
        measure=row["measure"],
    ).sort("history")
    if held.height < 2:
        return []
    period = period_of(result, row["outcome"])
    parts = [
        f"{nb.pvalue_cell(one['pvalue_model'])} with {one['history']}"
        for one in held.iter_rows(named=True)
    ]
    return [
        f"The model's verdict depends on the {period} before that it is given: p "
        f"{nb.listing(parts)}."
    ]


def line(views: Views) -> Iterator[str]:
    """A sentence about each series that no question asks about, and the way to it."""
    result = views.result
    asked = {
        name
        for one in result.spec.questions
        if one.measure == "outcome"
        for name in (
            [one.outcome] if one.outcome else [s.name for s in settings(result)]
        )
    }
    for setting in settings(result):
        event_id = main_event(result, setting.name)
        if setting.name in asked or not event_id:
            continue
        title = md.escape(short_title(result, event_id))
        text = _sentences(result, event_id, setting)
        yield f"**{title}.** {text} ({WHERE})"


def blocks(views: Views) -> Iterator[str]:
    """What is compared, figures, the verdict by history, and all announcements."""
    result = views.result
    shown = settings(result)
    if not shown:
        return
    yield (
        "A level persists: a mean before and a mean after differ without any "
        "announcement. Expected is what the series' own past leads to expect, a level "
        "that wanders with a drift (averaged over how fast it may wander); the error "
        "grows with the distance. Beside the model's p-value stands the share of "
        "earlier dates whose gap is as large for its error."
    )
    yield figure.DRAWING.picture(result)
    for setting in shown:
        if setting.name not in result.outcomes["outcome"]:
            continue
        yield f"### {md.escape(setting.name)}"
        yield _about(setting)
        yield _by_history(result, setting)
        yield _by_event(result, setting)


def _about(setting: OutcomeSetting) -> str:
    kind = KINDS[setting.kind]
    if not kind.keeps_level:
        return f"{kind.studied}."
    known = "known" if setting.variance or kind.counts else "estimated"
    return f"{kind.studied}; how far a single value is from its level is {known}."


def _by_history(result: StudyResult, setting: OutcomeSetting) -> str:
    """The verdict by length of the history, of the main announcement."""
    event_id = main_event(result, setting.name)
    held = result.outcome_histories.filter(event_id=event_id, outcome=setting.name)
    if held.is_empty():
        return ""
    told = _words(result, setting)
    period = period_of(result, setting.name)
    rows = [
        [
            f"{row['history']}",
            f"{told.size(row['effect'])} {told.interval(row)}",
            nb.pvalue_cell(row["pvalue_model"]),
            _or_dash(row["pvalue_placebo"]),
            f"{row['n_placebo']} ({row['n_apart']})",
        ]
        for row in held.filter(measure=setting.measures[0]).sort("history").to_dicts()
        if row["effect"] is not None
    ]
    title = md.escape(short_title(result, event_id))
    columns = [f"{period.capitalize()} before", f"Gap, {told.unit}", "p model"]
    columns += ["p placebo", "Earlier dates (apart)"]
    return (
        f"How the verdict moves with the length of the history, {title}, "
        f"{MEASURES[setting.measures[0]]} (others: `tables/outcome_histories.csv`):"
        f"\n\n{md.table(columns, rows, 'rrrrr')}"
    )


def _or_dash(value: float | None) -> str:
    return "" if value is None else nb.pvalue_cell(value)


def _by_event(result: StudyResult, setting: OutcomeSetting) -> str:
    told = _words(result, setting)
    headline = result.events.filter("headline")["event_id"].implode()
    rows = result.outcomes.filter(
        pl.col("event_id").is_in(headline), pl.col("outcome") == setting.name
    ).to_dicts()
    by_event: dict[str, list[Row]] = {}
    for row in rows:
        by_event.setdefault(row["event_id"], []).append(row)
    cells = []
    for event_id, held in list(by_event.items())[:MOST_ROWS]:
        line = [md.escape(short_title(result, event_id)), f"{held[0]['day0'] or ''}"]
        for row in held:
            gap = ""
            if row["effect"] is not None:
                gap = f"{told.size(row['effect'])} {told.interval(row)}"
            line += [gap, *(_or_dash(row[name]) for name in _PVALUES)]
        cells.append(line)
    columns = ["Announcement", "Day 0"]
    for measure in setting.measures:
        columns += [f"{MEASURES[measure].capitalize()}, {told.unit}", "p", "p placebo"]
    missing = dict.fromkeys(row["reason"] for row in rows if row["reason"])
    notes = "; ".join(md.escape(one) for one in missing)
    length = setting.window[1] - setting.window[0] + 1
    period = period_of(result, setting.name)
    text = (
        f"All headline announcements. Windows of announcements less than {length} "
        f"{period} apart share {period}: each gap holds what the others did as well, "
        "and the history of a later one holds what came before it."
    )
    if notes:
        text += f" Without a value: {notes}."
    return f"{text}\n\n{md.table(columns, cells, 'll' + 'rrr' * len(setting.measures))}"


SECTION = Section(title=_TITLE, table="outcomes", blocks=blocks)
SHORT = Section(title=_TITLE, table="outcomes", blocks=line)
