"""The frozen result of a simulation: its tables, and how they were made."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from eventstudy.simulation.request import AS_DRAWN, SimulationSpec
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
        Per model, group, scenario, effect, variance, test and nominal level: rejections
        among the replications that gave an answer, their rate with a 95 % interval of
        Clopper & Pearson (1934); null with a reason without an answer. The tests
        ``recommended_these`` and ``recommended_such`` are those that a study of this
        design recommends.
    verdict : polars.DataFrame
        Per model, group, scenario, variance, test and nominal level at effect 0:
        ``well-sized`` when the interval of the rate holds the nominal level, else
        ``over-rejects`` or ``under-rejects``.
    coverage : polars.DataFrame
        Per model, group, scenario, variance and question: how often the interval of the
        recommended test holds the true effect.
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
    >>> [field.name for field in fields(SimulationResult)][2:7]
    ['rejections', 'verdict', 'coverage', 'power', 'designs']
    """

    request: SimulationSpec
    spec: StudySpec
    rejections: pl.DataFrame
    verdict: pl.DataFrame
    coverage: pl.DataFrame
    power: pl.DataFrame
    designs: pl.DataFrame
    notes: tuple[str, ...]
    provenance: Mapping[str, Any]

    def sizes(self, variance: float, scenario: str = AS_DRAWN) -> pl.DataFrame:
        """Return the verdicts at the level asked for, of the tests asked for.

        Parameters
        ----------
        variance : float
            Factor on the variance of the window.
        scenario : str
            As in `SimulationSpec`.

        Returns
        -------
        polars.DataFrame
            Rows of ``verdict``.
        """
        return self.verdict.filter(
            pl.col("test").is_in(self.request.tests),
            scenario=scenario,
            variance=variance,
            nominal=self.request.level,
        )

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
        shown = self.verdict.filter(nominal=self.request.level).select(
            "group",
            "model",
            "scenario",
            "variance",
            "test",
            size_percent=(100 * pl.col("size")).round(1),
            verdict="verdict",
        )
        return f"<p>{html.escape(repr(self))}</p>{shown._repr_html_()}"
