"""Bars on a terminal; nothing is said in a pipe."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from eventstudy.cli.terminal import harmless


@contextmanager
def stages(*, quiet: bool) -> Iterator[Callable[[str], None]]:
    """Show the stage at hand."""
    if quiet or not sys.stderr.isatty():
        yield lambda _stage: None
        return
    from rich.console import Console
    from rich.markup import escape
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Starting", total=None)
        yield lambda stage: bar.update(task, description=escape(harmless(stage)))


@contextmanager
def shares(*, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """Show how much is done."""
    if quiet or not sys.stderr.isatty():
        yield lambda _stage, _share: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(bar_width=24),
        TextColumn("{task.percentage:>3.0f} %"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("Laying out the design", total=1.0)
        yield lambda stage, share: bar.update(task, description=stage, completed=share)
