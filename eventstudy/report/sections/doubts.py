"""Doubts beside the numbers that they touch: cut windows, prices, defaults."""

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from eventstudy.report import links
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.labels import (
    CUT,
    DOUBTFUL,
    headline_ids,
    in_window,
    main_window,
)
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.spec import ALL
from eventstudy.study.result import StudyResult

MARKS = (
    f"{CUT}: a close is missing at an edge of the window. {DOUBTFUL}: the quality gate "
    "doubts a price that is used."
)
_COVERED = {
    "cut": "its last close is missing",
    "beyond": "its first return begins before it",
}
_FEW, _MOST = 2, 6
MANY_DATES = 10  # from which on tests of such announcements have some power
_SAID = 110  # characters of a warning on the first screen

Row = Mapping[str, Any]


def blocks(views: Views) -> Iterator[str]:
    """What the study rests on, and every warning of it."""
    result = views.result
    defaults = result.remarks.filter(about="defaults")["text"]
    if len(defaults):
        yield "How it was asked: " + " ".join(f"{md.escape(t)}." for t in defaults)
    warnings = result.remarks.filter(severity="warning")["text"]
    if len(warnings):
        yield md.bullets(f"{md.escape(text)}." for text in warnings)
    if not len(defaults) and not len(warnings):
        yield "Nothing was found doubtful, and nothing was taken by default."


def line(result: StudyResult) -> str:
    """Count what is doubtful, and say what was taken by default."""
    cars = result.cars.filter(in_window(main_window(result)))
    cut = cars.filter(pl.col("covered").is_in(list(_COVERED))).height
    odd = cars.filter(pl.col("doubt").is_not_null()).unique(
        ["event_id", "asset"], maintain_order=True
    )
    parts = [*_few_dates(result), *_other_news(result)]
    if odd.height:
        assets = odd["asset"].unique(maintain_order=True).to_list()
        parts.append(
            f"{nb.count(odd.height, 'observation')} of "
            f"{nb.listing([md.escape(a) for a in assets], most=_FEW + 2)} "
            f"{'rests' if odd.height == 1 else 'rest'} on doubtful prices"
        )
    if cut:
        parts.append(f"{nb.count(cut, 'window')} lack a close at an edge")
    overlapping = result.contamination["event_id"].n_unique()
    if overlapping:
        parts.append(
            f"the event windows of {nb.count(overlapping, 'announcement day')} hold "
            "other announcements"
        )
    parts += _warnings(result)
    defaults = result.remarks.filter(about="defaults").height
    if defaults:
        parts.append("some settings were taken by default")
    said = "; ".join(parts) or "No price in use, and no window"
    where = links.to("All doubts", "left_out", "What is doubtful")
    return f"{said[:1].upper()}{said[1:]}. {where}."


def _few_dates(result: StudyResult) -> list[str]:
    """Say that an average rests on few dates."""
    rows = result.headline.filter(
        in_window(main_window(result)), sample="headline", outcome="car"
    )
    several = rows["group"].n_unique() > 1
    rows = rows.filter(pl.col("group") != ALL) if several else rows
    most = max(rows["n_dates"].drop_nulls().to_list(), default=0)
    if len(headline_ids(result)) == 1:
        return ["the study rests on one date"]
    return [f"averages rest on {most} dates"] if 1 < most < MANY_DATES else []


def _other_news(result: StudyResult) -> list[str]:
    """Say how many announcements of the headline sample fell beside other news."""
    if "confounders" not in result.events.columns:
        return []
    chosen = pl.col("event_id").is_in(sorted(headline_ids(result)))
    held = result.events.filter(chosen)
    beside = held.drop_nulls("confounders").height
    if not beside:
        return []
    return [f"{beside} of {held.height} main announcements fell beside other news"]


def _warnings(result: StudyResult) -> list[str]:
    """Give the warnings that are not about doubtful prices: one in words, many as n."""
    said = result.remarks.filter(
        (pl.col("severity") == "warning") & ~pl.col("text").str.contains("is doubtful")
    )
    texts = said["text"].to_list()
    if len(texts) > 1:
        return [nb.count(len(texts), "warning")]
    return [md.escape(_clause(text)) for text in texts]


def _clause(text: str) -> str:
    """Cut a long warning behind its first clause; all of it is told below."""
    return text if len(text) <= _SAID else md.shorten(text.split("; ")[0], _SAID)


def mark(row: Row) -> str:
    """Return the marks of a CAR in a table; empty where there is no doubt."""
    cut = CUT if row["covered"] in _COVERED else ""
    return cut + (DOUBTFUL if row["doubt"] else "")


def words(row: Row) -> str:
    """Say what is doubtful about a CAR, in brackets; empty where nothing is."""
    parts = []
    if row["covered"] in _COVERED:
        parts.append(
            f"{_COVERED[row['covered']]}: {row['n_valid']} of "
            f"{nb.count(row['n_window'], 'session')}"
        )
    if row["doubt"]:
        parts.append(f"doubtful prices: {md.escape(row['doubt'])}")
    return f" ({'; '.join(parts)})" if parts else ""


def of_average(result: StudyResult, row: Row) -> str:
    """Name the observations of an average that are doubtful; empty without any.

    row : of the headline table
    """
    groups = row["group"].split(" - ")
    cars = result.cars.filter(
        in_window((row["start"], row["end"])),
        pl.col("model") == row["model"],
        pl.lit(value=True) if groups == ["all"] else pl.col("group").is_in(groups),
    )
    if row["sample"] == "headline":
        cars = cars.filter("headline")
    used = pl.col("in_average").fill_null(value=True)
    found = cars.filter(_doubtful())
    lines = (
        _listed(found.filter(~used), "left out of it as doubtful"),
        _listed(found.filter(used), "counted, though doubtful"),
    )
    return " ".join(line for line in lines if line)


def _doubtful() -> pl.Expr:
    cut = pl.col("covered").is_in(list(_COVERED)).fill_null(value=False)
    return pl.col("doubt").is_not_null() | cut


def _listed(cars: pl.DataFrame, what: str) -> str:
    """Name a few observations; of many the assets, with how many there are of each."""
    if cars.is_empty():
        return ""
    many = nb.count(cars.height, "observation")
    if cars.height <= _FEW:
        named = [
            f"{md.escape(row['asset'])} at {md.escape(row['event_id'])}{words(row)}"
            for row in cars.iter_rows(named=True)
        ]
    else:
        counts = cars.group_by("asset", maintain_order=True).len()
        named = [f"{md.escape(asset)} {n} times" for asset, n in counts.iter_rows()]
        named = [name.replace(" 1 times", " once") for name in named]
    return f"{many} {what}: {nb.listing(named, most=_MOST)}."


SECTION = Section(title="What is doubtful", blocks=blocks)
