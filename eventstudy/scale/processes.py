"""A second process beside this one: tasks go to whichever is free.

The two speak over pipes in pickles. The second ends when its input does, so it never
outlives this process, however that ends. What the second cannot do (it was killed, a
value cannot be pickled, a member of a family was registered here only) is done here:
an error of a task is always raised by this process, and nothing fails by the second.
"""

import pickle
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, BinaryIO

from eventstudy.scale.engine import Promise, Task


@dataclass(slots=True, eq=False)
class _Shared:
    """A task that one of the two processes takes."""

    engine: "TwoProcesses"
    task: Task
    done: threading.Event = field(default_factory=threading.Event)
    failed: bool = False
    answer: Any = None

    def here(self) -> None:
        """Do the task in this process, if the other has not begun it."""
        if self.engine.withdrawn(self):
            self._run()

    def result(self) -> Any:  # noqa: ANN401 - as the task's function
        """Return the answer, computed now if nobody did yet."""
        self.here()
        self.done.wait()
        if self.failed:
            self._run()
        return self.answer

    def finish(self, answer: Any, *, failed: bool) -> None:  # noqa: ANN401
        """Take the answer of the other process, or that it has none."""
        self.answer, self.failed = answer, failed
        self.done.set()

    def _run(self) -> None:
        self.finish(self.task.run(self.engine.held), failed=False)


class TwoProcesses:
    """The engine of the command on two cores; `close` it, or use it with ``with``.

    The second process begins with the tasks that come first, this one with those whose
    answers are asked for, in `share` with the last.

    ahead : modules that the second process imports before there is anything to do

    Examples
    --------
    >>> with TwoProcesses() as engine:
    ...     engine.hold("base", 2)
    ...     engine.share([Task("operator:pow", ("base",), (n,)) for n in range(4)])
    [1, 2, 4, 8]
    """

    def __init__(self, ahead: Sequence[str] = ()) -> None:
        self.held: dict[str, Any] = {}
        self._waiting: deque[_Shared] = deque()
        self._unsent: deque[tuple[str, object]] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._second = _started(ahead)
        self._feeder = threading.Thread(target=self._feed, daemon=True)
        self._feeder.start()

    def __enter__(self) -> "TwoProcesses":
        """Return the engine."""
        return self

    def __exit__(self, *_: object) -> None:
        """End the second process."""
        self.close()

    def close(self) -> None:
        """End the second process, whatever it does."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        if self._second is not None:
            self._second.kill()
            self._second.wait()
        self._feeder.join()
        if self._second is not None:
            for stream in (self._second.stdin, self._second.stdout):
                _close(stream)

    def hold(self, name: str, value: object) -> None:
        """Keep a value for tasks that name it, in both processes."""
        self.held[name] = value
        with self._changed:
            self._unsent.append((name, value))
            self._changed.notify_all()

    def later(self, tasks: Sequence[Task]) -> list[Promise]:
        """Take tasks; the second process begins with the first of them."""
        return [*self._queued(tasks)]

    def gathered(self, promises: Sequence[Promise]) -> list[Any]:
        """Do tasks in both processes; return their answers in order."""
        for promise in reversed(promises):
            if isinstance(promise, _Shared):
                promise.here()
        return [promise.result() for promise in promises]

    def share(self, tasks: Sequence[Task]) -> list[Any]:
        """Do tasks in both processes; return their answers in order."""
        return self.gathered(self.later(tasks))

    def withdrawn(self, promise: _Shared) -> bool:
        """Take a task back; tell whether it was still waiting."""
        with self._changed:
            if promise not in self._waiting:
                return False
            self._waiting.remove(promise)
            return True

    def _queued(self, tasks: Sequence[Task]) -> list[_Shared]:
        promises = [_Shared(self, task) for task in tasks]
        with self._changed:
            self._waiting.extend(promises)
            self._changed.notify_all()
        return promises

    def _feed(self) -> None:
        """Give the second process one task after the other, until one of us ends."""
        second = self._second
        if second is None or second.stdin is None or second.stdout is None:
            return
        while (message := self._next()) is not None:
            if not isinstance(message, _Shared):
                if not _sent(second.stdin, message):
                    return
                continue
            if not _sent(second.stdin, message.task):
                message.finish(None, failed=True)
                return
            try:
                failed, answer = pickle.load(second.stdout)
            except (OSError, EOFError, pickle.UnpicklingError, ValueError):
                message.finish(None, failed=True)
                return
            message.finish(answer, failed=failed)

    def _next(self) -> "_Shared | tuple[str, object] | None":
        with self._changed:
            while not (self._unsent or self._waiting or self._closed):
                self._changed.wait()
            if self._closed:
                return None
            return self._unsent.popleft() if self._unsent else self._waiting.popleft()


def _started(ahead: Sequence[str]) -> "subprocess.Popen[bytes] | None":
    """Start the second process; None where the system has none to give."""
    code = (
        f"import sys; sys.path[:] = {sys.path!r}; "
        f"from eventstudy.scale.second import main; main({list(ahead)!r})"
    )
    try:
        # A session of its own: Ctrl-C is heard by this process, which ends both.
        return subprocess.Popen(
            [sys.executable, "-P", "-c", code],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
    except OSError:
        return None


def _sent(stream: BinaryIO | Any, message: object) -> bool:  # noqa: ANN401
    """Write a message; False where it cannot be pickled or nobody reads any more.

    After that nothing more may be written: half a message may be under way.
    """
    try:
        pickle.dump(message, stream, protocol=5)
        stream.flush()
    except (pickle.PicklingError, TypeError, AttributeError, RecursionError):
        return False  # cannot be pickled
    except (OSError, ValueError):
        return False  # nobody reads
    return True


def _close(stream: Any) -> None:  # noqa: ANN401
    """Close a pipe to a process that has ended, what it did not read dropped."""
    try:
        if stream is not None:
            stream.close()
    except OSError:
        return
