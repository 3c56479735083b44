"""The report as Markdown: a pure function of the result."""

from collections.abc import Iterable
from dataclasses import replace

import polars as pl

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.labels import headline_ids, not_computed, study_title
from eventstudy.report.section import Section, page
from eventstudy.report.sections import SECTIONS
from eventstudy.report.views import Views
from eventstudy.study.result import StudyResult


def render(result: StudyResult) -> str:
    """Return the report's text.

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
    views = Views(result)
    written = {section: _written(section, views) for section in SECTIONS}
    contents = _contents([section for section, text in written.items() if text])
    head = f"# {md.escape(study_title(result.spec, result.provenance))}"
    return page([head, f"{_scope(result)}. {contents}", *written.values()])


def _written(section: Section[Views], views: Views) -> str:
    """Write a section; say of a whole section that it was not asked for."""
    if not section.table or views.result.computed(section.table):
        return section.write(views)
    told = replace(section, blocks=lambda _: [not_computed(views.result.spec)])
    return told.write(views) if section.level == 2 else ""


def _contents(sections: Iterable[Section[Views]]) -> str:
    """Link every section of the upper level."""
    return " · ".join(
        f"[{section.short or section.title}](#{md.anchor(section.title)})"
        for section in sections
        if section.level == 2
    )


def _scope(result: StudyResult) -> str:
    """Count announcements and assets, and name the first and the last day."""
    events = result.events.height
    major = len(headline_ids(result))
    used = result.observations.filter(pl.col("status") == "used")
    text = nb.count(events, "announcement")
    if major < events:
        text += f", {major} of them in the headline sample,"
    text += f" and {nb.count(used['asset'].n_unique(), 'asset')}"
    days = used["day0"].drop_nulls()
    if len(days):
        text += f"; days 0 from {min(days)} to {max(days)}"
    return text
