"""Cells of files as people write them: numbers and dates in the spellings of the world.

Nothing is guessed: a spelling that admits two readings over a whole table is asked
for, with the word of the setting that answers.
"""

from eventstudy.cells.dates import DateCells, read_dates
from eventstudy.cells.numbers import NumberCells, decimal_mark, read_numbers
from eventstudy.cells.text import decoded

__all__ = [
    "DateCells",
    "NumberCells",
    "decimal_mark",
    "decoded",
    "read_dates",
    "read_numbers",
]
