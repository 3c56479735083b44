"""Flags: made from the fields of the spec, and what their texts mean."""

import inspect
import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

import typer

from eventstudy.core.errors import SpecError
from eventstudy.spec import Pair, Setting, SettingError, StudySpec, usual_model
from eventstudy.spec import settings_of as _settings_of

DEBUG = "--debug"
STUDY, PRICES, OUTPUT = "The study", "Prices", "Output"

# Flags that change where things come from and go to, not what is said.
_SILENT_FLAGS = {"--quiet", "-q", "--json", "--force", DEBUG, "--offline", "--refresh"}
_SILENT_OPTIONS = {"--out", "-o", "--cache", "--format"}

Command = Callable[..., None]
Parameter = inspect.Parameter


@cache
def flagged() -> Mapping[str, Setting]:
    """Return the settings that have a flag, by name."""
    return {one.name: one for one in _settings_of(StudySpec) if one.flag}


def with_options(*options: Parameter) -> Callable[[Command], Command]:
    """Give a command whose last parameter is ``**given`` these options in its place."""

    def decorate(command: Command) -> Command:
        own = inspect.signature(command, eval_str=True).parameters.values()
        kept = [one for one in own if one.kind is not Parameter.VAR_KEYWORD]
        signature = inspect.Signature([*kept, *options])
        command.__signature__ = signature  # type: ignore[attr-defined]
        command.__annotations__ = {
            one.name: one.annotation for one in signature.parameters.values()
        }
        return command

    return decorate


def option(
    name: str,
    kind: Any,  # noqa: ANN401 - a type as typer knows it
    flags: str,
    help: str,
    *,
    panel: str = STUDY,
    default: object = None,
    metavar: str | None = None,
) -> Parameter:
    """Return one option of a command; ``flags`` are separated by spaces."""
    said = typer.Option(
        *flags.split(), help=help, rich_help_panel=panel, metavar=metavar
    )
    annotation = Annotated[kind, said]
    return Parameter(
        name, Parameter.KEYWORD_ONLY, default=default, annotation=annotation
    )


# Settings that say how files are written.
READING = (
    "date_format",
    "decimal",
    "sheet",
    "stamps",
    "input_returns",
    "event_date_format",
    "event_sheet",
    "timezone",
)
CATALOGUE = Annotated[
    Path, typer.Argument(help="Catalogue of announcements (CSV or workbook).")
]
STUDY_FILE = option(
    "study",
    Path | None,
    "--study",
    "Study file (TOML). Default: the one beside the catalogue, same name.",
)
ASSETS = option("assets", str | None, "--assets", "Symbols, comma separated.")
MARKET = option(
    "market", str | None, "--market", "Short for --model market --factors SYMBOL."
)
CACHE = option(
    "cache", Path | None, "--cache", "Folder of downloaded prices.", panel=PRICES
)
OFFLINE = option(
    "offline",
    bool,
    "--offline",
    "Never touch the network.",
    panel=PRICES,
    default=False,
)
REFRESH = option(
    "refresh", bool, "--refresh", "Download all anew.", panel=PRICES, default=False
)
STRICT = option(
    "strict",
    bool,
    "--strict",
    "Doubtful prices are errors.",
    panel=PRICES,
    default=False,
)
PARQUET = option(
    "parquet",
    bool,
    "--parquet",
    "Write tables as Parquet too.",
    panel=OUTPUT,
    default=False,
)
FORMATS = option(
    "formats",
    list[str] | None,
    "--format",
    "md, html, tex, xlsx, dta, repeated or with commas. Default: md,html",
    panel=OUTPUT,
    metavar="NAME",
)
ENGINE = option(
    "engine",
    str | None,
    "--engine",
    "threads or processes: whether a second process takes a share of the work. The "
    "report is the same. Default: processes where there are two cores",
    panel=OUTPUT,
    metavar="NAME",
)
WORKERS = option(
    "engine",
    str | None,
    "--engine",
    "threads or processes: who opens observations or replications. The numbers are the "
    "same. Default: threads",
    panel=OUTPUT,
    metavar="NAME",
)
CLUSTER = option(
    "cluster",
    str | None,
    "--cluster",
    "Have the workers of a Dask cluster compute; the address of its scheduler, such as "
    "tcp://10.0.0.5:8786.",
    panel=OUTPUT,
    metavar="ADDRESS",
)
RESUME = option(
    "resume",
    Path | None,
    "--resume",
    "Keep finished parts in a folder, and take those of this study that are there.",
    panel=OUTPUT,
    metavar="FOLDER",
)
JSON = option(
    "as_json",
    bool,
    "--json",
    "Print JSON, and nothing else, for programs.",
    panel=OUTPUT,
    default=False,
)
ALL_OF = option(
    "every",
    bool,
    "--all",
    "EVENTS is a folder: check all its catalogues, and that every row has a source.",
    default=False,
)
FORCE = option(
    "force",
    bool,
    "--force",
    "Overwrite a folder that is no report.",
    panel=OUTPUT,
    default=False,
)
QUIET = option(
    "quiet",
    bool,
    "-q --quiet",
    "Print nothing but errors.",
    panel=OUTPUT,
    default=False,
)
DEBUGGED = option(
    "debug",
    bool,
    DEBUG,
    "Show the traceback of an error.",
    panel=OUTPUT,
    default=False,
)


def out(default: str) -> Parameter:
    """Return the option that says where the report goes."""
    return option("out", Path | None, "-o --out", f"Default: {default}.", panel=OUTPUT)


def settings(*names: str) -> list[Parameter]:
    """Return the options of some settings of the spec, of all if none is named."""
    return [_option_of(flagged()[name]) for name in names or flagged()]


def _option_of(one: Setting) -> Parameter:
    assert one.flag is not None
    kind: Any = str
    flags = one.flag
    if one.repeated:
        kind = list[str]
    elif one.kind in (int, float):
        kind = one.kind
    elif one.kind is bool:
        kind, flags = bool, f"{one.flag}/--no-{one.flag.removeprefix('--')}"
    help = one.sentence
    # An empty choice is what is taken where nothing is said.
    if choices := [choice for choice in one.choices if choice]:
        help = f"{help[:-1]}: {', '.join(choices[:-1])} or {choices[-1]}."
    if default := _default_text(one.in_command):
        help += f" Default: {default}."
    if one.repeated:
        help += " Repeatable."
    panel = PRICES if one.about_prices else STUDY
    return option(
        one.name, kind | None, flags, help, panel=panel, metavar=_metavar(one)
    )


def _metavar(one: Setting) -> str | None:
    """Return how the value is written, where that is not plain."""
    inner = get_args(one.kind)[0] if get_origin(one.kind) is tuple else None
    if one.kind == Pair or inner == Pair:
        return "FIRST:LAST"
    if get_origin(one.kind) is Mapping:
        return "NAME=SYMBOL,SYMBOL"
    return None if inner is None or one.repeated else "NAME,NAME"


def _default_text(default: Any) -> str:  # noqa: ANN401
    if isinstance(default, bool) or not default:
        return ""
    if _is_pair(default):
        return f"{default[0]}:{default[1]}"
    if isinstance(default, tuple):
        return ", ".join(map(_default_text, default))
    return str(default)


def _is_pair(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(one, int) for one in value)


# --- texts --------------------------------------------------------------------------


def overrides(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the flags of a command say, as `analyze` takes it.

    >>> overrides({"estimation": "-100:-20", "tests": "bmp,rank", "seed": None})
    {'estimation': (-100, -20), 'tests': ['bmp', 'rank']}
    """
    said = {name: value for name, value in given.items() if value not in (None, [])}
    out = {
        name: _value(flagged()[name], said[name]) for name in flagged() if name in said
    }
    if "assets" in said:
        out["assets"] = names(said["assets"], "--assets")
    if "market" in said:
        if "model" in said or "factors" in said:
            raise SpecError(
                "--market is short for --model market --factors SYMBOL; give one"
            )
        out |= {"model": usual_model("one factor"), "factors": [said["market"]]}
    return out


def _value(one: Setting, said: Any) -> Any:  # noqa: ANN401
    assert one.flag is not None
    if one.kind == Pair:
        return window(said, one.flag)
    if get_origin(one.kind) is Mapping:
        groups: dict[str, list[str]] = {}
        for name, members in (_group(text, one.flag) for text in said):
            groups.setdefault(name, []).extend(members)
        return groups
    if get_origin(one.kind) is tuple:
        if get_args(one.kind)[0] == Pair:
            return [window(text, one.flag) for text in said]
        return list(said) if one.repeated else names(said, one.flag)
    return said


def _group(text: str, flag: str) -> tuple[str, list[str]]:
    name, equals, members = text.partition("=")
    if not equals or not name.strip():
        raise SpecError(f"{flag} {text!r}: write NAME=SYMBOL,SYMBOL")
    return name.strip(), names(members, flag)


def window(text: str, flag: str) -> tuple[int, int]:
    """Read ``-1:1``.

    >>> window("-130:-11", "--estimation")
    (-130, -11)
    """
    start, colon, end = text.strip().strip("[]").replace(",", ":").partition(":")
    try:
        pair = int(start), int(end if colon else start)
    except ValueError:
        raise SpecError(
            f"{flag} {text!r}: write two whole numbers of sessions, such as -1:1"
        ) from None
    return pair


def names(text: str, flag: str) -> list[str]:
    """Read ``RIOT,MARA``."""
    found = [name.strip() for name in text.split(",") if name.strip()]
    if not found:
        raise SpecError(f"{flag} {text!r} names nothing")
    return list(dict.fromkeys(found))


@contextmanager
def told_by_flag(said: Mapping[str, Any]) -> Iterator[None]:
    """Begin the message of a wrong setting with the flag that it came from."""
    try:
        yield
    except SettingError as err:
        name = str(err.key[0]) if err.key else ""
        if name == "models":
            name = "model" if "model" in said else "factors"
        if name not in said or name not in flagged():
            raise
        raise SpecError(f"{flagged()[name].flag}: {err}") from err


def command_line(arguments: Sequence[str]) -> str:
    """Return the command that gives the same numbers, wherever they are written.

    >>> command_line(["analyze", "events/china_2021.csv", "-o", "/tmp/x", "--quiet"])
    'eventstudy analyze events/china_2021.csv'
    """
    kept: list[str] = []
    skip = False
    for argument in arguments:
        name, equals, _ = argument.partition("=")
        if skip:
            skip = False
        elif name in _SILENT_OPTIONS:
            skip = not equals
        elif name not in _SILENT_FLAGS:
            kept.append(argument)
    return shlex.join(["eventstudy", *kept])


def aligned(rows: Sequence[tuple[str, ...]], left: set[int]) -> list[str]:
    """Write the rows in columns as wide as their content, numbers to the right."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return [
        "  ".join(
            f"{cell:{'<' if number in left else '>'}{width}}"
            for number, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]
