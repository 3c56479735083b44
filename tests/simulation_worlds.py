"""Small worlds of prices and events in which a simulation's answer is known."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import numpy as np
import polars as pl

from eventstudy import StudySpec

FIRST = date(2015, 1, 1)


def prices(
    n_assets: int,
    n_sessions: int,
    *,
    correlation: float = 0.0,
    seed: int = 0,
    missing: Mapping[str, Sequence[int]] | None = None,
) -> pl.DataFrame:
    """Normal log returns of 1 % a session, equally correlated; one date a session.

    missing : asset -> sessions without a price.  "M" is a market of the common factor.
    """
    rng = np.random.default_rng(seed)
    common = rng.normal(size=(1, n_sessions))
    own = rng.normal(size=(n_assets, n_sessions))
    returns = 0.01 * (np.sqrt(correlation) * common + np.sqrt(1.0 - correlation) * own)
    series = {f"A{i}": row for i, row in enumerate(returns)} | {"M": 0.01 * common[0]}
    days = [FIRST + timedelta(days=i) for i in range(n_sessions)]
    frames = []
    for symbol, row in series.items():
        gone = set((missing or {}).get(symbol, ()))
        kept = [i for i in range(n_sessions) if i not in gone]
        close = 100.0 * np.exp(np.cumsum(row))
        frames.append(
            pl.DataFrame(
                {
                    "symbol": [symbol] * len(kept),
                    "date": [days[i] for i in kept],
                    "close": close[kept],
                }
            )
        )
    return pl.concat(frames)


def events(sessions: Sequence[int], assets: Sequence[str] = ()) -> pl.DataFrame:
    """One announcement on each of these sessions; with ``assets`` one asset each."""
    table = {
        "event_id": [f"e{i}" for i in range(len(sessions))],
        "announced_at": [(FIRST + timedelta(days=s)).isoformat() for s in sessions],
    }
    if assets:
        table["assets"] = list(assets)
    return pl.DataFrame(table)


def spec(n_assets: int, **changes: object) -> StudySpec:
    """A short study of A0, A1, ... on the dates at hand."""
    settings: dict[str, object] = {
        "returns": "log",
        "groups": {"g": tuple(f"A{i}" for i in range(n_assets))},
        "calendars": {"default": "prices"},
        "estimation": (-70, -11),
        "min_estimation": 40,
        "event_window": (-3, 3),
        "windows": ((-1, 1),),
        "volatility_pre": (-40, -11),
        "volatility_post": (0, 10),
    }
    return StudySpec(**(settings | changes))  # type: ignore[arg-type]
