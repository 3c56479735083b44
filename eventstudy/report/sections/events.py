"""The announcements: what, when, day 0, CARs, what else was going on."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import polars as pl

from eventstudy.catalogue.schema import FLAGS, KINDS
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.announced import MANY
from eventstudy.report.effects import level_text
from eventstudy.report.labels import (
    alpha_of,
    headline_ids,
    in_window,
    label,
    main_window,
    model_names,
    period_word,
    words_for,
)
from eventstudy.report.observations import Held
from eventstudy.report.section import Section
from eventstudy.report.sections import doubts, volatility_tables
from eventstudy.report.views import Views
from eventstudy.spec import window_text
from eventstudy.study.result import StudyResult

Row = Mapping[str, Any]

_MOST_WINDOWS = 7
_INSTANT = re.compile(
    r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(?::00(?:\.0+)?)?(Z|[+-]\d\d:\d\d)"
)
_TITLE_LIMIT = 120
LARGEST = 20  # of more, as many have
_SIGNS = {"-": "down", "+": "up", "0": "no effect", "?": "unclear"}


def headline_blocks(views: Views) -> Iterator[str]:
    """Every announcement of the headline sample, with all models."""
    yield (
        "Cells hold a CAR in per cent, its standard error in brackets (forecast error "
        "of the model included) and its p-value; AR(0) is the abnormal return of day "
        f"0. Bold: below {level_text(views.result)} even after Holm's correction for "
        f"all CARs of the study. {doubts.MARKS} Every number: `tables/cars.csv`, "
        "`tables/abnormal_returns.csv`."
    )
    chosen = _events(views.result, headline=True)
    yield from _each(views, chosen, brief=False)
    if not chosen:
        yield "No announcement is in the headline sample."


def other_blocks(views: Views) -> Iterator[str]:
    """The other announcements, in brief."""
    others = _events(views.result, headline=False)
    if others:
        yield "Analysed in the same way, outside the headline sample."
        yield from _each(views, others, brief=True)


def _each(views: Views, chosen: list[Row], *, brief: bool) -> Iterator[str]:
    """A part for each announcement; of many, parts for those with largest effects."""
    shown = largest_first(views.result, chosen)
    if len(shown) < len(chosen):
        yield (
            f"The {len(shown)} of {len(chosen):,} announcements with the largest "
            "effects. All of them, a row per announcement and asset: `tables/cars.csv` "
            "(`tables/events.csv` says what they are)."
        )
    for event in shown:
        yield from announcement(views, event, brief=brief)


def largest_first(result: StudyResult, chosen: list[Row]) -> list[Row]:
    """Return announcements as they are; of many those with the largest mean CARs."""
    if len(chosen) <= MANY:
        return chosen
    cars = result.cars.filter(in_window(main_window(result)), pl.col("car").is_finite())
    means = cars.group_by("event_id", maintain_order=True).agg(
        pl.col("car").mean().abs()
    )
    order = means.sort("car", descending=True, maintain_order=True)["event_id"]
    members = (event for name in order for event in result.members(name))
    held = {row["event_id"] for row in chosen}
    kept = set(list(dict.fromkeys(e for e in members if e in held))[:LARGEST])
    return [row for row in chosen if row["event_id"] in kept]


def _events(result: StudyResult, *, headline: bool) -> list[Row]:
    chosen = headline_ids(result)
    rows = result.events.iter_rows(named=True)
    return [row for row in rows if (row["event_id"] in chosen) is headline]


def announcement(views: Views, event: Row, *, brief: bool = False) -> Iterator[str]:
    """One announcement: heading, paragraphs, tables; in brief with one model only."""
    event_id = str(event["event_id"])
    yield f"### {md.escape(name_of(event))}"
    yield _facts(event)
    yield _day0_table(views.result, event_id)
    yield from _estimates(views, event_id, brief=brief)
    yield _confounders(event)
    yield _overlaps(views, event_id)
    yield _left_out(views.result, event_id)


def name_of(event: Row) -> str:
    """Give the heading of an announcement, plain text."""
    event_id = str(event["event_id"])
    title = md.shorten(str(_text(event, "title") or event_id), _TITLE_LIMIT)
    return event_id if title == event_id else f"{event_id}: {title}"


def _estimates(views: Views, event_id: str, *, brief: bool) -> Iterator[str]:
    held = views.observations.of(event_id)
    if not held:
        yield "No asset could be studied for this announcement."
        return
    yield _shared_day(views.result, event_id, {observation for observation, _ in held})
    if earlier := views.observations.earlier(event_id):
        yield f"The estimates are those of {md.escape(earlier)} above."
        return
    models = model_names(views.result)
    for number, model in enumerate(models[:1] if brief else models):
        text = _car_tables(views, held, model)
        title = f"Abnormal returns, model {words_for(views.result, model)}"
        if text and number == 0 and not brief:
            yield f"**{md.escape(title)}**\n\n{text}"
        elif text:
            yield md.details(title, text)
    if brief:
        return
    text = volatility_tables.event_table(views.result, views.ratios, held)
    if text:
        yield md.details("Volatility before and after", text)


def _shared_day(result: StudyResult, event_id: str, observations: Iterable[str]) -> str:
    joint = sorted(o for o in observations if o != event_id)
    if not joint:
        return ""
    others = dict.fromkeys(event for o in joint for event in result.members(o))
    named = [md.escape(event) for event in others if event != event_id]
    return (
        f"Shares its day 0 with {nb.listing(named, most=12)} on some or all assets: "
        "together they are one observation, and no test can tell them apart."
    )


def _car_tables(views: Views, held: Sequence[Held], model: str) -> str:
    observations = views.observations
    days = {pair: observations.day0(pair, model) for pair in held}
    windows = views.result.spec.windows
    alpha = alpha_of(views.result)
    shown = nb.Returns(views.result.spec.returns)
    tables = []
    for at in range(0, len(windows), _MOST_WINDOWS):
        chunk = windows[at : at + _MOST_WINDOWS]
        heads = ["AR(0)"] if at == 0 else []
        rows = []
        for pair, day0 in days.items():
            if day0 is None:
                continue
            cells = [_day0_cell(shown, day0)] if at == 0 else []
            cars = (observations.car(pair, model, w) for w in chunk)
            cells += [_car_cell(shown, car, alpha) for car in cars]
            rows.append([md.escape(pair[1]), *cells])
        columns = ["%", *heads, *(f"CAR{window_text(w)}" for w in chunk)]
        tables.append(md.table(columns, rows) if rows else "")
    return "\n\n".join(table for table in tables if table)


def _car_cell(shown: nb.Returns, row: Row | None, alpha: float) -> str:
    if row is None or nb.is_missing(row["car"]):
        return nb.MISSING
    text = shown.with_error(row["car"], row["se"]) + doubts.mark(row)
    value = row["pvalue"]
    if not nb.is_missing(value):
        text += f"<br>{nb.p_equals(value).replace('<', '&lt;').replace('>', '&gt;')}"
    if not nb.is_missing(row["pvalue_holm"]) and row["pvalue_holm"] < alpha:
        text = "<br>".join(f"**{part}**" for part in text.split("<br>"))
    return text


def _overlaps(views: Views, event_id: str) -> str:
    held = views.observations.of(event_id)
    pairs = [{"event_id": o, "asset": a} for o, a in sorted(held)]
    rows = views.result.contamination.filter(
        pl.struct("event_id", "asset").is_in(pairs) if pairs else pl.lit(value=False)
    )
    shared: dict[str, int] = {}
    for other, sessions in rows.select("other_event_id", "sessions").iter_rows():
        for name in views.result.members(other):
            shared[name] = max(shared.get(name, 0), sessions)
    shared.pop(event_id, None)
    if not shared:
        return ""
    ranked = sorted(shared.items(), key=lambda item: (-item[1], item[0]))
    named = [f"{md.escape(name)} ({n})" for name, n in ranked]
    window = window_text(views.result.spec.event_window)
    word = period_word(views.result.spec)
    return (
        f"**Overlap.** Its event window {window} shares {word}s with those of "
        f"{nb.listing(named, most=12)}; in brackets, how many {word}s at most."
    )


def _left_out(result: StudyResult, event_id: str) -> str:
    dropped = result.observations.filter(
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


def _text(event: Row, name: str) -> str | None:
    """Return a column of the catalogue as text, where it is there and not empty."""
    value = event.get(name)
    return str(value) if value is not None and str(value).strip() else None


def _facts(event: Row) -> str:
    lines = []
    if note := _text(event, "note"):
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
    if links := md.sources(_text(event, "source_url")):
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
                md.escape(row["reason"] or ""),
            ]
        )
    columns = ["Calendar", "Local time", "Market", "Day 0", "Shift", "Note"]
    if not any(row[-1] for row in rows):
        rows, columns = [row[:-1] for row in rows], columns[:-1]
    return md.table(columns, rows, "llllrl"[: len(columns)]) if rows else ""


def _day0_cell(shown: nb.Returns, row: Row) -> str:
    if nb.is_missing(row["abnormal"]):
        return nb.MISSING
    return shown.with_error(row["abnormal"], row["se"])


SECTION = Section(title="Main announcements", blocks=headline_blocks)
APPENDIX = Section(
    title="Other announcements",
    blocks=other_blocks,
)
