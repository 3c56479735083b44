"""The exceptions of the package.

::

    EventStudyError            everything that the user can put right
    ├── DataError              your data: a catalogue, a price file (also ValueError)
    ├── SpecError              your request: a window, a name, a flag (also ValueError)
    └── SourceError            the source of prices: network, cache (also OSError)

A message says what was wanted, what was found, where, and what to do. The command
line catches the root only, prints the message and ends with exit code 2.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches


class EventStudyError(Exception):
    """Root of all errors that the user can put right.

    Examples
    --------
    >>> import eventstudy as es
    >>> try:
    ...     es.fetch_prices("NONE")
    ... except es.EventStudyError as error:
    ...     print(str(error)[:36])
    no prices for NONE in snapshot; it h
    """


class SpecError(EventStudyError, ValueError):
    """The request cannot be met: an unknown name, an impossible window."""


class SourceError(EventStudyError, OSError):
    """A source of prices did not deliver.

    Parameters
    ----------
    message : str
        Which symbols, and why.
    """

    # OSError treats two or more arguments as errno and text; one message is meant.
    def __init__(self, message: str) -> None:
        super().__init__(message)


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """One thing wrong at one place of a file.

    Parameters
    ----------
    message : str
        What is wrong, what was wanted and what to do.
    file : str, optional
        Name of the file.
    line : int, optional
        Counts from 1 and includes the header.
    column : str, optional
        Name of the column.
    value : str, optional
        What was found.
    """

    message: str
    file: str | None = None
    line: int | None = None
    column: str | None = None
    value: str | None = None

    def __str__(self) -> str:
        """Return ``file:line: column 'x': value 'y': message``, as far as known."""
        place = self.file or ""
        if self.line is not None:
            place += f":{self.line}" if place else f"line {self.line}"
        parts = [place] if place else []
        if self.column is not None:
            parts.append(f"column '{self.column}'")
        if self.value is not None:
            parts.append(f"value {_shorten(self.value)!r}")
        return ": ".join([*parts, self.message])


class DataError(EventStudyError, ValueError):
    """The data cannot be used.

    Parameters
    ----------
    message : str
        What is wrong with them as a whole.
    problems : sequence of Problem
        Every place at fault, all at once.
    """

    def __init__(self, message: str, problems: Sequence[Problem] = ()) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join([message, *(f"  {p}" for p in self.problems)]))


def unknown_name(kind: str, name: object, known: Iterable[str]) -> SpecError:
    """Return the error for a name that is not in a family: `unknown_text`."""
    return SpecError(unknown_text(kind, name, sorted(known)))


def unknown_text(kind: str, name: object, known: Iterable[str]) -> str:
    """Say which name was probably meant, or list the family.

    >>> unknown_text("test", "xy", ["bmp", "t"])
    "unknown test 'xy'; known: bmp, t"
    >>> unknown_text("part", "returs", ["returns", "volume"])
    "unknown part 'returs': did you mean 'returns'?"
    """
    held = list(known)
    near = nearest(str(name), held)
    return f"unknown {kind} {name!r}" + (
        f": did you mean {near!r}?" if near else f"; known: {', '.join(held)}"
    )


def nearest(name: str, known: Iterable[str]) -> str | None:
    """Return the name that was probably meant, or None.

    >>> nearest("BMP", ["bmp", "csect"]), nearest("x", ["bmp"])
    ('bmp', None)
    """
    return next(iter(nearest_of(name, known)), None)


def nearest_of(
    name: str, known: Iterable[str], *, n: int = 3, cutoff: float = 0.6
) -> list[str]:
    """Return up to ``n`` names that may have been meant, the likeliest first.

    >>> nearest_of("xnys", ["XNYS", "XNAS", "24/7"])
    ['XNYS', 'XNAS']
    """
    by_case = {one.casefold(): one for one in known}
    near = get_close_matches(name.casefold(), by_case, n=n, cutoff=cutoff)
    return [by_case[one] for one in near]


def _shorten(text: str, limit: int = 60) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"
