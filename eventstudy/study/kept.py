"""Finished parts of a study in a folder, so that one that was broken off goes on.

A part is what one task of a builder makes: its tables as Parquet, in a folder named
after all that decides them. It is renamed to its place when it is whole.
"""

import json
import os
import shutil
from hashlib import sha256
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from eventstudy._version import __version__
from eventstudy.core.errors import SourceError
from eventstudy.scale.engine import Task

if TYPE_CHECKING:
    from eventstudy.study.builders import Study

Tables = dict[str, pl.DataFrame]
_NAMES = "tables.json"


class FinishedParts:
    """The parts of one study in a folder.

    Parameters
    ----------
    folder : Path
        Where parts are; those of other studies may be there too.
    study : Study
        The study: its request, catalogue, prices and bars.
    """

    def __init__(self, folder: Path, study: "Study") -> None:
        self._folder, self._study = folder, _of(study)

    def of(self, task: Task) -> Tables | None:
        """Return what a task made in an earlier run, None where it is not there."""
        place = self._place(task)
        try:
            names = json.loads((place / _NAMES).read_text(encoding="utf-8"))
            return {name: pl.read_parquet(place / f"{name}.parquet") for name in names}
        except (OSError, ValueError, pl.exceptions.PolarsError):
            return None  # it is made again

    def keep(self, task: Task, tables: Tables) -> None:
        """Write what a task made; raise `SourceError` where nothing can be written."""
        place = self._place(task)
        beside = place.with_name(f".{place.name}.{os.getpid()}")
        try:
            beside.mkdir(parents=True)
            for name, table in tables.items():
                table.write_parquet(beside / f"{name}.parquet")
            text = json.dumps(list(tables))
            (beside / _NAMES).write_text(text, encoding="utf-8")
            shutil.rmtree(place, ignore_errors=True)
            beside.rename(place)
        except OSError as error:
            shutil.rmtree(beside, ignore_errors=True)
            raise SourceError(
                f"{self._folder}: finished parts cannot be kept there: {error.strerror}"
            ) from error

    def _place(self, task: Task) -> Path:
        said = sha256(f"{self._study} {task.function} {task.args!r}".encode())
        _, _, name = task.function.rpartition(":")
        return self._folder / f"{name}_{said.hexdigest()[:16]}"


def _of(study: "Study") -> str:
    """Return a hash of all that decides the tables of a study."""
    said = sha256(f"eventstudy {__version__} {study.spec!r}".encode())
    said.update(repr(study.groups).encode())
    for frame in (study.events, study.prices, study.observations):
        buffer = BytesIO()
        frame.write_ipc(buffer)
        said.update(buffer.getvalue())
    for symbol, file in sorted(study.bars.items()):
        said.update(f"{symbol} {file.sha256}".encode())
    for one in study.series:
        said.update(repr(one.setting).encode() + one.days.tobytes() + one.y.tobytes())
        said.update(b"" if one.variance is None else one.variance.tobytes())
    return said.hexdigest()
