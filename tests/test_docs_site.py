"""The site: its pages run, its reference is complete, its links lead somewhere."""

import importlib.util
import re
import shutil
import subprocess
import sys
import tomllib
from importlib.resources import files
from pathlib import Path

import click_of
import pytest
import reference_text
from docs_pages import DOCS, ROOT, blocks, commands, run

from eventstudy import plot
from eventstudy.cli import guide
from eventstudy.simulation.schema import SCHEMA as OF_SIMULATIONS
from eventstudy.spec import StudySpec, settings_of, spec_from
from eventstudy.study.multiverse_result import SCHEMA as OF_CURVES
from eventstudy.study.schema import SCHEMA

GUIDE = ROOT / "eventstudy" / "cli" / "guide.md"
HOW_TOS = sorted((DOCS / "how-to").glob("*.md"))
RUN = [DOCS / "start.md", GUIDE, *HOW_TOS]
NOTEBOOKS = [
    page
    for page in sorted(DOCS.glob("*/*.md"))
    if page.read_text(encoding="utf-8").startswith("---\nfile_format: mystnb")
]
TUTORIALS = [page for page in NOTEBOOKS if page.parent.name == "tutorials"]
PAGES = [page for page in sorted(DOCS.rglob("*.md")) if "_build" not in page.parts] + [
    ROOT / "AGENTS.md",
    ROOT / "CONTRIBUTING.md",
    ROOT / "events" / "README.md",
    GUIDE,
]
QUESTIONS = """
plot a result, or one event; LaTeX, Word or Excel table with stars;
one file for my boss; sign CARs by direction;
benchmark for bitcoin and altcoins; columns and units;
Where did my event go after merging; How does the interval belong to the test;
Only a day is known: how sensitive is day 0; zone instead of an offset;
other exchanges and currencies; names in other software; own model or test;
many studies in a loop; How do I cite; intraday; riskless rate; What does N count
"""


def name_of(page):
    return str(page.relative_to(ROOT))


def copied(folder, monkeypatch):
    """The repository's catalogues in a folder, as the current one."""
    shutil.copytree(ROOT / "events", folder / "events")
    monkeypatch.chdir(folder)
    return folder


class TestReference:
    """What is made from the package holds all of it; no Sphinx is needed to see it."""

    def test_every_mark_of_a_page_is_known_and_every_part_has_its_page(self):
        marks = [
            mark
            for page in sorted((DOCS / "reference").glob("*.md"))
            for mark in reference_text.MARK.findall(page.read_text(encoding="utf-8"))
        ]
        assert sorted(marks) == sorted(reference_text.PARTS)

    def test_settings(self):
        text = reference_text.settings()
        for one in settings_of(StudySpec):
            assert f"`{one.name}`" in text
            assert one.flag is None or f"`{one.flag}`" in text

    @pytest.mark.parametrize(
        ("make", "schema"),
        [
            (reference_text.tables, SCHEMA),
            (reference_text.simulation_tables, OF_SIMULATIONS),
            (reference_text.multiverse_tables, OF_CURVES),
        ],
    )
    def test_tables_and_columns(self, make, schema):
        sections = dict(
            re.findall(r"^### `(\w+)`\n(.*?)(?=^\(|\Z)", make(), re.M | re.S)
        )
        assert list(sections) == list(schema)
        for name, table in schema.items():
            for column in table.columns:
                assert f"| `{column.name}` |" in sections[name]

    @pytest.mark.parametrize("kind", list(reference_text.families()))
    def test_members(self, kind):
        members = reference_text.families()[kind]
        text = reference_text.family(kind, members)
        sections = re.findall(r"^### `(\w+)`$", text, re.MULTILINE)
        assert sections == list(members)
        for entry in members.values():
            citation = getattr(entry, "citation", "")
            assert reference_text.plain(citation) in text
            assert getattr(entry, "formula", "") in text

    def test_commands_and_options(self):
        text = reference_text.commands()
        for name, command in click_of.commands().items():
            assert f"## `eventstudy {name}`" in text
            for one in click_of.parameters(command):
                assert "`" + ", ".join(one.names) + "`" in text

    def test_what_lacks_in_a_page_is_found(self):
        """The comparison with the built pages can fail."""
        page = '<section id="table-cars"><code>car</code></section>'
        coverage = coverage_module()
        assert ">car<" in coverage._section(page, "table-cars")
        assert coverage._section(page, "table-tests") == ""
        assert len(list(coverage.missing(Path("/nowhere")))) > 500

    def test_signs_of_markdown_are_no_markup(self):
        assert reference_text.plain("a_b ``x_y`` <c>") == r"a\_b `x_y` \<c\>"


def coverage_module():
    spec = importlib.util.spec_from_file_location("coverage_of", DOCS / "coverage.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class TestPages:
    @pytest.mark.parametrize("page", PAGES, ids=name_of)
    def test_links_lead_somewhere_in_the_plain_repository(self, page):
        prose = re.sub(
            r"^```.*?^```$", "", page.read_text(encoding="utf-8"), flags=re.M | re.S
        )
        prose = re.sub(r"`[^`\n]*`", "", prose)
        for target in re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", prose):
            if "://" in target or "/api/" in target:  # written by the build
                continue
            assert (page.parent / target).exists(), f"{name_of(page)}: {target}"

    @pytest.mark.parametrize("page", RUN, ids=name_of)
    def test_commands_and_their_options_exist(self, page):
        known = click_of.commands()
        for program, *words in commands(page):
            assert program == "eventstudy"
            if words == ["--version"]:
                continue
            command = known.get(words[0]) or known[" ".join(words[:2])]
            flags = {name for one in click_of.parameters(command) for name in one.names}
            said = {
                word.partition("=")[0] for word in words if re.match(r"--?[a-z]", word)
            }
            assert said <= flags, words

    @pytest.mark.parametrize("page", RUN, ids=name_of)
    def test_settings_of_study_files_are_known(self, page):
        for block in blocks(page):
            if block.language == "toml" and "price_files" not in block.text:
                table = tomllib.loads(block.text)
                groups = {
                    g for m in table.get("models", ()) for g in m.get("groups", ())
                }
                table.setdefault("groups", {g: [f"X{g}"] for g in sorted(groups)})
                assert spec_from(table) != spec_from({})

    def test_all_blocks_are_of_a_language_that_is_tested(self):
        found = {block.language for page in RUN for block in blocks(page)}
        assert found <= {"bash", "python", "csv", "toml", "text"}

    def test_every_question_of_a_first_user_is_a_heading(self):
        text = (DOCS / "how-to" / "questions.md").read_text(encoding="utf-8").lower()
        headings = "\n".join(re.findall(r"^## (.*)$", text, re.MULTILINE))
        for question in QUESTIONS.replace("\n", " ").split(";"):
            assert question.strip().lower() in headings

    def test_every_page_is_in_the_list_of_its_folder(self):
        for folder in ("how-to", "explanation", "tutorials", "reference"):
            listed = (DOCS / folder / "index.md").read_text(encoding="utf-8")
            for page in (DOCS / folder).glob("*.md"):
                if page.stem not in ("index", "catalogues_shipped"):
                    assert f"({page.name})" in listed, page

    def test_five_tutorials_open_with_a_question_and_end_with_an_answer(self):
        assert len(TUTORIALS) == 5
        for page in TUTORIALS:
            text = page.read_text(encoding="utf-8")
            assert "**The question.**" in text.split("```")[0]
            assert text.rpartition("\n## ")[2].startswith("What may be concluded")

    def test_the_gallery_has_every_figure_with_its_code(self):
        text = (DOCS / "gallery" / "index.md").read_text(encoding="utf-8")
        for name in plot.__all__:
            section = text.partition(f"\n## {name}\n")[2].partition("\n## ")[0]
            assert f"es.plot.{name}(" in section


class TestForPrograms:
    def test_the_guide_is_in_the_wheel_and_printed(self, capsys):
        with (ROOT / "pyproject.toml").open("rb") as file:
            data = tomllib.load(file)["tool"]["setuptools"]["package-data"]
        assert "cli/guide.md" in data["eventstudy"]
        assert (files("eventstudy.cli") / "guide.md").is_file()
        guide.guide()
        assert capsys.readouterr().out.startswith("# Guide for programs")

    def test_the_fields_that_the_guide_names_exist(self):
        text = GUIDE.read_text(encoding="utf-8")
        rows = text.partition("Of a row of `headline`")[2].partition("\n## ")[0]
        names = {
            name
            for cells in re.findall(r"^\| (`.*?) \|", rows, re.MULTILINE)
            for name in re.findall(r"`(\w+)`", cells)
        }
        assert len(names) > 15
        assert names <= {column.name for column in SCHEMA["headline"].columns}

    def test_llms_txt_leads_to_pages(self):
        links = re.findall(
            r"\]\((.*?)\)", (DOCS / "llms.txt").read_text(encoding="utf-8")
        )
        assert len(links) > 15
        for link in links:
            assert (DOCS / link).with_suffix(".md").is_file(), link

    def test_agents_are_led_to_contributing(self):
        text = (ROOT / "AGENTS.md").read_text(encoding="utf-8")
        assert "(CONTRIBUTING.md)" in text
        assert "eventstudy guide" in text


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.long
@pytest.mark.parametrize("page", RUN, ids=name_of)
def test_pages_run(page, tmp_path, monkeypatch):
    run(page, copied(tmp_path, monkeypatch))


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.long
@pytest.mark.parametrize("page", NOTEBOOKS, ids=name_of)
def test_notebooks_run(page, tmp_path, monkeypatch):
    folder = tmp_path / "docs" / page.parent.name
    folder.mkdir(parents=True)
    copied(tmp_path, monkeypatch)
    monkeypatch.chdir(folder)
    run(page, folder)


@pytest.mark.slow
@pytest.mark.processes
@pytest.mark.long
def test_the_site_is_built_without_a_warning_and_holds_everything(tmp_path):
    pytest.importorskip("sphinx", reason="the extra docs is not installed")
    pytest.importorskip("myst_nb", reason="the extra docs is not installed")
    site = tmp_path / "html"
    build = [sys.executable, "-m", "sphinx", "-q", "-W", "--keep-going", "-j", "2"]
    done = subprocess.run(
        [*build, "-b", "html", "-d", tmp_path / "trees", DOCS, site],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr[-4000:]
    found = subprocess.run(
        [sys.executable, DOCS / "coverage.py", site], capture_output=True, text=True
    )
    assert found.returncode == 0, found.stdout
