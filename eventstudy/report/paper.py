"""Tables for papers: rounded as the report rounds, before any format is chosen."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

import polars as pl

from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.cross_section import Regression
from eventstudy.report import numbers as nb
from eventstudy.report.labels import period_word, words
from eventstudy.report.tables import tables
from eventstudy.spec import Pair, StudySpec, window_text
from eventstudy.study.result import StudyResult

LEVELS = ((0.01, "***"), (0.05, "**"), (0.1, "*"))


class Tables(Protocol):
    """A study, fresh or read back from its report."""

    @property
    def spec(self) -> StudySpec:
        """The request."""

    def table(self, name: str) -> pl.DataFrame:
        """Return a table with the types of a result."""


class Fresh:
    """A result as `make` wants it: with the tables as they are written."""

    def __init__(self, result: StudyResult) -> None:
        self.spec: StudySpec = result.spec
        self._tables = tables(result)

    def table(self, name: str) -> pl.DataFrame:
        """Return a table."""
        return self._tables[name]


@dataclass(frozen=True, slots=True)
class PaperTable:
    """A table as it is printed.

    title : above it;  columns : headings;  rows : texts of the cells
    texts : how many columns from the left are text;  notes : below it
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    texts: int
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which rows of a table are wanted; None is all, or what is usual."""

    window: Pair | None = None
    group: str | None = None
    model: str | None = None
    sample: str = "headline"
    stars: bool = False


def make(held: Tables, kind: str, choice: Choice) -> PaperTable:
    """Return a table of a study; refuse a kind that there is not, or an empty one."""
    if kind not in KINDS:
        raise unknown_name("kind of table", kind, KINDS)
    found = KINDS[kind](held, choice)
    if not found.rows:
        raise SpecError(
            f"the study has no rows for a table of {kind} with this choice of window, "
            "group, model and sample"
        )
    return found


def _chosen(
    table: pl.DataFrame, choice: Choice, *, window: Pair | None
) -> pl.DataFrame:
    """Keep the rows wanted; refuse a group or a model that there is not."""
    for name in ("group", "model"):
        wanted = getattr(choice, name)
        if wanted is None:
            continue
        known = table[name].drop_nulls().unique(maintain_order=True).to_list()
        if wanted not in known:
            raise unknown_name(name, wanted, known)
        table = table.filter(pl.col(name) == wanted)
    if "sample" in table.columns:
        table = table.filter(pl.col("sample") == choice.sample)
    if window is not None and "start" in table.columns:
        held = table.select("start", "end").unique().rows()
        if window not in held:
            known_windows = ", ".join(window_text(pair) for pair in sorted(held))
            raise SpecError(
                f"no window {window_text(window)} in this study; it has "
                f"{known_windows or 'none'}"
            )
        table = table.filter(pl.col("start") == window[0], pl.col("end") == window[1])
    return table


def _starred(text: str, pvalue: float | None, choice: Choice) -> str:
    if not choice.stars or pvalue is None or nb.is_missing(pvalue):
        return text
    return text + next((mark for level, mark in LEVELS if pvalue < level), "")


def _notes(
    held: Tables, choice: Choice, *said: str, stars: str = ""
) -> tuple[str, ...]:
    spec = held.spec
    units = (
        "Per cent of price: log returns r as exp(r) - 1."
        if spec.returns == "log"
        else "Simple returns in per cent."
    )
    notes = [units, *said]
    if choice.stars and stars:
        notes.append(f"*** p < 0.01, ** p < 0.05, * p < 0.1 by {stars}.")
    return tuple(notes)


def effects(held: Tables, choice: Choice) -> PaperTable:
    """Average effects with both answers."""
    spec, shown = held.spec, nb.Returns(held.spec.returns)
    table = held.table("headline").filter(pl.col("outcome") == "car")
    rows = []
    names: dict[str, None] = {}
    for row in _chosen(table, choice, window=choice.window).iter_rows(named=True):
        places = shown.places(row["estimate"], row["se"])
        ends = shown.interval(row["ci_low_these"], row["ci_high_these"], places)
        such = shown.percent(row["estimate_such"], row["se"])
        such_ends = shown.interval(row["ci_low_such"], row["ci_high_such"], places)
        average = shown.percent(row["estimate"], row["se"])
        cells = (
            words(row["group"], spec.labels),
            words(row["model"], spec.labels),
            window_text((row["start"], row["end"])),
            _starred(average, row["pvalue_these"], choice),
            ends,
            nb.pvalue(row["pvalue_these"]),
            such,
            such_ends,
            nb.pvalue(row["pvalue_such"]),
            f"{row['agree']} of {row['agree_of']}" if row["agree_of"] else nb.MISSING,
            str(row["n"]),
            str(row["n_dates"]),
        )
        rows.append(cells)
        names |= dict.fromkeys(t for t in (row["test_these"], row["test_such"]) if t)
    level = f"{100 * spec.level:.3g} %"
    columns = (
        *("Group", "Model", "Window", "These dates", f"{level} interval", "p"),
        *("Such announcements", f"{level} interval", "p", "Agree", "N", "Dates"),
    )
    said = (
        f"Tests: {', '.join(names)}." if names else "",
        "Agree: robust tests that decide as the one of these dates.",
    )
    notes = _notes(held, choice, *said, stars="the test of these dates")
    return PaperTable(
        "Average cumulative abnormal returns", columns, tuple(rows), 3, notes
    )


def cars(held: Tables, choice: Choice) -> PaperTable:
    """Single cumulative abnormal returns, by default of the first window."""
    spec, shown = held.spec, nb.Returns(held.spec.returns)
    table = held.table("cars")
    if choice.sample == "headline":
        table = table.filter(pl.col("headline"))
    window = choice.window or spec.windows[0]
    titles = dict(held.table("events").select("event_id", "title").iter_rows())
    rows = []
    for row in _chosen(table, choice, window=window).iter_rows(named=True):
        first = titles.get(row["event_id"])
        car = shown.percent(row["car"], row["se"])
        rows.append(
            (
                first or row["event_id"],
                row["asset"],
                words(row["model"], spec.labels),
                _starred(car, row["pvalue"], choice),
                shown.spread(row["car"], row["se"]),
                nb.pvalue(row["pvalue"]),
                nb.pvalue(row["pvalue_holm"]),
            )
        )
    columns = ("Announcement", "Asset", "Model", "CAR", "s.e.", "p", "p (Holm)")
    title = f"Cumulative abnormal returns, window {window_text(window)}"
    notes = _notes(held, choice, stars="the test of the single CAR")
    return PaperTable(title, columns, tuple(rows), 3, notes)


def tests(held: Tables, choice: Choice) -> PaperTable:
    """Every test of every average."""
    spec = held.spec
    table = held.table("tests").filter(pl.col("outcome") == "car")
    rows = []
    for row in _chosen(table, choice, window=choice.window).iter_rows(named=True):
        value = nb.pvalue(row["pvalue"])
        rows.append(
            (
                words(row["group"], spec.labels),
                words(row["model"], spec.labels),
                window_text((row["start"], row["end"])),
                row["test"],
                row["estimand"] or "",
                nb.decimal(row["statistic"]),
                nb.decimal(row["df"], 1),
                _starred(value, row["pvalue"], choice),
                str(row["n"]),
            )
        )
    columns = ("Group", "Model", "Window", "Test", "Of", "Statistic", "df", "p", "N")
    notes = _notes(held, choice, stars="the test of the row")
    return PaperTable(
        "Tests of average abnormal returns", columns, tuple(rows), 5, notes
    )


def volatility(held: Tables, choice: Choice) -> PaperTable:
    """Volatility after over before, of groups and of their assets."""
    spec = held.spec
    table = held.table("volatility").filter(
        pl.col("event_id") == "all", pl.col("window") == "post"
    )
    found = _chosen(table, choice, window=None).drop_nulls("ratio")
    rows = []
    for row in found.iter_rows(named=True):
        ratio = nb.decimal(row["ratio"])
        asset = "" if row["asset"] == "all" else row["asset"]
        rows.append(
            (
                words(row["group"], spec.labels),
                asset,
                row["measure"],
                row["test"],
                nb.spread(row["pre"]),
                nb.spread(row["post"]),
                _starred(ratio, row["pvalue"], choice),
                nb.interval(row["ci_low"], row["ci_high"]),
                nb.pvalue(row["pvalue"]),
            )
        )
    columns = (
        *("Group", "Asset", "Measure", "Test", "Before, %", "After, %", "Ratio"),
        *(f"{100 * spec.level:.3g} % interval", "p"),
    )
    pre, post = window_text(spec.volatility_pre), window_text(spec.volatility_post)
    said = f"Standard deviations per {period_word(spec)} in {post} over those in {pre}."
    notes = _notes(held, choice, said, stars="the test of the row")
    return PaperTable("Volatility after over before", columns, tuple(rows), 4, notes)


def of_regression(found: Regression, *, stars: bool) -> PaperTable:
    """The terms of a cross-sectional regression."""
    choice = Choice(stars=stars)
    rows = []
    for row in found.terms.iter_rows(named=True):
        estimate = nb.decimal(row["estimate"], 4)
        rows.append(
            (
                row["term"],
                _starred(estimate, row.get("pvalue"), choice),
                nb.decimal(row.get("se"), 4),
                nb.decimal(row.get("statistic")),
                nb.pvalue(row.get("pvalue")),
            )
        )
    notes = [
        f"{found.outcome.upper()} {found.formula}, window {window_text(found.window)}, "
        f"model {found.model}, N = {found.n}.",
        f"Variance: {found.covariance}.",
    ]
    if stars:
        notes.append("*** p < 0.01, ** p < 0.05, * p < 0.1.")
    columns = ("Term", "Estimate", "s.e.", "t ratio", "p")
    return PaperTable(
        "Cross-sectional regression", columns, tuple(rows), 1, tuple(notes)
    )


KINDS: Mapping[str, Callable[[Tables, Choice], PaperTable]] = MappingProxyType(
    {"effects": effects, "cars": cars, "tests": tests, "volatility": volatility}
)


def plain_rows(table: PaperTable) -> Sequence[Sequence[str]]:
    """Return the headings and the rows."""
    return [table.columns, *table.rows]
