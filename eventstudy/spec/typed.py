"""Values of any origin -> values of a setting's type, or what was wanted."""

from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from functools import cache
from numbers import Integral, Real
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from eventstudy.core.errors import SpecError
from eventstudy.spec.setting import Member, Named, Pair

Key = tuple[str | int, ...]


class SettingError(SpecError):
    """A setting that cannot be; ``key`` leads to it in a study file."""

    def __init__(self, message: str, *key: str | int) -> None:
        self.key: Key = key
        super().__init__(message)


def parse_fields(value: Any) -> None:  # noqa: ANN401 - any of the spec's dataclasses
    """Bring every field of a frozen value to its type; raise `SettingError` if not."""
    kinds = get_type_hints(type(value))
    for one in fields(value):
        given = getattr(value, one.name)
        if type(given) is not type(one.default) or given != one.default:
            parsed = _parse(kinds[one.name], one.name, given)
            object.__setattr__(value, one.name, parsed)


def _parse(kind: Any, name: str, given: object) -> Any:  # noqa: ANN401
    from pydantic import ValidationError

    try:
        parsed = _adapter(kind).validate_python(given)
    except ValidationError as err:
        place = err.errors(include_url=False, include_context=False)[0]["loc"]
        raise _refusal(kind, (name,), given, place) from None
    for key, names in _lists_of_names(kind, (name,), parsed):
        _check_names(key, names)
    return parsed


@cache
def _adapter(kind: Any) -> Any:  # noqa: ANN401
    """Return pydantic's reader of a type: a list is any sequence, all else strict."""
    from pydantic import (
        BeforeValidator,
        InstanceOf,
        PlainValidator,
        Strict,
        TypeAdapter,
    )

    def strict(kind: Any) -> Any:  # noqa: ANN401
        origin, parts = get_origin(kind), get_args(kind)
        if kind == Member:
            return Annotated[Any, PlainValidator(_member)]
        if kind in (int, float):
            return Annotated[kind, Strict(), BeforeValidator(_plain_number)]
        if kind in (str, bool):
            return Annotated[kind, Strict()]
        if origin is tuple:
            return tuple[tuple(p if p is ... else strict(p) for p in parts)]  # type: ignore[misc]
        if origin is Mapping:
            return dict[strict(parts[0]), strict(parts[1])]  # type: ignore[misc]
        if type(None) in parts:
            return strict(_without_none(kind)) | None
        return InstanceOf[kind] if is_dataclass(kind) else kind  # type: ignore[misc]

    return TypeAdapter(strict(kind))


def _without_none(kind: Any) -> Any:  # noqa: ANN401
    kept = tuple(part for part in get_args(kind) if part is not type(None))
    return Union[kept]  # noqa: UP007 - of a number of types that is not known


def _plain_number(value: object) -> object:
    """Return numpy's numbers as Python's, so that strict types take them."""
    if isinstance(value, bool):
        raise ValueError("no number")
    if isinstance(value, Integral):
        return int(value)
    return float(value) if isinstance(value, Real) else value


def _member(value: object) -> str:
    if isinstance(value, str):
        return value
    named = Named(value)
    if not named:
        raise ValueError("has no name")
    return named


def _refusal(
    kind: Any,  # noqa: ANN401
    key: Key,
    value: Any,  # noqa: ANN401
    place: Sequence[int | str],
) -> SettingError:
    """Say what was found where, and what was wanted there."""
    origin, parts = get_origin(kind), get_args(kind)
    if type(None) in parts:
        return _refusal(_without_none(kind), key, value, place)
    if place and origin is Mapping:
        return _refusal(parts[1], (*key, place[0]), value[place[0]], place[1:])
    of_names = origin is tuple and parts[0] in (str, Member)
    if place and origin is tuple and kind != Pair and not of_names:
        at = int(place[0])
        return _refusal(parts[0], (*key, at), value[at], place[1:])
    return SettingError(f"{written(key)} = {value!r}; {_wanted(kind)}", *key)


def written(key: Key) -> str:
    """Write the way to a setting.

    >>> written(("groups", "miners")), written(("windows", 0))
    ('groups.miners', 'windows[0]')
    """
    parts = [f"[{k}]" if isinstance(k, int) else f".{k}" for k in key]
    return "".join(parts).removeprefix(".")


def _wanted(kind: Any) -> str:  # noqa: ANN401
    origin, parts = get_origin(kind), get_args(kind)
    if origin is Literal:
        return f"allowed: {', '.join(parts)}"
    if kind == Pair:
        return "wanted first and last session, such as [-1, 1]"
    if origin is tuple:
        names = " of names" if parts[0] in (str, Member) else ""
        return f"wanted a list{names}"
    if origin is Mapping:
        return "wanted a table of names"
    if kind == Member:
        return "wanted a name or a function"
    if is_dataclass(kind):
        return f"wanted {getattr(kind, '__name__', kind)}(...)"
    plain: Mapping[object, str] = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        str: "a text",
    }
    return f"wanted {plain[kind]}"


def _lists_of_names(kind: Any, key: Key, value: Any) -> list[tuple[Key, Any]]:  # noqa: ANN401
    """Return the lists of names in a value, with the way to each."""
    origin, parts = get_origin(kind), get_args(kind)
    if origin is tuple and parts[0] in (str, Member):
        return [(key, value)]
    if origin is Mapping:
        held = [_lists_of_names(parts[1], (*key, k), v) for k, v in value.items()]
        return [found for one in held for found in one]
    return []


def _check_names(key: Key, names: Sequence[str]) -> None:
    if not all(names):
        raise SettingError(
            f"{written(key)} = {list(names)!r}; wanted a list of names", *key
        )
    refuse_twice(key, names)


def refuse_twice(key: Key, names: Sequence[str]) -> None:
    """Raise `SettingError` for a name that comes twice."""
    for place, name in enumerate(names):
        if name in names[:place]:
            raise SettingError(f"{written(key)} has {name!r} twice", *key)
