"""Factor returns, such as those that Kenneth French publishes, for CAPM to Carhart.

The files are read as published: zip or CSV, lines of text before and after the table,
days written 20210521, returns in percent, -99.99 and -999 for missing. Other files
need a column ``date`` and may hold fractions. Fama & French
(1993, J. Financial Economics 33; 2015, 116), Carhart (1997, J. Finance 52).
"""

import hashlib
import io
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import polars as pl

from eventstudy.cells import read_numbers
from eventstudy.core.errors import DataError, Problem, SpecError, unknown_name
from eventstudy.core.files import BAD_ZIP
from eventstudy.prices.layout import fault
from eventstudy.prices.raw import MAX_FILE_BYTES, read_bytes, shown, text_table
from eventstudy.prices.table import (
    FACTOR_LEVEL,
    FIELDS,
    SCHEMA,
    Prices,
    describe_files,
    issues_frame,
)
from eventstudy.spec import FACTOR_SETS, RISK_FREE

Units = Literal["percent", "fraction"]

_SPELLINGS = {"mktrf": "mkt_rf", "mkt": "mkt_rf", "umd": "mom", "wml": "mom"}
_DAY = re.compile(rb"^\s*\d{8}\s*,")
_MISSING = (-99.99, -999.0)
_LARGEST_PERCENT = 100.0


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Factors:
    """Daily factor returns as fractions, with the risk-free rate where there is one.

    Parameters
    ----------
    frame : polars.DataFrame
        Column date, one per factor, and ``rf``; unique dates, ascending.
    names : tuple of str
        The factors, without ``rf``.
    files : tuple of (str, str)
        Name and SHA-256 of each file that was read.

    Examples
    --------
    >>> days = pl.Series(["2021-06-21", "2021-06-22"]).str.to_date()
    >>> frame = pl.DataFrame({"date": days, "mkt_rf": [0.01, 0.02]})
    >>> Factors(frame=frame, names=("mkt_rf",), files=(("mine.csv", "0"),)).names
    ('mkt_rf',)
    """

    frame: pl.DataFrame
    names: tuple[str, ...]
    files: tuple[tuple[str, str], ...]


def read_factors(
    paths: Path | str | Sequence[Path | str],
    names: str | Sequence[str],
    *,
    units: Units | None = None,
) -> Factors:
    r"""Read the named factors from one file or several, on their common dates.

    Parameters
    ----------
    paths : path or sequence of paths
        CSV files, plain or zipped, as published by Kenneth French or of that shape.
    names : str or sequence of str
        A set of factors (``"ff3"``, ``"carhart"``, ``"ff5"``), or factors by name:
        ``["mkt_rf", "mom"]``.
    units : {"percent", "fraction"}, optional
        Units of the returns, where their size leaves it open.

    Returns
    -------
    Factors
        Daily returns as fractions.

    Raises
    ------
    DataError
        For a factor that no file has, for days twice, and for values that are no daily
        returns.
    SpecError
        For an unknown set.

    Examples
    --------
    >>> import tempfile
    >>> lines = "date,mkt_rf,rf\n2021-06-21,0.014,0.0\n2021-06-22,0.005,0.0\n"
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = Path(folder) / "factors.csv"
    ...     _ = path.write_text(lines)
    ...     factors = read_factors(path, ["mkt_rf"], units="fraction")
    >>> factors.frame["mkt_rf"].to_list()
    [0.014, 0.005]
    """
    if isinstance(names, str):
        if names not in FACTOR_SETS:
            raise unknown_name("set of factors", names, FACTOR_SETS)
        names = FACTOR_SETS[names]
    chosen = [paths] if isinstance(paths, str | Path) else list(paths)
    tables = [_read(Path(path), units) for path in chosen]
    held = {name for table, _ in tables for name in table.columns} - {"date"}
    if absent := [name for name in names if name not in held]:
        raise DataError(
            f"no factor {', '.join(absent)} in {', '.join(f[0] for _, f in tables)}; "
            f"found {', '.join(sorted(held)) or 'none'}. Carhart's mom is in a file "
            "of its own: give both"
        )
    frame: pl.DataFrame | None = None
    for table, _ in tables:
        seen = set(frame.columns) if frame is not None else set()
        wanted = [
            n for n in (*names, RISK_FREE) if n in table.columns and n not in seen
        ]
        part = table.select("date", *wanted)
        frame = part if frame is None else frame.join(part, on="date")
    assert frame is not None
    if not frame.height:
        raise DataError("the files of factors have no date in common")
    return Factors(
        frame=frame.sort("date"),
        names=tuple(names),
        files=tuple(file for _, file in tables),
    )


def with_factors(prices: Prices, factors: Factors) -> Prices:
    """Return the prices with each factor, and ``rf``, as the level of an investment.

    A level makes a return over any span the compounded factor, as with prices. It
    starts at 100 on the day before the first return.

    Parameters
    ----------
    prices : Prices
        Prices of a study.
    factors : Factors
        Daily factor returns.

    Returns
    -------
    Prices
        The same prices, and a symbol for each factor.

    Raises
    ------
    DataError
        Where returns are missing in between: a level would pass over them as if they
        were zero.
    SpecError
        Where a price and a factor have the same name.

    Examples
    --------
    >>> from eventstudy.prices import fetch_prices
    >>> days = pl.Series(["2021-06-21", "2021-06-22"]).str.to_date()
    >>> frame = pl.DataFrame({"date": days, "mkt_rf": [0.01, 0.02]})
    >>> factors = Factors(frame=frame, names=("mkt_rf",), files=(("mine", "0"),))
    >>> both = with_factors(fetch_prices("RIOT"), factors)
    >>> both.frame.filter(symbol="mkt_rf")["close"].round(2).to_list()
    [100.0, 101.0, 103.02]
    """
    names = sorted(name for name in factors.frame.columns if name != "date")
    long = pl.concat([level_of(factors.frame, name) for name in names])
    absent = [n for n in FIELDS if n not in long.columns]
    nothing = [pl.lit(None, pl.Float64).alias(name) for name in absent]
    long = long.with_columns(nothing).select(list(SCHEMA))
    files = describe_files(
        long,
        name=" + ".join(name for name, _ in factors.files),
        basis=FACTOR_LEVEL,
        sha256=hashlib.sha256(
            "".join(sha256 for _, sha256 in factors.files).encode()
        ).hexdigest()
        if len(factors.files) > 1
        else factors.files[0][1],
    )
    levels = Prices(
        frame=long, source=prices.source, files=files, issues=issues_frame()
    )
    return with_levels(prices, levels)


def with_levels(prices: Prices, levels: Prices) -> Prices:
    """Return prices and the levels of factors together; the source is the prices'.

    Raises `SpecError` where a price and a factor have the same name.
    """
    if taken := [name for name in levels.symbols if name in prices.symbols]:
        raise SpecError(f"{', '.join(taken)}: a price and a factor have the same name")
    notices = dict.fromkeys(one.notice for one in (prices, levels) if one.notice)
    return replace(
        prices,
        frame=pl.concat([prices.frame, levels.frame], how="diagonal").sort(
            "symbol", "date"
        ),
        files=(*prices.files, *levels.files),
        issues=pl.concat([prices.issues, levels.issues]),
        notice=" ".join(notices) or None,
    )


def level_of(frame: pl.DataFrame, name: str) -> pl.DataFrame:
    """Return the level of an investment in a factor: date, symbol, close, adj_close.

    Raises `DataError` where it has no returns, or misses some in between.
    """
    returns = frame.select("date", pl.col(name))
    known = returns[name].is_not_null().arg_true()
    if not known.len():
        raise DataError(f"the factor {name} has no returns")
    returns = returns[known[0] : known[-1] + 1]
    missing = returns.filter(pl.col(name).is_null())["date"]
    if missing.len():
        raise DataError(
            f"the factor {name} has no return on {missing[0]}"
            f"{f' and {missing.len() - 1} more days' if missing.len() > 1 else ''}; "
            "use a file without holes"
        )
    base = returns.head(1).select(pl.col("date").dt.offset_by("-1d"), pl.lit(0.0))
    base.columns = returns.columns
    level = (1 + pl.col(name)).cum_prod() * 100
    return pl.concat([base, returns]).select(
        "date", symbol=pl.lit(name), close=level, adj_close=level
    )


def _read(path: Path, units: Units | None) -> tuple[pl.DataFrame, tuple[str, str]]:
    data = read_bytes(path)
    sha256 = hashlib.sha256(data).hexdigest()
    return factor_table(data, path.name, units), (path.name, sha256)


def factor_table(data: bytes, file: str, units: Units | None) -> pl.DataFrame:
    """Read the content of a CSV file, or of its zip: dates, and returns as fractions.

    Raises `DataError` that names the file, and the line where there is one.
    """
    if data[:4] == b"PK\x03\x04":
        data = _unzip(data, file)
    published = _table_of_published(data)
    offset = 0
    if published is not None:
        data, offset = published
    cells, lines, _ = text_table(data, file)
    names = [_plain(name) for name in cells.columns]
    if "date" not in names:
        names[0] = "date" if names[0] in ("", "column") else names[0]
    if twice := sorted({name for name in names if names.count(name) > 1}):
        said = f"two columns are called {twice[0]!r}; rename one"
        raise fault(file, said, line=1 + offset)
    cells = cells.rename(dict(zip(cells.columns, names, strict=True)))
    if "date" not in cells.columns:
        raise fault(file, "there is no column 'date'", line=1 + offset)
    return _typed(cells, lines + offset, file, units)


def _table_of_published(data: bytes) -> tuple[bytes, int] | None:
    """Return the daily table among the lines of text, and the lines before it."""
    lines = data.splitlines()
    days = [n for n, line in enumerate(lines) if _DAY.match(line)]
    if not days:
        return None
    first = days[0]
    header = first - 1
    if header < 0 or b"," not in lines[header]:
        return None
    last = first
    while last < len(lines) and _DAY.match(lines[last]):
        last += 1
    head = b"date" + lines[header] if lines[header].startswith(b",") else lines[header]
    return b"\n".join([head, *lines[first:last]]) + b"\n", header


def _typed(
    cells: pl.DataFrame, lines: pl.Series, file: str, units: Units | None
) -> pl.DataFrame:
    texts = cells["date"]
    dates = texts.str.to_date("%Y-%m-%d", strict=False).fill_null(
        texts.str.to_date("%Y%m%d", strict=False)
    )
    problems = _wrong(dates.is_null(), "date", texts, lines, file, "not a date")
    again = dates.is_not_null() & ~dates.is_first_distinct()
    problems += _wrong(again, "date", texts, lines, file, "a second row for the day")
    columns = []
    for name in cells.columns:
        if name == "date":
            continue
        found = read_numbers(cells[name])
        numbers = found.values
        bad = ~numbers.is_finite().fill_null(value=True)
        bad = bad.scatter(found.wrong, [True] * len(found.wrong))
        problems += _wrong(bad, name, cells[name], lines, file, "not a number")
        columns.append(
            numbers.set(numbers.is_in(_MISSING).fill_null(value=False), None)
        )
    if problems:
        raise DataError("the factors hold cells that are wrong", shown(problems))
    table = pl.DataFrame([dates.alias("date"), *columns]).sort("date")
    units = units or _units(table, file)
    largest = _LARGEST_PERCENT if units == "percent" else _LARGEST_PERCENT / 100
    factors = pl.exclude("date")
    if table.select(pl.any_horizontal(factors.abs().max() >= largest)).item():
        raise fault(file, f"a return of 100 % a day; are these really in {units}?")
    return table.with_columns(factors / 100) if units == "percent" else table


def _units(table: pl.DataFrame, file: str) -> Units:
    """Read the units off the size of daily returns, which leaves little doubt."""
    spreads = table.select(pl.exclude("date", RISK_FREE).std()).row(0)
    largest = max((spread for spread in spreads if spread is not None), default=0.0)
    if largest > 0.1:
        return "percent"
    if 0 < largest < 0.05:
        return "fraction"
    raise fault(file, 'percent or fractions? Say units = "percent" or "fraction"')


def _wrong(
    bad: pl.Series,
    column: str,
    texts: pl.Series,
    lines: pl.Series,
    file: str,
    message: str,
) -> list[Problem]:
    return [
        Problem(
            message=message,
            file=file,
            line=lines[at],
            column=column,
            value=texts[at],
        )
        for at in bad.arg_true()
    ]


def _unzip(data: bytes, name: str) -> bytes:
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            members = [m for m in archive.infolist() if not m.is_dir()]
            if len(members) != 1:
                raise fault(name, f"wanted a zip of one file, found {len(members)}")
            with archive.open(members[0]) as stream:
                plain = stream.read(MAX_FILE_BYTES + 1)
    except DataError:
        raise
    except BAD_ZIP as error:
        raise fault(name, f"the zip file is damaged, or locked ({error})") from error
    if len(plain) > MAX_FILE_BYTES:
        raise fault(name, f"unpacks to more than {MAX_FILE_BYTES >> 20} MiB")
    return plain


def _plain(name: str) -> str:
    """Return ``mkt_rf`` for ``Mkt-RF``, ``mom`` for ``Mom   `` and ``UMD``."""
    plain = re.sub(r"[^a-z0-9]+", "_", name.strip().lower()).strip("_")
    return _SPELLINGS.get(plain.replace("_", ""), plain)
