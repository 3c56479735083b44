"""The command ``eventstudy battery``: returns in Parquet files -> a table of tests."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from eventstudy.cli import options
from eventstudy.cli.computing import workers
from eventstudy.cli.progress import shares
from eventstudy.cli.terminal import say, say_json

if TYPE_CHECKING:
    import polars as pl

_LIMITS = "Limits"
_OWN = (
    options.option(
        "events",
        Path | None,
        "--events",
        "Parquet file with columns asset and date. Default: every session of every "
        "asset, a placebo over all dates.",
        metavar="FILE",
    ),
    options.option(
        "factors",
        Path | None,
        "--factors",
        "Parquet file with a date, and a column per factor, the market's first. Its "
        "dates are the calendar.",
        metavar="FILE",
    ),
    options.option(
        "columns",
        str,
        "--columns",
        "Columns of asset, date and return.",
        default="asset,date,ret",
        metavar="NAME,NAME,NAME",
    ),
    options.option("model", str, "--model", "Normal-return model.", default="market"),
    options.option(
        "windows",
        list[str] | None,
        "--window",
        "Windows tested. Default: -1:1. Repeatable.",
        metavar="FIRST:LAST",
    ),
    options.option(
        "estimation",
        str,
        "--estimation",
        "Estimation window.",
        default="-260:-11",
        metavar="FIRST:LAST",
    ),
    options.option(
        "event_window",
        str,
        "--event-window",
        "Event window.",
        default="-10:10",
        metavar="FIRST:LAST",
    ),
    options.option(
        "tests",
        str | None,
        "--tests",
        "Tests of the sample, comma separated. Default: those of a study.",
    ),
    options.option(
        "alternative",
        str,
        "--alternative",
        "two-sided, less or greater.",
        default="two-sided",
    ),
    options.option("seed", int, "--seed", "Seed of tests that resample.", default=0),
    options.option(
        "memory",
        str | None,
        "--memory",
        "What this process may take, such as 3GB. Default: 60 % of what is free.",
        panel=_LIMITS,
    ),
    options.option(
        "threads",
        int | None,
        "--threads",
        "Threads of this process. Default: its cores.",
        panel=_LIMITS,
    ),
)
RETURNS = Annotated[
    Path,
    typer.Argument(
        metavar="RETURNS",
        help="Parquet file or folder: a row per asset and session.",
    ),
]


@options.with_options(
    *_OWN,
    options.out("the screen"),
    options.WORKERS,
    options.CLUSTER,
    options.RESUME,
    options.QUIET,
    options.JSON,
    options.DEBUGGED,
)
def battery(returns: RETURNS, **given: Any) -> None:  # noqa: ANN401
    """Test observations of a Parquet data set that is larger than memory.

    Example: eventstudy battery crsp/ --events dates.parquet --factors market.parquet
    """
    from eventstudy.core.limits import Limits
    from eventstudy.report.numbers import count
    from eventstudy.scale import battery as computed
    from eventstudy.scale import dataset

    limits = Limits(memory=given["memory"], threads=given["threads"])
    names = options.names(given["columns"], "--columns")
    quiet = given["quiet"] or given["as_json"]
    tests = options.names(given["tests"], "--tests") if given["tests"] else None
    with workers(given) as who, shares(quiet=quiet) as tell:
        data = dataset(
            returns,
            given["events"],
            factors=given["factors"],
            model=given["model"],
            estimation=options.window(given["estimation"], "--estimation"),
            event_window=options.window(given["event_window"], "--event-window"),
            names=_three(names),
            limits=limits,
        )
        found = computed(
            data,
            windows=[
                options.window(one, "--window") for one in given["windows"] or ["-1:1"]
            ],
            tests=tests or usual_tests(),
            alternative=given["alternative"],
            seed=given["seed"],
            engine=who,
            limits=limits,
            keep=given["resume"],
            progress=lambda told: tell(str(told), told.share),
        )
    _give(found, given)
    if not quiet:
        for reason, n in data.left_out.items():
            say(f"{count(n, 'date')} left out: {reason}")


def usual_tests() -> list[str]:
    """Return the tests of the sample that a study runs unless it names some."""
    from eventstudy.inference import TESTS

    return [n for n, t in TESTS.items() if t.by_default and t.level == "sample"]


def _three(names: Any) -> tuple[str, str, str]:  # noqa: ANN401
    from eventstudy.core.errors import SpecError

    if len(names) != 3:
        raise SpecError(
            f"--columns names {len(names)}; wanted three: those of asset, date and "
            "return"
        )
    asset, date, ret = names
    return asset, date, ret


def _give(found: "pl.DataFrame", given: dict[str, Any]) -> None:
    """Write the table to a file, as JSON, or on the screen."""
    path: Path | None = given["out"]
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".parquet":
            found.write_parquet(path)
        else:
            found.write_csv(path)
    if given["as_json"]:
        say_json(found.to_dicts())
    elif path is None:
        say("\n".join(options.aligned(_cells(found), left={0, 1, 7})))


def _cells(found: "pl.DataFrame") -> list[tuple[str, ...]]:
    """Return the table as texts."""
    head = ("test", "window", "estimate", "statistic", "df", "p", "N", "reason")
    rows = [
        (
            row["test"],
            f"{row['start']}:{row['end']}",
            *(
                "–" if row[name] is None else f"{row[name]:.5g}"
                for name in ("estimate", "statistic", "df", "pvalue")
            ),
            f"{row['n']:,}",
            row["reason"] or "",
        )
        for row in found.iter_rows(named=True)
    ]
    return [head, *rows]
