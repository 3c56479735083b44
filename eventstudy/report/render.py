"""The pages of the report as Markdown: a pure function of the result."""

from dataclasses import replace

import polars as pl

from eventstudy.report import links
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.announced import main_dates
from eventstudy.report.labels import (
    headline_ids,
    not_computed,
    period_word,
    study_title,
    title_of,
)
from eventstudy.report.section import Section, page
from eventstudy.report.sections import SECTIONS, made
from eventstudy.report.views import Views
from eventstudy.study.result import StudyResult

_NAMED = 60  # characters of the announcements that the first line names
_WHOLE = 160  # of one that is alone


def render(result: StudyResult) -> str:
    """Return the first page of the report.

    Parameters
    ----------
    result : StudyResult
        A finished study.

    Returns
    -------
    str
        Markdown; figures are linked by relative paths. Neither clock, nor file system,
        nor absolute path enters: the same result gives the same text.

    Examples
    --------
    >>> from eventstudy import StudyResult, StudySpec
    >>> spec = StudySpec(returns="log", title="Nothing yet")
    >>> text = render(StudyResult(spec=spec, provenance={}))
    >>> text.splitlines()[0]
    '# Nothing yet'
    """
    return _page(Views(result), links.REPORT)


def pages(result: StudyResult) -> dict[str, str]:
    """Return every page of the report.

    Parameters
    ----------
    result : StudyResult
        A finished study.

    Returns
    -------
    dict of str to str
        File, from the report's folder -> Markdown, report.md first.

    Examples
    --------
    >>> from eventstudy import StudyResult, StudySpec
    >>> nothing = StudyResult(spec=StudySpec(returns="log"), provenance={})
    >>> list(pages(nothing))[:2]
    ['report.md', 'details/announcements.md']
    """
    views = Views(result)
    return {links.file_of(name): _page(views, name) for name in SECTIONS}


def _page(views: Views, name: str) -> str:
    sections = {section: _written(section, views) for section in SECTIONS[name]}
    title = md.escape(study_title(views.result.spec, views.result.provenance))
    if name == links.REPORT:
        scope = f"{_scope(views.result)}. {made.expected(views.result)}".rstrip()
        head = [f"# {title}", scope]
    else:
        back = links.to(title, links.REPORT)
        held = [section.title for section, text in sections.items() if text]
        inside = [links.to(one, name, one) for one in held]
        head = [f"# {links.PAGES[name]}", " · ".join([f"Report: {back}", *inside])]
    text = page([*head, *sections.values()])
    return links.placed(text, name)


def _written(section: Section[Views], views: Views) -> str:
    """Write a section; say that it was not asked for."""
    if not section.table or views.result.computed(section.table):
        return section.write(views)
    told = replace(section, blocks=lambda _: [not_computed(views.result.spec)])
    return told.write(views)


def _scope(result: StudyResult) -> str:
    """Count announcements and assets, and name the first and the last day."""
    events = result.events.height
    major = len(headline_ids(result))
    used = result.observations.filter(pl.col("status") == "used")
    text = nb.count(events, "announcement")
    if major < events:
        text += f", {major} of them main ones (the headline sample),"
    text += f" and {nb.count(used['asset'].n_unique(), 'asset')}"
    groups = len(result.spec.groups)
    text += f" in {groups} groups" if groups > 1 else " in one group"
    dated = [(day, row) for day, rows in main_dates(result).items() for row in rows]
    if not dated:
        return text
    (day, one), (end, other) = dated[0], dated[-1]
    daily = result.spec.frequency == "daily"
    of = "" if daily else f"{period_word(result.spec)} to "
    first, last = f"{of}{day}", f"{of}{end}"
    text += f"; {'main ones ' if major < events else ''}"
    if one is other:
        whole = md.shorten(one.get("title") or title_of(one), _WHOLE)
        return f"{text}“{md.escape(whole)}” ({first})"
    if (one.get("title") or one["event_id"]) == one["event_id"]:
        return f"{text}from {first} to {last}; the catalogue has no titles"
    named = f"“{md.escape(title_of(one, _NAMED))}” ({first})"
    return f"{text}from {named} to “{md.escape(title_of(other, _NAMED))}” ({last})"
