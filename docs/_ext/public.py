"""The public names of the package: what the reference documents and tests hold to it.

A module's public names are those of its ``__all__``, otherwise what it defines itself.
"""

from functools import cache
from importlib import import_module
from types import ModuleType

MODULES = (
    "eventstudy",
    *(
        f"eventstudy.{name}"
        for name in (
            *("calendars", "catalogue", "core.registry", "cross_section", "inference"),
            *("models", "outcomes", "panel", "plot", "prices", "report", "scale"),
            *("simulation", "study", "volatility"),
        )
    ),
)


def names_of(module: ModuleType) -> list[str]:
    """Return the public names of a module, in its own order."""
    own = [n for n, v in vars(module).items() if _home(v) == module.__name__]
    listed = getattr(module, "__all__", None)
    return [n for n in own if not n.startswith("_")] if listed is None else listed


@cache
def public_names() -> dict[str, list[str]]:
    """Return the public names by module; modules among them are left out."""
    found = {}
    for name in MODULES:
        module = import_module(name)
        found[name] = [
            public
            for public in names_of(module)
            if not isinstance(getattr(module, public), ModuleType)
        ]
    return found


def _home(value: object) -> str | None:
    return getattr(value, "__module__", None)
