"""Yahoo's chart service through yfinance's client; the only file that knows either.

yfinance brings what a plain request lacks: a browser's handshake, cookies and crumbs.
Its tables are not used: they turn a missing volume into zero, drop repeated days and
hide the status of a failure. Nor are its caches, threads, messages and globals: each
`Yahoo` has a client of its own that writes no file.
"""

import logging
import threading
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from email.utils import parsedate_to_datetime
from importlib import metadata
from operator import attrgetter
from typing import Any
from urllib.parse import quote

import polars as pl

from eventstudy.core.errors import SourceError, SpecError
from eventstudy.prices.chart import BadAnswerError, read_chart, refusal
from eventstudy.prices.provider import (
    EARLIEST,
    INTERVALS,
    Chart,
    NoPricesError,
    TryAgainError,
)
from eventstudy.prices.retry import Retry
from eventstudy.prices.source import SOURCES, SourceEntry

_NOTICE = "Prices of Yahoo Finance, downloaded for this study."
_TERMS = (
    "The vendor's rights in its data remain and its terms of use apply; do not pass "
    "the prices on."
)
_BASIS = "Yahoo, split-adjusted; the adjusted close also for dividends"
# What is used of yfinance beyond its documentation.
_CONST = ("_BASE_URL_",)
_DATA = (
    "requests.Session",
    "YfData.get",
    "YfData._load_cookie_curlCffi",
    "YfData._save_cookie_curlCffi",
)
_CHART = "/v8/finance/chart/"
_LONGEST_REQUEST = {"1m": timedelta(days=7), "1h": timedelta(days=700)}
_KEPT = {"1m": timedelta(days=29), "1h": timedelta(days=729)}
_ZONES = timedelta(days=1)  # a local date begins up to 14 hours before the UTC date


NAME = "yahoo"


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Yahoo:
    """The `Provider` Yahoo Finance; safe to call from several threads.

    timeout : seconds for a whole answer, however slowly it drips
    retry : how faults that may pass are asked again
    """

    name: str = field(default=NAME, init=False)
    notice: str = field(default=_NOTICE, init=False)
    terms: str = field(default=_TERMS, init=False)
    basis: str = field(default=_BASIS, init=False)

    timeout: float = 20.0
    retry: Retry = field(default_factory=Retry)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)
    _clients: list[Any] = field(default_factory=list, repr=False)

    @property
    def client(self) -> str:
        """Name and version of the client, for the record."""
        return f"yfinance {metadata.version('yfinance')}"

    def download(
        self, symbol: str, *, interval: str, start: date, end: date, now: datetime
    ) -> Chart:
        """Return the bars with a local date from ``start`` to ``end``, both included.

        Raises `NoPricesError` when Yahoo has none or not those that were asked for,
        `TryAgainError` when it cannot be reached or answers nothing usable.
        """
        if interval not in INTERVALS:
            known = ", ".join(INTERVALS)
            raise SpecError(f"unknown interval {interval!r}; known: {known}")
        if interval in _KEPT:
            start = _within_reach(interval, start, now)
        step = _LONGEST_REQUEST.get(interval, end - start + _ZONES)
        charts: list[Chart] = []
        nothing = NoPricesError(f"no prices of {symbol} from {start} to {end}")
        since = start
        while since <= end:
            until = min(end, since + step)
            try:
                charts.append(self._chart(symbol, interval, since, until, now))
            except NoPricesError as error:
                nothing = error
            since = until + timedelta(days=1)
        if not charts:
            raise nothing
        frame = pl.concat([chart.frame for chart in charts])
        frame = frame.filter(pl.col("date").is_between(start, end))
        if not frame.height:
            raise nothing
        last = charts[-1]
        return Chart(
            symbol=symbol,
            interval=interval,
            frame=frame.unique(maintain_order=True),
            currency=last.currency,
            zone=last.zone,
            instrument=last.instrument,
            moved=sum(chart.moved for chart in charts),
        )

    def _chart(
        self, symbol: str, interval: str, start: date, end: date, now: datetime
    ) -> Chart:
        params = {
            "period1": _second(start - _ZONES),
            "period2": _second(end + 2 * _ZONES),
            "interval": interval,
            "includePrePost": "false",
            "events": "div,splits",
        }

        def ask() -> Chart:
            text = self._get(symbol, params)
            try:
                return read_chart(text, symbol=symbol, interval=interval, now=now)
            except BadAnswerError as error:
                raise TryAgainError(str(error)) from error

        return self.retry(ask)

    def _get(self, symbol: str, params: dict[str, object]) -> str:
        client = self._client()
        from yfinance.const import _BASE_URL_

        url = f"{_BASE_URL_}{_CHART}{quote(symbol, safe='')}"
        try:
            with _HUSH.quiet():
                response = client.get(url=url, params=params, timeout=self.timeout)
        except OSError as error:
            why = str(error).split(" See http")[0]
            raise TryAgainError(
                f"Yahoo cannot be reached ({type(error).__name__}: {why}); check the "
                "network, or work offline with what the cache has"
            ) from error
        except (TryAgainError, NoPricesError):
            raise
        except Exception as error:
            # Whatever the client trips over, a consent page for one, is no reason for
            # the other symbols to fail.
            raise TryAgainError(
                f"yfinance fails ({type(error).__name__}: {error})"
            ) from error
        if response.status_code != 200:
            words = refusal(response.text) or "no reason given"
            raise TryAgainError(f"Yahoo answers HTTP {response.status_code}: {words}")
        return str(response.text)

    def _client(self) -> Any:  # noqa: ANN401
        with self._lock:
            if not self._clients:
                self._clients.append(_new_client(self.timeout))
            return self._clients[0]


SOURCES.register(
    SourceEntry(
        name=NAME,
        meaning="Yahoo Finance through yfinance, kept in a local cache",
        open=Yahoo,
    )
)


def _new_client(timeout: float) -> Any:  # noqa: ANN401
    """Make a client of yfinance that shares nothing with others and keeps no file."""
    with warnings.catch_warnings():  # importing it changes the warning filters
        try:
            from yfinance import const, data
        except ImportError:
            raise SourceError(
                "prices from Yahoo are downloaded with yfinance, which is not "
                "installed: pip install yfinance, or give prices of your own with "
                "--prices FOLDER"
            ) from None

    if lacks := [
        f"{module.__name__}.{name}"
        for module, names in ((const, _CONST), (data, _DATA))
        for name in names
        if not _has(module, name)
    ]:
        raise SourceError(
            f"yfinance {metadata.version('yfinance')} lacks {', '.join(lacks)}, with "
            "which prices of Yahoo are read; install another, such as yfinance==1.7.0"
        )
    backend = data.requests

    class Session(backend.Session):  # type: ignore[misc,name-defined]
        """Tells faults apart before the client asks a second time for each of them."""

        def request(self, method: str, url: str, **settings: Any) -> Any:  # noqa: ANN401
            settings["timeout"] = min(timeout, settings.get("timeout") or timeout)
            response = super().request(method, url, **settings)
            if _CHART in url:
                _check_status(response)
            return response

    browser = {"impersonate": "chrome"} if "curl_cffi" in backend.__name__ else {}
    client = type.__call__(data.YfData, session=Session(**browser))
    client._load_cookie_curlCffi = lambda: False
    client._save_cookie_curlCffi = lambda: False
    return client


def _has(module: Any, name: str) -> bool:  # noqa: ANN401
    try:
        attrgetter(name)(module)
    except AttributeError:
        return False
    return True


def _check_status(response: Any) -> None:  # noqa: ANN401
    status = response.status_code
    if status == 429 or status >= 500:
        raise TryAgainError(
            f"Yahoo answers HTTP {status}"
            + (", too many requests; wait a while" if status == 429 else ""),
            retry_after=_retry_after(response.headers),
        )
    if status in (400, 404, 422):
        words = refusal(response.text)
        raise NoPricesError(words or f"Yahoo answers HTTP {status}, unknown symbol?")


def _retry_after(headers: Mapping[str, str]) -> float | None:
    """Seconds to wait: given as a number, or as a date on the server's own clock."""
    wait = headers.get("Retry-After") or ""
    if wait.isdigit():
        return float(wait)
    try:
        span = parsedate_to_datetime(wait) - parsedate_to_datetime(headers["Date"])
        return max(0.0, span.total_seconds())
    except (KeyError, TypeError, ValueError):
        return None


def _within_reach(interval: str, start: date, now: datetime) -> date:
    """Return the first day for which Yahoo keeps such bars, if all are wanted."""
    first = now.date() - _KEPT[interval]
    if EARLIEST < start < first:
        raise NoPricesError(
            f"Yahoo keeps {interval} bars since {first} only; start there"
        )
    return max(start, first)


def _second(day: date) -> int:
    return (day - date(1970, 1, 1)) // timedelta(seconds=1)


class _Hush(logging.Filter):
    """Drops the messages of the threads that are inside `quiet`, and no others."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()

    def filter(self, record: logging.LogRecord) -> bool:
        return not getattr(self._thread, "quiet", False)

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Keep yfinance's messages off the terminal; ours say what they would."""
        logging.getLogger("yfinance").addFilter(self)
        self._thread.quiet = True
        try:
            yield
        finally:
            self._thread.quiet = False


_HUSH = _Hush()
