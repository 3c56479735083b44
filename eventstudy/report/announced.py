"""Announcements as the first page counts them: numbers, days 0 and mean CARs."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import polars as pl

from eventstudy.report.labels import headline_ids, in_window, main_window, model_names
from eventstudy.report.remembered import remembered
from eventstudy.study.result import StudyResult

Row = Mapping[str, Any]
FEW = 12  # dates, up to which figures name each
MANY = 40  # announcements, from which on figures and lists show some, or shares


def means(result: StudyResult) -> pl.DataFrame:
    """Mean CAR of each announcement and group: main window, first model held.

    Of all assets of the group, also those where other announcements share the day.
    Columns: event_id, group, car, headline.
    """
    names = model_names(result)
    cars = result.cars.filter(
        in_window(main_window(result)), pl.col("car").is_finite()
    ).with_columns(
        order=pl.col("model").replace_strict(names, range(len(names)), default=99)
    )
    first = cars.filter(pl.col("order") == pl.col("order").min().over("group"))
    of = result.observations.filter(pl.col("status") == "used").select(
        pl.col("event_id").alias("announcement"),
        pl.col("observation").alias("event_id"),
        "asset",
        "group",
    )
    joined = of.unique(maintain_order=True).join(
        first, on=["event_id", "asset", "group"], maintain_order="left"
    )
    chosen = pl.col("announcement").is_in(sorted(headline_ids(result)))
    return (
        joined.group_by("announcement", "group", maintain_order=True)
        .agg(pl.col("car").mean())
        .with_columns(headline=chosen)
        .rename({"announcement": "event_id"})
    )


@remembered
def in_order(result: StudyResult) -> list[Row]:
    """Announcements in the order of their dates."""
    table = result.events
    if "announced_date" in table.columns:
        table = table.sort("announced_date", maintain_order=True)
    return [*table.to_dicts()]


@remembered
def days_zero(result: StudyResult) -> dict[str, list[date]]:
    """Days 0 of each announcement that could be studied, in order."""
    used = result.observations.filter(pl.col("status") == "used")
    days = used.group_by("event_id", maintain_order=True).agg(
        pl.col("day0").drop_nulls().unique().sort()
    )
    return {event: held for event, held in days.iter_rows() if held}


@remembered
def main_dates(result: StudyResult) -> dict[date, list[Row]]:
    """Announcements of the headline sample by their first day 0, in order."""
    days = days_zero(result)
    chosen = headline_ids(result)
    found: dict[date, list[Row]] = {}
    for row in in_order(result):
        if row["event_id"] in chosen and row["event_id"] in days:
            found.setdefault(days[row["event_id"]][0], []).append(row)
    return dict(sorted(found.items()))


def numbers(result: StudyResult) -> dict[str, int]:
    """The number of each headline announcement: that of its date, from 1."""
    dates = numbered_dates(result).values()
    return {row["event_id"]: n for n, rows in enumerate(dates, 1) for row in rows}


def numbered_dates(result: StudyResult) -> dict[date, list[Row]]:
    """Headline dates with a number, unless they are too many to be named."""
    dates = main_dates(result)
    return dates if len(dates) <= FEW else {}
