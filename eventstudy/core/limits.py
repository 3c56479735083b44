"""How much memory and how many threads a computation may take."""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from eventstudy.core.errors import SpecError

_UNITS = {"": 1, "B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}
# Shares of a machine's memory that is taken where nothing is said.
_SHARE = 0.6
_LEAST = 100_000_000


@dataclass(frozen=True, slots=True)
class Limits:
    """Memory and threads of a computation.

    Parameters
    ----------
    memory : str or int, optional
        Such as "3 GB", or bytes; default 60 % of what the machine has free.
    threads : int, optional
        Default the cores that the process may use.

    Raises
    ------
    SpecError
        For what is no amount of memory, less than 100 MB, or no thread.

    Examples
    --------
    >>> Limits(memory="3 GB", threads=2).bytes
    3000000000
    """

    memory: str | int | None = None
    threads: int | None = None

    def __post_init__(self) -> None:
        """Refuse what is no limit."""
        if self.memory is not None and _parsed(self.memory) < _LEAST:
            raise SpecError(f"memory = {self.memory!r}; wanted at least 100 MB")
        if self.threads is not None and self.threads < 1:
            raise SpecError(f"threads = {self.threads}; wanted at least 1")

    @property
    def bytes(self) -> int:
        """Bytes that may be taken."""
        if self.memory is not None:
            return _parsed(self.memory)
        return int(_SHARE * _free())

    @property
    def cores(self) -> int:
        """Threads that may run."""
        if self.threads is not None:
            return self.threads
        allowed = getattr(os, "sched_getaffinity", None)
        return len(allowed(0)) if allowed else os.cpu_count() or 1


def _parsed(memory: str | int) -> int:
    if isinstance(memory, int):
        return memory
    found = re.fullmatch(r"\s*([\d.]+)\s*([KMGT]?B?)\s*", memory.upper())
    unit = found and (found[2] if found[2].endswith("B") else f"{found[2]}B")
    try:
        return int(float(found[1]) * _UNITS[unit]) if found and unit else _none(memory)
    except ValueError:
        return _none(memory)


def _none(memory: str) -> int:
    raise SpecError(f'memory = {memory!r}; wanted an amount such as "3 GB" or "800 MB"')


def _free() -> int:
    """Return the bytes that the machine has free, 4 GB where it does not say."""
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return 4_000_000_000


def amount(n: float) -> str:
    """Write bytes as a person does.

    >>> amount(2_961_000_000), amount(120_000)
    ('3.0 GB', '0.1 MB')
    """
    return f"{n / 1e9:,.1f} GB" if n >= 0.95e9 else f"{n / 1e6:,.1f} MB"
