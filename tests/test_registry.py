"""Families: look-ups, twins, members of users, order."""

import sys
from dataclasses import dataclass
from types import ModuleType

import pytest

from eventstudy.core.errors import SpecError
from eventstudy.core.registry import Family


@dataclass(frozen=True)
class Fruit:
    name: str
    colour: str = "red"


@pytest.fixture
def fruits(monkeypatch):
    """A family of two modules, each of which registers one member on import."""
    family: Family[Fruit] = Family("fruit", "orchard.apples", "orchard.pears")
    loaders = {}
    for name, fruit in (("apples", Fruit("apple")), ("pears", Fruit("pear", "green"))):
        module = ModuleType(f"orchard.{name}")
        loaders[module.__name__] = (module, fruit)

    def load(name):
        module, fruit = loaders[name]
        if name not in sys.modules:
            monkeypatch.setitem(sys.modules, name, module)
            vars(module).update(family=family, fruit=fruit)
            exec("family.register(fruit)", vars(module))
        return module

    monkeypatch.setattr("eventstudy.core.registry.import_module", load)
    return family, load


def test_members_come_in_the_order_of_the_modules_whichever_was_imported_first(fruits):
    family, load = fruits
    load("orchard.pears")
    assert list(family) == ["apple", "pear"]
    assert len(family) == 2
    assert family["pear"].colour == "green"
    assert repr(family) == "<fruit: apple, pear>"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("APPLE", "unknown fruit 'APPLE': did you mean 'apple'?"),
        ("peer", "unknown fruit 'peer': did you mean 'pear'?"),
        ("xyz", "unknown fruit 'xyz'; known: apple, pear"),
        (3, "unknown fruit '3'; known: apple, pear"),
    ],
)
def test_an_unknown_name_says_what_was_meant_or_what_there_is(fruits, name, said):
    family, _ = fruits
    with pytest.raises(SpecError) as caught:
        family[name]
    assert str(caught.value) == said
    assert isinstance(caught.value, KeyError)
    assert name not in family
    assert family.get(name) is None


def test_a_user_adds_replaces_and_removes_a_member_of_his_own(fruits):
    family, _ = fruits
    plum = family.register(Fruit("plum", "blue"))
    assert list(family) == ["apple", "pear", "plum"]
    with pytest.raises(SpecError, match=r"'plum' already; give yours .* replace=True"):
        family.register(Fruit("plum"))
    assert family["plum"] is plum
    assert family.register(Fruit("plum"), replace=True).colour == "red"
    family.remove("plum")
    assert list(family) == ["apple", "pear"]


def test_members_of_the_package_stay(fruits):
    family, _ = fruits
    for replace in (False, True):
        with pytest.raises(SpecError, match="there is a fruit 'apple' already"):
            family.register(Fruit("apple"), replace=replace)
    with pytest.raises(SpecError, match="own; it stays"):
        family.remove("apple")
    with pytest.raises(SpecError, match="unknown fruit 'aple': did you mean 'apple'"):
        family.remove("aple")


def test_a_function_or_an_entry_stands_where_a_name_is_taken(fruits):
    family, _ = fruits
    family.wrap = lambda f: Fruit(f.__name__, f())

    def quince():
        return "yellow"

    def apple():
        return "red"

    assert family.entry("pear") is family["pear"]
    assert family.entry(family["pear"]) is family["pear"]
    assert family.entry(quince) == Fruit("quince", "yellow")
    assert family.entry(Fruit("fig")) == Fruit("fig")
    for taken in (apple, Fruit("apple", "green")):
        with pytest.raises(SpecError, match="there is a fruit 'apple' already"):
            family.entry(taken)
    with pytest.raises(SpecError, match="3 is no fruit; wanted a name or"):
        family.entry(3)
