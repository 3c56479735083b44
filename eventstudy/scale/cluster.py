"""Tasks on the workers of a Dask cluster."""

import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from eventstudy.core.errors import EventStudyError
from eventstudy.scale.dask_engine import in_words, packed, sent
from eventstudy.scale.engine import Promise, Task


@dataclass(slots=True)
class _Sent:
    """A task that a worker does."""

    client: Any
    future: Any

    def result(self) -> Any:  # noqa: ANN401 - as the task's function
        """Wait for the answer; raise the task's error, or say what the cluster did."""
        try:
            return pickle.loads(self.client.gather(self.future))
        except EventStudyError:
            raise
        except Exception as error:
            raise in_words(self.client, error) from error


class Cluster:
    """The engine that gives every task to a worker of a Dask cluster.

    Values that tasks share go to the scheduler once, as bytes.

    client : a `distributed.Client`, which stays open
    """

    def __init__(self, client: Any) -> None:  # noqa: ANN401 - dask has no types
        self.held: dict[str, Any] = {}
        self._client = client
        self._sent: dict[str, Any] = {}

    def hold(self, name: str, value: object) -> None:
        """Keep a value for tasks that name it."""
        self.held[name] = value
        data = packed(value)
        try:
            self._sent[name] = sent(self._client, data)
        except Exception as error:
            raise in_words(self._client, error) from error

    def later(self, tasks: Sequence[Task]) -> list[Promise]:
        """Send tasks; those that come first in the list are begun first."""
        try:
            return [self._later(task) for task in tasks]
        except Exception as error:
            raise in_words(self._client, error) from error

    def _later(self, task: Task) -> Promise:
        values = [self._sent[name] for name in task.held]
        future = self._client.submit(ran, task, *values, pure=False)
        return _Sent(self._client, future)

    def gathered(self, promises: Sequence[Promise]) -> list[Any]:
        """Wait for answers; return them in order."""
        return [promise.result() for promise in promises]

    def share(self, tasks: Sequence[Task]) -> list[Any]:
        """Have tasks done, and return their answers in order."""
        return self.gathered(self.later(tasks))


def ran(task: Task, *values: object) -> bytes:
    """Do a task on a worker, on one thread as everywhere."""
    from eventstudy.core.threads import OneThread

    with OneThread():
        found = task.run(dict(zip(task.held, values, strict=True)))
    return pickle.dumps(found, protocol=5)
