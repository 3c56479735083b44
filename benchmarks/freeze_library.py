"""Run the study ``gaps`` of `freeze_studies` from Python; a part of `freeze`.

Run in the folder of the study's inputs: ``python benchmarks/freeze_library.py FOLDER``.
"""

import sys
import tomllib
from dataclasses import fields
from pathlib import Path
from typing import Any

import polars as pl
from freeze_studies import STUDIES

import eventstudy as es

PARTS = "returns volume illiquidity volatility garch breaks joint intraday outcomes"


def library_tables(folder: Path) -> None:
    """Study ``gaps`` from Python, and write every table that the result holds.

    Not-a-number and null stay apart.
    """
    table = tomllib.loads(STUDIES["gaps"][0])
    for name in ("prices", "questions", "splices", "factor_files"):
        del table[name]
    models = [es.ModelSetting(**m) for m in table.pop("models") if m["name"] != "ff3"]
    if "parts" in {field.name for field in fields(es.StudySpec)}:
        table["parts"] = tuple(PARTS.split())  # the library's default is less
    spec = es.StudySpec(models=tuple(models), **table)
    result: Any = es.run(spec, es.read_events("study.csv"), es.read_prices("prices"))
    held = {name: getattr(result, name) for name in dir(result) if name[0] != "_"}
    tables = {k: v for k, v in held.items() if isinstance(v, pl.DataFrame)}
    for name in ("market", "garch"):
        options = {"window": (-1, 1), "model": name}
        regression = _of(result, "regress")("car", "~ kind + group", **options)
        tables[f"{name}_regression"] = regression.terms
        tables[f"{name}_kinds"] = _of(result, "categories")("kind", **options)
        groups = _of(result, "categories")("group", **options)
        tables[f"{name}_groups"] = groups
    (folder / "tables").mkdir(parents=True)
    for name, frame in tables.items():
        lists = pl.selectors.by_dtype(pl.List(pl.String)).list.join("; ")
        frame.with_columns(lists).write_csv(folder / "tables" / f"{name}.csv")


def _of(result: Any, name: str) -> Any:  # noqa: ANN401
    """Return a function on a result, of the package or of the result itself."""
    if hasattr(result, name):
        return getattr(result, name)
    return lambda *given, **options: getattr(es, name)(result, *given, **options)


if __name__ == "__main__":
    library_tables(Path(sys.argv[1]))
