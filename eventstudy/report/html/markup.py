"""Markdown as the HTML of one page: links within it, tables and figures for readers."""

import posixpath
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape
from typing import Any, cast

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token

from eventstudy.report import markdown as md
from eventstudy.report.html.pictures import Picture
from eventstudy.report.html.places import Ids, Places

_ANCHOR = re.compile(r'<a (?:id|name)="([^"<>&]+)">')
_KEPT = re.compile(rf"{_ANCHOR.pattern}|</?(?:details|summary|br|sub|sup)\s*/?>", re.I)
_SUMMARY = re.compile(r"<summary>(.*?)</summary>", re.DOTALL)
_TAG = re.compile(r"<[^>]*>")
_CLOSED_ANCHOR = re.compile(rf"({_ANCHOR.pattern})</a>")
_DATE = re.compile(r"\b\d{4}-\d\d-\d\d\b")  # not to be broken at the end of a line
IN_THE_FOLDER = "(in the folder)"


class Page:
    """One Markdown file of the report, read and ready to be written.

    Parameters
    ----------
    name : str
        Its file, such as ``details/tests.md``.
    text : str
        Its Markdown.
    ids : Ids
        The names that are taken.
    """

    def __init__(self, name: str, text: str, ids: Ids, *, main: bool) -> None:
        self.name = name
        self.main = main
        stem = posixpath.basename(name).rpartition(".")[0]
        self.prefix = "" if main else f"{stem}:"  # no heading's fragment has a colon
        self.id = "report" if main else ids.new(f"page:{stem}")
        self.tokens: list[Token] = _parser().parse(text)
        self.title = ""
        self.places = {name: self.id}
        self._name_headings(ids)
        self._name_anchors(ids)

    def _name_headings(self, ids: Ids) -> None:
        """Give headings the fragments that GitHub gives, and levels without a gap."""
        seen: dict[str, int] = {}
        level = 0 if self.main else 2
        for token, inner in zip(self.tokens, self.tokens[1:], strict=False):
            if token.type != "heading_open":
                continue
            text = _plain(inner)
            self.title = self.title or text
            slug = md.anchor(text)
            number = seen[slug] = seen.get(slug, -1) + 1
            fragment = f"{slug}-{number}" if number else slug
            is_title = text == self.title and token.tag == "h1" and not self.main
            name = self.id if is_title else ids.new(f"{self.prefix}{fragment}")
            self.places[f"{self.name}#{fragment}"] = name
            token.attrs["id"] = name
            asked = int(token.tag[1]) + (0 if self.main else 2)
            level = token.meta["level"] = min(asked, level + 1, 6)

    def _name_anchors(self, ids: Ids) -> None:
        for token in _all(self.tokens):
            if token.type in ("html_inline", "html_block"):
                for fragment in _ANCHOR.findall(token.content):
                    key = f"{self.name}#{fragment}"
                    if fragment and key not in self.places:
                        self.places[key] = ids.new(f"{self.prefix}{fragment}")

    def figures(self) -> list[str]:
        """Return the files of the pictures that it shows."""
        images = (token for token in _all(self.tokens) if token.type == "image")
        return [posixpath.basename(str(image.attrs["src"])) for image in images]

    def write(self, places: Places) -> str:
        """Return the page as HTML, a page of details without its title."""
        tokens = list(self.tokens)
        if not self.main:
            titles = (i for i, t in enumerate(tokens) if t.attrs.get("id") == self.id)
            for index in titles:
                del tokens[index : index + 3]
                break
        return _Renderer(self, places).write(_with_figures(tokens, places.pictures))


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])


def _all(tokens: Sequence[Token]) -> list[Token]:
    return [t for token in tokens for t in (token, *(token.children or ()))]


def _plain(token: Token) -> str:
    """Return the text of an inline token without marks."""
    parts = []
    for child in token.children or ():
        if child.type in ("text", "code_inline"):
            parts.append(child.content)
        elif child.type in ("softbreak", "hardbreak", "html_inline"):
            parts.append(" ")
    return " ".join("".join(parts).split())


def _with_figures(
    tokens: Sequence[Token], pictures: Mapping[str, Picture]
) -> list[Token]:
    """Make a figure of a picture that stands alone, its caption the next paragraph."""
    found: list[Token] = []
    index = 0
    while index < len(tokens):
        picture = _picture(tokens, index, pictures)
        if picture is None:
            found.append(tokens[index])
            index += 1
            continue
        index += 3
        captioned = _is_words(tokens, index)
        caption = [tokens[index + 1]] if captioned else []
        index += 3 if captioned else 0
        figure = Token("figure", "", 0, content=_alt(picture), children=caption)
        figure.meta["file"] = posixpath.basename(str(picture.attrs["src"]))
        found.append(figure)
    return found


def _picture(
    tokens: Sequence[Token], index: int, pictures: Mapping[str, Picture]
) -> Token | None:
    if tokens[index].type != "paragraph_open":
        return None
    children = tokens[index + 1].children or []
    if len(children) != 1 or children[0].type != "image":
        return None
    file = posixpath.basename(str(children[0].attrs["src"]))
    return children[0] if file in pictures else None


def _is_words(tokens: Sequence[Token], index: int) -> bool:
    """Tell whether a paragraph stands there that holds no picture."""
    if index >= len(tokens) or tokens[index].type != "paragraph_open":
        return False
    children = tokens[index + 1].children or []
    return all(child.type != "image" for child in children)


def _alt(image: Token) -> str:
    return _plain(image)


class _Renderer:
    """Writes the tokens of a page; knows what stands above a table, for its caption."""

    def __init__(self, page: Page, places: Places) -> None:
        self._page = page
        self._places = places
        self._above = page.title
        self._open_links: list[bool] = []
        self._tables = 0
        self._row_named = False
        self._tag = "td"
        self._renderer = cast("RendererHTML", _parser().renderer)
        for name in dir(self):
            if name.startswith("on_"):
                self._renderer.rules[name.removeprefix("on_")] = getattr(self, name)
        self._options = _parser().options

    def write(self, tokens: Sequence[Token]) -> str:
        return str(self._renderer.render(tokens, self._options, {}))

    def _inline(self, token: Token) -> str:
        inner = token.children or []
        return str(self._renderer.renderInline(inner, self._options, {}))

    # Rules of the renderer: (tokens, index, options, environment) -> HTML.

    def on_heading_open(self, tokens: Any, index: int, *_: Any) -> str:  # noqa: ANN401
        token = tokens[index]
        self._above = _plain(tokens[index + 1])
        return f'<h{token.meta["level"]} id="{escape(token.attrs["id"])}">'

    def on_heading_close(self, tokens: Any, index: int, *_: Any) -> str:  # noqa: ANN401
        opened = tokens[index - 2]
        end = f"</h{opened.meta['level']}>\n"
        back = self._back(opened.attrs["id"])
        return f'{end}<p class="back">{back}</p>\n' if back else end

    def on_paragraph_open(self, tokens: Any, index: int, *_: Any) -> str:  # noqa: ANN401
        text = _plain(tokens[index + 1])
        if text.endswith(":"):
            self._above = md.shorten(text.removesuffix(":"), 120)
        return "" if tokens[index].hidden else "<p>"

    def on_figure(self, tokens: Any, index: int, *_: Any) -> str:  # noqa: ANN401
        token = tokens[index]
        file, alt = token.meta["file"], token.content
        picture = self._places.pictures[file]
        caption = "".join(self._inline(part) for part in token.children)
        if file in self._places.shown:
            link = f'<a href="#{picture.anchor}">{escape(alt)}</a>'
            return f"<p>{link}</p>\n" + (f"<p>{caption}</p>\n" if caption else "")
        self._places.shown.add(file)
        links = {
            mark: self._places.resolve(href, self._page.name) or ""
            for mark, href in picture.links.items()
        }
        drawn = replace(picture, links={mark: to for mark, to in links.items() if to})
        below = f"<figcaption>{caption}</figcaption>" if caption else ""
        return (
            f'<figure id="{picture.anchor}"><div class="plot" tabindex="0" '
            f'role="group" aria-label="Figure: {escape(picture.title)}">'
            f"{drawn.markup(alt)}</div>{below}</figure>\n"
        )

    def on_text(self, tokens: Any, index: int, *_: Any) -> str:  # noqa: ANN401
        return _DATE.sub(
            r"<time>\g<0></time>", escape(tokens[index].content, quote=False)
        )

    def on_image(self, tokens: Any, index: int, *_: Any) -> str:  # noqa: ANN401
        return f"<i>{escape(_alt(tokens[index]))} {IN_THE_FOLDER}</i>"

    def on_link_open(self, tokens: Any, index: int, *_: Any) -> str:  # noqa: ANN401
        href = str(tokens[index].attrs["href"])
        if re.match(r"https?://", href):
            self._open_links.append(True)
            return f'<a href="{escape(href)}">'
        within = self._places.resolve(href, self._page.name)
        self._open_links.append(within is not None)
        if within is None:
            tokens[index].meta["beside"] = not href.startswith("#")
            return ""
        return f'<a href="{escape(within)}">'

    def on_link_close(self, tokens: Any, index: int, *_: Any) -> str:  # noqa: ANN401
        if self._open_links.pop():
            return "</a>"
        opened = next(t for t in reversed(tokens[:index]) if t.type == "link_open")
        return f" {IN_THE_FOLDER}" if opened.meta.get("beside") else ""

    def on_html_inline(self, tokens: Any, index: int, *_: Any) -> str:  # noqa: ANN401
        return self._raw(tokens[index].content)

    def on_html_block(self, tokens: Any, index: int, *_: Any) -> str:  # noqa: ANN401
        summary = _SUMMARY.search(tokens[index].content)
        if summary:
            self._above = _TAG.sub("", summary[1]).strip()
        return self._raw(tokens[index].content)

    def on_table_open(self, *_: Any) -> str:  # noqa: ANN401
        self._tables += 1
        name = f"{self._page.id}.table-{self._tables}"
        caption = escape(self._above, quote=False)
        return (
            f'<div class="scroll" tabindex="0" role="region" '
            f'aria-labelledby="{escape(name)}"><table>'
            f'<caption class="unseen" id="{escape(name)}">{caption}, '
            f"table {self._tables}</caption>\n"
        )

    def on_table_close(self, *_: Any) -> str:  # noqa: ANN401
        return "</table></div>\n"

    def on_tr_open(self, *_: Any) -> str:  # noqa: ANN401
        self._row_named = False
        return "<tr>"

    def on_th_open(self, tokens: Any, index: int, *_: Any) -> str:  # noqa: ANN401
        self._tag = "th" if tokens[index + 1].content else "td"
        scope = ' scope="col"' if self._tag == "th" else ""
        return f"<{self._tag}{scope}{_side(tokens[index])}>"

    def on_th_close(self, *_: Any) -> str:  # noqa: ANN401
        return f"</{self._tag}>"

    def on_td_open(self, tokens: Any, index: int, *_: Any) -> str:  # noqa: ANN401
        """Take the first text of a row as its head; numbers before it are none."""
        text = not _side(tokens[index])
        named = text and not self._row_named and bool(tokens[index + 1].content)
        self._row_named |= text
        self._tag = "th" if named else "td"
        if named:
            return '<th scope="row">'
        return '<td class="t">' if text else "<td>"  # most are numbers

    def on_td_close(self, *_: Any) -> str:  # noqa: ANN401
        return f"</{self._tag}>"

    def _raw(self, html: str) -> str:
        """Let through what our own Markdown holds; everything else is text."""
        html = _CLOSED_ANCHOR.sub(r"\1", html)
        out, end = [], 0
        for found in _KEPT.finditer(html):
            out.append(_as_text(html[end : found.start()]))
            out.append(self._place(found[1]) if found[1] else _tag(found[0]))
            end = found.end()
        return "".join([*out, _as_text(html[end:])])

    def _place(self, fragment: str) -> str:
        name = self._places.pages[f"{self._page.name}#{fragment}"]
        back = self._back(name)
        return back.replace("<a ", f'<a id="{escape(name)}" ', 1) or (
            f'<span id="{escape(name)}"></span>'
        )

    def _back(self, name: str) -> str:
        """Link the figure whose mark leads to a place; empty without one."""
        if name not in self._places.back:
            return ""
        figure, mark = self._places.back[name]
        return f'<a class="back" href="#{mark}">↑ {escape(figure)}</a>'


def _as_text(html: str) -> str:
    """Show tags that are not ours; entities stay."""
    return html.replace("<", "&lt;").replace(">", "&gt;")


def _tag(tag: str) -> str:
    return "<br>" if tag.lower().startswith("<br") else tag.lower()


def _side(token: Token) -> str:
    return ' class="n"' if "right" in str(token.attrs.get("style", "")) else ""
