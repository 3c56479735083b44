"""The view that a test has of the evidence: one window, the observations used."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from eventstudy.core.abnormal import Array, IntArray
from eventstudy.core.windows import Window, length_of
from eventstudy.inference.aggregates import Evidence, Outcome
from eventstudy.inference.dependence import (
    Correlations,
    Dates,
    Dependence,
    dates_of,
    measure,
)
from eventstudy.inference.pvalues import Answer, refused


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Observations with an estimate and a valid return in the window; arrays (n,).

    effect : the outcome tested (CAR, SCAR or BHAR);  car, se, scar : as in `cumulate`
    sar_sum, n_valid : sum of daily SAR and valid sessions in the window
    sar : (n, L_w) daily SAR, no columns unless asked for
    positive : share of positive estimation residuals
    columns : event-window columns of the window
    labels : number of the cluster of dates that an observation belongs to
    dates : their distinct dates
    dependence, rank_dependence : from residuals, from their ranks
    sums : what was summed over all observations with an estimate, per session
    """

    window: Window
    columns: slice
    outcome: Outcome
    n_estimation_sessions: int
    effect: Array
    car: Array
    se: Array
    scar: Array
    sar_sum: Array
    n_valid: IntArray
    sar: Array
    sigma: Array
    df: Array
    n_estimation: IntArray
    positive: Array
    asset: IntArray
    clock: IntArray
    labels: IntArray
    dates: Dates
    dependence: Dependence
    rank_dependence: Dependence | None
    sums: Mapping[str, Array]

    @property
    def n(self) -> int:
        """Observations used."""
        return len(self.effect)

    @property
    def length(self) -> int:
        """Sessions of the window."""
        return length_of(self.window)

    @property
    def mean(self) -> float:
        """Mean effect: the CAAR, or the mean BHAR; nan for an empty sample."""
        return float(self.effect.mean()) if self.n else float("nan")

    def lacks(
        self, least: int, *, sessions: bool = False, raw: bool = False
    ) -> Answer | None:
        """Return the refusal of a test that needs more, None when there is enough.

        sessions : whether the test judges abnormal returns by their sessions, which a
        buy-and-hold return has not;  raw : whether it needs the CAR itself
        """
        if self.n < least:
            return refused(self.mean, f"needs {least} observations, there are {self.n}")
        if sessions and self.outcome == "bhar":
            return refused(
                self.mean, "is defined on abnormal returns per session, not on bhar"
            )
        if raw and self.outcome != "car":
            return refused(self.mean, f"is defined on CARs, not on {self.outcome}")
        return None


def sample_of(
    evidence: Evidence, window: Window, *, residual: Correlations | None
) -> Sample:
    """Cut the observations of one window out of the evidence."""
    v, column = evidence.vectors, evidence.windows.index(window)
    used = v.usable & (v.n_valid[:, column] > 0)
    asset, clock = v.asset[used], v.clock[used]
    columns = evidence.columns(window)
    dates = dates_of(evidence.clocks, clock, columns)
    labels = dates.clusters
    car, se = v.car[used, column], v.se[used, column]
    return Sample(
        window=window,
        columns=columns,
        asset=asset,
        clock=clock,
        labels=labels,
        outcome=evidence.outcome,
        n_estimation_sessions=evidence.clocks.estimation.shape[1],
        effect=v.effect[used, column],
        car=car,
        se=se,
        scar=car / se,
        sar_sum=v.sar_sum[used, column],
        n_valid=v.n_valid[used, column],
        sar=v.sar[used][:, columns],
        sigma=v.sigma[used],
        df=v.df[used],
        n_estimation=v.n_estimation[used],
        positive=v.positive[used],
        dependence=measure(residual, asset=asset, dates=dates, labels=labels),
        rank_dependence=None,
        sums=evidence.sums,
        dates=dates,
    )


def with_ranks(
    sample: Sample, rank: Correlations | None, sums: Mapping[str, Array]
) -> Sample:
    """Add what a second walk through the observations found of their ranks."""
    found = None
    if rank is not None:
        found = measure(
            rank, asset=sample.asset, dates=sample.dates, labels=sample.labels
        )
    return replace(sample, rank_dependence=found, sums={**sample.sums, **sums})


def spread(values: Array) -> float:
    """Cross-sectional standard deviation, N-1; nan below two, 0 when only rounding."""
    if len(values) < 2:
        return float("nan")
    s = float(values.std(ddof=1))
    return s if s > 1e-12 * float(np.abs(values).max()) else 0.0
