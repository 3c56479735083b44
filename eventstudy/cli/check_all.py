"""``eventstudy check --all``: the catalogues of a folder, and sources of their rows."""

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from eventstudy.cli.terminal import say, say_json
from eventstudy.core.errors import DataError, EventStudyError, SpecError

if TYPE_CHECKING:
    import polars as pl

SUFFIXES = (".csv", ".xlsx")


def check_all(
    folder: Path, study: Path | None, said: Mapping[str, Any], *, as_json: bool
) -> None:
    """Check every catalogue of a folder with its study file.

    Raises `DataError` at the end where one cannot be used, or a row has neither a
    source nor a note that says why.
    """
    if not folder.is_dir():
        raise SpecError(f"--all wants a folder of catalogues; {folder} is none")
    files = sorted(one for one in folder.iterdir() if one.suffix in SUFFIXES)
    if not files:
        raise SpecError(
            f"{folder} holds no catalogue; wanted files {', '.join(SUFFIXES)}"
        )
    found = {str(path): _checked(path, study, said) for path in files}
    if as_json:
        say_json(found)
    else:
        for name, told in found.items():
            say("\n".join(_lines(name, told)))
    faulty = [name for name, told in found.items() if told["problem"]]
    if faulty:
        raise DataError(f"of {len(files)} catalogues {len(faulty)} must be mended")


def unsourced(events: "pl.DataFrame") -> list[str]:
    """Return the ids of rows with neither a source nor a note that says why.

    >>> import polars as pl
    >>> unsourced(pl.DataFrame({"event_id": ["a", "b"], "source_url": ["http", None]}))
    ['b']
    """
    import polars as pl

    said = [name for name in ("source_url", "note") if name in events.columns]
    silent = pl.all_horizontal(pl.col(name).is_null() for name in said)
    found: list[str] = events.filter(silent)["event_id"].to_list()
    return found


def _checked(path: Path, study: Path | None, said: Mapping[str, Any]) -> dict[str, Any]:
    from eventstudy.study.inputs import request_of

    try:
        request = request_of(path, study, **said)
    except EventStudyError as error:
        return {"events": None, "problem": str(error), "notes": []}
    frame, problem = request.events.frame, ""
    if silent := unsourced(frame):
        problem = (
            f"no source for {', '.join(silent)}; fill source_url, or say in note why "
            "there is none"
        )
    notes = [*request.events.notes, *request.notes]
    return {"events": frame.height, "problem": problem, "notes": notes}


def _lines(name: str, told: Mapping[str, Any]) -> list[str]:
    count = told["events"]
    sized = "" if count is None else f"{count} event{'' if count == 1 else 's'}, "
    said = told["problem"] or "no problems found, every row with its source or reason"
    return [f"{name}: {sized}{said}", *(f"  {note}" for note in told["notes"])]
