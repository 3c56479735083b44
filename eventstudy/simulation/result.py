"""The frozen result of a simulation: its tables, and how they were made."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from eventstudy.simulation.request import SimulationSpec
from eventstudy.spec import StudySpec, window_text


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class SimulationResult:
    """How often each test rejects, on the user's own returns and dates.

    Parameters
    ----------
    request : SimulationSpec
        The simulation's settings.
    spec : StudySpec
        The study's settings.
    rejections : polars.DataFrame
        Per model, group, effect, variance and test: rejections among the replications
        that gave an answer, their rate with a 95 % interval of Clopper & Pearson
        (1934), and the nominal level; null with a reason without an answer.
    verdict : polars.DataFrame
        Per model, group, variance and test at effect 0: ``well-sized`` when the
        interval of the rate holds the nominal level, else ``over-rejects`` or
        ``under-rejects``.
    power : polars.DataFrame
        Per direction (rise, fall) the minimum detectable effect, found with a
        probability of 80 %; null with a reason where the grid does not reach it.
    designs : polars.DataFrame
        Per model and group what is simulated: observations, dates, sessions drawn from,
        mean block length, replications with all fits.
    notes : tuple of str
        What was left out, and why.
    provenance : mapping of str to object
        Where the numbers come from.

    Examples
    --------
    >>> from dataclasses import fields
    >>> [field.name for field in fields(SimulationResult)][2:6]
    ['rejections', 'verdict', 'power', 'designs']
    """

    request: SimulationSpec
    spec: StudySpec
    rejections: pl.DataFrame
    verdict: pl.DataFrame
    power: pl.DataFrame
    designs: pl.DataFrame
    notes: tuple[str, ...]
    provenance: Mapping[str, Any]

    def __repr__(self) -> str:
        """Return one line: what was simulated."""
        r = self.request
        return (
            f"SimulationResult({r.replications} replications of "
            f"{self.designs.height} samples, {len(r.tests)} tests of "
            f"{window_text(r.window)})"
        )

    def _repr_html_(self) -> str:
        """Show the sizes and verdicts in a notebook."""
        shown = self.verdict.select(
            "group",
            "model",
            "variance",
            "test",
            size_percent=(100 * pl.col("size")).round(1),
            verdict="verdict",
        )
        return f"<p>{html.escape(repr(self))}</p>{shown._repr_html_()}"
