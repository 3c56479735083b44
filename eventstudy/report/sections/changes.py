"""The change of volatility on the first page: one figure, one table of groups."""

from collections.abc import Iterator

from eventstudy.report import links
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import confidence_text
from eventstudy.report.labels import words_for
from eventstudy.report.section import Section
from eventstudy.report.sections import volatility
from eventstudy.report.views import Views
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

_MOST_ROWS = 12


def blocks(views: Views) -> Iterator[str]:
    """The ratios of the groups; single assets and tests are in the details."""
    table = _table(views.result)
    if not table:
        yield volatility.line(views.result) or "No volatility could be compared."
        return
    yield views.figure("volatility")
    yield table
    yield f"Assets, tests and other measures: {links.to('volatility', 'volatility')}."


def _table(result: StudyResult) -> str:
    rows = volatility.group_rows(result)
    during = {row["group"]: row for row in volatility.group_rows(result, "event")}
    cells = []
    for row in rows[:_MOST_ROWS]:
        verdict = volatility.changed(result, row)
        said = {None: "no interval", True: "changed", False: "not distinguishable"}
        event = during.get(row["group"])
        cells.append(
            [
                md.broken(md.escape(words_for(result, row["group"]))),
                nb.spread(row["pre"]),
                nb.spread(row["post"]),
                f"{nb.decimal(row['ratio'])} "
                f"{nb.interval(row['ci_low'], row['ci_high'])}".strip(),
                said[verdict],
                nb.decimal(event["ratio"]) if event else "",
            ]
        )
    spec = result.spec
    columns = [
        "Group",
        f"SD, %<br>{window_text(spec.volatility_pre)}",
        f"SD, %<br>{window_text(spec.volatility_post)}",
        f"Ratio<br>[{confidence_text(result)} interval]",
        "Against no change",
        f"Ratio<br>{window_text(spec.volatility_event)}",
    ]
    return md.table(columns, cells, "lrrrlr") if cells else ""


SECTION = Section(title="Volatility", table="volatility", blocks=blocks)
