"""Facts of the outcomes beside returns; the family is `OUTCOMES`."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from inspect import getdoc
from typing import Any

from eventstudy.core import registry
from eventstudy.core.abnormal import Array
from eventstudy.core.errors import SpecError
from eventstudy.core.registry import Family

COLUMNS = ("open", "high", "low", "close", "adj_close", "volume", "value")


@dataclass(frozen=True, slots=True, kw_only=True)
class OutcomeEntry:
    """A member of `OUTCOMES`: what is studied of a session's prices and volume.

    A study takes its mean over the estimation window as normal, and tests the sums of
    what is abnormal over the windows of the returns.

    Parameters
    ----------
    name : str
        The name in tables.
    of : callable
        From the columns that it needs, (S,) arrays in the order of dates with nan
        where missing, to the outcome per session, (S,), nan where there is none.
    needs : tuple of str
        Columns of prices: ``open, high, low, close, adj_close, volume`` and ``value``,
        the money traded (volume times adjusted close; the volume itself of symbols
        that trade round the clock, whose volume is in money already).
    meaning : str
        What it is, in words; a report describes it with them.
    unit : str
        Its unit per session.
    words : str
        What a report calls it; the name in words if empty.
    citation : str
        Where it comes from.
    is_log : bool
        Whether it is a logarithm, so that a sum over sessions is told as a multiple of
        the usual.
    part : str
        Part of a study that it belongs to.
    shown : bool
        Whether a report has a table of it.
    change_of : str
        Name of the outcome of which it is the change from shortly before. A report
        takes that outcome for unusual only where this one is as well: a level that had
        drifted away before the event is no effect.
    compared_with : str
        The sessions that such a change is from, in words.
    lacking : str
        Why a group without any value has no test.

    Raises
    ------
    SpecError
        Where it needs a column that prices do not have.

    Examples
    --------
    >>> from eventstudy.outcomes import OUTCOMES
    >>> OUTCOMES["spread"].needs
    ('high', 'low', 'close')
    """

    name: str
    of: Callable[[Mapping[str, Array]], Array]
    needs: tuple[str, ...] = COLUMNS
    meaning: str = ""
    unit: str = ""
    words: str = ""
    citation: str = ""
    is_log: bool = False
    part: str = "outcomes"
    shown: bool = True
    change_of: str = ""
    compared_with: str = "shortly before"
    lacking: str = "no value to study"

    def __post_init__(self) -> None:
        """Check the columns."""
        if lost := [name for name in self.needs if name not in COLUMNS]:
            raise SpecError(
                f"outcome {self.name!r} needs {', '.join(lost)}; prices have "
                f"{', '.join(COLUMNS)}"
            )


def _outcome_of(function: Callable[..., Any]) -> OutcomeEntry:
    return OutcomeEntry(
        name=function.__name__,
        of=function,
        meaning=(getdoc(function) or "").partition("\n")[0].strip(" ."),
    )


OUTCOMES: Family[OutcomeEntry] = registry.OUTCOMES
OUTCOMES.wrap = _outcome_of


def possible(held: Collection[str]) -> list[OutcomeEntry]:
    """Return the members that can be computed from columns of prices.

    >>> [entry.name for entry in possible(["close", "volume"])]
    ['volume', 'volume_change']
    """
    known = {*held, *(["value"] if "volume" in held else [])}
    return [entry for entry in OUTCOMES.values() if known.issuperset(entry.needs)]


def leading() -> OutcomeEntry:
    """Return the first outcome, of which a study has the path and what was left out."""
    return next(iter(OUTCOMES.values()))
