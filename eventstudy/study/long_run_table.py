"""The table of the long run: holds of months, by calendar session."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from eventstudy.core.abnormal import BoolArray
from eventstudy.core.registry import LONG_RUN
from eventstudy.inference.long_run_methods import LongSample
from eventstudy.study.estimate import Estimate, Estimator
from eventstudy.study.observation_tables import keys
from eventstudy.study.schema import frame

if TYPE_CHECKING:
    from eventstudy.study.builders import Study, Tables

Members = list[tuple[Estimate, BoolArray]]
_NUMBERS = ("estimate", "se", "statistic", "df", "pvalue")


def long_run(study: "Study") -> "Tables":
    """Judge the holds of the study file, by model and group, on headline events."""
    asked = study.spec.long_run
    if asked is None:
        return {}
    study.tell("Testing long runs")
    rows: list[dict[str, Any]] = []
    for estimator, estimates in study.fitted:
        for group, members in _groups(estimator, estimates).items():
            given = _arrays(estimator, members)
            for start, end in asked.holds:
                labels = {
                    "model": estimator.panel.setting.name,
                    "group": group,
                    "start": start,
                    "end": end,
                }
                if isinstance(given, str):
                    found = [{"method": m, "reason": given} for m in asked.methods]
                else:
                    sample = LongSample(
                        **given,
                        hold=(start, end),
                        estimation=study.spec.estimation,
                        alternative=study.spec.alternative,
                    )
                    found = list(_judged(sample, asked.methods))
                rows += [labels | one for one in found]
    return {"long_run": frame("long_run", rows)}


def _judged(sample: LongSample, methods: Sequence[str]) -> Iterator[dict[str, Any]]:
    for name in methods:
        for method, variance, found in LONG_RUN[name].of_sample(sample):
            labels = {"method": method, "variance": variance, "n": found.n}
            if found.reason is None:
                labels |= {one: getattr(found, one) for one in _NUMBERS}
            yield labels | {"reason": found.reason}


def _groups(estimator: Estimator, estimates: Sequence[Estimate]) -> dict[str, Members]:
    """Return each group's headline observations, block by block."""
    found: dict[str, Members] = {}
    for estimate in estimates:
        table = keys(estimator, estimate)
        for group in table["group"].unique(maintain_order=True):
            wanted = ((table["group"] == group) & table["headline"]).to_numpy()
            if wanted.any():
                found.setdefault(group, []).append((estimate, wanted))
    return found


def _arrays(estimator: Estimator, members: Members) -> dict[str, Any] | str:
    """Return the arrays of a sample, or why there is none."""
    panel, simple = estimator.panel, estimator.spec.returns == "simple"
    rows = np.concatenate([one.rows[wanted] for one, wanted in members])
    names = {panel.calendar[one.asset] for one in estimator.observations(rows)}
    if len(names) > 1:
        return (
            f"the group's assets trade on several calendars ({', '.join(sorted(names))}"
            "), whose sessions cannot be counted together; give each a group"
        )
    history = panel.history(rows, simple=simple)
    # A return over several sessions has no session of its own in a portfolio.
    y = np.where(history.span == 1, history.y, np.nan)
    errors = np.full(y.shape, np.nan)
    done = 0
    for one, wanted in members:
        own = panel.history(one.rows, simple=simple)
        found = estimator.prediction_errors(one, own)[wanted]
        width = min(found.shape[1], y.shape[1])
        errors[done : done + len(found), :width] = found[:, :width]
        done += len(found)
    _, first, asset = np.unique(
        panel.asset[rows], return_index=True, return_inverse=True
    )
    return {
        "y": y[first],
        "x": history.x[first],
        "errors": np.where(np.isfinite(y), errors, np.nan),
        "asset": asset,
        "day0": history.day0,
    }
