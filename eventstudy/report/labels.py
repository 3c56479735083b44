"""Names as a reader wants them, and the orders in which the report shows things."""

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from eventstudy.spec import Pair, StudySpec, window_text
from eventstudy.study.result import StudyResult

CUT, DOUBTFUL = "†", "‡"  # marks of a CAR: a missing close, a doubtful price


def label(name: str) -> str:
    """Write a group's or model's name as words.

    >>> label("china_rigs")
    'china rigs'
    """
    return name.replace("_", " ").strip() or name


def group_label(name: str) -> str:
    """Write a group's name as words; ``all`` is all assets together.

    >>> group_label("all"), group_label("china_rigs - foreign_rigs")
    ('all assets', 'china rigs minus foreign rigs')
    """
    return "all assets" if name == "all" else label(name).replace(" - ", " minus ")


def study_title(spec: StudySpec, provenance: Mapping[str, Any]) -> str:
    """The study's title, or the name of its catalogue."""
    if spec.title:
        return spec.title
    for file in provenance.get("files") or ():
        if file.get("role") == "catalogue" and file.get("name"):
            return label(PurePosixPath(str(file["name"]).replace("\\", "/")).stem)
    return "Event study"


def not_computed(spec: StudySpec) -> str:
    """Say that a part of the study was not asked for."""
    return f"Not computed (parts = {', '.join(spec.parts)})."


def model_names(result: StudyResult) -> list[str]:
    """Names of the model settings, each once, in the order of the study file."""
    return list(dict.fromkeys(setting.name for setting in result.spec.models))


def groups_of(result: StudyResult, table: pl.DataFrame) -> list[str]:
    """Groups of a table as in the study file, then any others as they appear."""
    held = table["group"].unique(maintain_order=True).to_list()
    return list(dict.fromkeys([*(g for g in result.spec.groups if g in held), *held]))


def main_window(result: StudyResult) -> Pair:
    """The window that stands for the study where there is room for one: the first."""
    return result.spec.windows[0]


def in_window(window: Pair) -> pl.Expr:
    """Rows of a window."""
    return (pl.col("start") == window[0]) & (pl.col("end") == window[1])


def window_words(window: Pair) -> str:
    """Write a window with its length.

    >>> window_words((-1, 1)), window_words((0, 0))
    ('[-1,+1] (3 sessions)', '[0,0] (1 session)')
    """
    length = window[1] - window[0] + 1
    return f"{window_text(window)} ({length} session{'s' if length > 1 else ''})"


def asset_order(result: StudyResult) -> list[str]:
    """Assets by group as in the study file, then any others as they appear."""
    seen = result.observations["asset"].unique(maintain_order=True).to_list()
    return list(dict.fromkeys([*(a for a in result.spec.assets if a in seen), *seen]))


def headline_ids(result: StudyResult) -> set[str]:
    """Announcements of the headline sample; all where the catalogue does not say."""
    if "headline" not in result.events.columns:
        return set(result.events["event_id"])
    minor = result.events.filter(~pl.col("headline"))["event_id"]
    return set(result.events["event_id"]) - set(minor)


def alpha_of(result: StudyResult) -> float:
    """Significance level; exact, as 1 - 0.95 is a little more than 0.05."""
    return round(1 - result.spec.level, 12)
