"""Forest plot of volatility after over volatility before."""

from typing import Any

import polars as pl

from eventstudy.report.figures import style
from eventstudy.report.labels import asset_order, group_label, groups_of
from eventstudy.report.shifts import main_measure, main_models, pooled
from eventstudy.spec import window_text
from eventstudy.study_result import StudyResult

Row = tuple[str, str, float, float | None, float | None, bool]


def has_data(result: StudyResult) -> bool:
    """Tell whether there is a ratio to draw."""
    return bool(_rows(result))


def draw(result: StudyResult) -> bytes:
    """Draw the pooled ratios of each group and its assets."""
    rows = _rows(result)
    colours = style.colours(list(dict.fromkeys(group for _, group, *_ in rows)))
    with style.canvas(style.WIDTH, 1.15 + 0.3 * len(rows)) as figure:
        axes = figure.subplots()
        axes.axvline(1, color=style.MUTED, linewidth=0.9)
        for height, row in enumerate(rows):
            _mark(axes, height, row, colours[row[1]])
        axes.set_ylim(len(rows) - 0.4, -0.6)
        axes.set_yticks(range(len(rows)), [name for name, *_ in rows])
        for tick, row in zip(axes.get_yticklabels(), rows, strict=True):
            tick.set_fontweight("bold" if row[-1] else "normal")
        _ratio_axis(axes, rows)
        post, pre = result.spec.volatility_post, result.spec.volatility_pre
        axes.set_xlabel(
            f"standard deviation in {window_text(post)} over that in "
            f"{window_text(pre)}, log scale"
        )
        return style.to_svg(figure)


def _rows(result: StudyResult) -> list[Row]:
    measure = main_measure(result)
    shown = pooled(result).filter(
        (pl.col("measure") == measure) & (pl.col("ratio") > 0)
    )
    order = [a for a in asset_order(result) if a in set(shown["asset"])]
    rows: list[Row] = []
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
                name = group_label(group) if asset == "all" else asset
                ends = (row["ci_low"], row["ci_high"])
                rows.append((name, group, row["ratio"], *ends, asset == "all"))
    return rows


def _mark(axes: Any, height: int, row: Row, colour: str) -> None:  # noqa: ANN401
    _, _, ratio, low, high, is_group = row
    if low is not None and high is not None and low > 0:
        width = 2.6 if is_group else 1.4
        axes.plot([low, high], [height, height], color=colour, linewidth=width)
    marker = "D" if is_group else "o"
    axes.plot(ratio, height, marker, color=colour, markersize=7 if is_group else 5.5)
    axes.annotate(
        f"{ratio:.2f}",
        (1.0, height),
        xycoords=axes.get_yaxis_transform(),
        xytext=(6, 0),
        textcoords="offset points",
        va="center",
        fontweight="bold" if is_group else "normal",
        annotation_clip=False,
    )


def _ratio_axis(axes: Any, rows: list[Row]) -> None:  # noqa: ANN401
    from matplotlib.ticker import NullFormatter, NullLocator

    held = [v for _, _, *values, _ in rows for v in values if v is not None and v > 0]
    low, high = min([*held, 0.8]) / 1.06, max([*held, 1.25]) * 1.06
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    usual = (0.1, 0.2, 0.25, 0.33, 0.5, 0.67, 0.8, 1, 1.25, 1.5, 2, 3, 4, 5, 10, 20)
    ticks = [t for t in usual if low <= t <= high]
    if len(ticks) > 7:
        ticks = [t for t in (0.1, 0.25, 0.5, 1, 2, 4, 10, 20) if low <= t <= high]
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(ticks, [f"{t:g}" for t in ticks])
    axes.spines["left"].set_visible(False)
    axes.tick_params(axis="y", length=0)
    axes.grid(axis="x", color=style.FAINT, linewidth=0.6)
