"""Which event windows share sessions: the contamination matrix."""

import math
from collections.abc import Mapping, Sequence
from itertools import permutations, product
from typing import Any

import polars as pl

from eventstudy.report.announced import MANY
from eventstudy.report.figures import layout, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.layout import EDGE, GAP, SMALL, WIDTH
from eventstudy.report.labels import period_word, title_of
from eventstudy.study.result import StudyResult

CELL = 13.7  # side, at most
NAMES = 175.0  # widest name of an announcement


def has_data(result: StudyResult) -> bool:
    """Tell whether event windows overlap, of few enough announcements for a map."""
    return 0 < len({event for pair in _shared(result) for event in pair}) <= MANY


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw announcements by announcements, shaded by shared sessions."""
    shared = _shared(result)
    events = _by_day(result, {event for pair in shared for event in pair})
    titles = {r["event_id"]: title_of(r) for r in result.events.to_dicts()}
    names = [
        layout.fit_words(titles.get(event, event), NAMES, SMALL) for event in events
    ]
    room = WIDTH - 2 * EDGE - GAP - layout.widest(names, SMALL)
    side = min(CELL, room / len(events))
    letters = min(SMALL, side / 1.2)
    margin = EDGE + layout.widest(names, letters) + GAP
    length, high = side * len(events), scales.BAR_HIGH
    # The upper right half is empty: no announcement is later than itself. The bar is
    # there, to the right of all cells at its height.
    free = margin + side * (math.ceil(high / side) + 1)
    start = max(free, margin + 0.72 * length - scales.BAR_WIDE / 2)
    width = max(margin + length, start + scales.BAR_WIDE + 2 * GAP) + EDGE
    below = max(margin, EDGE + high - length)
    figure = style.canvas(width, below + length + EDGE, "overlap")
    axes = layout.add_axes(figure, margin, below, length, length)
    first, last = result.spec.event_window
    title = f"{period_word(result.spec)}s shared"
    scale = scales.linear(title, 0, last - first + 1, scales.BAR_WIDE, whole=True)
    size, cells = (len(events), len(events)), _cells(shared, events)
    image = scales.matrix(axes, cells, size, scale, "Oranges")
    layout.write_rows(axes, margin - GAP, names, ha="right", fontsize=letters)
    # Aligned at its end, wherever that is in the reader's font.
    upright: dict[str, Any] = {"rotation": 90, "rotation_mode": "anchor"}
    upright |= {"ha": "right", "va": "center", "fontsize": letters}
    for place, name in enumerate(names):
        x = margin + side * (place + 0.5)
        layout.write(figure, x, below - GAP, name, **upright)
    scales.bar(figure, image, scale, start, below + length)
    return style.to_svg(figure)


def _cells(
    shared: Mapping[tuple[str, str], int], events: Sequence[str]
) -> pl.DataFrame:
    """Sessions shared by an announcement (row) and an earlier one (column)."""
    place = {event: i for i, event in enumerate(events)}
    cells = [
        {"row": place[one], "column": place[other], "value": sessions}
        for (one, other), sessions in sorted(shared.items())
        if one in place and other in place and place[one] > place[other]
    ]
    return pl.DataFrame(cells)


def _by_day(result: StudyResult, held: set[str]) -> list[str]:
    days = result.observations.group_by("event_id").agg(pl.col("day0").min())
    ordered = days.sort("day0", "event_id", nulls_last=True)["event_id"]
    return [event for event in ordered if event in held]


def _shared(result: StudyResult) -> dict[tuple[str, str], int]:
    """Sessions shared by two announcements, the most over assets; both orders."""
    shared: dict[tuple[str, str], int] = {}
    columns = ("event_id", "other_event_id", "sessions")
    for one, other, sessions in result.contamination.select(columns).iter_rows():
        for pair in product(result.members(one), result.members(other)):
            shared[pair] = max(shared.get(pair, 0), sessions)
    first, last = result.spec.event_window
    used = result.observations.filter(pl.col("status") == "used")
    for joined in used["observation"].unique():
        for pair in permutations(result.members(joined), 2):
            shared[pair] = last - first + 1
    return {pair: n for pair, n in shared.items() if pair[0] != pair[1]}


def _alt(result: StudyResult) -> str:
    word = period_word(result.spec)
    return f"Number of {word}s that the event windows share, by pair"


def _caption(result: StudyResult) -> str:
    word = period_word(result.spec).capitalize()
    return (
        f"{word}s that two event windows share on the asset where they share most. "
        "Announcements without overlap are left out."
    )


DRAWING = Drawing(
    name="overlap",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    placed=True,
)
