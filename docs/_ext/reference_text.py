"""The reference in Markdown, made from the package: nothing of it is written by hand.

`PAGES` holds per page the parts that stand in the place of a line
``<!-- made by the build: NAME -->``. No Sphinx is needed to make them.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import MISSING, fields
from inspect import cleandoc
from typing import Any

import click_of

from eventstudy.spec.setting import Setting, _words, settings_of
from eventstudy.study.table import Table

MARK = re.compile(r"^<!-- made by the build: ([\w-]+) -->$", re.MULTILINE)


def filled(text: str) -> str:
    """Return a page with its marks replaced by what the package says."""
    return MARK.sub(lambda mark: PARTS[mark[1]](), text)


def label(kind: str, name: str) -> str:
    """Return the anchor of something: ``test-kp-bmp``."""
    return f"{kind}-{name}".lower().replace("_", "-").replace(" ", "-")


def _table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    heads = list(heads)
    lines = [_row(heads), _row(":---" for _ in heads)]
    return "\n".join([*lines, *map(_row, rows), ""])


def _row(cells: Iterable[str]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("\n", " ")


def _head(depth: int, kind: str, name: str, title: str = "") -> str:
    return f"({label(kind, name)})=\n{'#' * depth} {title or f'`{name}`'}\n"


def plain(text: str) -> str:
    """Return text whose signs are no Markdown; what stands in backticks stays so."""
    text = text.replace("``", "`")
    parts = re.split(r"(`[^`]*`)", text)
    return "".join(
        part if part.startswith("`") else re.sub(r"([*_<>\[\]#])", r"\\\1", part)
        for part in parts
    )


# The study file.


def settings() -> str:
    """Return every setting of a study, with its type, default, meaning and flag."""
    from eventstudy.spec import StudySpec

    return _settings("setting", StudySpec)


def model_settings() -> str:
    """Return the keys of ``[[models]]``."""
    from eventstudy.spec import ModelSetting

    return _settings("model-setting", ModelSetting)


def long_run_settings() -> str:
    """Return the keys of ``[long_run]``."""
    from eventstudy.spec import LongRunSetting

    return _settings("long-run-setting", LongRunSetting)


def outcome_settings() -> str:
    """Return the keys of ``[[outcomes]]``."""
    from eventstudy.spec import OutcomeSetting

    return _settings("outcome-setting", OutcomeSetting)


def question_settings() -> str:
    """Return the keys of ``[[questions]]``."""
    from eventstudy.spec import Question

    return _settings("question-setting", Question)


def parts() -> str:
    """Return the parts of a study."""
    from eventstudy.spec import PARTS as KNOWN_PARTS

    rows = [(f"`{name}`", meaning) for name, meaning in KNOWN_PARTS.items()]
    return _table(("part", "what is computed"), rows)


def factor_sets() -> str:
    """Return the sets of factors by name."""
    from eventstudy.spec import FACTOR_SETS

    rows = [
        (f"`{name}`", ", ".join(f"`{one}`" for one in members))
        for name, members in FACTOR_SETS.items()
    ]
    return _table(("name", "factors"), rows)


def _settings(kind: str, of: type) -> str:
    heads = ("key", "type", "meaning")
    return _table(heads, (_setting(kind, one) for one in settings_of(of)))


def _setting(kind: str, one: Setting) -> Iterator[str]:
    yield f'<span id="{label(kind, one.name)}"></span>`{one.name}`'
    choices = ", ".join(f"`{choice}`" for choice in one.choices if choice)
    yield choices or plain(_words(one.kind))
    meaning = plain(one.sentence)
    if one.default is None and not _optional(one):
        meaning += " Required."
    elif default := _default(one):
        meaning += f" Default: {default}."
    if kind == "setting" and one.flag:
        meaning += f" Flag: `{one.flag}`."
    yield meaning


def _optional(one: Setting) -> bool:
    return type(None) in getattr(one.kind, "__args__", ())


def _default(one: Setting) -> str:
    if one.default in ("", (), {}, None):
        return ""
    text = f"`{_toml(one.default)}`"
    if one.in_command not in (one.default, None):
        text += f"; `{_toml(one.in_command)}` of the command"
    return text


def _toml(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, tuple):
        return "[" + ", ".join(map(_toml, value)) + "]"
    return f'"{value}"' if isinstance(value, str) else str(value)


# Tables.


def tables() -> str:
    """Return every table of a result with its columns."""
    from eventstudy.study.schema import SCHEMA

    return "\n".join(_described("table", table) for table in SCHEMA.values())


def simulation_tables() -> str:
    """Return every table of a simulation with its columns."""
    from eventstudy.simulation.schema import SCHEMA

    return "\n".join(_described("simulation", table) for table in SCHEMA.values())


def multiverse_tables() -> str:
    """Return every table of a specification curve with its columns."""
    from eventstudy.study.multiverse_result import SCHEMA

    return "\n".join(_described("multiverse", table) for table in SCHEMA.values())


def _described(kind: str, table: Table) -> str:
    head, _, body = table.markdown().partition("\n")
    assert head == f"## {table.name}"
    return f"({label(kind, table.name)})=\n### `{table.name}`\n{body}"


def catalogue() -> str:
    """Return the columns of a catalogue."""
    from eventstudy.catalogue import corrections
    from eventstudy.catalogue.events import KNOWN
    from eventstudy.study.schema import SCHEMA

    told = {column.name: column.meaning for column in SCHEMA["events"].columns}
    told |= corrections.COLUMNS
    names = (*KNOWN, *corrections.COLUMNS)
    rows = [(f"`{name}`", plain(told[name])) for name in names]
    return _table(("column", "meaning"), rows)


def kinds() -> str:
    """Return the kinds of announcements."""
    from eventstudy.catalogue import KINDS

    return _words_table("kind", KINDS)


def flags() -> str:
    """Return the flags of announcements."""
    from eventstudy.catalogue import FLAGS

    return _words_table("flag", FLAGS)


def _words_table(kind: str, words: Mapping[str, str]) -> str:
    rows = [
        (f'<span id="{label(kind, name)}"></span>`{name}`', meaning)
        for name, meaning in words.items()
    ]
    return _table((kind, "meaning"), rows)


# Families.

# Facts that stand in the text above the list of the others, or are no facts.
_TOLD = {"name", "meaning", "formula", "null", "citation", "words"}


def family(kind: str, members: Mapping[str, Any]) -> str:
    """Return a section per member: meaning, formula, null, facts, paper."""
    index = [
        (f"[`{n}`](#{label(kind, n)})", plain(e.meaning)) for n, e in members.items()
    ]
    sections = [_member(kind, name, entry) for name, entry in members.items()]
    return "\n".join([_table((kind, "meaning"), index), *sections])


def _member(kind: str, name: str, entry: Any) -> str:
    lines = [_head(3, kind, name), _sentence(plain(entry.meaning)), ""]
    if formula := getattr(entry, "formula", ""):
        lines += [f"Normal return: `{formula}`", ""]
    if null := getattr(entry, "null", ""):
        lines += [f"Null hypothesis: {plain(null.removeprefix('H0: '))}", ""]
    lines += [*_story(entry), ""]
    lines += [f"- {fact}" for fact in _facts(entry)]
    if citation := getattr(entry, "citation", ""):
        lines += ["", f"Paper: {plain(citation)}"]
    return "\n".join([*lines, ""])


def _sentence(text: str) -> str:
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def _story(entry: Any) -> Iterator[str]:
    """Yield what the docstring of the member's function tells beyond its first line."""
    for name in ("of_sample", "of_each", "of_pool", "fit", "function"):
        function = getattr(entry, name, None)
        if function is None:
            continue
        text = cleandoc(function.__doc__ or "")
        text = re.split(r"\n\n?\w[\w ]+\n-{3,}\n", text)[0]
        _, _, rest = text.partition("\n\n")
        for paragraph in rest.split("\n\n"):
            if paragraph and ">>>" not in paragraph:
                yield plain(" ".join(paragraph.split()))
                yield ""
        return


def _facts(entry: Any) -> Iterator[str]:
    for one in fields(entry):
        value = getattr(entry, one.name)
        if (
            one.name in _TOLD
            or callable(value)
            or value is None
            or value == one.default
        ):
            continue
        if one.default_factory is not MISSING and value == one.default_factory():
            continue
        if (text := _value(value)) is not None:
            yield f"`{one.name}`: {text}"


def _value(value: object) -> str | None:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int | float):
        return str(value)
    if isinstance(value, str):
        return plain(value)
    if isinstance(value, Mapping):
        return ", ".join(f"`{key}` = {_value(one)}" for key, one in value.items())
    if isinstance(value, set | frozenset):
        return ", ".join(plain(str(one)) for one in sorted(value))
    if isinstance(value, tuple | list):
        return ", ".join(plain(str(one)) for one in value)
    return None


def families() -> dict[str, Mapping[str, Any]]:
    """Return the families by the word for a member of each."""
    from eventstudy.core.registry import LONG_RUN
    from eventstudy.inference import ADJUSTMENTS, TESTS
    from eventstudy.models import MODELS
    from eventstudy.outcomes import OUTCOMES
    from eventstudy.prices import SOURCES
    from eventstudy.volatility import MEASURES, SHIFTS

    return {
        "test": TESTS,
        "long-run": LONG_RUN,
        "adjustment": ADJUSTMENTS,
        "model": MODELS,
        "volatility-test": SHIFTS,
        "measure": MEASURES,
        "outcome": OUTCOMES,
        "source": SOURCES,
    }


def _family(kind: str) -> Callable[[], str]:
    return lambda: family(kind, families()[kind])


# The command line.


def commands() -> str:
    """Return every command with its arguments and options."""
    return "\n".join(_command(name, one) for name, one in click_of.commands().items())


def _command(name: str, command: Any) -> str:
    lines = [_head(2, "cli", name, f"`eventstudy {name}`"), ""]
    text, _, example = (command.help or "").partition("Example:")
    lines += [plain(" ".join(text.split())), ""]
    if example:
        lines += ["```text", " ".join(example.split()), "```", ""]
    rows = [
        ("`" + ", ".join(one.names) + "`", plain(one.takes), plain(one.help))
        for one in click_of.parameters(command)
    ]
    return "\n".join([*lines, _table(("option", "takes", "meaning"), rows)])


PARTS: Mapping[str, Callable[[], str]] = {
    "settings": settings,
    "model-settings": model_settings,
    "long-run-settings": long_run_settings,
    "outcome-settings": outcome_settings,
    "question-settings": question_settings,
    "parts": parts,
    "factor-sets": factor_sets,
    "tables": tables,
    "simulation-tables": simulation_tables,
    "multiverse-tables": multiverse_tables,
    "catalogue": catalogue,
    "kinds": kinds,
    "flags": flags,
    "commands": commands,
    **{
        kind: _family(kind)
        for kind in (
            *("test", "long-run", "adjustment", "model"),
            *("volatility-test", "measure", "outcome", "source"),
        )
    },
}
