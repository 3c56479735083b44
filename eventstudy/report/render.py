"""The report as Markdown: a pure function of the result."""

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from eventstudy.report import effects, numbers
from eventstudy.report import markdown as md
from eventstudy.report.figures import DRAWINGS
from eventstudy.report.labels import (
    alpha_of,
    headline_ids,
    label,
    main_window,
    model_names,
    window_words,
)
from eventstudy.report.sections import (
    agreement,
    dynamics,
    events,
    finding,
    headline,
    joint,
    kinds,
    left_out,
    methods,
    questions,
    summary,
    volatility,
    volatility_tables,
)
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

TEMPLATE = "study.md.j2"
_FEW = 12  # rows of a table that need no folding


def render(result: StudyResult) -> str:
    """Return the report's text; figures and tables are linked by relative paths.

    Deterministic: neither clock, nor file system, nor absolute path enters.
    """
    from jinja2 import Environment, PackageLoader, StrictUndefined

    # Markdown, not HTML: every value is escaped for Markdown where it is made.
    environment = Environment(
        loader=PackageLoader("eventstudy.report", ""),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    text = environment.get_template(TEMPLATE).render(_context(result))
    text = re.sub(r"(?<=\d) %", f"{numbers.NBSP}%", text)
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def title(result: StudyResult) -> str:
    """The heading: the study's title, or the name of its catalogue."""
    if result.spec.title:
        return result.spec.title
    for file in result.provenance.get("files") or ():
        if file.get("role") == "catalogue" and file.get("name"):
            return label(PurePosixPath(str(file["name"]).replace("\\", "/")).stem)
    return "Event study"


def _context(result: StudyResult) -> dict[str, Any]:
    headline_effects = effects.Effects(result, "headline")
    sections = events.Sections(result)
    return {
        "title": md.escape(title(result)),
        "level": effects.level_text(result),
        "confidence": effects.confidence_text(result),
        "models": [(name, label(name)) for name in model_names(result)],
        "escape": md.escape,
        "details": md.details,
        "result": result,
        **_finding(result, headline_effects),
        **_headline(result, headline_effects),
        **_figures(result),
        **_events(result, sections),
        **_volatility(result),
        **_left_out(result, headline_effects),
        **_closing(result),
        "answers": questions.answers(result, sections),
    }


def _finding(result: StudyResult, found: effects.Effects) -> dict[str, Any]:
    return {
        "summary": summary.bullets(result, found),
        "units": _units(result),
        "alternative": _alternative(result),
        "model_phrases": methods.model_phrases(result.spec),
        "window": window_words(main_window(result)),
        "findings": finding.bullets(found),
        "yardsticks": agreement.yardstick_sentences(found),
        "scan": finding.scan(found),
        "singles": _singles(result),
        "shift_note": volatility.significance_note(result),
        "shift_bullets": volatility.bullets(result),
    }


def _headline(result: StudyResult, found: effects.Effects) -> dict[str, Any]:
    names = model_names(result)
    compared = kinds.compared(result)
    return {
        "main_table": headline.main_table(found),
        "headline_tables": _tables(names, found),
        "all_tables": _tables(names, effects.Effects(result, "all")),
        "recommendations": headline.recommendations(found),
        "missing": headline.missing_reasons(found),
        "estimands": headline.estimand_notes(effects.Effects(result, "all")),
        "kinds": kinds.table(result, compared),
        "kinds_all": kinds.table(result, kinds.compared(result, "all")),
        "kind_reasons": kinds.reasons(result, compared),
    }


def _figures(result: StudyResult) -> dict[str, Any]:
    return {
        "figures": [name for name, drawing in DRAWINGS.items() if drawing.opening],
        "pictures": {n: drawing.picture(result) for n, drawing in DRAWINGS.items()},
    }


def _events(result: StudyResult, sections: events.Sections) -> dict[str, Any]:
    events = list(result.events.iter_rows(named=True))
    chosen = headline_ids(result)
    major = [event for event in events if event["event_id"] in chosen]
    minor = [event for event in events if event["event_id"] not in chosen]
    return {
        "scope": _scope(result, len(major), len(minor)),
        "sections": sections.of(major),
        "minor_sections": sections.of(minor, brief=True),
        "joint_tables": joint.tables(result),
        "hypotheses": joint.hypothesis_table(result),
    }


def _volatility(result: StudyResult) -> dict[str, Any]:
    return {
        "shift_tables": volatility_tables.pooled_tables(result),
        "measure_table": volatility_tables.measure_table(result),
        "shift_reasons": volatility_tables.reasons(result),
        "near_events": volatility.near_events(result),
        "persistence": dynamics.persistence(result),
        "garch_table": dynamics.garch_table(result),
        "breaks": dynamics.breaks(result),
        "few_breaks": result.breaks["date"].count() <= _FEW,
        "break_table": dynamics.break_table(result),
        "volume": dynamics.volume(result),
        "volume_table": dynamics.volume_table(result),
        "intraday_table": dynamics.intraday_table(result),
    }


def _left_out(result: StudyResult, found: effects.Effects) -> dict[str, Any]:
    longest = headline.longest_window(result)
    return {
        "left_out": left_out,
        "overlap_sentence": left_out.overlap_sentence(result),
        "joint": left_out.joint_observations(result),
        "dependence_table": headline.dependence_table(found),
        "drift_table": headline.drift_table(found),
        "drift_main": headline.drift_table(found, longest),
        "drift_sentence": left_out.drift_sentence(result),
    }


def _closing(result: StudyResult) -> dict[str, Any]:
    provenance = result.provenance
    return {
        "model_bullets": methods.model_bullets(result.spec),
        "test_table": methods.test_table(result),
        "shift_table": methods.shift_table(result),
        "measure_bullets": methods.measure_bullets(result),
        "adjustments": methods.adjustments(result),
        "joint_nulls": methods.joint_nulls(result),
        "methods_text": _methods_text(result),
        "settings": methods.settings_table(result.spec),
        "files": methods.file_table(provenance),
        "versions": methods.versions_text(provenance),
        "command": methods.command_block(provenance),
        "notes": methods.notes(result),
        "source": md.escape(provenance.get("source") or "not recorded"),
        "notice": md.escape(provenance.get("notice") or ""),
        "seed": result.spec.seed,
    }


def _tables(models: Iterable[str], found: effects.Effects) -> list[tuple[str, str]]:
    tables = [(label(m), headline.headline_table(found, m)) for m in models]
    return [(name, table) for name, table in tables if table]


def _scope(result: StudyResult, major: int, minor: int) -> str:
    used = result.observations.filter(pl.col("status") == "used")
    n_assets = used["asset"].n_unique()
    text = numbers.count(major + minor, "announcement")
    if minor:
        text += f", {major} of them in the headline sample,"
    text += f" and {numbers.count(n_assets, 'asset')}"
    days = used["day0"].drop_nulls()
    if len(days):
        text += f"; days 0 from {min(days)} to {max(days)}"
    return text


def _units(result: StudyResult) -> str:
    if result.spec.returns == "log":
        return (
            "Returns are log returns, shown in per cent (100 × the logarithm): small "
            "ones read as percentages, but −20 means a price that is 18.1 % lower. "
            "Where the text says that a price fell or rose by so much, that is the "
            "exact percentage."
        )
    return "Returns are simple returns in per cent; a CAR is their sum."


def _alternative(result: StudyResult) -> str:
    alternative = result.spec.alternative
    if alternative == "two-sided":
        return "All p-values are two-sided, unless the text says otherwise."
    return f"**All p-values are one-sided (alternative: {alternative}).**"


def _singles(result: StudyResult) -> str:
    """Count single CARs of the main window that are distinguishable from zero."""
    alpha = alpha_of(result)
    start, end = main_window(result)
    cars = result.cars.filter(
        (pl.col("start") == start)
        & (pl.col("end") == end)
        & pl.col("pvalue").is_not_null()
    )
    if cars.is_empty():
        return ""
    low = cars.filter(pl.col("pvalue") < alpha)
    holm = cars.filter(pl.col("pvalue_holm") < alpha)
    text = (
        f"Of {numbers.count(cars.height, 'CAR')} over {window_text((start, end))}, one "
        f"per observation and model, {low.height} "
        f"{'has' if low.height == 1 else 'have'} p below "
        f"{effects.level_text(result)} on {'its' if low.height == 1 else 'their'} own; "
        f"{holm.height} after Holm's correction for all CARs of the study"
    )
    if holm.is_empty():
        return f"{text}."
    shown = holm.sort("pvalue").iter_rows(named=True)
    named = [
        f"{md.escape(row['asset'])} at {md.escape(row['event_id'])} "
        f"{numbers.percent(row['car'])} %"
        for row in shown
    ]
    return f"{text}: {numbers.listing(named, most=6)}."


def _methods_text(result: StudyResult) -> Mapping[str, str]:
    """Windows and rules in words, from the spec."""
    spec = result.spec
    gap = {
        "trade_to_trade": "a return spans the gap to the last close, the factors' "
        "returns are compounded over the same span and its variance is scaled by the "
        "number of sessions (Maynes & Rumsey 1993)",
        "drop": "the return after a gap is dropped",
    }[spec.missing]
    purge = {
        "exclude": f"sessions {window_text(spec.purge)} around other announcements "
        "that touch the same asset are left out of it",
        "keep": "sessions near other announcements are kept in it",
    }[spec.overlap]
    return {
        "estimation": window_text(spec.estimation),
        "event_window": window_text(spec.event_window),
        "minimum": f"{spec.min_estimation}",
        "coverage": f"{100 * spec.min_coverage:.3g} %",
        "gap": gap,
        "purge": purge,
        "day0": {
            "next": "moves to the next session",
            "previous": "moves to the session before",
            "error": "is an error",
            "drop": "is dropped",
        }[spec.day0],
        "pre": window_text(spec.volatility_pre),
        "post": window_text(spec.volatility_post),
        "volatility_event": window_text(spec.volatility_event),
        "resamples": f"{spec.resamples:,}",
    }
