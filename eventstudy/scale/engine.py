"""Tasks that may be done in any order, here or elsewhere, with the same answers.

A task names a function and the values that it takes. Values that many tasks share are
held by the engine under a name, so that another process gets them once.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import Any, Protocol, runtime_checkable


@dataclass(frozen=True, slots=True)
class Task:
    """A call of a function by its name.

    function : "package.module:name"
    held : names of held values, the first arguments of the call
    args : the arguments after them
    """

    function: str
    held: tuple[str, ...] = ()
    args: tuple[Any, ...] = ()

    def run(self, values: Mapping[str, Any]) -> Any:  # noqa: ANN401 - as the function
        """Call the function."""
        module, _, name = self.function.partition(":")
        call = getattr(import_module(module), name)
        return call(*(values[one] for one in self.held), *self.args)


class Promise(Protocol):
    """The answer of a task that may not have begun."""

    def result(self) -> Any:  # noqa: ANN401 - as the task's function
        """Return the answer, computed now if nobody did yet; raise its error."""


@runtime_checkable
class Engine(Protocol):
    """What does tasks.

    held : the values that tasks name
    """

    held: dict[str, Any]

    def hold(self, name: str, value: object) -> None:
        """Keep a value for tasks that name it."""

    def later(self, tasks: Sequence[Task]) -> list[Promise]:
        """Take tasks; those that come first in the list are begun first elsewhere."""

    def gathered(self, promises: Sequence[Promise]) -> list[Any]:
        """Do what nobody has begun, wait for the rest; return the answers in order."""

    def share(self, tasks: Sequence[Task]) -> list[Any]:
        """Do tasks and return their answers in order, or raise an error of one."""


@dataclass(slots=True)
class _Kept:
    """An answer, worked out when it is asked for."""

    engine: "OneProcess"
    task: Task

    def result(self) -> Any:  # noqa: ANN401
        return self.task.run(self.engine.held)


@dataclass(slots=True)
class OneProcess:
    """The engine that does each task when its answer is asked for.

    Examples
    --------
    >>> engine = OneProcess()
    >>> engine.hold("base", 2)
    >>> engine.share([Task("operator:pow", ("base",), (n,)) for n in range(4)])
    [1, 2, 4, 8]
    """

    held: dict[str, Any] = field(default_factory=dict)

    def hold(self, name: str, value: object) -> None:
        """Keep a value for tasks that name it."""
        self.held[name] = value

    def later(self, tasks: Sequence[Task]) -> list[Promise]:
        """Take tasks that are done when their answers are asked for."""
        return [_Kept(self, task) for task in tasks]

    def gathered(self, promises: Sequence[Promise]) -> list[Any]:
        """Do tasks one after the other."""
        return [promise.result() for promise in promises]

    def share(self, tasks: Sequence[Task]) -> list[Any]:
        """Do tasks one after the other."""
        return self.gathered(self.later(tasks))
