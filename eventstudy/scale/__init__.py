"""Work in parts: plans, parts that merge, and who computes them."""

from eventstudy.core.limits import Limits
from eventstudy.scale.choice import ENGINES, opened, usual
from eventstudy.scale.collecting import collect
from eventstudy.scale.datasets import Dataset, dataset
from eventstudy.scale.engine import Engine, OneProcess, Promise, Task
from eventstudy.scale.finishing import again, finish
from eventstudy.scale.merging import merge
from eventstudy.scale.part import Part, Source, read_part
from eventstudy.scale.plans import Plan, plan
from eventstudy.scale.processes import TwoProcesses
from eventstudy.scale.streaming import Progress, battery

__all__ = [
    "ENGINES",
    "Dataset",
    "Engine",
    "Limits",
    "OneProcess",
    "Part",
    "Plan",
    "Progress",
    "Promise",
    "Source",
    "Task",
    "TwoProcesses",
    "again",
    "battery",
    "collect",
    "dataset",
    "finish",
    "merge",
    "opened",
    "plan",
    "read_part",
    "usual",
]
