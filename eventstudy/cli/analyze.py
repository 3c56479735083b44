"""The command ``eventstudy analyze``: a catalogue -> a report."""

import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventstudy.cli import options
from eventstudy.cli.progress import stages
from eventstudy.cli.terminal import say

if TYPE_CHECKING:
    from eventstudy.report.numbers import Returns
    from eventstudy.study.result import StudyResult

_WIDTH = 88
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
    options.PARQUET,
    options.FORCE,
    options.QUIET,
    options.DEBUGGED,
)
def analyze(events: options.CATALOGUE, **given: Any) -> None:  # noqa: ANN401
    """Study a catalogue of announcements and write a report."""
    from eventstudy.report import check_folder, write_report
    from eventstudy.study import analyze as study

    said = options.overrides(given)
    folder = given["out"] or Path("reports") / events.stem
    check_folder(folder, force=given["force"])
    with stages(quiet=given["quiet"]) as progress, options.told_by_flag(said):
        result = study(
            events,
            study=given["study"],
            cache=given["cache"],
            offline=given["offline"],
            refresh=given["refresh"],
            strict=given["strict"],
            progress=progress,
            command=options.command_line(sys.argv[1:]),
            **said,
        )
        progress("Writing the report")
        report = write_report(
            result, folder, parquet=given["parquet"], force=given["force"]
        )
    if not given["quiet"]:
        say(closing_table(result, report))


def closing_table(result: "StudyResult", report: Path) -> str:
    """Return the lines that end an analysis: the headline of the first window."""
    import polars as pl

    from eventstudy.report.numbers import Returns
    from eventstudy.spec import window_text

    start, end = result.spec.windows[0]
    of_window = (pl.col("start") == start) & (pl.col("end") == end)
    rows = result.headline.filter(of_window, sample="headline", outcome="car")
    returns = Returns(result.spec.returns)
    confidence = f"{100 * result.spec.level:g} % interval"
    head = ("group", "model", "CAAR", confidence, "N", "p", "p such", "agree", "test")
    found = rows.iter_rows(named=True)
    cells = [head, *(_closing_cells(returns, row) for row in found)]
    lines = [""]
    if rows.height:
        lines.append(f"Mean CAR{window_text((start, end))} in per cent of price")
        lines += options.aligned(cells, left={0, 1, 8})
        lines += textwrap.wrap(_HOW_TO_READ, _WIDTH)
    elif "returns" in result.spec.parts:
        lines.append("No event of the headline sample could be estimated")
    dropped = result.observations.filter(pl.col("status") == "dropped").height
    if dropped:
        lines.append(
            f"{dropped} of {result.observations.height} rows left out; why: report"
        )
    said = result.remarks
    shown = [
        *(f"warning: {text}" for text in said.filter(severity="warning")["text"]),
        *(f"note: {text}" for text in said.filter(severity="note")["text"]),
    ]
    if shown:
        lines += ["", *shown]
    return "\n".join([*lines, "", f"Report: {report}"])


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
