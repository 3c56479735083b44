"""The command ``eventstudy diff``: what moved between two reports."""

from pathlib import Path
from typing import Annotated

import typer

from eventstudy.cli.terminal import say


def diff(
    one: Annotated[Path, typer.Argument(metavar="A", help="Folder of a report.")],
    other: Annotated[Path, typer.Argument(metavar="B", help="Folder of another.")],
    tolerance: Annotated[
        float,
        typer.Option(min=0.0, help="Relative change of a number that counts as none."),
    ] = 0.0,
) -> None:
    """Say which events, prices, settings and numbers moved between two reports.

    Ends with 0 and "no difference", or with 1. Example: eventstudy diff reports/old
    reports/new
    """
    from eventstudy.report.differences import differences
    from eventstudy.report.saved import open_report

    lines = differences(open_report(one), open_report(other), tolerance)
    if not lines:
        say("no difference")
        return
    for line in lines:
        say(line)
    raise typer.Exit(1)
