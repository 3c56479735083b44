import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from datetime import date, timedelta
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from yahoo_server import utc, weekdays

from eventstudy.core.cache_folder import cache_root
from eventstudy.core.errors import DataError, SourceError, SpecError
from eventstudy.prices import fetch_prices, read_prices, upkeep
from eventstudy.prices.cached import Cached
from eventstudy.prices.lock import locked
from eventstudy.prices.provider import (
    CHART_SCHEMA,
    Chart,
    NoPricesError,
    TryAgainError,
)
from eventstudy.prices.store import (
    DamagedError,
    Store,
    read_stored,
    write_stored,
)

START, MIDDLE, END = date(2021, 3, 1), date(2021, 4, 30), date(2021, 6, 30)
NOW = utc(2021, 7, 15, 12)


@dataclass(kw_only=True)
class Fake:
    """A provider of weekday prices that remembers what it was asked for."""

    name: str = "fake"
    client: str = "fake 1.0"
    notice: str = "Prices of the Fake Exchange."
    terms: str = "Use them as you like."
    basis: str = "as faked"
    asked: list = field(default_factory=list)
    closes: dict = field(default_factory=lambda: weekdays(date(2021, 1, 1), END))
    factor: float = 1.0
    splits: list = field(default_factory=list)
    currency: str = "USD"
    error: Exception | None = None

    def download(self, symbol, *, interval, start, end, now):
        self.asked.append((symbol, start, end))
        if self.error is not None:
            raise self.error
        rows = {d: c for d, c in self.closes.items() if start <= d <= end}
        if not rows or symbol == "DEAD":
            raise NoPricesError("no data")
        close = [c * self.factor for c in rows.values()]
        frame = pl.DataFrame({"date": list(rows), "close": close}).with_columns(
            *[pl.col("close").alias(n) for n in ("open", "high", "low", "adj_close")],
            volume=pl.lit(100.0),
            time=pl.col("date").cast(pl.Datetime("us", "UTC")),
            dividend=pl.lit(None, pl.Float64),
            split=pl.when(pl.col("date").is_in(self.splits)).then(2.0),
        )
        return Chart(
            symbol=symbol,
            interval=interval,
            frame=frame.select(list(CHART_SCHEMA)),
            currency=self.currency,
            zone="America/New_York",
            instrument="EQUITY",
            moved=0,
        )


@pytest.fixture
def fake():
    return Fake()


@pytest.fixture
def source(tmp_path, fake):
    store = Store(root=tmp_path / "cache", source="fake")
    return Cached(provider=fake, store=store, now=lambda: NOW)


def fetch(source, *symbols, start=START, end=END):
    return fetch_prices(symbols or ["RIOT"], source=source, start=start, end=end)


class TestReadThrough:
    def test_the_second_time_nothing_is_downloaded(self, source, fake):
        first, again = fetch(source), fetch(source)
        assert len(fake.asked) == 1
        assert_frame_equal(first.frame, again.frame)
        assert first.files == again.files

    def test_a_part_of_what_is_held_is_not_downloaded(self, source, fake):
        fetch(source)
        prices = fetch(source, start=MIDDLE, end=MIDDLE + timedelta(days=30))
        assert len(fake.asked) == 1
        assert prices.frame["date"].min() == MIDDLE

    def test_a_part_is_said_and_asked_for_again_once_a_day(self, source, fake):
        fake.closes = weekdays(date(2021, 1, 1), date(2021, 4, 9))
        said = [fetch(source).issues, fetch(source).issues]
        assert [one["rule"].to_list() for one in said] == [["part"], ["part"]]
        assert said[0]["action"].item().endswith("again next time")
        assert said[1]["action"].item().endswith("again after a day")
        fetch(source), fetch(source, start=MIDDLE - timedelta(days=40))
        assert len(fake.asked) == 2
        fetch(source, end=END + timedelta(days=5))  # more than was asked for
        fetch(source, end=END + timedelta(days=5))
        assert len(fake.asked) == 4
        fetch(source, end=END + timedelta(days=5)), fetch(source)
        assert len(fake.asked) == 4
        tomorrow = replace(source, now=lambda: NOW + timedelta(hours=25))
        fake.closes = weekdays(date(2021, 1, 1), END)
        assert fetch(tomorrow).frame["date"].max() == END
        assert len(fake.asked) == 5

    def test_a_part_that_is_whole_when_asked_again_is_held(self, source, fake):
        every = fake.closes
        fake.closes = {d: c for d, c in every.items() if d >= date(2021, 4, 1)}
        assert fetch(source).frame["date"].min() == date(2021, 4, 1)
        fake.closes = every
        assert fetch(source).frame["date"].min() == START
        fetch(source)
        assert len(fake.asked) == 2

    @pytest.mark.parametrize(
        ("held", "wanted"),
        [((START, MIDDLE), (START, END)), ((MIDDLE, END), (START, END))],
        ids=["later", "earlier"],
    )
    def test_a_range_is_extended_by_its_missing_part(self, source, fake, held, wanted):
        fetch(source, start=held[0], end=held[1])
        prices = fetch(source, start=wanted[0], end=wanted[1])
        _, since, until = fake.asked[1]
        assert until - since < wanted[1] - wanted[0]
        assert len(fake.asked) == 2
        whole = [d for d in fake.closes if wanted[0] <= d <= wanted[1]]
        assert prices.frame["date"].to_list() == whole
        fetch(source, start=wanted[0], end=wanted[1])
        assert len(fake.asked) == 2

    def test_both_ends_at_once(self, source, fake):
        fetch(source, start=date(2021, 4, 1), end=MIDDLE)
        assert fetch(source).frame["date"].min() == START
        assert fake.asked[1][1:] == (START, END)

    def test_an_overlap_that_disagrees_is_a_new_basis(self, source, fake):
        before = fetch(source, end=MIDDLE)
        fake.factor = 0.5  # a split, 2 for 1: the whole history is another
        after = fetch(source)
        assert [asked[1:] for asked in fake.asked[1:]] == [
            (MIDDLE - timedelta(days=14), END),
            (START, END),
        ]
        assert after.frame["close"][0] == 0.5 * before.frame["close"][0]
        assert after.issues.select("severity", "rule").rows() == [("info", "rebased")]
        returns = after.frame["close"].log().diff().drop_nulls()
        assert returns.abs().max() < 0.01

    def test_a_split_that_the_provider_has_not_adjusted_for_yet(self, source, fake):
        fetch(source, end=MIDDLE)
        fake.splits = [date(2021, 5, 20)]
        fetch(source)
        assert fake.asked[-1][1:] == (START, END)

    def test_noise_in_the_last_digits_is_agreement(self, source, fake):
        before = fetch(source, end=MIDDLE)
        fake.factor = 1 + 1e-6
        after = fetch(source)
        assert len(fake.asked) == 2
        held = after.frame.filter(pl.col("date") <= MIDDLE)
        assert_frame_equal(held, before.frame)

    def test_another_currency_is_another_history(self, source, fake):
        fetch(source, end=MIDDLE)
        fake.currency = "CAD"
        prices = fetch(source)
        assert "in CAD" in prices.files[0].basis
        (issue,) = prices.issues.iter_rows(named=True)
        assert (issue["severity"], issue["rule"]) == ("warning", "currency")
        assert "were in USD, they are now in CAD" in issue["detail"]
        assert fake.asked[-1][1:] == (START, END)

    def test_refresh_asks_for_everything(self, source, fake):
        fetch(source)
        fetch(replace(source, refresh=True), start=MIDDLE)
        assert fake.asked[-1][1:] == (START, END)

    def test_days_to_come_are_not_asked_for_twice(self, source, fake):
        fake.closes = weekdays(date(2021, 1, 1), NOW.date() - timedelta(days=1))
        for _ in range(3):
            fetch(source, end=date(2030, 1, 1))
        assert len(fake.asked) == 1
        later = replace(source, now=lambda: NOW + timedelta(days=1))
        fetch(later, end=date(2030, 1, 1))
        assert len(fake.asked) == 2

    def test_last_days_that_were_not_there_yet_are_asked_for_again(self, source, fake):
        fake.closes = weekdays(date(2021, 1, 1), NOW.date() - timedelta(days=3))
        end = NOW.date() - timedelta(days=1)
        fetch(source, end=end)
        fetch(source, end=end)
        assert len(fake.asked) == 1
        fake.closes = weekdays(date(2021, 1, 1), end)
        later = replace(source, now=lambda: NOW + timedelta(hours=13))
        assert fetch(later, end=end).frame["date"].max() == end
        assert len(fake.asked) == 2

    def test_a_failure_leaves_what_is_held(self, source, fake):
        fetch(source, end=MIDDLE)
        fake.error = TryAgainError("HTTP 500")
        with pytest.raises(SourceError, match="RIOT: HTTP 500"):
            fetch(source)
        assert fetch(source, end=MIDDLE).frame.height == 45

    def test_progress_is_told(self, source):
        told = []
        loud = replace(source, progress=lambda *what: told.append(what))
        fetch(loud)
        fetch(loud)
        with pytest.raises(SourceError):
            fetch(loud, "DEAD")
        assert told == [("RIOT", "downloaded"), ("RIOT", "cached"), ("DEAD", "failed")]


class TestOffline:
    def test_what_is_there_is_used(self, source, fake):
        fetch(source)
        assert fetch(replace(source, offline=True)).frame.height == 88
        assert len(fake.asked) == 1

    def test_what_is_missing_is_said_with_the_way_to_get_it(self, source, fake):
        fetch(source, end=MIDDLE)
        with pytest.raises(SourceError) as caught:
            fetch(replace(source, offline=True), "RIOT", "MARA")
        message = str(caught.value)
        assert "RIOT: the cache has 2021-03-01 to 2021-04-30; offline" in message
        assert "MARA: not in the cache; offline" in message
        command = (
            "eventstudy prices fetch MARA --start 2021-03-01 --end 2021-06-30 "
            "--source fake"
        )
        assert command in message
        assert len(fake.asked) == 1


DAMAGE = {
    "empty": lambda data: b"",
    "truncated": lambda data: data[: len(data) // 2],
    "end missing": lambda data: data[:-1],
    "a web page": lambda data: b"<html>",
    "a byte": lambda data: data[:200] + bytes([data[200] ^ 255]) + data[201:],
}


class TestDamage:
    @pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
    def test_set_aside_and_downloaded_anew(self, source, fake, damage):
        before = fetch(source)
        path = source.store.path("RIOT")
        path.write_bytes(damage(path.read_bytes()))
        with pytest.raises(DamagedError):
            source.store.read("RIOT")
        again = fetch(source)
        assert_frame_equal(again.frame, before.frame)
        assert len(fake.asked) == 2
        issue = again.issues.row(0, named=True)
        assert (issue["severity"], issue["rule"]) == ("warning", "damaged_cache")
        assert (source.store.folder / "damaged" / "RIOT.parquet").is_file()
        assert fetch(source).issues.is_empty()

    def test_every_byte_that_changes_values_is_noticed(self, source):
        fetch(source)
        path = source.store.path("RIOT")
        data, sound = path.read_bytes(), source.store.read("RIOT")
        for at in range(0, len(data), 37):
            path.write_bytes(data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :])
            try:
                again = source.store.read("RIOT")
            except DamagedError:
                continue
            assert_frame_equal(again.frame, sound.frame)
            assert again.provenance.sha256 == sound.provenance.sha256

    def test_foreign_files(self, source, fake):
        fetch(source)
        path = source.store.path("RIOT")
        path.replace(source.store.path("MARA"))  # the prices of another symbol
        with pytest.raises(DamagedError, match="holds RIOT"):
            source.store.read("MARA")
        pl.DataFrame({"date": [END], "close": [1.0]}).write_parquet(path)
        with pytest.raises(DamagedError, match="not a file of this store"):
            source.store.read("RIOT")
        fetch(source, "RIOT", "MARA")
        assert len(fake.asked) == 3

    @pytest.mark.skipif(not Path("/dev/zero").exists(), reason="there is no /dev/zero")
    def test_what_is_no_file_is_not_read(self, tmp_path):
        with pytest.raises(DataError, match="no file, or larger than 256 MiB"):
            upkeep.bring(tmp_path, Path("/dev/zero"))

    def test_offline_damage_is_not_used_and_stays(self, source):
        fetch(source)
        path = source.store.path("RIOT")
        path.write_bytes(b"PAR1")
        with pytest.raises(SourceError, match="not in the cache"):
            fetch(replace(source, offline=True))
        assert path.read_bytes() == b"PAR1"

    def test_a_folder_that_cannot_be_written(self, tmp_path, fake):
        blocked = tmp_path / "file"
        blocked.write_text("")
        source = Cached(
            provider=fake, store=Store(root=blocked, source="fake"), now=lambda: NOW
        )
        with pytest.raises(SourceError, match=r"cannot be written.*--cache"):
            fetch(source)

    def test_a_full_disk_leaves_the_old_file(self, source, monkeypatch):
        fetch(source)
        before = source.store.path("RIOT").read_bytes()

        def full(*_):
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("eventstudy.prices.store.os.fsync", full)
        with pytest.raises(SourceError, match="No space left"):
            fetch(replace(source, refresh=True))
        monkeypatch.undo()
        assert source.store.path("RIOT").read_bytes() == before
        assert [p.name for p in source.store.folder.glob("*.parquet")] == [
            "RIOT.parquet"
        ]


class TestNamesAndPlaces:
    def test_users_without_a_home_have_a_folder_of_their_own(
        self, tmp_path, monkeypatch
    ):
        def homeless(*_, **__):
            raise RuntimeError("could not determine the home directory")

        monkeypatch.delenv("EVENTSTUDY_CACHE")
        monkeypatch.setattr("platformdirs.user_cache_path", homeless)
        monkeypatch.setattr("tempfile.gettempdir", lambda: str(tmp_path))
        root = cache_root()
        assert root.parent == tmp_path
        assert root.stat().st_mode & 0o777 == 0o700
        assert cache_root() == root
        root.chmod(0o777)
        with pytest.raises(SourceError, match=r"not yours alone.*--cache"):
            cache_root()
        root.rmdir()
        root.symlink_to(tmp_path)
        with pytest.raises(SourceError, match="not yours alone"):
            cache_root()

    @pytest.mark.parametrize("symbol", ["../x", "/etc/passwd", "a/b", "a\\b", "x\x00"])
    def test_symbols_do_not_leave_the_folder(self, source, symbol):
        with pytest.raises(SpecError, match="not usable as symbols"):
            fetch(source, symbol)
        with pytest.raises(SpecError):
            source.store.path(symbol)

    def test_a_name_that_windows_reserves(self, source):
        fetch(source, "CON.DE")
        assert [p.name for p in source.store.folder.glob("*.parquet")] == [
            "_CON.DE.parquet"
        ]
        assert list(source.store) == ["CON.DE"]

    def test_where_the_cache_is(self, tmp_path, monkeypatch):
        monkeypatch.delenv("EVENTSTUDY_CACHE", raising=False)
        assert cache_root().name == "eventstudy"
        monkeypatch.setenv("EVENTSTUDY_CACHE", str(tmp_path))
        assert cache_root() == tmp_path
        assert cache_root(tmp_path / "x") == tmp_path / "x"

    @pytest.mark.processes
    def test_a_lock_that_is_held(self, tmp_path):
        path = tmp_path / "RIOT.lock"
        script = (
            "import sys\nfrom pathlib import Path\n"
            "from eventstudy.prices.lock import locked\n"
            "with locked(Path(sys.argv[1])): print('held', flush=True); input()"
        )
        command = [sys.executable, "-c", script, str(path)]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        message = "another process has been using RIOT for 0.2 seconds"
        with subprocess.Popen(command, **pipes) as holder:
            assert holder.stdout.readline() == b"held\n"
            with pytest.raises(SourceError, match=message), locked(path, patience=0.2):
                raise AssertionError("two at once")
            holder.kill()
        with locked(path, patience=0):  # the lock of the dead is released
            pass

    def test_threads_take_turns(self, tmp_path):
        path, inside, most = tmp_path / "RIOT.lock", [], []

        def work(number):
            with locked(path):
                inside.append(number)
                most.append(len(inside))
                time.sleep(0.01)
                inside.remove(number)

        with ThreadPoolExecutor(4) as pool:
            list(pool.map(work, range(8)))
        assert most == [1] * 8


class TestUpkeep:
    def test_status_and_verify(self, source):
        fetch(source, "RIOT", "^GSPC")
        root = source.store.root
        table = upkeep.status(root)
        assert table["symbol"].to_list() == ["RIOT", "^GSPC"]
        assert table["first"].to_list() == [START, START]
        assert upkeep.verify(root) == []
        source.store.path("RIOT").write_bytes(b"x")
        (fault,) = upkeep.verify(root)
        assert fault.path.name == "RIOT.parquet"
        assert upkeep.status(root)["fault"].null_count() == 1

    def test_clear(self, source):
        fetch(source, "RIOT", "MARA", "CLSK")
        root = source.store.root
        with pytest.raises(DataError, match="not in the cache: HUT"):
            upkeep.clear(root, ["HUT"])
        assert upkeep.clear(root, ["MARA"]) == ["MARA"]
        assert list(source.store) == ["CLSK", "RIOT"]
        assert upkeep.clear(root) == ["CLSK", "RIOT"]
        assert upkeep.status(root).is_empty()

    def test_superseded_files_are_shown_bounded_verified_and_cleared(
        self, source, fake, monkeypatch
    ):
        monkeypatch.setattr("eventstudy.prices.store.MOST_SUPERSEDED", 3)
        root, store = source.store.root, source.store
        hashes = []
        for n in range(6):
            fake.factor = 2.0**-n
            fetch(replace(source, refresh=True))
            hashes.append(store.read("RIOT").provenance.sha256[:12])
        held = store.superseded("RIOT")
        assert sorted(path.name.split(".")[1] for path in held) == sorted(hashes[2:5])
        assert upkeep.status(root)["superseded"].to_list() == [3]
        kept = upkeep.kept(root)
        assert kept["superseded"].files == 3
        assert kept["superseded"].bytes == sum(path.stat().st_size for path in held)
        assert upkeep.verify(root) == []
        held[0].write_bytes(b"PAR1")
        assert "superseded: delete it" in upkeep.verify(root)[0].why
        store.path("RIOT").unlink()  # what is superseded goes without it too
        assert upkeep.clear(root) == ["RIOT"]
        assert upkeep.kept(root)["superseded"].files == 0

    def test_clear_of_a_symbol_spares_its_namesakes(self, source, fake):
        fetch(source, "BRK", "BRK.B", end=MIDDLE)
        fake.factor = 0.5
        fetch(source, "BRK", "BRK.B")
        upkeep.clear(source.store.root, ["BRK"])
        assert len(list(source.store.versions("BRK.B"))) == 2
        assert list(source.store.versions("BRK")) == []

    def test_export_import_and_use_as_files(self, source, tmp_path):
        prices = fetch(source, "RIOT", "^GSPC")
        folder = tmp_path / "out"
        paths = upkeep.export(source.store.root, folder, source="fake")
        assert [path.name for path in paths] == ["RIOT.parquet", "^GSPC.parquet"]
        assert_frame_equal(read_prices(folder).frame, prices.frame)
        elsewhere = Store(root=tmp_path / "other", source="fake")
        assert upkeep.bring(elsewhere.root, folder) == ["RIOT", "^GSPC"]
        offline = replace(source, store=elsewhere, offline=True)
        assert_frame_equal(fetch(offline, "RIOT", "^GSPC").frame, prices.frame)

    def test_import_extends_what_is_held(self, source, tmp_path):
        fetch(source)
        upkeep.export(source.store.root, tmp_path / "out", ["RIOT"], source="fake")
        upkeep.clear(source.store.root)
        fetch(source, start=MIDDLE - timedelta(days=9), end=MIDDLE)
        upkeep.bring(source.store.root, tmp_path / "out")
        offline = replace(source, offline=True)
        assert fetch(offline).frame.height == 88

    def test_import_takes_only_sound_exports(self, source, tmp_path):
        fetch(source, "RIOT", "MARA")
        folder = tmp_path / "out"
        upkeep.export(source.store.root, folder, source="fake")
        (folder / "MARA.parquet").write_bytes(b"PAR1xxPAR1")
        pl.DataFrame({"close": [1.0]}).write_parquet(folder / "MINE.parquet")
        other = Store(root=tmp_path / "other", source="fake")
        with pytest.raises(DataError, match=r"(?s)MARA\.parquet.*MINE\.parquet"):
            upkeep.bring(other.root, folder)
        assert list(other) == ["RIOT"]

    @pytest.mark.parametrize("field", ["symbol", "source", "interval", "basis"])
    def test_import_cannot_write_elsewhere(self, source, tmp_path, field):
        fetch(source)
        stored = source.store.read("RIOT")
        crafted = replace(stored.provenance, **{field: "../../outside"})
        path = tmp_path / "in" / "RIOT.parquet"
        write_stored(replace(stored, provenance=crafted), path)
        with pytest.raises((DataError, SpecError)):
            upkeep.bring(tmp_path / "other", path.parent)
        assert not list(tmp_path.rglob("outside*"))

    def test_export_of_nothing(self, source, tmp_path):
        with pytest.raises(DataError, match="RIOT is not in the cache"):
            upkeep.export(source.store.root, tmp_path, ["RIOT"], source="fake")


def write_manifest(folder: Path, prices, **changes) -> Path:
    files = [
        {
            "role": "prices",
            "symbol": file.symbol,
            "name": file.name,
            "sha256": file.sha256,
            "rows": file.rows,
            "first": str(file.first),
            "last": str(file.last),
            "basis": file.basis,
        }
        | changes
        for file in prices.files
    ]
    path = folder / "manifest.json"
    inputs = {"source": prices.source, "files": [{"role": "catalogue"}, *files]}
    path.write_text(json.dumps({"inputs": inputs}))
    return path


class TestManifest:
    """A report's manifest gives the very prices again, or says that it cannot."""

    def test_after_the_cache_has_grown(self, source, fake, tmp_path):
        fake.splits = [START + timedelta(days=7)]
        prices = fetch(source, end=MIDDLE)
        manifest = write_manifest(tmp_path, prices)
        fetch(replace(source, now=lambda: NOW + timedelta(days=9)))
        again = fetch_prices(["RIOT"], source=manifest, cache=source.store.root)
        assert_frame_equal(again.frame, prices.frame)
        assert again.files == prices.files
        assert_frame_equal(again.issues, prices.issues)

    def test_after_a_split_has_changed_the_history(self, source, fake, tmp_path):
        prices = fetch(source, end=MIDDLE)
        manifest = write_manifest(tmp_path, prices)
        fake.factor = 0.5
        assert fetch(source).frame["close"][0] != prices.frame["close"][0]
        again = fetch_prices([], source=manifest, cache=source.store.root)
        assert_frame_equal(again.frame, prices.frame)

    def test_after_the_cache_has_gone(self, source, tmp_path):
        manifest = write_manifest(tmp_path, fetch(source))
        upkeep.clear(source.store.root)
        with pytest.raises(SourceError, match="RIOT: the cache has no version"):
            fetch_prices([], source=manifest, cache=source.store.root)

    def test_snapshot(self, tmp_path):
        prices = fetch_prices(["BTCM", "^GSPC"])
        manifest = write_manifest(tmp_path, prices)
        assert_frame_equal(fetch_prices([], source=manifest).frame, prices.frame)
        manifest = write_manifest(tmp_path, prices, sha256="0" * 64)
        with pytest.raises(SourceError, match="are not those"):
            fetch_prices([], source=manifest)

    def test_files_beside_the_manifest(self, tmp_path):
        folder = tmp_path / "mine"
        folder.mkdir()
        (folder / "A.csv").write_text("date,close\n2021-01-04,1\n")
        prices = read_prices(folder)
        manifest = write_manifest(tmp_path, prices)
        assert_frame_equal(fetch_prices([], source=manifest).frame, prices.frame)
        (folder / "A.csv").write_text("date,close\n2021-01-04,2\n")
        with pytest.raises(SourceError, match="A: the prices in files: mine are not"):
            fetch_prices([], source=manifest)

    @pytest.mark.parametrize(
        "text",
        ["", "{}", "[]", '{"inputs": 1}', "<html>", '{"inputs": {"files": [1]}}'],
    )
    def test_what_is_no_manifest(self, tmp_path, text):
        path = tmp_path / "manifest.json"
        path.write_text(text)
        with pytest.raises(DataError, match=r"manifest\.json: is not the manifest"):
            fetch_prices([], source=path)

    def test_a_crafted_manifest_reads_nothing_else(self, tmp_path):
        prices = replace(fetch_prices(["BTCM"]), source="files: ../../etc")
        with pytest.raises(SourceError, match="cannot be had again"):
            fetch_prices([], source=write_manifest(tmp_path, prices))
        prices = fetch_prices(["BTCM"])
        with pytest.raises(DataError, match="is not the manifest"):
            fetch_prices([], source=write_manifest(tmp_path, prices, symbol="../x"))


def test_a_file_of_the_store_says_how_it_came_to_be(source):
    fetch(source)
    provenance = read_stored(source.store.path("RIOT")).provenance
    assert provenance.client == "fake 1.0"
    assert provenance.fetched_at == NOW
    assert (provenance.start, provenance.end) == (START, END)
    assert provenance.adjusted_on == NOW.date()
