"""Prices, conditional volatility and regimes over time, announcements marked."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any

import polars as pl

from eventstudy.report.announced import MANY
from eventstudy.report.figures import layout, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.layout import EDGE, GAP, LINE, WIDTH
from eventstudy.report.figures.scales import Scale, days
from eventstudy.report.labels import (
    asset_order,
    headline_ids,
    period_word,
    title_of,
    words_for,
)
from eventstudy.report.numbers import NBSP
from eventstudy.report.remembered import remembered
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_PERIOD = "<session>"  # in the words of a figure: what offsets count
MARGIN = timedelta(days=45)  # shown before the first and after the last day 0
BEYOND = timedelta(days=4)  # and beyond the lines' ends
LOW, HIGH = 138.0, 190.0  # panels of one line and of several
BETWEEN = 10.0  # from a panel to the next
FOOT = 17.0  # of a panel, kept free of data for the group's name
NAMES = 110.0  # widest name of an asset
MOST_LABELS = 16
MOST_LINES = 8  # of a panel; of more assets the median and a band
MOST_ASSETS = 300  # of more, what they have in common says nothing of any
MOST_BANDS = 20  # assets of a panel of shares
LONGEST = 180.0  # label of an announcement
SLANT = 14.0  # from a panel's top to the labels of the announcements

Marks = dict[date, tuple[list[str], bool]]
Lines = dict[str, pl.DataFrame]  # asset -> date, value


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """A figure over time, one panel per group.

    name : of the figure; ``alt`` and ``caption`` are its words
    marked : how announcements are marked, where they are few
    table : of the result; ``column`` has its values, and what is ``shown`` of a line
    bands : of probabilities instead of lines of positive values on a log scale
    """

    name: str
    alt: str
    caption: str
    marked: str
    title: str
    table: str
    column: str
    shown: pl.Expr
    bands: bool = False

    def drawing(self, *, placed: bool) -> Drawing[StudyResult]:
        """Return the figure as the report takes it."""
        return Drawing(
            name=self.name,
            has_data=self.has_data,
            draw=self.draw,
            alt=self.alt_of,
            caption=self.caption_of,
        )

    def alt_of(self, result: StudyResult) -> str:
        """Say what the figure shows."""
        few = len(marks_of(result)) <= MANY
        return f"{self.alt} with the announcements marked" if few else self.alt

    def caption_of(self, result: StudyResult) -> str:
        """Say how to read the figure."""
        few = len(marks_of(result)) <= MANY
        marked = self.marked if few else "The announcements are too many to be marked."
        text = f"{self.caption} {marked}".replace(_PERIOD, period_word(result.spec))
        if self.bands:
            return text
        lines = [
            line for held in self.panels(result).values() for line in held.values()
        ]
        if any("low" in line.columns for line in lines):
            text += (
                f" Of more than {MOST_LINES} assets: their median, in a band of the "
                "middle four fifths."
            )
        return text

    def has_data(self, result: StudyResult) -> bool:
        """Tell whether there are values around announcements."""
        return bool(self.panels(result))

    @cached_property
    def panels(self) -> Callable[[StudyResult], dict[str, Lines]]:
        """Give the lines of each group, or what stands for many."""
        return remembered(self._panels)

    def _panels(self, result: StudyResult) -> dict[str, Lines]:
        """Cut the table into lines around the announcements, by group and asset."""
        marks = marks_of(result)
        if not marks:
            return {}
        groups: dict[str, list[str]] = {}
        assets = asset_order(result)
        for asset in assets if len(assets) <= MOST_ASSETS else ():
            groups.setdefault(result.spec.group_of(asset), []).append(asset)
        table: pl.DataFrame = getattr(result, self.table)
        value = pl.col(self.column)
        held = (
            table.lazy()
            .rename({"symbol": "asset"}, strict=False)
            .filter(
                pl.col("date").is_between(min(marks) - MARGIN, max(marks) + MARGIN),
                value.is_finite() & (pl.lit(self.bands) | (value > 0)),
            )
        )
        lines = {group: self._lines(held, assets) for group, assets in groups.items()}
        return {group: found for group, found in lines.items() if found}

    def _lines(self, table: pl.LazyFrame, assets: list[str]) -> Lines:
        """Cut a group's lines; in the place of many, give what they have in common."""
        value = self.shown.over("asset", order_by="date").alias("value")
        held = (
            table.filter(pl.col("asset").is_in(assets), pl.len().over("asset") > 1)
            .select("asset", "date", value)
            .collect()
        )
        number = held["asset"].n_unique()
        if number > MOST_LINES and not self.bands:
            return {f"{number} assets": _middle(held)}
        lines = held.sort("date").partition_by("asset", as_dict=True)
        shown = [asset for asset in assets if (asset,) in lines]
        return {a: lines[a,].drop("asset") for a in shown[:MOST_BANDS]}

    @style.house()
    def draw(self, result: StudyResult) -> bytes:
        """Draw one panel per group, the announcements' names above the first."""
        marks = marks_of(result)
        panels = self.panels(result)
        ends = _ends(panels)
        marks = {day: marks[day] for day in marks if ends[0] <= day <= ends[1]}
        if len(marks) > MANY:
            marks = {}
        labels, x = _mark_texts(marks), scales.dates(*ends)
        counts = [len(lines) for lines in panels.values()]  # of names, one per line
        heights = [LOW if n == 1 else max(HIGH, FOOT + LINE * n) for n in counts]
        scale = band_scale if self.bands else log_scale
        title = self.title.replace(_PERIOD, period_word(result.spec))
        ys = list(map(scale, [title] * len(panels), panels.values(), heights))
        whole = sum(heights) + BETWEEN * (len(heights) - 1)
        left, below = scales.room_left(ys, whole), scales.room_below(x)
        names = [layout.fit(a, NAMES) for lines in panels.values() for a in lines]
        right = EDGE + (LINE if self.bands else GAP + layout.widest(names))
        width, head = WIDTH - left - right, SLANT + layout.widest(labels.values())
        high = below + whole + (head if labels else 0.0) + EDGE
        figure = style.canvas(WIDTH, high, self.name)
        scales.write_titles(figure, x, ys[0], left, below + whole)
        bottom = below + whole + BETWEEN
        for group, height, y in zip(panels, heights, ys, strict=True):
            bottom -= height + BETWEEN
            axes = layout.add_axes(figure, left, bottom, width, height)
            scales.put(axes, x, y, labels="y" if bottom > below + 1 else "xy")
            (_fill if self.bands else _plot)(axes, panels[group])
            _mark_days(axes, marks)
            _name(axes, words_for(result, group))
        _mark_labels(figure.axes[0], labels)
        return style.to_svg(figure)


def _middle(lines: pl.DataFrame) -> pl.DataFrame:
    """Give the median and the middle four fifths of many lines, by date."""
    value = pl.col("value")
    middle = lines.group_by("date").agg(
        value.median(), low=value.quantile(0.1), high=value.quantile(0.9)
    )
    return middle.sort("date")


def _ends(panels: Mapping[str, Lines]) -> tuple[date, date]:
    lines = [line["date"] for lines in panels.values() for line in lines.values()]
    return min(d[0] for d in lines) - BEYOND, max(d[-1] for d in lines) + BEYOND


def log_scale(title: str, lines: Lines, height: float) -> Scale:
    """Scale positive values, the least of them above the panel's foot."""
    columns = ("value", "low", "high")
    shown = [line[c] for line in lines.values() for c in columns if c in line.columns]
    values = pl.concat(shown).to_numpy()
    low, high = float(values.min()) / 1.08, float(values.max()) * 1.08
    foot = math.log(high / low) * FOOT / (height - FOOT)
    ticks = scales.log_ticks(low, high)
    return scales.logarithmic(title, low * math.exp(-foot), high, ticks)


def band_scale(title: str, lines: Lines, height: float) -> Scale:
    """Give each asset a band for a share between 0 and 1, the first at the top."""
    top, assets = len(lines) - 0.6, [layout.fit(asset, NAMES) for asset in lines]
    ticks = {top - place: asset for place, asset in enumerate(assets)}
    return Scale(title, -len(lines) * FOOT / (height - FOOT), len(lines), ticks)


def _plot(axes: "Axes", lines: Lines) -> None:
    """Draw lines, and their names at the right ends, moved apart."""
    axes.grid(axis="y")
    ends = [(0.0, line["value"][-1]) for line in lines.values()]
    page = layout.page_of(axes)
    box, wanted = axes.bbox, axes.transData.transform(ends)[:, 1].tolist()
    limits = (box.y0 + LINE / 2, box.y1 - LINE / 2)
    places = style.spread_apart(wanted, LINE, limits)
    colours = style.colours([*lines])
    how: dict[str, Any] = {"va": "center"}
    for (asset, line), place in zip(lines.items(), places, strict=True):
        colour, text = colours[asset], layout.fit(asset, NAMES)
        at = days(line["date"])
        axes.plot(at, line["value"], color=colour, linewidth=1.3)
        if "low" in line.columns:
            axes.fill_between(
                at, line["low"], line["high"], color=colour, alpha=0.2, lw=0
            )
        layout.write(page, box.x1 + GAP, place, text, color=colour, **how)


def _fill(axes: "Axes", lines: Lines) -> None:
    """Fill each asset's band up to its share."""
    axes.tick_params(axis="y", length=0)
    # Below the announcements' lines, which are below all else.
    how: dict[str, Any] = {"color": style.COLOURS[0], "linewidth": 0, "zorder": -1}
    for foot, line in enumerate(reversed(lines.values())):
        top = foot + 0.85 * line["value"].to_numpy()
        axes.fill_between(days(line["date"]), foot, top, **how)


@remembered
def marks_of(result: StudyResult) -> Marks:
    """Day 0 -> its announcements, headline ones first, and whether there are any."""
    used = result.observations.filter(pl.col("status") == "used")
    dated = used.group_by("event_id").agg(pl.col("day0").max())
    chosen = headline_ids(result)
    titles = {row["event_id"]: title_of(row) for row in result.events.to_dicts()}
    marks: Marks = {}
    ordered = dated.sort("day0", "event_id").iter_rows()
    for event, day in sorted(ordered, key=lambda row: row[0] not in chosen):
        names, headline = marks.get(day, ([], False))
        marks[day] = ([*names, titles.get(event, event)], headline or event in chosen)
    return dict(sorted(marks.items()))


def _mark_days(axes: "Axes", marks: Marks) -> None:
    main = days(day for day, (_, headline) in marks.items() if headline)
    minor = days(day for day, (_, headline) in marks.items() if not headline)
    how: dict[str, Any] = {"transform": axes.get_xaxis_transform(), "zorder": 0}
    axes.vlines(main, 0, 1, style.PALE, linewidth=0.9, **how)
    axes.vlines(minor, 0, 1, style.FAINT, (0, (1, 2)), linewidth=0.7, **how)


def _mark_texts(marks: Marks) -> dict[date, str]:
    """Text of each labelled day: its first announcement, and how many more."""
    shown = {day: names for day, (names, headline) in marks.items() if headline}
    if len(shown) > MOST_LABELS:
        return {}
    more = {day: f" +{len(n) - 1}" if len(n) > 1 else "" for day, n in shown.items()}
    return {
        day: layout.fit_words(n[0], LONGEST) + more[day] for day, n in shown.items()
    }


def _mark_labels(axes: "Axes", labels: Mapping[date, str]) -> None:
    """Name announcements above their lines, moved apart."""
    top, ends = axes.bbox.y1, [(day, 1.0) for day in days(labels).tolist()]
    wanted = [float(axes.transData.transform(end)[0]) for end in ends]
    limits = (EDGE + LINE / 2, WIDTH - EDGE - LINE / 2)
    places = style.spread_apart(wanted, LINE + 1, limits)
    page = layout.page_of(axes)
    how: dict[str, Any] = {"transform": layout.on_page(page), "clip_on": False}
    upright: dict[str, Any] = {"rotation": 90, "ha": "center", "va": "bottom"}
    for text, x, place in zip(labels.values(), wanted, places, strict=True):
        heights = [top + 2, top + SLANT - 3]
        axes.plot([x, place], heights, color=style.PALE, linewidth=0.9, **how)
        layout.write(page, place, top + SLANT, text, **upright)


def _name(axes: "Axes", text: str) -> None:
    """Name the group at the panel's foot, clear of the announcements' lines."""
    shown = layout.fit(text, axes.bbox.width - 2 * GAP, bold=True)
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 1.5, "alpha": 0.85}
    how: dict[str, Any] = {"fontweight": "bold", "va": "center", "bbox": behind}
    place = axes.bbox.x0 + GAP, axes.bbox.y0 + FOOT / 2
    layout.write(layout.page_of(axes), *place, shown, **how)


PRICES = Timeline(
    name="prices",
    title=f"price, first day shown{NBSP}={NBSP}100 (log{NBSP}scale)",
    table="closes",
    column="close",
    shown=100 * pl.col("close") / pl.col("close").first(),
    alt="Indexed prices by group",
    caption="Closing prices, each line 100 on the first day shown; log scales, so that "
    "equal distances are equal percentages.",
    marked="Solid lines: day 0 of the headline announcements (first of the day, number "
    "of others); dotted: of the others.",
).drawing(placed=False)
CONDITIONAL = Timeline(
    name="conditional",
    title=f"conditional standard deviation, %{NBSP}a{NBSP}{_PERIOD} (log{NBSP}scale)",
    table="conditional",
    column="sd",
    shown=100 * pl.col("sd"),
    alt="Conditional standard deviation of each asset over time",
    caption="Standard deviation that a GARCH(1,1) with Student-t errors, fitted to the "
    f"whole history, gives to each {_PERIOD}. The model has seen the whole year: it "
    "dates unrest, it does not forecast it.",
    marked="Vertical lines: announcements, as in the figure of prices.",
).drawing(placed=True)
REGIMES = Timeline(
    name="regimes",
    title=f"probability of the turbulent regime (full{NBSP}height:{NBSP}1)",
    table="regimes",
    column="probability",
    shown=pl.col("probability"),
    bands=True,
    alt="Probability of the turbulent regime of each asset over time",
    caption="Smoothed probability that the asset is in the more volatile of two states "
    "(Markov switching variance): none at the foot of a band, one at its full height. "
    f"At most {MOST_BANDS} assets of a group.",
    marked="Vertical lines: announcements.",
).drawing(placed=True)
