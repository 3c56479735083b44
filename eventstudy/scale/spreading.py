"""One function over many items: in threads, in two processes, or on a cluster."""

import sys
from collections import deque
from collections.abc import Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from eventstudy.core.errors import SpecError, unknown_text
from eventstudy.scale.choice import ENGINES
from eventstudy.scale.dask_engine import answers, is_client
from eventstudy.scale.engine import Engine, OneProcess, Promise, Task
from eventstudy.scale.processes import TwoProcesses

HERE = "this process"
_BESIDE = 4


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer of one item, who gave it, and the most memory that one has taken."""

    value: Any
    worker: str = HERE
    memory: int = 0


def spread(
    function: str,
    shared: object,
    items: Sequence[Any],
    *,
    engine: object = "threads",
    threads: int = 1,
) -> Iterator[Answered]:
    """Yield ``function(shared, item)`` for each item, in order.

    function : "package.module:name"
    shared : what all calls share; processes and clusters get it once
    engine : "threads", "processes", an `Engine` or a `distributed.Client`
    threads : of "threads"

    Raises `SpecError` for an engine that there is not.

    >>> [one.value for one in spread("operator:mul", 3, [1, 2])]
    [3, 6]
    """
    if is_client(engine):
        for value, worker, memory in answers(engine, function, shared, items):
            yield Answered(value, worker, memory)
    elif isinstance(engine, OneProcess) or engine == "threads":
        for value in _in_threads(function, shared, items, threads):
            yield Answered(value, HERE, memory_here())
    elif isinstance(engine, str) and engine == "processes":
        with TwoProcesses() as two:
            yield from _by_engine(two, function, shared, items)
    elif isinstance(engine, TwoProcesses):
        yield from _by_engine(engine, function, shared, items)
    else:
        known = [*ENGINES, "a distributed.Client"]
        raise SpecError(unknown_text("engine", engine, known))


def _by_engine(
    engine: Engine, function: str, shared: object, items: Sequence[Any]
) -> Iterator[Answered]:
    engine.hold("shared", shared)
    waiting: deque[Promise] = deque()
    for item in items:
        waiting.extend(engine.later([Task(function, ("shared",), (item,))]))
        if len(waiting) >= _BESIDE:
            # This process takes the last, the other begins with the first.
            yield from _oldest(engine, waiting)
    while waiting:
        yield from _oldest(engine, waiting)


def _oldest(engine: Engine, waiting: deque[Promise]) -> Iterator[Answered]:
    engine.gathered([waiting[-1]])
    yield Answered(waiting.popleft().result(), HERE, memory_here())


def _in_threads(
    function: str, shared: object, items: Sequence[Any], threads: int
) -> Iterator[Any]:
    module, _, name = function.partition(":")
    call = getattr(import_module(module), name)
    if threads <= 1:
        for item in items:
            yield call(shared, item)
        return
    with ThreadPoolExecutor(threads) as pool:
        ahead: deque[Future[Any]] = deque()
        for item in items:
            ahead.append(pool.submit(call, shared, item))
            if len(ahead) > threads:
                yield ahead.popleft().result()
        while ahead:
            yield ahead.popleft().result()


def memory_here() -> int:
    """Return the most memory that this process has had, in bytes; 0 where unknown."""
    try:
        import resource
    except ImportError:  # Windows has none
        return 0
    size = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return size if sys.platform == "darwin" else size * 1024
