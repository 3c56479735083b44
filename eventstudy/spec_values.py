"""Plain values of a study file -> values of the wanted type, or what was wanted."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from numbers import Integral, Real
from typing import Any, TypeGuard

from eventstudy.core.errors import SpecError

Pair = tuple[int, int]

CHOICES: dict[str, tuple[str, ...]] = {
    "returns": ("log", "simple"),
    "missing": ("trade_to_trade", "drop"),
    "overlap": ("exclude", "keep"),
    "day0": ("next", "previous", "error", "drop"),
    "alternative": ("two-sided", "less", "greater"),
    "measure": ("car", "volatility"),
}


def keep(value: object, parse: Callable[[str, Any], object], *names: str) -> None:
    """Replace attributes of a frozen value by what ``parse`` makes of them."""
    for name in names:
        object.__setattr__(value, name, parse(name, getattr(value, name)))


def is_list(value: object) -> TypeGuard[Sequence[Any]]:
    """Whether a value is a list, as TOML and Python write them."""
    return isinstance(value, Sequence) and not isinstance(value, str | bytes)


def entries(name: str, value: object) -> tuple[Any, ...]:
    """Return a list as a tuple."""
    if not is_list(value):
        raise SpecError(f"{name} = {value!r}; wanted a list")
    return tuple(value)


def text(name: str, value: object) -> str:
    """Return a text."""
    if not isinstance(value, str):
        raise SpecError(f"{name} = {value!r}; wanted a text")
    return value


def names(name: str, value: object) -> tuple[str, ...]:
    """Return a list of different names."""
    if not is_list(value) or not all(isinstance(v, str) and v for v in value):
        raise SpecError(f"{name} = {value!r}; wanted a list of names")
    refuse_twice(name, value)
    return tuple(value)


def choice(name: str, value: object) -> str:
    """Return one of the few texts that a setting can be."""
    allowed = CHOICES[name]
    if value not in allowed:
        raise SpecError(f"{name} = {value!r}; allowed: {', '.join(allowed)}")
    return str(value)


def is_whole(value: object) -> TypeGuard[int]:
    """Whether a value is a whole number."""
    return isinstance(value, Integral) and not isinstance(value, bool)


def whole(name: str, value: object) -> int:
    """Return a whole number."""
    if not is_whole(value):
        raise SpecError(f"{name} = {value!r}; wanted a whole number")
    return int(value)


def share(name: str, value: object) -> float:
    """Return a number."""
    if not isinstance(value, Real) or isinstance(value, bool):
        raise SpecError(f"{name} = {value!r}; wanted a number")
    return float(value)


def flag(name: str, value: object) -> bool:
    """Return true or false."""
    if not isinstance(value, bool):
        raise SpecError(f"{name} = {value!r}; wanted true or false")
    return value


def pair(name: str, value: object) -> Pair:
    """Return the first and the last session of a window."""
    if not is_list(value) or len(value) != 2 or not all(map(is_whole, value)):
        raise SpecError(
            f"{name} = {value!r}; wanted first and last session, such as [-1, 1]"
        )
    return int(value[0]), int(value[1])


def table(name: str, value: object) -> Mapping[str, Any]:
    """Return a table of names."""
    if not isinstance(value, Mapping):
        raise SpecError(f"{name} = {value!r}; wanted a table of names")
    return value


def refuse_twice(name: str, values: Iterable[object]) -> None:
    """Raise `SpecError` for a value that comes twice."""
    seen: set[object] = set()
    for value in values:
        if value in seen:
            raise SpecError(f"{name} has {value!r} twice")
        seen.add(value)
