"""A figure inside the page: SVG without style attributes, its ids its own.

A strict content policy blocks `style`, so declarations become presentation attributes,
which browsers read in the same way.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import escape
from typing import Final
from xml.etree import ElementTree

from eventstudy.report.figures import style

_XLINK = "{http://www.w3.org/1999/xlink}"
_REFERENCE = re.compile(r"url\(#([^)]+)\)")
_FONT = re.compile(
    r"^(?:(?P<style>italic|oblique)\s+)?(?:(?P<weight>bold|\d00)\s+)?"
    r"(?P<size>[\d.]+)px\s+(?P<family>.+)$"
)
_DROPPED = {"script", "style", "foreignObject", "metadata"}
_PIXELS = 96 / 72  # of a point
_POINT = re.compile(r"([ML])(-?[\d.]+) (-?[\d.]+)")
_POLYGON = re.compile(rf"(?:{_POINT.pattern})+z?")
_AROUND_COMMAND = re.compile(r"\s*([A-Za-z])\s*")
_COLOUR = re.compile(r"#[0-9a-fA-F]{6}")

# Colours of the house style -> variables of page.css, which are lighter in the dark.
_VARIABLES: Final[Mapping[str, str]] = {
    "#ffffff": "var(--paper)",
    style.INK.lower(): "var(--ink)",
    style.MUTED.lower(): "var(--muted)",
    style.PALE.lower(): "var(--pale)",
    style.FAINT.lower(): "var(--faint)",
    style.SHADE.lower(): "var(--shade)",
    **{
        colour.lower(): f"var(--colour-{number})"
        for number, colour in enumerate(style.COLOURS, 1)
    },
}


@dataclass(frozen=True, slots=True)
class Picture:
    """What is known of a figure before it is written into the page.

    marks : id of a group -> the text shown at it, with numbers as in the tables
    links : id of a group -> where it leads
    """

    name: str
    svg: bytes
    marks: Mapping[str, str] = field(default_factory=dict)
    links: Mapping[str, str] = field(default_factory=dict)

    @property
    def anchor(self) -> str:
        """Return the id of the whole figure in the page."""
        return f"figure.{self.name}"

    @property
    def title(self) -> str:
        """Return its name as words."""
        return self.name.replace("_", " ")

    def anchor_of(self, mark: str) -> str:
        """Return the id of a group in the page."""
        return f"{self.name}.{mark.removeprefix(f'{self.name}-')}"

    def markup(self, alt: str) -> str:
        """Return the figure as an `svg` element with ``alt`` as its title.

        Figures in the colours of the house alone follow a dark page; others, such as
        heat maps, whose colours mean numbers, keep a light ground.
        """
        root = ElementTree.fromstring(self.svg)
        held = {element.get("id") for element in root.iter()}
        writer = _Redrawn(self, _names(self, root), _in_house_colours(root))
        box = root.get("viewBox") or f"0 0 {root.get('width')} {root.get('height')}"
        width, height = (round(float(part) * _PIXELS) for part in box.split()[2:])
        role = "group" if held & self.links.keys() else "img"
        ground = "plain" if writer.recoloured else "card"
        head = (
            f'<svg class="{ground}" role="{role}" aria-label="{escape(alt)}" '
            f'viewBox="{escape(box)}" width="{width}" height="{height}">'
            f"<title>{escape(alt)}</title>"
        )
        return head + "".join(writer.children(root)) + "</svg>"


def _names(picture: Picture, root: ElementTree.Element) -> dict[str, str]:
    """Name what the figure itself or the page refers to: short, and nowhere else used.

    id in the figure -> id in the page
    """
    used = {
        name
        for element in root.iter()
        for key, value in element.attrib.items()
        for name in ([value[1:]] if key.endswith("href") else _REFERENCE.findall(value))
    }
    held = [element.get("id") for element in root.iter()]
    known = [name for name in dict.fromkeys(held) if name]
    own = {name: picture.anchor_of(name) for name in known if name in picture.links}
    rest = [name for name in known if name in used and name not in own]
    return own | {n: f"{picture.name}._{place}" for place, n in enumerate(rest)}


def _in_house_colours(root: ElementTree.Element) -> bool:
    """Tell whether every colour has its counterpart for a dark page."""
    used: set[str] = set()
    for element in root.iter():
        if _local(element.tag) == "image":
            return False
        for name, value in element.attrib.items():
            if not name.endswith("href"):
                used |= {colour.lower() for colour in _COLOUR.findall(value)}
    return used <= _VARIABLES.keys()


def _local(tag: str) -> str:
    return tag.rpartition("}")[2]


@dataclass(frozen=True, slots=True)
class _Redrawn:
    """Writes the elements of one figure as text."""

    picture: Picture
    names: Mapping[str, str]
    recoloured: bool

    def children(self, parent: ElementTree.Element) -> Iterator[str]:
        for child in parent:
            tag: object = child.tag  # a function where it is a comment
            if isinstance(tag, str) and _local(tag) not in _DROPPED:
                yield from self._element(child)

    def _element(self, element: ElementTree.Element) -> Iterator[str]:
        tag = _local(element.tag)
        name = element.get("id", "")
        mark = self.picture.marks.get(name)
        link = self.picture.links.get(name)
        inner = escape(element.text or "", quote=False) if tag in _TEXTS else ""
        inner += "".join(self.children(element))
        if tag in ("g", "defs") and not inner:
            return
        if mark is not None:
            inner = f"<title>{escape(mark, quote=False)}</title>{inner}"
        attributes = self._attributes(element)
        if mark is not None:
            attributes["class"] = "mark"
        if tag == "g" and not attributes:
            yield inner
            return
        head = "".join(f' {key}="{escape(v)}"' for key, v in attributes.items())
        text = f"<{tag}{head}>{inner}</{tag}>" if inner else f"<{tag}{head}/>"
        yield f'<a href="{escape(link)}">{text}</a>' if link else text

    def _attributes(self, element: ElementTree.Element) -> dict[str, str]:
        found: dict[str, str] = {}
        for name, value in element.attrib.items():
            if name == "style":
                found |= _declarations(value)
            elif name in ("href", f"{_XLINK}href"):
                if value.startswith("#"):
                    found["href"] = f"#{self.names.get(value[1:], '')}"
                elif value.startswith("data:image/png;"):
                    found["href"] = value
            elif name == "id":
                if value in self.names:
                    found["id"] = self.names[value]
            elif name == "d":
                found["d"] = _shorter(_AROUND_COMMAND.sub(r"\1", value))
            elif not name.startswith(("{", "on")):
                found[name] = value
        return {name: self._value(value) for name, value in found.items()}

    def _value(self, value: str) -> str:
        value = _REFERENCE.sub(
            lambda found: f"url(#{self.names.get(found[1], '')})", value
        )
        if self.recoloured:
            return _VARIABLES.get(value.lower(), value)
        return value


_TEXTS = {"text", "tspan", "title"}


def _shorter(path: str) -> str:
    """Write the lines of a path by their steps, in tenths of a point.

    >>> _shorter("M1.5 2.0L3.5 2.1L4.0 1.0z"), _shorter("M1 2C3 4 5 6 7 8")
    ('M1.5 2l2 .1 .5 -1.1z', 'M1 2C3 4 5 6 7 8')
    """
    if not _POLYGON.fullmatch(path):
        return path
    out: list[str] = []
    before = (0, 0)
    for command, x, y in _POINT.findall(path):
        at = round(10 * float(x)), round(10 * float(y))
        step = (at[0] - before[0], at[1] - before[1]) if command == "L" else at
        letter = "l" if command == "L" else command
        same = letter == "l" and out and out[-1][0] != "M"
        out.append(f"{' ' if same else letter}{_tenths(step[0])} {_tenths(step[1])}")
        before = at
    return "".join(out) + ("z" if path.endswith("z") else "")


def _tenths(number: int) -> str:
    """Write tenths as a decimal number without needless signs."""
    text = f"{number / 10:g}"
    return text.replace("0.", ".", 1) if text.lstrip("-").startswith("0.") else text


def _declarations(style_text: str) -> dict[str, str]:
    """Turn CSS declarations into presentation attributes.

    >>> _declarations("fill: none; stroke: #222222")
    {'fill': 'none', 'stroke': '#222222'}
    >>> _declarations("font: bold 10.5px 'DejaVu Sans'; text-anchor: middle")
    {'font-weight': 'bold', 'font-size': '10.5', 'text-anchor': 'middle'}
    """
    found: dict[str, str] = {}
    for declaration in style_text.split(";"):
        name, colon, value = declaration.partition(":")
        name, value = name.strip(), value.strip()
        if not colon or name == "font-family":
            continue  # fonts are those of page.css, for all figures alike
        font = _FONT.match(value) if name == "font" else None
        if font:
            parts = {"style": font["style"], "weight": font["weight"]}
            found |= {f"font-{part}": text for part, text in parts.items() if text}
            found["font-size"] = font["size"]
        elif name == "font-size":
            found[name] = value.removesuffix("px")
        else:
            found[name] = value
    usual = {"stroke-dashoffset": "0", "text-anchor": "start"}
    return {name: value for name, value in found.items() if usual.get(name) != value}
