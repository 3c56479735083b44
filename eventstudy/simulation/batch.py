"""Fits of many replications, arranged so that a test sees all of them at once.

R replications of a sample of N observations: arrays are (R, N, ...). An injected
effect or variance changes a few numbers per observation, so whatever is costly
(fits, sorted ranks, correlations) is worked out once and serves every injection.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Status
from eventstudy.core.windows import Window, cumulate, length_of
from eventstudy.inference.aggregates import pseudo_scars, standardised_residuals
from eventstudy.inference.pvalues import Alternative
from eventstudy.inference.ranking import ranks_from_order
from eventstudy.simulation.design import Cell
from eventstudy.simulation.layout import Layout, members_of


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fits:
    """One part's fits, cut to what the tests need; arrays are (R, N, ...).

    fitted : (R, N) there is an estimate;  ar : (R, N, L)
    residuals, z : (R, N, T), plain and standardised;  pseudo : (R, N, B) standardised
        sums of residuals in windows of the same length
    """

    fitted: BoolArray
    ar: Array
    residuals: Array
    z: Array
    root_span: Array
    pseudo: Array
    sigma: Array
    df: Array
    n_estimation: Array
    car: Array
    se: Array
    positive: Array


def fits_of(ab: Abnormal, n_paths: int, window: Window) -> Fits:
    """Reshape the fits of ``n_paths`` replications, rows (R x N)."""
    sums = cumulate(ab, window)
    n_valid = np.maximum((~np.isnan(ab.residuals)).sum(axis=1), 1)

    def paths(values: NDArray[Any]) -> NDArray[Any]:
        return values.reshape(n_paths, -1, *values.shape[1:])

    return Fits(
        fitted=paths(ab.status == Status.OK),
        ar=paths(ab.ar),
        residuals=paths(ab.residuals),
        z=paths(standardised_residuals(ab)),
        root_span=paths(np.sqrt(ab.span_estimation)),
        pseudo=paths(pseudo_scars(ab, length_of(window))),
        sigma=paths(ab.sigma),
        df=paths(ab.df),
        n_estimation=paths(ab.n_estimation.astype(np.float64)),
        car=paths(sums.car),
        se=paths(sums.se),
        positive=paths((ab.residuals > 0).sum(axis=1) / n_valid),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """All replications of one cell, before anything is injected.

    Only replications in which every observation has an estimate are here.
    """

    layout: Layout
    alternative: Alternative
    ar: Array
    residuals: Array
    z: Array
    root_span: Array
    pseudo: Array
    sigma: Array
    df: Array
    n_estimation: Array
    car: Array
    se: Array
    positive: Array

    @cached_property
    def other_sessions(self) -> tuple[Array, Array, Array]:
        """All sessions but the window's, values (R, N, M), and their ranks.

        Ranks among themselves (R, N, M), and of the residuals alone (R, N, T).
        """
        columns = self.layout.columns
        others = np.delete(self.ar / self.layout.root_span, columns, axis=2)
        values = np.concatenate([self.residuals / self.root_span, others], axis=2)
        rows = values.reshape(-1, values.shape[2])
        t = self.residuals.shape[2]
        ranks, first = ranks_from_order(rows, np.argsort(rows, axis=1), n_first=t)
        return values, ranks.reshape(values.shape), first.reshape(self.residuals.shape)

    @property
    def residual_ranks(self) -> Array:
        """Ranks of the residuals within the estimation window, (R, N, T)."""
        return self.other_sessions[2]

    @cached_property
    def rbar(self) -> Array:
        """Mean correlation between the sums of two windows, (R,)."""
        return self._mean_correlation(self.z)

    @cached_property
    def rank_rbar(self) -> Array:
        """The same from the ranks of the residuals, (R,)."""
        return self._mean_correlation(self.residual_ranks)

    @cached_property
    def placebo_means(self) -> Array:
        """Mean standardised sum at each pseudo-date that counts, (R, B)."""
        there = ~np.isnan(self.pseudo)
        count = there.sum(axis=1)
        with np.errstate(invalid="ignore"):
            mean: Array = np.where(there, self.pseudo, 0.0).sum(axis=1) / count
        return np.where(count >= max(1.0, 0.5 * self.layout.n), mean, np.nan)

    @cached_property
    def mean_residual_sd(self) -> tuple[Array, int]:
        """Deviation over time of the mean residual (R,), and the sessions; nan if nil.

        The mean is over the observations of the same event-time session.
        """
        count = self.layout.present.sum(axis=0)
        there = count > 0
        if there.sum() < 2:
            return np.full(len(self.car), np.nan), int(there.sum())
        total = np.where(self.layout.present, self.residuals, 0.0).sum(axis=1)
        s = (total[:, there] / count[there]).std(axis=1, ddof=1)
        least = 1e-12 * self.sigma.max(axis=1)
        return np.where(s > least, s, np.nan), int(there.sum())

    @cached_property
    def rank_sums(self) -> Array:
        """Sums of centred ranks per other session, the window's to come, (R, M)."""
        values, ranks, _ = self.other_sessions
        centred = ranks / (1.0 + self.layout.n_valid) - 0.5
        total = np.where(np.isnan(values), 0.0, centred).sum(axis=1)
        return np.asarray(total, np.float64)

    @cached_property
    def residual_rank_sums(self) -> Array:
        """Sums of centred ranks per estimation session, one rank to come, (R, T)."""
        present = self.layout.present
        n = present.sum(axis=1)[:, None] + 2.0
        centred = np.where(present, self.residual_ranks / n - 0.5, 0.0)
        return np.asarray(centred.sum(axis=1), np.float64)

    def _mean_correlation(self, series: Array) -> Array:
        """Return ``r̄_w`` (R,) of series (R, N, T); see `dependence`."""
        layout = self.layout
        n, n_paths = layout.n, len(series)
        if n < 2:
            return np.full(n_paths, np.nan)
        present = layout.present
        z = np.where(present, series, 0.0)
        count = np.maximum(present.sum(axis=1), 1)[:, None]
        z -= z.sum(axis=2, keepdims=True) / count * present
        size = np.sqrt(np.einsum("rnt,rnt->rn", z, z)[:, :, None] / count)
        z /= np.where(size > 0, size, 1.0)
        by_date = (layout.to_dates @ z.reshape(n_paths, -1).T).T
        matrix = _correlations(by_date.reshape(n_paths, *layout.count.shape), layout)
        total = np.einsum("rab,ab->r", matrix, layout.shared) - n * layout.length
        return np.asarray(total / (n * (n - 1.0) * layout.length), np.float64)


def _correlations(by_date: Array, layout: Layout) -> Array:
    """Return correlations (R, A, A) of sums by asset and date (R, A, D)."""
    common = (layout.count > 0).astype(np.float64)
    z = by_date / np.maximum(layout.count, 1.0)
    n = common @ common.T
    total, square = z @ common.T, (z * z) @ common.T
    with np.errstate(divide="ignore", invalid="ignore"):
        covariance = z @ z.transpose(0, 2, 1) - total * total.transpose(0, 2, 1) / n
        variance = square - total**2 / n
        matrix = covariance / np.sqrt(variance * variance.transpose(0, 2, 1))
    matrix = np.where(layout.measured & np.isfinite(matrix), matrix, 0.0)
    diagonal = np.arange(matrix.shape[1])
    matrix[:, diagonal, diagonal] = 1.0
    return matrix


def batch_of(
    fits: Sequence[Fits], cell: Cell, layout: Layout, alternative: Alternative
) -> Batch:
    """Join the observations of a cell; replications without all fits are left out."""
    complete = members_of([f.fitted for f in fits], cell).all(axis=1)
    whole = bool(complete.all())
    joined = {
        name: members_of([getattr(f, name) for f in fits], cell)
        for name in Fits.__slots__
        if name != "fitted"
    }
    if not whole:
        joined = {name: values[complete] for name, values in joined.items()}
    return Batch(layout=layout, alternative=alternative, **joined)


@dataclass(frozen=True, kw_only=True, eq=False)
class Injected:
    """A batch with an effect on day 0 and a raised variance in the window.

    Abnormal returns of the window are multiplied by ``sqrt(variance)``, then
    ``effect`` is added to the one that holds day 0.
    """

    batch: Batch
    effect: float
    variance: float

    @cached_property
    def car(self) -> Array:
        """Cumulative abnormal returns, (R, N)."""
        carried = self.batch.layout.carries.sum(axis=1)
        car = np.sqrt(self.variance) * self.batch.car + self.effect * carried
        return np.asarray(car, np.float64)

    @cached_property
    def scar(self) -> Array:
        """The same, standardised, (R, N)."""
        return np.asarray(self.car / self.batch.se, np.float64)

    @cached_property
    def scaled_ar(self) -> Array:
        """The window's returns per root of the sessions that they span, (R, N, L_w)."""
        layout = self.batch.layout
        columns = layout.columns
        ar = np.sqrt(self.variance) * self.batch.ar[:, :, columns]
        ar = ar + self.effect * layout.carries[:, columns]
        return np.asarray(ar / layout.root_span[:, columns], np.float64)

    @cached_property
    def ranks(self) -> tuple[Array, Array]:
        """Sums of centred ranks of the other sessions (R, M) and the window's (R, L_w).

        Ranks are over estimation and event window together.
        """
        layout, own = self.batch.layout, self.scaled_ar
        lifted, above = insertions(self.batch.other_sessions[0], own)
        weight = 1.0 / (1.0 + layout.n_valid)
        there = layout.inside[:, layout.columns]
        outside = layout.n_valid - there.sum(axis=1, keepdims=True)
        with np.errstate(invalid="ignore"):
            mine, others = own[:, :, :, None], own[:, :, None, :]
            below = 0.5 * ((mine > others).sum(axis=3) + (mine >= others).sum(axis=3))
        rank = 1.0 + outside - above + below - 0.5  # each is as large as itself
        own_total = np.where(there, rank * weight - 0.5, 0.0).sum(axis=1)
        return self.batch.rank_sums + weight[:, 0] @ lifted, own_total

    @cached_property
    def generalised_ranks(self) -> tuple[Array, Array]:
        """Sums of centred ranks per estimation session (R, T) and of the event (R,).

        The SCAR over ``s(SCAR) / sqrt(1 - r̄)`` is ranked as one more session.
        """
        b = self.batch
        with np.errstate(divide="ignore", invalid="ignore"):
            scale = spread(self.scar) / np.sqrt(1.0 - b.rbar)
            event = (self.scar / scale[:, None])[:, :, None]
        lifted, above = insertions(b.z, event)
        n = b.layout.present.sum(axis=1) + 1.0
        own = ((n - above[:, :, 0]) / (n + 1.0) - 0.5).sum(axis=1)
        total = b.residual_rank_sums + (1.0 / (n + 1.0)) @ lifted
        return total, np.where(np.isfinite(event).all(axis=(1, 2)), own, np.nan)


def insertions(values: Array, inserted: Array) -> tuple[Array, Array]:
    """Return by how much inserted values lift the ranks of others, and how many.

    values : (R, N, M);  inserted : (R, N, J). A value is lifted by one for each
    smaller inserted one, by a half for an equal one; nan lifts nothing. Second, the
    values above each inserted one, (R, N, J), equal ones counted half.
    """
    n_inserted = inserted.shape[2]
    # Counted in halves, in the smallest integers that hold them: memory is the limit.
    halves = np.zeros(values.shape, np.int8 if n_inserted < 64 else np.int16)
    above = np.empty(inserted.shape)
    with np.errstate(invalid="ignore"):
        for j in range(n_inserted):
            one = inserted[:, :, j : j + 1]
            larger = (values > one).view(np.int8) + (values >= one).view(np.int8)
            above[:, :, j] = 0.5 * larger.sum(axis=2, dtype=np.int64)
            halves += larger
    return np.multiply(halves, 0.5, dtype=np.float64), above


def spread(values: Array) -> Array:
    """Cross-sectional standard deviation (R,) of (R, N), N-1; nan where it is nil."""
    if values.shape[1] < 2:
        return np.full(len(values), np.nan)
    s = values.std(axis=1, ddof=1)
    return np.where(s > 1e-12 * np.abs(values).max(axis=1), s, np.nan)
