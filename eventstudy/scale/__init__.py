"""Work in parts: more observations than one memory holds, on one machine or many.

A `plan` says what is to be tested. `collect` reduces observations to a `Part` wherever
they are, `merge` adds parts up, and `finish` tests them. `battery` does all of it over
functions or a Parquet `dataset`, in threads, two processes or on a Dask cluster.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eventstudy.core.limits import Limits
    from eventstudy.scale.collecting import collect
    from eventstudy.scale.datasets import Dataset, dataset
    from eventstudy.scale.finishing import again, finish
    from eventstudy.scale.merging import merge
    from eventstudy.scale.part import Part, Source, read_part
    from eventstudy.scale.plans import Plan, plan
    from eventstudy.scale.streaming import Progress, battery

__all__ = [
    "Dataset",
    "Limits",
    "Part",
    "Plan",
    "Progress",
    "Source",
    "again",
    "battery",
    "collect",
    "dataset",
    "finish",
    "merge",
    "plan",
    "read_part",
]

# Looked up when first used: a second process begins with what it is asked for.
_HOME = {
    "Dataset": "scale.datasets",
    "Limits": "core.limits",
    "Part": "scale.part",
    "Plan": "scale.plans",
    "Progress": "scale.streaming",
    "Source": "scale.part",
    "again": "scale.finishing",
    "battery": "scale.streaming",
    "collect": "scale.collecting",
    "dataset": "scale.datasets",
    "finish": "scale.finishing",
    "merge": "scale.merging",
    "plan": "scale.plans",
    "read_part": "scale.part",
}


def __getattr__(name: str) -> object:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(import_module(f"eventstudy.{_HOME[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
