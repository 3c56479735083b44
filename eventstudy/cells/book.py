"""Sheets of workbooks -> rows of texts, as they would stand in a CSV file."""

from eventstudy.core.errors import DataError, Problem


def sheet_rows(
    data: bytes, name: str, sheet: str | None
) -> tuple[list[list[str]], list[str]]:
    """Return the rows of a sheet, by default the first, and notes.

    Raises `DataError` for what is no workbook, a sheet that there is not, an empty
    sheet, and where the reader of workbooks is not installed.
    """
    try:
        import fastexcel
    except ImportError:
        raise _fault(
            name,
            "is a workbook, and what reads them is not installed: pip install "
            "fastexcel, or save the sheet as CSV",
        ) from None
    try:
        book = fastexcel.read_excel(data)
        if sheet is not None and sheet not in book.sheet_names:
            held = ", ".join(map(repr, book.sheet_names))
            raise _fault(name, f"there is no sheet {sheet!r}; there are {held}")
        chosen = sheet or book.sheet_names[0]
        cells = book.load_sheet(chosen, header_row=None, dtypes="string").to_polars()
    except fastexcel.FastExcelError as error:
        said = str(error).partition("\n")[0]
        raise _fault(name, f"the workbook cannot be read ({said})") from None
    rows = [[(cell or "").strip() for cell in row] for row in cells.iter_rows()]
    rows = [row for row in rows if any(row)]
    if len(rows) < 2:
        raise _fault(name, f"the sheet {chosen!r} has no table")
    others = len(book.sheet_names) - 1
    more = f"; {others} more not read" if others and sheet is None else ""
    return rows, [f"sheet {chosen!r} of a workbook{more}"]


def _fault(name: str, message: str) -> DataError:
    return DataError("the file cannot be read", [Problem(message=message, file=name)])
