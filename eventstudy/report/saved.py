"""A report read back from its folder: settings from the manifest, tables from CSV."""

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from eventstudy.core.errors import DataError, SpecError
from eventstudy.spec import StudySpec, spec_from
from eventstudy.study.result import StudyResult
from eventstudy.study.schema import SCHEMA

_MOST_BYTES = 64 * 1024 * 1024  # of a manifest


@dataclass(frozen=True, slots=True)
class SavedReport:
    """The folder of a report, its settings and what its manifest says.

    Parameters
    ----------
    folder : pathlib.Path
        Where it is.
    spec : StudySpec
        The request.
    manifest : dict
        The content of manifest.json.

    Examples
    --------
    >>> report = SavedReport(Path("reports/none"), StudySpec(), {"outputs": {}})
    >>> report.edited()
    []
    """

    folder: Path
    spec: StudySpec
    manifest: dict[str, Any]

    def table(self, name: str) -> pl.DataFrame:
        """Return a table of the report; an empty one where it was not written.

        Parameters
        ----------
        name : str
            Name of a table.

        Returns
        -------
        polars.DataFrame
            With the types of the result.

        Raises
        ------
        DataError
            For a file that is missing or that is no such table.
        """
        path = self.folder / "tables" / f"{name}.csv"
        if not SCHEMA[name].written:
            return SCHEMA[name].empty()
        try:
            text = pl.read_csv(path, infer_schema=False)
            return _typed(name, text)
        except (OSError, pl.exceptions.PolarsError) as err:
            missing = not path.is_file()
            found = "is not there" if missing else f"is no table {name}: {_line(err)}"
            raise DataError(
                f"{path} {found}; write the report anew, or name a folder that has it"
            ) from err

    def result(self) -> StudyResult:
        """Return the study as far as its report holds it.

        Returns
        -------
        StudyResult
            With the tables that reports are written with.

        Raises
        ------
        DataError
            For a table that cannot be read.
        """
        held = {n: self.table(n) for n, table in SCHEMA.items() if table.written}
        inputs = dict(self.manifest.get("inputs") or {})
        return StudyResult(spec=self.spec, provenance=inputs, tables=held)

    def edited(self) -> list[str]:
        """Name the tables that were changed after the report was written.

        Returns
        -------
        list of str
            Their files.
        """
        return [
            name
            for name, sha256 in self.manifest["outputs"].items()
            if name.startswith("tables/")
            and (path := self.folder / name).is_file()
            and hashlib.sha256(path.read_bytes()).hexdigest() != sha256
        ]


def open_report(folder: str | Path) -> SavedReport:
    """Read the manifest of a report.

    Parameters
    ----------
    folder : str or pathlib.Path
        The folder of a report.

    Returns
    -------
    SavedReport
        With its settings.

    Raises
    ------
    SpecError
        For a folder that holds no report.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from eventstudy import StudyResult, write_report
    >>> nothing = StudyResult(spec=StudySpec(returns="log"), provenance={})
    >>> with TemporaryDirectory() as home:
    ...     report = open_report(write_report(nothing, f"{home}/nothing"))
    >>> report.spec.returns
    'log'
    """
    path = Path(folder) / "manifest.json"
    wanted = "name the folder of a report, such as reports/china_2021"
    try:
        if not path.is_file():
            raise SpecError(f"{folder} holds no report (no manifest.json); {wanted}")
        if path.stat().st_size > _MOST_BYTES:
            raise SpecError(f"{path} is too large for a manifest; {wanted}")
        held = json.loads(path.read_text(encoding="utf-8"))
        settings = dict(held["spec"])
        outputs = dict(held["outputs"])
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as err:
        if isinstance(err, SpecError):
            raise
        raise SpecError(f"{path} is no manifest of a study; {wanted}") from err
    return SavedReport(Path(folder), _spec(settings), {**held, "outputs": outputs})


def _spec(settings: dict[str, Any]) -> StudySpec:
    given = {name: value for name, value in settings.items() if value is not None}
    return spec_from(given)


def _typed(name: str, text: pl.DataFrame) -> pl.DataFrame:
    """Give columns of text the types of the table; undo what protects spreadsheets."""
    columns = []
    for column, kind in SCHEMA[name].dtypes.items():
        if column not in text.columns:
            columns.append(pl.lit(None, kind).alias(column))
            continue
        value = pl.col(column)
        if kind == pl.Boolean:
            value = value == "true"
        elif kind == pl.Date:
            value = value.str.to_date("%Y-%m-%d")
        elif isinstance(kind, pl.Datetime):
            value = value.str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_zone="UTC")
        elif isinstance(kind, pl.List):
            value = value.str.split("; ")
        elif kind == pl.String:
            value = value.str.replace(r"^'([=+\-@\t\r\n'])", "$1")
        else:
            value = value.cast(kind)
        columns.append(value)
    extra = [pl.col(c) for c in text.columns if c not in SCHEMA[name].dtypes]
    return text.select(*columns, *extra)


def _line(err: Exception) -> str:
    return str(err).strip().splitlines()[0] if str(err).strip() else "it is empty"
