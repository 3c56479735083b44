"""Which tests the report speaks of as what: queries on the facts of their entries."""

from collections.abc import Container

from eventstudy.inference import TESTS

_SCALES = {
    "estimation window": "the whole estimation window",
    "event": "the spread at the event",
    "recent": "the last sessions before",
}


def voting() -> list[str]:
    """Robust tests that are weighed against the recommended one."""
    return [name for name, entry in TESTS.items() if entry.votes]


def naive() -> list[str]:
    """Tests that take the observations as independent, shown for comparison."""
    return [name for name, entry in TESTS.items() if entry.naive]


def in_headline() -> list[str]:
    """Tests that have a column of the headline table before others."""
    return [name for name, entry in TESTS.items() if entry.in_headline]


def measuring_by(scale: str, held: Container[str]) -> list[str]:
    """Tests that measure their statistic by a spread; those without ranks first.

    scale : "estimation window" or "event";  held : the tests in question
    """
    found = [e for e in TESTS.values() if e.scale == scale and e.name in held]
    found.sort(key=lambda entry: "non-normality" in entry.robust_to)
    return [entry.name for entry in found]


def measures_by(name: str) -> str:
    """Say by what a test measures its statistic, in words."""
    entry = TESTS.get(name)
    return _SCALES.get(entry.scale if entry else "", "ranks or other dates")


def measures_recently(name: str | None) -> bool:
    """Tell whether a test measures by the volatility of the last sessions before."""
    entry = TESTS.get(name or "")
    return entry is not None and entry.scale == "recent"
