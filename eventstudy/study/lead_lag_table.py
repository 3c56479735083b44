"""Whether lags and leads of a factor that trades around the clock carry weight."""

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import polars as pl
from scipy import special

from eventstudy.calendars import ALWAYS_OPEN, calendar_name
from eventstudy.core.abnormal import Array
from eventstudy.models import factors
from eventstudy.panel import History
from eventstudy.study.estimate import Estimator
from eventstudy.study.observation_tables import number
from eventstudy.study.schema import empty

if TYPE_CHECKING:
    from eventstudy.study.builders import Study, Tables


def lead_lag(study: "Study") -> "Tables":
    """Test a lag and a lead of every factor that trades around the clock.

    The regressions are over the whole history of an asset that trades on an exchange,
    but for sessions near announcements and for gaps.
    """
    rows = [empty("lead_lag")]
    for estimator, _ in study.fitted:
        setting = estimator.panel.setting
        if estimator.entry.neighbours:
            continue
        for place, factor in enumerate(setting.factors):
            if calendar_name(factor, study.spec.calendars) == ALWAYS_OPEN:
                rows += _tested(estimator, place, factor)
    return {"lead_lag": pl.concat(rows)}


def _tested(estimator: Estimator, place: int, factor: str) -> Iterator[pl.DataFrame]:
    """Test the neighbours of one factor for every asset of a panel."""
    panel = estimator.panel
    on_exchange = [
        row
        for row, one in enumerate(panel.observations)
        if panel.calendar[one.asset] != ALWAYS_OPEN
    ]
    if not on_exchange:
        return
    _, first = np.unique(panel.asset[on_exchange], return_index=True)
    rows = np.array(on_exchange)[np.sort(first)]
    simple = estimator.spec.returns == "simple"
    found = _f_test(panel.history(rows, simple=simple), place)
    held = estimator.observations(rows)
    yield pl.DataFrame(
        {
            "asset": [one.asset for one in held],
            "group": [one.group for one in held],
            "model": panel.setting.name,
            "factor": factor,
            **{name: number(values) for name, values in found.items()},
        }
    ).with_columns(pl.col("n").cast(pl.Int64))


def _f_test(history: History, place: int) -> dict[str, Array]:
    """Return slopes on a factor, its lag and lead, and F of the last two, (A,) each."""
    own = history.x[:, :, place]
    nothing = np.full((len(own), 1), np.nan)
    before = np.concatenate([nothing, own[:, :-1]], axis=1)
    after = np.concatenate([own[:, 1:], nothing], axis=1)
    single = np.pad(history.span == 1.0, ((0, 0), (1, 1)))
    usable = single[:, :-2] & single[:, 1:-1] & single[:, 2:] & ~history.near_events
    usable &= np.isfinite(before) & np.isfinite(after)
    y = np.concatenate([np.where(usable, history.y, np.nan), nothing], axis=1)
    wide = np.concatenate([history.x, np.stack([before, after], axis=2)], axis=2)
    wide = np.pad(wide, ((0, 0), (0, 1), (0, 0)))
    n = y.shape[1] - 1
    most = factors(y, wide, n_estimation=n, first_offset=0)
    least = factors(y, wide[:, :, :-2], n_estimation=n, first_offset=0)
    with np.errstate(divide="ignore", invalid="ignore"):
        left = most.sigma**2
        statistic = (least.sigma**2 * least.df - left * most.df) / 2.0 / left
    return {
        "n": most.n_estimation.astype(np.float64),
        "slope": most.coefficients[:, 1 + place],
        "lag": most.coefficients[:, -2],
        "lead": most.coefficients[:, -1],
        "statistic": statistic,
        "df1": np.where(np.isfinite(statistic), 2.0, np.nan),
        "df2": np.where(np.isfinite(statistic), most.df, np.nan),
        "pvalue": special.fdtrc(2.0, most.df, statistic),
    }
