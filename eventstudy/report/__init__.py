"""The report of a study: Markdown, figures, tables and manifest."""

from eventstudy.report.figures import figures
from eventstudy.report.folder import check_folder, write_report
from eventstudy.report.render import pages, render
from eventstudy.report.tables import tables

__all__ = ["check_folder", "figures", "pages", "render", "tables", "write_report"]
