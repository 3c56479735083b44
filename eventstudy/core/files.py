"""Folders that several processes write, permissions, and archives that are damaged."""

import lzma
import os
import sys
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BAD_ZIP = (
    zipfile.BadZipFile,
    zlib.error,
    lzma.LZMAError,
    OSError,
    EOFError,
    NotImplementedError,
    RuntimeError,
    ValueError,
)
"""What Python's reader raises for archives that are cut, changed or encrypted."""


@contextmanager
def held(folder: Path) -> Iterator[None]:
    """Hold a folder that is there; others who want to hold it wait.

    The system releases it when a process dies, and no file is left behind. Where a
    folder cannot be held (Windows), writers are not kept apart.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl

    number = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        fcntl.flock(number, fcntl.LOCK_EX)
        yield
    finally:
        os.close(number)


def umask() -> int:
    """Return the mask of new files, which can be read by setting it only."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
