"""The averages among those of other dates of the same assets."""

from typing import TYPE_CHECKING, Any

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.figures import layout, multiples, scales, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.layout import GAP
from eventstudy.report.labels import (
    DIFFERENCE,
    groups_of,
    in_window,
    main_window,
    of_first_model,
    period_word,
    window_words,
    words_for,
)
from eventstudy.spec import ALL
from eventstudy.study.result import StudyResult

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_HIGH = 100.0
_MOST = 6  # panels


def has_data(result: StudyResult) -> bool:
    """Tell whether there are pseudo-dates of any group."""
    return bool(_groups(result))


def _table(result: StudyResult) -> pl.DataFrame:
    """The histograms of the headline sample, of each group's first model."""
    of_headline = pl.col("sample") == "headline"
    held = result.placebo.filter(in_window(main_window(result)), of_headline)
    return of_first_model(result, held)


def _groups(result: StudyResult) -> list[str]:
    held = groups_of(result, _table(result))
    groups = [g for g in held if g != ALL and DIFFERENCE not in g]
    return (groups or held)[:_MOST]


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the figure as SVG."""
    return style.to_svg(figure(result))


@style.house()
def figure(result: StudyResult) -> "Figure":
    """Draw a histogram per group, the actual statistic as a line."""
    table, groups = _table(result), _groups(result)
    shown = table.filter(pl.col("group").is_in(groups))
    titles = [words_for(result, group) for group in groups]
    x, y = _scales(shown, multiples.room(len(titles)), _HIGH)
    page, axes = multiples.panels(titles, x, y, _HIGH, {}, "placebo")
    for place, (panel, group) in enumerate(zip(axes, groups, strict=True)):
        paint(panel, shown.filter(pl.col("group") == group), f"placebo-{place}")
    return page


@style.house()
def into(axes: "Axes", result: StudyResult) -> None:
    """Draw the histogram of the first group into axes of somebody else."""
    group = _groups(result)[0]
    bins = _table(result).filter(pl.col("group") == group)
    x, y = _scales(bins, layout.room_across(axes), layout.room_up(axes))
    scales.put(axes, x, y)
    axes.set(xlabel=x.title, ylabel=y.title, title=words_for(result, group))
    paint(axes, bins, "placebo-0")


def _scales(
    bins: pl.DataFrame, across: float, up: float
) -> tuple[scales.Scale, scales.Scale]:
    reach, most = bins["high"].to_numpy().max(), bins["n"].to_numpy().max()
    x = scales.linear("standardised average", -float(reach), float(reach), across)
    top = 1.2 * max(1.0, float(most))  # the line is named above the bars
    return x, scales.linear("other dates", 0, top, up, upright=True, whole=True)


def paint(axes: "Axes", bins: pl.DataFrame, name: str) -> None:
    """Draw the bins of a group and where its actual dates lie."""
    low, high = bins["low"].to_numpy(), bins["high"].to_numpy()
    held = axes.bar(
        low,
        bins["n"].to_numpy(),
        high - low,
        align="edge",
        color=style.PALE,
        lw=0,
        clip_on=False,
    )
    for number, one in enumerate(held):
        one.set_gid(f"{name}-{number}")
    at = bins["actual"][0]
    axes.axvline(at, color=style.COLOURS[1], linewidth=2, gid=f"{name}-actual")
    start, end = axes.get_xlim()
    right = at < start + 0.62 * (end - start)
    how: dict[str, Any] = {"va": "top", "fontsize": layout.SMALL - 0.5}
    how |= {"xytext": (GAP if right else -GAP, 0), "textcoords": "offset points"}
    how |= {"ha": "left" if right else "right", "color": style.COLOURS[1]}
    place = axes.get_xaxis_transform()
    axes.annotate("actual dates", (at, 1.0), xycoords=place, **how)


def _marks(result: StudyResult) -> dict[str, str]:
    """Say each bin and the actual statistic as the table has them."""
    table, found = _table(result), {}
    for place, group in enumerate(_groups(result)):
        rows = table.filter(pl.col("group") == group).to_dicts()
        name, actual = words_for(result, group), rows[0]["actual"]
        found[f"placebo-{place}-actual"] = (
            f"{name}, actual dates: {nb.decimal(actual)}; actual {nb.exact(actual)}"
        )
        for number, row in enumerate(rows):
            if row["n"]:
                found[f"placebo-{place}-{number}"] = (
                    f"{name}, {nb.count(row['n'], 'other date')} from "
                    f"{nb.decimal(row['low'])} to {nb.decimal(row['high'])}"
                )
    return found


def pvalues(result: StudyResult) -> dict[str, float]:
    """The p-value of the test that compares with these dates, by group."""
    table = _table(result).unique(["group", "model"], maintain_order=True)
    tests = result.tests.filter(
        in_window(main_window(result)),
        pl.col("sample") == "headline",
        pl.col("outcome") == "car",
        pl.col("basis").is_not_null(),
    )
    keys = ["group", "model", "basis"]
    found = table.select(*keys, "actual").join(
        tests, left_on=[*keys, "actual"], right_on=[*keys, "statistic"]
    )
    return dict(found.select("group", "pvalue").iter_rows())


def _alt(result: StudyResult) -> str:
    names = [words_for(result, group) for group in _groups(result)]
    return f"Averages at other dates, the actual ones marked: {nb.listing(names)}"


def _caption(result: StudyResult) -> str:
    values = pvalues(result)
    parts = [
        f"{words_for(result, group)} {nb.p_equals(values[group])}"
        for group in _groups(result)
        if group in values
    ]
    counts = _table(result).group_by("group", "model").agg(pl.col("n").sum())["n"]
    ends = sorted({*counts.to_list()})
    number = nb.listing([str(n) for n in dict.fromkeys((ends[0], ends[-1]))], last="to")
    text = (
        f"Standardised average over {window_words(main_window(result), result.spec)} "
        "at the actual dates (line) among those with all dates moved by the same "
        f"number of {period_word(result.spec)}s ({number} dates). "
    )
    if parts:
        text += f"As far out or further: {nb.listing(parts)}. "
    return (
        f"{text}Where the other dates lie in calmer months, the actual ones look "
        "rarer than they are."
    ).strip()


DRAWING = Drawing(
    name="placebo",
    has_data=has_data,
    draw=draw,
    alt=_alt,
    caption=_caption,
    marks=_marks,
    placed=True,
)
