"""A server on the loopback that answers like Yahoo's chart service.

`redirect` sends the real client here: every address of yahoo.com keeps its path and
query and gets this server's host. It is done in the tests only.
"""

import json
import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from datetime import time as clock
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit
from zoneinfo import ZoneInfo

Answer = Callable[["Handler", "Listing", dict], None]


@dataclass(kw_only=True)
class Listing:
    """What the server knows of one symbol; prices as of the last split."""

    symbol: str
    closes: dict[date, float | None]
    zone: str = "America/New_York"
    opens: clock = clock(9, 30)
    currency: str = "USD"
    instrument: str = "EQUITY"
    splits: dict[date, tuple[int, int]] = field(default_factory=dict)
    dividends: dict[date, float] = field(default_factory=dict)
    adjustment: float = 0.9
    change: Callable[[dict], None] = lambda chart: None

    def stamp(self, day: date) -> int:
        local = datetime.combine(day, self.opens, tzinfo=ZoneInfo(self.zone))
        return int(local.timestamp())

    def chart(self, since: int, until: int, interval: str = "1d") -> dict:
        days = [d for d in sorted(self.closes) if since <= self.stamp(d) < until]
        close = [self.closes[day] for day in days]
        scaled = {
            name: [None if c is None else c * factor for c in close]
            for name, factor in {"open": 0.99, "high": 1.02, "low": 0.98}.items()
        }
        volume = [None if c is None else 1000 + n for n, c in enumerate(close)]
        adjusted = [None if c is None else c * self.adjustment for c in close]
        events = {
            "splits": {
                str(self.stamp(d)): {
                    "date": self.stamp(d),
                    "numerator": new,
                    "denominator": old,
                    "splitRatio": f"{new}:{old}",
                }
                for d, (new, old) in self.splits.items()
                if since <= self.stamp(d) < until
            },
            "dividends": {
                str(self.stamp(d)): {"date": self.stamp(d), "amount": amount}
                for d, amount in self.dividends.items()
                if since <= self.stamp(d) < until
            },
        }
        result = {
            "meta": {
                "currency": self.currency,
                "symbol": self.symbol,
                "instrumentType": self.instrument,
                "exchangeTimezoneName": self.zone,
                "dataGranularity": interval,
            },
            "events": events,
            "indicators": {
                "quote": [{**scaled, "close": close, "volume": volume}],
                "adjclose": [{"adjclose": adjusted}],
            },
        }
        if days:
            result["timestamp"] = [self.stamp(day) for day in days]
        chart = {"chart": {"result": [result], "error": None}}
        self.change(chart)
        return chart


def weekdays(start: date, end: date, price: float = 10.0) -> dict[date, float | None]:
    """Closes that creep up on every weekday."""
    span = (end - start).days + 1
    days = [start + timedelta(days=n) for n in range(span)]
    return {
        day: round(price + n / 100, 4)
        for n, day in enumerate(d for d in days if d.weekday() < 5)
    }


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # headers and body in one packet: no delayed acknowledgement
    server: "YahooServer"

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        if address.path == "/v1/test/getcrumb":
            self.send(self.server.crumb_status, b"crumb", "text/plain")
        elif address.path.startswith("/v8/finance/chart/"):
            self.answer(unquote(address.path.rpartition("/")[2]), address.query)
        else:
            self.send(404, b"no page", "text/html", {"Set-Cookie": "A3=x; Path=/"})

    do_POST = do_GET

    def answer(self, symbol: str, query: str) -> None:
        params = {name: values[0] for name, values in parse_qs(query).items()}
        with self.server.guard:
            self.server.requests.append((symbol, params))
            script = self.server.scripts.get(symbol)
            answer = script.pop(0) if script else normal
        listing = self.server.listings.get(symbol)
        if listing is None:
            not_found(self, listing, params)
        else:
            answer(self, listing, params)

    def send(
        self, status: int, body: bytes, kind: str = "application/json", headers=None
    ) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class YahooServer(ThreadingHTTPServer):
    """Answers from ``listings``; ``scripts`` hold special answers, used up in turn."""

    daemon_threads = True
    request_queue_size = 64

    def __init__(self, *listings: Listing) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.guard = threading.Lock()
        self.listings = {listing.symbol: listing for listing in listings}
        self.scripts: dict[str, list[Answer]] = {}
        self.requests: list[tuple[str, dict]] = []
        self.crumb_status = 200

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    @property
    def counts(self) -> Counter:
        return Counter(symbol for symbol, _ in self.requests)

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is part of the tests."""


@contextmanager
def serving(*listings: Listing):
    server = YahooServer(*listings)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def redirect(url: str, patch: Callable[[object, str, object], None] = setattr) -> None:
    """Send the real client's requests to ``url``; ``patch`` is setattr or pytest's."""
    from curl_cffi import requests

    target = urlsplit(url)
    ask = requests.Session.request

    def request(self, method, url, **settings):
        address = urlsplit(url)
        assert address.hostname.endswith("yahoo.com"), url
        here = address._replace(scheme=target.scheme, netloc=target.netloc)
        return ask(self, method, urlunsplit(here), **settings)

    os.environ["NO_PROXY"] = os.environ["no_proxy"] = "127.0.0.1"
    patch(requests.Session, "request", request)


# --- answers -----------------------------------------------------------------------


def _text(listing: Listing, params: dict) -> bytes:
    since, until = int(params["period1"]), int(params["period2"])
    return json.dumps(listing.chart(since, until, params["interval"])).encode()


def normal(handler, listing, params) -> None:
    handler.send(200, _text(listing, params))


def not_found(handler, listing, params) -> None:
    words = "No data found, symbol may be delisted"
    error = {"code": "Not Found", "description": words}
    body = {"chart": {"result": None, "error": error}}
    handler.send(404, json.dumps(body).encode())


def status(code: int, **headers: str) -> Answer:
    def answer(handler, listing, params) -> None:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        handler.send(code, b"<html>no</html>", "text/html", named)

    return answer


def truncated(handler, listing, params) -> None:
    body = _text(listing, params)
    handler.send(200, body[: len(body) // 2])


def web_page(handler, listing, params) -> None:
    handler.send(200, b"<!DOCTYPE html><p>Will be right back", "text/html")


def empty(handler, listing, params) -> None:
    handler.send(200, b'{"chart": {"result": [], "error": null}}')


def nothing(handler, listing, params) -> None:
    handler.send(200, b"")


def reset(handler, listing, params) -> None:
    """Break off an answer that has begun: the client itself would ask again before."""
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    handler.wfile.write(b"{")
    handler.wfile.flush()
    handler.connection.setsockopt(
        socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
    )
    for held in (handler.rfile, handler.wfile, handler.connection):
        held.close()
    handler.close_connection = True


def cut_off(handler, listing, params) -> None:
    """Announce a whole answer and hang up in the middle."""
    body = _text(listing, params)
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


def drip(handler, listing, params) -> None:
    """One byte now and then, never long enough without one to look dead."""
    body = _text(listing, params)
    handler.send_response(200)
    handler.send_header("Content-Length", str(len(body)))
    handler.end_headers()
    for octet in body:
        handler.wfile.write(bytes([octet]))
        handler.wfile.flush()
        time.sleep(0.05)


def slow(seconds: float) -> Answer:
    def answer(handler, listing, params) -> None:
        time.sleep(seconds)
        normal(handler, listing, params)

    return answer


def utc(*args: int) -> datetime:
    return datetime(*args, tzinfo=UTC)
