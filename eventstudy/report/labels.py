"""Names as a reader wants them, and the orders in which the report shows things."""

from collections.abc import Mapping, Sequence
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from eventstudy.core.periods import PERIODS
from eventstudy.report.markdown import shorten
from eventstudy.report.numbers import count
from eventstudy.report.remembered import remembered
from eventstudy.spec import ALL, Pair, StudySpec, window_text
from eventstudy.study.result import StudyResult

DIFFERENCE = " - "  # in the name of a group: the first minus the second
SHORT = 36  # letters of an announcement's short title
CUT, DOUBTFUL = "†", "‡"  # marks of a CAR: a missing close, a doubtful price


def label(name: str) -> str:
    """Write a group's or model's name as words.

    >>> label("china_rigs")
    'china rigs'
    """
    return name.replace("_", " ").strip() or name


def words_for(result: StudyResult, name: str) -> str:
    """Write a group's or model's name as the study file words it.

    ``all`` is all assets together, ``a - b`` the difference of two groups.
    """
    return words(name, result.spec.labels)


def words(name: str, labels: Mapping[str, str]) -> str:
    """The same with the labels at hand; a name that has none is read as words.

    >>> words("all", {}), words("china_rigs - foreign_rigs", {"china_rigs": "miners"})
    ('all assets', 'miners minus foreign rigs')
    """
    if name in labels:
        return labels[name]
    if name == ALL:
        return "all assets"
    if DIFFERENCE in name:
        parts = name.split(DIFFERENCE, maxsplit=1)
        return " minus ".join(words(part, labels) for part in parts)
    return label(name)


def short_title(result: StudyResult, joined: str, most: int = SHORT) -> str:
    """Name an observation by its first announcement in few words, ``+2`` for others.

    The words are the catalogue's ``short_title``, otherwise its title cut at a word.
    """
    ids = result.members(joined)
    chosen = headline_ids(result)
    first = min(ids, key=lambda event: event not in chosen)
    held = _announced(result).get(first, {"event_id": first})
    more = f" +{len(ids) - 1}" if len(ids) > 1 else ""
    return title_of(held, most) + more


@remembered
def _announced(result: StudyResult) -> dict[str, dict[str, Any]]:
    """Rows of the catalogue by their name."""
    return {row["event_id"]: row for row in result.events.to_dicts()}


def title_of(event: Mapping[str, Any], most: int = SHORT) -> str:
    """Give an announcement's short title, or its title cut at a word."""
    words = event.get("short_title") or event.get("title") or event["event_id"]
    return shorten(str(words), most)


def first_title(events: Sequence[Mapping[str, Any]], most: int = SHORT) -> str:
    """Name announcements of a day by the first of them, ``+2`` for the others."""
    more = f" +{len(events) - 1}" if len(events) > 1 else ""
    return title_of(events[0], most) + more


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


def of_first_model(result: StudyResult, table: pl.DataFrame) -> pl.DataFrame:
    """Rows of each group's first model setting in the table."""
    names = model_names(result)
    order = pl.col("model").replace_strict(names, range(len(names)), default=len(names))
    return table.filter(order == order.min().over("group"))


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


def period_word(spec: StudySpec) -> str:
    """Return what offsets count: session, or week or month by the study's frequency.

    >>> period_word(StudySpec()), period_word(StudySpec(frequency="weekly"))
    ('session', 'week')
    """
    return PERIODS[spec.frequency]


def reason_words(reason: str, spec: StudySpec) -> str:
    """Return a reason in the study's own periods; arrays know sessions only.

    >>> reason_words("3 valid sessions, 5 needed", StudySpec(frequency="weekly"))
    '3 valid weeks, 5 needed'
    """
    return reason.replace("session", period_word(spec))


def offset_words(spec: StudySpec) -> str:
    """Return the words of an axis of offsets.

    >>> offset_words(StudySpec()), offset_words(StudySpec(frequency="monthly"))
    ('sessions from day 0', 'months from month 0')
    """
    word = period_word(spec)
    return f"{word}s from {'day' if spec.frequency == 'daily' else word} 0"


def window_words(window: Pair, spec: StudySpec) -> str:
    """Write a window with its length.

    >>> window_words((-1, 1), StudySpec())
    '[-1,+1] (3 sessions)'
    >>> window_words((0, 0), StudySpec(frequency="weekly"))
    '[0,0] (1 week)'
    """
    length = window[1] - window[0] + 1
    return f"{window_text(window)} ({count(length, period_word(spec))})"


def asset_order(result: StudyResult) -> list[str]:
    """Assets by group as in the study file, then any others as they appear."""
    seen = result.observations["asset"].unique(maintain_order=True).to_list()
    return list(dict.fromkeys([*(a for a in result.spec.assets if a in seen), *seen]))


@remembered
def headline_ids(result: StudyResult) -> frozenset[str]:
    """Announcements of the headline sample; all where the catalogue does not say."""
    if "headline" not in result.events.columns:
        return frozenset(result.events["event_id"])
    minor = result.events.filter(~pl.col("headline"))["event_id"]
    return frozenset(result.events["event_id"]) - set(minor)


def alpha_of(result: StudyResult) -> float:
    """Significance level; exact, as 1 - 0.95 is a little more than 0.05."""
    return round(1 - result.spec.level, 12)
