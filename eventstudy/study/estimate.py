"""Panels -> fitted observations, block by block, and what was left out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Clock, IntArray, Status
from eventstudy.core.donors import Donors, chosen
from eventstudy.core.periods import PERIODS
from eventstudy.core.windows import Window, narrow, narrow_clocks, select
from eventstudy.models import MODELS, Model, ModelEntry
from eventstudy.panel import Block, History, Observation, Panel
from eventstudy.panel.donors import RULES, donors_of_block
from eventstudy.spec import StudySpec, window_text
from eventstudy.study.doubts import Doubts, Gate

BLOCK_SIZE = 20_000
# Each date of a block holds the returns of all donors.
BLOCK_OF_DONORS = 256
NO_DOUBTS = Gate()


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimate:
    """One block of observations with its fits.

    rows : positions of the block's used observations in the panel
    wide : fits over all columns;  event, event_simple : over the event window, from
        the study's returns and from simple returns
    raw : (E, T+L) returns of all columns, as the model saw them
    purged : (E, T) estimation sessions taken out near other events, or outside the
        observation's own window
    left_out : panel row -> (reason, held, wanted)
    of_windows : fits made anew for a window, as ``event`` and ``event_simple``
    donors : of a model with donors; barred : (E, J) places in `RULES`
    """

    rows: IntArray
    wide: Abnormal
    event: Abnormal
    event_simple: Abnormal
    raw: Array
    purged: BoolArray
    n_valid: IntArray
    n_purged: IntArray
    left_out: dict[int, tuple[str, str, str]]
    of_windows: Mapping[Window, tuple[Abnormal, Abnormal]] = field(default_factory=dict)
    donors: Donors | None = None
    barred: IntArray | None = None

    def on(self, window: Window) -> tuple[Abnormal, Abnormal]:
        """Return the fits of a window, from the study's and from simple returns."""
        return self.of_windows.get(window, (self.event, self.event_simple))


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Estimator:
    """Fits one panel under a spec; ``clocks`` is shared by all panels of a study.

    gate : finds what the quality gate doubts about observations
    """

    spec: StudySpec
    panel: Panel
    clocks: Clock
    gate: Gate = NO_DOUBTS

    @property
    def entry(self) -> ModelEntry:
        """The model, with what its setting says of it."""
        setting = self.panel.setting
        return MODELS.entry(setting.model).with_options(setting.options)

    def observations(self, rows: IntArray) -> list[Observation]:
        """Return the observations at these positions."""
        return [self.panel.observations[row] for row in rows.tolist()]

    def doubts(self, estimate: Estimate) -> Doubts:
        """Return what the quality gate doubts about the observations of a block."""
        setting = self.panel.setting
        riskless = (setting.riskless,) if setting.riskless else ()
        assets = [o.asset for o in self.observations(estimate.rows)]
        factors = {
            asset: (*self.spec.factors_of(setting, asset), *riskless)
            for asset in dict.fromkeys(assets)
        }
        return self.gate.doubts(estimate.event, assets, factors, estimate.purged)

    def __iter__(self) -> Iterator[Estimate]:
        """Fit the panel, one block after the other."""
        size = BLOCK_OF_DONORS if self.panel.donors else BLOCK_SIZE
        for piece in self.panel.blocks(size):
            yield self._fit(np.arange(piece.start, piece.stop))

    def _fit(self, rows: IntArray) -> Estimate:
        block = self.panel.block(rows)
        left_out = _screen(self.spec, self.panel, block, rows)
        donors, barred = None, None
        if self.panel.donors:
            donors, barred = donors_of_block(self.panel, rows, block)
            least = MODELS.entry(self.panel.setting.model).min_donors
            left_out = _too_few(rows, barred, least) | left_out
        rows_kept = np.array([r not in left_out for r in rows.tolist()], np.bool_)
        held = (block, rows, donors)
        wide = self._model(*held, simple=self.spec.returns == "simple")
        failed = np.flatnonzero((wide.status != Status.OK) & rows_kept)
        for at in failed.tolist():
            reason = Status(int(wide.status[at])).text
            left_out[int(rows[at])] = (reason, "no estimate", "an estimate")
        kept = np.flatnonzero(rows_kept & (wide.status == Status.OK))
        wide = select(wide, kept)
        event, simple = self._both(held, kept, wide)
        return Estimate(
            rows=rows[kept],
            wide=wide,
            event=event,
            event_simple=simple,
            raw=(block.y_simple if self.spec.returns == "simple" else block.y)[kept],
            purged=(block.purged | block.outside)[kept],
            n_valid=block.n_valid,
            n_purged=block.n_purged,
            left_out=left_out,
            of_windows=self._of_windows(held, kept),
            donors=None if donors is None else chosen(donors, kept),
            barred=None if barred is None else barred[kept],
        )

    def _both(
        self,
        held: tuple[Block, IntArray, Donors | None],
        kept: IntArray,
        wide: Abnormal,
        window: Window | None = None,
    ) -> tuple[Abnormal, Abnormal]:
        """Cut a fit to the event window, and fit simple returns where it is in logs."""
        event = narrow(wide, self.spec.event_window, self.clocks)
        if self.spec.returns == "simple":
            return event, event
        fitted = select(self._model(*held, simple=True, window=window), kept)
        return event, narrow(fitted, self.spec.event_window, self.clocks)

    def _of_windows(
        self, held: tuple[Block, IntArray, Donors | None], kept: IntArray
    ) -> dict[Window, tuple[Abnormal, Abnormal]]:
        """Return the fits of a model that is fitted anew for every window."""
        if not MODELS.entry(self.panel.setting.model).by_window:
            return {}
        simple = self.spec.returns == "simple"
        out = {}
        for window in self.spec.windows:
            wide = select(self._model(*held, simple=simple, window=window), kept)
            out[window] = self._both(held, kept, wide, window)
        return out

    def _model(
        self,
        block: Block,
        rows: IntArray,
        donors: Donors | None = None,
        *,
        simple: bool,
        window: Window | None = None,
    ) -> Abnormal:
        setting, entry = self.panel.setting, self.entry
        x = block.x_simple if simple else block.x
        more: dict[str, Any] = {}
        if donors is not None:
            more["donors"] = replace(donors, in_logs=not simple)
        if entry.by_window:
            more["window"] = window or self.spec.event_window
        fit: Model = partial(entry, **more)
        return fit(
            block.y_simple if simple else block.y,
            x if setting.regressors else None,
            n_estimation=self.panel.columns.n_estimation,
            span=block.span,
            asset=self.panel.asset[rows],
            clock=self.panel.clock[rows],
            clocks=self.panel.clocks,
            first_offset=self.panel.columns.first_offset,
        )

    def prediction_errors(self, estimate: Estimate, history: History) -> Array:
        """Return the errors of the fits over whole histories, (E, S).

        A model that predicts no other session than those it was given has its errors
        in the windows of the study alone, and so has one with donors.
        """
        entry, wide = self.entry, estimate.wide
        known = not entry.linear or wide.coefficients.shape[1]
        if known and not entry.min_donors:
            expected = entry.predict(wide, history.x, span=history.span)
            errors: Array = history.y - expected
            return errors
        out: Array = np.full(history.y.shape, np.nan)
        at: IntArray = history.day0[:, None] + self.panel.columns.offsets
        inside = (at >= 0) & (at < out.shape[1])
        rows = np.broadcast_to(np.arange(len(at))[:, None], at.shape)
        held = np.concatenate([wide.residuals, wide.ar], axis=1)
        out[rows[inside], at[inside]] = held[inside]
        return out


def _too_few(
    rows: IntArray, barred: IntArray, least: int
) -> dict[int, tuple[str, str, str]]:
    """Say which observations have too few donors, and why the others are none."""
    out = {}
    n = (barred == 0).sum(axis=1)
    for at in np.flatnonzero(n < least).tolist():
        counts = [(rule, int((barred[at] == i).sum())) for i, rule in enumerate(RULES)]
        others = "; ".join(f"{k}: {rule}" for rule, k in counts[1:] if k)
        held = f"{n[at]} of {barred.shape[1]} ({others})"
        out[int(rows[at])] = ("too few donors", held, str(least))
    return out


def estimators(
    spec: StudySpec, panels: Sequence[Panel], gate: Gate = NO_DOUBTS
) -> list[Estimator]:
    """Return one estimator per panel; their results can be judged together."""
    if not panels:
        return []
    columns = panels[0].columns.slice_of(spec.event_window)
    clocks = narrow_clocks(panels[0].clocks, columns)
    return [
        Estimator(spec=spec, panel=panel, clocks=clocks, gate=gate) for panel in panels
    ]


def _screen(
    spec: StudySpec, panel: Panel, block: Block, rows: IntArray
) -> dict[int, tuple[str, str, str]]:
    """Say which observations have too few returns: what is held, what is wanted."""
    t = panel.columns.n_estimation
    admissible = t - block.n_purged - block.outside.sum(axis=1)
    scarce = block.n_valid < spec.min_estimation
    patchy = block.n_valid < spec.min_coverage * admissible
    short = block.event_coverage < spec.min_coverage
    out = {}
    for at in np.flatnonzero(scarce | patchy | short).tolist():
        if short[at]:
            out[int(rows[at])] = (
                "prices do not cover the event window "
                + window_text(spec.event_window),
                f"{block.event_coverage[at]:.0%} of the sessions",
                f"{spec.min_coverage:.0%}",
            )
        else:
            wanted = max(
                spec.min_estimation, int(np.ceil(spec.min_coverage * admissible[at]))
            )
            purged = f", {block.n_purged[at]} lie near other events"
            first, last = panel.estimation[rows[at]].tolist()
            window = window_text((first, last))
            counted = f"{PERIODS[spec.frequency]}s"
            out[int(rows[at])] = (
                f"too few returns in the estimation window {window}"
                + ("" if spec.frequency == "daily" else f" ({counted})"),
                f"{block.n_valid[at]} of {last - first + 1}"
                + (purged if block.n_purged[at] else ""),
                str(wanted),
            )
    return out
