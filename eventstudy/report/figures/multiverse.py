"""The specification curve: the averages in order, and the choices below each."""

from typing import TYPE_CHECKING, Any

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.figures import layout, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.layout import EDGE, GAP, LINE, SMALL, WIDTH
from eventstudy.report.labels import words
from eventstudy.spec import window_text
from eventstudy.study.multiverse_result import MultiverseResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_CURVE = 150.0  # its height
_ROW = 13.0
_NAMES = 150.0
_MOST = 40  # choices of an axis, the others are not shown
_TITLE = f"mean CAR,{nb.NBSP}%"
# A heading per axis of the grid.
_AXES = {
    "model": "model",
    "window": "window",
    "estimation": "estimation",
    "overlap": "near other events",
    "returns": "returns",
    "test": "test",
}


def has_data(result: MultiverseResult) -> bool:
    """Tell whether there is a curve: none without its joint p-value."""
    return result.reason is None


def ordered(result: MultiverseResult) -> pl.DataFrame:
    """Return the specifications by their estimates, in per cent, with their choices."""
    rows = result.multiverse.filter(pl.col("estimate").is_not_null())
    windows = [window_text(one) for one in rows.select("start", "end").rows()]
    ends = [
        window_text((int(first), int(last)))
        for first, last in (one.split(":") for one in rows["estimation"])
    ]
    named = [words(one, result.spec.labels) for one in rows["model"]]
    return rows.with_columns(
        pl.col("estimate") * 100,
        window=pl.Series(windows, dtype=pl.String),
        estimation=pl.Series(ends, dtype=pl.String),
        model=pl.Series(named, dtype=pl.String),
        significant=(pl.col("pvalue") < 1.0 - result.spec.level).fill_null(value=False),
    ).sort("estimate", maintain_order=True)


def choices(table: pl.DataFrame) -> list[tuple[str, str | None]]:
    """Return the rows below the curve: heads, and the choices of what varies."""
    out: list[tuple[str, str | None]] = []
    first = table.sort("start", "end", maintain_order=True)
    for axis in _AXES:
        of = first if axis == "window" else table
        held = of[axis].unique(maintain_order=True).to_list()
        if len(held) > 1:
            shown = held if axis == "window" else sorted(held)
            out += [(axis, None), *((axis, one) for one in shown[:_MOST])]
    return out


@style.house()
def draw(result: MultiverseResult) -> bytes:
    """Draw the figure as SVG."""
    return style.to_svg(figure(result))


@style.house()
def figure(result: MultiverseResult) -> "Figure":
    """Draw the curve, and a row per choice with a mark where it was made."""
    table = ordered(result)
    rows = choices(table)
    names = [_AXES[a] if c is None else layout.fit(c, _NAMES, SMALL) for a, c in rows]
    heads = {i for i, (_, choice) in enumerate(rows) if choice is None}
    x, y = _scales(table, _CURVE)
    wide = max(
        layout.text_width(n, SMALL, bold=i in heads) for i, n in enumerate(names)
    )
    left = EDGE + wide + 2 * GAP
    width, below = WIDTH - EDGE - left, LINE + 2 * GAP
    high = _ROW * len(rows)
    height = below + high + 2 * GAP + _CURVE + LINE + 3 * GAP
    page = style.canvas(WIDTH, height, "multiverse")
    top = layout.add_axes(page, left, below + high + 2 * GAP, width, _CURVE)
    scales.put(top, x, y, labels="y")
    paint(top, result, table)
    lower = layout.add_axes(page, left, below, width, high)
    scales.put(lower, x, scales.Scale("", len(rows) - 0.5, -0.5), labels="")
    for side in ("left", "bottom"):
        lower.spines[side].set_visible(False)
    top.tick_params(axis="x", length=0)
    lower.tick_params(length=0)
    _marks_below(lower, table, rows)
    layout.write_rows(
        lower, left - 2 * GAP, names, bold=heads, ha="right", fontsize=SMALL
    )
    said = f"{table.height} specifications, by their average"
    layout.write(page, left + width / 2, EDGE, said, ha="center", va="bottom")
    layout.write(page, EDGE, height - EDGE, _TITLE, ha="left", va="top")
    return page


@style.house()
def into(axes: "Axes", result: MultiverseResult) -> None:
    """Draw the curve without the choices into axes of somebody else."""
    table = ordered(result)
    x, y = _scales(table, layout.room_up(axes))
    scales.put(axes, x, y, labels="y")
    axes.set(ylabel=_TITLE, xlabel=f"{table.height} specifications")
    paint(axes, result, table)


def _scales(table: pl.DataFrame, room: float) -> tuple[scales.Scale, scales.Scale]:
    low, high = scales.bounds(table["estimate"], pl.Series([0.0]))
    x = scales.Scale("", -0.8, table.height - 0.2)
    return x, scales.linear("", low, high, room, upright=True)


def paint(axes: "Axes", result: MultiverseResult, table: pl.DataFrame) -> None:
    """Draw the averages in order, the significant ones filled, and their median."""
    axes.grid(axis="y")
    axes.axhline(0, color=style.MUTED, linewidth=0.9)
    median = 100 * result.multiverse_joint["value"][0]
    axes.axhline(median, color=style.COLOURS[1], linewidth=1.4, gid="multiverse-median")
    size = max(1.6, min(5.0, 300 / table.height))
    for place, row in enumerate(table.to_dicts()):
        colour = style.COLOURS[0]
        look: dict[str, Any] = {"ms": size, "mec": colour, "mew": 1.0}
        look["mfc"] = colour if row["significant"] else "white"
        gid = f"multiverse-{place}"
        axes.plot(place, row["estimate"], "o", gid=gid, clip_on=False, **look)
    low, high = axes.get_ylim()
    above = median < low + 0.85 * (high - low)
    axes.annotate(
        "median",
        (1.0, median),
        xycoords=axes.get_yaxis_transform(),
        xytext=(0, 2 if above else -2),
        textcoords="offset points",
        ha="right",
        va="bottom" if above else "top",
        fontsize=SMALL - 0.5,
        color=style.COLOURS[1],
    )


def _marks_below(
    axes: "Axes", table: pl.DataFrame, rows: list[tuple[str, str | None]]
) -> None:
    size = max(1.6, min(4.0, 300 / table.height))
    for place, (axis, choice) in enumerate(rows):
        if choice is None:
            continue
        for filled in (False, True):
            at = [
                i
                for i, row in enumerate(table.to_dicts())
                if row[axis] == choice and row["significant"] is filled
            ]
            colour = style.COLOURS[0] if filled else style.PALE
            axes.plot(at, [place] * len(at), "s", ms=size, mew=0, color=colour)


def _marks(result: MultiverseResult) -> dict[str, str]:
    """Say each specification as the table has it."""
    table = ordered(result)
    found = {
        f"multiverse-{place}": ", ".join(str(row[axis]) for axis in _AXES)
        + f": {nb.decimal(row['estimate'])}{nb.NBSP}%, {nb.p_equals(row['pvalue'])}"
        for place, row in enumerate(table.to_dicts())
    }
    median = result.multiverse_joint["value"][0]
    return found | {"multiverse-median": f"median; {nb.exact(median)}"}


def _alt(result: MultiverseResult) -> str:
    name = words(result.group, result.spec.labels)
    median = 100 * result.multiverse_joint["value"][0]
    return (
        f"Mean CAR of {name} under {result.multiverse.height} specifications in order, "
        f"median {nb.decimal(median)} %, and the choices that each made"
    )


def _caption(result: MultiverseResult) -> str:
    alpha = 100 * (1 - result.spec.level)
    return (
        "Each dot is a specification, its choices are marked below it. Filled: its own "
        f"p-value is below {alpha:g} %. Line: the median. Neighbours share returns and "
        "dates, so that many filled dots are not many findings; the joint p-values "
        "allow for that. Log returns are not converted."
    )


DRAWING: Drawing[MultiverseResult] = Drawing(
    name="multiverse",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    marks=_marks,
    placed=True,
)
