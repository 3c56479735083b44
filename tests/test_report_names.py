"""The rooms above the families name no member: they ask the entries for facts.

A list of names outside its family is a second copy of a fact, and goes wrong when a
member joins. So no text in ``report/`` and ``study/`` is a member's name, and no prose
holds one as code; what only looks like one is listed here, with a reason.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from eventstudy.core import registry
from eventstudy.core.registry import Family

PACKAGE = Path(registry.__file__).parents[1]
FILES = sorted(
    path.relative_to(PACKAGE).as_posix()
    for room in ("report", "study")
    for path in (PACKAGE / room).rglob("*.py")
)
FAMILIES = ("TESTS", "MODELS", "SHIFTS", "MEASURES", "OUTCOMES")
# A word in a file that is a member's name by accident: what it is there.
OTHER_WORDS = {
    ("study/needed.py", "garch"): "the part of that name",
    ("report/figures/volume.py", "volume"): "the name of the figure's file",
    ("report/figures/placebo.py", "placebo"): "the table and figure of that name",
    ("report/links.py", "volume"): "the name of a page",
    ("report/numbers.py", "f"): "the format of a float",
    ("report/ratios.py", "rank"): "a column that holds an order",
    ("report/sections/__init__.py", "volume"): "the name of a page",
    ("report/sections/chance.py", "placebo"): "the name of a figure",
    ("report/sections/dynamics.py", "garch"): "the table of that name",
    ("report/sections/dynamics.py", "volume"): "the name of a figure",
    ("report/sections/finding.py", "cluster"): "the noun: a set of dates",
    ("report/sections/agreement.py", "cluster"): "the noun: a set of dates",
    ("report/sections/fit.py", "dimson"): "the model that a reader is offered",
    ("report/sections/fit.py", "skewness"): "a column of the models' fit",
    ("report/sections/long_run.py", "t"): "the head of a column",
    ("study/builders.py", "garch"): "the table and the part of that name",
    ("study/defaults.py", "garch"): "the part of that name",
    ("study/doubts.py", "volume"): "a column of the prices",
    ("study/group_tables.py", "placebo"): "the table of that name",
    ("study/inputs.py", "factors"): "the setting of that name",
    ("study/placebo_table.py", "placebo"): "what a sample collects",
    ("study/provenance.py", "factors"): "the role of a file",
    ("study/schema.py", "cluster"): "a column of the catalogue",
    ("study/schema.py", "garch"): "the table and the part of that name",
    ("study/schema.py", "illiquidity"): "the part of that name",
    ("study/schema.py", "placebo"): "the table of that name",
    ("study/schema.py", "skewness"): "a column of the models' fit",
    ("study/schema.py", "volume"): "the part of that name",
    ("study/volatility_conditional.py", "garch"): "the table of that name",
    ("study/volatility_conditional.py", "t"): "the law of a model's errors",
    ("study/volatility_garch.py", "t"): "the law of a model's errors",
    ("study/volume_tables.py", "volume"): "a column of the prices",
}


def members() -> set[str]:
    families: list[Family] = [getattr(registry, name) for name in FAMILIES]
    return {name for family in families for name in family}


def names_in(source: str, known: set[str]) -> Iterator[tuple[int, str]]:
    """Lines and names of members that are texts, or code in texts; no docstrings."""
    tree = ast.parse(source)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    docs = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and isinstance(node.body[0], ast.Expr)
    }
    for node in ast.walk(tree):
        if not isinstance(node, ast.Constant) or not isinstance(node.value, str):
            continue
        if id(node) in docs:
            continue
        said = {node.value, *re.findall(r"`(\w+)`", node.value)}
        yield from ((node.lineno, name) for name in sorted(said & known))


def test_the_search_finds_names_and_leaves_docstrings_alone() -> None:
    source = '"""In prose, `bmp`."""\nROBUST = ("bmp", "x")\nsay(f"{n} by `rank`, t")\n'
    assert [*names_in(source, {"bmp", "rank", "t"})] == [(2, "bmp"), (3, "rank")]


@pytest.mark.parametrize("name", FILES)
def test_no_member_is_named_outside_its_family(name: str) -> None:
    source = (PACKAGE / name).read_text(encoding="utf-8")
    found = [
        f"{name}:{line}: {word!r}"
        for line, word in names_in(source, members())
        if (name, word) not in OTHER_WORDS
    ]
    assert found == [], "ask the entry for a fact instead"


def test_every_word_that_is_let_pass_is_still_there() -> None:
    known = members()
    for (name, word), reason in OTHER_WORDS.items():
        source = (PACKAGE / name).read_text(encoding="utf-8")
        assert word in {found for _, found in names_in(source, known)}, reason
