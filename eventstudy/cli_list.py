"""What ``eventstudy list`` prints: the members of a family."""

import textwrap
from collections.abc import Callable, Mapping

from eventstudy.errors import unknown_name

_WIDTH = 100


def table(family: str) -> str:
    """Return a table of the family; raise `SpecError` for an unknown one.

    >>> print(table("models").splitlines()[0])
    constant_mean
    """
    if family not in _FAMILIES:
        raise unknown_name("family", family, _FAMILIES)
    return "\n".join(
        line
        for name, facts in _FAMILIES[family]().items()
        for line in [name, *(_wrapped(label, text) for label, text in facts.items())]
    )


def _wrapped(label: str, text: str) -> str:
    head = f"    {label:<10} " if label else "    "
    return textwrap.fill(
        text, _WIDTH, initial_indent=head, subsequent_indent=" " * len(head)
    )


_Facts = Mapping[str, Mapping[str, str]]


def _models() -> _Facts:
    from eventstudy.models import MODELS

    return {
        name: {
            "": entry.meaning,
            "normal": entry.formula,
            "source": entry.citation,
        }
        for name, entry in MODELS.items()
    }


def _tests() -> _Facts:
    from eventstudy.inference import TESTS

    return {
        name: {
            "": entry.meaning,
            "null": entry.null,
            "robust to": ", ".join(sorted(entry.robust_to)) or "nothing of the usual",
            "needs": f"at least {entry.min_n} observation"
            + ("s" if entry.min_n > 1 else "")
            + ("" if entry.level == "sample" else "; answers for each observation"),
            "source": entry.citation,
        }
        for name, entry in TESTS.items()
    }


def _volatility() -> _Facts:
    from eventstudy.volatility import SHIFTS

    return {
        name: {
            "": entry.meaning,
            "null": entry.null,
            "robust to": entry.robust_to,
            "source": entry.citation,
        }
        for name, entry in SHIFTS.items()
    }


def _sources() -> _Facts:
    from eventstudy.prices import SOURCES

    return {
        name: {
            "": entry.meaning,
            "network": "needed" if entry.needs_network else "not needed",
        }
        for name, entry in SOURCES.items()
    }


def _kinds() -> _Facts:
    from eventstudy.catalogue import KINDS

    return {name: {"": meaning} for name, meaning in KINDS.items()}


_FAMILIES: Mapping[str, Callable[[], _Facts]] = {
    "models": _models,
    "tests": _tests,
    "volatility": _volatility,
    "sources": _sources,
    "kinds": _kinds,
}
