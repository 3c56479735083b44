"""Engines by name, and which of them fits a machine."""

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType

from eventstudy.core.errors import SpecError, unknown_text
from eventstudy.scale.cluster import Cluster
from eventstudy.scale.dask_engine import is_client
from eventstudy.scale.engine import Engine, OneProcess
from eventstudy.scale.processes import TwoProcesses

ENGINES: Mapping[str, str] = MappingProxyType(
    {
        "threads": "all in one process; the default of the library",
        "processes": "the parts of a study in two processes, on two cores",
    }
)


def usual() -> str:
    """Return the name of the engine that fits the cores that this process may use.

    >>> usual() in ENGINES
    True
    """
    allowed = getattr(os, "sched_getaffinity", None)
    cores = len(allowed(0)) if allowed else os.cpu_count() or 1
    return "processes" if cores > 1 else "threads"


@contextmanager
def opened(engine: object, ahead: Sequence[str] = ()) -> Iterator[Engine]:
    """Give the engine of a name, closed at the end; an engine given stays open.

    engine : a name, an `Engine`, or a `distributed.Client` of a Dask cluster
    ahead : modules that a second process imports before there is anything to do
    Raises `SpecError` for a name that there is not.

    >>> with opened("threads") as engine:
    ...     type(engine).__name__
    'OneProcess'
    """
    if is_client(engine):
        yield Cluster(engine)
    elif not isinstance(engine, str):
        if not isinstance(engine, Engine):
            raise SpecError(unknown_text("engine", engine, ENGINES))
        yield engine
    elif engine == "threads":
        yield OneProcess()
    elif engine == "processes":
        with TwoProcesses(ahead) as two:
            yield two
    else:
        raise SpecError(unknown_text("engine", engine, ENGINES))
