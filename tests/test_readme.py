"""Every block of the README runs, and its numbers are those of the report."""

import math
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from dataclasses import dataclass
from pathlib import Path

import polars as pl
import pytest
import typer

import eventstudy as es
from eventstudy.catalogue.events import KNOWN
from eventstudy.cli.main import app
from eventstudy.spec import spec_from

pytestmark = pytest.mark.long

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
FENCE = re.compile(r"^```(.*)\n((?:.*\n)*?)```$", re.MULTILINE)
COMMAND = Path(sys.executable).parent / "eventstudy"


@dataclass(frozen=True)
class Block:
    language: str
    line: int
    text: str


def blocks(language: str | None = None) -> list[Block]:
    found = [
        Block(match[1], README.count("\n", 0, match.start()) + 2, match[2])
        for match in re.finditer(FENCE, README)
    ]
    return [block for block in found if language in (None, block.language)]


def bash_lines(program: str) -> list[list[str]]:
    lines = [line for block in blocks("bash") for line in block.text.splitlines()]
    return [words for line in lines if (words := shlex.split(line))[:1] == [program]]


@pytest.fixture
def copy(tmp_path, monkeypatch):
    """A folder with the repository's catalogues, as the current one."""
    shutil.copytree(ROOT / "events", tmp_path / "events")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_block_is_of_a_language_that_is_tested():
    tested = {"bash", "python", "csv", "toml"}
    assert {block.language for block in blocks()} == {*tested, "text"}
    commands = {
        line.split()[0] for block in blocks("bash") for line in block.text.splitlines()
    }
    assert commands == {"make", "eventstudy"}


def test_the_first_line_says_which_kind_of_event_study():
    first = README.split("\n\n")[1]
    assert first.startswith("Financial event stud")
    assert "difference-in-differences" in first


def test_the_python_blocks_run_and_their_comments_are_true(copy):
    namespace: dict[str, object] = {}
    told = 0
    for block in blocks("python"):
        code = "\n" * (block.line - 1) + block.text
        exec(compile(code, "README.md", "exec"), namespace)
        last, _, comment = block.text.splitlines()[-1].partition("  # ")
        if comment[:1] in ("[", "("):
            told += 1
            assert repr(eval(last, namespace)) == comment
    assert told == 3
    assert (copy / "reports/miners/report.md").is_file()
    assert 0 <= namespace["answer"].pvalue[0] <= 1
    spikes = namespace["found"].filter(rule="spike")["date"].to_list()
    assert [str(day) for day in spikes] == ["2021-07-26", "2021-10-29"]


EXAMPLE = ["eventstudy", "analyze", "events/china_2021.csv"]
OTHERS = [words for words in bash_lines("eventstudy") if words != EXAMPLE]


def test_the_first_command_of_the_readme_runs(worked_example):
    assert EXAMPLE in bash_lines("eventstudy")
    assert (worked_example.report / "report.md").is_file()
    assert "Report: reports/china_2021\n" in worked_example.printed


@pytest.mark.processes
@pytest.mark.parametrize("words", OTHERS, ids=" ".join)
def test_the_commands_of_the_readme_run(words, copy, worked_example, monkeypatch):
    if words[1] in ("table", "diff"):  # of the report that the first command writes
        monkeypatch.chdir(worked_example.folder)
    quick = ["--replications", "100"] if words[1] == "simulate" else []
    command = [COMMAND, *words[1:], *quick]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout
    if words[1] == "analyze":
        reports = list(copy.glob("reports/*/report.md"))
        assert len(reports) == 1
        assert f"Report: {reports[0].parent.relative_to(copy)}" in done.stdout


@pytest.mark.parametrize("words", bash_lines("make"), ids=" ".join)
def test_make_knows_the_targets_of_the_readme(words):
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert re.search(rf"^{words[1]}:", makefile, re.MULTILINE)


def test_the_catalogue_and_the_study_file_of_the_readme_make_a_study(copy):
    catalogue, study = blocks("csv")[0], blocks("toml")[0]
    Path("mine.csv").write_text(catalogue.text, encoding="utf-8")
    events = es.read_events("mine.csv")
    spec = spec_from(tomllib.loads(study.text))
    result = es.run(spec, events, es.fetch_prices(spec.symbols, source=spec.prices))
    used = result.observations.filter(pl.col("status") == "used")
    assert set(used["event_id"]) == set(events.frame["event_id"])
    assert set(used["group"]) == set(spec.groups)


def test_the_other_tables_and_settings_are_read(copy):
    for block in blocks("csv")[1:]:
        Path("BTCM.csv").write_text(block.text, encoding="utf-8")
        prices = es.read_prices("BTCM.csv")
        assert prices.issues.is_empty()
        assert prices.frame["close"].null_count() == 0
    for block in blocks("toml")[1:]:
        assert spec_from(tomllib.loads(block.text)) != spec_from({})


def test_what_needs_a_network_is_known_to_the_command_line():
    commands = typer.main.get_command(app).commands
    prices = commands["prices"].commands
    for block in blocks("text"):
        for line in block.text.splitlines():
            program, *words = line.split()
            assert program == "eventstudy"
            known = prices[words[1]] if words[0] == "prices" else commands[words[0]]
            flags = {flag for parameter in known.params for flag in parameter.opts}
            assert {word for word in words if word.startswith("--")} <= flags


def test_the_readme_names_every_column_of_a_catalogue():
    table = README.split("### The catalogue")[1].split("### The study file")[0]
    named = set(re.findall(r"`([a-z_]+)`", table))
    assert named >= set(KNOWN)


def test_the_links_of_the_readme_lead_somewhere():
    prose = re.sub(FENCE, "", README)
    targets = re.findall(r"\]\(([^)#]+)\)", prose)
    inside = [target for target in targets if "://" not in target]
    assert inside
    assert [target for target in inside if not (ROOT / target).exists()] == []


@pytest.mark.slow
def test_the_rates_of_the_readme_are_those_of_a_simulation(copy):
    (words,) = [words for words in bash_lines("eventstudy") if "simulate" in words]
    subprocess.run([COMMAND, *words[1:], "--quiet"], check=True)
    (tables,) = copy.glob("reports/*/tables")
    design = {"model": "total", "group": "china_rigs"}
    rates = pl.read_csv(tables / "rejections.csv").filter(effect=0, **design)
    power = pl.read_csv(tables / "power.csv").filter(
        power=0.8, variance=1, direction="fall", **design
    )
    rows = re.findall(
        r"^\| `(\w+)` \| ([\d.]+) \| ([\d.]+) \| ([\d.]*) ?\|$", README, re.M
    )
    assert {row[0] for row in rows} == set(rates["test"])
    for test, plain, doubled, fall in rows:
        of_test = rates.filter(test=test)
        assert plain == f"{100 * of_test.filter(variance=1)['rate'].item():.1f}"
        assert doubled == f"{100 * of_test.filter(variance=2)['rate'].item():.1f}"
        if fall:
            assert fall == f"{100 * power.filter(test=test)['mde'].item():.1f}"


QUOTED = [
    ("china_rigs", "total"),
    ("bitcoin", "total"),
    ("foreign_rigs", "total"),
    ("ether", "total"),
]


def test_the_numbers_of_the_readme_are_those_of_the_report(worked_example):
    finding = README.split("**China's crackdown on")[1].split("Give it a catalogue")[0]
    report = worked_example.report
    headline = pl.read_csv(report / "tables/headline.csv").filter(
        sample="headline", start=-1, end=1, outcome="car"
    )
    expected = set()
    for group, model in QUOTED:
        row = headline.filter(group=group, model=model)
        for name in ("estimate", "ci_low", "ci_high"):
            expected.add(f"{100 * abs(math.expm1(row[name].item())):.1f}")
    assert set(re.findall(r"\d+\.\d", finding)) == expected
    (count,) = re.findall(r"in (\d+ of \d+) combinations", finding)
    text = (report / "report.md").read_text(encoding="utf-8")
    assert f"in {count} combinations" in text.lower()
