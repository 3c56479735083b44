"""Where the numbers come from: prices, files, software, command, settings."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.announced import MANY
from eventstudy.report.labels import words
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.spec import StudySpec, window_text


def blocks(views: Views) -> Iterator[str]:
    """Everything that is needed to get the same numbers again."""
    spec, provenance = views.result.spec, views.result.provenance
    source = provenance.get("source") or "not recorded"
    yield f"Source of the prices: {md.escape(source)}."
    yield md.details("Notice on the prices", md.escape(provenance.get("notice") or ""))
    yield file_table(provenance)
    yield md.bullets(md.escape(note) for note in provenance.get("notes") or ())
    if versions := versions_text(provenance):
        yield f"Software: {versions}. Seed: {spec.seed}."
    yield command_block(provenance)
    yield md.details("All settings", settings_table(spec))
    again = "the command above" if provenance.get("command") else "the same study"
    yield (
        "Full hashes, the settings and the SHA-256 of every file of this report: "
        "[manifest.json](manifest.json). All tables, in full precision, are CSV files "
        "in the folder `tables`, written beside this page; where a copy of the report "
        f"comes without it, {again} writes it anew."
    )


def settings_table(spec: StudySpec) -> str:
    """The merged request, one row per setting."""
    plain = spec.as_dict()
    for name in ("models", "groups", "questions", "calendars", "labels", "title"):
        plain.pop(name, None)
    given = {name: value for name, value in plain.items() if value not in ("", (), {})}
    rows = [[md.code(name), _setting(value)] for name, value in given.items()]
    for group, members in spec.groups.items():
        rows.append(
            [
                f"group {md.escape(words(group, spec.labels))}",
                md.escape(", ".join(members)),
            ]
        )
    for symbol, calendar in spec.calendars.items():
        rows.append([f"calendar of {md.escape(symbol)}", md.escape(calendar)])
    return md.table(["Setting", "Value"], rows, "ll")


def _setting(value: Any) -> str:  # noqa: ANN401 - any plain value of a study file
    if _is_window(value):
        return window_text(value)
    if isinstance(value, Mapping):
        return "; ".join(f"{md.escape(k)}: {_setting(v)}" for k, v in value.items())
    if isinstance(value, list | tuple):
        return ", ".join(
            window_text(v) if _is_window(v) else md.escape(v) for v in value
        )
    return md.escape(value)


def _is_window(value: Any) -> bool:  # noqa: ANN401
    return (
        isinstance(value, list | tuple)
        and len(value) == 2
        and all(isinstance(part, int) for part in value)
    )


def file_table(provenance: Mapping[str, Any]) -> str:
    """Input files with their dates and SHA-256; a row per symbol, unless many."""
    files: dict[tuple[str, ...], list[Mapping[str, Any]]] = {}
    for file in provenance.get("files") or ():
        key = tuple(str(file.get(name) or "") for name in ("role", "name", "sha256"))
        files.setdefault(key, []).append(file)
    rows = []
    for held in files.values():
        many = len(held) > MANY
        for part in [held] if many else [[one] for one in held]:
            symbol = nb.count(len(part), "symbol") if many else part[0].get("symbol")
            rows.append(_file_row(symbol or "", part))
    columns = ["Role", "Symbol", "File", "Dates", "Rows", "SHA-256 (first 16 digits)"]
    return md.table(columns, rows, "llllrl") if rows else ""


def _file_row(symbol: str, held: Sequence[Mapping[str, Any]]) -> list[str]:
    first = min((file["first"] for file in held if file.get("first")), default="")
    last = max((file["last"] for file in held if file.get("last")), default="")
    number = sum(file.get("rows") or 0 for file in held)
    return [
        md.escape(held[0].get("role") or ""),
        md.escape(symbol),
        md.escape(held[0].get("name") or ""),
        f"{first} to {last}" if first and last else "",
        nb.decimal(number, 0) if number else "",
        md.code((held[0].get("sha256") or "")[:16]),
    ]


def versions_text(provenance: Mapping[str, Any]) -> str:
    """Name the software with its versions."""
    versions = provenance.get("versions") or {}
    return ", ".join(f"{md.escape(k)} {md.escape(v)}" for k, v in versions.items())


def command_block(provenance: Mapping[str, Any]) -> str:
    """The command in a code fence that its own text cannot close."""
    command = provenance.get("command")
    if not command:
        return ""
    fence = "```"
    while fence in str(command):
        fence += "`"
    return f"{fence}sh\n{command}\n{fence}"


SECTION = Section(title="Provenance", blocks=blocks)
