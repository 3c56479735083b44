"""The figures of the report, as SVG; colour-blind-safe, the same bytes each time."""

from types import ModuleType

from eventstudy.report.figures import (
    caar,
    forest,
    heatmap,
    intraday,
    over_time,
    overlap,
    volume,
)
from eventstudy.study.result import StudyResult

# Each has ``has_data(result) -> bool`` and ``draw(result) -> bytes``.
DRAWINGS: dict[str, ModuleType | over_time.Timeline] = {
    "caar.svg": caar,
    "car_heatmap.svg": heatmap,
    "prices.svg": over_time.PRICES,
    "volatility.svg": forest,
    "conditional.svg": over_time.CONDITIONAL,
    "regimes.svg": over_time.REGIMES,
    "volume.svg": volume,
    "intraday.svg": intraday,
    "overlap.svg": overlap,
}


def drawn(result: StudyResult) -> list[str]:
    """File names of the figures that the study has data for."""
    return [name for name, drawing in DRAWINGS.items() if drawing.has_data(result)]


def figures(result: StudyResult) -> dict[str, bytes]:
    """Draw every figure that the study has data for: file name -> SVG bytes."""
    return {name: DRAWINGS[name].draw(result) for name in drawn(result)}
