"""A server on the loopback that answers like Kenneth French's library."""

import io
import threading
import time
import zipfile
from collections.abc import Callable
from contextlib import contextmanager
from datetime import date, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import numpy as np

HEADS = {
    "F-F_Research_Data_Factors_daily": "Mkt-RF,SMB,HML,RF",
    "F-F_Research_Data_5_Factors_2x3_daily": "Mkt-RF,SMB,HML,RMW,CMA,RF",
    "F-F_Momentum_Factor_daily": "Mom   ",
    "Europe_3_Factors_Daily": "Mkt-RF,SMB,HML,RF",
    "Europe_5_Factors_Daily": "Mkt-RF,SMB,HML,RMW,CMA,RF",
    "Europe_Mom_Factor_Daily": "WML",
}


def published(name: str, first: date, last: date, seed: int = 0) -> str:
    """The text of a file of the library: made-up returns in per cent, each weekday."""
    head = HEADS[name]
    days = [first + timedelta(n) for n in range((last - first).days + 1)]
    days = [day for day in days if day.weekday() < 5]
    rng = np.random.default_rng([seed, *name.encode()])
    table = rng.normal(0, 1, (len(days), head.count(",") + 1))
    rows = [
        f"{day:%Y%m%d}," + ",".join(f"{x:8.2f}" for x in row)
        for day, row in zip(days, table, strict=True)
    ]
    lines = [
        "This file was created by CMPT_ME_BEME_RETS_DAILY using the 202110 CRSP",
        "",
        f",{head}",
        *rows,
        "",
        "Copyright 2021 Eugene F. Fama and Kenneth R. French",
    ]
    return "\r\n".join(lines)


def zipped(text: str, name: str) -> bytes:
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(f"{name}.csv", text)
    return packed.getvalue()


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: "Library"

    def do_GET(self) -> None:
        name = self.path.rpartition("/")[2].removesuffix("_CSV.zip")
        self.server.requests.append(name)
        script = self.server.scripts.get(name)
        if script:
            script.pop(0)(self, name)
        elif name in self.server.files:
            self.send(200, zipped(self.server.files[name], name))
        else:
            self.send(404, b"no such file")

    def send(self, status: int, body: bytes, length: int | None = None) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


class Library(ThreadingHTTPServer):
    """``files`` by name; ``scripts`` hold special answers, used up in turn."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.requests: list[str] = []
        self.scripts: dict[str, list[Callable[[Handler, str], None]]] = {}
        self.files: dict[str, str] = {}

    def publish(self, first: date, last: date, seed: int = 0) -> None:
        self.files = {name: published(name, first, last, seed) for name in HEADS}

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/ftp/"

    def handle_error(self, *_: object) -> None:
        """A client that hangs up is part of the tests."""


@contextmanager
def serving():
    server = Library()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def fails(handler: Handler, _: str) -> None:
    handler.send(503, b"busy")


def web_page(handler: Handler, _: str) -> None:
    handler.send(200, b"<html>moved</html>")


def cut_off(handler: Handler, name: str) -> None:
    body = zipped(handler.server.files[name], name)
    handler.send(200, body[: len(body) // 2], len(body))
    handler.close_connection = True


def damaged(handler: Handler, name: str) -> None:
    body = bytearray(zipped(handler.server.files[name], name))
    body[60] ^= 255
    handler.send(200, bytes(body))


def drip(handler: Handler, name: str) -> None:
    body = zipped(handler.server.files[name], name)
    handler.send(200, b"", len(body))
    for octet in body:
        handler.wfile.write(bytes([octet]))
        handler.wfile.flush()
        time.sleep(0.05)


def endless(handler: Handler, _: str) -> None:
    handler.send(200, b"", 1 << 40)
    while True:
        handler.wfile.write(bytes(1 << 20))
