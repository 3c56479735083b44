"""Ctrl-C ends a command at once, and takes half-written files with it.

Threads that compute cannot be interrupted, and a long call into compiled code hears of
a signal when it is over. So a thread of its own waits for signals, removes what is
registered as temporary, says one word and ends the process.
"""

import os
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from eventstudy.core.quiet import error_stream

INTERRUPTED = 130  # what shells expect of a program that ends by Ctrl-C
_WORDS = b"eventstudy: interrupted; nothing was overwritten\n"
_SIGNALS = {signal.SIGINT: INTERRUPTED, signal.SIGTERM: 143}

_temporary: set[Path] = set()


@contextmanager
def temporary(path: Path) -> Iterator[Path]:
    """Remove a file or folder if the process is interrupted meanwhile."""
    _temporary.add(path)
    try:
        yield path
    finally:
        _temporary.discard(path)


def install() -> None:
    """End this process on Ctrl-C and on the system's request to end."""
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for number in _SIGNALS:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writer)
    threading.Thread(target=_wait, args=(reader,), daemon=True).start()


def _wait(reader: int) -> None:
    while True:
        for number in os.read(reader, 16):
            if number in _SIGNALS:
                end(_SIGNALS[signal.Signals(number)])


def end(code: int) -> None:
    """Remove what is temporary, say one word, and end the process."""
    for path in list(_temporary):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    os.write(error_stream(), _WORDS)
    os._exit(code)
