"""Average effects with their tests: views of the headline and test tables."""

from collections.abc import Mapping
from typing import Any

import polars as pl

from eventstudy.report import facts
from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.labels import alpha_of, words_for
from eventstudy.spec import Pair
from eventstudy.study.result import StudyResult

Row = Mapping[str, Any]


class Effects:
    """Rows of the headline and test tables of one sample, by group, model, window."""

    def __init__(self, result: StudyResult, sample: str = "headline") -> None:
        self.result = result
        self.alpha = alpha_of(result)
        self.returns = nb.Returns(result.spec.returns)
        self.rows: list[Row] = list(
            result.headline.filter(sample=sample, outcome="car").iter_rows(named=True)
        )
        tests = result.tests.filter(
            (pl.col("sample") == sample) & (pl.col("outcome") == "car")
        )
        self._tests = {
            (*_key(row), row["test"]): row for row in tests.iter_rows(named=True)
        }
        self.test_names = list(dict.fromkeys(tests["test"].drop_nulls()))

    def group(self, row: Row) -> str:
        """Write the name of its group as Markdown."""
        return md.escape(words_for(self.result, row["group"]))

    def model(self, row: Row) -> str:
        """Write the name of its model as Markdown."""
        return md.escape(words_for(self.result, row["model"]))

    def test(self, row: Row, name: str) -> Row | None:
        """Return the test's row for the same effect."""
        return self._tests.get((*_key(row), name))

    def pvalue(self, row: Row, name: str | None) -> float | None:
        """Return the p-value of the test, None where there is none."""
        found = self.test(row, name) if name else None
        value = found["pvalue"] if found else None
        return None if nb.is_missing(value) else value

    def rejects(self, row: Row, name: str | None) -> bool:
        """Tell whether the test rejects at the study's level."""
        value = self.pvalue(row, name)
        return value is not None and value < self.alpha

    def naive_claims(self, row: Row) -> list[str]:
        """Naive tests that reject where the recommended one does not."""
        if self.rejects(row, row["recommended"]):
            return []
        names = [name for name in facts.naive() if name != row["recommended"]]
        return [name for name in names if self.rejects(row, name)]

    def average(self, row: Row) -> str:
        """Write the average effect in per cent of price."""
        return self.returns.percent(row["estimate"], row["se"])

    def interval(self, row: Row) -> str:
        """Write the interval of the average effect; empty without one."""
        places = self.returns.places(row["estimate"], row["se"])
        low, high = row["ci_low_these"], row["ci_high_these"]
        return self.returns.interval(low, high, places)

    def such_average(self, row: Row) -> str:
        """Write the estimate for such announcements in per cent of price."""
        return self.returns.percent(row["estimate_such"], row["se"])

    def such_interval(self, row: Row) -> str:
        """Write its interval; empty without one."""
        places = self.returns.places(row["estimate_such"], row["se"])
        low, high = row["ci_low_such"], row["ci_high_such"]
        return self.returns.interval(low, high, places)

    def at(self, window: Pair) -> list[Row]:
        """Return the rows of a window, group by group."""
        rows = [r for r in self.rows if (r["start"], r["end"]) == window]
        groups = list(dict.fromkeys(r["group"] for r in self.rows))
        return sorted(rows, key=lambda r: groups.index(r["group"]))


def _key(row: Row) -> tuple[Any, ...]:
    return row["model"], row["group"], row["start"], row["end"]


def level_text(result: StudyResult) -> str:
    """Write the significance level: ``5 %``."""
    return f"{100 * alpha_of(result):.3g} %"


def confidence_text(result: StudyResult) -> str:
    """Write the confidence of the intervals: ``95 %``."""
    return f"{100 * result.spec.level:.3g} %"


def told(rows: list[Row]) -> list[Row]:
    """Leave out the pool of all groups where there are several."""
    groups = {row["group"] for row in rows}
    return [row for row in rows if row["group"] != "all" or len(groups) == 1]
