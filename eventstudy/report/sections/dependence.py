"""How far the observations are from independent: clusters of dates, correlation."""

from collections.abc import Iterator

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import Effects
from eventstudy.report.labels import period_word
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.spec import window_text


def blocks(views: Views) -> Iterator[str]:
    """What the words mean, and the numbers of every average."""
    table = dependence_table(views.effects)
    if not table:
        yield "There is no average to judge."
        return
    word = period_word(views.result.spec)
    yield (
        f"Observations that share {word}s and markets are not separate facts. "
        f"*Clusters* are sets of dates whose windows share a {word}; r̄ is the mean "
        "correlation between the window sums of two observations; the effective N is "
        "N/(1+(N−1)r̄)."
    )
    yield md.details(
        "N, dates, clusters, mean correlation and effective N per row of the headline",
        table,
    )


def dependence_table(effects: Effects) -> str:
    """N, dates, clusters, mean correlation and effective N of every headline row."""
    rows = []
    for row in effects.rows:
        rows.append(
            [
                effects.group(row),
                effects.model(row),
                window_text((row["start"], row["end"])),
                *(nb.decimal(row[c], 0) for c in ("n", "n_dates", "n_clusters")),
                nb.decimal(row["rbar"], 3),
                nb.decimal(row["n_effective"], 1),
                md.code(row["recommended"] or ""),
            ]
        )
    columns = ["Group", "Model", "Window", "N", "Dates", "Clusters", "r̄", "Effective N"]
    return md.table([*columns, "Recommended"], rows, "lllrrrrrl") if rows else ""


SECTION = Section(title="Dependence", table="headline", blocks=blocks)
