"""One setting of a study: its default, meaning and flag, written at its field."""

from collections.abc import Callable, Mapping
from dataclasses import MISSING, dataclass, field, fields
from types import UnionType
from typing import (
    TYPE_CHECKING,
    Any,
    Literal,
    Union,
    get_args,
    get_origin,
    get_type_hints,
)

Pair = tuple[int, int]

# A name of a family, a function of the documented shape, or an entry. Once a spec is
# made it is a text: the name itself, or `Named`.
if TYPE_CHECKING:
    Member = Any
else:
    Member = str | Callable[..., Any]


class Assumed(str):
    """A text that is taken because nothing was said: the default of a convention."""


class Named(str):
    """The name of a member that is given as such: a function, or an entry.

    It prints, compares and sorts as the name; ``member`` is what was given.
    """

    member: Any

    def __new__(cls, member: Any) -> "Named":  # noqa: ANN401
        """Name a function or an entry by its ``name`` or ``__name__``."""
        named = getattr(member, "name", None) or getattr(member, "__name__", "")
        made = super().__new__(cls, named)
        made.member = member
        return made

    def __reduce__(self) -> tuple[type["Named"], tuple[Any]]:
        """Return what a copy is made from."""
        return Named, (self.member,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What is known of one field of a spec.

    name, kind : the field's name and annotation;  default : None where it is required
    meaning : a sentence without its full stop
    flag : of the command line; none where a text cannot say it
    repeated : each use of the flag adds one value
    about_prices : whether it says where prices come from
    in_command : the default of the command and of `analyze`, where it is another
    """

    name: str
    kind: Any
    default: Any
    meaning: str
    flag: str | None
    repeated: bool
    about_prices: bool
    in_command: Any

    @property
    def sentence(self) -> str:
        """The meaning as a sentence."""
        return f"{self.meaning[0].upper()}{self.meaning[1:]}."

    @property
    def choices(self) -> tuple[str, ...]:
        """The few texts that it can be; empty for any."""
        return get_args(self.kind) if get_origin(self.kind) is Literal else ()


def setting(
    meaning: str,
    default: Any = MISSING,  # noqa: ANN401
    *,
    flag: str | None = "",
    repeated: bool = False,
    about_prices: bool = False,
    in_command: Any = MISSING,  # noqa: ANN401
) -> Any:  # noqa: ANN401
    """Return a dataclass field that carries what is known of a setting.

    flag : "" for the field's own name, None where there is none
    in_command : the default of the command and of `analyze`, where it is another
    """
    known = {
        "meaning": meaning,
        "flag": flag,
        "repeated": repeated,
        "about_prices": about_prices,
        "in_command": default if in_command is MISSING else in_command,
    }
    if isinstance(default, Mapping):
        return field(default_factory=dict, metadata=known)
    return field(default=default, metadata=known)


def settings_of(kind: type) -> tuple[Setting, ...]:
    """Return the settings of a class, in the order of its fields."""
    kinds = get_type_hints(kind)
    found = []
    for one in fields(kind):
        default = one.default
        if one.default_factory is not MISSING:
            default = one.default_factory()
        flag, taken = one.metadata["flag"], one.metadata["in_command"]
        found.append(
            Setting(
                name=one.name,
                kind=kinds[one.name],
                default=None if default is MISSING else default,
                meaning=one.metadata["meaning"],
                flag="--" + one.name.replace("_", "-") if flag == "" else flag,
                repeated=one.metadata["repeated"],
                about_prices=one.metadata["about_prices"],
                in_command=None if taken is MISSING else taken,
            )
        )
    return tuple(found)


def window_text(window: Pair) -> str:
    """Write a window as ``[-1,+1]``.

    >>> window_text((-1, 1)), window_text((0, 5))
    ('[-1,+1]', '[0,+5]')
    """
    return f"[{_signed(window[0])},{_signed(window[1])}]"


def _signed(offset: int) -> str:
    return f"{offset:+d}" if offset else "0"


def parameters(kind: type) -> str:
    """Return the settings of a class as the section Parameters of a docstring."""
    lines = ["Parameters", "----------"]
    for one in settings_of(kind):
        default = f", default {one.default!r}" if one.default else ""
        lines += [f"{one.name} : {_words(one.kind)}{default}", f"    {one.sentence}"]
    return "\n".join(lines)


def _words(kind: Any) -> str:  # noqa: ANN401
    """Return a type in the words of a docstring."""
    origin, parts = get_origin(kind), get_args(kind)
    if kind == Pair:
        return "(int, int)"
    if origin is Literal:
        return "{" + ", ".join(map(repr, parts)) + "}"
    if origin is tuple:
        return f"sequence of {_words(parts[0])}"
    if origin is Mapping:
        return f"mapping of {_words(parts[0])} to {_words(parts[1])}"
    if origin in (UnionType, Union):
        known = [_words(part) for part in parts if part is not type(None)]
        return " or ".join(known)
    return "callable" if origin is Callable else str(kind.__name__)
