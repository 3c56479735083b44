"""What the two questions come to, who agrees, and whose yardstick tests use."""

from enum import Enum

from eventstudy.report import facts
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import Effects, Row, level_text, told
from eventstudy.report.labels import main_window, model_names, period_word

CALM, WILD = 0.67, 1.5


class Verdict(Enum):
    """What the tests for these dates and for such announcements say together."""

    NONE = "no p-value"
    BOTH = "of these dates and of such announcements"
    THESE = "of these dates, too few of them to say so of such announcements"
    ALONE = "of these dates; the design has no test of such announcements"
    NEITHER = "not of these dates"


_OF_WORD = {
    "distinguishable": Verdict.BOTH,
    "these dates only": Verdict.THESE,
    "not distinguishable": Verdict.NEITHER,
}


def verdict(effects: Effects, row: Row) -> Verdict:
    """Read the verdict of a headline row."""
    if row["verdict"] is None or nb.is_missing(row["pvalue_these"]):
        return Verdict.NONE
    if row["verdict"] == "single":
        low = row["pvalue_these"] < effects.alpha
        return Verdict.ALONE if low else Verdict.NEITHER
    return _OF_WORD[row["verdict"]]


def dates_words(row: Row) -> str:
    """Say of which dates the first question asks."""
    return "on this date" if row["n_dates"] == 1 else "on these dates"


def verdict_words(effects: Effects, row: Row) -> str:
    """Write the verdict; ``distinguishable`` alone is said of both questions only."""
    found = f"distinguishable from zero at {level_text(effects.result)}"
    return {
        Verdict.NONE: "no conclusion",
        Verdict.BOTH: found,
        Verdict.THESE: f"{found} {dates_words(row)}, too few of them to say so of such "
        "announcements",
        Verdict.ALONE: f"{found} {dates_words(row)}",
        Verdict.NEITHER: f"not {found}",
    }[verdict(effects, row)]


def from_chance(effects: Effects, row: Row) -> bool:
    """Tell whether an average is told from chance, on its dates at least."""
    return verdict(effects, row) in (Verdict.BOTH, Verdict.THESE, Verdict.ALONE)


def count(row: Row) -> str:
    """Count the robust tests that decide as the recommended one; empty without any."""
    if not row["agree_of"]:
        return ""
    tests = "test agrees" if row["agree_of"] == 1 else "tests agree"
    return f"{row['agree']} of {row['agree_of']} robust {tests}"


def dissent(effects: Effects, row: Row) -> str:
    """Name the robust tests that decide otherwise; empty where there is none."""
    against = [name for name in (row["dissenters"] or "").split(", ") if name]
    if not against:
        return ""
    verb = "does" if len(against) == 1 else "do"
    return f"{named(effects, row, against)} {verb} not"


def dissent_in_words(effects: Effects, row: Row) -> str:
    """Say by what the robust tests measure that decide otherwise; may be empty."""
    against = [name for name in (row["dissenters"] or "").split(", ") if name]
    if not against:
        return ""
    found = [facts.measures_by(name) for name in against]
    parts = [
        f"the one that measures by {by}"
        if found.count(by) == 1
        else f"{found.count(by)} that measure by {by}"
        for by in dict.fromkeys(found)
    ]
    verb = "does" if len(against) == 1 else "do"
    values = nb.listing([nb.p_equals(effects.pvalue(row, n)) for n in against])
    return f"{nb.listing(parts)} {verb} not ({values})"


def agreement(effects: Effects, row: Row) -> str:
    """Write a sentence on how many robust tests agree, and which do not."""
    parts = [part for part in (count(row), dissent(effects, row)) if part]
    return f"{'; '.join(parts)}." if parts else ""


def sides(effects: Effects, row: Row) -> list[str]:
    """Say where the two floors, or the two questions, decide differently."""
    lines = []
    these, such = row["pvalue_these"], row["pvalue_such"]
    floor, level = row["pvalue_floor_estimation"], level_text(effects.result)
    if facts.measures_recently(row["test_these"]) and _apart(effects, these, floor):
        lines.append(
            "What counts as usual volatility decides here: measured by the last 30 "
            f"{period_word(effects.result.spec)}s before, {nb.p_equals(these)}; by the "
            f"whole estimation window, {nb.p_equals(floor)}, on the other side of "
            f"{level}."
        )
    if _apart(effects, these, such):
        dates = nb.count(row["n_clusters"], "cluster")
        lines.append(
            f"On these dates prices moved more than chance explains "
            f"({nb.p_equals(these)}), but {dates} of dates are too few to say so of "
            f"such announcements ({nb.p_equals(such)})."
            if these < effects.alpha
            else f"Averaged by clusters of dates zero is rejected "
            f"({nb.p_equals(such)}), averaged by observations it is not "
            f"({nb.p_equals(these)}): the cautious reading holds."
        )
    return lines


def _apart(effects: Effects, one: float | None, other: float | None) -> bool:
    if one is None or other is None or nb.is_missing(one) or nb.is_missing(other):
        return False
    return (one < effects.alpha) is not (other < effects.alpha)


def named(effects: Effects, row: Row, tests: list[str]) -> str:
    """List tests with their p-values."""
    return nb.listing(
        [f"{md.code(n)} ({nb.p_equals(effects.pvalue(row, n))})" for n in tests]
    )


def yardstick_sentences(effects: Effects) -> list[str]:
    """Say where the event's own spread is not that of the estimation window."""
    rows = [
        row
        for row in told(effects.at(main_window(effects.result)))
        if not nb.is_missing(row.get("variance_increase"))
    ]
    held = effects.test_names
    past, event = (
        nb.listing([md.code(name) for name in facts.measuring_by(scale, held)])
        for scale in ("estimation window", "event")
    )
    if not past or not event:
        return []
    lines = []
    if calm := [row for row in rows if row["variance_increase"] < CALM]:
        lines.append(
            f"The observations spread less at the event than in the estimation window: "
            f"{_multiples(effects, calm)}. {past} measure by the estimation window and "
            f"ask for a larger effect. {event} measure by the event's own spread, "
            f"which rests on {_dates(calm)} here."
        )
    if wild := [row for row in rows if row["variance_increase"] > WILD]:
        lines.append(
            f"The observations spread more at the event than in the estimation window: "
            f"{_multiples(effects, wild)}. {past} measure by the estimation window and "
            f"reject too easily then. {event} allow for it."
        )
    return lines


def _multiples(effects: Effects, rows: list[Row]) -> str:
    several = len(model_names(effects.result)) > 1
    parts = [
        f"{nb.decimal(row['variance_increase'])} times the variance for "
        f"{effects.group(row)}" + (f" ({effects.model(row)})" if several else "")
        for row in rows
    ]
    lowest = min(range(len(rows)), key=lambda i: rows[i]["variance_increase"])
    highest = max(range(len(rows)), key=lambda i: rows[i]["variance_increase"])
    if len(rows) <= 2:
        return nb.listing(parts)
    ends = f"from {parts[lowest]} to {parts[highest]}"
    return f"{ends}, in {len(rows)} of the averages above"


def _dates(rows: list[Row]) -> str:
    counts = sorted({row["n_dates"] for row in rows})
    if len(counts) == 1:
        return nb.count(counts[0], "date")
    return f"{counts[0]} to {counts[-1]} dates"
