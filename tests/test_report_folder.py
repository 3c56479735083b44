"""The report as files: contract, provenance, and folders that survive anything."""

import errno
import hashlib
import json
import os
import re
import subprocess
import sys
import textwrap
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import report_sample as sample

from eventstudy.core.errors import SpecError
from eventstudy.report import check_folder, formats, pages, tables, write_report
from eventstudy.report import folder as report_folder
from eventstudy.report.tables import to_csv, to_parquet
from eventstudy.study.result import StudyResult

pytestmark = pytest.mark.long

CONTRACT = {
    "observations": "event_id asset group announced_utc precision day0 n_estimation "
    "status reason",
    "abnormal_returns": "event_id asset model offset session actual expected "
    "abnormal se",
    "cars": "event_id asset group model start end car se statistic df pvalue",
    "tests": "outcome model group start end test estimate statistic df pvalue n "
    "n_clusters reason",
    "volatility": "event_id asset group measure pre post ratio ci_low ci_high test "
    "statistic df pvalue",
    "aar": "model group offset aar caar se ci_low ci_high n",
}


def listing(folder: Path) -> dict[str, bytes]:
    """Every file below a folder with its content."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


@pytest.fixture
def no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stand in for the drawings, and write a page once: they take most of the time."""
    monkeypatch.setattr(
        formats,
        "begun",
        lambda _: {"caar.svg": b'<svg width="1pt" height="1pt" viewBox="0 0 1 1"/>'},
    )
    monkeypatch.setattr(formats, "pages", page)


PAGES: dict[str, dict[str, str]] = {}


def page(result: StudyResult) -> dict[str, str]:
    """The pages of a sample, known by its title."""
    title = str(result.spec.title)
    if title not in PAGES:
        PAGES[title] = pages(result)
    return PAGES[title]


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reports") / "invented"
    return write_report(sample.sample_result(), folder, parquet=True)


def other_result() -> object:
    result = sample.sample_result()
    return replace(result, spec=sample.sample_spec(title="Another title"))


@pytest.mark.parametrize("name", CONTRACT)
def test_tables_keep_the_promised_columns(name: str) -> None:
    assert set(CONTRACT[name].split()) <= set(
        tables(sample.sample_result())[name].columns
    )


def test_every_file_is_in_the_manifest(report: Path) -> None:
    files = listing(report)
    manifest = json.loads(files.pop("manifest.json"))
    assert manifest["outputs"] == {
        name: hashlib.sha256(content).hexdigest() for name, content in files.items()
    }
    assert set(files) >= {"report.md", "figures/caar.svg", "tables/cars.csv"}
    assert manifest["seed"] == sample.sample_spec().seed
    assert manifest["spec"]["returns"] == "log"
    assert manifest["inputs"]["command"] == "eventstudy analyze invented.csv"


def test_links_lead_to_files(report: Path) -> None:
    for page in (report / "report.md", *(report / "details").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        targets = {part.split(")")[0] for part in text.split("](")[1:]}
        local = {t.split("#")[0] for t in targets if not t.startswith(("#", "http"))}
        assert local
        assert all((page.parent / target).exists() for target in local)


def test_tables_are_named_and_not_linked(report: Path) -> None:
    """A published copy may come without them, and then has no dead link."""
    pages = (report / "details").glob("*.md")
    text = "".join(page.read_text(encoding="utf-8") for page in pages)
    named = set(re.findall(r"`(tables/[^`]+)`", text))
    assert {"tables/cars.csv", "tables/volatility.csv"} <= named
    assert all((report / name).is_file() for name in named)
    assert "](tables" not in text


@pytest.mark.processes
def test_the_same_result_gives_the_same_bytes(report: Path, tmp_path: Path) -> None:
    """In another process, with another hash seed, directory and time zone."""
    code = f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        import report_sample
        from eventstudy.report import write_report
        write_report(report_sample.sample_result(), "again", parquet=True)
    """
    package = Path(report_folder.__file__).parents[2]
    env = {
        **os.environ,
        "PYTHONHASHSEED": "17",
        "TZ": "Asia/Shanghai",
        "PYTHONPATH": str(package),
    }
    subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], cwd=tmp_path, env=env, check=True
    )
    assert listing(tmp_path / "again") == listing(report)


def test_nothing_tells_when_or_where_it_was_made(report: Path) -> None:
    for name, content in listing(report).items():
        assert str(report.parent).encode() not in content, name
        assert str(Path.home()).encode() + b"/" not in content, name


def test_csv_round_trips_every_float(report: Path) -> None:
    written = pl.read_csv(report / "tables" / "cars.csv")
    exact = sample.sample_result().cars
    for column in ("car", "se", "pvalue", "statistic"):
        assert written[column].to_list() == exact[column].to_list()


def test_csv_escapes_formulas_and_leaves_nulls_empty() -> None:
    table = pl.DataFrame(
        {
            "=evil": ["=1+1", "@x", "plain, with comma", None],
            "number": [-1.5, float("nan"), None, 0.1],
            "flags": [["leak", "stale"], [], None, ["a"]],
        }
    )
    events = replace(sample.sample_result(), events=table)
    text = to_csv(tables(events)["events"]).decode()
    assert text.splitlines() == [
        "'=evil,number,flags",
        "'=1+1,-1.5,leak; stale",
        "'@x,,",
        '"plain, with comma",,',
        ",0.1,a",
    ]


def test_instants_are_written_in_utc_and_parquet_keeps_types(report: Path) -> None:
    result = sample.sample_result()
    first = (report / "tables" / "observations.csv").read_text().splitlines()[1]
    assert ",2021-06-01T10:00:00Z," in first
    held = pl.read_parquet(report / "tables" / "observations.parquet")
    assert held.schema == result.observations.schema
    assert to_parquet(held) == (report / "tables" / "observations.parquet").read_bytes()


@pytest.mark.usefixtures("no_drawing")
def test_a_second_run_replaces_the_first(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write_report(sample.sample_result(), folder, parquet=True)
    (folder / "notes.txt").write_text("mine")
    (folder / "figures" / "mine.svg").write_text("mine too")
    write_report(other_result(), folder)  # type: ignore[arg-type]
    assert (folder / "report.md").read_text().startswith("# Another title")
    assert not list(folder.rglob("*.parquet")), "stale files of the earlier report"
    assert (folder / "notes.txt").read_text() == "mine"
    assert (folder / "figures" / "mine.svg").read_text() == "mine too"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("no_drawing")
def test_a_foreign_folder_is_left_alone(tmp_path: Path) -> None:
    folder = tmp_path / "thesis"
    folder.mkdir()
    (folder / "report.md").write_text("months of work")
    with pytest.raises(SpecError, match="--force"):
        write_report(sample.sample_result(), folder)
    assert listing(folder) == {"report.md": b"months of work"}
    (folder / "chapter.md").write_text("stays")
    write_report(sample.sample_result(), folder, force=True)
    assert (folder / "report.md").read_text().startswith("# invented")
    assert (folder / "chapter.md").read_text() == "stays"


@pytest.mark.parametrize("content", ["{", "[]", '{"program": "other"}', "\x00"])
@pytest.mark.usefixtures("no_drawing")
def test_a_foreign_manifest_is_no_ownership(tmp_path: Path, content: str) -> None:
    (tmp_path / "manifest.json").write_text(content)
    with pytest.raises(SpecError, match="not empty"):
        write_report(sample.sample_result(), tmp_path)


@pytest.mark.usefixtures("no_drawing")
def test_a_file_in_the_way_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("x")
    with pytest.raises(SpecError, match="is a file"):
        write_report(sample.sample_result(), tmp_path / "out", force=True)
    with pytest.raises(SpecError, match="cannot be written"):
        write_report(sample.sample_result(), tmp_path / "out" / "below")


@pytest.mark.usefixtures("no_drawing")
def test_the_folder_one_is_in_is_not_replaced(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "project").mkdir()
    monkeypatch.chdir(tmp_path / "project")
    for folder in (".", "..", tmp_path):
        with pytest.raises(SpecError, match="Choose a folder below"):
            write_report(sample.sample_result(), folder, force=True)


@pytest.mark.usefixtures("no_drawing")
def test_an_empty_folder_and_missing_parents_will_do(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    assert write_report(sample.sample_result(), tmp_path / "empty").is_dir()
    deep = tmp_path / "a" / "b" / "c"
    assert (write_report(sample.sample_result(), deep) / "report.md").exists()


@pytest.mark.parametrize(
    "failure", [OSError(errno.ENOSPC, "No space left on device"), KeyboardInterrupt()]
)
@pytest.mark.parametrize("step", ["write_bytes", "rename"])
@pytest.mark.parametrize("at", [1, 2])
@pytest.mark.usefixtures("no_drawing")
def test_an_interrupted_run_leaves_the_old_report(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    failure: BaseException,
    step: str,
    at: int,
) -> None:
    folder = tmp_path / "out"
    write_report(sample.sample_result(), folder)
    before = listing(folder)
    original, calls = getattr(Path, step), []

    def fail_once(path: Path, *args: object) -> object:
        calls.append(path)
        if len(calls) == at:
            raise failure
        return original(path, *args)

    monkeypatch.setattr(Path, step, fail_once)
    expected = SpecError if isinstance(failure, OSError) else KeyboardInterrupt
    with pytest.raises(expected):
        write_report(other_result(), folder)  # type: ignore[arg-type]
    monkeypatch.undo()
    assert listing(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("no_drawing")
def test_what_a_killed_run_left_half_written_is_cleared(tmp_path: Path) -> None:
    abandoned = tmp_path / ".out.eventstudy-new-killed"
    others = tmp_path / ".out2.eventstudy-new-killed"
    for folder in (abandoned, others):
        folder.mkdir()
        (folder / "report.md").write_text("half")
    write_report(sample.sample_result(), tmp_path / "out")
    left = sorted(path.name for path in tmp_path.iterdir())
    assert left == [".out2.eventstudy-new-killed", "out"]


@pytest.mark.usefixtures("no_drawing")
def test_a_run_killed_between_the_renames_is_put_right(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write_report(sample.sample_result(), folder)
    before = listing(folder)
    folder.rename(tmp_path / ".out.eventstudy-old")  # where SIGKILL struck
    write_report(sample.sample_result(), folder)
    assert listing(folder) == before
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.usefixtures("no_drawing")
def test_a_report_edited_by_hand_is_kept_beside(tmp_path: Path) -> None:
    folder = tmp_path / "out"
    write_report(sample.sample_result(), folder)
    before = listing(folder)
    (folder / "report.md").write_text("my words")
    write_report(sample.sample_result(), folder)
    assert (folder / "report.md.orig").read_text() == "my words"
    assert {n: c for n, c in listing(folder).items() if n != "report.md.orig"} == before
    (folder / "report.md").write_text("other words")
    write_report(sample.sample_result(), folder)
    assert (folder / "report.md.orig").read_text() == "my words"
    assert (folder / "report.md.orig1").read_text() == "other words"


@pytest.mark.usefixtures("no_drawing")
def test_what_was_made_since_a_kill_is_kept_with_what_was_there(tmp_path: Path) -> None:
    """Killed between the renames; then somebody makes the folder anew."""
    folder = tmp_path / "out"
    write_report(sample.sample_result(), folder)
    (folder / "mine.txt").write_text("mine")
    before = listing(folder)
    folder.rename(tmp_path / ".out.eventstudy-old")
    folder.mkdir()
    (folder / "log.txt").write_text("log")
    write_report(sample.sample_result(), folder, force=True)
    assert (folder / "log.txt").read_text() == "log"
    assert listing(tmp_path / "out.recovered") == before
    assert {path.name for path in tmp_path.iterdir()} == {"out", "out.recovered"}


def test_a_folder_that_cannot_be_is_refused_beforehand(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    for place in ("file", "file/below", "loop/below", "nul\0"):
        with pytest.raises(SpecError):
            check_folder(tmp_path / place)
    check_folder(tmp_path / "a" / "b")
    assert {path.name for path in tmp_path.iterdir()} == {"file", "loop"}
