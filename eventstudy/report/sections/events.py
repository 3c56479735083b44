"""One section per announcement: what, when, day 0, CARs, what else was going on."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from eventstudy.catalogue.schema import FLAGS, KINDS
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report import ratios
from eventstudy.report.labels import alpha_of, asset_order, label, model_names
from eventstudy.report.sections import volatility_tables
from eventstudy.spec import Pair, window_text
from eventstudy.study.result import StudyResult

Row = Mapping[str, Any]
Pairs = frozenset[tuple[str, str]]  # (observation, asset)

_MOST_WINDOWS = 7
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::00(?:\.0+)?)?(Z|[+-]\d\d:\d\d)"
)
_TITLE_LIMIT = 120
_SIGNS = {"-": "down", "+": "up", "0": "no effect", "?": "unclear"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One announcement as text; ``blocks`` are paragraphs and tables."""

    event_id: str
    title: str
    blocks: tuple[str, ...]


class Sections:
    """Writes the sections of a study; tables that would repeat are shown once."""

    def __init__(self, result: StudyResult) -> None:
        self.result = result
        self.alpha = alpha_of(result)
        self.order = asset_order(result)
        used = result.observations.filter(pl.col("status") == "used")
        pairs = used.select("event_id", "observation", "asset").unique()
        self._pairs: dict[str, set[tuple[str, str]]] = {}
        for event, observation, asset in pairs.iter_rows():
            self._pairs.setdefault(event, set()).add((observation, asset))
        self._cars = {
            (r["event_id"], r["asset"], r["model"], r["start"], r["end"]): r
            for r in result.cars.iter_rows(named=True)
        }
        first = result.abnormal_returns.filter(pl.col("offset") == 0)
        self._day0 = {
            (r["event_id"], r["asset"], r["model"]): r
            for r in first.iter_rows(named=True)
        }
        self._ratios = ratios.all_ratios(result)
        self._shown: dict[Pairs, str] = {}

    def of(self, events: Iterable[Row], *, brief: bool = False) -> list[Section]:
        """Return the sections of some events; brief ones have the first model only."""
        return [self._section(event, brief=brief) for event in events]

    def pairs(self, event_id: str) -> Pairs:
        """Return the (observation, asset) pairs that an event belongs to."""
        return frozenset(self._pairs.get(event_id, ()))

    def car(self, pair: tuple[str, str], model: str, window: Pair) -> Row | None:
        """Return the CAR row of an observation."""
        return self._cars.get((*pair, model, *window))

    def _section(self, event: Row, *, brief: bool) -> Section:
        event_id = str(event["event_id"])
        blocks = [_facts(event), _day0_table(self.result, event_id)]
        blocks += self._estimates(event_id, brief=brief)
        blocks += [
            _confounders(event),
            self._overlaps(event_id),
            self._left_out(event_id),
        ]
        title = md.shorten(str(_text(event, "title") or event_id), _TITLE_LIMIT)
        return Section(
            event_id=event_id,
            title=md.escape(title),
            blocks=tuple(block for block in blocks if block),
        )

    def _estimates(self, event_id: str, *, brief: bool) -> list[str]:
        pairs = self.pairs(event_id)
        if not pairs:
            return ["No asset could be studied for this announcement."]
        joint = sorted({o for o, _ in pairs if o != event_id})
        note = ""
        if joint:
            others = dict.fromkeys(e for o in joint for e in o.split("+"))
            named = [md.escape(e) for e in others if e != event_id]
            note = (
                f"Shares its day 0 with {nb.listing(named)} on some or all assets: "
                "together they are one observation, and no test can tell them apart."
            )
        if earlier := self._shown.get(pairs):
            return [note, f"The estimates are those of {md.escape(earlier)} above."]
        self._shown[pairs] = event_id
        ordered = sorted(pairs, key=lambda pair: self.order.index(pair[1]))
        models = model_names(self.result)
        blocks = [note]
        for number, model in enumerate(models[:1] if brief else models):
            text = self._car_tables(ordered, model)
            if not text:
                continue
            title = f"Abnormal returns, model {label(model)}"
            blocks.append(
                f"**{md.escape(title)}**\n\n{text}"
                if number == 0 and not brief
                else md.details(title, text)
            )
        if not brief:
            text = volatility_tables.event_table(self.result, self._ratios, ordered)
            if text:
                blocks.append(md.details("Volatility before and after", text))
        return blocks

    def _car_tables(self, pairs: Sequence[tuple[str, str]], model: str) -> str:
        held = [pair for pair in pairs if (*pair, model) in self._day0]
        windows = self.result.spec.windows
        if not held:
            return ""
        tables = []
        for at in range(0, len(windows), _MOST_WINDOWS):
            chunk = windows[at : at + _MOST_WINDOWS]
            heads = ["AR(0)"] if at == 0 else []
            rows = []
            for pair in held:
                cells = [_day0_cell(self._day0[*pair, model])] if at == 0 else []
                cells += [self._car_cell(self.car(pair, model, w)) for w in chunk]
                rows.append([md.escape(pair[1]), *cells])
            columns = ["%", *heads, *(f"CAR{window_text(w)}" for w in chunk)]
            tables.append(md.table(columns, rows))
        return "\n\n".join(tables)

    def _car_cell(self, row: Row | None) -> str:
        if row is None or nb.is_missing(row["car"]):
            return nb.MISSING
        text = _with_error(row["car"], row["se"])
        value = row["pvalue"]
        if not nb.is_missing(value):
            text += (
                f"<br>{nb.p_equals(value).replace('<', '&lt;').replace('>', '&gt;')}"
            )
        if not nb.is_missing(row["pvalue_holm"]) and row["pvalue_holm"] < self.alpha:
            text = "<br>".join(f"**{part}**" for part in text.split("<br>"))
        return text

    def _overlaps(self, event_id: str) -> str:
        pairs = self.pairs(event_id)
        rows = self.result.contamination.filter(
            pl.struct("event_id", "asset").is_in(
                [{"event_id": o, "asset": a} for o, a in sorted(pairs)]
            )
            if pairs
            else pl.lit(value=False)
        )
        shared: dict[str, int] = {}
        for other, sessions in rows.select("other_event_id", "sessions").iter_rows():
            for name in other.split("+"):
                shared[name] = max(shared.get(name, 0), sessions)
        shared.pop(event_id, None)
        if not shared:
            return ""
        ranked = sorted(shared.items(), key=lambda item: (-item[1], item[0]))
        named = [f"{md.escape(name)} ({n})" for name, n in ranked]
        window = window_text(self.result.spec.event_window)
        return (
            f"**Overlap.** Its event window {window} shares sessions with those of "
            f"{nb.listing(named, most=12)}; in brackets, how many sessions at most."
        )

    def _left_out(self, event_id: str) -> str:
        dropped = self.result.observations.filter(
            (pl.col("event_id") == event_id) & (pl.col("status") == "dropped")
        )
        why: dict[str, list[str]] = {}
        for asset, reason in dropped.select("asset", "reason").iter_rows():
            why.setdefault(reason or "no reason recorded", []).append(asset)
        parts = [
            f"{nb.listing([md.escape(a) for a in dict.fromkeys(assets)])}: "
            f"{md.escape(reason)}"
            for reason, assets in why.items()
        ]
        return f"**Not estimated.** {'; '.join(parts)}." if parts else ""


def _text(event: Row, *names: str) -> str | None:
    """Return the first column that exists and holds something, as text."""
    for name in names:
        value = event.get(name)
        if isinstance(value, list | tuple):
            value = ", ".join(map(str, value))
        if value is not None and str(value).strip():
            return str(value)
    return None


def _facts(event: Row) -> str:
    lines = []
    if note := _text(event, "note", "description"):
        lines.append(md.escape(note))
    details = [_when(event)]
    if who := _who(event):
        details.append(f"**By** {who}")
    if kind := _text(event, "kind"):
        meaning = KINDS.get(kind)
        details.append(
            f"**Kind** {md.escape(label(kind))}" + (f" ({meaning})" if meaning else "")
        )
    if expected := _expected(event):
        details.append(f"**Expected** {expected}")
    flags = event.get("flags") or []
    flags = flags if isinstance(flags, list) else [flags]
    if flags:
        named = [
            f"{md.escape(f)} ({FLAGS[f]})" if f in FLAGS else md.escape(f)
            for f in flags
        ]
        details.append(f"**Flags** {'; '.join(named)}")
    if links := md.sources(_text(event, "source_url", "source")):
        status = _text(event, "status")
        details.append(
            f"**Sources** {links}"
            + (f" (status: {md.escape(status)})" if status else "")
        )
    lines.append("\n".join(f"- {detail}" for detail in details))
    return "\n\n".join(lines)


def _who(event: Row) -> str:
    authority = md.escape(_text(event, "authority") or "")
    where = [_text(event, name) for name in ("level", "jurisdiction")]
    place = ", ".join(md.escape(part) for part in where if part)
    return f"{authority} ({place})" if authority and place else authority or place


def _when(event: Row) -> str:
    text = f"**Announced** {_clock(_text(event, 'announced_at'))}"
    instant = event.get("announced_utc")
    if instant is not None:
        text += f", {instant:%Y-%m-%d %H:%M} UTC"
    if precision := _text(event, "precision"):
        text += f" (known to the {md.escape(precision)})"
    if (reaction := event.get("reaction_at")) is not None:
        text += f"; prices first moved at {reaction:%Y-%m-%d %H:%M} UTC"
    return text


def _clock(text: str | None) -> str:
    """Write an ISO instant as people do: 2021-05-18 11:14 −04:00."""
    if not text:
        return nb.MISSING
    found = _INSTANT.fullmatch(text)
    if not found:
        return md.escape(text)
    day, clock, offset = found.groups()
    return f"{day} {clock} {offset.replace('-', '−').replace('+00:00', 'UTC')}"


def _expected(event: Row) -> str:
    parts = [
        f"{md.escape(label(name.removeprefix('expected_')))} "
        f"{_SIGNS.get(str(value), md.escape(value))}"
        for name, value in event.items()
        if name.startswith("expected_") and value is not None
    ]
    return ", ".join(parts)


def _confounders(event: Row) -> str:
    text = _text(event, "confounders")
    return f"**Confounders.** {md.escape(text)}" if text else ""


def _day0_table(result: StudyResult, event_id: str) -> str:
    rows = []
    found = result.day0.filter(pl.col("event_id") == event_id)
    for row in found.iter_rows(named=True):
        shift = row["shift"]
        rows.append(
            [
                md.escape(row["calendar"]),
                _clock(row["announced_local"]),
                md.escape(row["state"] or "–"),
                str(row["day0"] or "–"),
                nb.decimal(shift, 0, sign=True),
                md.escape(row.get("note") or row.get("reason") or ""),
            ]
        )
    columns = ["Calendar", "Local time", "Market", "Day 0", "Shift", "Note"]
    if not any(row[-1] for row in rows):
        rows, columns = [row[:-1] for row in rows], columns[:-1]
    return md.table(columns, rows, "llllrl"[: len(columns)]) if rows else ""


def _day0_cell(row: Row) -> str:
    if nb.is_missing(row["abnormal"]):
        return nb.MISSING
    return _with_error(row["abnormal"], row["se"])


def _with_error(value: float, se: float | None) -> str:
    """Write per cent and standard error; a second decimal would be noise."""
    return f"{nb.percent(value, 1)}{nb.NBSP}({nb.spread(se, 1)})"
