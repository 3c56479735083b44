"""Forest plot of volatility after over volatility before."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.effects import confidence_text
from eventstudy.report.figures import layout, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.layout import EDGE, GAP, SMALL, WIDTH
from eventstudy.report.labels import asset_order, groups_of, period_word, words_for
from eventstudy.report.ratios import main_measure, main_models, pooled
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

PITCH = 21.0  # from a row to the next
NAMES = 180.0  # widest name
MOST_STEPS = 7
MOST_ROWS = 30  # of more, those of groups alone
USUAL = (0.1, 0.2, 0.25, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 10, 20)
FEW = (0.1, 0.25, 0.5, 1, 2, 4, 10, 20)


@dataclass(frozen=True, slots=True, kw_only=True)
class _Ratio:
    """A row: of a group, or of an asset of it; ``pvalue`` is of a robust test."""

    name: str
    group: str
    ratio: float
    low: float | None
    high: float | None
    pvalue: float | None
    is_group: bool

    def values(self) -> list[float]:
        """Return the numbers that a log axis must hold."""
        held = (self.ratio, self.low, self.high)
        return [value for value in held if value is not None and value > 0]


def has_data(result: StudyResult) -> bool:
    """Tell whether there is a ratio to draw."""
    return bool(_rows(result))


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the figure as SVG."""
    return style.to_svg(figure(result))


@style.house()
def figure(result: StudyResult) -> "Figure":
    """Draw the pooled ratios of each group and its assets."""
    rows = _rows(result)
    names = [layout.fit(row.name, NAMES, SMALL, bold=row.is_group) for row in rows]
    bold = {place for place, row in enumerate(rows) if row.is_group}
    ratios = [f"{row.ratio:.2f}" for row in rows]
    x = _scale(result, rows)
    y = scales.Scale("", len(rows) - 0.5, -0.5)
    left = EDGE + layout.widest(names, SMALL, bold=True) + 2 * GAP
    right = WIDTH - EDGE - layout.widest(ratios, bold=True) - 2 * GAP
    below, high = scales.room_below(x), PITCH * len(rows)
    page = style.canvas(WIDTH, below + high + EDGE, "volatility")
    axes = layout.add_axes(page, left, below, right - left, high)
    scales.put(axes, x, y)
    axes.grid(axis="x")
    axes.spines["left"].set_visible(False)
    paint(axes, rows)
    layout.write_rows(axes, left - 2 * GAP, names, bold, ha="right", fontsize=SMALL)
    layout.write_rows(axes, right + 2 * GAP, ratios, bold)
    scales.write_titles(page, x, y, left, below + high)
    return page


@style.house()
def into(axes: "Axes", result: StudyResult) -> None:
    """Draw the ratios into axes of somebody else, the names at the left."""
    rows = _rows(result)
    x = _scale(result, rows)
    ticks = {float(place): row.name for place, row in enumerate(rows)}
    scales.put(axes, x, scales.Scale("", len(rows) - 0.5, -0.5, ticks))
    axes.set_xlabel(x.title)
    paint(axes, rows)


def _rows(result: StudyResult) -> list[_Ratio]:
    measure = main_measure(result)
    shown = pooled(result).filter(
        (pl.col("measure") == measure) & (pl.col("ratio") > 0)
    )
    order = [a for a in asset_order(result) if a in set(shown["asset"])]
    rows: list[_Ratio] = []
    models = main_models(result)
    groups = groups_of(result, shown)
    for group in [g for g in groups if g != "all"] or groups:
        of_group = shown.filter(
            (pl.col("group") == group) & (pl.col("model") == models[group])
        )
        members = [a for a in order if a in set(of_group["asset"])]
        single = len(members) == 1 and "all" in set(of_group["asset"])
        for asset in ["all", *([] if single else members)]:
            found = of_group.filter(pl.col("asset") == asset)
            if not found.is_empty():
                row = found.row(0, named=True)
                name = words_for(result, group) if asset == "all" else asset
                rows.append(
                    _Ratio(
                        name=name,
                        group=group,
                        ratio=row["ratio"],
                        low=row["ci_low"],
                        high=row["ci_high"],
                        pvalue=row["pvalue"],
                        is_group=asset == "all",
                    )
                )
    if len(rows) > MOST_ROWS:
        rows = [row for row in rows if row.is_group] or rows
    return rows[:MOST_ROWS]


def _scale(result: StudyResult, rows: list[_Ratio]) -> scales.Scale:
    post, pre = result.spec.volatility_post, result.spec.volatility_pre
    title = (
        f"standard deviation in {window_text(post)} over that in {window_text(pre)}, "
        f"log{nb.NBSP}scale"
    )
    held = [value for row in rows for value in row.values()]
    low, high = min([*held, 0.8]) / 1.06, max([*held, 1.25]) * 1.06
    ticks = [tick for tick in USUAL if low <= tick <= high]
    if len(ticks) > MOST_STEPS:
        ticks = [tick for tick in FEW if low <= tick <= high]
    return scales.logarithmic(title, low, high, ticks)


def paint(axes: "Axes", rows: list[_Ratio]) -> None:
    """Draw the intervals, and diamonds for groups and dots for assets on them."""
    axes.axvline(1, color=style.MUTED, linewidth=0.9)
    colours = style.colours(list(dict.fromkeys(row.group for row in rows)))
    for place, row in enumerate(rows):
        values = row.values()
        whole = len(values) == 3
        axes.plot(
            [values[1], values[0], values[2]] if whole else [row.ratio],
            [place] * (3 if whole else 1),
            marker="D" if row.is_group else "o",
            markevery=[1] if whole else [0],
            color=colours[row.group],
            markersize=7 if row.is_group else 5.5,
            linewidth=2.6 if row.is_group else 1.4,
            gid=f"volatility-{place}",
        )


def _marks(result: StudyResult) -> dict[str, str]:
    """Say each mark's number as the table has it."""
    found = {}
    for place, row in enumerate(_rows(result)):
        ends = nb.interval(row.low, row.high)
        text = f"{row.name}: {nb.decimal(row.ratio)} {ends}".rstrip()
        numbers = {"ratio": row.ratio, "ci_low": row.low, "ci_high": row.high}
        listed = [f"{n} {nb.exact(v)}" for n, v in numbers.items()]
        found[f"volatility-{place}"] = "; ".join(
            [text, *listed, f"pvalue {nb.exact(row.pvalue)}"]
        )
    return found


def _alt(result: StudyResult) -> str:
    ratios = [
        f"{row.name} {nb.decimal(row.ratio)}" for row in _rows(result) if row.is_group
    ]
    text = "Forest plot of the volatility after the announcements over that before"
    return f"{text}: {nb.listing(ratios, most=6)}" if ratios else text


def _caption(result: StudyResult) -> str:
    post, pre = result.spec.volatility_post, result.spec.volatility_pre
    return (
        f"Standard deviation of returns per {period_word(result.spec)} in "
        f"{window_text(post)} over that in {window_text(pre)}, with "
        f"{confidence_text(result)} intervals; 1 is no change. Diamonds: groups; dots: "
        "single assets, pooled over announcements, where there are at most "
        f"{MOST_ROWS} rows."
    )


DRAWING = Drawing(
    name="volatility",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    marks=_marks,
    placed=True,
)
