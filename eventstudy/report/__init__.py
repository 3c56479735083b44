"""The report of a study: Markdown, figures, tables and manifest."""

from eventstudy.report.contract import tables
from eventstudy.report.figures import figures
from eventstudy.report.render import render
from eventstudy.report.writing import write_report

__all__ = ["figures", "render", "tables", "write_report"]
