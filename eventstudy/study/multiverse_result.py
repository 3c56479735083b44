"""The frozen result of a specification curve: its tables, and what they mean."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from eventstudy.spec import StudySpec
from eventstudy.study.table import Table, count, number, text

_REASON = text("reason", "why there is no p-value")
SCHEMA: Mapping[str, Table] = {
    table.name: table
    for table in (
        Table(
            "multiverse",
            "a row per specification: the average, and its test",
            (
                text("model", "name of a model setting"),
                count("start", "first session of the window, day 0 = 0", "sessions"),
                count("end", "last session of the window, included", "sessions"),
                text("estimation", "first and last session of the estimation window"),
                text(
                    "overlap",
                    "exclude or keep: sessions near other events in that window",
                ),
                text("returns", "log or simple"),
                text("test", "name of the test, see `eventstudy list tests`"),
                number("estimate", "mean CAR", "return, as the column returns says"),
                number("pvalue", "the p-value"),
                count("n", "observations"),
                _REASON,
            ),
        ),
        Table(
            "multiverse_joint",
            "a row per statistic of all specifications together",
            (
                text("statistic", "median, share_dominant_sign or share_significant"),
                number(
                    "value",
                    "median of the estimates, share of them with the commoner sign, "
                    "share of the p-values below one minus the study's level",
                ),
                number(
                    "pvalue",
                    "(1 + shifts of all dates, the same in every specification, at "
                    "which it is at least as far out) / (1 + shifts)",
                ),
                count("n_shifts", "the shifts"),
                text("basis", "where the dates were moved"),
                _REASON,
            ),
        ),
    )
}
"""The tables of `MultiverseResult`."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class MultiverseResult:
    """The average of a group under many specifications.

    Parameters
    ----------
    spec : StudySpec
        The study's settings, of which the specifications are variants.
    group : str
        The asset group that is averaged.
    multiverse : polars.DataFrame
        A row per specification: model, start, end, estimation, overlap, returns, test,
        estimate (mean CAR, a return), pvalue, n, reason.
    multiverse_joint : polars.DataFrame
        A row per statistic: median, share_dominant_sign, share_significant, each with
        value, pvalue, n_shifts, basis, and the reason where there is no p-value.
    provenance : mapping of str to object
        Where the numbers come from.

    Examples
    --------
    >>> from dataclasses import fields
    >>> [field.name for field in fields(MultiverseResult)][2:4]
    ['multiverse', 'multiverse_joint']
    """

    spec: StudySpec
    group: str
    multiverse: pl.DataFrame
    multiverse_joint: pl.DataFrame
    provenance: Mapping[str, Any]

    @property
    def reason(self) -> str | None:
        """Why there is no joint p-value, and so no curve; None where there is one."""
        found: str | None = self.multiverse_joint["reason"][0]
        return found

    def __repr__(self) -> str:
        """Return one line: what was averaged."""
        size = self.multiverse.height
        return f"MultiverseResult({size} specifications of group {self.group})"

    def _repr_html_(self) -> str:
        """Show the joint test in a notebook."""
        shown = self.multiverse_joint._repr_html_()
        return f"<p>{html.escape(repr(self))}</p>{shown}"
