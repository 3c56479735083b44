"""The page of a specification curve, with its tables and figure, as a folder."""

from pathlib import Path

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.figures import multiverse as curve
from eventstudy.report.figures.drawing import drawn
from eventstudy.report.folder import write_folder
from eventstudy.report.labels import period_word, study_title, words
from eventstudy.report.tables import to_csv
from eventstudy.study.multiverse_result import SCHEMA, MultiverseResult

PAGE = "multiverse.md"
_WORDS = {
    "median": "median of the averages",
    "share_dominant_sign": "share with the commoner sign",
    "share_significant": "share with p below {alpha:g} %",
}


def write_multiverse(
    result: MultiverseResult, folder: str | Path, *, force: bool = False
) -> Path:
    """Write multiverse.md, the figure, tables and manifest.json; return the folder.

    force : whether to write also into a folder that is no earlier report
    Raises `SpecError` when the folder belongs to somebody else, or cannot be written.
    """
    files = {PAGE: render(result).encode()}
    for name, image in drawn([curve.DRAWING], result).items():
        files[f"figures/{name}"] = image
    for name in SCHEMA:
        files[f"tables/{name}.csv"] = to_csv(getattr(result, name))
    about = {
        "spec": result.spec.as_dict(),
        "group": result.group,
        "inputs": dict(result.provenance),
    }
    return write_folder(folder, files, about=about, force=force)


def render(result: MultiverseResult) -> str:
    """Return the page as Markdown; neither clock nor path enters."""
    title = md.escape(study_title(result.spec, result.provenance))
    name = md.escape(words(result.group, result.spec.labels))
    parts = [
        f"# Specification curve: {title}",
        f"The mean cumulative abnormal return of {name}, headline announcements, under "
        f"{nb.count(result.multiverse.height, 'specification')}.",
        _joint(result),
        curve.DRAWING.picture(result),
        _method(result),
        "Numbers: `tables/multiverse.csv`, `tables/multiverse_joint.csv`.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def summary(result: MultiverseResult) -> list[tuple[str, str, str]]:
    """Return the statistics in words: what, value, joint p-value."""
    alpha = 100 * (1 - result.spec.level)
    out = []
    for row in result.multiverse_joint.to_dicts():
        share = row["statistic"] != "median"
        shown = f"{100 * row['value']:.0f} %" if share else _percent(row["value"])
        p = nb.pvalue(row["pvalue"]) if row["reason"] is None else "–"
        out.append((_WORDS[row["statistic"]].format(alpha=alpha), shown, p))
    return out


def no_curve(result: MultiverseResult) -> str:
    """Say why no curve is shown; "" where there is one."""
    if result.reason is None:
        return ""
    return f"No curve is shown, as there is no joint p-value: {result.reason}."


def _percent(value: float) -> str:
    return f"{nb.decimal(100 * value, sign=True)} %"


def _joint(result: MultiverseResult) -> str:
    rows = [[one.replace("|", "/") for one in row] for row in summary(result)]
    shown = md.table(["all specifications together", "value", "joint p"], rows)
    said = md.escape(no_curve(result))
    return f"{shown}\n\n{said}" if said else shown


def _method(result: MultiverseResult) -> str:
    if result.reason is not None:
        return ""
    first = result.multiverse_joint.row(0, named=True)
    return (
        "The joint p-values move all dates by the same number of "
        f"{period_word(result.spec)}s in every specification, fit every model anew "
        "and repeat every test: p = (1 + shifts at which the statistic is at least as "
        "far out) / (1 + shifts), from "
        f"{first['basis']} (Simonsohn, Simmons & Nelson 2020). Where the shifted dates "
        "lie in calmer or wilder months, they say less of the actual ones."
    )
