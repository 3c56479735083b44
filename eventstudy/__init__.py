"""Financial event studies: what an announcement did to prices and volatility.

>>> import eventstudy as es
>>> spec = es.StudySpec(returns="log", model="market", factors=("^GSPC",))
"""

from importlib import import_module
from typing import TYPE_CHECKING

from eventstudy._version import __version__

if TYPE_CHECKING:
    from eventstudy import inference, models, outcomes, plot, prices, scale, volatility
    from eventstudy.catalogue import Events, read_events
    from eventstudy.core.abnormal import Clock
    from eventstudy.core.errors import (
        DataError,
        EventStudyError,
        SourceError,
        SpecError,
    )
    from eventstudy.cross_section import (
        Regression,
        categories,
        regress,
        variance_contrasts,
    )
    from eventstudy.inference import placebo_shifts
    from eventstudy.prices import (
        OutcomeSeries,
        Prices,
        fetch_prices,
        read_prices,
        read_series,
    )
    from eventstudy.report import write_report
    from eventstudy.simulation import (
        SimulationResult,
        SimulationSpec,
        simulate,
        write_simulation,
    )
    from eventstudy.spec import (
        LongRunSetting,
        ModelSetting,
        OutcomeSetting,
        Question,
        StudySpec,
        read_spec,
    )
    from eventstudy.study import analyze, run
    from eventstudy.study.multiverse import multiverse
    from eventstudy.study.multiverse_result import MultiverseResult
    from eventstudy.study.result import StudyResult
    from eventstudy.tabulated import table

__all__ = [
    "Clock",
    "DataError",
    "EventStudyError",
    "Events",
    "LongRunSetting",
    "ModelSetting",
    "MultiverseResult",
    "OutcomeSeries",
    "OutcomeSetting",
    "Prices",
    "Question",
    "Regression",
    "SimulationResult",
    "SimulationSpec",
    "SourceError",
    "SpecError",
    "StudyResult",
    "StudySpec",
    "__version__",
    "analyze",
    "categories",
    "fetch_prices",
    "inference",
    "models",
    "multiverse",
    "outcomes",
    "placebo_shifts",
    "plot",
    "prices",
    "read_events",
    "read_prices",
    "read_series",
    "read_spec",
    "regress",
    "run",
    "scale",
    "simulate",
    "table",
    "variance_contrasts",
    "volatility",
    "write_report",
    "write_simulation",
]

# Names are looked up when first used, so that the command line answers at once.
_HOME = {
    "Clock": "core.abnormal",
    "DataError": "core.errors",
    "EventStudyError": "core.errors",
    "Events": "catalogue",
    "LongRunSetting": "spec",
    "ModelSetting": "spec",
    "MultiverseResult": "study.multiverse_result",
    "OutcomeSeries": "prices",
    "OutcomeSetting": "spec",
    "Prices": "prices",
    "Question": "spec",
    "Regression": "cross_section",
    "SimulationResult": "simulation",
    "SimulationSpec": "simulation",
    "SourceError": "core.errors",
    "SpecError": "core.errors",
    "StudyResult": "study.result",
    "StudySpec": "spec",
    "analyze": "study",
    "categories": "cross_section",
    "fetch_prices": "prices",
    "multiverse": "study.multiverse",
    "placebo_shifts": "inference",
    "read_events": "catalogue",
    "read_prices": "prices",
    "read_series": "prices",
    "read_spec": "spec",
    "regress": "cross_section",
    "run": "study",
    "simulate": "simulation",
    "table": "tabulated",
    "variance_contrasts": "cross_section",
    "write_report": "report",
    "write_simulation": "simulation",
}
_MODULES = ("inference", "models", "outcomes", "plot", "prices", "scale", "volatility")


def __getattr__(name: str) -> object:
    if name in _MODULES:
        return import_module(f"{__name__}.{name}")
    if name in _HOME:
        value = getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
        globals()[name] = value
        return value
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
