"""Tables of conditional volatility: GARCH fits of assets."""

import polars as pl

GARCH_SCHEMA = {
    "asset": pl.String,
    "group": pl.String,
    "n": pl.Int64,
    "omega": pl.Float64,
    "alpha": pl.Float64,
    "beta": pl.Float64,
    "nu": pl.Float64,
    "persistence": pl.Float64,
    "half_life": pl.Float64,
    "log_likelihood": pl.Float64,
    "converged": pl.Boolean,
    "reason": pl.String,
}
CONDITIONAL_SCHEMA = {
    "asset": pl.String,
    "group": pl.String,
    "date": pl.Date,
    "sd": pl.Float64,
}
