"""Work in parts: plans, parts that merge, and who computes them."""

from eventstudy.scale.choice import ENGINES, opened, usual
from eventstudy.scale.collecting import collect
from eventstudy.scale.engine import Engine, OneProcess, Promise, Task
from eventstudy.scale.finishing import again, finish
from eventstudy.scale.merging import merge
from eventstudy.scale.part import Part, Source, read_part
from eventstudy.scale.plans import Plan, plan
from eventstudy.scale.processes import TwoProcesses

__all__ = [
    "ENGINES",
    "Engine",
    "OneProcess",
    "Part",
    "Plan",
    "Promise",
    "Source",
    "Task",
    "TwoProcesses",
    "again",
    "collect",
    "finish",
    "merge",
    "opened",
    "plan",
    "read_part",
    "usual",
]
