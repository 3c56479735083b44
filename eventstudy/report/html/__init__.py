"""The report as one HTML file, made from its Markdown."""

from eventstudy.report.html.document import document, report_html

__all__ = ["document", "report_html"]
