"""Every how-to of CONTRIBUTING is done on a copy of the package and keeps its word.

All how-tos are applied to one copy. Their pytest commands run in one process, and their
commands of eventstudy in another, one after the other.
"""

import json
import os
import re
import shlex
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import polars as pl
import pytest

import eventstudy as es

ROOT = Path(__file__).parents[1]
GUIDE = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
HOW_TOS = {
    "test": "A test",
    "model": "A normal-return model",
    "measure": "A volatility measure",
    "table": "An output table",
    "source": "A price source",
    "figure": "A figure",
    "section": "A report section",
}
STEP = re.compile(
    r"^(?:(New file|At the end of|In) `([^`]+)`:\n\n)?```(\w+)\n((?:.*\n)*?)```$",
    re.MULTILINE,
)

pytestmark = [pytest.mark.processes, pytest.mark.long]


@dataclass(frozen=True)
class Step:
    """A block of a how-to: what is done with it, to which file."""

    how: str
    path: str
    language: str
    text: str


def steps(name: str) -> list[Step]:
    part = GUIDE.split(f"\n## {HOW_TOS[name]}\n")[1].split("\n## ")[0]
    return [Step(*(word or "" for word in m.groups())) for m in STEP.finditer(part)]


def commands(name: str, program: str) -> list[list[str]]:
    blocks = (step.text for step in steps(name) if step.language == "bash")
    words = [shlex.split(line) for block in blocks for line in block.splitlines()]
    assert {line[0] for line in words} <= {"pytest", "eventstudy"}
    return [line for line in words if line[0] == program]


def apply(step: Step, root: Path) -> None:
    path = root / step.path
    if step.how == "New file":
        assert not path.exists(), step.path
        path.write_text(step.text, encoding="utf-8")
        return
    text = path.read_text(encoding="utf-8")
    if step.how == "At the end of":
        path.write_text(text + step.text, encoding="utf-8")
        return
    lines = step.text.splitlines(keepends=True)
    assert {line[:1] for line in lines} <= {" ", "+", "-", "\n"}, step.text
    plain = [line if line == "\n" else line[1:] for line in lines]
    marks = [line[:1] for line in lines]
    old = "".join(p for p, mark in zip(plain, marks, strict=True) if mark != "+")
    new = "".join(p for p, mark in zip(plain, marks, strict=True) if mark != "-")
    assert text.count(old) == 1, f"{step.path} has not once:\n{old}"
    path.write_text(text.replace(old, new), encoding="utf-8")


# --- the study on which all is tried -------------------------------------------------

CATALOGUE = """event_id,announced_at,assets
summons,2021-06-21T18:12+08:00,BTCM;MARA
all-illegal,2021-09-24T17:00+08:00,BTCM;MARA
hearing,2021-05-21T22:14+08:00,BTCM;MARA
"""
STUDY = """model = "market"
factors = ["^GSPC"]
windows = [[-1, 1]]
resamples = 99
parts = ["returns"]
"""
# Runs the commands in one process and says what each of them printed.
RUN_ALL = """
import contextlib, io, json, sys
from eventstudy.cli.main import main

told = []
for words in json.loads(sys.argv.pop()):
    sys.argv[1:] = words
    printed, code = io.StringIO(), 0
    with contextlib.redirect_stdout(printed):
        try:
            main()
        except SystemExit as ended:
            code = ended.code or 0
    told.append((code, printed.getvalue()))
print(json.dumps(told))
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory):
    """The repository with all how-tos done, and a small study to try them on."""
    root = tmp_path_factory.mktemp("copy")
    for name in ("eventstudy", "tests"):
        keep = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / name, root / name, ignore=keep)
    shutil.copy(ROOT / "pyproject.toml", root)
    for name in HOW_TOS:
        for step in steps(name):
            if step.path:
                apply(step, root)
    (root / "try.csv").write_text(CATALOGUE, encoding="utf-8")
    (root / "try.toml").write_text(STUDY, encoding="utf-8")
    prices = es.fetch_prices(["BTCM", "MARA", "^GSPC"]).frame
    with closing(sqlite3.connect(root / "prices.sqlite")) as connection, connection:
        connection.execute("CREATE TABLE prices (symbol, date, close)")
        rows = prices.select("symbol", pl.col("date").cast(pl.String), "close").rows()
        connection.executemany("INSERT INTO prices VALUES (?, ?, ?)", rows)
    return root


def child(root: Path, *words: str) -> str:
    done = subprocess.run(
        [sys.executable, *words],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def printed(copy):
    """What each command of a how-to prints, by how-to."""
    asked = [(name, c[1:]) for name in HOW_TOS for c in commands(name, "eventstudy")]
    told = json.loads(child(copy, "-c", RUN_ALL, json.dumps([w for _, w in asked])))
    for (_, words), (code, text) in zip(asked, told, strict=True):
        assert code == 0, (words, text)
    pairs = zip((name for name, _ in asked), (text for _, text in told), strict=True)
    return {
        name: "".join(text for _, text in held)
        for name, held in groupby(pairs, lambda pair: pair[0])
    }


def table(copy: Path, report: str, name: str) -> pl.DataFrame:
    return pl.read_csv(copy / f"reports/{report}/tables/{name}.csv")


# --- what the how-tos promise --------------------------------------------------------


@pytest.mark.parametrize("name", HOW_TOS)
def test_each_change_touches_two_files(name):
    touched = {step.path for step in steps(name) if step.path}
    assert len(touched) == 2
    part = GUIDE.split(f"\n## {HOW_TOS[name]}\n")[1].lstrip()
    assert part.startswith("Two files: ")
    assert commands(name, "eventstudy")


def test_every_block_is_of_a_kind_that_is_done():
    fences = GUIDE.count("\n```") // 2
    general = 2  # the commands and the map
    assert fences == general + sum(len(steps(name)) for name in HOW_TOS)


def test_the_twins_agree(copy):
    words = [c[1:] for name in HOW_TOS for c in commands(name, "pytest")]
    files = [w for line in words for w in line[: line.index("-k")]]
    names = " or ".join(f"({line[line.index('-k') + 1]})" for line in words)
    quiet = ["-q", "-p", "no:cacheprovider", "-n", "0", "-k", names]
    told = child(copy, "-m", "pytest", *dict.fromkeys(files), *quiet)
    assert re.search(r"^\d+ passed", told.splitlines()[-1]), told
    assert len(words) == 3


def test_a_new_test_is_listed_and_in_the_tables(printed, copy):
    assert "trimmed_t" in printed["test"]
    row = table(copy, "test", "tests").filter(test="trimmed_t", outcome="car")
    assert row["pvalue"].is_not_null().any()
    assert "Tukey & McLaughlin (1963)" in page(copy, "test", "details/methods.md")


def test_a_new_model_is_listed_and_in_the_tables(printed, copy):
    assert "blume" in printed["model"]
    betas = table(copy, "model", "coefficients").filter(term="^GSPC")
    plain = table(copy, "figure", "coefficients").filter(term="^GSPC")
    keys = ["event_id", "asset"]
    both = betas.join(plain, on=keys, suffix="_plain")
    assert both.height > 0
    for drawn, free in both.select("value", "value_plain").rows():
        assert drawn == pytest.approx((1 + 2 * free) / 3)
    assert "Blume (1975)" in page(copy, "model", "details/methods.md")


def test_a_new_measure_is_listed_and_in_the_tables(printed, copy):
    assert "mean_range" in printed["measure"]
    rows = table(copy, "measure", "volatility").filter(measure="mean_range")
    assert rows["ratio"].is_not_null().any()
    assert "mean range of high and low, scaled" in page(
        copy, "measure", "details/methods.md"
    )


def test_a_new_table_is_written(printed, copy):
    counted = table(copy, "table", "weekdays")
    used = table(copy, "table", "observations").filter(status="used")
    assert counted["n"].sum() == used.height > 0
    assert counted["weekday"].is_between(1, 7).all()


def test_a_new_source_is_listed_and_gives_the_prices(printed, copy):
    assert "the closes in prices.sqlite" in printed["source"]
    cars = table(copy, "source", "cars").sort("event_id", "asset")
    plain = table(copy, "table", "cars").sort("event_id", "asset")
    assert cars["car"].to_list() == pytest.approx(plain["car"].to_list())
    made = json.loads((copy / "reports/source/manifest.json").read_text())
    assert "database" in json.dumps(made["inputs"])


def test_a_new_figure_is_drawn_and_shown(printed, copy):
    drawing = (copy / "reports/figure/figures/explained.svg").read_text()
    assert "<svg" in drawing
    assert "](../figures/explained.svg)" in page(copy, "figure", "details/tests.md")


def test_a_new_section_stands_in_the_page(printed, copy):
    text = page(copy, "section").split("## Waiting for the market\n\n")[1]
    assert text.startswith("The longest wait for a first session was that of ")


def page(copy: Path, report: str, file: str = "report.md") -> str:
    return (copy / f"reports/{report}" / file).read_text(encoding="utf-8")


# --- the guide itself ----------------------------------------------------------------


def test_the_map_has_every_package():
    rows = re.findall(r"^\| (`.*?`) \|", GUIDE, re.MULTILINE)
    named = [name for row in rows for name in re.findall(r"`(\w+)`", row)]
    held = {p.name for p in (ROOT / "eventstudy").iterdir() if p.is_dir()}
    held |= {p.stem for p in (ROOT / "eventstudy").glob("*.py")}
    held = {name for name in held if not name.startswith("_")}
    assert sorted(named) == sorted(held)


def test_the_links_lead_somewhere():
    heads = re.findall(r"^#+ (.*)$", GUIDE, re.MULTILINE)
    anchors = {f"#{head.lower().replace(' ', '-')}" for head in heads}
    for target in re.findall(r"\]\(([^)]+)\)", GUIDE):
        assert target in anchors or (ROOT / target).is_file(), target


def test_every_decision_is_in_the_index():
    folder = ROOT / "docs/adr"
    index = (folder / "README.md").read_text(encoding="utf-8")
    pages = sorted(path.name for path in folder.glob("[0-9]*.md"))
    assert re.findall(r"\]\((\d{4}-[^)]+)\)", index) == pages
    for number, name in enumerate(pages, 1):
        text = (folder / name).read_text(encoding="utf-8")
        assert name.startswith(f"{number:04d}-")
        assert text.startswith(f"# {number}. ")
        heads = re.findall(r"^## (.*)$", text, re.MULTILINE)
        assert heads == ["Context", "Decision", "Consequences"], name
        for target in re.findall(r"\]\(([^)]+)\)", text):
            assert (folder / target).is_file(), (name, target)
