"""Tables of variance breaks and of regimes."""

import polars as pl

BREAKS_SCHEMA = {
    "asset": pl.String,
    "group": pl.String,
    "date": pl.Date,
    "sd_before": pl.Float64,
    "sd_after": pl.Float64,
    "statistic": pl.Float64,
    "critical": pl.Float64,
    "event_id": pl.String,
    "distance": pl.Int64,
    "n_breaks": pl.Int64,
    "mean_distance": pl.Float64,
    "pvalue": pl.Float64,
    "reason": pl.String,
}
REGIMES_SCHEMA = {
    "asset": pl.String,
    "group": pl.String,
    "date": pl.Date,
    "probability": pl.Float64,
}
