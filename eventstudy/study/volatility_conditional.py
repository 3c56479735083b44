"""Tables of GARCH fits of whole histories, and of what they say of each session."""

from collections.abc import Sequence

import numpy as np
import polars as pl

from eventstudy.core.abnormal import BoolArray
from eventstudy.garch import MIN_SESSIONS, GarchFit, fit, half_life, persistence
from eventstudy.study.asset_history import AssetHistory, padded
from eventstudy.study.observation_tables import number
from eventstudy.study.schema import SCHEMA, empty

_LASTING = "half of a shock outlives the history: its persistence may as well be one"


def garch_tables(
    histories: Sequence[AssetHistory],
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Fit GARCH(1,1) with Student-t errors to every asset's history, in one batch.

    Returns the parameters, one row per asset, and the conditional standard deviations.
    """
    if not histories:
        return empty("garch"), empty("conditional")
    found = fit(padded(list(histories)), dist="t")
    who = {
        "asset": [h.asset for h in histories],
        "group": [h.group for h in histories],
    }
    omega, alpha, beta = found.variance.T
    decay = half_life(found)
    lasting = decay > found.n
    parameters = pl.DataFrame(who).with_columns(
        n=pl.Series(found.n, dtype=pl.Int64),
        omega=number(omega),
        alpha=number(alpha),
        beta=number(beta),
        nu=number(found.nu),
        persistence=number(persistence(found)),
        half_life=number(np.where(lasting, np.nan, decay)),
        log_likelihood=number(found.loglik),
        converged=pl.Series(found.converged),
        reason=pl.Series(_reasons(found, histories, lasting), dtype=pl.String),
    )
    return parameters.select(list(SCHEMA["garch"].dtypes)), _paths(found, histories)


def _reasons(
    found: GarchFit, histories: Sequence[AssetHistory], lasting: BoolArray
) -> list[str | None]:
    out: list[str | None] = []
    for row, history in enumerate(histories):
        n = int(found.n[row])
        if n < MIN_SESSIONS:
            out.append(f"{n} valid sessions, {MIN_SESSIONS} needed")
        elif not np.nanmax(history.y) > np.nanmin(history.y):
            out.append("no variation")
        elif not found.converged[row]:
            out.append("the GARCH likelihood could not be maximised")
        else:
            out.append(_LASTING if lasting[row] else None)
    return out


def _paths(found: GarchFit, histories: Sequence[AssetHistory]) -> pl.DataFrame:
    pieces = [
        pl.DataFrame(
            {
                "date": pl.Series(history.days.astype(np.int32)).cast(pl.Date),
                "sd": number(np.sqrt(found.h[row, : len(history.y)])),
            }
        ).select(
            asset=pl.lit(history.asset),
            group=pl.lit(history.group),
            date="date",
            sd="sd",
        )
        for row, history in enumerate(histories)
        if found.converged[row]
    ]
    return pl.concat([empty("conditional"), *pieces])
