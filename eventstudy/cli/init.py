"""The command ``eventstudy init``: a catalogue and a study file to start from."""

import csv
import io
from pathlib import Path
from typing import Annotated, Any

import typer

from eventstudy.cli import options
from eventstudy.cli.terminal import say
from eventstudy.core.errors import SpecError

_COLUMNS = ("event_id", "announced_at", "title", "kind", "assets", "headline")
_EXAMPLE = (
    (
        "summons",
        "2021-06-21T18:12+08:00",
        "Central bank summons Alipay and five banks",
        "banking_payment",
        "BTCM;RIOT",
        "true",
    ),
    ("list", "2021-06-18", "Sichuan lists 26 mines", "mining_ban", "BTCM", "true"),
)
_HEAD = """\
# Settings of the study; what is commented out is the default.
# eventstudy check {name}.csv     problems of the catalogue, days 0 of its events
# eventstudy analyze {name}.csv   the report, in reports/{name}/

"""
_TAIL = """
# Groups of assets; without any, the assets that the catalogue names.
# [groups]
# miners = ["BTCM", "RIOT"]

# How normal returns are estimated; several settings stand side by side.
# [[models]]
# name = "total"
# model = "market"
# factors = ["^GSPC"]
# groups = ["miners"]
"""


@options.with_options(options.FORCE)
def init(
    name: Annotated[str, typer.Argument(help="Name of the study, such as deals.")],
    source: Annotated[
        Path | None,
        typer.Argument(help="List of tickers and dates to make the catalogue of."),
    ] = None,
    **given: Any,  # noqa: ANN401
) -> None:
    """Write NAME.csv and NAME.toml to start from, commented.

    Example: eventstudy init deals my_list.csv
    """
    name = name.removesuffix(".csv") or name
    rows = _EXAMPLE if source is None else _rows_of(source)
    files = {
        Path(f"{name}.csv"): _catalogue(rows),
        Path(f"{name}.toml"): study_file(Path(name).name),
    }
    if there := [str(path) for path in files if path.exists() and not given["force"]]:
        raise SpecError(
            f"there already: {', '.join(there)}; choose another name, or --force"
        )
    for path, text in files.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    say(f"written: {', '.join(map(str, files))}\nnext: eventstudy check {name}.csv")


def _rows_of(source: Path) -> list[tuple[str, ...]]:
    from eventstudy.catalogue import read_events

    events = read_events(source)
    for note in events.notes:
        say(f"note: {note}", err=True)
    columns = ("event_id", "announced_at", "title", "kind", "assets", "headline")
    return [
        (event_id, at, title, kind, ";".join(assets), str(headline).lower())
        for event_id, at, title, kind, assets, headline in events.frame.select(
            columns
        ).iter_rows()
    ]


def _catalogue(rows: Any) -> str:  # noqa: ANN401 - rows of texts
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([_COLUMNS, *rows])
    return text.getvalue()


def study_file(name: str) -> str:
    """Return a study file in which every setting is commented out.

    >>> "# windows = [[-1, 1], " in study_file("deals")
    True
    """
    from eventstudy.spec import StudySpec
    from eventstudy.spec.setting import settings_of

    lines = []
    for one in settings_of(StudySpec):
        value = _toml(one.default if one.in_command is None else one.in_command)
        if value is not None and one.name not in _TABLES:
            lines.append(f"# {one.sentence}\n# {one.name} = {value}\n")
    return _HEAD.format(name=name) + "\n".join(lines) + _TAIL


_TABLES = ("models", "groups", "questions", "labels")


def _toml(value: Any) -> str | None:  # noqa: ANN401 - a setting's default
    """Write a plain value as TOML writes it; None for what is a table or not said."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, tuple | list):
        parts = [_toml(one) for one in value]
        return None if None in parts else f"[{', '.join(map(str, parts))}]"
    return None
