"""The answer of a study: tidy tables together with the request that made them."""

import html
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, partial
from types import MappingProxyType
from typing import Any

import polars as pl

from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.spec import PARTS, StudySpec, window_text
from eventstudy.study.schema import SCHEMA

_NO_TABLES: Mapping[str, pl.DataFrame] = MappingProxyType({})


@dataclass(frozen=True, kw_only=True, init=False, repr=False, eq=False)
class StudyResult:
    """Tables of one study, each an attribute, with the spec that made them."""

    spec: StudySpec
    provenance: Mapping[str, Any]
    tables: Mapping[str, pl.DataFrame]

    def __init__(
        self,
        *,
        spec: StudySpec,
        provenance: Mapping[str, Any],
        tables: Mapping[str, pl.DataFrame] = _NO_TABLES,
        **named: pl.DataFrame,
    ) -> None:
        given = {**tables, **named}
        for name in given:
            if name not in SCHEMA:
                raise unknown_name("table", name, SCHEMA)
        held = {
            name: given[name] if name in given else table.empty()
            for name, table in SCHEMA.items()
        }
        object.__setattr__(self, "spec", spec)
        object.__setattr__(self, "provenance", provenance)
        object.__setattr__(self, "tables", MappingProxyType(held))

    def __getattr__(self, name: str) -> pl.DataFrame:
        """Return the table of that name."""
        if name not in SCHEMA:
            raise AttributeError(f"StudyResult has no attribute or table {name!r}")
        return self.tables[name]

    def __dir__(self) -> list[str]:
        """List the tables among the attributes, for who completes a name."""
        return sorted({*object.__dir__(self), *SCHEMA})

    def __reduce__(self) -> tuple[Any, ...]:
        """Return what a copy in another process is made from."""
        made = partial(
            StudyResult,
            spec=self.spec,
            provenance=dict(self.provenance),
            tables=dict(self.tables),
        )
        return made, ()

    @staticmethod
    def describe(table: str | None = None) -> pl.DataFrame:
        """Say what the tables are, or the columns of one.

        Parameters
        ----------
        table : str, optional
            Name of a table.

        Returns
        -------
        polars.DataFrame
            A row per table (name, meaning) or per column (column, type, unit, meaning).

        Raises
        ------
        SpecError
            For a table that there is not.

        Examples
        --------
        >>> from eventstudy import StudyResult
        >>> StudyResult.describe("coefficients")["column"].to_list()
        ['event_id', 'asset', 'model', 'term', 'value', 'se']
        """
        if table is None:
            meanings = [one.meaning for one in SCHEMA.values()]
            return pl.DataFrame({"table": list(SCHEMA), "meaning": meanings})
        if table not in SCHEMA:
            raise unknown_name("table", table, SCHEMA)
        return SCHEMA[table].describe()

    def computed(self, table: str) -> bool:
        """Say whether a part of the study was asked for that fills a table.

        Parameters
        ----------
        table : str
            Name of a table.

        Returns
        -------
        bool
            False where the table is empty because nobody asked for it.

        Raises
        ------
        SpecError
            For a table that there is not.

        Examples
        --------
        >>> from eventstudy import StudyResult, StudySpec
        >>> StudyResult(spec=StudySpec(), provenance={}).computed("garch")
        False
        """
        if table not in SCHEMA:
            raise unknown_name("table", table, SCHEMA)
        made_by = SCHEMA[table].made_by
        return not made_by or not made_by.keys().isdisjoint(self.spec.parts)

    def members(self, observation: str) -> list[str]:
        """Return the announcements that are one observation.

        Parameters
        ----------
        observation : str
            Its id, as in `cars` (`event_id`) or `observations` (`observation`).

        Returns
        -------
        list of str
            Their ids, in the order of the catalogue; the id itself where no
            announcements share a day.

        Examples
        --------
        >>> from eventstudy import StudyResult, StudySpec
        >>> StudyResult(spec=StudySpec(), provenance={}).members("summons")
        ['summons']
        """
        return list(self._members.get(observation, (observation,)))

    @cached_property
    def _members(self) -> dict[str, list[str]]:
        rows = self.observations.select("observation", "event_id").unique(
            maintain_order=True
        )
        found: dict[str, list[str]] = {}
        for observation, event_id in rows.iter_rows():
            found.setdefault(observation, []).append(event_id)
        return found

    def observation_of(self, event_id: str, asset: str | None = None) -> str:
        """Return the observation that an announcement is part of.

        Parameters
        ----------
        event_id : str
            The announcement's id.
        asset : str, optional
            The asset, where calendars place the announcement among different others.

        Returns
        -------
        str
            The observation's id in `cars`, `abnormal_returns` and other tables.

        Raises
        ------
        SpecError
            For an announcement that is in no observation, and where it is in several
            and no asset is named.

        Examples
        --------
        >>> import eventstudy as es
        >>> result = es.analyze("events/china_2021.csv")  # doctest: +SKIP
        >>> result.observation_of("CN21-13b", "BTCM")  # doctest: +SKIP
        'CN21-13a+CN21-13b'
        """
        rows = self.observations.filter(pl.col("event_id") == event_id)
        if asset is not None:
            rows = rows.filter(pl.col("asset") == asset)
        found = rows["observation"].drop_nulls().unique(maintain_order=True).to_list()
        if not found:
            known = self.observations["event_id"].unique(maintain_order=True)
            raise unknown_name("announcement", event_id, known)
        if len(found) > 1:
            raise SpecError(
                f"{event_id} is part of {', '.join(found)}, by asset; name one: "
                f"observation_of({event_id!r}, {rows['asset'][0]!r})"
            )
        return str(found[0])

    def __repr__(self) -> str:
        """Summarise in a line."""
        used = self.observations.filter(pl.col("status") == "used")
        return (
            f"StudyResult({self.events.height} events, "
            f"{used['asset'].n_unique()} assets, "
            f"{used['observation'].n_unique()} observation dates, "
            f"{', '.join(dict.fromkeys(m.name for m in self.spec.models))}"
            f"{'' if len(self.spec.parts) == len(PARTS) else self._parts})"
        )

    @property
    def _parts(self) -> str:
        return f"; only {', '.join(self.spec.parts)}"

    def summary(self) -> pl.DataFrame:
        """Return the averages of the headline sample for people to read.

        Returns
        -------
        polars.DataFrame
            A row per group, model and window. ``effect`` with ``low`` and ``high``, its
            interval on these dates, are in per cent of price; ``p_these_dates`` and
            ``p_such_dates`` answer the two questions; ``robust`` says how many robust
            tests decide alike. All rounded: exact numbers are in ``headline``.

        Examples
        --------
        >>> from eventstudy import StudyResult, StudySpec
        >>> StudyResult(spec=StudySpec(), provenance={}).summary().columns[:6]
        ['group', 'model', 'window', 'effect', 'low', 'high']
        """
        rows = self.headline.filter(sample="headline", outcome="car")
        windows = [window_text(pair) for pair in rows.select("start", "end").rows()]
        log = self.spec.returns == "log"

        def percent(name: str) -> pl.Expr:
            value = pl.col(name).exp() - 1 if log else pl.col(name)
            return (100 * value).round(2)

        return rows.select(
            "group",
            "model",
            pl.Series("window", windows, dtype=pl.String),
            effect=percent("estimate"),
            low=percent("ci_low_these"),
            high=percent("ci_high_these"),
            p_these_dates=pl.col("pvalue_these").round(3),
            p_such_dates=pl.col("pvalue_such").round(3),
            robust=pl.format("{} of {}", "agree", "agree_of"),
            verdict="verdict",
            n="n",
            dates="n_dates",
        )

    def _repr_html_(self) -> str:
        """Show the summary in a notebook."""
        words = (
            "Average effects of the headline sample in per cent of price, with their "
            f"{100 * self.spec.level:.3g} % intervals on these dates."
        )
        head = f"<p>{html.escape(repr(self))}<br>{html.escape(words)}</p>"
        return head + str(self.summary()._repr_html_())


StudyResult.__doc__ = """Tables of one study, each an attribute, and the spec behind.

Numbers are in full precision, null where there is no value. `describe` gives the
columns of a table; `dataclasses.replace` makes a result with another table.

Parameters
----------
spec : StudySpec
    The request, with everything that was not said filled in.
provenance : mapping
    Source, files with their hashes, versions, seed, command, notice, notes.
tables : mapping of str to polars.DataFrame
    The tables by name; those that are not given are empty.
**named : polars.DataFrame
    Tables by name, over those in ``tables``.

Attributes
----------
spec : StudySpec
    The request.
provenance : mapping
    Where the numbers come from.
tables : mapping of str to polars.DataFrame
    All tables by name, in this order:
""" + "\n".join(
    f"{name} : polars.DataFrame\n    {table.meaning[0].upper()}{table.meaning[1:]}."
    for name, table in SCHEMA.items()
)
StudyResult.__doc__ += """

Raises
------
SpecError
    For a table that there is not.

Examples
--------
>>> from eventstudy import StudyResult, StudySpec
>>> nothing = StudyResult(spec=StudySpec(), provenance={})
>>> nothing.cars.height, nothing.tables["cars"].columns[:2]
(0, ['event_id', 'asset'])
"""
