"""Path of the cumulative average abnormal return, one panel per group."""

import polars as pl

from eventstudy.report import numbers as nb
from eventstudy.report.effects import confidence_text
from eventstudy.report.figures import multiples, style
from eventstudy.report.figures.drawing import Drawing
from eventstudy.report.figures.scales import bounds, linear
from eventstudy.report.labels import main_window, model_names, words_for
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

HEIGHT = 165.0
SHOWN = ("caar", "ci_low", "ci_high")


def has_data(result: StudyResult) -> bool:
    """Tell whether there is an average to draw."""
    return not _path(result).is_empty()


@style.house()
def draw(result: StudyResult) -> bytes:
    """Draw the CAAR of the headline sample."""
    path = _path(result)
    held = set(path["model"])
    colours = style.colours([model for model in model_names(result) if model in held])
    titles = multiples.group_titles(result, path)
    first, last = result.spec.event_window
    room = multiples.room(len(titles))
    x, y = (
        linear("sessions from day 0", first, last, room, whole=True),
        linear("CAAR, %", *bounds(*path[SHOWN]), HEIGHT, upright=True),
    )
    named = (
        {words_for(result, m): c for m, c in colours.items()}
        if len(colours) > 1
        else {}
    )
    lines = path.sort("offset").partition_by("group", "model", as_dict=True)
    figure, panels = multiples.panels([*titles.values()], x, y, HEIGHT, named)
    for axes, group in zip(panels, titles, strict=True):
        style.cross(axes, 0, 0)
        start, end = main_window(result)
        axes.axvspan(start - 0.5, end + 0.5, color=style.SHADE, lw=0, zorder=0)
        for model, colour in colours.items():
            if (group, model) in lines:
                shown = lines[group, model].select("offset", *SHOWN)
                offset, line, low, high = (column.to_numpy() for column in shown)
                axes.fill_between(offset, low, high, color=colour, alpha=0.16, lw=0)
                axes.plot(offset, line, color=colour)
    return style.to_svg(figure)


def _path(result: StudyResult) -> pl.DataFrame:
    shown = nb.Returns(result.spec.returns)
    return result.aar.filter(
        (pl.col("sample") == "headline") & pl.col("caar").is_finite()
    ).with_columns(*map(shown.column, SHOWN))


def _alt(result: StudyResult) -> str:
    window = window_text(result.spec.event_window)
    text = (
        "Path of the cumulative average abnormal return per group over sessions "
        f"{window} with {confidence_text(result)} bands"
    )
    last = result.aar.filter(
        (pl.col("sample") == "headline")
        & (pl.col("model") == model_names(result)[0])
        & (pl.col("offset") == result.spec.event_window[1])
        & pl.col("caar").is_not_null()
    )
    shown = nb.Returns(result.spec.returns)
    ends = [
        f"{words_for(result, group)} {shown.percent(caar)} %"
        for group, caar in last.select("group", "caar").iter_rows()
    ]
    return f"{text}; at its end {nb.listing(ends)}" if ends else text


def _caption(result: StudyResult) -> str:
    left = len(multiples.groups_left(result, _path(result)))
    return (
        "Cumulative average abnormal return of the headline sample from the start of "
        f"the event window, with {confidence_text(result)} bands that allow for "
        "dependence between observations. Dotted: day 0; shaded: the headline window."
        f"{f' {left} more groups are not shown.' if left else ''}"
    )


DRAWING = Drawing(name="caar", has_data=has_data, draw=draw, alt=_alt, caption=_caption)
