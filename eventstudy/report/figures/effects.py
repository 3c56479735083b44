"""The first figure: average effects with the intervals of both answers."""

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from eventstudy.report import numbers as nb
from eventstudy.report.effects import Effects, Row, confidence_text, told
from eventstudy.report.figures import layout, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.layout import EDGE, GAP, LINE, SMALL, WIDTH
from eventstudy.report.labels import (
    DIFFERENCE,
    main_window,
    model_names,
    window_words,
    words_for,
)
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MOST = 16  # rows; of more groups the first of the study file
DATES, SUCH = "on these dates", "announcements like these"
_PITCH = 28.0  # from a row to the next
_HEAD = 0.65  # of a row that the heading of a model takes
_NAMES = 180.0  # widest name
_APART = 0.17  # of the two intervals of a row from its middle


@dataclass(frozen=True, slots=True)
class _Effect:
    """A row of the figure, in per cent of price; None where there is no value."""

    name: str
    model: str
    these: tuple[float, float | None, float | None]
    such: tuple[float | None, float | None, float | None]
    found: bool
    text: str

    def values(self) -> list[float]:
        """Return every number that the axis must hold."""
        return [v for v in (*self.these, *self.such) if v is not None]


def has_data(result: StudyResult) -> bool:
    """Tell whether there is an average."""
    return bool(chosen(result))


def chosen(result: StudyResult) -> list[Row]:
    """Averages of the main window, by model and group; differences last."""
    effects = Effects(result)
    order = model_names(result)
    rows = [
        row
        for row in told(effects.at(main_window(result)))
        if not nb.is_missing(row["estimate"])
    ]
    rows.sort(key=lambda r: (order.index(r["model"]), DIFFERENCE in r["group"]))
    return rows


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw a row per group, model by model, its two intervals, the numbers beside."""
    rows = _effects(result)
    names = [layout.wrap(row.name, _NAMES) for row in rows]
    texts = [row.text for row in rows]
    x = _scale(rows, WIDTH / 2)
    places, heads = _places(rows)
    foot = places[-1] + 0.5
    y = scales.Scale("", foot, -0.5)
    left = EDGE + layout.widest([*names, *heads], SMALL) + 2 * GAP
    right = WIDTH - EDGE - layout.widest(texts, SMALL, bold=True) - 2 * GAP
    below, high = scales.room_below(x) + LINE + GAP, _PITCH * (foot + 0.5)
    figure = style.canvas(WIDTH, below + high + EDGE)
    axes = layout.add_axes(figure, left, below, right - left, high)
    scales.put(axes, x, y)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    paint(axes, rows, places)
    for text, at in heads.items():
        _write(axes, left - 2 * GAP, at, text, ha="right", color=style.MUTED)
    for row, name, at in zip(rows, names, places, strict=True):
        weight = "bold" if row.found else "normal"
        _write(axes, left - 2 * GAP, at, name, ha="right")
        _write(axes, right + 2 * GAP, at, row.text, weight=weight)
    _legend(axes, left, LINE + EDGE)
    scales.write_titles(figure, x, y, left, below + high)
    return style.to_svg(figure)


def _places(rows: list[_Effect]) -> tuple[list[float], dict[str, float]]:
    """Where rows lie, and the headings of models above their rows."""
    places: list[float] = []
    heads: dict[str, float] = {}
    at = 0.0
    for row in rows:
        if row.model and row.model not in heads:
            heads[row.model] = at - (0.25 if at == 0 else 0.1)
            at += _HEAD
        places.append(at)
        at += 1
    return places, heads


def paint(axes: "Axes", rows: list[_Effect], places: list[float]) -> None:
    """Draw zero, and per row the filled mark of these dates above the open one."""
    axes.axvline(0, color=style.MUTED, linewidth=0.9)
    for number, (row, place) in enumerate(zip(rows, places, strict=True)):
        colour = style.COLOURS[0] if row.found else style.MUTED
        for key, (value, low, high) in (("these", row.these), ("such", row.such)):
            if value is None:
                continue
            first = key == "these"
            at = place - _APART if first else place + _APART
            if low is not None and high is not None:
                width = 2.4 if first else 1.1
                axes.plot([low, high], [at, at], color=colour, linewidth=width)
            look: dict[str, Any] = {"mfc": colour if first else "white"}
            look["ms"] = 7 if first else 5.5
            gid = f"effects-{number}-{key}"
            axes.plot(value, at, "o", color=colour, gid=gid, **look)


def _write(axes: "Axes", x: float, at: float, text: str, **how: Any) -> None:  # noqa: ANN401
    """Write a text beside a row, ``x`` in points of the page."""
    place = axes.transData.transform((0, at))[1]
    axes.text(x, place, text, transform=None, va="center", fontsize=SMALL, **how)


def _legend(axes: "Axes", left: float, foot: float) -> None:
    """Say below the axis which mark answers which question."""
    from matplotlib.lines import Line2D

    figure, at = axes.figure, left
    for face, words in ((style.INK, DATES), ("white", SUCH)):
        x, y = at / figure.bbox.width, (foot + LINE / 2) / figure.bbox.height
        mark = Line2D([x], [y], marker="o", color=style.INK, mfc=face, ms=5.5)
        mark.set_transform(figure.transFigure)
        figure.add_artist(mark)
        how: dict[str, Any] = {"transform": None, "va": "bottom", "fontsize": SMALL}
        figure.text(at + 2 * GAP, foot, words, **how)
        at += layout.text_width(words, SMALL) + 8 * GAP


def _effects(result: StudyResult) -> list[_Effect]:
    effects = Effects(result)
    several = len(model_names(result)) > 1
    rows = []
    for row in chosen(result)[:MOST]:
        these, low, high = (_percent(effects, row[n]) for n in _MARKED["these"][:3])
        such = [_percent(effects, row[name]) for name in _MARKED["such"][:3]]
        if these is None:
            continue
        rows.append(
            _Effect(
                name=words_for(result, row["group"]),
                model=words_for(result, row["model"]) if several else "",
                these=(these, low, high),
                such=(such[0], such[1], such[2]),
                found=row["verdict"] in ("distinguishable", "these dates only")
                or effects.rejects(row, row["test_these"]),
                text=f"{effects.average(row)}{nb.NBSP}%",
            )
        )
    return rows


def _percent(effects: Effects, value: float | None) -> float | None:
    change = effects.returns.change(value)
    return None if change is None else 100 * change


def _scale(rows: list[_Effect], room: float) -> scales.Scale:
    """An axis that holds every estimate, and intervals unless one dwarfs all."""
    marks = [v for row in rows for v in (row.these[0], row.such[0]) if v is not None]
    reach = 4 * max(1.0, *(abs(value) for value in marks))
    held = [v for row in rows for v in row.values()]
    low = max(min([0.0, *held]), -min(reach, 100.0))
    high = min(max([0.0, *held]), reach)
    room_for = 0.04 * (high - low)
    return scales.linear("effect, % of price", low - room_for, high + room_for, room)


def _cut(result: StudyResult) -> bool:
    rows = _effects(result)
    x = _scale(rows, WIDTH / 2)
    return any(not x.low <= v <= x.high for row in rows for v in row.values())


def _alt(result: StudyResult) -> str:
    rows = _effects(result)
    listed = nb.listing([f"{r.name} {r.text}" for r in rows], most=6)
    return f"Average effect per group with intervals: {listed}"


def _caption(result: StudyResult) -> str:
    text = (
        f"Average effect over sessions {window_words(main_window(result))}, with "
        f"{confidence_text(result)} intervals: filled, on these dates; open, for "
        "announcements like these. Blue: more than chance on these dates."
    )
    left = len(chosen(result)) - MOST
    if left > 0:
        text += f" {nb.count(left, 'more row')} of groups are not shown."
    if _cut(result):
        text += " Intervals that leave the figure go on."
    return text


def _marks(result: StudyResult) -> dict[str, str]:
    """Say each mark's number as the table has it."""
    found = {}
    for place, row in enumerate(chosen(result)[:MOST]):
        for key, (value, low, high, p) in _MARKED.items():
            if nb.is_missing(row[value]):
                continue
            name = (
                f"{words_for(result, row['group'])}, {words_for(result, row['model'])}"
            )
            found[f"effects-{place}-{key}"] = (
                f"{name}: {row[value]} [{row[low]}, {row[high]}], p = {row[p]}"
            )
    return found


_MARKED = {
    "these": ("estimate", "ci_low_these", "ci_high_these", "pvalue_these"),
    "such": ("estimate_such", "ci_low_such", "ci_high_such", "pvalue_such"),
}

DRAWING = Drawing(
    name="effects",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    marks=_marks,
)
