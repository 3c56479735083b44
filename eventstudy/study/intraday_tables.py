"""Tables of announcements among intraday bars."""

import polars as pl

INTRADAY_SCHEMA = {
    "event_id": pl.String,
    "symbol": pl.String,
    "minutes": pl.Float64,
    "log_change": pl.Float64,
}
INTRADAY_EVENTS_SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "event_id": pl.String,
    "symbol": pl.String,
    "bar_minutes": pl.Float64,
    "announced_utc": pl.Datetime("us", "UTC"),
    "rv_event": pl.Float64,
    "rv_usual": pl.Float64,
    "ratio": pl.Float64,
    "pvalue": pl.Float64,
    "n_missing": pl.Int64,
    "reason": pl.String,
}
