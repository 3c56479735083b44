"""Which event windows share sessions: the contamination matrix."""

from itertools import permutations, product
from typing import Any

import polars as pl

from eventstudy.report.figures import style
from eventstudy.study_result import StudyResult

MOST_EVENTS = 60


def has_data(result: StudyResult) -> bool:
    """Tell whether any two event windows overlap."""
    return bool(_shared(result))


def draw(result: StudyResult) -> bytes:
    """Draw announcements by announcements, shaded by shared sessions."""
    from matplotlib.ticker import MaxNLocator

    shared = _shared(result)
    events = _by_day(result, {event for pair in shared for event in pair})
    longest = max(len(_short(event)) for event in events)
    side = 0.7 + 0.08 * longest + 0.19 * len(events)
    with style.canvas(min(style.WIDTH, side + 0.4), min(style.WIDTH, side)) as figure:
        axes = figure.subplots()
        image = _paint(axes, events, shared, result.spec.event_window)
        # The upper right half is empty: no announcement is later than itself.
        bar = figure.colorbar(
            image,
            cax=axes.inset_axes((0.52, 0.9, 0.44, 0.03)),
            orientation="horizontal",
            ticks=MaxNLocator(4, integer=True),
        )
        bar.outline.set_visible(False)
        bar.ax.set_title("sessions shared", fontweight="normal", loc="center")
        return style.to_svg(figure)


def _by_day(result: StudyResult, held: set[str]) -> list[str]:
    days = result.observations.group_by("event_id").agg(pl.col("day0").min())
    ordered = days.sort("day0", "event_id", nulls_last=True)["event_id"]
    return [event for event in ordered if event in held][:MOST_EVENTS]


def _short(event: str) -> str:
    return event if len(event) <= 22 else event[:21] + "…"


def _shared(result: StudyResult) -> dict[tuple[str, str], int]:
    """Sessions shared by two announcements, the most over assets; both orders."""
    shared: dict[tuple[str, str], int] = {}
    columns = ("event_id", "other_event_id", "sessions")
    for one, other, sessions in result.contamination.select(columns).iter_rows():
        for pair in product(one.split("+"), other.split("+")):
            shared[pair] = max(shared.get(pair, 0), sessions)
    first, last = result.spec.event_window
    used = result.observations.filter(pl.col("status") == "used")
    for joined in used["observation"].unique():
        for pair in permutations(joined.split("+"), 2):
            shared[pair] = last - first + 1
    return {pair: n for pair, n in shared.items() if pair[0] != pair[1]}


def _paint(
    axes: Any,  # noqa: ANN401 - matplotlib is imported inside functions
    events: list[str],
    shared: dict[tuple[str, str], int],
    event_window: tuple[int, int],
) -> Any:  # noqa: ANN401
    from matplotlib.collections import PatchCollection
    from matplotlib.patches import Rectangle

    place = {event: i for i, event in enumerate(events)}
    sessions = {
        (place[event], place[other]): n
        for (event, other), n in sorted(shared.items())
        if event in place and other in place and place[event] > place[other]
    }
    cells = [Rectangle((column, row), 1, 1) for row, column in sessions]
    length = event_window[1] - event_window[0] + 1
    image = PatchCollection(cells, cmap="Oranges", edgecolor="white", linewidth=0.8)
    image.set_array(list(sessions.values()))
    image.set_clim(0, length)
    axes.add_collection(image)
    axes.set_xlim(0, len(events))
    axes.set_ylim(len(events), 0)
    axes.set_aspect("equal")
    axes.tick_params(length=0)
    centres = [i + 0.5 for i in range(len(events))]
    names = [_short(event) for event in events]
    size = style.SIZE - (0.5 if len(events) <= 34 else 3.5)
    axes.set_xticks(centres, names, rotation=90, fontsize=size)
    axes.set_yticks(centres, names, fontsize=size)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return image
