"""Tables of variance breaks beside announcements, and of regimes."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import polars as pl

from eventstudy.study.asset_history import AssetHistory
from eventstudy.study.observation_tables import number
from eventstudy.study.schema import empty, frame
from eventstudy.volatility import break_distance, icss, markov_switching

Row = dict[str, Any]


def break_table(histories: Sequence[AssetHistory]) -> pl.DataFrame:
    """Return one row per break of an asset's variance; one with a reason if none."""
    rows: list[Row] = []
    for history in histories:
        rows += _breaks(history)
    return frame("breaks", rows)


def _breaks(history: AssetHistory) -> list[Row]:
    (found,) = icss(history.y)
    apart = break_distance(found.breaks, history.day0, len(history.y))
    shared = {
        "asset": history.asset,
        "group": history.group,
        "critical": found.critical,
        "n_breaks": len(found.breaks),
        "mean_distance": apart.mean_distance,
        "pvalue": apart.pvalue,
        "reason": found.reason or apart.reason,
    }
    if not len(found.breaks):
        return [shared]
    rows = []
    for at, column in enumerate(found.breaks.tolist()):
        near = {}
        if apart.reason is None:
            near = {
                "event_id": history.event_id[int(apart.nearest[at])],
                "distance": int(apart.distance[at]),
            }
        rows.append(
            {
                **shared,
                "date": _date(history, column),
                "sd_before": float(found.sd[at]),
                "sd_after": float(found.sd[at + 1]),
                "statistic": float(found.statistic[at]),
                **near,
            }
        )
    return rows


def _date(history: AssetHistory, column: int) -> Any:  # noqa: ANN401 - numpy's date
    return np.datetime64(int(history.days[column]), "D").astype(object)


def regime_table(histories: Sequence[AssetHistory]) -> pl.DataFrame:
    """Return the probability of the turbulent regime in every session of the assets."""
    pieces = [
        pl.DataFrame(
            {
                "asset": [history.asset] * len(history.y),
                "group": [history.group] * len(history.y),
                "date": pl.Series(history.days.astype(np.int32)).cast(pl.Date),
                "probability": number(markov_switching(history.y).probability),
            }
        )
        for history in histories
    ]
    return pl.concat([empty("regimes"), *pieces])
