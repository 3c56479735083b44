"""P-values of a table of CARs, adjusted for how many they are."""

import numpy as np
import polars as pl

from eventstudy.core.abnormal import Array
from eventstudy.core.windows import stack
from eventstudy.inference.multiple import adjust, step_down
from eventstudy.spec import StudySpec
from eventstudy.study.observation_tables import number
from eventstudy.study.samples import Fitted

# Resamples x observations x windows held at once by the step-down procedure.
_MOST_DRAWS = 100_000_000
_METHODS = {"pvalue_holm": "holm", "pvalue_bh": "bh", "pvalue_by": "by"}


def adjusted(spec: StudySpec, cars: pl.DataFrame, fitted: Fitted) -> pl.DataFrame:
    """Add adjusted p-values beside the raw ones.

    The family is all events x assets x windows of one model name; for the Romano-Wolf
    step-down, which draws them jointly, those of one model setting. It is null for
    more observations than can be drawn together.
    """
    model = cars["model"].to_numpy()
    raw = cars["pvalue"].fill_null(np.nan).to_numpy()
    columns = {name: np.full(len(raw), np.nan) for name in _METHODS}
    for one in cars["model"].unique():
        family = model == one
        for name, method in _METHODS.items():
            columns[name][family] = adjust(raw[family], method)
    # in the order of the rows; a window that is not tested has no p-value
    joint = np.where(np.isnan(raw), np.nan, _step_down(spec, fitted))
    return cars.with_columns(
        **{name: number(values) for name, values in columns.items()},
        pvalue_rw=number(joint),
    )


def _step_down(spec: StudySpec, fitted: Fitted) -> Array:
    parts = [np.empty(0)]
    for _, estimates in fitted:
        size = sum(len(estimate.rows) for estimate in estimates) * len(spec.windows)
        if 0 < size <= _MOST_DRAWS // spec.resamples:
            found = step_down(
                stack([estimate.event for estimate in estimates]),
                spec.windows,
                alternative=spec.alternative,
                seed=spec.seed,
                n_draws=spec.resamples,
            )
            parts.append(found.pvalue.ravel())
        else:
            parts.append(np.full(size, np.nan))
    return np.concatenate(parts)
