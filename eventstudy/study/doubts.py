"""What the quality gate doubts, at the sessions whose returns a study uses."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import polars as pl

from eventstudy.calendars import Calendar
from eventstudy.core.abnormal import Abnormal, Array, BoolArray, IntArray
from eventstudy.core.windows import Window, columns
from eventstudy.panel import Panel
from eventstudy.prices.quality import HELD_BACK, OF_RETURNS


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """Days (since 1970-01-01), first and last, whose returns a rule doubts."""

    rule: str
    first: int
    last: int

    @property
    def held_back(self) -> bool:
        """Whether it makes returns wrong, not only unusual."""
        return self.rule in HELD_BACK


Findings = Mapping[str, Sequence[Finding]]


def findings_of(issues: pl.DataFrame) -> Findings:
    """Return the findings about returns by symbol."""
    rows = issues.filter(
        pl.col("rule").is_in(OF_RETURNS), severity="warning"
    ).drop_nulls(["symbol", "date"])
    out: dict[str, list[Finding]] = {}
    for symbol, rule, first, last in rows.select(
        "symbol",
        "rule",
        pl.col("date").to_physical(),
        pl.coalesce("until", "date").to_physical(),
    ).iter_rows():
        out.setdefault(symbol, []).append(Finding(rule=rule, first=first, last=last))
    return out


@dataclass(frozen=True, slots=True, kw_only=True)
class Doubts:
    """Doubts about the E observations of a block.

    estimation : row -> rules that doubt a return of its estimation window
    event : row -> per rule the sessions of the event window that it doubts, (L,)
    held_estimation : (E,), held_event : (E, L) those that hold back
    """

    estimation: Mapping[int, tuple[str, ...]]
    event: Mapping[int, Mapping[str, BoolArray]]
    held_estimation: BoolArray
    held_event: BoolArray

    def rules(self, row: int, held: slice) -> list[str]:
        """Return the rules that doubt an observation's CAR over some columns."""
        near = [rule for rule, at in self.event.get(row, {}).items() if at[held].any()]
        return list(dict.fromkeys([*near, *self.estimation.get(row, ())]))

    def held_back(self, ab: Abnormal, window: Window) -> BoolArray:
        """Tell which observations are held back in a window, (E,)."""
        found: BoolArray = self.held_estimation | self.held_event[
            :, columns(ab, window)
        ].any(axis=1)
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Gate:
    """Finds the doubts about observations; without findings there are none.

    periods : by asset its weeks or months, where returns are of these
    """

    findings: Findings = field(default_factory=dict)
    hold_back: bool = True
    periods: Mapping[str, Calendar] = field(default_factory=dict)

    def in_periods(
        self, calendars: Mapping[str, Calendar], panels: Sequence[Panel]
    ) -> "Gate":
        """Return the gate that finds the week or month in which a day lies."""
        named = {a: name for panel in panels for a, name in panel.calendar.items()}
        held = {asset: calendars[name] for asset, name in named.items()}
        return replace(
            self, periods={a: c for a, c in held.items() if c.period != "daily"}
        )

    def wrong(self) -> Mapping[str, IntArray]:
        """Return per symbol the days whose price change is wrong and left out."""
        if not self.hold_back:
            return {}
        return {
            symbol: np.array(sorted({f.first for f in found if f.held_back}), np.int64)
            for symbol, found in self.findings.items()
            if any(f.held_back for f in found)
        }

    def right(self, prices: pl.DataFrame) -> pl.DataFrame:
        """Leave out what lies on those days: range and volume, not the close."""
        rows = [(s, int(day)) for s, days in self.wrong().items() for day in days]
        if not rows:
            return prices
        days = pl.DataFrame(
            rows, schema={"symbol": pl.String, "date": pl.Int32}, orient="row"
        ).with_columns(pl.col("date").cast(pl.Date), _wrong=True)
        found = prices.join(
            days, on=["symbol", "date"], how="left", maintain_order="left"
        )
        kept = [
            pl.when(pl.col("_wrong").is_null()).then(pl.col(name)).alias(name)
            for name in ("open", "high", "low", "volume")
        ]
        return found.with_columns(kept).drop("_wrong")

    def doubts(
        self,
        ab: Abnormal,
        assets: Sequence[str],
        factors: Mapping[str, Sequence[str]],
        purged: BoolArray,
    ) -> Doubts:
        """Return the doubts about observations of ``assets``, (E,), under a model.

        factors : by asset
        purged : (E, T) estimation sessions that are not used, so that no doubt about
        them matters
        """
        estimation: dict[int, tuple[str, ...]] = {}
        event: dict[int, dict[str, BoolArray]] = {}
        held_estimation = np.zeros(len(ab.ar), np.bool_)
        held_event = np.zeros(ab.ar.shape, np.bool_)
        for row, name, finding in self._about(assets, factors):
            clock, clocks = ab.clock[row], ab.clocks
            finding = _moved(finding, self.periods.get(assets[row]))
            out = self.hold_back and finding.held_back
            before = ~purged[row] & _inside(
                clocks.estimation[clock], ab.residuals[row], finding, left_out=out
            )
            around = _inside(clocks.event[clock], ab.ar[row], finding, left_out=out)
            if before.any():
                estimation[row] = (*estimation.get(row, ()), name)
            if around.any():
                rules = event.setdefault(row, {})
                rules[name] = around | rules.get(name, np.zeros_like(around))
            if out:
                held_estimation[row] |= before.any()
                held_event[row] |= around
        return Doubts(
            estimation=estimation,
            event=event,
            held_estimation=held_estimation,
            held_event=held_event,
        )

    def _about(
        self, assets: Sequence[str], factors: Mapping[str, Sequence[str]]
    ) -> Iterator[tuple[int, str, Finding]]:
        """Yield every finding about an observation: row, name, finding."""
        for row, asset in enumerate(assets):
            for found in self.findings.get(asset, ()):
                yield row, found.rule, found
            for factor in factors[asset]:
                for found in self.findings.get(factor, ()):
                    yield row, f"{factor} {found.rule}", found


def _moved(finding: Finding, calendar: Calendar | None) -> Finding:
    """Return a finding about the last sessions of the weeks or months that it is in."""
    if calendar is None:
        return finding
    sessions = calendar.sessions
    at = np.searchsorted(sessions, [finding.first, finding.last])
    if at[0] == len(sessions):
        return finding
    first, last = sessions[np.minimum(at, len(sessions) - 1)].tolist()
    return Finding(rule=finding.rule, first=first, last=last)


def _inside(
    days: IntArray, returns: Array, finding: Finding, *, left_out: bool
) -> BoolArray:
    """Flag the sessions of a finding with a return, or whose return is left out."""
    held: BoolArray = (days >= finding.first) & (days <= finding.last)
    return held if left_out else held & ~np.isnan(returns)
