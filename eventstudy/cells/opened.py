"""Files that are opened to be read, pipes among them, which may have no writer."""

import os
import select
import stat
from pathlib import Path
from typing import BinaryIO

PATIENCE = 5.0
"""Seconds in which the writer of a pipe has to begin."""


def opened(path: Path) -> BinaryIO:
    """Open a file for reading; raise `OSError` for a pipe into which nobody writes."""
    if not stat.S_ISFIFO(path.stat().st_mode):
        return path.open("rb")
    pipe = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    readable, _, _ = select.select([pipe], [], [], PATIENCE)
    if not readable:
        os.close(pipe)
        raise OSError(None, f"a pipe, and nobody wrote to it in {PATIENCE:.0f} seconds")
    os.set_blocking(pipe, True)
    return os.fdopen(pipe, "rb")
