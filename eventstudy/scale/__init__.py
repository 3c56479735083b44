"""Who computes: one process, or this one and a second beside it."""

from eventstudy.scale.choice import ENGINES, opened, usual
from eventstudy.scale.engine import Engine, OneProcess, Promise, Task
from eventstudy.scale.processes import TwoProcesses

__all__ = [
    "ENGINES",
    "Engine",
    "OneProcess",
    "Promise",
    "Task",
    "TwoProcesses",
    "opened",
    "usual",
]
