"""The command ``eventstudy multiverse``: a catalogue -> a specification curve."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventstudy.cli import options
from eventstudy.cli.progress import stages
from eventstudy.cli.terminal import say

if TYPE_CHECKING:
    from eventstudy.study.multiverse_result import MultiverseResult

_NAMES = ("models", "overlap", "returns", "tests")
_PAIRS = ("windows", "estimation")
_OWN = (
    options.option(
        "group",
        str | None,
        "--group",
        "Asset group, or all. Default: the first of those with the most models.",
    ),
    options.option(
        "models",
        str | None,
        "--models",
        "Model settings of the study, or models, comma separated. Default: all that "
        "the study has for the group.",
    ),
    options.option(
        "windows",
        list[str] | None,
        "--window",
        "CAR windows. Default: the study's. Repeatable.",
        metavar="FIRST:LAST",
    ),
    options.option(
        "estimation",
        list[str] | None,
        "--estimation",
        "Estimation windows. Default: the study's. Repeatable.",
        metavar="FIRST:LAST",
    ),
    options.option(
        "overlap",
        str | None,
        "--overlap",
        "Default: exclude,keep.",
        metavar="NAME,NAME",
    ),
    options.option(
        "returns", str | None, "--returns", "Default: log,simple.", metavar="NAME,NAME"
    ),
    options.option(
        "tests",
        str | None,
        "--tests",
        "Tests, comma separated. Default: the one that the study recommends.",
    ),
)


@options.with_options(
    options.STUDY_FILE,
    options.ASSETS,
    *_OWN,
    *options.settings("prices", *options.READING),
    options.CACHE,
    options.OFFLINE,
    options.STRICT,
    options.out("reports/NAME-multiverse"),
    options.FORCE,
    options.ENGINE,
    options.QUIET,
    options.DEBUGGED,
)
def multiverse(events: options.CATALOGUE, **given: Any) -> None:  # noqa: ANN401
    """Repeat the average under many specifications, and test them all together.

    Example: eventstudy multiverse events/china_2021.csv --window -1:1 --window 0:5
    """
    from eventstudy.report import check_folder
    from eventstudy.report.multiverse_page import write_multiverse
    from eventstudy.scale.choice import usual
    from eventstudy.study.inputs import Access, prices_of, request_of
    from eventstudy.study.multiverse import multiverse as computed

    folder = given["out"] or Path("reports") / f"{events.stem}-multiverse"
    check_folder(folder, force=given["force"])
    about_files = {n: given[n] for n in ("prices", "assets", *options.READING)}
    said = options.overrides(about_files)
    with options.told_by_flag(said), stages(quiet=given["quiet"]) as progress:
        request = request_of(events, given["study"], **said)
        access = Access(cache=given["cache"], offline=given["offline"])
        result = computed(
            request.spec,
            request.events,
            prices_of(request.spec, request.events, access),
            **_grid(given),
            strict=given["strict"],
            progress=progress,
            command=options.command_line(sys.argv[1:]),
            inputs=request.inputs,
            notes=request.notes,
            engine=given["engine"] or usual(),
        )
        written = write_multiverse(result, folder, force=given["force"])
    if not given["quiet"]:
        say(closing_lines(result, written))


def _grid(given: dict[str, Any]) -> dict[str, Any]:
    """Return the choices that were given."""
    out: dict[str, Any] = {"group": given["group"]}
    for name in _NAMES:
        if given[name] is not None:
            out[name] = options.names(given[name], f"--{name}")
    for name, flag in zip(_PAIRS, ("--window", "--estimation"), strict=True):
        if given[name]:
            out[name] = [options.window(one, flag) for one in given[name]]
    return out


def closing_lines(result: "MultiverseResult", folder: Path) -> str:
    """Return the joint statistics, and where the page is."""
    from eventstudy.report.multiverse_page import PAGE, no_curve, summary

    cells = [("all specifications together", "value", "joint p"), *summary(result)]
    lines = [
        f"Mean CAR of {result.group} under {result.multiverse.height} specifications",
        *options.aligned(cells, left={0}),
    ]
    if result.reason is None:
        lines.append(f"joint p: {result.multiverse_joint['basis'][0]}")
    else:
        lines.append(no_curve(result))
    return "\n".join([*lines, "", f"Page: {folder / PAGE}"])
