"""Sphinx extension: fill the reference from the package while the site is built.

Marks ``<!-- made by the build: NAME -->`` are filled as a page is read, a page per
public module is written to ``reference/api``, and pages that are lists of files in the
plain repository get their table of contents.
"""

from importlib import import_module
from pathlib import Path
from typing import Any

import reference_text
from public import MODULES, public_names
from pygments.lexers.special import TextLexer
from sphinx.application import Sphinx

# Pages that name their neighbours in prose, and the neighbours.
LISTS = {"adr/README": "0*"}
TOP = "eventstudy"


def fill(app: Sphinx, name: str, source: list[str]) -> None:
    """Replace the marks of a page, and end a list with its table of contents."""
    del app
    source[0] = reference_text.filled(source[0])
    if name in LISTS:
        source[0] += f"\n```{{toctree}}\n:hidden:\n:glob:\n\n{LISTS[name]}\n```\n"


def outdated(
    app: Sphinx, env: Any, added: Any, changed: Any, removed: Any
) -> list[str]:
    """Return the pages that the package fills: they are read anew at each build."""
    del env, added, changed, removed
    folder = Path(app.srcdir)
    return [
        str(path.relative_to(folder).with_suffix(""))
        for path in (folder / "reference").glob("*.md")
        if reference_text.MARK.search(path.read_text(encoding="utf-8"))
    ]


def write_modules(app: Sphinx) -> None:
    """Write a page per public module, where what it says has changed."""
    folder = Path(app.srcdir) / "reference" / "api"
    folder.mkdir(exist_ok=True)
    names = public_names()
    for module in MODULES:
        path, text = folder / f"{module}.rst", page_of(module, names[module])
        if not path.is_file() or path.read_text(encoding="utf-8") != text:
            path.write_text(text, encoding="utf-8")
    for path in folder.glob("*.rst"):
        if path.stem not in MODULES:
            path.unlink()


def page_of(module: str, names: list[str]) -> str:
    """Return the page of a module: its own words, a list of its names, then each."""
    home = import_module(module)
    names = [name for name in names if name != "__version__"]
    lines = [
        module,
        "=" * len(module),
        "",
        f".. automodule:: {module}",
        "   :no-members:",
    ]
    lines += ["", ".. list-table::", "   :class: names", ""]
    for name in names:
        lines += [f"   * - :py:obj:`{name} <{module}.{name}>`"]
        lines += [f"     - {first_line(getattr(home, name))}"]
    for name in names:
        lines += ["", *directive(module, name)]
    return "\n".join([*lines, ""])


def first_line(value: object) -> str:
    """Return the first line of a docstring; of plain values nothing."""
    if not isinstance(value, type) and not callable(value):
        return repr(value) if isinstance(value, str) else f"``{type(value).__name__}``"
    return (getattr(value, "__doc__", None) or "").strip().partition("\n")[0]


def directive(module: str, name: str) -> list[str]:
    """Return what documents a name; once, under the name that users type."""
    value = getattr(import_module(module), name)
    is_class = isinstance(value, type)
    if module != TOP and name in public_names()[TOP]:
        kind = "class" if is_class else "function"
        text = f"   The same as :py:obj:`{TOP}.{name}`."
        return [f".. py:{kind}:: {name}", "", text]
    if is_class:
        kind = "exception" if issubclass(value, BaseException) else "class"
        return [f".. auto{kind}:: {module}.{name}", "   :members:"]
    kind = "function" if hasattr(value, "__code__") else "data"
    hidden = ["   :no-value:"] if kind == "data" else []
    return [f".. auto{kind}:: {module}.{name}", *hidden]


def setup(app: Sphinx) -> dict[str, bool]:
    """Register with Sphinx."""
    app.add_lexer("csv", TextLexer)
    app.connect("builder-inited", write_modules)
    app.connect("source-read", fill)
    app.connect("env-get-outdated", outdated)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
