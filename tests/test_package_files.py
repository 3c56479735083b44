"""Files beside the code: they agree with it, and name nobody who does not exist."""

import re
import tomllib
from pathlib import Path

import pytest

import eventstudy

ROOT = Path(eventstudy.__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# Files that tell strangers whom to turn to.
TO_STRANGERS = ("CITATION.cff", "SECURITY.md", "CODE_OF_CONDUCT.md", "pyproject.toml")


def text_of(name):
    return (ROOT / name).read_text("utf-8")


def test_the_citation_names_this_version():
    assert f'version: "{eventstudy.__version__}"' in text_of("CITATION.cff")
    assert f"license: {PROJECT['license']}" in text_of("CITATION.cff")
    assert PROJECT["authors"][0]["name"] in text_of("CITATION.cff")


@pytest.mark.parametrize("name", TO_STRANGERS)
def test_no_address_is_invented(name):
    assert not re.search(r"https?://|\w@\w+\.\w", text_of(name))
    assert "urls" not in PROJECT
    assert all(set(author) == {"name"} for author in PROJECT["authors"])


def test_workflows_use_no_action_and_may_only_read():
    files = [*(ROOT / ".github" / "workflows").glob("*.yml")]
    assert files
    for file in files:
        text = file.read_text("utf-8")
        assert not re.search(r"^\s*-?\s*uses:", text, re.M)
        assert re.findall(r"permissions:\n((?:  .*\n)+)", text) == [
            "  contents: read\n"
        ]
        assert "write" not in text


def test_workflows_run_commands_that_are_here():
    text = (ROOT / ".github" / "workflows" / "check.yml").read_text("utf-8")
    commands = re.search(r"command: \[(.*)\]", text)[1].split(", ")
    makefile = text_of("Makefile")
    for command in commands:
        if command.startswith("make "):
            assert re.search(rf"^{command.removeprefix('make ')}:", makefile, re.M)
        else:
            assert (ROOT / command).stat().st_mode & 0o100


def test_hooks_are_local_and_run_the_linters():
    text = text_of(".pre-commit-config.yaml")
    assert re.findall(r"repo: (\S+)", text) == ["local"]
    for tool in ("ruff check", "ruff format --check", "mypy", "lint-imports"):
        assert f"entry: .venv/bin/{tool}\n" in text
        assert f"$(BIN)/{tool}" in text_of("Makefile")
