"""Markdown as GitHub reads it: text made harmless, tables, folded blocks, links."""

import re
from collections.abc import Iterable, Sequence
from urllib.parse import quote, urlsplit

_SPECIAL = re.compile(r"[\\`*\[\]<>|~$]")
_LOOSE_UNDERSCORE = re.compile(r"(?<!\w)_|_(?!\w)")
_SPACE = re.compile(r"[\s\x00-\x1f\x7f]+")
_BLOCK_START = re.compile(
    r"^(#{1,6}(?=\s|$)|[-+](?=\s|$)|[-=](?=[-= ]*$)|\d{1,9}(?=[.)](?:\s|$)))"
)
_SEPARATOR = re.compile(r"[\s;|]+")
_NAMED_ENTITY = re.compile(r"&(?=#?\w+;)")


def escape(text: object) -> str:
    r"""Return text that renders as written, on one line, and can start a line.

    >>> print(escape("a|b <script> *x*"), escape("two\nlines"), escape("1. none"))
    a\|b \<script\> \*x\* two lines 1\. none
    """
    line = _SPACE.sub(" ", str(text)).strip()
    line = _SPECIAL.sub(lambda mark: "\\" + mark[0], line)
    line = _NAMED_ENTITY.sub("&amp;", line)
    line = _LOOSE_UNDERSCORE.sub(r"\\_", line)
    return _BLOCK_START.sub(_escape_start, line)


def _escape_start(mark: re.Match[str]) -> str:
    text = mark[0]
    return f"{text}\\" if text.isdigit() else f"\\{text}"


def code(text: object) -> str:
    """Return a code span that also survives inside a table cell.

    >>> code("grank_t"), code("a`b|c")
    ('`grank_t`', "`a'b/c`")
    """
    line = _SPACE.sub(" ", str(text)).strip().replace("`", "'").replace("|", "/")
    return f"`{line}`" if line else ""


def shorten(text: str, limit: int) -> str:
    """Cut a text at a word so that it has at most ``limit`` characters.

    >>> shorten("the central bank summons banks", 20)
    'the central bank …'
    """
    text = _SPACE.sub(" ", text).strip()
    if len(text) <= limit:
        return text
    head = text[: limit - 2]
    return f"{head.rsplit(' ', 1)[0] if ' ' in head else head} …"


def broken(text: str, letters: int = 22) -> str:
    """Break a text of a table's cell between words, so that its column is narrow.

    >>> broken("miners with machines in China", 14)
    'miners with<br>machines in<br>China'
    """
    lines = [""]
    for word in text.split(" "):
        if lines[-1] and len(lines[-1]) + len(word) >= letters:
            lines.append("")
        lines[-1] = f"{lines[-1]} {word}".strip()
    return "<br>".join(lines)


def table(
    columns: Sequence[str], rows: Iterable[Sequence[str]], align: str = ""
) -> str:
    """Return a pipe table; cells are taken as they are, empty ones become a dash.

    align : one letter per column, ``l`` or ``r``; ``l`` then ``r`` by default

    >>> print(table(["asset", "CAR"], [["BTCM", "−1.2"]]))
    | asset | CAR |
    | :--- | ---: |
    | BTCM | −1.2 |
    """
    marks = align or "l" + "r" * (len(columns) - 1)
    rules = [":---" if mark == "l" else "---:" for mark in marks]
    body = [[cell or "–" for cell in row] for row in rows]
    return "\n".join(f"| {' | '.join(row)} |" for row in [columns, rules, *body])


def bullets(lines: Iterable[str]) -> str:
    """Return a list, a line each."""
    return "\n".join(f"- {line}" for line in lines)


def details(summary: str, content: str) -> str:
    """Return a block that opens on a click, if it has content; ``summary`` is plain."""
    if not content:
        return ""
    safe = summary.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return f"<details>\n<summary>{safe}</summary>\n\n{content.strip()}\n\n</details>"


def addresses(text: str | None) -> list[str]:
    """Return the http addresses of a cell, made safe for a Markdown link."""
    found = []
    for word in _SEPARATOR.split(text or ""):
        try:
            parts = urlsplit(word)
        except ValueError:
            continue
        if parts.scheme in {"http", "https"} and parts.netloc:
            found.append(quote(word, safe=":/?#@!$&'*+,;=%~-._"))
    return found


def sources(text: str | None) -> str:
    """Return the addresses as links named by their host.

    >>> sources("https://example.org/a ; https://example.com/b")
    '[example.org](https://example.org/a), [example.com](https://example.com/b)'
    """
    links = [f"[{escape(urlsplit(a).netloc)}]({a})" for a in addresses(text)]
    return ", ".join(links)


def anchor(text: str) -> str:
    """Return the fragment that GitHub gives to a heading.

    >>> anchor("CN21-05: a meeting, read out")
    'cn21-05-a-meeting-read-out'
    """
    kept = re.sub(r"[^\w\- ]", "", text.lower())
    return kept.replace(" ", "-")
