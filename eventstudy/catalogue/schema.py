"""Column contracts of the frames that cross a border, and the words they allow.

``CatalogueText`` judges the cells of a catalogue as they were written; ``Catalogue``
is what the rest of the package may rely on once they have been read.
"""

import dataframely as dy
import polars as pl

PRECISIONS = ("minute", "hour", "day")
STATUSES = ("confirmed", "inferred", "memory")
SIGNS = ("-", "0", "+", "?")

KINDS = {
    "mining_ban": "mining is forbidden, closed or made to stop, in draft or in force",
    "mining_curb": "mining is inspected, made dearer or denounced, short of a ban",
    "trading_ban": "trading, exchanges or token sales are forbidden or closed",
    "banking_payment": "banks or payment firms are cut off from crypto business",
    "policy_signal": "a government states what it intends; rules are to follow",
    "guidance": "a warning, report or interpretation without a new binding rule",
    "enforcement": "existing rules are carried out against named persons or firms",
    "securities": "securities law is applied to tokens or venues, suits included",
    "etf": "an exchange-traded fund is approved, refused or decided in court",
    "tax": "a tax or a duty to report for tax",
    "framework": "a licensing regime or a general rule book",
    "relief": "a restriction is lifted, dropped or voted down",
    "censorship": "accounts, searches or advertising are blocked",
    "legal_tender": "a coin becomes money by law",
    "infrastructure": "power or network fails; not aimed at crypto",
    "company": "a firm discloses something of its own",
    "hoax": "an announcement that was false",
    "other": "none of these, or not said",
}

FLAGS = {
    "leak": "the news came out before, or other than by, its official publication",
    "stale": "all or part of it had been announced before",
    "mixed": "good and bad news in one release",
}

# Marks in a file name or an anchor are refused, so that an id can serve as both.
EVENT_ID = r'^\.*[^.\p{C}/\\:*?"<>|][^\p{C}/\\:*?"<>|]*$'
# Yahoo spelling: BTC-USD, ^GSPC, 0700.HK, ES=F, M&M.NS. It begins with a letter or
# digit (after ^) and does not end with a dot, so no path can pass for a symbol.
SYMBOL = r"^\^?[A-Za-z0-9](?:[A-Za-z0-9.=&_-]{0,29}[A-Za-z0-9=&_-])?$"
LIST_SEPARATOR = r"[\s;|]+"
YEARS = (1900, 2200)
MAX_OFFSET_MINUTES = 14 * 60

_DAY = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"
_INSTANT = (
    r"^(?P<day>[0-9]{4}-[0-9]{2}-[0-9]{2})[T ](?P<clock>[0-9]{2}:[0-9]{2})"
    r"(?P<seconds>:[0-5][0-9](?:\.[0-9]{1,6})?)?"
    r"(?P<offset>Z|(?P<sign>[+-])(?P<hours>[0-9]{2}):(?P<minutes>[0-5][0-9]))$"
)


def parse_day(text: pl.Expr) -> pl.Expr:
    """Date of ``2021-05-21``; null when the text is none or no such day exists."""
    day = pl.when(text.str.contains(_DAY)).then(text)
    parsed = day.str.to_date("%Y-%m-%d", strict=False)
    return pl.when(parsed.dt.year().is_between(*YEARS)).then(parsed)


def parse_instant(text: pl.Expr) -> pl.Expr:
    """UTC instant of ``2021-05-21T22:14+08:00``; null when the text is none."""
    local = parse_local(text)
    shift = pl.duration(minutes=_offset_minutes(_parts(text)))
    return (local - shift).dt.replace_time_zone("UTC")


def parse_local(text: pl.Expr) -> pl.Expr:
    """Clock and calendar reading of an instant as written, without its offset."""
    parts = _parts(text)
    written = pl.concat_str(
        parts.struct.field("day"),
        pl.lit("T"),
        parts.struct.field("clock"),
        parts.struct.field("seconds").fill_null(":00"),
    )
    local = written.str.to_datetime(
        "%Y-%m-%dT%H:%M:%S%.f", time_unit="us", strict=False
    )
    known_year = local.dt.year().is_between(*YEARS)
    offset_exists = _offset_minutes(parts).abs() <= MAX_OFFSET_MINUTES
    return pl.when(known_year & offset_exists).then(local)


def split_list(text: pl.Expr) -> pl.Expr:
    """Distinct words of a cell separated by spaces, ``;`` or ``|``; null is empty."""
    words = text.fill_null("").str.replace_all(LIST_SEPARATOR, " ").str.strip_chars()
    return (
        words.str.split(" ")
        .list.eval(pl.element().filter(pl.element() != ""))
        .list.unique(maintain_order=True)
    )


def _parts(text: pl.Expr) -> pl.Expr:
    return text.str.extract_groups(_INSTANT)


def _offset_minutes(parts: pl.Expr) -> pl.Expr:
    hours = parts.struct.field("hours").cast(pl.Int32)
    minutes = hours * 60 + parts.struct.field("minutes").cast(pl.Int32)
    signed = (
        pl.when(parts.struct.field("sign") == "-").then(-minutes).otherwise(minutes)
    )
    return pl.when(parts.struct.field("offset") == "Z").then(0).otherwise(signed)


def _is_instant(text: pl.Expr) -> pl.Expr:
    return text.is_null() | parse_instant(text).is_not_null()


def _is_day(text: pl.Expr) -> pl.Expr:
    return text.is_null() | parse_day(text).is_not_null()


class CatalogueText(dy.Schema):
    """Cells of a catalogue as written: stripped, empty ones null, one row per event."""

    line = dy.Int64()
    event_id = dy.String(primary_key=True, regex=EVENT_ID, max_length=100)
    announced_at = dy.String(check=lambda text: _is_day(text) | _is_instant(text))
    zone = dy.String(nullable=True)
    precision = dy.String(nullable=True, check=lambda text: text.is_in(PRECISIONS))
    kind = dy.String(nullable=True, check=lambda text: text.is_in(list(KINDS)))
    assets = dy.String(
        nullable=True,
        check=lambda text: (
            split_list(text).list.eval(pl.element().str.contains(SYMBOL)).list.all()
        ),
    )
    flags = dy.String(
        nullable=True,
        check=lambda text: (
            split_list(text).list.eval(pl.element().is_in(list(FLAGS))).list.all()
        ),
    )
    status = dy.String(nullable=True, check=lambda text: text.is_in(STATUSES))
    headline = dy.String(
        nullable=True,
        check=lambda text: text.str.to_lowercase().is_in(["true", "false"]),
    )
    reaction_at = dy.String(nullable=True, check=_is_instant)
    source_latest_at = dy.String(nullable=True, check=_is_instant)
    date_act = dy.String(nullable=True, check=_is_day)
    date_first_public = dy.String(nullable=True, check=_is_day)
    date_effective = dy.String(nullable=True, check=_is_day)

    @dy.rule()
    def precision_has_its_time(cls) -> pl.Expr:
        """Whoever claims the minute or the hour has to give it."""
        claims_time = pl.col("precision").is_in(["minute", "hour"])
        has_none = parse_day(pl.col("announced_at")).is_not_null()
        return ~(claims_time & has_none).fill_null(value=False)


class Catalogue(dy.Schema):
    """Columns of ``Events.frame``; ``expected_<group>`` and extra columns are strings.

    announced_at is the text as written, with the offset of its zone where one is
    named, in ``zone``; announced_date its local date; announced_utc null when only the
    date is given. ``assets`` empty: all of them.
    """

    event_id = dy.String(primary_key=True)
    title = dy.String()
    short_title = dy.String(nullable=True)
    announced_at = dy.String()
    announced_utc = dy.Datetime(time_unit="us", time_zone="UTC", nullable=True)
    announced_date = dy.Date()
    zone = dy.String(nullable=True)
    precision = dy.String()
    jurisdiction = dy.String(nullable=True)
    level = dy.String(nullable=True)
    authority = dy.String(nullable=True)
    kind = dy.String()
    assets = dy.List(dy.String())
    cluster = dy.String(nullable=True)
    flags = dy.List(dy.String())
    confounders = dy.String(nullable=True)
    source_url = dy.String(nullable=True)
    status = dy.String(nullable=True)
    headline = dy.Bool()
    reaction_at = dy.Datetime(time_unit="us", time_zone="UTC", nullable=True)
    source_latest_at = dy.Datetime(time_unit="us", time_zone="UTC", nullable=True)
    date_act = dy.Date(nullable=True)
    date_first_public = dy.Date(nullable=True)
    date_effective = dy.Date(nullable=True)
    line = dy.Int64()

    @dy.rule()
    def instant_unless_day(cls) -> pl.Expr:
        """Only an event known by its day may lack the instant."""
        return (pl.col("precision") == "day") | pl.col("announced_utc").is_not_null()
