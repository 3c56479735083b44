"""Do tests that allow for dependence agree, and whose yardstick do they use."""

from enum import Enum

from eventstudy.report import facts
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.effects import Effects, Row, told
from eventstudy.report.labels import group_label, label, main_window, model_names

CALM, WILD = 0.67, 1.5
_NUMBERS = ("no", "one", "two", "three", "four", "five")


class Verdict(Enum):
    """What the recommended test and the other robust tests say together."""

    NONE = "no recommended p-value"
    CARRIED = "every robust test rejects"
    DISPUTED = "the recommended test rejects, another robust test does not"
    CLAIMED = "the recommended test does not reject, another robust test does"
    NOTHING = "no robust test rejects"


def others(effects: Effects, row: Row) -> list[str]:
    """Robust tests of the row beside the recommended one that have a p-value."""
    return [
        name
        for name in facts.voting()
        if name != row["recommended"] and effects.pvalue(row, name) is not None
    ]


def verdict(effects: Effects, row: Row) -> Verdict:
    """Weigh the recommended test against the other robust ones."""
    if effects.pvalue(row, row["recommended"]) is None:
        return Verdict.NONE
    carried = [effects.rejects(row, name) for name in others(effects, row)]
    if effects.rejects(row, row["recommended"]):
        return Verdict.CARRIED if all(carried) else Verdict.DISPUTED
    return Verdict.CLAIMED if any(carried) else Verdict.NOTHING


def dissent(effects: Effects, row: Row) -> str:
    """Name the robust tests that contradict the recommended one, in one clause."""
    rejects = effects.rejects(row, row["recommended"])
    held = others(effects, row)
    against = [name for name in held if effects.rejects(row, name) is not rejects]
    if not against:
        return ""
    count = len(against)
    number = _NUMBERS[count] if count < len(_NUMBERS) else str(count)
    tests = "test" if len(against) == 1 else "tests"
    if rejects:
        verb = "does" if len(against) == 1 else "do"
        found = f"{number} other robust {tests} {verb} not carry it"
    else:
        found = f"{number} other robust {tests} would reject"
    return f"{found}: {named(effects, row, against)}"


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
            f"which rests on {_dates(calm)} here. Where the two disagree, the cautious "
            "reading holds."
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
        f"{md.escape(group_label(row['group']))}"
        + (f" ({md.escape(label(row['model']))})" if several else "")
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
