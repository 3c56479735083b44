"""What is public is listed, is there, and is listed nowhere twice."""

from importlib import import_module
from types import ModuleType

import pytest
from public import MODULES

import eventstudy
from eventstudy.core.registry import Family

LISTED = [
    name
    for name in MODULES
    if getattr(import_module(name), "__all__", None) is not None
]

# What functions of an ``__init__`` need themselves.
NEEDED = {"eventstudy.inference": {"check_alternative", "run"}}


@pytest.mark.parametrize("name", LISTED)
def test_every_listed_name_is_there(name):
    module = import_module(name)
    assert len(set(module.__all__)) == len(module.__all__)
    for one in module.__all__:
        assert getattr(module, one) is not None, one


@pytest.mark.parametrize("name", [name for name in LISTED if name != "eventstudy"])
def test_every_class_and_function_that_is_brought_in_is_listed(name):
    """A package imports into its ``__init__`` what it offers, and little else."""
    module = import_module(name)
    own = {
        one
        for one, value in vars(module).items()
        if not one.startswith("_")
        and not isinstance(value, ModuleType)
        and (
            isinstance(value, Family)
            or (getattr(value, "__module__", None) or "").startswith(f"{name}.")
        )
    }
    assert own - set(module.__all__) == NEEDED.get(name, set())


def test_the_package_offers_what_it_can_find():
    homes = {*eventstudy._HOME, *eventstudy._MODULES, "__version__"}
    assert set(eventstudy.__all__) == homes
    assert eventstudy.__all__ == sorted(eventstudy.__all__)
    assert dir(eventstudy) == sorted(eventstudy.__all__)
