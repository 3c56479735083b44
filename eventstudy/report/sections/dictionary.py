"""The data dictionary: every column of every table that the report holds."""

from collections.abc import Iterator

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.section import Section
from eventstudy.report.views import Views


def blocks(views: Views) -> Iterator[str]:
    """A folded list of columns for each table with rows."""
    result = views.result
    yield (
        "Tables lie in the folder `tables` as CSV, in full precision; an empty cell is "
        "a missing value. Returns are fractions, log returns where the study says so."
    )
    for name, meaning in result.describe().iter_rows():
        rows = result.tables[name].height
        if not rows:
            continue
        columns = result.describe(name).select("column", "type", "unit", "meaning")
        cells = [
            [md.code(column), md.escape(kind), md.escape(unit or ""), md.escape(means)]
            for column, kind, unit, means in columns.iter_rows()
        ]
        table = md.table(["Column", "Type", "Unit", "Meaning"], cells, "llll")
        title = f"{name}: {meaning} ({nb.count(rows, 'row')})"
        yield md.details(title, table)


SECTION = Section(title="Data dictionary", blocks=blocks)
