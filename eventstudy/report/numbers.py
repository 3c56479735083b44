"""Numbers as text: the one place where the report rounds.

Missing values (None, nan) become an en dash; the minus sign is a real one.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

MISSING = "–"
NBSP = "\u00a0"  # keeps a number together with what belongs to it
Number = float | int | None


def is_missing(value: Number) -> bool:
    """Tell whether there is no value to show."""
    return value is None or not math.isfinite(value)


def decimal(value: Number, places: int = 2, *, sign: bool = False) -> str:
    """Write a number with a fixed number of decimals.

    >>> decimal(-0.0361, 3), decimal(2, 1, sign=True), decimal(-0.0001), decimal(None)
    ('−0.036', '+2.0', '0.00', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{abs(value):,.{places}f}"
    if not text.strip("0.,"):
        return text
    mark = "−" if value < 0 else "+" if sign else ""
    return mark + text


def exact(value: Number) -> str:
    """Write a number in full, as the written tables have it.

    >>> exact(-0.1167443210987654), exact(1e-7), exact(None)
    ('-0.1167443210987654', '1e-7', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    return str(pl.Series([float(value)]).cast(pl.String)[0])


def percent(value: Number, places: int = 2) -> str:
    """Write a fraction in per cent, signed, without the unit.

    >>> percent(-0.19496), percent(0.0012)
    ('−19.50', '+0.12')
    """
    return decimal(None if value is None else 100 * value, places, sign=True)


def spread(value: Number, places: int = 2) -> str:
    """Write a standard error or deviation in per cent, unsigned.

    >>> spread(0.1077003)
    '10.77'
    """
    return decimal(None if value is None else 100 * value, places)


def pvalue(value: Number) -> str:
    r"""Write a p-value with three decimals.

    >>> pvalue(0.0312), pvalue(2e-7), pvalue(0.9999), pvalue(float("nan"))
    ('0.031', '<\xa00.001', '>\xa00.999', '–')
    """
    if value is None or not math.isfinite(value):
        return MISSING
    if value < 0.001:
        return f"<{NBSP}0.001"
    return f">{NBSP}0.999" if value > 0.999 else f"{value:.3f}"


def pvalue_cell(value: Number) -> str:
    """Write a p-value so that a table cell shows it as it is.

    >>> pvalue_cell(0.0312), pvalue_cell(None)
    ('0.031', '–')
    """
    return pvalue(value).replace("<", "&lt;").replace(">", "&gt;")


def p_equals(value: Number) -> str:
    r"""Write ``p = 0.031`` or ``p < 0.001``.

    >>> p_equals(0.0312), p_equals(0.0)
    ('p\xa0=\xa00.031', 'p\xa0<\xa00.001')
    """
    text = pvalue(value)
    return f"p{NBSP}{text}" if text[0] in "<>" else f"p{NBSP}={NBSP}{text}"


def percent_interval(low: Number, high: Number, places: int = 2) -> str:
    r"""Write an interval in per cent; empty when either end is missing.

    >>> percent_interval(-0.081, 0.0168)
    '[−8.10,\xa0+1.68]'
    """
    if is_missing(low) or is_missing(high):
        return ""
    return f"[{percent(low, places)},{NBSP}{percent(high, places)}]"


def interval(low: Number, high: Number, places: int = 2) -> str:
    r"""Write an interval of plain numbers; empty when either end is missing.

    >>> interval(0.9, 1.412)
    '[0.90,\xa01.41]'
    """
    if is_missing(low) or is_missing(high):
        return ""
    return f"[{decimal(low, places)},{NBSP}{decimal(high, places)}]"


def places_for(error: Number, usual: int = 1) -> int:
    """Decimals of a number in per cent: its standard error has two digits.

    error : the standard error as a fraction;  usual : decimals without one

    >>> places_for(0.117), places_for(0.0345), places_for(0.0021), places_for(None)
    (0, 1, 2, 1)
    """
    if error is None or not math.isfinite(error) or error <= 0:
        return usual
    return min(4, max(0, 1 - math.floor(math.log10(100 * error))))


@dataclass(frozen=True, slots=True)
class Returns:
    """Returns, and sums and averages of them, as per cent of price.

    A log return r is shown as exp(r) - 1, the change of the price; so the average of
    logs becomes the geometric mean of price changes, and the ends of an interval those
    of an interval for it. A standard error is multiplied by exp(r), the slope there
    (delta method). Simple returns are shown as they are.

    kind : "log" or "simple", ``spec.returns`` of a study

    >>> Returns("log").percent(-0.1167, 0.039), Returns("simple").percent(-0.1167)
    ('−11.0', '−11.7')
    """

    kind: str

    def change(self, value: Number) -> float | None:
        """Return the change of the price as a fraction; None where there is none."""
        if value is None or not math.isfinite(value):
            return None
        if self.kind != "log":
            return float(value)
        return math.expm1(value) if value < _LARGEST else None

    def error(self, value: Number, error: Number) -> float | None:
        """Return the standard error of a change of the price, as a fraction."""
        change = self.change(value)
        if change is None or error is None or not math.isfinite(error):
            return None
        return error * (1 + change) if self.kind == "log" else float(error)

    def places(self, value: Number, error: Number) -> int:
        """Decimals of a change in per cent."""
        return places_for(self.error(value, error))

    def percent(self, value: Number, error: Number = None) -> str:
        """Write a change of the price in per cent, signed, without the unit."""
        return percent(self.change(value), self.places(value, error))

    def spread(self, value: Number, error: Number) -> str:
        """Write its standard error."""
        return spread(self.error(value, error), self.places(value, error))

    def with_error(self, value: Number, error: Number) -> str:
        """Write a change with its standard error in brackets."""
        return f"{self.percent(value, error)}{NBSP}({self.spread(value, error)})"

    def interval(self, low: Number, high: Number, places: int) -> str:
        """Write an interval in per cent; empty when either end is missing."""
        return percent_interval(self.change(low), self.change(high), places)

    def column(self, name: str) -> pl.Expr:
        """Give a column of returns as per cent of price."""
        held = pl.col(name)
        return (held.exp() - 1 if self.kind == "log" else held) * 100


_LARGEST = 700.0  # log return whose price is still a number


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Write a number with its noun.

    >>> count(1, "event"), count(1200, "event"), count(2, "day", "days")
    ('1 event', '1,200 events', '2 days')
    """
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def listing(items: Sequence[str], most: int | None = None, last: str = "and") -> str:
    """Join items as prose, the rest counted when there are more than ``most``.

    >>> listing(["a", "b", "c"]), listing(["a", "b", "c"], most=2)
    ('a, b and c', 'a, b and 1 more')
    """
    if most is not None and len(items) > most:
        items = [*items[:most], f"{len(items) - most} more"]
    if len(items) <= 1:
        return "".join(items)
    return f"{', '.join(items[:-1])} {last} {items[-1]}"


def median(values: Sequence[Number]) -> float | None:
    """Return the median of what is there.

    >>> median([3.0, None, 1.0, float("nan")]), median([None])
    (2.0, None)
    """
    held = sorted(v for v in values if v is not None and math.isfinite(v))
    if not held:
        return None
    middle = len(held) // 2
    if len(held) % 2:
        return float(held[middle])
    return (held[middle - 1] + held[middle]) / 2
