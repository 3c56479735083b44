"""The commands of the package and their options, as typer made them."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Parameter:
    """An argument or option: how it is written, what it takes, what it means."""

    names: tuple[str, ...]
    takes: str
    help: str


def commands() -> dict[str, Any]:
    """Return the commands by their words: ``prices fetch``."""
    import typer

    from eventstudy.cli.main import app

    return dict(_below(typer.main.get_command(app), ()))


def _below(group: Any, words: tuple[str, ...]) -> Iterator[tuple[str, Any]]:
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from _below(command, (*words, name))
        else:
            yield " ".join((*words, name)), command


def parameters(command: Any) -> Iterator[Parameter]:
    """Yield the arguments and options of a command."""
    for one in command.params:
        is_option = one.opts[0].startswith("-")
        names = (*one.opts, *one.secondary_opts) if is_option else (one.name.upper(),)
        takes = "" if getattr(one, "is_flag", False) else _takes(one)
        yield Parameter(tuple(names), takes, getattr(one, "help", "") or "")


def _takes(one: Any) -> str:
    """Return what an option takes, in a word; typer keeps types in two ways."""
    kept = getattr(one, "type_descriptor", None)
    known = str(kept.annotation if kept else one.type).lower()
    words = {"path": "path", "int": "number", "float": "number"}
    word = next((said for name, said in words.items() if name in known), "text")
    several = one.nargs == -1 or one.multiple or "list" in known
    return f"{word}{', repeated' if several else ''}"
