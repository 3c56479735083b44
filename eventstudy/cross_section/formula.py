"""Formulas of cross-sectional regressions: parsed here, never evaluated.

``~ kind + group``, ``a:b``, ``a*b`` (both and their interaction), ``C(x)`` (a number
as categories), ``-1`` (no constant). Texts are categories, numbers and truth values
are numbers.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, product

import numpy as np
import polars as pl

from eventstudy.core.abnormal import Array
from eventstudy.core.errors import SpecError

_NAME = r"[^\W\d][\w.]*"
_TOKEN = re.compile(
    rf"\s*(?:C\(\s*(?P<forced>{_NAME})\s*\)|(?P<name>{_NAME})"
    r"|(?P<without>-\s*1\b)|(?P<number>[01]\b)|(?P<sign>[+*:]))"
)
_MOST_FACTORS = 4


@dataclass(frozen=True, slots=True)
class Factor:
    """A column of the data; ``forced`` when ``C(name)`` makes categories of it."""

    name: str
    forced: bool = False


Term = tuple[Factor, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Formula:
    """Terms in order, a constant first if there is one; ``()`` is the constant."""

    terms: tuple[Term, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Columns that the formula needs, each once."""
        return tuple(dict.fromkeys(f.name for term in self.terms for f in term))


# One column of a design: per factor its name, its level (None: the number itself) and
# the label of both.
Column = tuple[tuple[Factor, object, str], ...]


def parse(text: str, known: Iterable[str]) -> Formula:
    """Read a formula over the columns ``known``.

    Raises `SpecError` for anything but names, ``+ : *``, ``C()`` and ``-1``.

    >>> [[f.name for f in term] for term in parse("~ a*b - 1", ["a", "b"]).terms]
    [['a'], ['b'], ['a', 'b']]
    """
    known = sorted(name for name in known if re.fullmatch(_NAME, name))
    constant, terms = True, dict[frozenset[Factor], Term]()
    for summand in _split(_tokens(text, known), "+"):
        if summand in (["-1"], ["0"], ["1"]):
            constant = summand == ["1"]
        else:
            factors = [_split(part, ":") for part in _split(summand, "*")]
            for term in _expand(text, known, factors):
                terms.setdefault(frozenset(term), term)
    ordered = sorted(terms.values(), key=len)
    if constant:
        ordered.insert(0, ())
    if not ordered:
        raise _refused(text, known, "there is no term")
    return Formula(terms=tuple(ordered))


def columns(formula: Formula, frame: pl.DataFrame) -> list[Column]:
    """Return the columns of a design of full rank, categories in sorted order.

    A category's first level is left out where its column would be a sum of columns
    that are there already: those of the constant and of earlier terms.
    """
    levels = {f: _levels(f, frame) for term in formula.terms for f in term}
    there: dict[frozenset[Factor], set[frozenset[Factor]]] = {}
    out: list[Column] = []
    for term in formula.terms:
        texts = [f for f in term if levels[f] is not None]
        spanned = there.setdefault(frozenset(term) - set(texts), set())
        for short, full in _codings(texts, spanned):
            parts: list[list[tuple[Factor, object, str]]] = []
            for factor in term:
                found = levels[factor]
                if found is None:
                    parts.append([(factor, None, factor.name)])
                elif factor in short:
                    parts.append([_level(factor, v, "T.") for v in found[1:]])
                elif factor in full:
                    parts.append([_level(factor, v, "") for v in found])
            out += product(*parts)
    return out


def _codings(
    texts: Sequence[Factor], spanned: set[frozenset[Factor]]
) -> list[tuple[frozenset[Factor], frozenset[Factor]]]:
    """Say which categories lack their first level, and which have all, part by part.

    A product of all levels spans the products of every subset of its categories
    without first levels. Subsets already in ``spanned`` are not spanned again; two
    that differ by one category are one part in which it has all its levels.
    """
    subsets = [
        frozenset(chosen)
        for size in range(len(texts) + 1)
        for chosen in combinations(texts, size)
    ]
    parts = [(s, frozenset[Factor]()) for s in subsets if s not in spanned]
    spanned |= set(subsets)
    for factor in texts:
        for short, full in list(parts):
            longer = (short | {factor}, full)
            if factor not in short and longer in parts and (short, full) in parts:
                parts.remove(longer)
                parts[parts.index((short, full))] = (short, full | {factor})
    return parts


def label(column: Column) -> str:
    """Return a column's name, such as ``kind[T.tax]:group[T.miners]``."""
    return ":".join(text for _, _, text in column) or "Intercept"


def matrix(held: Sequence[Column], frame: pl.DataFrame) -> Array:
    """Return the design (N, K) of ``frame``, whose columns have no nulls."""
    out = np.ones((frame.height, len(held)))
    for place, column in enumerate(held):
        for factor, level, _ in column:
            values = frame[factor.name]
            out[:, place] *= (
                values.cast(pl.Float64) if level is None else values == level
            ).to_numpy()
    return out


def _levels(factor: Factor, frame: pl.DataFrame) -> list[object] | None:
    values = frame[factor.name]
    if not factor.forced and values.dtype != pl.String:
        return None
    return values.unique().sort().to_list()


def _level(factor: Factor, value: object, mark: str) -> tuple[Factor, object, str]:
    text = f"{value:g}" if isinstance(value, float) else str(value)
    return factor, value, f"{factor.name}[{mark}{text}]"


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


def _split(tokens: Sequence[_Token], sign: str) -> list[list[_Token]]:
    out: list[list[_Token]] = [[]]
    for token in tokens:
        if token == sign:
            out.append([])
        else:
            out[-1].append(token)
    return out


def _expand(
    text: str, known: Sequence[str], parts: Sequence[Sequence[Sequence[_Token]]]
) -> Iterator[Term]:
    """Yield the terms of a product: every choice of its parts, multiplied out."""
    interactions = []
    for part in parts:
        factors = [token for piece in part for token in piece if len(piece) == 1]
        if len(factors) < len(part) or not all(isinstance(f, Factor) for f in factors):
            raise _refused(text, known, "each sign joins two names")
        interactions.append([f for f in factors if isinstance(f, Factor)])
    if sum(map(len, interactions)) > _MOST_FACTORS:
        raise _refused(text, known, f"more than {_MOST_FACTORS} names are multiplied")
    for size in range(1, len(interactions) + 1):
        for chosen in combinations(interactions, size):
            yield tuple(dict.fromkeys(f for factors in chosen for f in factors))


def _refused(text: str, known: Sequence[str], why: str) -> SpecError:
    return SpecError(
        f"formula {text!r}: {why}; wanted names joined by +, : or *, C(name) for "
        f"categories, -1 for no constant; known names: {', '.join(known)}"
    )
