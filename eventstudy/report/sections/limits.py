"""What the study cannot conclude, in one list."""

from collections.abc import Iterator

import polars as pl

from eventstudy.report import links
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import Row, level_text
from eventstudy.report.figures import placebo
from eventstudy.report.labels import DIFFERENCE, headline_ids, main_window, period_word
from eventstudy.report.section import Section
from eventstudy.report.sections import (
    agreement,
    doubts,
    joint,
    kinds,
    opening,
    uncertain_dates,
)
from eventstudy.report.sections.agreement import Verdict
from eventstudy.report.views import Views
from eventstudy.study.defaults import NO_BENCHMARK
from eventstudy.study.result import StudyResult


def blocks(views: Views) -> Iterator[str]:
    """Every limit that this study runs into."""
    result = views.result
    lines = [_size(views), _against(views), _other_dates(views), _benchmark(result)]
    lines += [_others(views), _other_news(result), _together(result)]
    lines += [uncertain_dates.line(result), _kinds(result), _causes(result)]
    yield md.bullets(line for line in lines if line)


def _size(views: Views) -> str:
    """Say which effects the data leave possible, of averages not told from chance."""
    effects = views.effects
    parts = [
        f"{effects.group(row)} between {' and '.join(ends)} %"
        for row in opening.leading(effects)
        if agreement.verdict(effects, row) is Verdict.NEITHER
        and (ends := opening.ends(effects, row))
    ]
    if not parts:
        return ""
    return (
        "**No effect is not shown either.** What is not told from chance may still be "
        f"there: the intervals hold effects of {nb.listing(parts, most=4)}. Only "
        f"larger ones can be ruled out at {level_text(views.result)}."
    )


def _against(views: Views) -> str:
    """Name the pairs of groups of which the model decides whether they differ."""
    effects = views.effects
    rows = [
        row
        for row in effects.at(main_window(views.result))
        if DIFFERENCE in row["group"] and row["verdict"]
    ]
    by_group: dict[str, list[Row]] = {}
    for row in rows:
        by_group.setdefault(row["group"], []).append(row)
    parts = []
    for held in by_group.values():
        told = [row for row in held if agreement.from_chance(effects, row)]
        if told and len(told) < len(held):
            values = [
                f"{effects.average(row)} % {effects.model(row)} "
                f"({nb.p_equals(row['pvalue_these'])})"
                for row in held
            ]
            parts.append(f"{effects.group(held[0])} is {nb.listing(values)}")
    if not parts:
        return ""
    return (
        "**One group against another.** Whether they moved differently depends on the "
        f"model: {'; '.join(parts)}."
    )


def _other_dates(views: Views) -> str:
    """Name the findings that are not rare among the same averages at other dates."""
    effects, values = views.effects, {}
    if placebo.has_data(views.result):
        values = placebo.pvalues(views.result)
    parts = [
        f"{effects.group(row)} ({nb.p_equals(value)})"
        for row in opening.leading(effects)
        if agreement.from_chance(effects, row)
        and (value := values.get(row["group"])) is not None
        and value >= effects.alpha
    ]
    if not parts:
        return ""
    where = links.to("drawn", "report", "Against other dates")
    return (
        "**That such moves are rare.** With all dates moved, averages as far out are "
        f"not rare at {level_text(views.result)} for {nb.listing(parts)} ({where})."
    )


def _benchmark(result: StudyResult) -> str:
    """Say that moves of the market are in the effects, where none was taken out."""
    said = result.remarks.filter(pl.col("text").str.starts_with(NO_BENCHMARK))
    if said.is_empty():
        return ""
    return (
        "**Apart from the market.** No benchmark was taken out: what the whole market "
        "did on these dates is in the effects."
    )


def _others(views: Views) -> str:
    """Say that few dates do not stand for announcements like them."""
    result = views.result
    if len(headline_ids(result)) == 1:
        return (
            "**Other announcements.** One date, however many assets, says nothing of "
            "other announcements."
        )
    rows = opening.leading(views.effects)
    most = max((row["n_dates"] for row in rows), default=0)
    if not 1 < most < doubts.MANY_DATES:
        return ""
    return (
        f"**Other announcements.** {most} dates are a small sample of announcements "
        "like these; only large effects can be found with it."
    )


def _other_news(result: StudyResult) -> str:
    if "confounders" not in result.events.columns:
        return ""
    chosen = result.events.filter(
        pl.col("event_id").is_in(sorted(headline_ids(result)))
    )
    other = chosen.drop_nulls("confounders").height
    if not other:
        return ""
    return (
        f"**Other news.** Of {nb.count(chosen.height, 'headline announcement')} "
        f"{other} fell beside other news that the catalogue names; their effects "
        f"cannot be separated ({links.to('which', 'announcements')})."
    )


def _together(result: StudyResult) -> str:
    said = joint.summary(result)
    return f"**Announcements close together.** {said}" if said else ""


def _kinds(result: StudyResult) -> str:
    if not kinds.table(result, kinds.compared(result)):
        return ""
    return (
        "**Kinds of announcement.** Each kind rests on few dates, so that kinds "
        f"cannot be ranked ({links.to('compared', 'tests', kinds.SECTION.title)})."
    )


def _causes(result: StudyResult) -> str:
    return (
        "**Causes.** A test tells an effect of the dates from chance; that it is the "
        "announcement's, and not that of other news of those "
        f"{period_word(result.spec)}s, is an assumption. Prices also hold what was "
        "known or expected before."
    )


SECTION = Section(title="What cannot be concluded", blocks=blocks)
