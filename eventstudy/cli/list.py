"""The command ``eventstudy list``: the members of a family."""

import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Annotated

import typer

from eventstudy.cli.terminal import say, say_json
from eventstudy.core.errors import unknown_name

_WIDTH = 100
_GAP = "  "
_NARROWEST = 9


def list_family(
    family: Annotated[
        str,
        typer.Argument(
            help="models, tests, volatility, outcomes, long_run, sources or kinds."
        ),
    ],
    as_json: Annotated[
        bool, typer.Option("--json", help="Print JSON, and nothing else, for programs.")
    ] = False,
) -> None:
    """List the members of a family, with what each means.

    Example: eventstudy list tests
    """
    if as_json:
        say_json({head: members() for head, members in _family(family).items()})
        return
    say(table(family))


def table(family: str) -> str:
    """Return a table of the family; raise `SpecError` for an unknown one.

    Cells are wrapped, so that a member takes as many lines as its longest fact.

    >>> print(table("models").splitlines()[1][:13])
    constant_mean
    """
    return "\n\n".join(
        _table(head, members()) for head, members in _family(family).items()
    )


def _family(name: str) -> "Mapping[str, Callable[[], _Facts]]":
    if name not in _FAMILIES:
        raise unknown_name("family", name, _FAMILIES)
    return _FAMILIES[name]


def _table(family: str, members: "_Facts") -> str:
    labels = list(next(iter(members.values())))
    rows = [[name, *facts.values()] for name, facts in members.items()]
    widths = _widths([[family, *labels], *rows])
    return "\n".join(
        line for row in [[family, *labels], *rows] for line in _lines(row, widths)
    )


def _widths(rows: Sequence[Sequence[str]]) -> list[int]:
    """Give names their width, and share the rest by how much text a column has."""
    columns = list(zip(*rows, strict=True))
    names = max(map(len, columns[0]))
    left = _WIDTH - names - len(_GAP) * (len(columns) - 1)
    amounts = [sum(map(len, column)) for column in columns[1:]]
    spare = left - _NARROWEST * len(amounts)
    return [names, *(_NARROWEST + spare * n // sum(amounts) for n in amounts)]


def _lines(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    cells = [textwrap.wrap(text, w) for text, w in zip(row, widths, strict=True)]
    for parts in zip_longest(*cells, fillvalue=""):
        padded = (part.ljust(w) for part, w in zip(parts, widths, strict=True))
        yield _GAP.join(padded).rstrip()


_Facts = Mapping[str, Mapping[str, str]]


def _models() -> _Facts:
    from eventstudy.models import MODELS

    return {
        name: {
            "meaning": entry.meaning,
            "normal": entry.formula,
            "source": entry.citation,
        }
        for name, entry in MODELS.items()
    }


def _tests() -> _Facts:
    from eventstudy.inference import TESTS

    return {
        name: {
            "meaning": entry.meaning,
            "null": entry.null,
            "robust to": ", ".join(sorted(entry.robust_to)) or "nothing of the usual",
            "least N": str(entry.min_n)
            + ("" if entry.level == "sample" else ", answers for each"),
            "source": entry.citation,
        }
        for name, entry in TESTS.items()
    }


def _volatility() -> _Facts:
    from eventstudy.volatility import SHIFTS

    return {
        name: {
            "meaning": entry.meaning,
            "null": entry.null,
            "robust to": entry.robust_to,
            "source": entry.citation,
        }
        for name, entry in SHIFTS.items()
    }


def _measures() -> _Facts:
    from eventstudy.volatility import MEASURES

    return {
        name: {
            "meaning": entry.meaning.replace("`", ""),
            "unit": entry.unit,
            "source": entry.citation,
        }
        for name, entry in MEASURES.items()
    }


def _outcomes() -> _Facts:
    from eventstudy.outcomes import OUTCOMES

    return {
        name: {
            "meaning": entry.meaning,
            "unit": entry.unit,
            "needs": ", ".join(entry.needs),
            "source": entry.citation,
        }
        for name, entry in OUTCOMES.items()
    }


def _long_run() -> _Facts:
    from eventstudy.core.registry import LONG_RUN

    return {
        name: {
            "meaning": entry.meaning,
            "null": entry.null,
            "beware": entry.warning.replace("`", ""),
            "source": entry.citation,
        }
        for name, entry in LONG_RUN.items()
    }


def _sources() -> _Facts:
    from eventstudy.prices import SOURCES

    return {
        name: {
            "meaning": entry.meaning,
            "network": "needed" if entry.needs_network else "not needed",
        }
        for name, entry in SOURCES.items()
    }


def _kinds() -> _Facts:
    from eventstudy.catalogue import KINDS

    return {name: {"meaning": meaning} for name, meaning in KINDS.items()}


# By the name of a family, its tables: the word at the head of each, and its members.
_FAMILIES: Mapping[str, Mapping[str, Callable[[], _Facts]]] = {
    "models": {"models": _models},
    "tests": {"tests": _tests},
    "volatility": {"volatility": _volatility, "measures": _measures},
    "outcomes": {"outcomes": _outcomes},
    "long_run": {"long_run": _long_run},
    "sources": {"sources": _sources},
    "kinds": {"kinds": _kinds},
}
