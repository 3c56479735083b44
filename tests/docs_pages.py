"""Pages of the site as tests see them: their blocks, and how these are run."""

import ast
import re
import shlex
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
COMMAND = Path(sys.executable).parent / "eventstudy"
_BLOCK = re.compile(
    r"^(?:File `(?P<file>[^`]+)`:\n\n)?```(?P<language>\{code-cell\} python|\w+)\n"
    r"(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


@dataclass(frozen=True)
class Block:
    """A block of a page; ``file`` where the page says what it is the content of."""

    language: str
    text: str
    line: int
    file: str | None


def blocks(page: Path) -> list[Block]:
    """Return the blocks of a page, in order."""
    text = page.read_text(encoding="utf-8")
    return [
        Block(
            match["language"],
            match["text"],
            text.count("\n", 0, match.start("text")) + 1,
            match["file"],
        )
        for match in _BLOCK.finditer(text)
    ]


def commands(page: Path) -> list[list[str]]:
    """Return the words of each command of the page's shell blocks."""
    shell = [block for block in blocks(page) if block.language == "bash"]
    lines = [line for block in shell for line in block.text.splitlines()]
    return [shlex.split(line) for line in lines if line]


def run(page: Path, folder: Path) -> dict[str, Any]:
    """Run a page from top to bottom in a folder; return its names.

    Files are written, Python is run in this process, commands in others.
    """
    names: dict[str, Any] = {}
    for block in blocks(page):
        if block.file and block.language != "python":
            (folder / block.file).write_text(block.text, encoding="utf-8")
        if block.language == "python" or block.language.startswith("{code-cell}"):
            _run_python(block, page, names)
        if block.language == "bash":
            for line in block.text.splitlines():
                program, *words = shlex.split(line)
                assert program == "eventstudy", line
                done = subprocess.run(
                    [COMMAND, *words], cwd=folder, capture_output=True, text=True
                )
                assert done.returncode == 0, f"{line}\n{done.stderr}"
                assert done.stdout or "--quiet" in words, line
    return names


def _run_python(block: Block, page: Path, names: dict[str, Any]) -> None:
    """Run a block as a cell: its last expression is shown, as a notebook does."""
    lines = ["" if line[:1] == "%" else line for line in block.text.splitlines()]
    tree = ast.parse("\n" * (block.line - 1) + "\n".join(lines))
    shown = None
    if tree.body and isinstance(tree.body[-1], ast.Expr):
        shown = ast.Expression(tree.body.pop().value)
    exec(compile(tree, str(page), "exec"), names)
    if shown is not None:
        repr(eval(compile(shown, str(page), "eval"), names))
