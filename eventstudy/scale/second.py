"""The second process: tasks from its input, their answers to its output."""

import os
import pickle
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from queue import SimpleQueue
from typing import Any, BinaryIO

from eventstudy.core.memory import give_back
from eventstudy.core.threads import OneThread
from eventstudy.scale.engine import Task


def main(ahead: Sequence[str]) -> None:
    """Do what comes, until the input ends: then whoever asked is gone.

    ahead : modules to import while nothing is to do
    """
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what anything prints is no answer
    messages: SimpleQueue[Any] = SimpleQueue()
    reader = threading.Thread(target=_read, args=(sys.stdin.buffer, messages))
    reader.daemon = True
    reader.start()
    with OneThread():
        for name in ahead:
            import_module(name)
        _work(messages, answers)


def _read(stream: BinaryIO, messages: "SimpleQueue[Any]") -> None:
    while True:
        try:
            messages.put(pickle.load(stream))
        except EOFError:
            os._exit(0)  # also in the middle of a task
        except Exception:  # noqa: BLE001 - any class may refuse to be unpickled
            os._exit(1)


def _work(messages: "SimpleQueue[Any]", answers: BinaryIO) -> None:
    held: dict[str, Any] = {}
    while True:
        message = messages.get()
        if not isinstance(message, Task):
            name, held[name] = message[0], message[1]
            del message
            give_back()
            continue
        try:
            answer = pickle.dumps((False, message.run(held)), protocol=5)
        except Exception:  # noqa: BLE001 - whatever a task raises
            # It is done again where its error can be told.
            answer = pickle.dumps((True, None))
        answers.write(answer)
        answers.flush()
        give_back()
