"""The study file's questions, each answered with a number and its uncertainty."""

import math
from collections.abc import Iterator

import polars as pl

from eventstudy.report import links, ratios
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import confidence_text, level_text
from eventstudy.report.labels import (
    alpha_of,
    main_window,
    model_names,
    period_word,
    words_for,
)
from eventstudy.report.observations import Held, Row
from eventstudy.report.section import Section
from eventstudy.report.sections import doubts, outcomes, volatility
from eventstudy.report.views import Views
from eventstudy.spec import Question, window_text
from eventstudy.study.result import StudyResult

MOST_LINES = 4
_MOST = 8  # questions of the first page
_HEADING = "Questions in detail"
_WHERE = links.to("in detail", "announcements", _HEADING)


def blocks(views: Views) -> Iterator[str]:
    """Every question of the study file with its answer."""
    for question in views.result.spec.questions:
        yield from answer(views, question)


def answer(views: Views, question: Question) -> Iterator[str]:
    """A question, what its author says about it, and the numbers that answer it."""
    result = views.result
    if question.measure == "outcome":
        yield f"**{md.escape(question.text)}**"
        yield md.escape(question.background)
        yield outcomes.answer(result, question.event_id, question.outcome)
        return
    held = _pairs(views, question)
    table = ""
    if question.measure == "volatility":
        lines = _volatility(views, question, held)
    else:
        rows = _car_rows(views, question, held)
        if len(rows) <= MOST_LINES:
            lines = [_car_line(result, row) for row in rows]
        else:
            lines = [_count(result, rows)]
            table = md.details("Asset by asset", _car_table(result, rows))
    lines += _unanswered(result, question, [asset for _, asset in held])
    yield f"**{md.escape(question.text)}**"
    yield md.escape(question.background)
    yield md.bullets(lines)
    yield table


def _pairs(views: Views, question: Question) -> list[Held]:
    return [
        pair
        for pair in views.observations.of(question.event_id)
        if not question.assets or pair[1] in question.assets
    ]


def short_blocks(views: Views) -> Iterator[str]:
    """Every question with a short answer; of many questions the first."""
    questions = views.result.spec.questions
    for question in questions[:_MOST]:
        asked = f"**{md.escape(question.text)}**"
        yield f"{asked} {_short(views, question)}"
    if len(questions) > _MOST:
        yield f"And {len(questions) - _MOST} more: {_WHERE}."


def _short(views: Views, question: Question) -> str:
    """Answer in a sentence or two, with the first model."""
    result = views.result
    if question.measure == "outcome":
        found = outcomes.answer(result, question.event_id, question.outcome)
        return f"{found} ({outcomes.WHERE})"
    held = _pairs(views, question)
    if question.measure == "volatility":
        parts = [
            _short_ratio(result, pair, views.ratios.after[key])
            for pair, key in _ratio_keys(views, question, held)
        ]
    else:
        rows = _car_rows(views, question, held)
        first = [r for r in rows if r["model"] == rows[0]["model"]]
        if len(first) > 2:
            parts = [_count(result, first)]
        else:
            parts = [_short_car(result, row) for row in first]
    parts = [*parts, *_unanswered(result, question, [asset for _, asset in held])]
    return f"{' '.join(parts)} ({_WHERE})"


def _short_car(result: StudyResult, row: Row) -> str:
    shown = nb.Returns(result.spec.returns)
    change, first, last = price_change(result, row)
    name = md.escape(row["asset"])
    if change is not None:
        verb = "rose" if change > 0 else "fell"
        name += f" {verb} by {nb.spread(abs(change), 1)} % from {first} to {last};"
    verdict = (
        "distinguishable from zero on its own"
        if _rejects(result, row["pvalue"])
        else "not distinguishable from zero"
    )
    if _rejects(result, row["pvalue"]) and not _rejects(result, row["pvalue_holm"]):
        verdict += ", not among all CARs tested"
    return (
        f"{name} beyond expectation {shown.percent(row['car'], row['se'])} % "
        f"{_interval(result, row)}, {nb.p_equals(row['pvalue'])}: {verdict}"
        f"{doubts.words(row)}."
    )


def _short_ratio(result: StudyResult, pair: Held, row: Row) -> str:
    verdict = volatility.changed(result, row)
    words = (
        "no interval, no conclusion"
        if verdict is None
        else "distinguishable from no change"
        if verdict
        else "not distinguishable from no change"
    )
    return (
        f"{md.escape(pair[1])}: {nb.decimal(row['ratio'])} times as volatile "
        f"{nb.interval(row['ci_low'], row['ci_high'])}, {words}."
    )


def _car_rows(views: Views, question: Question, pairs: list[Held]) -> list[Row]:
    window = question.window or main_window(views.result)
    models = question.models or model_names(views.result)
    car = views.observations.car
    found = [car(pair, model, window) for model in models for pair in pairs]
    return [row for row in found if row is not None and not nb.is_missing(row["car"])]


def _rejects(result: StudyResult, value: float | None) -> bool:
    return value is not None and value < alpha_of(result)


def _count(result: StudyResult, rows: list[Row]) -> str:
    level = level_text(result)
    hits = [row for row in rows if _rejects(result, row["pvalue"])]
    held = [row for row in hits if _rejects(result, row["pvalue_holm"])]
    counted = f"Of {nb.count(len(rows), 'abnormal return')}"
    low, high = (pick(rows, key=lambda r: r["car"]) for pick in (min, max))
    ends = nb.listing([_one(result, low), _one(result, high)])
    if not hits:
        return (
            f"{counted}, none is distinguishable from zero at {level}; they lie "
            f"between {ends}."
        )
    names = [_one(result, row) for row in hits]
    return (
        f"{counted}, {len(hits)} {'is' if len(hits) == 1 else 'are'} distinguishable "
        f"from zero at {level} ({nb.listing(names, most=6)}), {len(held)} after Holm's "
        "correction for all CARs of the study."
    )


def _one(result: StudyResult, row: Row) -> str:
    shown = nb.Returns(result.spec.returns)
    size = shown.percent(row["car"], row["se"])
    text = f"{size} % (standard error {shown.spread(row['car'], row['se'])}"
    model = md.escape(words_for(result, row["model"]))
    text += f", {md.escape(row['asset'])}, model {model})"
    return text + doubts.words(row)


def _car_table(result: StudyResult, rows: list[Row]) -> str:
    cells = []
    shown = nb.Returns(result.spec.returns)
    for row in rows:
        change, _, _ = price_change(result, row)
        pvalues = [row[c] for c in ("pvalue", "placebo_pvalue", "pvalue_holm")]
        cells.append(
            [
                md.escape(row["asset"]),
                md.escape(words_for(result, row["model"])),
                nb.percent(change, 1),
                shown.with_error(row["car"], row["se"]) + doubts.mark(row),
                _interval(result, row),
                *(nb.pvalue_cell(value) for value in pvalues),
            ]
        )
    window = window_text((rows[0]["start"], rows[0]["end"]))
    ends = f"{confidence_text(result)} interval"
    columns = ["Asset", "Model", "Price, %", f"CAR{window}, % (se)", ends]
    columns += ["p", "p pseudo-dates", "p Holm"]
    marks = f"\n\n{doubts.MARKS}" if any(doubts.mark(row) for row in rows) else ""
    return md.table(columns, cells, "llrrrrrr") + marks


def _interval(result: StudyResult, row: Row) -> str:
    half = row["se"] * t_quantile(row["df"], result.spec.level)
    shown = nb.Returns(result.spec.returns)
    places = shown.places(row["car"], row["se"])
    return shown.interval(row["car"] - half, row["car"] + half, places)


def _car_line(result: StudyResult, row: Row) -> str:
    name = f"**{md.escape(row['asset'])}**"
    if len(model_names(result)) > 1:
        name += f" (model {md.escape(words_for(result, row['model']))})"
    window = window_text((row["start"], row["end"]))
    verdict = "" if _rejects(result, row["pvalue"]) else "not "
    shown = nb.Returns(result.spec.returns)
    error = shown.spread(row["car"], row["se"])
    text = (
        f"{name}: {_price_words(result, row)}abnormal return CAR{window} "
        f"{shown.percent(row['car'], row['se'])} % (standard error {error}, "
        f"{confidence_text(result)} interval {_interval(result, row)}), "
        f"{nb.p_equals(row['pvalue'])}"
    )
    if not nb.is_missing(row["placebo_pvalue"]):
        text += f", among pseudo-dates {nb.p_equals(row['placebo_pvalue'])}"
    text += f": {verdict}distinguishable from zero at {level_text(result)}"
    if not verdict and not _rejects(result, row["pvalue_holm"]):
        text += (
            ", though no longer once the number of CARs tested is allowed for "
            f"(Holm {nb.p_equals(row['pvalue_holm'])})"
        )
    return f"{text}{doubts.words(row)}."


def t_quantile(df: float | None, level: float) -> float:
    """Half-width of an interval in standard errors; the normal's without ``df``.

    >>> round(t_quantile(118.0, 0.95), 3), round(t_quantile(None, 0.95), 3)
    (1.98, 1.96)
    """
    from scipy import special

    if df is None or not math.isfinite(df):
        return float(special.ndtri(0.5 + level / 2))
    return float(special.stdtrit(df, 0.5 + level / 2))


def price_change(
    result: StudyResult, row: Row
) -> tuple[float | None, object | None, object | None]:
    """Return the price's exact change over a CAR's window, first and last session."""
    days = result.abnormal_returns.filter(
        (pl.col("event_id") == row["event_id"])
        & (pl.col("asset") == row["asset"])
        & (pl.col("model") == row["model"])
        & pl.col("offset").is_between(row["start"], row["end"])
        & pl.col("actual").is_not_null()
    ).sort("offset")
    if days.is_empty():
        return None, None, None
    actual = days["actual"].to_list()
    if result.spec.returns == "log":
        change = math.expm1(math.fsum(actual))
    else:
        change = math.prod(1 + value for value in actual) - 1
    return change, days["session"][0], days["session"][-1]


def _price_words(result: StudyResult, row: Row) -> str:
    change, first, last = price_change(result, row)
    if change is None:
        return ""
    verb = "rose" if change > 0 else "fell"
    size = nb.spread(abs(change), 1)
    return (
        f"the price {verb} by {size} % over the {period_word(result.spec)}s "
        f"{first} to {last}; "
    )


def _volatility(views: Views, question: Question, pairs: list[Held]) -> list[str]:
    result, held = views.result, views.ratios
    lines = []
    for pair, key in _ratio_keys(views, question, pairs):
        row = held.after[key]
        sds = f"from {nb.spread(row['pre'])} % to {nb.spread(row['post'])} %"
        parts = [
            f"**{md.escape(pair[1])}**: standard deviation of abnormal returns per "
            f"{period_word(result.spec)} {sds}, "
            f"{volatility.sentence(result, row, held.pvalues)}",
            volatility.during_event(result, held.during.get(key)),
            volatility.forecast(ratios.of_forecasts(held, key[:-1])),
        ]
        lines.append(" ".join(part for part in parts if part))
    return lines


def _ratio_keys(
    views: Views, question: Question, pairs: list[Held]
) -> Iterator[tuple[Held, ratios.Key]]:
    """The ratios that answer a question, with the observation of each."""
    held = views.ratios
    main, models = ratios.main_measure(views.result), ratios.main_models(views.result)
    groups = {row["asset"]: row["group"] for row in held.after.values()}
    for pair in pairs:
        group = groups.get(pair[1], "")
        for model in question.models or (models.get(group),):
            key = (*pair, group, model, main)
            if key in held.after:
                yield pair, key


def _unanswered(
    result: StudyResult, question: Question, answered: list[str]
) -> list[str]:
    dropped = result.observations.filter(
        (pl.col("event_id") == question.event_id) & (pl.col("status") == "dropped")
    )
    why = dict(dropped.select("asset", "reason").iter_rows())
    if question.assets:
        missing = [asset for asset in question.assets if asset not in answered]
    else:
        missing = [asset for asset in why if asset not in answered]
    lines = [
        f"**{md.escape(asset)}**: no answer, "
        f"{md.escape(why.get(asset) or 'the announcement is not studied for it')}."
        for asset in missing
    ]
    if not answered and not lines:
        lines = ["No answer: no asset was studied for this announcement."]
    return lines


SECTION = Section(title="Questions answered", blocks=short_blocks)
DETAILS = Section(title=_HEADING, blocks=blocks)
