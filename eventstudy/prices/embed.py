"""Make the embedded snapshot from a folder of CSV files.

Run it as::

python -m eventstudy.prices.embed FOLDER OUTPUT.parquet
"""

import sys
from pathlib import Path

from eventstudy.core.errors import DataError, Problem
from eventstudy.prices.files import read_prices


def build(folder: Path, output: Path) -> None:
    """Write the CSV files of a folder, checked, as one compact Parquet file.

    Raises `DataError` when any row had to be left out: a snapshot has no faults.
    """
    prices = read_prices(folder)
    if prices.issues.height:
        problems = [
            Problem(message=row["detail"], file=row["file"], line=row["line"])
            for row in prices.issues.iter_rows(named=True)
        ]
        raise DataError("the snapshot would have faults", problems)
    prices.frame.write_parquet(
        output, compression="zstd", compression_level=22, statistics=False
    )


if __name__ == "__main__":
    build(Path(sys.argv[1]), Path(sys.argv[2]))
