"""The report as Markdown: a pure function of the result."""

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

import polars as pl

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.labels import headline_ids, label
from eventstudy.report.section import Section
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
    >>> from eventstudy.report import render
    >>> print(render(result)[:60])  # doctest: +SKIP
    # China's 2021 crackdown on bitcoin
    """
    views = Views(result)
    written = {section: section.write(views) for section in SECTIONS}
    held = [section for section, text in written.items() if text]
    head = [f"# {md.escape(title(result))}", f"{_scope(result)}. {_contents(held)}"]
    text = "\n\n".join([*head, *filter(None, written.values())])
    return re.sub(r"(?<=\d) %", f"{nb.NBSP}%", text) + "\n"


def title(result: StudyResult) -> str:
    """The heading: the study's title, or the name of its catalogue."""
    if result.spec.title:
        return result.spec.title
    for file in result.provenance.get("files") or ():
        if file.get("role") == "catalogue" and file.get("name"):
            return label(PurePosixPath(str(file["name"]).replace("\\", "/")).stem)
    return "Event study"


def _contents(sections: Iterable[Section]) -> str:
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
