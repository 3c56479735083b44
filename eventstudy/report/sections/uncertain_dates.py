"""When moves began, where the day of the announcement is uncertain."""

from collections.abc import Iterable, Iterator
from typing import Any

import polars as pl

from eventstudy.report import links
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import confidence_text
from eventstudy.report.labels import (
    DIFFERENCE,
    alpha_of,
    main_window,
    of_first_model,
    period_word,
    reason_words,
    words_for,
)
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

Row = dict[str, Any]
MOST_ROWS = 40
# From here on the estimation window holds enough unlike pseudo-dates.
_FEW_DATES = 10
_IS_PAIR = pl.col("group").str.contains(DIFFERENCE, literal=True)
_VALUES = {
    "all": "all",
    "minute": "stamp to the minute",
    "hour": "stamp to the hour",
    "day": "day only",
    "leak": "leaked",
    "none": "no known leak",
}


def line(result: StudyResult) -> str:
    """Name the groups whose largest window begins before the main one; may be empty."""
    begins = main_window(result)[0]
    rows = of_first_model(result, _headline(result.anticipation)).filter(
        pl.col("found"),
        pl.col("start") < begins,
        pl.col("pvalue") < alpha_of(result),
        ~_IS_PAIR,
    )
    if rows.is_empty():
        return ""
    parts = [_largest(result, row) for row in rows.to_dicts()]
    return (
        "**The day itself.** The largest move begins before the main window: "
        f"{nb.listing(parts, most=4)}, the search for the window allowed for "
        f"({links.to('when moves began', 'tests', SECTION.title)})."
    )


def _headline(table: pl.DataFrame) -> pl.DataFrame:
    return table.filter(sample="headline")


def _largest(result: StudyResult, row: Row) -> str:
    """Name a group, its largest window, effect and p-value."""
    name = md.escape(words_for(result, row["group"]))
    window = window_text((row["start"], row["end"]))
    size = nb.percent(nb.Returns(result.spec.returns).change(row["estimate"]), 1)
    return f"{name} {window} {size} % ({nb.p_equals(row['pvalue'])})"


def blocks(views: Views) -> Iterator[str]:
    """The paths with their band, the split test, and the shares before the stamp."""
    result = views.result
    paths = _headline(result.anticipation)
    if paths.is_empty():
        return
    yield (
        "The day of an announcement may be wrong, and news may be known before it. "
        f"Windows that end on {period_word(result.spec)} {main_window(result)[1]:+d} "
        f"are judged together by their first {period_word(result.spec)}. The p-value "
        "is that of the largest statistic, set against the largest ones of "
        "pseudo-dates, so that the search for the window is part of the test. The "
        "effect of the window found is too large on average, since it was chosen for "
        "its size."
    )
    yield views.figure("anticipation")
    yield from _found(result, paths)
    yield from _split(result)
    yield from _shares(result)
    yield (
        "All rows: `tables/anticipation.csv`, `tables/split_dates.csv` and "
        "`tables/share_before.csv`."
    )


def _found(result: StudyResult, paths: pl.DataFrame) -> Iterator[str]:
    rows = paths.filter(pl.col("found")).to_dicts()
    cells = [
        [
            *_names(result, row),
            window_text((row["start"], row["end"])),
            _interval(result, row),
            nb.pvalue_cell(row["pvalue"]),
            str(row["n"]),
        ]
        for row in rows[:MOST_ROWS]
    ]
    if cells:
        columns = ["Group", "Model", "Largest<br>window", "Mean CAR, %"]
        yield md.table([*columns, "p, search<br>allowed for", "N"], cells, "lllrrr")
    missing = dict.fromkeys(paths["reason"].drop_nulls())
    yield _missing(result, "No band", missing)
    basis = dict.fromkeys(row["basis"] for row in rows)
    few = _most_dates(result) < _FEW_DATES
    if few and any("estimation window" in one for one in basis):
        yield (
            "Pseudo-dates are those of the estimation window, and the dates are few: "
            "where few dates overlap partly, about 8 % are rejected at 5 % without any "
            "effect."
        )


def _interval(result: StudyResult, row: Row) -> str:
    shown = nb.Returns(result.spec.returns)
    ends = shown.interval(row["ci_low"], row["ci_high"], 1)
    return f"{nb.percent(shown.change(row['estimate']), 1)} {ends}".rstrip()


def _most_dates(result: StudyResult) -> int:
    found = result.headline.filter(sample="headline")["n_dates"].max()
    return int(found) if isinstance(found, int) else 0


def _names(result: StudyResult, row: Row) -> list[str]:
    return [md.escape(words_for(result, row[key])) for key in ("group", "model")]


def _split(result: StudyResult) -> Iterator[str]:
    """Windows found on half of the dates, tested on the others."""
    table = _headline(result.split_dates)
    if table.is_empty():
        return
    shown = nb.Returns(result.spec.returns)
    yield (
        "Without that bias: the window is found on half of the clusters of dates, "
        "drawn at random, and tested on the others, at the price of power."
    )
    cells = [
        [
            *_names(result, row),
            window_text((row["start"], row["end"])),
            nb.percent(shown.change(row["estimate_found"]), 1),
            _interval(result, row),
            nb.pvalue_cell(row["pvalue"]),
            f"{row['clusters_found']}, {row['n_clusters']}",
        ]
        for row in table.drop_nulls("start").to_dicts()[:MOST_ROWS]
    ]
    if cells:
        columns = ["Group", "Model", "Window<br>found", "Mean CAR, %,<br>found"]
        columns += ["tested on<br>the others", "p", "Clusters"]
        yield md.table(columns, cells, "lllrrrr")
    missing = dict.fromkeys(table["reason"].drop_nulls())
    yield _missing(result, "No split", missing)


def _missing(result: StudyResult, what: str, reasons: Iterable[str]) -> str:
    told = [md.escape(reason_words(one, result.spec)) for one in reasons]
    return md.bullets(f"{what}: {one}." for one in told)


def _shares(result: StudyResult) -> Iterator[str]:
    """How much of the move came before day 0, by kind of stamp."""
    table = of_first_model(result, _headline(result.share_before))
    rows = table.drop_nulls("shape").filter(~_IS_PAIR).to_dicts()
    if not rows:
        return
    window = window_text((rows[0]["start"], rows[0]["end"]))
    yield (
        f"Share of the move over {window} that came before day 0, with the "
        f"{confidence_text(result)} set of shares that a t test over clusters of dates "
        "keeps (Fieller). Where the whole move cannot be told from zero, no share can "
        "be ruled out for good, and none is shown. Of several announcements of a day "
        "the coarsest stamp counts, and any leak; kinds of stamp on fewer than three "
        "clusters of dates are left out."
    )
    yield md.table(
        ["Group", "Stamp", "Before, %", "Whole, %", "Share", "Clusters"],
        [_share(result, row) for row in rows[:MOST_ROWS]],
        "llrrrr",
    )


def _share(result: StudyResult, row: Row) -> list[str]:
    shown = nb.Returns(result.spec.returns)
    share = "not determined"
    if row["shape"] == "between":
        ends = nb.interval(row["ci_low"], row["ci_high"])
        share = f"{nb.decimal(row['share'])} {ends}"
    return [
        md.escape(words_for(result, row["group"])),
        _VALUES[row["value"]],
        nb.percent(shown.change(row["before"]), 1),
        nb.percent(shown.change(row["whole"]), 1),
        share,
        str(row["n_clusters"]),
    ]


SECTION = Section(title="When moves began", blocks=blocks)
