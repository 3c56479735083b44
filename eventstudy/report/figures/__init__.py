"""The figures of the report, as SVG; colour-blind-safe, the same bytes each time."""

from types import ModuleType

from eventstudy.report.figures import (
    caar,
    conditional,
    forest,
    heatmap,
    intraday,
    overlap,
    prices,
    regimes,
    volume,
)
from eventstudy.study_result import StudyResult

# Each module has ``has_data(result) -> bool`` and ``draw(result) -> bytes``.
DRAWINGS: dict[str, ModuleType] = {
    "caar.svg": caar,
    "car_heatmap.svg": heatmap,
    "prices.svg": prices,
    "volatility.svg": forest,
    "conditional.svg": conditional,
    "regimes.svg": regimes,
    "volume.svg": volume,
    "intraday.svg": intraday,
    "overlap.svg": overlap,
}


def drawn(result: StudyResult) -> list[str]:
    """File names of the figures that the study has data for."""
    return [name for name, module in DRAWINGS.items() if module.has_data(result)]


def figures(result: StudyResult) -> dict[str, bytes]:
    """Draw every figure that the study has data for: file name -> SVG bytes."""
    return {name: DRAWINGS[name].draw(result) for name in drawn(result)}
