"""Rows of one session that agree are one row."""

from collections.abc import Sequence

import polars as pl

from eventstudy.prices.table import columns_of

# What rows of one session may differ in: it is missing then.
_LOOSE = ("open", "volume")


def merged(
    frame: pl.DataFrame, keys: Sequence[str], settled: Sequence[str]
) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Make one row of the rows of a session that agree in what is ``settled``.

    ``frame`` is sorted by ``keys``. Returns it with these rows merged, and the rows
    that were: those that do not agree stay as they are.
    """
    # rows are sorted, so that those of a session are neighbours
    above = pl.all_horizontal([pl.col(key) == pl.col(key).shift() for key in keys])
    again = frame.select(again=above.fill_null(value=False))
    below = pl.col("again").shift(-1, fill_value=False)
    twice = again.select(pl.col("again") | below).to_series()
    if not twice.any():
        return frame, frame.clear()
    alike = pl.all_horizontal(
        [pl.col(name).drop_nulls().n_unique() <= 1 for name in settled]
    )
    rows = frame.filter(twice)
    agree = rows.select(alike.over(keys)).to_series()
    agreeing, loose = rows.filter(agree), columns_of(frame, _LOOSE)
    one = agreeing.group_by(keys, maintain_order=True).agg(
        *[pl.col(name).drop_nulls().first() for name in settled],
        *[
            pl.when(pl.col(name).n_unique() == 1).then(pl.col(name).first())
            for name in loose
        ],
        pl.exclude(*keys, *settled, *loose).first(),
    )
    whole = pl.concat(
        [frame.filter(~twice), rows.filter(~agree), one.select(frame.columns)]
    )
    return whole.sort(keys, maintain_order=True), agreeing
