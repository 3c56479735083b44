"""Formulas of cross-sectional regressions: checked here, worked out by formulaic.

``~ kind + group``, ``a:b``, ``a*b`` (both and their interaction), ``C(x)`` (a number
as categories), ``-1`` (no constant). Texts are categories, numbers and truth values
are numbers. formulaic evaluates Python in a formula; so it is given neither the text
nor the user's columns, but names made here (``f0 + f1:f2``) for columns made here.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from eventstudy.core.errors import SpecError

_NAME = r"[^\W\d][\w.]*"
_TOKEN = re.compile(
    rf"\s*(?:C\(\s*(?P<forced>{_NAME})\s*\)|(?P<name>{_NAME})"
    r"|(?P<without>-\s*1\b)|(?P<number>[01]\b)|(?P<sign>[+*:]))"
)
_COLUMN = re.compile(r"f(?P<place>\d+)(?:\[(?P<mark>T\.)?(?P<level>\d+)\])?")
_MOST_FACTORS = 4


@dataclass(frozen=True, slots=True)
class Factor:
    """A column of the data; ``forced`` when ``C(name)`` makes categories of it."""

    name: str
    forced: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """A checked formula: ``text`` names its factors f0, f1, … in their order."""

    text: str
    factors: tuple[Factor, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that the formula needs, each once."""
        return tuple(dict.fromkeys(factor.name for factor in self.factors))


def parse(text: str, known: Iterable[str]) -> Formula:
    """Read a formula over the columns ``known``.

    Raises `SpecError` for anything but names, ``+ : *``, ``C()`` and ``-1``.

    >>> parse("~ a*b + C(a) - 1", ["a", "b"]).text
    '0 + f0*f1 + f2'
    """
    known = sorted(name for name in known if re.fullmatch(_NAME, name))
    constant, summands = "1", []
    factors: dict[Factor, str] = {}
    for summand in _summands(_tokens(text, known)):
        if summand in (["-1"], ["0"], ["1"]):
            constant = "1" if summand == ["1"] else "0"
            continue
        names, signs = summand[::2], summand[1::2]
        joined = len(names) > len(signs) and set(signs) <= {":", "*"}
        if not joined or not all(isinstance(name, Factor) for name in names):
            raise _refused(text, known, "each sign joins two names")
        if len(names) > _MOST_FACTORS:
            why = f"more than {_MOST_FACTORS} names are multiplied"
            raise _refused(text, known, why)
        summands.append(
            "".join(
                token
                if isinstance(token, str)
                else factors.setdefault(token, f"f{len(factors)}")
                for token in summand
            )
        )
    if constant == "0" and not summands:
        raise _refused(text, known, "there is no term")
    return Formula(text=" + ".join([constant, *summands]), factors=tuple(factors))


def design(formula: Formula, frame: pl.DataFrame) -> tuple[list[str], Any]:
    """Return the columns' labels and the design (N, K), sparse and of full rank.

    ``frame`` has no nulls in the formula's columns. Categories are in sorted order;
    the first level is left out where its column would be a sum of columns that are
    there already: those of the constant and of earlier terms.
    """
    from formulaic import Formula as Terms
    from formulaic import SimpleFormula
    from formulaic.parser.types import Term

    levels = [_levels(factor, frame) for factor in formula.factors]
    data = pl.DataFrame(
        [
            pl.int_range(frame.height, eager=True).alias("row"),
            *(
                _coded(frame[factor.name], found).alias(f"f{place}")
                for place, (factor, found) in enumerate(
                    zip(formula.factors, levels, strict=True)
                )
            ),
        ]
    )
    # Of an interaction, the last factor loses a level first and varies fastest.
    terms = [Term(reversed(term.factors)) for term in Terms(formula.text)]
    made = SimpleFormula(terms, _ordering="none").get_model_matrix(
        data, output="sparse", na_action="raise"
    )
    return [
        _label(name, formula.factors, levels) for name in made.model_spec.column_names
    ], made


def _levels(factor: Factor, frame: pl.DataFrame) -> list[object] | None:
    values = frame[factor.name]
    if not factor.forced and values.dtype != pl.String:
        return None
    return values.unique().sort().to_list()


def _coded(values: pl.Series, levels: Sequence[object] | None) -> pl.Series:
    """Return numbers as they are, and categories as their places, in text order."""
    if levels is None:
        return values.cast(pl.Float64)
    width = len(str(len(levels)))
    codes = [f"{place:0{width}}" for place in range(len(levels))]
    return values.replace_strict(levels, codes, return_dtype=pl.String)


def _label(
    column: str, factors: Sequence[Factor], levels: Sequence[Sequence[object] | None]
) -> str:
    """Return a column's name, such as ``kind[T.tax]:group[T.miners]``."""
    parts = []
    for found in reversed(list(_COLUMN.finditer(column))):
        place = int(found["place"])
        name, of_factor = factors[place].name, levels[place]
        if of_factor is not None:
            value = of_factor[int(found["level"])]
            text = f"{value:g}" if isinstance(value, float) else str(value)
            name = f"{name}[{found['mark'] or ''}{text}]"
        parts.append(name)
    return ":".join(parts) or "Intercept"


_Token = Factor | str


def _tokens(text: str, known: Sequence[str]) -> list[_Token]:
    """Return factors, signs, and the numbers that stand for the constant."""
    rest = text.strip().removeprefix("~").rstrip()
    out: list[_Token] = []
    while rest:
        match = _TOKEN.match(rest)
        if match is None:
            raise _refused(text, known, f"{rest.strip()!r} cannot be read")
        kind, value = match.lastgroup, match[match.lastgroup or 0]
        if kind in ("name", "forced"):
            if value not in known:
                raise _refused(text, known, f"unknown name {value!r}")
            out.append(Factor(value, kind == "forced"))
        elif kind == "without":
            out += ["-1"] if not out or out[-1] == "+" else ["+", "-1"]
        else:
            out.append(value)
        rest = rest[match.end() :]
    return out


def _summands(tokens: Sequence[_Token]) -> list[list[_Token]]:
    out: list[list[_Token]] = [[]]
    for token in tokens:
        if token == "+":
            out.append([])
        else:
            out[-1].append(token)
    return out


def _refused(text: str, known: Sequence[str], why: str) -> SpecError:
    return SpecError(
        f"formula {text!r}: {why}; wanted names joined by +, : or *, C(name) for "
        f"categories, -1 for no constant; known names: {', '.join(known)}"
    )
