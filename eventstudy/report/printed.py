"""A table for a paper as LaTeX, Markdown, HTML or CSV."""

import csv
import io
import re
from collections.abc import Callable, Mapping
from html import escape
from types import MappingProxyType

from eventstudy.catalogue.text import escape_cell
from eventstudy.report import markdown as md
from eventstudy.report.paper import PaperTable, plain_rows

_LATEX = {
    "\\": r"\textbackslash{}",
    **{mark: rf"\{mark}" for mark in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"$<$",
    ">": r"$>$",
    "−": "$-$",
    "–": "--",
    "…": r"\ldots{}",
    "“": "``",
    "”": "''",
    "²": "$^2$",
    "\u00a0": "~",
}
_SPACE = re.compile(r"[\t\r\n\x0b\x0c]+| {2,}")
_UNSEEN = re.compile(
    "[\x00-\x08\x0e-\x1f\x7f-\x9f\u200b-\u200f\u202a-\u202e\u2066-\u2069]"
)


def latex_text(text: str) -> str:
    r"""Return a text that LaTeX prints as it is.

    >>> print(latex_text("50 % of A&B_c"))
    50 \% of A\&B\_c
    """
    line = _UNSEEN.sub("", _SPACE.sub(" ", text))
    return "".join(_LATEX.get(sign, sign) for sign in line)


def to_latex(table: PaperTable) -> str:
    """Write a longtable with the rules of booktabs."""
    sides = "l" * table.texts + "r" * (len(table.columns) - table.texts)
    width = len(table.columns)
    head = " & ".join(map(latex_text, table.columns)) + r" \\"
    body = [" & ".join(_cell(cell) for cell in row) + r" \\" for row in table.rows]
    notes = " ".join(latex_text(note) for note in table.notes if note)
    lines = [
        r"% needs \usepackage{booktabs,longtable}; letters beyond Latin: compile with",
        r"% lualatex or xelatex and a font that has them",
        rf"\begin{{longtable}}{{{sides}}}",
        rf"\caption{{{latex_text(table.title)}}} \\",
        r"\toprule",
        head,
        r"\midrule",
        r"\endfirsthead",
        r"\toprule",
        head,
        r"\midrule",
        r"\endhead",
        r"\bottomrule",
        r"\endfoot",
        r"\bottomrule",
        rf"\multicolumn{{{width}}}{{p{{0.95\linewidth}}}}{{\footnotesize {notes}}} \\",
        r"\endlastfoot",
        *body,
        r"\end{longtable}",
    ]
    return "\n".join(lines) + "\n"


def _cell(text: str) -> str:
    """Escape a cell; one that begins with a bracket would be an option of the row."""
    safe = latex_text(text)
    return f"{{}}{safe}" if safe.startswith(("[", "*")) else safe


def document(parts: Mapping[str, str], title: str) -> str:
    """Return a LaTeX document that holds the tables, file by file."""
    inputs = "\n".join(rf"\input{{{name}}}" for name in parts)
    return (
        "\\documentclass[a4paper,10pt]{article}\n"
        "\\usepackage[margin=15mm,landscape]{geometry}\n"
        "\\usepackage{iftex}\n"
        "\\ifpdftex\\usepackage[T1]{fontenc}\\usepackage[utf8]{inputenc}"
        "\\else\\usepackage{fontspec}\\fi\n"
        "\\usepackage{booktabs,longtable}\n"
        f"\\title{{{latex_text(title)}}}\\date{{}}\n"
        "\\begin{document}\n\\maketitle\n\\small\n"
        f"{inputs}\n\\end{{document}}\n"
    )


def to_markdown(table: PaperTable) -> str:
    """Write a pipe table with its title and notes."""
    sides = "l" * table.texts + "r" * (len(table.columns) - table.texts)
    rows = [[md.escape(cell) for cell in row] for row in table.rows]
    heads = [md.escape(column) for column in table.columns]
    notes = " ".join(md.escape(note) for note in table.notes if note)
    return (
        f"**{md.escape(table.title)}**\n\n{md.table(heads, rows, sides)}\n\n{notes}\n"
    )


def to_html(table: PaperTable) -> str:
    """Write a table element; every text is escaped."""
    heads = "".join(f'<th scope="col">{escape(c)}</th>' for c in table.columns)
    rows = "\n".join(
        "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
        for row in table.rows
    )
    notes = escape(" ".join(note for note in table.notes if note))
    return (
        f"<table>\n<caption>{escape(table.title)}</caption>\n"
        f"<thead><tr>{heads}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n"
        f'<tfoot><tr><td colspan="{len(table.columns)}">{notes}</td></tr></tfoot>\n'
        "</table>\n"
    )


def to_csv(table: PaperTable) -> str:
    """Write the cells as CSV, texts that a spreadsheet would run escaped."""
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    for row in plain_rows(table):
        writer.writerow([escape_cell(cell) for cell in row])
    return buffer.getvalue()


WRITERS: Mapping[str, Callable[[PaperTable], str]] = MappingProxyType(
    {"tex": to_latex, "md": to_markdown, "html": to_html, "csv": to_csv}
)
