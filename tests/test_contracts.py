"""Promises of the package as a whole: layers, public names, imports, registries."""

import ast
import inspect
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, fields, is_dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

import pytest
from importlinter.cli import lint_imports

import eventstudy
from eventstudy.core import abnormal, windows
from eventstudy.core.registry import Family
from eventstudy.inference import TESTS
from eventstudy.models import MODELS
from eventstudy.outcomes import OUTCOMES
from eventstudy.prices import SOURCES
from eventstudy.volatility import SHIFTS

ROOT = Path(__file__).parents[1]


def test_the_layers_are_kept(capsys):
    code = lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True)
    assert code == 0, capsys.readouterr().out


# --- public names -------------------------------------------------------------------

MODULES = {"inference", "models", "outcomes", "plot", "prices", "scale", "volatility"}
MEANT = {
    *("StudySpec", "StudyResult", "run", "write_report", "DataError", "SpecError"),
    *("read_events", "read_prices", "fetch_prices", "read_spec", "EventStudyError"),
}


def test_public_names_are_listed_once_in_order():
    names = eventstudy.__all__
    assert names == sorted(set(names))
    assert set(names) >= MEANT | MODULES
    assert dir(eventstudy) == names
    with pytest.raises(AttributeError, match="has no attribute 'analyse'"):
        _ = eventstudy.analyse


@pytest.mark.parametrize("name", eventstudy.__all__)
def test_public_names_resolve(name):
    value = getattr(eventstudy, name)
    assert isinstance(value, ModuleType) == (name in MODULES)
    if callable(value):
        assert value.__name__ == name
        assert inspect.getdoc(value)


def test_a_star_brings_the_public_names_only():
    scope: dict[str, object] = {}
    exec("from eventstudy import *", scope)  # a module may not do so; a notebook does
    assert set(scope) - {"__builtins__"} == set(eventstudy.__all__)


@pytest.mark.parametrize(
    "room",
    ["catalogue", "inference", "models", "panel", "prices", "report", "study"],
)
def test_rooms_list_what_they_offer(room):
    module = import_module(f"eventstudy.{room}")
    names = module.__all__
    assert len(set(names)) == len(names)
    for name in names:
        assert not isinstance(getattr(module, name), ModuleType), name


def test_the_command_is_there():
    from eventstudy.cli.main import main

    assert callable(main)


# --- imports ------------------------------------------------------------------------

HEAVY = (
    *("matplotlib", "statsmodels", "pandas", "yfinance", "arch", "numba"),
    *("scipy.stats", "scipy.optimize", "exchange_calendars", "dataframely"),
)
FRAMES = ("polars", "typer", "pydantic")


@pytest.mark.processes
@pytest.mark.parametrize(
    ("imported", "absent"),
    [
        ("eventstudy", (*HEAVY, *FRAMES, "numpy")),
        ("eventstudy.cli.main", (*HEAVY, "polars", "numpy", "scipy", "pydantic")),
        (
            "eventstudy.models, eventstudy.inference, eventstudy.volatility, "
            "eventstudy.core.windows, eventstudy.core.abnormal",
            (*HEAVY, *FRAMES),
        ),
        (
            "eventstudy.cli.analyze, eventstudy.study, eventstudy.report",
            tuple(name for name in HEAVY if name != "dataframely"),
        ),
    ],
    ids=["package", "command", "core", "study"],
)
def test_imports_stay_light(imported, absent):
    code = (
        f"import sys, {imported}; print(*(m for m in {absent!r} if m in sys.modules))"
    )
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.split() == []


# --- registries ---------------------------------------------------------------------

REGISTRIES = {
    "MODELS": MODELS,
    "TESTS": TESTS,
    "SHIFTS": SHIFTS,
    "OUTCOMES": OUTCOMES,
    "SOURCES": SOURCES,
}
ENTRIES = [
    pytest.param(family, key, id=f"{family}-{key}")
    for family, registry in REGISTRIES.items()
    for key in registry
]


@pytest.mark.parametrize(("family", "key"), ENTRIES)
def test_entries_say_what_they_are(family, key):
    entry = REGISTRIES[family][key]
    assert entry.name == key
    assert re.fullmatch(r"[a-z][a-z0-9_]*", key)
    texts = {f.name: getattr(entry, f.name) for f in fields(entry) if f.default != ""}
    texts = {name: text for name, text in texts.items() if isinstance(text, str)}
    for name, text in texts.items():
        assert text.strip() == text, name
        assert text or name not in ("meaning", "null", "citation"), name
        assert "\n" not in text, name
    assert len(entry.meaning) > 10
    if family != "SOURCES":
        assert re.search(r"\((18|19|20)\d\d[a-z]?\)", entry.citation), entry.citation
    if family in ("TESTS", "SHIFTS"):
        assert len(entry.null) > 10
    with pytest.raises(FrozenInstanceError):
        entry.name = "other"


@pytest.mark.parametrize("family", REGISTRIES)
def test_no_entry_hides_another_of_its_name(family):
    registry = REGISTRIES[family]
    assert isinstance(registry, Family)  # which refuses twins
    meanings = [entry.meaning for entry in registry.values()]
    assert len(set(meanings)) == len(meanings)


# --- names ----------------------------------------------------------------------------


def test_a_class_has_its_name_alone():
    found = [
        (node.name, path.relative_to(ROOT).as_posix())
        for path in sorted((ROOT / "eventstudy").rglob("*.py"))
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.ClassDef)
    ]
    assert len(found) > 100
    names = [name for name, _ in found]
    assert [held for held in found if names.count(held[0]) > 1] == []


# --- values -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        value
        for module in (abnormal, windows)
        for value in vars(module).values()
        if is_dataclass(value) and value.__module__ == module.__name__
    ],
    ids=lambda value: value.__name__,
)
def test_values_passed_between_rooms_do_not_change(value):
    made = value(**dict.fromkeys(field.name for field in fields(value)))
    with pytest.raises(FrozenInstanceError):
        setattr(made, fields(value)[0].name, 1)
    assert not hasattr(made, "__dict__")
    with pytest.raises(TypeError):
        value(*[None] * len(fields(value)))
