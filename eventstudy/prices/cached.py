"""Downloads only what the store does not have, and only what agrees with it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from threading import Event
from zoneinfo import ZoneInfo

import polars as pl

from eventstudy.cells.frames import ArrowStream
from eventstudy.core.errors import DataError, SourceError, SpecError
from eventstudy.prices.clean import clean
from eventstudy.prices.files import parsed_frame
from eventstudy.prices.judged import Judged, judged
from eventstudy.prices.provider import (
    CHART_SCHEMA,
    EARLIEST,
    Chart,
    NoPricesError,
    Provider,
    TryAgainError,
    notice_of,
)
from eventstudy.prices.store import DamagedError, Provenance, Store, Stored
from eventstudy.prices.table import (
    NO_PRICES,
    PRICES,
    SCHEMA,
    PriceFile,
    Prices,
    describe_files,
    issues_frame,
)

AGREEMENT = 1e-5
"""Relative difference at which two downloads of one price are still the same."""

_OVERLAP = timedelta(days=14)
_DAY = timedelta(days=1)
# A part is asked for again by the next run, then once a day.
_AT_ONCE = 1
_LATE_BARS = timedelta(days=7)
_ASK_AGAIN = timedelta(hours=12)


def utc_now() -> datetime:
    """Return the time; the one place where prices look at the clock."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class Loaded:
    """What became of each symbol: its bars, or the reason why there are none."""

    stored: dict[str, Stored]
    failed: dict[str, str]
    notes: list[dict[str, object]]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Cached:
    """A provider behind a store.

    offline : never ask the provider;  refresh : ask for everything anew
    workers : symbols that are downloaded at the same time
    progress : called with (symbol, "cached" | "downloaded" | "failed") as each ends
    """

    provider: Provider
    store: Store
    offline: bool = False
    refresh: bool = False
    workers: int = 3
    progress: Callable[[str, str], None] = field(default=lambda _symbol, _what: None)
    now: Callable[[], datetime] = utc_now

    @property
    def name(self) -> str:
        """The name that a report prints."""
        return self.provider.name

    def fetch(
        self, symbols: Sequence[str], *, start: date | None, end: date | None
    ) -> Prices:
        """Return daily prices; a symbol that failed is an issue of severity error.

        Raises `SourceError` when there is not one symbol with prices.
        """
        if not symbols:
            symbols = list(self.store)
        loaded = self.load(symbols, start=start, end=end)
        frames, files, issues = [], [], [issues_frame(loaded.notes)]
        for symbol, stored in sorted(loaded.stored.items()):
            try:
                frame, found, file = self._deliver(stored, start, end)
            except DataError as error:
                loaded.failed[symbol] = str(error)
                continue
            frames.append(frame)
            issues.append(found)
            files.append(file)
        if not frames:
            raise failure(loaded.failed, self.name)
        issues.append(_failures(loaded.failed))
        return Prices(
            frame=pl.concat(frames),
            source=self.name,
            files=tuple(files),
            issues=pl.concat(issues),
            notice=notice_of(self.provider),
        )

    def load(
        self, symbols: Sequence[str], *, start: date | None, end: date | None
    ) -> Loaded:
        """Return the stored bars of each symbol, downloading what is missing."""
        if start is not None and end is not None and start > end:
            raise SpecError(
                f"prices from {start} to {end}: the end is before the start"
            )
        loaded = Loaded(stored={}, failed={}, notes=[])
        down = Event()

        def load_one(symbol: str) -> None:
            what = "failed"
            try:
                stored, what = self._load_one(symbol, start, end, down, loaded.notes)
                loaded.stored[symbol] = stored
            except (NoPricesError, TryAgainError, DataError, SourceError) as error:
                loaded.failed[symbol] = str(error)
            self.progress(symbol, what)

        pool = ThreadPoolExecutor(max(1, min(self.workers, len(symbols))))
        try:
            list(pool.map(load_one, symbols))
        finally:
            pool.shutdown(cancel_futures=True)
        return loaded

    def _load_one(
        self,
        symbol: str,
        start: date | None,
        end: date | None,
        down: Event,
        notes: list[dict[str, object]],
    ) -> tuple[Stored, str]:
        now = self.now()
        since, until = start or EARLIEST, end or now.date()
        try:
            held = self.store.read(symbol)
        except DamagedError:
            held = None
        if held is not None and not self.refresh and _covers(held, since, until, now):
            return held, "cached"
        if self.offline:
            raise SourceError(_not_held(symbol, held, since, until, self.name))
        if down.is_set():
            raise SourceError("not asked for, since the provider failed before")
        with self.store.lock(symbol):
            held = self._read_or_set_aside(symbol, notes)
            fresh = held is not None and _covers(held, since, until, now)
            if held is not None and fresh and not self.refresh:
                return held, "cached"
            try:
                stored = self._download(symbol, held, since, until, now, notes)
            except TryAgainError:
                down.set()
                raise
            self.store.write(stored)
        if held is not None and not agree(held, stored):
            notes.append(_change(held, stored))
        return stored, "downloaded"

    def _read_or_set_aside(
        self, symbol: str, notes: list[dict[str, object]]
    ) -> Stored | None:
        try:
            return self.store.read(symbol)
        except DamagedError as error:
            self.store.set_aside(symbol)
            notes.append(
                {
                    "symbol": symbol,
                    "file": self.store.path(symbol).name,
                    "severity": "warning",
                    "rule": "damaged_cache",
                    "detail": str(error),
                    "action": "set aside and downloaded anew",
                }
            )
            return None

    def _download(
        self,
        symbol: str,
        held: Stored | None,
        since: date,
        until: date,
        now: datetime,
        notes: list[dict[str, object]],
    ) -> Stored:
        """Extend what is held if the overlap agrees; otherwise download it whole.

        A refresh that brings fewer bars never takes the place of more that agree.
        """

        def asked(start: date, end: date) -> Stored:
            chart = self._ask(symbol, start, end, now)
            before = 0
            if held is not None and held.provenance.asked(start, end):
                before = held.provenance.asked_times
            return self._stored(chart, start, end, now, notes, before)

        if held is None:
            return asked(since, until)
        if not self.refresh and (gap := _gap(held, since, until)) is not None:
            part = asked(*gap)
            whole = None if _new_split(held, part) else combine(held, part)
            if whole is not None:
                return whole
        start, end = since, until
        if self.store.interval == "1d":  # shorter bars of the past are gone for good
            start = min(since, held.provenance.start)
            end = max(until, held.provenance.end)
        stored = asked(start, end)
        if not agree(held, stored):
            self.store.supersede(held)
        elif stored.frame.height < held.frame.height:
            return combine(held, stored) or stored
        return stored

    def _ask(self, symbol: str, start: date, end: date, now: datetime) -> Chart:
        interval = self.store.interval
        found = self.provider.download(
            symbol, interval=interval, start=start, end=end, now=now
        )
        if isinstance(found, Chart):
            return found
        if interval != "1d":
            raise SpecError(f"{interval} bars of {self.name}: wanted a Chart of them")
        return _chart_of(found, symbol, now)

    def _stored(
        self,
        chart: Chart,
        start: date,
        end: date,
        now: datetime,
        notes: list[dict[str, object]],
        before: int,
    ) -> Stored:
        """Judge what came by its sessions; what is missing will be asked for again.

        before : how often it was asked for in vain
        """
        today = now.astimezone(ZoneInfo(chart.zone)).date()
        end = min(end, today - _DAY)
        asked: tuple[date, date, int] | tuple[None, None, int] = (None, None, 0)
        if self.store.interval == "1d":
            found = judged(chart, start if start > EARLIEST else None, end)
            if not found.whole:
                asked = start, end, before + 1
                notes.append(_part(chart, found, asked[2]))
                start, end = max(start, found.start), min(end, found.end)
        provenance = Provenance(
            source=self.provider.name,
            symbol=chart.symbol,
            interval=self.store.interval,
            basis=self.store.basis,
            start=start,
            end=end,
            adjusted_on=today,
            fetched_at=now,
            client=self.provider.client,
            currency=chart.currency,
            zone=chart.zone,
            instrument=chart.instrument,
            moved=chart.moved,
            asked_start=asked[0],
            asked_end=asked[1],
            asked_times=asked[2],
        )
        return Stored(frame=chart.frame, provenance=provenance)

    def _deliver(
        self, stored: Stored, start: date | None, end: date | None
    ) -> tuple[pl.DataFrame, pl.DataFrame, PriceFile]:
        name = self.store.path(stored.provenance.symbol).name
        basis = self.provider.basis
        return deliver(stored, name=name, basis=basis, start=start, end=end)


def _part(chart: Chart, found: Judged, times: int) -> dict[str, object]:
    when = "next time" if times <= _AT_ONCE else "after a day"
    return {
        "symbol": chart.symbol,
        "date": chart.frame["date"].min(),
        "severity": "warning",
        "rule": "part",
        "detail": f"only {found.held} of about {found.expected} sessions came",
        "action": f"the missing ones are asked for again {when}",
    }


def _chart_of(found: ArrowStream, symbol: str, now: datetime) -> Chart:
    """Return the bars of a frame of daily prices, dated by UTC days."""
    frame = parsed_frame(found, symbol)
    frame = frame.filter(pl.col("date") < now.date()).sort("date")
    if not frame.height:
        raise NoPricesError(f"no prices of {symbol} in that span")
    if (again := frame.filter(frame["date"].is_duplicated())).height:
        raise DataError(f"two rows of {symbol} for {again['date'][0]}")
    return Chart(
        symbol=symbol,
        interval="1d",
        frame=frame.with_columns(
            time=pl.col("date").cast(pl.Datetime("us", "UTC")),
            dividend=pl.lit(None, pl.Float64),
            split=pl.lit(None, pl.Float64),
        ).select(list(CHART_SCHEMA)),
        currency=None,
        zone="UTC",
        instrument="unknown",
    )


def deliver(
    stored: Stored, *, name: str, basis: str, start: date | None, end: date | None
) -> tuple[pl.DataFrame, pl.DataFrame, PriceFile]:
    """Return the usable prices of a span, their issues, and what identifies them.

    The hash is of the values delivered, so it stays the same when the file grows.
    Raises `DataError` when the span holds nothing usable.
    """
    held = stored.provenance
    span = pl.col("date").is_between(start or date.min, end or date.max)
    rows = stored.frame.with_row_index("line", 1).filter(span)
    if not rows.height:
        raise DataError(f"no prices of {held.symbol} from {start} to {end}")
    frame, issues = clean(
        rows.with_columns(
            pl.col("line").cast(pl.Int64),
            symbol=pl.lit(held.symbol),
            file=pl.lit(name),
        )
    )
    basis = f"{basis}; in {held.currency or 'no currency'}, as of {held.adjusted_on}"
    (file,) = describe_files(frame, name=name, basis=basis)
    noted = pl.concat([issues, _splits(held.symbol, rows), _moved(held)])
    return frame.select(list(SCHEMA)), noted, file


def failure(failed: dict[str, str], source: str) -> SourceError:
    """Return the error that names every symbol that failed, with the reason."""
    by_reason: dict[str, list[str]] = {}
    for symbol, why in sorted(failed.items()):
        by_reason.setdefault(why, []).append(symbol)
    listing = "\n".join(f"  {', '.join(who)}: {why}" for why, who in by_reason.items())
    return SourceError(f"no prices from {source} for:\n{listing}")


def _covers(held: Stored, since: date, until: date, now: datetime) -> bool:
    """Tell whether all that can be had of a span is held."""
    provenance = held.provenance
    yesterday = now.astimezone(ZoneInfo(provenance.zone)).date() - _DAY
    until = min(until, yesterday)
    if since < provenance.start or until > provenance.end:
        today = now - provenance.fetched_at <= _DAY
        often = provenance.asked_times > _AT_ONCE
        return today and often and provenance.asked(since, until)
    # The last days may have been asked for before the provider had them.
    last = held.frame["date"].max()
    recent = provenance.fetched_at.date() - provenance.end < _LATE_BARS
    asked_long_ago = now - provenance.fetched_at > _ASK_AGAIN
    missing = isinstance(last, date) and last < until
    return not (missing and recent and asked_long_ago)


def _gap(held: Stored, since: date, until: date) -> tuple[date, date] | None:
    """Return the span to ask for, overlapping what is held; None for all of it."""
    if held.provenance.interval != "1d":
        return None
    first, last = held.frame["date"].min(), held.frame["date"].max()
    if not isinstance(first, date) or not isinstance(last, date):
        return None
    if since >= held.provenance.start:
        return last - _OVERLAP, max(until, last)
    if until <= held.provenance.end:
        return min(since, first), min(first + _OVERLAP, held.provenance.end)
    return None


def combine(held: Stored, new: Stored) -> Stored | None:
    """Put two downloads together, what is held unchanged; None if they disagree.

    The provenance is of the later one; the span is all that either was asked for,
    without a hole, since the downloads have bars in common.
    """
    if not agree(held, new):
        return None
    key = _key(held)
    added = new.frame.join(held.frame, on=key, how="anti")
    frame = pl.concat([held.frame, added.select(held.frame.columns)]).sort(key)
    spans = new.provenance, held.provenance
    later = max(spans, key=lambda provenance: provenance.fetched_at)
    provenance = replace(
        later,
        start=min(provenance.start for provenance in spans),
        end=max(provenance.end for provenance in spans),
        moved=max(provenance.moved for provenance in spans),
    )
    return Stored(frame=frame, provenance=provenance)


def agree(held: Stored, new: Stored) -> bool:
    """Tell whether two downloads have bars in common, and the same prices in them."""
    if held.provenance.currency != new.provenance.currency:
        return False
    both = held.frame.join(new.frame, on=_key(held), suffix="_new")
    if not both["close"].is_not_null().any():
        return False
    pairs = [(pl.col(name), pl.col(f"{name}_new")) for name in PRICES]
    near = [
        ((old - other).abs() <= AGREEMENT * old.abs()).fill_null(value=True)
        & (old.is_null() == other.is_null())
        for old, other in pairs
    ]
    return bool(both.select(pl.all_horizontal(near).all()).item())


def _change(held: Stored, stored: Stored) -> dict[str, object]:
    """Say that a history is another than the one that was held."""
    was, now = held.provenance, stored.provenance
    if was.currency != now.currency:
        severity, rule = "warning", "currency"
        detail = f"prices were in {was.currency}, they are now in {now.currency}"
    else:
        severity, rule = "info", "rebased"
        detail = f"other prices than on {was.adjusted_on}: a split, or a dividend"
    return {
        "symbol": now.symbol,
        "severity": severity,
        "rule": rule,
        "detail": detail,
        "action": "downloaded whole; the old ones are kept for the reports that "
        "used them",
    }


def _key(stored: Stored) -> str:
    return "date" if stored.provenance.interval == "1d" else "time"


def _new_split(held: Stored, new: Stored) -> bool:
    """Tell whether a split came after what is held, adjusted for or not yet."""
    last = held.frame["date"].max()
    later = new.frame.filter(pl.col("split").is_not_null(), pl.col("date") > last)
    return later.height > 0


def _not_held(
    symbol: str, held: Stored | None, since: date, until: date, source: str
) -> str:
    have = (
        f"the cache has {held.provenance.start} to {held.provenance.end}"
        if held is not None
        else "not in the cache"
    )
    start = f" --start {since}" if since > EARLIEST else ""
    return (
        f"{have}; offline, so nothing was downloaded. With a network, run: "
        f"eventstudy prices fetch {symbol}{start} --end {until} --source {source}"
    )


def _failures(failed: dict[str, str]) -> pl.DataFrame:
    return issues_frame(
        {
            "symbol": symbol,
            "severity": "error",
            "rule": NO_PRICES,
            "detail": why,
            "action": "the symbol is left out",
        }
        for symbol, why in sorted(failed.items())
    )


def _splits(symbol: str, rows: pl.DataFrame) -> pl.DataFrame:
    splits = rows.filter(pl.col("split").is_not_null())
    return issues_frame(
        {
            "symbol": symbol,
            "date": day,
            "severity": "info",
            "rule": "split",
            "detail": f"{ratio:g} new shares for one old one",
            "action": "prices are adjusted for it",
        }
        for day, ratio in splits.select("date", "split").iter_rows()
    )


def _moved(held: Provenance) -> pl.DataFrame:
    note = {
        "symbol": held.symbol,
        "severity": "info",
        "rule": "stamped_early",
        "detail": f"{held.moved} bars were stamped late on the evening before",
        "action": "dated by the day that they open",
    }
    return issues_frame([note] if held.moved else [])
