"""The committed worked example is what today's code writes.

When a change of the numbers is meant, `make analyze` writes the example anew.
"""

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

ROOT = Path(__file__).parents[1]
EXAMPLE = ROOT / "reports/china_2021"
STALE = "reports/china_2021 is stale: run `make analyze` and commit what it writes"

# Another CPU or another release of numpy may round the last digits differently.
RTOL = 1e-9


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """The example, written anew by the command that the README shows."""
    folder = tmp_path_factory.mktemp("fresh") / "china_2021"
    code = "from eventstudy.cli.main import main; main()"
    words = ["analyze", "events/china_2021.csv", "--quiet", "--out", str(folder)]
    done = subprocess.run(
        [sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return folder


def manifest(folder: Path) -> dict:
    return json.loads((folder / "manifest.json").read_text(encoding="utf-8"))


def names(folder: Path) -> list[str]:
    return sorted(
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*")
        if path.is_file()
    )


def drawn_with(folder: Path) -> str:
    return manifest(folder)["inputs"]["versions"]["matplotlib"]


def words(folder: Path) -> list[str]:
    """The report's lines without versions and hashes."""
    text = (folder / "report.md").read_text(encoding="utf-8")
    text = re.sub(r"\d+\.\d+\.\d+\S*", "VERSION", text)
    return re.sub(r"`[0-9a-f]{16,64}`", "HASH", text).splitlines()


def test_the_example_has_the_files_that_are_written_today(fresh):
    assert names(EXAMPLE) == names(fresh), STALE


def test_the_text_is_what_is_written_today(fresh):
    old, new = words(EXAMPLE), words(fresh)
    differing = [pair for pair in zip(old, new, strict=False) if pair[0] != pair[1]]
    assert len(old) == len(new), STALE
    assert differing == [], STALE


def test_the_tables_hold_the_numbers_of_today(fresh):
    paths = sorted(fresh.glob("tables/*.csv"))
    assert paths
    for path in paths:
        old = pl.read_csv(EXAMPLE / "tables" / path.name, infer_schema_length=None)
        new = pl.read_csv(path, infer_schema_length=None)
        try:
            assert_frame_equal(old, new, rel_tol=RTOL, abs_tol=1e-12)
        except AssertionError as error:
            pytest.fail(f"{STALE}\n{path.name}: {error}")


def test_the_inputs_are_those_of_today(fresh):
    old, new = manifest(EXAMPLE), manifest(fresh)
    assert old["spec"] == new["spec"], STALE
    assert old["inputs"]["files"] == new["inputs"]["files"], STALE
    assert old["inputs"]["command"] == "eventstudy analyze events/china_2021.csv"
    assert new["inputs"]["command"] == old["inputs"]["command"]


def test_the_manifest_has_the_hash_of_every_committed_file():
    for name, digest in manifest(EXAMPLE)["outputs"].items():
        content = (EXAMPLE / name).read_bytes()
        assert hashlib.sha256(content).hexdigest() == digest, f"{name}: {STALE}"


def test_the_figures_are_what_is_drawn_today(fresh):
    if drawn_with(EXAMPLE) != drawn_with(fresh):
        pytest.skip("another version of matplotlib than that of the example")
    differing = [
        path.name
        for path in sorted(fresh.glob("figures/*.svg"))
        if path.read_bytes() != (EXAMPLE / "figures" / path.name).read_bytes()
    ]
    assert differing == [], STALE
