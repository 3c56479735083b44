"""Path of the cumulative average abnormal return, one panel per group."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from eventstudy.report.figures import style
from eventstudy.report.labels import group_label, groups_of, label, model_names
from eventstudy.spec import Pair
from eventstudy.study_result import StudyResult


def has_data(result: StudyResult) -> bool:
    """Tell whether there is an average to draw."""
    return not _path(result).is_empty()


def draw(result: StudyResult) -> bytes:
    """Draw the CAAR of the headline sample."""
    path = _path(result)
    groups = [g for g in groups_of(result, path) if g != "all"] or ["all"]
    models = [m for m in model_names(result) if m in path["model"].to_list()]
    colours = style.colours(models)
    columns = 2 if len(groups) == 4 else min(3, len(groups))
    rows = -(-len(groups) // columns)
    with style.canvas(style.WIDTH, 0.5 + 2.75 * rows) as figure:
        grid = figure.subplots(rows, columns, sharex=True, sharey=True, squeeze=False)
        for axes, group in zip(grid.flat, groups, strict=False):
            of_group = path.filter(pl.col("group") == group)
            _panel(axes, of_group, models, colours, result.spec.event_window)
            n = max(of_group["n"].drop_nulls(), default=0)
            axes.set_title(f"{group_label(group)} (N = {n})")
        for axes in list(grid.flat)[len(groups) :]:
            axes.set_visible(False)
        for axes in list(grid.flat)[len(groups) - columns : len(groups)]:
            axes.tick_params(labelbottom=True)
        figure.supxlabel("sessions from day 0", fontsize=style.SIZE)
        figure.supylabel("CAAR, %", fontsize=style.SIZE)
        if len(models) > 1:
            _legend(figure, models, colours)
        return style.to_svg(figure)


def _path(result: StudyResult) -> pl.DataFrame:
    return result.aar.filter(
        (pl.col("sample") == "headline") & pl.col("caar").is_finite()
    )


def _panel(
    axes: Any,  # noqa: ANN401 - matplotlib is imported inside functions
    path: pl.DataFrame,
    models: Sequence[str],
    colours: Mapping[str, str],
    event_window: Pair,
) -> None:
    axes.axhline(0, color=style.MUTED, linewidth=0.8)
    axes.axvline(0, color=style.MUTED, linewidth=0.8, linestyle=(0, (2, 2)))
    for model in models:
        line = path.filter(pl.col("model") == model).sort("offset")
        if line.is_empty():
            continue
        x = line["offset"].to_numpy()
        low, high = (100 * line[c].to_numpy() for c in ("ci_low", "ci_high"))
        colour = colours[model]
        axes.fill_between(x, low, high, color=colour, alpha=0.16, linewidth=0)
        axes.plot(x, 100 * line["caar"].to_numpy(), color=colour)
    axes.set_xlim(*event_window)


def _legend(
    figure: Any,  # noqa: ANN401
    models: Sequence[str],
    colours: Mapping[str, str],
) -> None:
    from matplotlib.lines import Line2D

    handles = [Line2D([], [], color=colours[m], label=label(m)) for m in models]
    figure.legend(
        handles=handles, loc="outside upper left", ncols=len(handles), frameon=False
    )
