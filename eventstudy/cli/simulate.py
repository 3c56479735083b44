"""What ``eventstudy simulate`` does: flags and files -> page of size and power."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from eventstudy.cli.analyze import command_line, names, request_of, window
from eventstudy.cli.options import Flags, prices_of
from eventstudy.core.errors import SpecError
from eventstudy.simulation import SimulationResult, simulate, write_simulation
from eventstudy.spec import window_text


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulationFlags:
    """The settings of a simulation as written, None where a flag was not given."""

    replications: int | None = None
    window: str | None = None
    effects: str | None = None
    variances: str | None = None
    tests: str | None = None
    seed: int | None = None


def simulate_command(
    catalogue: Path,
    flags: Flags,
    own: SimulationFlags,
    out: Path | None,
    *,
    force: bool,
    quiet: bool,
) -> str:
    """Simulate a study, write its page, and return the lines to print."""
    request = request_of(catalogue, flags)
    prices = prices_of(request.spec, request.events.frame, flags)
    wanted = {
        "replications": own.replications,
        "window": None if own.window is None else window(own.window, "--window"),
        "effects": None if own.effects is None else shares(own.effects, "--effects"),
        "variances": None
        if own.variances is None
        else shares(own.variances, "--variances"),
        "tests": None if own.tests is None else names(own.tests, "--tests"),
    }
    with _bar(quiet=quiet) as progress:
        result = simulate(
            request.spec,
            request.events,
            prices,
            **{k: v for k, v in wanted.items() if v is not None},  # type: ignore[arg-type]
            seed=own.seed,
            progress=progress,
            command=command_line(sys.argv[1:]),
            inputs=request.inputs,
            notes=request.notes,
        )
        progress("Writing the page", 1.0)
        folder = (
            Path("reports") / f"{catalogue.stem}-simulation" if out is None else out
        )
        written = write_simulation(result, folder, force=force)
    return closing_lines(result, written / "simulation.md")


def shares(text: str, flag: str) -> list[float]:
    """Read ``0.005,-1%``.

    >>> shares("0, 0.005, -1%", "--effects")
    [0.0, 0.005, -0.01]
    """
    found = []
    for name in names(text, flag):
        try:
            number = float(name.removesuffix("%"))
        except ValueError:
            raise SpecError(
                f"{flag} {text!r}: write numbers, comma separated, such as 0.005,-1%"
            ) from None
        found.append(number / 100 if name.endswith("%") else number)
    return found


def closing_lines(result: SimulationResult, page: Path) -> str:
    """Return the sizes per test and sample, and where the page is."""
    variance = result.request.variances[0]
    rows = result.verdict.filter(pl.col("variance") == variance)
    samples = result.designs.select("model", "group").rows()
    heads = [f"{group} ({model})" for model, group in samples]
    marks = {"over-rejects": "+", "under-rejects": "-", "well-sized": " ", None: " "}
    cells = {
        (row["model"], row["group"], row["test"]): (
            "–" if row["size"] is None else f"{100 * row['size']:.1f}"
        )
        + marks[row["verdict"]]
        for row in rows.iter_rows(named=True)
    }
    level = 100 * result.request.level
    left = max(map(len, (*result.request.tests, "test")))
    lines = [
        f"Rejections without an effect, %, nominal {level:g}, "
        f"{result.request.replications:,} replications of the mean "
        f"CAR{window_text(result.request.window)}; + too many, - too few",
        "",
        f"{'test':<{left}}" + "".join(f"  {head}" for head in heads),
    ]
    for test in result.request.tests:
        shown = [
            f"  {cells[*sample, test]:>{len(head)}}"
            for sample, head in zip(samples, heads, strict=True)
        ]
        lines.append(f"{test:<{left}}" + "".join(shown).rstrip())
    return "\n".join([*lines, "", *result.notes, f"Page: {page}"])


@contextmanager
def _bar(*, quiet: bool) -> Iterator[Callable[[str, float], None]]:
    """Show how much is done on a terminal; say nothing in a pipe."""
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
