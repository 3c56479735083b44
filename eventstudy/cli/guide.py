"""The command ``eventstudy guide``: how programs run a study and read it."""

from importlib.resources import files

from eventstudy.cli.terminal import say


def guide() -> None:
    """Print the guide for programs and language models.

    Example: eventstudy guide
    """
    say(text())


def text() -> str:
    """Return the guide, Markdown.

    >>> text().splitlines()[0]
    '# Guide for programs and language models'
    """
    return (files("eventstudy.cli") / "guide.md").read_text(encoding="utf-8").rstrip()
