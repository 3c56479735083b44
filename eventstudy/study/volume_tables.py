"""Tables of abnormal volume."""

import polars as pl

VOLUME_AAR_SCHEMA = {
    "sample": pl.String,
    "group": pl.String,
    "offset": pl.Int64,
    "aar": pl.Float64,
    "caar": pl.Float64,
    "se": pl.Float64,
    "ci_low": pl.Float64,
    "ci_high": pl.Float64,
    "n": pl.Int64,
}
