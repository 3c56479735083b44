"""Texts -> numbers: decimal marks, thousands marks, currencies, K and M, per cent.

The decimal mark is a fact of a file. It is settled by cells that admit one reading
only: those with both marks, with a mark twice, or with other than three digits after
the only mark. Where none does and a comma is there, it is asked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from eventstudy.core.errors import SpecError

MARKS = (".", ",")
MISSING = (
    "",
    "-",
    "–",
    "—",
    "--",
    ".",
    "null",
    "none",
    "na",
    "n/a",
    "n.a.",
    "#n/a",
    "#na",
    "<na>",
)
# Blanks that stand between thousands: plain, no-break, thin, narrow no-break.
_BLANKS = r"[ \u00a0\u2009\u202f]"
_CURRENCY = (
    r"(?:US\$|A\$|C\$|HK\$|[$€£¥₿₩₹]|USD|EUR|GBP|JPY|CNY|HKD|CHF|CAD|AUD|KRW|INR|BTC)"
)
_SCALES = {"k": 1e3, "m": 1e6, "b": 1e9, "t": 1e12}

_COMMA_DECIDES = (
    r"^\d{1,3}(?:\.\d{3})+,\d+$",  # 1.234,56
    r"^\d{1,3}(?:\.\d{3}){2,}$",  # 1.234.567
    r"^\d*,(?:\d{1,2}|\d{4,})$",  # 12,5
    r"^(?:0|\d{4,}),\d{3}$",  # 0,123 and 1234,567
)
_DOT_DECIDES = (
    r"^\d{1,3}(?:,\d{3})+\.\d*$",  # 1,234.56
    r"^\d{1,3}(?:,\d{3}){2,}$",  # 1,234,567
    r"^\d*\.(?:\d{1,2}|\d{4,})$",  # 12.5
    r"^(?:0|\d{4,})\.\d{3}$",  # 0.123 and 1234.567
)
_WITH_COMMA = r"^\d{1,3},\d{3}$"


@dataclass(frozen=True, slots=True, kw_only=True)
class NumberCells:
    """Numbers, null where a cell says that there is none, and the cells at fault.

    wrong : positions of texts that are no numbers
    """

    values: pl.Series
    wrong: list[int]


def decimal_mark(columns: Sequence[pl.Series], given: str | None = None) -> str | None:
    """Return the decimal mark of a table's texts; None where it must be asked for.

    columns : the texts of all columns of numbers;  given : what the user says
    Raises `SpecError` for another mark, and where cells decide for both.

    >>> (
    ...     decimal_mark([pl.Series(["1.234,56", "7"])]),
    ...     decimal_mark([pl.Series(["1,234"])]),
    ... )
    (',', None)
    >>> decimal_mark([pl.Series(["1,234"]), pl.Series(["1.5"])])
    '.'
    """
    if given is not None and given not in MARKS:
        raise SpecError(f"decimal = {given!r}; wanted '.' or ','")
    if given is not None:
        return given
    odd = [_odd(column) for column in columns]
    if not any(odd):
        return "."
    pairs = list(zip(columns, odd, strict=True))
    cores = [_core(column) for column, is_odd in pairs if is_odd]
    plain = [_core(column) for column, is_odd in pairs if not is_odd]
    comma, dot = _first(cores, _COMMA_DECIDES), _first([*cores, *plain], _DOT_DECIDES)
    if comma is not None and dot is not None:
        raise SpecError(
            f"{comma!r} has a decimal comma and {dot!r} a decimal point; say "
            "decimal = ',' or decimal = '.'"
        )
    if comma is not None:
        return ","
    if dot is None and _first(cores, (_WITH_COMMA,)) is not None:
        return None
    return "."


def read_numbers(texts: pl.Series, decimal: str = ".") -> NumberCells:
    """Read texts as numbers, with this decimal mark.

    >>> read_numbers(pl.Series(["$1,234.5", "12K", "5 %", "-", "x"])).values.to_list()
    [1234.5, 12000.0, 0.05, None, None]
    >>> read_numbers(pl.Series(["1.234,5", "(3,5)"]), ",").values.to_list()
    [1234.5, -3.5]
    """
    values = texts.cast(pl.Float64, strict=False)
    if decimal == "." and not _odd(texts, values):
        return NumberCells(values=values, wrong=[])
    thousands = "," if decimal == "." else "."
    group = r"," if decimal == "." else r"\."
    point = r"\." if decimal == "." else r","
    number = rf"^(?:\d{{1,3}}(?:{group}\d{{3}})+|\d*)(?:{point}\d*)?(?:[eE][+-]?\d+)?$"
    frame = pl.DataFrame({"text": texts}).select(
        "text",
        core=_core_of(pl.col("text")),
        minus=_negative(pl.col("text")),
        scale=_scale_of(pl.col("text")),
    )
    sound = pl.col("core").str.contains(number) & pl.col("core").str.contains(r"\d")
    digits = (
        pl.col("core")
        .str.replace_all(thousands, "", literal=True)
        .str.replace(decimal, ".", literal=True)
    )
    # words such as NaN and inf are numbers, which are judged later
    words = pl.col("text").str.to_lowercase().str.contains(r"^[+-]?(?:nan|inf)")
    read = frame.select(
        value=pl.when(words)
        .then(pl.col("text").cast(pl.Float64, strict=False))
        .when(sound)
        .then(
            digits.cast(pl.Float64, strict=False)
            * pl.col("scale")
            * pl.when("minus").then(-1.0).otherwise(1.0)
        ),
        missing=_is_missing(pl.col("text")),
    )
    wrong = read.select(~pl.col("missing") & pl.col("value").is_null())
    return NumberCells(
        values=read["value"].alias(texts.name),
        wrong=wrong.to_series().arg_true().to_list(),
    )


def _odd(texts: pl.Series, values: pl.Series | None = None) -> bool:
    """Whether a column has texts that are neither plain numbers nor missing.

    values : the texts as plain numbers, where they are known
    """
    values = texts.cast(pl.Float64, strict=False) if values is None else values
    if values.null_count() == texts.null_count():
        return False
    lost = texts.filter(values.is_null())
    held = lost.drop_nulls().to_frame("text")
    return bool(held.select((~_is_missing(pl.col("text"))).any()).item() or False)


def _first(cores: Sequence[pl.Series], patterns: Sequence[str]) -> str | None:
    """Return the first text that matches one of the patterns."""
    for core in cores:
        hit = core.filter(core.str.contains("|".join(patterns)))
        if len(hit):
            return str(hit[0])
    return None


def _core(texts: pl.Series) -> pl.Series:
    found = texts.drop_nulls().to_frame("text").select(_core_of(pl.col("text")))
    return found.to_series().drop_nulls()


def _is_missing(text: pl.Expr) -> pl.Expr:
    plain = text.str.strip_chars().str.to_lowercase()
    return text.is_null() | plain.is_in(list(MISSING))


def _bare(text: pl.Expr) -> pl.Expr:
    """Return a text without blanks, currency, and the sign before it."""
    bare = text.str.replace_all("\u2212", "-").str.replace_all(_BLANKS, "")
    bare = bare.str.replace_all(rf"^([+\-(]?){_CURRENCY}", "${1}")
    bare = bare.str.replace_all(rf"{_CURRENCY}(\)?)$", "${1}")
    return bare.str.replace(r"^'", "")


def _core_of(text: pl.Expr) -> pl.Expr:
    """Return digits and marks alone."""
    core = _bare(text).str.replace(r"^[+\-]", "").str.replace(r"^\((.*)\)$", "${1}")
    core = core.str.replace(rf"^{_CURRENCY}", "").str.replace(r"[KkMmBbTt%]$", "")
    # apostrophes and blanks stand between thousands only
    return core.str.replace_all(r"(\d)['’](\d{3})", "${1}${2}")


def _negative(text: pl.Expr) -> pl.Expr:
    bare = _bare(text)
    return bare.str.starts_with("-") | bare.str.contains(r"^\(.*\)$")


def _scale_of(text: pl.Expr) -> pl.Expr:
    end = _bare(text).str.to_lowercase().str.strip_suffix(")").str.slice(-1)
    scale: Any = pl.when(end == "%").then(0.01)
    for letter, factor in _SCALES.items():
        scale = scale.when(end == letter).then(factor)
    out: pl.Expr = scale.otherwise(1.0)
    return out
