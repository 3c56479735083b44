"""The command ``eventstudy analyze``: a catalogue -> a report."""

import shlex
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventstudy.cli import options
from eventstudy.cli.computing import computing
from eventstudy.cli.progress import stages
from eventstudy.cli.terminal import say, say_json

if TYPE_CHECKING:
    from eventstudy.report.numbers import Returns
    from eventstudy.study.result import StudyResult

_WIDTH = 88
# What a second process needs to be of use, loaded while the first reads files.
_AHEAD = (
    "eventstudy.study.builders",
    "eventstudy.report.figures",
    "matplotlib.backends.backend_svg",
)
_HOW_TO_READ = (
    "p: did prices move on these dates, by the test named last; p such: do they at "
    "such announcements; agree: robust tests that decide as that test does"
)


@options.with_options(
    options.STUDY_FILE,
    options.ASSETS,
    options.MARKET,
    *options.settings(),
    options.CACHE,
    options.OFFLINE,
    options.REFRESH,
    options.STRICT,
    options.out("reports/NAME"),
    options.FORMATS,
    options.PARQUET,
    options.FORCE,
    options.ENGINE,
    options.CLUSTER,
    options.RESUME,
    options.QUIET,
    options.JSON,
    options.DEBUGGED,
)
def analyze(events: options.CATALOGUE, **given: Any) -> None:  # noqa: ANN401
    """Study a catalogue of announcements and write a report.

    Example: eventstudy analyze events/china_2021.csv --window 0:1 --format md,tex
    """
    from eventstudy.report import check_folder, write_report
    from eventstudy.report.formats import DEFAULT, checked
    from eventstudy.study import analyze as study

    said = options.overrides(given)
    formats = checked(given["formats"] or DEFAULT)
    quiet = given["quiet"] or given["as_json"]
    folder = given["out"] or Path("reports") / events.stem
    check_folder(folder, force=given["force"])
    with (
        computing(given, _AHEAD) as who,
        stages(quiet=quiet) as progress,
        options.told_by_flag(said),
    ):
        result = study(
            events,
            study=given["study"],
            cache=given["cache"],
            offline=given["offline"],
            refresh=given["refresh"],
            strict=given["strict"],
            progress=progress,
            command=options.command_line(sys.argv[1:]),
            engine=who,
            resume=given["resume"],
            **said,
        )
        progress("Writing the report")
        report = write_report(
            result,
            folder,
            parquet=given["parquet"],
            formats=formats,
            force=given["force"],
            engine=who,
        )
    if given["as_json"]:
        say_json(summary(result, report))
    elif not given["quiet"]:
        say(closing(result, report))


def closing(result: "StudyResult", report: Path) -> str:
    """Return what ends an analysis: what was studied, the headline, doubts, where."""
    lines = ["", *_asked(result), "", *_headline(result)]
    dropped = result.observations.filter(status="dropped").height
    if dropped:
        lines.append(
            f"{dropped} of {result.observations.height} rows left out; why: "
            f"{report / 'details' / 'left_out.md'}"
        )
    said = result.remarks
    shown = [
        *(f"warning: {text}" for text in said.filter(severity="warning")["text"]),
        *(
            f"note: {text}"
            for text, about in said.filter(severity="note")
            .select("text", "about")
            .iter_rows()
            if about != "defaults"
        ),
    ]
    if shown:
        lines += ["", *shown]
    return "\n".join([*lines, "", f"Report: {report}", *_how_to_open(report)])


def _asked(result: "StudyResult") -> list[str]:
    """Say what was studied: sizes, then models, groups, windows and defaults."""
    from eventstudy.report.numbers import count

    used = result.observations.filter(status="used")
    sizes = (
        f"Studied: {count(result.events.height, 'announcement')}, "
        f"{count(used['asset'].n_unique(), 'asset')}, "
        f"{count(used.unique(['observation', 'asset']).height, 'observation')}"
    )
    asked = result.remarks.filter(about="defaults")["text"].to_list()
    return [sizes, *(line for text in asked for line in textwrap.wrap(text, _WIDTH))]


def _headline(result: "StudyResult") -> list[str]:
    """Return the table of averages of the first window, and how to read it."""
    import polars as pl

    from eventstudy.report.numbers import Returns
    from eventstudy.spec import window_text

    start, end = result.spec.windows[0]
    of_window = (pl.col("start") == start) & (pl.col("end") == end)
    rows = result.headline.filter(of_window, sample="headline", outcome="car")
    if not rows.height:
        asked = "returns" in result.spec.parts
        return ["No event of the headline sample could be estimated"] if asked else []
    returns = Returns(result.spec.returns)
    confidence = f"{100 * result.spec.level:g} % interval"
    head = ("group", "model", "CAAR", confidence, "N", "p", "p such", "agree", "test")
    cells = [
        head,
        *(_closing_cells(returns, row) for row in rows.iter_rows(named=True)),
    ]
    return [
        f"Mean CAR{window_text((start, end))} in per cent of price",
        *options.aligned(cells, left={0, 1, 8}),
        *textwrap.wrap(_HOW_TO_READ, _WIDTH),
    ]


def _how_to_open(report: Path) -> list[str]:
    """Say how the page is opened on this system."""
    page = report / "report.html"
    if not page.is_file():
        return []
    command = {"darwin": "open", "win32": "start"}.get(sys.platform, "xdg-open")
    return [f"Open it: {command} {shlex.quote(str(page))}"]


def summary(result: "StudyResult", report: Path) -> dict[str, Any]:
    """Return what programs want to know of an analysis: the averages and remarks."""
    start, end = result.spec.windows[0]
    rows = result.headline.filter(
        sample="headline", outcome="car", start=start, end=end
    )
    dropped = result.observations.filter(status="dropped")
    remarks = result.remarks.select("severity", "about", "text")
    return {
        "report": str(report),
        "events": result.events.height,
        "window": [start, end],
        "returns": result.spec.returns,
        "headline": rows.to_dicts(),
        "left_out": dropped.select("event_id", "asset", "reason").to_dicts(),
        "remarks": remarks.to_dicts(),
    }


def _closing_cells(returns: "Returns", row: dict[str, Any]) -> tuple[str, ...]:
    places = returns.places(row["estimate"], row["se"])
    low, high = (
        _percent(returns.change(row[c]), places)
        for c in ("ci_low_these", "ci_high_these")
    )
    return (
        textwrap.shorten(row["group"], 34, placeholder="…"),
        textwrap.shorten(row["model"], 16, placeholder="…"),
        _percent(returns.change(row["estimate"]), places),
        "–" if row["ci_low_these"] is None else f"{low} … {high}",
        str(row["n"]),
        _pvalue(row["pvalue_these"]),
        _pvalue(row["pvalue_such"]),
        f"{row['agree']} of {row['agree_of']}" if row["agree_of"] else "–",
        row["test_these"] or "–",
    )


def _pvalue(value: float | None) -> str:
    return "–" if value is None else "<0.001" if value < 0.001 else f"{value:.3f}"


def _percent(value: float | None, places: int) -> str:
    return "–" if value is None else f"{round(100 * value, places) + 0:+.{places}f}"
