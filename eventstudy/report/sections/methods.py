"""What was done, drawn from the families of models, tests and measures."""

import re
from collections.abc import Iterator

from eventstudy.inference import ADJUSTMENTS, TESTS
from eventstudy.inference.entry import single_tests
from eventstudy.models import MODELS
from eventstudy.models.joint_hypotheses import HYPOTHESES
from eventstudy.outcomes import OUTCOMES
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report import ratios
from eventstudy.report.labels import label, period_word, words_for
from eventstudy.report.section import Section
from eventstudy.report.views import Views
from eventstudy.spec import ModelSetting, StudySpec, window_text
from eventstudy.study.result import StudyResult
from eventstudy.volatility import MEASURES, SHIFTS
from eventstudy.volatility.conditional import GARCH_WORDS

_TEST_COLUMNS = ("Test", "In words", "Null", "Robust to", "Source")
_WORDS = re.compile(r"\S(?:.*\S)?")
_AUTHORS = re.compile(r"\s*([^;()]+) \((\d{4}[a-z]?)\)[^;]*")
_DAY0 = {
    "next": "moves to the next session",
    "previous": "moves to the session before",
    "error": "is an error",
    "drop": "is dropped",
}
_GAPS = {
    "trade_to_trade": "a return spans the gap to the last close, the factors' returns "
    "are compounded over the same span and its variance is scaled by the number of "
    "sessions (Maynes & Rumsey 1993)",
    "drop": "the return after a gap is dropped",
}


def blocks(views: Views) -> Iterator[str]:
    """Clock, estimation, errors, dependence, tests and measures of this study."""
    result = views.result
    yield _clock(result.spec)
    yield _estimation(result.spec)
    yield md.bullets(_model_bullet(result, setting) for setting in result.spec.models)
    yield _units(result.spec)
    yield _ERRORS
    yield _DEPENDENCE
    if corrections := adjustments(result):
        yield (
            "**Many tests.** Single CARs carry corrected p-values beside the raw ones: "
            f"{corrections}."
        )
    if nulls := joint_nulls(result):
        yield (
            "**Overlaps.** One regression per asset over the whole sample has an "
            "indicator for the window of every headline announcement; its "
            "coefficient, times the length of the window, is the CAR net of the "
            "others (Karafiath 1988; Binder 1998). Across assets the hypotheses, for "
            f"every day 0 at once, are {nulls}, where δ_a is the effect on asset a "
            "(Schipper & Thompson 1985; Binder 1985)."
        )
    yield md.details("Tests of abnormal returns and volume", test_table(result))
    if table := shift_table(result):
        yield _volatility(result.spec)
        yield md.bullets(measure_bullets(result))
        yield md.details("Tests of volatility", table)


def _clock(spec: StudySpec) -> str:
    return (
        "**Clock.** Day 0 is the first session of the asset's own calendar whose close "
        f"comes after the announcement; an announcement on no session "
        f"{_DAY0[spec.day0]}. A market that never closes has the UTC day as its "
        f"session. {_counted(spec)} With daily bars, a factor that trades around "
        "the clock is compounded over the asset's close-to-close span, and up to a few "
        "hours of misalignment between the closes remain."
    )


def _counted(spec: StudySpec) -> str:
    if spec.frequency == "daily":
        return "Offsets count sessions."
    word = period_word(spec)
    return (
        f"Returns are {spec.frequency}: a {word} ends with its last session, offsets "
        f"count {word}s, and day 0 lies in {word} 0. Where tables say session they "
        f"mean a {word}."
    )


def _estimation(spec: StudySpec) -> str:
    word = period_word(spec)
    purge = {
        "exclude": f"{word}s {window_text(spec.purge)} around other announcements "
        "that touch the same asset are left out of it",
        "keep": f"{word}s near other announcements are kept in it",
    }[spec.overlap]
    return (
        f"**Estimation.** Models are fitted on {word}s "
        f"{window_text(spec.estimation)}; {purge}. At least {spec.min_estimation} "
        f"valid returns on {100 * spec.min_coverage:.3g} % of the admissible {word}s "
        f"are required. Where prices are missing, {_GAPS[spec.missing]}. The event "
        f"window is {window_text(spec.event_window)}."
    )


def _units(spec: StudySpec) -> str:
    """Say how returns are shown."""
    if spec.returns == "simple":
        return "**Units.** Returns are simple returns in per cent; a CAR is their sum."
    return (
        "**Units.** Returns are log returns, so that they add up; they are shown as "
        "per cent of the price: a sum of logs *r* as exp(*r*) − 1, so that an average "
        "is the geometric mean of price changes, and likewise the ends of intervals "
        "and differences of groups. The files in `tables` hold the logs."
    )


_ERRORS = (
    "**Standard errors.** The variance of a CAR over window w is σ²(L + s'(X'X)⁻¹s), "
    "with L sessions, σ² the residual variance with T−k degrees of freedom and s the "
    "sum of the regressors over w: forecast errors of the window's days are "
    "correlated, because they share the estimated coefficients. SCAR is CAR over its "
    "standard error. BHAR is the compounded simple return minus the compounded "
    "expected one."
)
_DEPENDENCE = (
    "**Dependence.** The mean correlation r̄ weights the correlation of two assets' "
    "estimation residuals on common dates by the share of calendar sessions that their "
    "two windows have in common; windows that share no session add zero (Kolari & "
    "Pynnönen 2010; Kolari, Pape & Pynnönen 2018)."
)


def _volatility(spec: StudySpec) -> str:
    word = period_word(spec)
    return (
        f"**Volatility** compares {word}s {window_text(spec.volatility_post)}, and "
        f"the event window {window_text(spec.volatility_event)}, with {word}s "
        f"{window_text(spec.volatility_pre)}; {spec.resamples:,} resamples. Measures:"
    )


def _model_bullet(result: StudyResult, setting: ModelSetting) -> str:
    text = f"**{md.escape(words_for(result, setting.name))}**"
    if setting.groups:
        groups = [md.escape(words_for(result, group)) for group in setting.groups]
        text += f" ({nb.listing(groups)})"
    text += f": {md.code(setting.model)}"
    if setting.factors:
        text += f" on {nb.listing([md.escape(f) for f in setting.factor_words])}"
    if setting.donors:
        text += f" from {len(setting.donors)} donors"
    if entry := MODELS.get(setting.model):
        formula = md.code(entry.formula)
        text += f", {md.escape(entry.meaning)}: {formula}. {md.escape(entry.citation)}."
        options = {**entry.options, **setting.options}
        if options:
            said = [f"{name} = {_option(value)}" for name, value in options.items()]
            text += f" Options: {md.code(', '.join(said))}."
        if entry.min_members:
            text += " Who was in each basket: `tables/baskets.csv`."
        if entry.caution and (caution := entry.caution(options)):
            text += f" {md.escape(caution)}."
    return text


def _option(value: object) -> str:
    """Write an option as a study file has it."""
    if isinstance(value, tuple):
        return f"[{', '.join(map(str, value))}]"
    return str(value).lower() if isinstance(value, bool) else str(value)


def test_table(result: StudyResult) -> str:
    """The tests of this study: in words, null, what they are robust to, citation."""
    names = [*result.spec.tests, *result.tests["test"].drop_nulls()]
    rows = [
        [
            md.code(name),
            md.escape(entry.meaning),
            md.escape(entry.null),
            md.escape(", ".join(sorted(entry.robust_to))),
            md.escape(entry.citation),
        ]
        for name in dict.fromkeys([*names, *single_tests()])
        if (entry := TESTS.get(name))
    ]
    return md.table(_TEST_COLUMNS, rows, "lllll") if rows else ""


def shift_table(result: StudyResult) -> str:
    """The tests of volatility, drawn from their family."""
    names = ratios.test_names(result.volatility)
    if not result.breaks.is_empty():
        names += [entry.name for entry in ratios.answered_in("breaks")]
    rows = [
        [
            md.code(name),
            md.escape(entry.meaning),
            md.escape(entry.null),
            md.escape(entry.robust_to),
            md.escape(entry.citation),
        ]
        for name in names
        if (entry := SHIFTS.get(name))
    ]
    return md.table(_TEST_COLUMNS, rows, "lllll") if rows else ""


def measure_bullets(result: StudyResult) -> list[str]:
    """The measures of volatility of this study, in words with their source."""
    held = result.volatility["measure"].drop_nulls().unique(maintain_order=True)
    lines = [
        f"{md.escape(label(name))}: {_prose(entry.meaning)}."
        for name in held
        if (entry := MEASURES.get(name)) and entry.meaning
    ]
    if not result.garch.is_empty():
        lines.append(
            f"conditional standard deviation: {GARCH_WORDS}, fitted to the whole "
            "history; the half-life is ln 0.5 / ln(α + β)."
        )
    if not result.regimes.is_empty():
        lines.append(
            "regimes: returns with one of two variances, in turn by a Markov chain "
            "(Hamilton 1989), Econometrica 57."
        )
    return [*lines, *_outcome_bullets(result)]


def _outcome_bullets(result: StudyResult) -> list[str]:
    """The outcomes beside returns that the report shows, with their sources."""
    held = set(result.tests.drop_nulls("estimate")["outcome"])
    lines = []
    for entry in OUTCOMES.values():
        if entry.name in held and entry.shown and entry.meaning:
            sources = "; ".join(
                f"{author} {year}" for author, year in _AUTHORS.findall(entry.citation)
            )
            lines.append(
                f"{md.escape(entry.words or label(entry.name))}: "
                f"{md.escape(entry.meaning)}, less its mean in the estimation window"
                f"{f' ({md.escape(sources)})' if sources else ''}."
            )
    return lines


def _prose(text: str) -> str:
    """Escape a text but for its code spans."""
    parts = text.split("`")
    for place in range(0, len(parts), 2):
        parts[place] = _WORDS.sub(lambda found: md.escape(found[0]), parts[place])
    return "`".join(parts)


def adjustments(result: StudyResult) -> str:
    """Name the corrections for many tests that the single CARs carry."""
    parts = [
        f"{md.code(name)}, {md.escape(entry.meaning)} ({md.escape(entry.citation)})"
        for name, entry in ADJUSTMENTS.items()
        if f"pvalue_{name}" in result.cars.columns
    ]
    if "pvalue_rw" in result.cars.columns:
        parts.append(
            "`rw`, step-down against joint resamples (Romano & Wolf 2005, "
            "Econometrica 73)"
        )
    return "; ".join(parts)


def joint_nulls(result: StudyResult) -> str:
    """The hypotheses of the joint regression in symbols."""
    if result.joint_tests.is_empty():
        return ""
    held = set(result.joint_tests["hypothesis"])
    return "; ".join(
        f"{md.code(name)}: {md.escape(null)}"
        for name, null in HYPOTHESES.items()
        if name in held
    )


SECTION = Section(title="Methods", blocks=blocks)
