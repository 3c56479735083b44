"""The command ``eventstudy``: parse, call one function, print."""

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any

import typer

from eventstudy._version import __version__
from eventstudy.cli.prices import app as prices_app
from eventstudy.core.errors import EventStudyError

app = typer.Typer(
    name="eventstudy",
    help="Financial event studies: what an announcement did to prices.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.add_typer(prices_app, name="prices")

_DEBUG = "--debug"
_INTERRUPTED = 130  # what shells expect of a program that ends by Ctrl-C
_STUDY = "The study"
_PRICES = "Prices"
_OUTPUT = "Output"

Catalogue = Annotated[Path, typer.Argument(help="Catalogue of announcements (CSV).")]
StudyFile = Annotated[
    Path | None,
    typer.Option(
        "--study",
        help="Study file (TOML). Default: the one beside the catalogue, same name.",
        rich_help_panel=_STUDY,
    ),
]
PricesFrom = Annotated[
    str | None,
    typer.Option(
        "--prices",
        help="A source (eventstudy list sources), a folder or file of prices, or the "
        "manifest.json of a report.",
        rich_help_panel=_PRICES,
    ),
]

Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache", help="Folder of downloaded prices.", rich_help_panel=_PRICES
    ),
]
Offline = Annotated[
    bool,
    typer.Option("--offline", help="Never touch the network.", rich_help_panel=_PRICES),
]
Refresh = Annotated[
    bool,
    typer.Option("--refresh", help="Download all anew.", rich_help_panel=_PRICES),
]
Strict = Annotated[
    bool,
    typer.Option(
        "--strict", help="Doubtful prices are errors.", rich_help_panel=_PRICES
    ),
]


def _option(name: str, help: str, panel: str = _STUDY) -> Any:  # noqa: ANN401
    return typer.Option(*name.split(), help=help, rich_help_panel=panel)


@app.command()
def analyze(
    events: Catalogue,
    study: StudyFile = None,
    prices: PricesFrom = None,
    assets: Annotated[
        str | None, _option("--assets", "Symbols, comma separated.")
    ] = None,
    group: Annotated[
        list[str] | None, _option("--group", "NAME=SYMBOL,SYMBOL; repeatable.")
    ] = None,
    model: Annotated[
        str | None, _option("--model", "See `eventstudy list models`.")
    ] = None,
    factors: Annotated[
        str | None,
        _option(
            "--factors", "Symbols, comma separated, or capm, ff3, carhart, ff5, ff6."
        ),
    ] = None,
    market: Annotated[
        str | None, _option("--market", "Short for --model market --factors SYMBOL.")
    ] = None,
    estimation: Annotated[
        str | None, _option("--estimation", "Estimation window, such as -130:-11.")
    ] = None,
    event_window: Annotated[
        str | None, _option("--event-window", "Event window, such as -10:10.")
    ] = None,
    window: Annotated[
        list[str] | None, _option("--window", "CAR window, such as -1:1; repeatable.")
    ] = None,
    returns: Annotated[str | None, _option("--returns", "log or simple.")] = None,
    missing: Annotated[
        str | None, _option("--missing", "trade_to_trade or drop.")
    ] = None,
    overlap: Annotated[str | None, _option("--overlap", "exclude or keep.")] = None,
    day0: Annotated[
        str | None, _option("--day0", "next, previous, error or drop.")
    ] = None,
    tests: Annotated[
        str | None,
        _option("--tests", "Names, comma separated, or `all`; see `list tests`."),
    ] = None,
    alternative: Annotated[
        str | None, _option("--alternative", "two-sided, less or greater.")
    ] = None,
    vol_pre: Annotated[
        str | None, _option("--vol-pre", "Volatility before, such as -60:-11.")
    ] = None,
    vol_event: Annotated[
        str | None, _option("--vol-event", "Volatility at the event, such as 0:10.")
    ] = None,
    vol_post: Annotated[
        str | None, _option("--vol-post", "Volatility after, such as 0:30.")
    ] = None,
    seed: Annotated[int | None, _option("--seed", "Seed of all resampling.")] = None,
    factor_file: Annotated[
        list[Path] | None,
        _option("--factor-file", "Daily factor returns; repeatable.", _PRICES),
    ] = None,
    cache: Cache = None,
    offline: Offline = False,
    refresh: Refresh = False,
    strict: Strict = False,
    out: Annotated[
        Path | None, _option("-o --out", "Default: reports/NAME.", _OUTPUT)
    ] = None,
    parquet: Annotated[
        bool, _option("--parquet", "Write tables as Parquet too.", _OUTPUT)
    ] = False,
    force: Annotated[
        bool, _option("--force", "Overwrite a folder that is no report.", _OUTPUT)
    ] = False,
    quiet: Annotated[
        bool, _option("-q --quiet", "Print nothing but errors.", _OUTPUT)
    ] = False,
    debug: Annotated[
        bool, _option(_DEBUG, "Show the traceback of an error.", _OUTPUT)
    ] = False,
) -> None:
    """Study a catalogue of announcements and write a report."""
    # the matrices of a study are small: threads that wait for them cost time
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    from eventstudy.cli import analyze as study_command
    from eventstudy.cli import options

    del debug  # read from the command line by `main`, which shows errors
    flags = options.Flags(
        study=study,
        prices=prices,
        assets=assets,
        groups=tuple(group or ()),
        model=model,
        factors=factors,
        market=market,
        estimation=estimation,
        event_window=event_window,
        windows=tuple(window or ()),
        returns=returns,
        missing=missing,
        overlap=overlap,
        day0=day0,
        tests=tests,
        alternative=alternative,
        volatility_pre=vol_pre,
        volatility_event=vol_event,
        volatility_post=vol_post,
        seed=seed,
        factor_files=tuple(factor_file or ()),
        cache=cache,
        offline=offline,
        refresh=refresh,
        strict=strict,
    )
    try:
        with _progress(quiet=quiet) as progress:
            done = study_command.analyze(
                events, flags, out, parquet=parquet, force=force, progress=progress
            )
    except KeyboardInterrupt:
        typer.echo("eventstudy: interrupted; nothing was overwritten", err=True)
        raise typer.Exit(_INTERRUPTED) from None
    if not quiet:
        typer.echo(study_command.closing_table(done))


@app.command()
def check(
    events: Catalogue,
    study: StudyFile = None,
    day0: Annotated[
        str | None, _option("--day0", "next, previous, error or drop.")
    ] = None,
    prices: PricesFrom = None,
    cache: Cache = None,
    offline: Offline = False,
    strict: Strict = False,
    debug: Annotated[
        bool, _option(_DEBUG, "Show the traceback of an error.", _OUTPUT)
    ] = False,
) -> None:
    """Check a catalogue: all its problems, or its events with their day 0.

    With --prices, what looks wrong in the prices that the study needs as well.
    """
    from eventstudy.cli import analyze as study_command
    from eventstudy.cli import options

    del debug
    flags = options.Flags(
        study=study,
        day0=day0,
        prices=prices,
        cache=cache,
        offline=offline,
        strict=strict,
    )
    typer.echo(study_command.check(events, flags, with_prices=prices is not None))


@app.command()
def simulate(
    events: Catalogue,
    study: StudyFile = None,
    prices: PricesFrom = None,
    cache: Cache = None,
    offline: Offline = False,
    strict: Strict = False,
    replications: Annotated[
        int | None, _option("--replications", "Default: 1000.")
    ] = None,
    window: Annotated[
        str | None, _option("--window", "CAR window with day 0, default -1:1.")
    ] = None,
    effects: Annotated[
        str | None, _option("--effects", "Effects on day 0, such as 0.5%,1%,-1%.")
    ] = None,
    variances: Annotated[
        str | None, _option("--variances", "Variance factors, default 1,2.")
    ] = None,
    tests: Annotated[
        str | None, _option("--tests", "Names, comma separated; default the study's.")
    ] = None,
    seed: Annotated[int | None, _option("--seed", "Seed of all draws.")] = None,
    out: Annotated[
        Path | None, _option("-o --out", "Default: reports/NAME-simulation.", _OUTPUT)
    ] = None,
    force: Annotated[
        bool, _option("--force", "Overwrite a folder that is no report.", _OUTPUT)
    ] = False,
    quiet: Annotated[
        bool, _option("-q --quiet", "Print nothing but errors.", _OUTPUT)
    ] = False,
    debug: Annotated[
        bool, _option(_DEBUG, "Show the traceback of an error.", _OUTPUT)
    ] = False,
) -> None:
    """Simulate a study: which tests hold their size, and what they can find."""
    from eventstudy.cli import options
    from eventstudy.cli import simulate as simulation

    del debug
    flags = options.Flags(
        study=study, prices=prices, cache=cache, offline=offline, strict=strict
    )
    own = simulation.SimulationFlags(
        replications=replications,
        window=window,
        effects=effects,
        variances=variances,
        tests=tests,
        seed=seed,
    )
    said = simulation.simulate_command(
        events, flags, own, out, force=force, quiet=quiet
    )
    if not quiet:
        typer.echo(said)


@app.command("list")
def list_family(
    family: Annotated[
        str, typer.Argument(help="models, tests, volatility, sources or kinds.")
    ],
) -> None:
    """List the members of a family, with what each means."""
    from eventstudy.cli import families

    typer.echo(families.table(family))


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"eventstudy {__version__}")
        raise typer.Exit


@app.callback()
def common(
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


@contextmanager
def _progress(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show the stage at hand on a terminal; say nothing in a pipe."""
    if quiet or not sys.stderr.isatty():
        yield lambda _stage: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Starting", total=None)
        yield lambda stage: bar.update(task, description=stage)


def main() -> None:
    """Run the command line; errors of the user end it with exit code 2."""
    # a command makes many objects, hardly any of them in cycles: seldom look for those
    gc.set_threshold(100_000, 20, 100)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # a terminal that lacks a sign shows another one instead
            stream.reconfigure(errors="replace")
    try:
        app()
    except EventStudyError as err:
        if _DEBUG in sys.argv:
            raise
        typer.echo(f"eventstudy: {err}", err=True)
        sys.exit(2)
    except OSError as err:
        if _DEBUG in sys.argv:
            raise
        place = f"{err.filename}: " if err.filename else ""
        reason = err.strerror or str(err)
        typer.echo(f"eventstudy: {place}{reason}", err=True)
        sys.exit(2)
