"""The samples that tests see: a batch with an effect and a raised variance."""

from collections.abc import Set as AbstractSet
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from eventstudy.core.abnormal import Array
from eventstudy.inference.aggregates import Need
from eventstudy.inference.battery import daily_spread
from eventstudy.inference.ranking import average_ranks
from eventstudy.inference.sample import Sample, spread
from eventstudy.simulation.batch import Batch
from eventstudy.simulation.ranks import OtherSessions, insertions


@dataclass(frozen=True, kw_only=True, eq=False)
class Injections:
    """Samples (R replications) of a batch under any injection.

    Abnormal returns of the window are multiplied by the root of ``variance``, then
    ``effect`` is added to the one that holds day 0.
    needs : what the tests will ask for, see `EventTest`
    """

    batch: Batch
    needs: AbstractSet[Need]

    def sample(self, effect: Array | float, variance: float) -> Sample:
        """Return all replications with an injection, as samples with a leading axis.

        effect : the same for all, or (R, N)
        """
        batch, layout = self.batch, self.batch.layout
        root = np.sqrt(variance)
        car = root * batch.car + effect * layout.carries.sum(axis=1)
        scar = car / batch.se
        plain, unit = self._standardised
        of_day = np.asarray(effect)[..., None]
        sar = root * plain + of_day * unit
        held = replace(
            self._held,
            effect=car,
            car=car,
            scar=scar,
            sar_sum=np.where(layout.inside[:, layout.columns], sar, 0.0).sum(axis=2),
            sar=sar,
        )
        ar = root * batch.ar[:, :, layout.columns]
        ar = ar + of_day * layout.carries[:, layout.columns]
        return replace(held, sums={**held.sums, **self._changing(ar, sar, scar)})

    @cached_property
    def _held(self) -> Sample:
        """The samples without an injection, and the sums that none changes."""
        batch, layout = self.batch, self.batch.layout
        granks = "granks" in self.needs
        between = batch.between_clusters
        return Sample(
            window=layout.window,
            columns=layout.columns,
            outcome="car",
            n_estimation_sessions=layout.present.shape[1],
            effect=batch.car,
            car=batch.car,
            se=batch.se,
            scar=batch.car,
            sar_sum=batch.car,
            sar=batch.ar,
            sigma=batch.sigma,
            df=batch.df,
            positive=batch.positive,
            recent=batch.recent,
            recent_n=batch.recent_n,
            n_valid=layout.inside[:, layout.columns].sum(axis=1),
            n_estimation=layout.present.sum(axis=1),
            asset=layout.asset,
            clock=layout.dates.index,
            labels=layout.cluster,
            dates=layout.dates,
            rbar=batch.rbar,
            rank_rbar=batch.rank_rbar if granks else np.full(len(batch.car), np.nan),
            nu=batch.nu,
            cluster_rbar=np.broadcast_to(between.rbar, len(batch.car)),
            cluster_nu=np.broadcast_to(between.nu, len(batch.car)),
            n_unmeasured=0,
            sums=self._fixed(),
        )

    @cached_property
    def _standardised(self) -> tuple[Array, Array]:
        """Standardised abnormal returns (R, N, L_w), and those of a unit effect."""
        columns = self.batch.layout.columns
        se = self.batch.ar_se[:, :, columns]
        return (
            self.batch.ar[:, :, columns] / se,
            self.batch.layout.carries[:, columns] / se,
        )

    def _fixed(self) -> dict[str, Array]:
        batch, layout = self.batch, self.batch.layout
        present = layout.present
        counts = np.concatenate([present, layout.inside], axis=1).sum(axis=0) * 1.0
        sums: dict[str, Array] = {}
        for need, name, values in (
            ("residuals", "residual", batch.residuals),
            ("days", "day", batch.z),
        ):
            if need in self.needs:
                total, count = self._by_date(values)
                sums["day_z" if name == "day" else name] = total
                sums[f"{name}_count"] = count
        if "placebo" in self.needs:
            there = ~np.isnan(batch.pseudo).any(axis=0)
            total_scar = np.where(there, batch.pseudo, 0.0).sum(axis=1)
            sums[f"placebo_{layout.length}"] = total_scar
            sums[f"placebo_count_{layout.length}"] = there.sum(axis=0) * 1.0
        if "sessions" in self.needs:
            sums["session_count"] = counts
        if "ranks" in self.needs:
            sums["rank_count"] = counts
        if "signs" in self.needs:
            sums["sign_count"] = counts
        if "rank_z" in self.needs:
            sums["rank_z_count"] = np.where(self._spread_days, counts, 0.0)
        if "granks" in self.needs:
            n = present.sum(axis=1) + 1.0
            sums["grank_count"] = np.append(present.sum(axis=0) * 1.0, layout.n)
            sums["grank_variance"] = np.array([((n - 1.0) / (12.0 * (n + 1.0))).sum()])
        return sums

    def _by_date(self, series: Array) -> tuple[Array, Array]:
        """Sum series (R, N, T) over the observations of a date, and count them."""
        layout = self.batch.layout
        values = np.where(layout.present, series, 0.0)
        dates = [layout.dates.index == d for d in range(layout.n_dates)]
        total = [values[:, rows].sum(axis=1) for rows in dates]
        count = [layout.present[rows].sum(axis=0) * 1.0 for rows in dates]
        return np.stack(total, axis=1), np.stack(count)

    def _changing(self, ar: Array, sar: Array, scar: Array) -> dict[str, Array]:
        """Sums per session that an injection changes.

        ar, sar : (R, N, L_w) plain and standardised returns of the window
        scar : (R, N)
        """
        layout = self.batch.layout
        sums: dict[str, Array] = {}
        if {"ranks", "signs"} & self.needs:
            others = self.batch.other_sessions
            lifted = others.insert(ar / layout.root_span[:, layout.columns])
            if "ranks" in self.needs:
                sums["rank"] = self._in_order(*others.centred(*lifted))
            if "signs" in self.needs:
                sums["sign"] = self._in_order(*others.signs(*lifted))
        if "rank_z" in self.needs:
            sums["rank_z"] = self._rank_z(sar)
        if "granks" in self.needs:
            sums["grank"] = self._generalised_ranks(scar)
        if "sessions" in self.needs:
            inside = layout.inside[:, layout.columns]
            own = np.where(inside, sar, 0.0).sum(axis=1)
            sums["session"] = self._in_order(self._other_session_sums, own)
        return sums

    def _in_order(self, others: Array, own: Array) -> Array:
        """Put the sessions of the window (R, L_w) back among the others (R, M)."""
        first = self.batch.residuals.shape[2] + self.batch.layout.columns.start
        return np.concatenate([others[:, :first], own, others[:, first:]], axis=1)

    @cached_property
    def _other_session_sums(self) -> Array:
        """Sums of standardised returns of all sessions but the window's, (R, M)."""
        batch, layout = self.batch, self.batch.layout
        share = np.sqrt(batch.df / np.maximum(layout.present.sum(axis=1), 1))
        past = np.where(layout.present, batch.z / share[:, :, None], 0.0)
        event = np.where(layout.inside, batch.ar / batch.ar_se, 0.0).sum(axis=1)
        event = np.delete(event, layout.columns, axis=1)
        return np.concatenate([past.sum(axis=1), event], axis=1)

    @cached_property
    def _spread_days(self) -> Array:
        """1 for estimation sessions and days with two returns to spread, (T+L,)."""
        layout = self.batch.layout
        days = layout.inside.sum(axis=0) > 1
        return np.append(np.ones(layout.present.shape[1]), days)

    @cached_property
    def _other_sar(self) -> OtherSessions:
        """All sessions but the window's, standardised by the day's spread."""
        batch, layout = self.batch, self.batch.layout
        sar = batch.ar / batch.ar_se
        event = np.delete(sar / self._day_spread(sar), layout.columns, axis=2)
        values = np.concatenate([batch.z, event], axis=2)
        ranks, _ = average_ranks(values.reshape(-1, values.shape[2]))
        spread_day = layout.inside & (layout.inside.sum(axis=0) > 1)
        return OtherSessions(
            values=values,
            ranks=ranks.reshape(values.shape),
            present=layout.others(spread_day),
            there=spread_day[:, layout.columns],
        )

    def _day_spread(self, sar: Array) -> Array:
        """Deviation across observations of each day's returns, (R, 1, days)."""
        there = ~np.isnan(sar)
        value = np.where(there, sar, 0.0)
        total, square = value.sum(axis=1), (value**2).sum(axis=1)
        return daily_spread(total, square, there.sum(axis=1) * 1.0)[:, None]

    def _rank_z(self, sar: Array) -> Array:
        others = self._other_sar
        lifted = others.insert(sar / self._day_spread(sar))
        return self._in_order(*others.centred(*lifted))

    def _generalised_ranks(self, scar: Array) -> Array:
        """Sums of centred ranks per estimation session and of the event, (R, T+1).

        The SCAR over ``s(SCAR) / sqrt(1 - r̄)`` is ranked as one more session.
        """
        batch = self.batch
        s = spread(scar)
        with np.errstate(divide="ignore", invalid="ignore"):
            known = (s > 0) & (batch.rbar < 1)
            scale = np.where(known, s / np.sqrt(1.0 - batch.rbar), np.nan)
        event = (scar / scale[:, None])[:, :, None]
        lifted, above = insertions(batch.z, event)
        n = batch.layout.present.sum(axis=1) + 1.0
        own = ((n - above[:, :, 0]) / (n + 1.0) - 0.5).sum(axis=1)
        total = batch.residual_rank_sums + (1.0 / (n + 1.0)) @ lifted
        own = np.where(np.isfinite(event).all(axis=(1, 2)), own, np.nan)
        return np.concatenate([total, own[:, None]], axis=1)
