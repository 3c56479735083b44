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
    period_word,
    window_words,
    words_for,
)
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.lines import Line2D

MOST = 20  # rows; of more groups the first of the study file
DATES, SUCH = "these dates", "announcements like these"
_PITCH = 28.0  # from a row to the next
_HEAD = 0.65  # of a row that the heading of a model takes
_NAMES = 180.0  # widest name
_APART = 0.17  # of the two intervals of a row from its middle
_MARKED = {
    "these": ("estimate", "ci_low_these", "ci_high_these", "pvalue_these"),
    "such": ("estimate_such", "ci_low_such", "ci_high_such", "pvalue_such"),
}


@dataclass(frozen=True, slots=True)
class _Effect:
    """A row of the figure, in per cent of price; None where there is no value.

    model : its words, empty where there is one model;  found : more than chance on
    these dates;  verdict : in words;  row : of the table
    """

    name: str
    model: str
    these: tuple[float, float | None, float | None]
    such: tuple[float | None, float | None, float | None]
    found: bool
    text: str
    verdict: str
    row: Row

    def values(self) -> list[float]:
        """Return every number that the axis must hold."""
        return [v for v in (*self.these, *self.such) if v is not None]


def has_data(result: StudyResult) -> bool:
    """Tell whether there is an average."""
    return bool(_effects(result))


def chosen(result: StudyResult) -> list[Row]:
    """Averages of the main window, by model and group; differences last."""
    effects = Effects(result)
    order = model_names(result)
    rows = [
        row
        for row in told(effects.at(main_window(result)))
        if effects.returns.change(row["estimate"]) is not None
    ]
    rows.sort(key=lambda r: (order.index(r["model"]), DIFFERENCE in r["group"]))
    return rows


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the figure as SVG."""
    return style.to_svg(figure(result))


@style.house()
def figure(result: StudyResult) -> "Figure":
    """Draw a row per group, model by model, its two intervals, the numbers beside."""
    rows = _effects(result)
    names = [layout.wrap(row.name, _NAMES) for row in rows]
    places, models = _places(rows)
    heads = [layout.fit_words(model, _NAMES, SMALL) for model in models]
    foot = places[-1] + 0.5
    y = scales.Scale("", foot, -0.5)
    numbers = layout.widest([row.text for row in rows], SMALL, bold=True)
    said = layout.widest([row.verdict for row in rows], SMALL)
    left = EDGE + layout.widest([*names, *heads], SMALL) + 2 * GAP
    right = WIDTH - EDGE - max(numbers, said) - 2 * GAP
    x = _scale(rows, right - left)
    below, high = scales.room_below(x), _PITCH * (foot + 0.5)
    page = style.canvas(WIDTH, below + high + 2 * LINE, "effects")
    axes = layout.add_axes(page, left, below, right - left, high)
    scales.put(axes, x, y)
    axes.spines["left"].set_visible(False)
    axes.grid(axis="x")
    paint(axes, rows, places)
    for text, at in zip(heads, models.values(), strict=True):
        _write(axes, left - 2 * GAP, at, text, ha="right", color=style.MUTED)
    for row, name, at in zip(rows, names, places, strict=True):
        _write(axes, left - 2 * GAP, at, name, ha="right")
        weight = "bold" if row.found else "normal"
        _write(axes, right + 2 * GAP, at - 0.21, row.text, weight=weight)
        _write(axes, right + 2 * GAP, at + 0.21, row.verdict, color=style.MUTED)
    _legend(page, left, below + high + 0.4 * LINE)
    layout.write(page, (left + right) / 2, EDGE, x.title, ha="center", va="bottom")
    return page


@style.house()
def into(axes: "Axes", result: StudyResult) -> None:
    """Draw the rows into axes of somebody else, the names at the left."""
    rows = _effects(result)
    places = [float(place) for place in range(len(rows))]
    names = [f"{row.name}, {row.model}" if row.model else row.name for row in rows]
    ticks = dict(zip(places, names, strict=True))
    x = _scale(rows, layout.room_across(axes))
    scales.put(axes, x, scales.Scale("", len(rows) - 0.5, -0.5, ticks))
    axes.set_xlabel(x.title)
    paint(axes, rows, places)
    axes.legend(
        handles=[_sample(first=first) for first in (True, False)],
        loc="lower left",
        bbox_to_anchor=(0, 1),
        ncols=2,
    )


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
            line: list[float] = [value]
            if low is not None and high is not None:
                line = [low, value, high]
            # One line, so that the mark and its interval are one group of the SVG.
            axes.plot(
                line,
                [at] * len(line),
                marker="o",
                markevery=[len(line) // 2],
                color=colour,
                mfc=colour if first else "white",
                ms=7 if first else 5.5,
                linewidth=2.4 if first else 1.1,
                gid=f"effects-{number}-{key}",
            )


def _write(axes: "Axes", x: float, at: float, text: str, **how: Any) -> None:  # noqa: ANN401
    """Write a text beside a row, ``x`` in points of the page."""
    place = axes.transData.transform((0, at))[1]
    page = layout.page_of(axes)
    layout.write(page, x, place, text, va="center", fontsize=SMALL, **how)


def _sample(*, first: bool) -> "Line2D":
    """Give a mark with its interval and what it answers, as legends show it."""
    from matplotlib.lines import Line2D

    return Line2D(
        [0, 9, 18],
        [0, 0, 0],
        marker="o",
        markevery=[1],
        color=style.INK,
        mfc=style.INK if first else "white",
        ms=7 if first else 5.5,
        linewidth=2.4 if first else 1.1,
        label=f"on {DATES}" if first else f"for {SUCH}",
    )


def _legend(page: "Figure", left: float, foot: float) -> None:
    """Say above the rows which mark answers which question."""
    at = left
    for first in (True, False):
        mark = _sample(first=first)
        mark.set_data([at, at + 9, at + 18], [foot + LINE / 2] * 3)
        mark.set_transform(layout.on_page(page))
        page.add_artist(mark)
        words = str(mark.get_label())
        layout.write(page, at + 22, foot + 1, words, va="bottom", fontsize=SMALL)
        at += layout.text_width(words, SMALL) + 22 + 5 * GAP


def _effects(result: StudyResult) -> list[_Effect]:
    effects = Effects(result)
    several = len({row["model"] for row in chosen(result)}) > 1
    rows = []
    for row in chosen(result)[:MOST]:
        these, low, high = (_percent(effects, row[n]) for n in _MARKED["these"][:3])
        such = [_percent(effects, row[name]) for name in _MARKED["such"][:3]]
        found = effects.rejects(row, row["test_these"])
        rows.append(
            _Effect(
                name=words_for(result, row["group"]),
                model=words_for(result, row["model"]) if several else "",
                these=(these or 0.0, low, high),
                such=(such[0], such[1], such[2]),
                found=found,
                text=_text(effects, row),
                verdict=_verdict(row, found=found),
                row=row,
            )
        )
    return rows


def _text(effects: Effects, row: Row) -> str:
    """Write an average and its interval as ``−11.0 % [−19.4, −1.9]``."""
    return f"{effects.average(row)}{nb.NBSP}% {effects.interval(row)}".rstrip()


def _verdict(row: Row, *, found: bool) -> str:
    if row["verdict"] in (None, "single"):
        return {None: "no p-value"}.get(
            row["verdict"], "these dates only" if found else "not distinguishable"
        )
    return str(row["verdict"])


def _percent(effects: Effects, value: float | None) -> float | None:
    change = effects.returns.change(value)
    return None if change is None else 100 * change


def _scale(rows: list[_Effect], room: float) -> scales.Scale:
    """An axis that holds every estimate, and intervals unless one dwarfs all."""
    marks = [v for row in rows for v in (row.these[0], row.such[0]) if v is not None]
    ends = [(row.these[1], row.these[2]) for row in rows]
    widths = sorted(
        high - low for low, high in ends if low is not None and high is not None
    )
    usual = widths[len(widths) // 2] if widths else 0.0
    reach = max(4 * max(1.0, *(abs(value) for value in marks)), 1.5 * usual)
    held = [v for row in rows for v in row.values()]
    low = max(min([0.0, *held]), -min(reach, 100.0))
    high = min(max([0.0, *held]), reach)
    room_for = 0.04 * (high - low)
    return scales.linear("effect, % of price", low - room_for, high + room_for, room)


def _cut(rows: list[_Effect]) -> bool:
    x = _scale(rows, WIDTH / 2)
    return any(not x.low <= v <= x.high for row in rows for v in row.values())


def _alt(result: StudyResult) -> str:
    rows = _effects(result)
    listed = nb.listing(
        [
            ", ".join(filter(None, (row.name, row.model))) + f" {row.text}"
            for row in rows
        ],
        most=6,
    )
    return f"Average effect per group with intervals: {listed}"


def _caption(result: StudyResult) -> str:
    rows = _effects(result)
    text = (
        f"Average effect over {period_word(result.spec)}s "
        f"{window_words(main_window(result), result.spec)}, with "
        f"{confidence_text(result)} intervals: thick, whether prices moved on these "
        "dates; thin, whether announcements like these move them. Numbers: of these "
        "dates."
    )
    if any(row.found for row in rows):
        text += " Blue: more than chance on these dates."
    if any(row.verdict == "distinguishable" for row in rows):
        text += " Distinguishable: from zero, by both."
    left = len(chosen(result)) - MOST
    if left > 0:
        text += f" {nb.count(left, 'more row')} of groups are not shown."
    if _cut(rows):
        text += " Intervals that leave the figure go on."
    return text


def _marks(result: StudyResult) -> dict[str, str]:
    """Say each mark's number as the table has it."""
    effects, found = Effects(result), {}
    for place, shown in enumerate(_effects(result)):
        name = ", ".join(filter(None, (shown.name, shown.model)))
        for key, columns in _MARKED.items():
            row = shown.row
            if nb.is_missing(row[columns[0]]):
                continue
            first = key == "these"
            value = _text(effects, row) if first else _such_text(effects, row)
            asked = f"on {DATES}" if first else f"for {SUCH}"
            listed = "; ".join(f"{c} {nb.exact(row[c])}" for c in columns)
            found[f"effects-{place}-{key}"] = f"{name}, {asked}: {value}; {listed}"
    return found


def _such_text(effects: Effects, row: Row) -> str:
    shown = f"{effects.such_average(row)}{nb.NBSP}% {effects.such_interval(row)}"
    return shown.rstrip()


DRAWING = Drawing(
    name="effects",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    marks=_marks,
    placed=True,
)
