"""Tables for papers from a result, a report's folder or a regression."""

from pathlib import Path

from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.cross_section import Regression
from eventstudy.report.paper import Choice, Fresh, PaperTable, make, of_regression
from eventstudy.report.printed import WRITERS
from eventstudy.report.saved import open_report
from eventstudy.spec import Pair
from eventstudy.study.result import StudyResult


def table(
    source: StudyResult | Regression | str | Path,
    kind: str = "effects",
    *,
    to: str = "tex",
    window: Pair | None = None,
    group: str | None = None,
    model: str | None = None,
    sample: str = "headline",
    stars: bool = False,
) -> str:
    """Return a table for a paper as text.

    Parameters
    ----------
    source : StudyResult, Regression, str or pathlib.Path
        A result, a regression of `regress`, or the folder of a written report.
    kind : str
        ``effects`` (averages with both answers), ``cars``, ``tests`` or
        ``volatility``; a regression has one table only.
    to : str
        ``tex`` (a longtable with the rules of booktabs), ``md``, ``html`` or ``csv``.
    window : (int, int), optional
        A window of the study; by default all, of ``cars`` the first.
    group, model : str, optional
        One group, one model.
    sample : str
        ``headline`` or ``all`` announcements.
    stars : bool
        Whether to mark p-values below 0.1, 0.05 and 0.01, with a legend.

    Returns
    -------
    str
        The table.

    Raises
    ------
    SpecError
        For a kind, a format, a window, a group or a model that there is not.
    DataError
        For a table of a report that cannot be read.

    Examples
    --------
    >>> import polars as pl
    >>> from eventstudy import Regression
    >>> terms = pl.DataFrame({"term": ["Intercept"], "estimate": [-0.02]})
    >>> found = Regression(
    ...     outcome="car",
    ...     formula="~ 1",
    ...     window=(-1, 1),
    ...     model="market",
    ...     sample="headline",
    ...     terms=terms,
    ...     n=6,
    ...     left_out={},
    ...     n_clusters={},
    ...     r_squared=None,
    ...     covariance="CR2",
    ...     level=0.95,
    ... )
    >>> print(table(found, to="csv").splitlines()[1])
    Intercept,−0.0200,–,–,–
    """
    if to not in WRITERS:
        raise unknown_name("format of a table", to, WRITERS)
    return WRITERS[to](
        paper_table(
            source,
            kind,
            Choice(window=window, group=group, model=model, sample=sample, stars=stars),
        )
    )


def paper_table(
    source: StudyResult | Regression | str | Path, kind: str, choice: Choice
) -> PaperTable:
    """Return the table before it is written.

    Parameters
    ----------
    source : StudyResult, Regression, str or pathlib.Path
        As for `table`.
    kind : str
        As for `table`.
    choice : Choice
        Which rows.

    Returns
    -------
    PaperTable
        Its texts.

    Raises
    ------
    SpecError
        As `table` does.
    """
    if isinstance(source, Regression):
        return of_regression(source, stars=choice.stars)
    if choice.sample not in ("headline", "all"):
        raise SpecError(f"sample = {choice.sample!r}; wanted 'headline' or 'all'")
    if isinstance(source, StudyResult):
        return make(Fresh(source), kind, choice)
    return make(open_report(source), kind, choice)
