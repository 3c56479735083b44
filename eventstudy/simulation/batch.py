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
from eventstudy.core.loadings import unit_loadings
from eventstudy.core.windows import Window, cumulate, forecast_se, length_of
from eventstudy.inference.ranking import ranks_from_order
from eventstudy.inference.shared_error import Moments, cluster_moments, dense_moments
from eventstudy.inference.standardised import (
    pseudo_scars,
    recent_volatility,
    standardised_residuals,
)
from eventstudy.simulation.design import SimulatedSample
from eventstudy.simulation.layout import Layout, members_of
from eventstudy.simulation.ranks import OtherSessions


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Fits:
    """One part's fits, cut to what the tests need; arrays are (R, N, ...).

    fitted : (R, N) there is an estimate
    ar, ar_se : (R, N, L) abnormal returns and their forecast standard errors
    residuals, z : (R, N, T), plain and standardised;  pseudo : (R, N, B) standardised
        sums of residuals in windows of the same length
    loading : (R, N, T+L) unit loadings of the CAR
    alike : no factor makes the loadings of replications differ
    """

    fitted: BoolArray
    alike: bool
    ar: Array
    ar_se: Array
    residuals: Array
    z: Array
    root_span: Array
    pseudo: Array
    loading: Array
    sigma: Array
    df: Array
    car: Array
    se: Array
    positive: Array
    recent: Array
    recent_n: Array


def fits_of(ab: Abnormal, n_paths: int, window: Window) -> Fits:
    """Reshape the fits of ``n_paths`` replications, rows (R x N)."""
    sums = cumulate(ab, window)
    recent, recent_n = recent_volatility(ab)
    n_valid = np.maximum((~np.isnan(ab.residuals)).sum(axis=1), 1)

    def paths(values: NDArray[Any]) -> NDArray[Any]:
        return values.reshape(n_paths, -1, *values.shape[1:])

    return Fits(
        fitted=paths(ab.status == Status.OK),
        alike=ab.x_estimation.shape[2] == 0
        and bool((np.rint(ab.span_estimation) == ab.span_estimation).all()),
        ar=paths(ab.ar),
        ar_se=paths(forecast_se(ab)),
        residuals=paths(ab.residuals),
        z=paths(standardised_residuals(ab)),
        root_span=paths(np.sqrt(ab.span_estimation)),
        pseudo=paths(pseudo_scars(ab, length_of(window))),
        loading=paths(unit_loadings(ab, window)),
        sigma=paths(ab.sigma),
        df=paths(ab.df),
        car=paths(sums.car),
        se=paths(sums.se),
        positive=paths((ab.residuals > 0).sum(axis=1) / n_valid),
        recent=paths(recent),
        recent_n=paths(recent_n),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class Batch:
    """All replications of one sample, before anything is injected.

    Only replications in which every observation has an estimate are here: those that
    are ``complete``, (R,) of all. Loadings
    are one for all (1, N, T+L) where no factor makes them differ.
    """

    layout: Layout
    complete: BoolArray
    ar: Array
    ar_se: Array
    residuals: Array
    z: Array
    root_span: Array
    pseudo: Array
    loading: Array
    sigma: Array
    df: Array
    car: Array
    se: Array
    positive: Array
    recent: Array
    recent_n: Array

    @cached_property
    def _sorted(self) -> tuple[Array, Array, Array]:
        """All sessions but the window's, values and ranks (R, N, M); see below."""
        layout = self.layout
        others = np.delete(self.ar / layout.root_span, layout.columns, axis=2)
        values = np.concatenate([self.residuals / self.root_span, others], axis=2)
        rows = values.reshape(-1, values.shape[2])
        t = self.residuals.shape[2]
        ranks, first = ranks_from_order(rows, np.argsort(rows, axis=1), n_first=t)
        return values, ranks.reshape(values.shape), first.reshape(self.residuals.shape)

    @cached_property
    def other_sessions(self) -> OtherSessions:
        """All sessions but the window's, returns per root of the sessions spanned."""
        values, ranks, _ = self._sorted
        layout = self.layout
        return OtherSessions(
            values=values,
            ranks=ranks,
            present=layout.others(layout.inside),
            there=layout.inside[:, layout.columns],
        )

    @property
    def residual_ranks(self) -> Array:
        """Ranks of the residuals within the estimation window, (R, N, T)."""
        return self._sorted[2]

    @cached_property
    def residual_correlations(self) -> Array:
        """Correlations of the assets' standardised residuals, (R, A, A)."""
        return self._asset_correlations(self.z)

    @cached_property
    def rbar(self) -> Array:
        """Mean correlation between two CARs, (R,); see `dependence`."""
        return self._mean_correlation(self.residual_correlations)

    @cached_property
    def rank_rbar(self) -> Array:
        """The same from the ranks of the residuals, (R,)."""
        ranks = self._asset_correlations(self.residual_ranks)
        return self._mean_correlation(ranks)

    @cached_property
    def nu(self) -> Array:
        """Degrees of freedom of the cross-sectional variance, (R,)."""
        layout, matrix = self.layout, self.residual_correlations
        means = self._date_loadings
        kappa = means @ means.transpose(0, 2, 1)
        own = np.einsum("rgg->rg", kappa)
        total, square, edge = dense_moments(
            kappa, own, layout.cells, matrix, slice(None)
        )
        n = layout.n
        found = Moments(n=n, total=n + total, square=n + square, edge=edge)
        return np.broadcast_to(found.nu, len(self.car))

    @cached_property
    def between_clusters(self) -> Moments:
        """Moments of the correlations between portfolios of clusters."""
        layout = self.layout
        labels = np.empty(layout.n_dates, np.int64)
        labels[layout.dates.index] = layout.cluster
        return cluster_moments(self._date_loadings, labels)

    @cached_property
    def _date_loadings(self) -> Array:
        """Mean loadings of each date's observations, (R, dates, D); R may be 1."""
        layout = self.layout
        n_paths, n_dates = len(self.loading), layout.n_dates
        member = (np.arange(n_dates)[:, None] == layout.dates.index) * 1.0
        member /= member.sum(axis=1, keepdims=True)
        out = np.zeros((n_paths, n_dates, layout.n_whole))
        at = np.arange(n_dates)[:, None]
        out[:, at, layout.whole] = member @ self.loading
        return out

    @cached_property
    def _shared(self) -> Array:
        """``Σ_t A_a(t) A_b(t)`` of loadings by asset and date, (R or 1, A, A)."""
        layout = self.layout
        flat = self.loading.reshape(len(self.loading), -1)
        by_asset = (layout.to_assets @ flat.T).T
        by_asset = by_asset.reshape(len(flat), layout.cells.shape[1], -1)
        return np.asarray(by_asset @ by_asset.transpose(0, 2, 1), np.float64)

    def _mean_correlation(self, matrix: Array) -> Array:
        n = self.layout.n
        if n < 2:
            return np.full(len(matrix), np.nan)
        total = (matrix * self._shared).sum(axis=(1, 2)) - n
        return np.asarray(total / (n * (n - 1.0)), np.float64)

    @cached_property
    def residual_rank_sums(self) -> Array:
        """Sums of centred ranks per estimation session, one rank to come, (R, T)."""
        present = self.layout.present
        n = present.sum(axis=1)[:, None] + 2.0
        centred = np.where(present, self.residual_ranks / n - 0.5, 0.0)
        return np.asarray(centred.sum(axis=1), np.float64)

    def _asset_correlations(self, series: Array) -> Array:
        """Correlations (R, A, A) between assets of series (R, N, T)."""
        layout, n_paths = self.layout, len(series)
        present = layout.present
        z = np.where(present, series, 0.0)
        count = np.maximum(present.sum(axis=1), 1)[:, None]
        z -= z.sum(axis=2, keepdims=True) / count * present
        size = np.sqrt(np.einsum("rnt,rnt->rn", z, z)[:, :, None] / count)
        z /= np.where(size > 0, size, 1.0)
        by_date = (layout.to_dates @ z.reshape(n_paths, -1).T).T
        return _correlations(by_date.reshape(n_paths, *layout.count.shape), layout)


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


def batch_of(fits: Sequence[Fits], cell: SimulatedSample, layout: Layout) -> Batch:
    """Join a sample's observations; replications without all fits are left out."""
    complete: BoolArray = np.all(members_of([f.fitted for f in fits], cell), axis=1)
    whole = bool(complete.all())
    joined = {
        name: members_of([getattr(f, name) for f in fits], cell)
        for name in Fits.__slots__
        if name not in ("fitted", "alike")
    }
    if not whole:
        joined = {name: values[complete] for name, values in joined.items()}
    if all(fits[number].alike for number, _ in cell.members):
        joined["loading"] = joined["loading"][:1]
    return Batch(layout=layout, complete=complete, **joined)
