"""What an estimated constant takes off every session of a window."""

from collections.abc import Iterator

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import Effects
from eventstudy.report.labels import asset_order, label, model_names, period_word
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.spec import Pair, window_text
from eventstudy.study.result import StudyResult


def blocks(views: Views) -> Iterator[str]:
    """The constant's part of each CAAR, for the longest window and for all."""
    table = drift_table(views.effects)
    if not table:
        yield "No model of this study has a constant."
        return
    yield (
        "A constant estimated over a long rally (or slump) is taken off every "
        f"{period_word(views.result.spec)} of the window. "
        f"{drift_sentence(views.result)} What the constant adds to each "
        "CAAR, and the CAAR with it set to zero, for the longest window (for single "
        "CARs: column `alpha_part` of `tables/cars.csv`):"
    )
    yield drift_table(views.effects, _longest(views.result))
    yield md.details("The same for all windows", table)


def drift_table(effects: Effects, window: Pair | None = None) -> str:
    """What each CAAR owes to the estimated alpha, and the CAAR without it."""
    rows = []
    for row in effects.rows:
        if nb.is_missing(row["alpha_part"]):
            continue
        if window is not None and (row["start"], row["end"]) != window:
            continue
        rows.append(
            [
                effects.group(row),
                effects.model(row),
                window_text((row["start"], row["end"])),
                effects.average(row),
                effects.returns.percent(row["alpha_part"], row["se"]),
                effects.returns.percent(row["estimate_alpha_zero"], row["se"]),
            ]
        )
    columns = ["Group", "Model", "Window", "CAAR, %", "of which −alpha × length"]
    columns.append("CAAR with alpha = 0, %")
    return md.table(columns, rows, "lllrrr") if rows else ""


def _longest(result: StudyResult) -> Pair:
    """The window in which drift weighs most."""
    return max(result.spec.windows, key=lambda window: window[1] - window[0])


def drift_sentence(result: StudyResult) -> str:
    """Name the asset whose alpha weighs most on its CARs."""
    name = model_names(result)[0]
    fits = result.fit.filter(model=name)
    medians = [
        (asset, nb.median(fits.filter(asset=asset)["alpha"].to_list()))
        for asset in asset_order(result)
    ]
    alphas = [(asset, value) for asset, value in medians if value is not None]
    if not alphas:
        return ""
    asset, value = max(alphas, key=lambda item: abs(item[1]))
    first, last = result.spec.event_window
    length = last - first + 1
    shown = nb.Returns(result.spec.returns)
    part = shown.percent(-value * length)
    daily = nb.percent(shown.change(value))
    return (
        f"The largest is that of {md.escape(asset)}, {daily} % a "
        f"{period_word(result.spec)} at the median (model {md.escape(label(name))}): "
        f"over the {length} {period_word(result.spec)}s of the event window "
        f"subtracting it alone moves the CAR by {part} %."
    )


SECTION = Section(title="Drift", table="headline", blocks=blocks)
