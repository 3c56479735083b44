"""The committed worked example is what today's code writes.

When a change of the numbers is meant, `make analyze` writes the example anew. Its
tables are not committed: the manifest has their hashes.
"""

import hashlib
import json
import re
from pathlib import Path

import polars as pl
import pytest

EXAMPLE = Path(__file__).parents[1] / "reports/china_2021"
STALE = "reports/china_2021 is stale: run `make analyze` and commit what it writes"

# Processors order the sums of a product of matrices differently and so round the last
# digits in their own ways. This table, of plain regressions, shows whether this one
# rounds as that which wrote the example did.
WITNESS = "tables/abnormal_returns.csv"


@pytest.fixture(scope="module")
def fresh(worked_example):
    """The example, written anew by the command that the README shows."""
    return worked_example.report


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def versions(folder: Path) -> dict[str, str]:
    return manifest(folder)["inputs"]["versions"]


def committed(folder: Path) -> list[str]:
    """The files of a report that are kept in the repository."""
    files = (path for path in folder.rglob("*") if path.is_file())
    names = (path.relative_to(folder).as_posix() for path in files)
    return sorted(name for name in names if not name.startswith("tables/"))


def words(folder: Path, name: str) -> list[str]:
    """The lines of a page without versions and hashes."""
    text = (folder / name).read_text(encoding="utf-8")
    text = re.sub(r"\d+\.\d+\.\d+\S*", "VERSION", text)
    return re.sub(r"`[0-9a-f]{16,64}`", "HASH", text).splitlines()


def test_the_example_has_the_files_that_are_written_today(fresh):
    assert committed(EXAMPLE) == committed(fresh), STALE
    old, new = manifest(EXAMPLE)["outputs"], manifest(fresh)["outputs"]
    assert list(old) == list(new), STALE
    assert WITNESS in old


def test_the_text_is_what_is_written_today(fresh):
    same = versions(EXAMPLE) == versions(fresh)
    kinds = (".md", ".html") if same else (".md",)  # figures are in the HTML page
    pages = [name for name in committed(fresh) if name.endswith(kinds)]
    assert "report.md" in pages
    for name in pages:
        old, new = words(EXAMPLE, name), words(fresh, name)
        differing = [pair for pair in zip(old, new, strict=False) if pair[0] != pair[1]]
        assert len(old) == len(new), f"{name}: {STALE}"
        assert differing == [], f"{name}: {STALE}"


def test_the_tables_hold_the_numbers_of_today(fresh):
    if versions(EXAMPLE) != versions(fresh):
        pytest.skip("other versions of libraries than those of the example")
    old, new = manifest(EXAMPLE)["outputs"], manifest(fresh)["outputs"]
    tables = [name for name in new if name.startswith("tables/")]
    if old[WITNESS] != new[WITNESS]:
        tables = [name for name in tables if not has_floats(fresh / name)]
        assert tables
    assert [name for name in tables if old[name] != new[name]] == [], STALE


def has_floats(path: Path) -> bool:
    return pl.Float64 in pl.read_csv(path, infer_schema_length=None).dtypes


def test_the_inputs_are_those_of_today(fresh):
    old, new = manifest(EXAMPLE), manifest(fresh)
    assert old["spec"] == new["spec"], STALE
    assert old["inputs"]["files"] == new["inputs"]["files"], STALE
    assert old["inputs"]["command"] == "eventstudy analyze events/china_2021.csv"
    assert new["inputs"]["command"] == old["inputs"]["command"]


def test_the_manifest_has_the_hash_of_every_committed_file():
    hashes = manifest(EXAMPLE)["outputs"]
    for name in committed(EXAMPLE):
        if name != "manifest.json":
            digest = hashlib.sha256((EXAMPLE / name).read_bytes()).hexdigest()
            assert hashes[name] == digest, f"{name}: {STALE}"


def test_the_figures_are_what_is_drawn_today(fresh):
    if versions(EXAMPLE)["matplotlib"] != versions(fresh)["matplotlib"]:
        pytest.skip("another version of matplotlib than that of the example")
    differing = [
        path.name
        for path in sorted(fresh.glob("figures/*.svg"))
        if path.read_bytes() != (EXAMPLE / "figures" / path.name).read_bytes()
    ]
    assert differing == [], STALE
