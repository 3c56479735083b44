"""Freeze the numbers of a tree of the package, and compare two freezes.

``python benchmarks/freeze.py write FOLDER`` runs the command on the worked example and
on three small studies (`freeze_studies`), simulates the worked example, and runs one
study through the library. Of each it keeps all tables (CSV) and all pages (Markdown).
``--root TREE`` freezes another checkout, ``--only NAME ...`` some of the parts.

``python benchmarks/freeze.py compare OLD NEW`` prints what differs, per table and
column, with the largest relative difference; it ends with ``no difference`` and exit
code 0, or with exit code 1. Tables, header, order and number of rows, texts and whole
numbers must be equal; floats too, to the last bit, unless a tolerance is given:

- ``--rtol`` and ``--atol`` for floats in general, ``--garch-rtol`` for those that come
  from a maximised likelihood of variance: the tables garch, conditional and regimes,
  tables named after such a model, and rows in which the columns model, measure or test
  say garch, gjr, egarch, cav, cav_bootstrap or filtered_simulation (the start of the
  name counts: the studies call their settings after the model);
- ``--allow-added``: what only NEW has is no fault; ``--tables-only``: ignores pages.

What says where numbers come from is not frozen: no manifest, and no section Provenance
of a page (sources, hashes, versions, command, all settings). Paths are relative to a
folder of inputs that is made anew, and no clock enters.

Only what is public is used: the console script that pyproject.toml names, `run`,
``read_events``, ``read_prices``, ``StudySpec``, ``ModelSetting``, ``regress`` and
``categories``. A freeze holds for one machine and one environment: other processors
and other versions of libraries round otherwise.
"""

import argparse
import csv
import difflib
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
import tomllib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from freeze_studies import SIMULATED, STUDIES, write_inputs

LIBRARY = "library"
EXAMPLE = "china_2021"
CATALOGUE = f"events/{EXAMPLE}.csv"
SIMULATION = f"{EXAMPLE}-simulation"
PARTS = (EXAMPLE, *STUDIES, LIBRARY, SIMULATION)
# a proxy that nobody answers for: what asks the network fails at once
NOWHERE = "http://127.0.0.1:9"
FLOAT = re.compile(r"[-+]?(\d+\.\d*(e[-+]?\d+)?|\d+e[-+]?\d+|inf|nan)", re.IGNORECASE)
MAXIMISED = re.compile(r"garch|gjr|egarch|cav|filtered_simulation")
MAXIMISED_TABLES = {"garch", "conditional", "regimes"}
LABELS = ("model", "measure", "test")


def write(folder: Path, root: Path, only: list[str]) -> None:
    """Freeze the tree at ``root`` into a folder that must be new or empty."""
    folder = folder.resolve()
    if folder.exists() and any(folder.iterdir()):
        sys.exit(f"freeze: {folder} is not empty")
    with tempfile.TemporaryDirectory(prefix="freeze-") as scratch:
        work = Path(scratch)
        run = _runner(root.resolve(), work)
        _make_inputs(work, root)
        for part in only or PARTS:
            started = time.perf_counter()
            _part(part, run, work, _command(root))
            count = _keep(work / "out" / part, folder / part)
            print(f"{part}: {count} files, {time.perf_counter() - started:.1f} s")


def _command(root: Path) -> str:
    """Return the Python that the console script of the tree runs."""
    project = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    module, _, name = project["project"]["scripts"]["eventstudy"].partition(":")
    return f"from {module} import {name}; {name}()"


def _part(part: str, run: Callable[..., str], work: Path, command: str) -> None:
    out = ["-o", str(work / "out" / part), "--quiet"]
    if part == LIBRARY:
        script = Path(__file__).resolve().with_name("freeze_library.py")
        run(work / "gaps", str(script), out[1])
    elif part == SIMULATION:
        wanted = ["--replications", "100", "--seed", "7", "--effects", "0.02,-0.05"]
        wanted += ["--tests", ",".join(SIMULATED)]
        run(work, "-c", command, "simulate", CATALOGUE, *wanted, *out)
    elif part == EXAMPLE:
        run(work, "-c", command, "analyze", CATALOGUE, *out)
    else:
        run(work / part, "-c", command, "analyze", "study.csv", *out)


def _make_inputs(work: Path, root: Path) -> None:
    (work / "events").mkdir()
    (work / "out").mkdir()
    for name in (CATALOGUE, f"events/{EXAMPLE}.toml"):
        shutil.copyfile(root / name, work / name)
    write_inputs(work)


def _runner(root: Path, work: Path) -> Callable[..., str]:
    """Return what runs this Python on the package at ``root``, one thread, offline."""
    quiet = dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"), NOWHERE)
    threads = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "POLARS_MAX_THREADS")
    environment = {
        **os.environ,
        **quiet,
        **{name.lower(): value for name, value in quiet.items()},
        **dict.fromkeys(threads, "1"),
        "EVENTSTUDY_CACHE": str(work / "cache"),
        "PYTHONPATH": str(root),
        "TZ": "UTC",
    }

    def run(cwd: Path, *arguments: str) -> str:
        command = [sys.executable, *arguments]
        done = subprocess.run(
            command, cwd=cwd, env=environment, text=True, capture_output=True
        )
        if done.returncode:
            sys.exit(f"freeze: {' '.join(arguments)}\n{done.stdout}{done.stderr}")
        return done.stdout

    asked = "import eventstudy; print(eventstudy.__file__)"
    home = Path(run(work, "-c", asked).strip())
    if not home.is_relative_to(root):
        sys.exit(f"freeze: {home} would be frozen, not the package in {root}")
    return run


def _keep(made: Path, folder: Path) -> int:
    """Copy the tables and pages of a report, and return how many there are."""
    files = sorted({*made.rglob("*.csv"), *made.rglob("*.md")})
    for path in files:
        target = folder / path.relative_to(made)
        target.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".md":
            text = _without_provenance(path.read_text(encoding="utf-8"))
            target.write_text(text, encoding="utf-8")
        else:
            shutil.copyfile(path, target)
    return len(files)


def _without_provenance(page: str) -> str:
    """Drop the section Provenance."""
    kept, skip = [], False
    for line in page.splitlines(keepends=True):
        if line.startswith(("# ", "## ")):
            skip = line.strip() == "## Provenance"
        if not skip:
            kept.append(line)
    return "".join(kept)


@dataclass(frozen=True, slots=True)
class Limits:
    """What counts as a difference."""

    rtol: float = 0.0
    atol: float = 0.0
    garch_rtol: float = 0.0
    allow_added: bool = False


def compare(
    old: Path, new: Path, limits: Limits, *, only: list[str], kinds: tuple[str, ...]
) -> int:
    """Print what differs between two freezes and return the exit code."""
    held = [_names(folder, only, kinds) for folder in (old, new)]
    if not held[0]:
        sys.exit(f"freeze: nothing to compare in {old}")
    faults = [f"{name}: missing" for name in sorted(held[0] - held[1])]
    faults += _added("", held[1] - held[0], limits)
    for name in sorted(held[0] & held[1]):
        differ = compare_tables if name.endswith(".csv") else compare_pages
        found = differ(old / name, new / name, limits)
        faults += [f"{name}: {fault}" for fault in found]
    print("\n".join(faults) or "no difference")
    return int(bool(faults))


def _names(folder: Path, only: list[str], kinds: tuple[str, ...]) -> set[str]:
    files = (path.relative_to(folder) for kind in kinds for path in folder.rglob(kind))
    return {file.as_posix() for file in files if not only or file.parts[0] in only}


def _added(where: str, names: set[str], limits: Limits) -> list[str]:
    """Return what was added as faults, or only say it where that is allowed."""
    lines = [f"{name}: added" for name in sorted(names)]
    for line in lines if limits.allow_added else ():
        print(f"{where}{line} (allowed)")
    return [] if limits.allow_added else lines


def compare_pages(old: Path, new: Path, _: Limits) -> Iterator[str]:
    """Yield how two texts differ."""
    a, b = (path.read_text(encoding="utf-8").splitlines() for path in (old, new))
    lines = list(difflib.unified_diff(a, b, n=0, lineterm=""))[2:]
    changed = [line for line in lines if not line.startswith("@@")]
    gone = sum(line.startswith("-") for line in changed)
    if changed:
        yield f"{gone} lines gone, {len(changed) - gone} lines new; first:"
    yield from (f"  {line[:200]}" for line in changed[:4])


def compare_tables(old: Path, new: Path, limits: Limits) -> Iterator[str]:
    """Yield how two tables differ, a line per column."""
    (head, *rows), (new_head, *new_rows) = (_rows(path) for path in (old, new))
    common = [name for name in head if name in new_head]
    yield from (f"column {name}: missing" for name in head if name not in new_head)
    where = f"{old.parent.parent.name}/{old.name}: "
    yield from _added(where, {f"column {n}" for n in set(new_head) - set(head)}, limits)
    if common != [name for name in new_head if name in head]:
        yield "columns in another order"
    if len(rows) != len(new_rows):
        yield f"{len(rows)} rows became {len(new_rows)}"
        return
    loose = [_is_maximised(old.stem, dict(zip(head, row, strict=True))) for row in rows]
    for name in common:
        at, new_at = head.index(name), new_head.index(name)
        pairs = [
            (line, row[at], new_row[new_at], maximised)
            for line, (row, new_row, maximised) in enumerate(
                zip(rows, new_rows, loose, strict=True), start=2
            )
            if row[at] != new_row[new_at]
        ]
        bad = [pair for pair in pairs if not _close(*pair[1:], limits)]
        if bad:
            largest = max(_relative(a, b) for _, a, b, _ in bad)
            line, a, b, _ = bad[0]
            yield (
                f"column {name}: {len(bad)} of {len(rows)} cells, largest relative "
                f"difference {largest:.3g}; first in line {line}: {a!r} became {b!r}"
            )


def _rows(path: Path) -> list[list[str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.reader(file)) or [[]]


def _is_maximised(table: str, row: dict[str, str]) -> bool:
    said = (table, *(row.get(label, "") for label in LABELS))
    return table in MAXIMISED_TABLES or any(map(MAXIMISED.match, said))


def _relative(a: str, b: str) -> float:
    """Return the relative difference, infinite unless both are finite floats."""
    if not (FLOAT.fullmatch(a) and FLOAT.fullmatch(b)):
        return float("inf")
    x, y = float(a), float(b)
    found = abs(x - y) / (max(abs(x), abs(y)) or 1.0)
    return found if found == found else float("inf")


def _close(a: str, b: str, maximised: bool, limits: Limits) -> bool:  # noqa: FBT001
    """Say whether texts that differ are floats within a tolerance above zero."""
    found = _relative(a, b)
    if found == float("inf"):
        return False
    rtol = max(limits.rtol, limits.garch_rtol) if maximised else limits.rtol
    near = limits.atol > 0 and abs(float(a) - float(b)) <= limits.atol
    return near or (rtol > 0 and found <= rtol)


def main() -> int:
    """Read the command line and do what it says."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("write", help="freeze the numbers of a tree")
    one.add_argument("folder", type=Path)
    one.add_argument("--root", type=Path, default=Path(__file__).resolve().parents[1])
    two = commands.add_parser("compare", help="compare two freezes")
    two.add_argument("old", type=Path)
    two.add_argument("new", type=Path)
    for name in ("--rtol", "--atol", "--garch-rtol"):
        two.add_argument(name, type=float, default=0.0)
    two.add_argument("--allow-added", action="store_true")
    two.add_argument("--tables-only", action="store_true")
    for command in (one, two):
        command.add_argument("--only", nargs="+", default=[], choices=PARTS)
    given = parser.parse_args()
    if given.command == "write":
        write(given.folder, given.root, given.only)
        return 0
    limits = Limits(given.rtol, given.atol, given.garch_rtol, given.allow_added)
    kinds = ("*.csv",) if given.tables_only else ("*.csv", "*.md")
    return compare(given.old, given.new, limits, only=given.only, kinds=kinds)


if __name__ == "__main__":
    sys.exit(main())
