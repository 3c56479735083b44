"""Every public name is documented in the sections of numpydoc.

`make lint` runs ``numpydoc lint`` over all docstrings, with the checks that a single
line passes too. Here the public names are held to the whole standard.
"""

import inspect
from dataclasses import fields, is_dataclass
from enum import Enum
from importlib import import_module
from types import FunctionType, ModuleType

import pytest
from numpydoc.docscrape import ClassDoc
from numpydoc.validate import ERROR_MSGS, validate
from public import MODULES, names_of

# No See Also and no extended summary are asked for; a summary may be a noun phrase.
LEFT_OUT = {"SA01", "ES01", "SS05"}
CHECKS = set(ERROR_MSGS) - LEFT_OUT
# A method is read beside its class, which has the example. An exception is raised.
OF_METHODS = CHECKS - {"EX01"}


def classes_and_functions() -> dict[str, object]:
    """The public classes and functions by the name under which they are found."""
    found: dict[str, object] = {}
    for name in MODULES:
        module = import_module(name)
        for public in names_of(module):
            value = getattr(module, public)
            if isinstance(value, (type, FunctionType)):
                found.setdefault(f"{value.__module__}.{value.__qualname__}", value)
    return found


OBJECTS = classes_and_functions()


def methods() -> dict[str, object]:
    """The methods and properties that the public classes define themselves."""
    return {
        f"{owner}.{name}": member
        for owner, value in OBJECTS.items()
        if isinstance(value, type)
        for name, member in vars(value).items()
        if not name.startswith("_")
        and isinstance(member, (FunctionType, classmethod, staticmethod, property))
    }


METHODS = methods()


def found(name: str, checks: set[str]) -> list[str]:
    """What numpydoc finds wrong with a docstring."""
    errors = validate(name)["errors"]
    return [f"{code} {text}" for code, text in errors if code in checks]


def is_protocol(value: type) -> bool:
    """Whether a class says a shape, which others are made to have."""
    return getattr(value, "_is_protocol", False)


def undocumented_fields(value: type) -> list[str]:
    """The fields of a class that no section names, or names that are no fields."""
    doc = ClassDoc(value, config={"show_class_members": False})
    told = {part: names_in(doc[part]) for part in ("Parameters", "Attributes")}
    held = [f.name for f in fields(value)] if is_dataclass(value) else value._fields
    known = {*held, *inspect.signature(value).parameters}
    every = {*told["Parameters"], *told["Attributes"]}
    return [
        *(f"field {name} is not documented" for name in held if name not in every),
        *(f"{name} is no field" for name in told["Parameters"] if name not in known),
    ]


def names_in(section: list) -> list[str]:
    """The names of a section, of which one line may give several."""
    names = [name for entry in section for name in entry.name.split(",")]
    return [name.strip().lstrip("*") for name in names]


@pytest.mark.parametrize("name", MODULES)
def test_public_modules_list_their_names_and_say_what_they_are_for(name):
    module = import_module(name)
    assert isinstance(module, ModuleType)
    assert module.__doc__
    names = names_of(module)
    assert len(set(names)) == len(names) > 0


@pytest.mark.parametrize("name", OBJECTS)
def test_public_names_are_documented(name):
    value, checks, wrong = OBJECTS[name], CHECKS, []
    if isinstance(value, type):
        if is_dataclass(value) or hasattr(value, "_fields"):
            checks = checks - {"PR01", "PR02", "PR03"}
            wrong = undocumented_fields(value)
        if issubclass(value, (BaseException, Enum)) or is_protocol(value):
            checks = checks - {"EX01", "PR01"}
    assert [*wrong, *found(name, checks)] == []


@pytest.mark.parametrize("name", METHODS)
def test_public_methods_are_documented(name):
    assert found(name, OF_METHODS) == []


def test_a_class_without_its_sections_is_found():
    """The check can fail: it names what is missing."""

    class Example:
        """Say little."""

        _fields = ("size",)

    assert undocumented_fields(Example) == ["field size is not documented"]
    codes = {text[:4] for text in found("eventstudy.core.windows.select", CHECKS)}
    assert codes <= CHECKS
