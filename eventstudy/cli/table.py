"""The command ``eventstudy table``: a table for a paper from a written report."""

from pathlib import Path
from typing import Annotated

import typer

from eventstudy.cli import options
from eventstudy.cli.terminal import say


def table(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder of a report.")
    ],
    kind: Annotated[
        str, typer.Option(help="effects, cars, tests, volatility or regression.")
    ] = "effects",
    to: Annotated[str, typer.Option(help="tex, md, html or csv.")] = "tex",
    window: Annotated[
        str | None,
        typer.Option(metavar="A:B", help="One window, such as -1:1; by default all."),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="One group; by default all.")
    ] = None,
    model: Annotated[
        str | None, typer.Option(help="One model; by default all.")
    ] = None,
    sample: Annotated[
        str, typer.Option(help="headline, or all announcements.")
    ] = "headline",
    formula: Annotated[
        str,
        typer.Option(help="Of a regression of single CARs, such as '~ kind'."),
    ] = "~ 1",
    stars: Annotated[
        bool, typer.Option("--stars", help="Mark p-values, with a legend.")
    ] = False,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="File to write; by default it is printed."),
    ] = None,
) -> None:
    """Print a table of a report for a paper.

    Example: eventstudy table reports/china_2021 --kind effects --to tex
    """
    from eventstudy.core.errors import SpecError
    from eventstudy.cross_section import Regression, regress
    from eventstudy.report.saved import open_report
    from eventstudy.tabulated import table as written

    chosen = options.window(window, "--window") if window else None
    report = open_report(folder)
    source: Regression | Path = folder
    if kind == "regression":
        source = regress(
            report.result(),
            "car",
            formula,
            window=chosen or report.spec.windows[0],
            model=model,
            sample=sample,
        )
    text = written(
        source,
        kind,
        to=to,
        window=chosen,
        group=group,
        model=model,
        sample=sample,
        stars=stars,
    )
    for name in report.edited():
        say(f"note: {folder / name} was changed after the report was written", err=True)
    if out is None:
        typer.echo(text, nl=False)
        return
    try:
        out.write_text(text, encoding="utf-8")
    except OSError as err:
        raise SpecError(
            f"{out} cannot be written: {err.strerror}; choose another file"
        ) from err
    say(f"Table: {out}")
