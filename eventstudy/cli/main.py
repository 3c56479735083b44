"""The command ``eventstudy``: its commands, its version, and how it ends."""

import logging
import sys
from io import TextIOWrapper
from typing import Annotated

import typer

from eventstudy._version import __version__
from eventstudy.cli.analyze import analyze
from eventstudy.cli.battery import battery
from eventstudy.cli.check import check
from eventstudy.cli.diff import diff
from eventstudy.cli.guide import guide
from eventstudy.cli.init import init
from eventstudy.cli.list import list_family
from eventstudy.cli.multiverse import multiverse
from eventstudy.cli.options import DEBUG
from eventstudy.cli.prices import app as prices_app
from eventstudy.cli.simulate import simulate
from eventstudy.cli.table import table
from eventstudy.cli.terminal import say
from eventstudy.core.errors import EventStudyError

app = typer.Typer(
    name="eventstudy",
    help="Financial event studies: what an announcement did to prices.",
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command()(analyze)
app.command()(check)
app.command()(simulate)
app.command()(multiverse)
app.command()(battery)
app.command()(init)
app.command()(table)
app.command()(diff)
app.command("list")(list_family)
app.command()(guide)
app.add_typer(prices_app, name="prices")


_FIRST = """\
eventstudy tells what an announcement did to prices.

To begin:
  eventstudy init mine                  writes mine.csv and mine.toml, commented
  eventstudy check mine.csv             finds what is wrong in the catalogue
  eventstudy analyze mine.csv           studies it and writes reports/mine/

Then:
  eventstudy table reports/mine         prints a table for a paper
  eventstudy diff reports/a reports/b   says what moved between two reports
  eventstudy simulate mine.csv          says which tests can be trusted here
  eventstudy multiverse mine.csv        repeats it under many specifications
  eventstudy battery crsp/               tests returns that exceed one memory
  eventstudy list tests                 lists what there is to choose from
  eventstudy guide                      tells programs how to run a study and read it

eventstudy --help lists everything; eventstudy COMMAND --help its options."""


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"eventstudy {__version__}")
        raise typer.Exit


@app.callback()
def common(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option(
            "--version",
            callback=_print_version,
            is_eager=True,
            help="Show the version and exit.",
        ),
    ] = False,
) -> None:
    """Financial event studies: what an announcement did to prices."""
    del version  # its callback has done the work
    if context.invoked_subcommand is None:
        say(_FIRST)


def main() -> None:
    """Run the command line; errors of the user end it with exit code 2."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # a terminal that lacks a sign shows another one instead
            stream.reconfigure(errors="replace")
    # what it says of its own folders helps nobody here
    logging.getLogger("matplotlib").setLevel(logging.ERROR)
    try:
        app()
    except EventStudyError as err:
        if DEBUG in sys.argv:
            raise
        say(f"eventstudy: {err}", err=True)
        sys.exit(2)
    except OSError as err:
        if DEBUG in sys.argv:
            raise
        place = f"{err.filename}: " if err.filename else ""
        reason = err.strerror or str(err)
        say(f"eventstudy: {place}{reason}", err=True)
        sys.exit(2)
