"""The commands ``eventstudy prices …``: the cache of downloaded prices."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Annotated

import typer

from eventstudy.cli.terminal import say, say_json
from eventstudy.core.errors import SourceError, SpecError

app = typer.Typer(
    name="prices",
    help="Download prices once, keep them, and look after what is kept.\n\n"
    "A request that fails for a while is repeated: the first time after "
    "$EVENTSTUDY_RETRY_WAIT seconds (default 1), then each time twice as long after.",
    no_args_is_help=True,
)

Symbols = Annotated[
    list[str], typer.Argument(help="Symbols in the source's spelling, such as BTC-USD.")
]
SomeSymbols = Annotated[
    list[str] | None, typer.Argument(help="Symbols; none means all of them.")
]
Source = Annotated[
    str | None,
    typer.Option("--source", help="Source of the downloads: eventstudy list sources."),
]
Cache = Annotated[
    Path | None,
    typer.Option(
        "--cache",
        help="Folder of the cache. Default: $EVENTSTUDY_CACHE, or the user's own.",
    ),
]

AsJson = Annotated[
    bool, typer.Option("--json", help="Print JSON, and nothing else, for programs.")
]


@app.command()
def fetch(
    symbols: Symbols,
    start: Annotated[
        str | None, typer.Option("--start", help="First date, such as 2020-08-03.")
    ] = None,
    end: Annotated[
        str | None, typer.Option("--end", help="Last date; default: yesterday.")
    ] = None,
    interval: Annotated[str, typer.Option("--interval", help="1d, 1h or 1m.")] = "1d",
    refresh: Annotated[
        bool, typer.Option("--refresh", help="Download anew what is there already.")
    ] = False,
    source: Source = None,
    cache: Cache = None,
) -> None:
    """Download prices that the cache does not have yet.

    Example: eventstudy prices fetch BTC-USD ^GSPC --start 2020-08-03
    """
    from eventstudy.prices.cached import Cached, failure
    from eventstudy.prices.fetch import open_source, usual_provider
    from eventstudy.prices.symbols import check_symbols

    wanted = check_symbols(symbols)
    span = _date(start, "--start"), _date(end, "--end")
    with _progress(len(wanted)) as progress:
        opened = open_source(
            source or usual_provider(),
            cache=cache,
            interval=interval,
            refresh=refresh,
            progress=progress,
        )
        if not isinstance(opened, Cached):
            raise SpecError(f"prices of {source} are not downloaded")
        loaded = opened.load(wanted, start=span[0], end=span[1])
    for symbol in wanted:
        if symbol in loaded.stored:
            days = loaded.stored[symbol].frame["date"]
            say(f"{symbol}: {days[0]} to {days[-1]}, {days.len()} rows")
    for note in loaded.notes:
        say(f"{note['symbol']}: {note['detail']}: {note['action']}", err=True)
    if loaded.failed:
        raise failure(loaded.failed, opened.name)


@app.command()
def status(cache: Cache = None, as_json: AsJson = False) -> None:
    """Show what the cache has.

    Example: eventstudy prices status --json
    """
    from eventstudy.core.cache_folder import cache_root
    from eventstudy.prices import upkeep

    root = cache_root(cache)
    table = upkeep.status(root)
    if as_json:
        beside = {kind: asdict(one) for kind, one in upkeep.kept(root).items()}
        say_json({"folder": str(root), "files": table.to_dicts(), "kept": beside})
        return
    size = int(table["bytes"].sum()) / 1e6
    say(f"{root}: {_files(table.height)}, {size:.1f} MB")
    for kind, kept in upkeep.kept(root).items():
        if kept.files:
            say(f"kept, not used: {kept.files} {kind}, {kept.bytes / 1e6:.1f} MB")
    width = max([8, *(len(symbol) for symbol in table["symbol"])])
    for row in table.iter_rows(named=True):
        held = row["fault"] or (
            f"{row['first']} to {row['last']}, {row['rows']} rows, {row['currency']}, "
            f"adjusted as of {row['adjusted_on']}, {row['client']}"
        )
        if row["superseded"]:
            held += f", {row['superseded']} superseded"
        say(f"{row['symbol']:<{width}}  {row['interval']}  {held}")


@app.command()
def verify(cache: Cache = None) -> None:
    """Read every file of the cache; end with an error if any is damaged."""
    from eventstudy.core.cache_folder import cache_root
    from eventstudy.prices import upkeep

    root = cache_root(cache)
    faults = upkeep.verify(root)
    if faults:
        listing = "\n".join(f"  {fault.why}" for fault in faults)
        raise SourceError(
            f"{_files(len(faults))} damaged in {root}:\n{listing}\n"
            "they are not used; the next fetch of a symbol sets its file aside and "
            "downloads anew"
        )
    say(f"{_files(upkeep.status(root).height)}, no damage")


@app.command()
def clear(symbols: SomeSymbols = None, cache: Cache = None) -> None:
    """Delete prices from the cache."""
    from eventstudy.core.cache_folder import cache_root
    from eventstudy.prices import upkeep

    gone = upkeep.clear(cache_root(cache), symbols or ())
    say(f"deleted: {', '.join(gone) or 'nothing, the cache was empty'}")


@app.command("import")
def import_files(
    source: Annotated[
        Path, typer.Argument(help="Folder or file that `prices export` has written.")
    ],
    cache: Cache = None,
) -> None:
    """Take exported prices into the cache, for a machine without network."""
    from eventstudy.core.cache_folder import cache_root
    from eventstudy.prices import upkeep

    taken = upkeep.bring(cache_root(cache), source)
    say(f"imported: {', '.join(taken)}")


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(help="Folder to write to.")],
    symbols: SomeSymbols = None,
    source: Source = None,
    cache: Cache = None,
) -> None:
    """Copy daily prices into a folder, for `prices import` or for --prices FOLDER."""
    from eventstudy.core.cache_folder import cache_root
    from eventstudy.prices import upkeep
    from eventstudy.prices.fetch import usual_provider

    paths = upkeep.export(
        cache_root(cache), folder, symbols or (), source=source or usual_provider()
    )
    say(f"exported: {', '.join(path.name for path in paths)}")


def _files(number: int) -> str:
    return f"{number} file{'' if number == 1 else 's'}"


def _date(text: str | None, flag: str) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        message = f"{flag} {text!r}: write a date such as 2021-06-21"
        raise SpecError(message) from None


@contextmanager
def _progress(total: int) -> Iterator[Callable[[str, str], None]]:
    """Show a bar on a terminal; say nothing in a pipe."""
    if not sys.stderr.isatty():
        yield lambda _symbol, _what: None
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Prices", total=total)
        yield lambda symbol, what: bar.update(
            task, advance=1, description=f"{symbol} {what}"
        )
