"""The figures of the report, as SVG; colour-blind-safe, the same bytes each time."""

from collections.abc import Mapping
from types import MappingProxyType

from eventstudy.report.figures import (
    anticipation,
    caar,
    distribution,
    effects,
    forest,
    heatmap,
    influence,
    intraday,
    outcomes,
    over_time,
    overlap,
    panels,
    placebo,
    timeline,
    volume,
)
from eventstudy.report.figures.drawing import Drawing, Drawn, drawn
from eventstudy.scale.engine import Engine, Task
from eventstudy.study.result import StudyResult

# File name -> figure, in the order of the report. A new figure joins here.
DRAWINGS: Mapping[str, Drawing[StudyResult]] = MappingProxyType(
    {
        drawing.file: drawing
        for drawing in (
            effects.DRAWING,
            timeline.DRAWING,
            panels.DRAWING,
            distribution.DRAWING,
            influence.DRAWING,
            placebo.DRAWING,
            anticipation.DRAWING,
            caar.DRAWING,
            heatmap.DRAWING,
            over_time.PRICES,
            forest.DRAWING,
            over_time.CONDITIONAL,
            over_time.REGIMES,
            volume.DRAWING,
            intraday.DRAWING,
            outcomes.DRAWING,
            overlap.DRAWING,
        )
    }
)


def draw(result: StudyResult, file: str) -> bytes:
    """Draw one figure of a study."""
    return DRAWINGS[file].draw(result)


def begun(engine: Engine) -> Drawn:
    """Have the figures of the result that an engine holds drawn; name them at once."""
    result = engine.held["result"]
    files = [d.file for d in DRAWINGS.values() if d.has_data(result)]
    tasks = [Task(f"{__name__}:draw", ("result",), (file,)) for file in files]
    return Drawn(engine, dict(zip(files, engine.later(tasks), strict=True)))


def figures(result: StudyResult) -> dict[str, bytes]:
    """Draw every figure that the study has data for.

    Parameters
    ----------
    result : StudyResult
        A finished study.

    Returns
    -------
    dict of str to bytes
        File name -> SVG. The same result gives the same bytes with the same release
        of matplotlib.

    Examples
    --------
    >>> from eventstudy import StudyResult, StudySpec
    >>> nothing = StudyResult(spec=StudySpec(returns="log"), provenance={})
    >>> figures(nothing)
    {}
    """
    return drawn(DRAWINGS.values(), result)
