"""The command ``eventstudy simulate``: a catalogue -> page of size and power."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventstudy.cli import options
from eventstudy.cli.computing import workers
from eventstudy.cli.progress import shares as shares_done
from eventstudy.cli.terminal import say
from eventstudy.core.errors import SpecError

if TYPE_CHECKING:
    from eventstudy.simulation import SimulationResult

_OWN = (
    options.option("replications", int | None, "--replications", "Default: 1000."),
    options.option(
        "window", str | None, "--window", "CAR window with day 0, default -1:1."
    ),
    options.option(
        "effects", str | None, "--effects", "Effects on day 0, such as 0.5%,1%,-1%."
    ),
    options.option(
        "variances", str | None, "--variances", "Variance factors, default 1,2."
    ),
    options.option(
        "scenarios",
        str | None,
        "--scenarios",
        "Beside returns as drawn: dates differ, calmer before (default both), or none.",
    ),
    options.option(
        "tests", str | None, "--tests", "Names, comma separated; default the study's."
    ),
    options.option("seed", int | None, "--seed", "Seed of all draws."),
)


@options.with_options(
    options.STUDY_FILE,
    *_OWN,
    *options.settings("prices", *options.READING),
    options.CACHE,
    options.OFFLINE,
    options.STRICT,
    options.out("reports/NAME-simulation"),
    options.FORCE,
    options.WORKERS,
    options.CLUSTER,
    options.QUIET,
    options.DEBUGGED,
)
def simulate(events: options.CATALOGUE, **given: Any) -> None:  # noqa: ANN401
    """Simulate a study: which tests hold their size, and what they can find.

    Example: eventstudy simulate events/china_2021.csv --replications 200
    """
    from eventstudy import simulation
    from eventstudy.report import check_folder
    from eventstudy.study.inputs import Access, gated, prices_of, request_of

    folder = given["out"] or Path("reports") / f"{events.stem}-simulation"
    check_folder(folder, force=given["force"])
    about_files = {n: given[n] for n in ("prices", *options.READING)}
    said = options.overrides(about_files)
    with options.told_by_flag(said):
        request = request_of(events, given["study"], **said)
    frame = request.events.frame
    access = Access(cache=given["cache"], offline=given["offline"])
    prices = prices_of(request.spec, request.events, access)
    prices = gated(request.spec, frame, prices, strict=given["strict"])
    with workers(given) as who, shares_done(quiet=given["quiet"]) as progress:
        result = simulation.simulate(
            request.spec,
            request.events,
            prices,
            **_settings(given),
            engine=who,
            progress=progress,
            command=options.command_line(sys.argv[1:]),
            inputs=request.inputs,
            notes=request.notes,
        )
        progress("Writing the page", 1.0)
        written = simulation.write_simulation(result, folder, force=given["force"])
    if not given["quiet"]:
        say(closing_lines(result, written / "simulation.md"))


def _settings(given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings of the simulation that were given."""
    readers = {
        "window": options.window,
        "effects": shares,
        "variances": shares,
        "scenarios": scenarios,
        "tests": options.names,
    }
    own = [one.name for one in _OWN if given[one.name] is not None]
    return {
        name: readers[name](given[name], f"--{name}")
        if name in readers
        else given[name]
        for name in own
    }


def scenarios(text: str, flag: str) -> list[str]:
    """Read ``dates differ,calmer before``; ``none`` asks for none.

    >>> scenarios("none", "--scenarios"), scenarios("dates differ", "--scenarios")
    ([], ['dates differ'])
    """
    return [] if text.strip() == "none" else options.names(text, flag)


def shares(text: str, flag: str) -> list[float]:
    """Read ``0.005,-1%``.

    >>> shares("0, 0.005, -1%", "--effects")
    [0.0, 0.005, -0.01]
    """
    found = []
    for name in options.names(text, flag):
        try:
            number = float(name.removesuffix("%"))
        except ValueError:
            raise SpecError(
                f"{flag} {text!r}: write numbers, comma separated, such as 0.005,-1%"
            ) from None
        found.append(number / 100 if name.endswith("%") else number)
    return found


def closing_lines(result: "SimulationResult", page: Path) -> str:
    """Return the sizes per test and sample, and where the page is."""
    from eventstudy.spec import window_text

    rows = result.sizes(result.request.variances[0])
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
