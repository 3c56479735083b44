"""LaTeX, workbooks, Stata files, tables from a folder, and what `diff` finds."""

import io
import json
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import report_sample as sample
from polars.testing import assert_frame_equal
from typer.testing import CliRunner

import eventstudy as es
from eventstudy.cli.main import app
from eventstudy.core.errors import DataError, SpecError
from eventstudy.report import write_report
from eventstudy.report.differences import differences
from eventstudy.report.formats import FORMATS, checked
from eventstudy.report.printed import latex_text
from eventstudy.report.saved import open_report
from eventstudy.report.tables import tables
from eventstudy.report.workbook import stata_names, to_dta, to_xlsx
from eventstudy.study.result import StudyResult

pytestmark = pytest.mark.long

NASTY = r"50% of A&B_c #1 {x} ~ ^ \end{longtable} $m$ <i>"


@pytest.fixture(scope="module")
def result() -> StudyResult:
    return sample.sample_result()


@pytest.fixture(scope="module")
def folder(result: StudyResult, tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("formats")
    return write_report(result, home / "invented", formats=tuple(FORMATS))


def run(*words: object) -> tuple[int, str, str]:
    done = CliRunner().invoke(app, [str(word) for word in words])
    return done.exit_code, done.stdout, done.stderr


# --- the formats of a report ----------------------------------------------------------


def test_every_format_gives_its_files(folder: Path) -> None:
    for name in ("report.md", "report.html", "tables.xlsx", "latex/all.tex"):
        assert (folder / name).is_file(), name
    assert (folder / "stata/cars.dta").is_file()
    outputs = json.loads((folder / "manifest.json").read_text())["outputs"]
    assert "latex/effects.tex" in outputs


def test_only_the_formats_that_are_asked_for(
    result: StudyResult, tmp_path: Path
) -> None:
    write_report(result, tmp_path / "one", formats=("tex",))
    names = {path.name for path in (tmp_path / "one").iterdir()}
    assert names == {"latex", "tables", "manifest.json"}


def test_formats_are_named_once_and_known() -> None:
    assert checked(["md,tex", "tex"]) == ("md", "tex")
    with pytest.raises(SpecError, match="known: md, html, tex, xlsx, dta"):
        checked(["pdf"])


def test_a_workbook_holds_the_numbers_of_the_tables(result: StudyResult) -> None:
    book = to_xlsx(result)
    assert book == to_xlsx(result)
    held = tables(result)
    for name in ("cars", "headline", "events"):
        found = pl.read_excel(
            io.BytesIO(book), sheet_name=name, infer_schema_length=None
        )
        assert found.columns == held[name].columns
        for column, kind in held[name].schema.items():
            if not kind.is_numeric():
                continue
            # a workbook holds 16 digits
            read = found[column].cast(pl.Float64)
            assert_frame_equal(
                read.to_frame(),
                held[name][column].cast(pl.Float64).to_frame(),
                rel_tol=1e-15,
                abs_tol=0,
            )
    front = pl.read_excel(io.BytesIO(book), sheet_name="about", has_header=False)
    assert "invented" in str(front.to_dicts())
    dictionary = pl.read_excel(io.BytesIO(book), sheet_name="dictionary")
    assert {"table", "column", "meaning"} <= set(dictionary.columns)


def test_a_workbook_calculates_nothing(result: StudyResult) -> None:
    events = result.events.with_columns(title=pl.lit('=HYPERLINK("http://x","y")'))
    book = to_xlsx(replace(result, events=events))
    found = pl.read_excel(io.BytesIO(book), sheet_name="events")
    assert found["title"][0] == '=HYPERLINK("http://x","y")'


def test_stata_reads_the_numbers_of_the_tables(result: StudyResult) -> None:
    import pandas as pd

    files = to_dta(result)
    assert files == to_dta(result)
    held = tables(result)["cars"]
    frame = pd.read_stata(io.BytesIO(files["cars"]))
    assert len(frame) == held.height
    assert frame["car"].to_list() == held["car"].to_list()
    assert frame["asset"].to_list() == held["asset"].to_list()
    with pd.io.stata.StataReader(io.BytesIO(files["cars"])) as reader:
        assert "cumulative abnormal return" in reader.variable_labels()["car"].lower()


def test_names_that_stata_takes_are_each_once() -> None:
    names = stata_names(["a b", "a_b", "x" * 40, "x" * 41, "1st", "byte", "漢"])
    assert len(set(names.values())) == 7
    assert all(len(name) <= 32 and name.isascii() for name in names.values())
    assert names["byte"] == "byte_"


# --- tables for papers ----------------------------------------------------------------


def test_latex_prints_a_text_as_it_is() -> None:
    text = latex_text(NASTY)
    assert r"\end{longtable}" not in text
    assert text.startswith(r"50\% of A\&B\_c \#1 \{x\}")


def test_stars_come_with_their_legend(result: StudyResult) -> None:
    certain = result.headline.with_columns(pvalue_these=pl.lit(0.004))
    held = replace(result, headline=certain)
    text = es.table(held, stars=True)
    assert "***" in text
    assert "*** p $<$ 0.01" in text
    assert "by the test of these dates" in text
    assert "***" not in es.table(held)


def test_numbers_of_a_table_are_those_of_the_result(result: StudyResult) -> None:
    text = es.table(result, "effects", to="csv", window=(-1, 1), group="bitcoin")
    rows = list(pl.read_csv(io.StringIO(text), infer_schema=False).iter_rows())
    shown = result.headline.filter(
        sample="headline", outcome="car", group="bitcoin", start=-1, end=1
    )
    assert len(rows) == shown.height
    value = 100 * (pl.Series(shown["estimate"]).exp() - 1)[0]
    assert float(rows[0][3].replace("−", "-")) == pytest.approx(value, abs=0.051)


@pytest.mark.parametrize("kind", ["effects", "cars", "tests", "volatility"])
@pytest.mark.parametrize("to", ["tex", "md", "html", "csv"])
def test_a_folder_gives_the_table_of_its_result(
    result: StudyResult, folder: Path, kind: str, to: str
) -> None:
    assert es.table(folder, kind, to=to) == es.table(result, kind, to=to)
    code, printed, _ = run("table", folder, "--kind", kind, "--to", to)
    assert code == 0
    assert printed == es.table(folder, kind, to=to)


def test_what_there_is_not_is_told(folder: Path, tmp_path: Path) -> None:
    for words, said in (
        (("table", folder, "--kind", "effect"), "effects"),
        (("table", folder, "--to", "pdf"), "tex"),
        (("table", folder, "--window", "3:4"), "it has"),
        (("table", folder, "--group", "bitcoins"), "bitcoin"),
        (("table", tmp_path), "holds no report"),
        (("diff", folder, tmp_path), "holds no report"),
    ):
        with pytest.raises(SpecError, match=said):
            CliRunner().invoke(app, [str(w) for w in words], catch_exceptions=False)


def test_a_table_that_was_changed_is_told(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    shutil.copytree(folder, copy)
    path = copy / "tables/headline.csv"
    path.write_text(path.read_text() + "\n")
    code, _, errors = run("table", copy)
    assert code == 0
    assert "was changed after the report was written" in errors
    path.unlink()
    with pytest.raises(DataError, match="is not there; write the report anew"):
        es.table(copy)


def test_a_regression_is_a_table() -> None:
    terms = {"term": ["Intercept", "kind=a&b"], "estimate": [-0.02, 0.01]}
    rest = {"se": [0.005, 0.1], "statistic": [-4.0, 0.1], "pvalue": [0.001, 0.92]}
    found = es.Regression(
        outcome="car",
        formula="~ kind",
        window=(-1, 1),
        model="market",
        sample="headline",
        terms=pl.DataFrame(terms | rest),
        n=6,
        left_out={},
        n_clusters={},
        r_squared=None,
        covariance="CR2",
        level=0.95,
    )
    text = es.table(found, stars=True)
    assert r"kind=a\&b & 0.0100 & 0.1000 & 0.10 & 0.920" in text
    assert "0.0200***" in text


@pytest.mark.slow
@pytest.mark.processes
def test_the_latex_compiles(result: StudyResult, tmp_path: Path) -> None:
    engine = "pdflatex"
    if shutil.which(engine) is None:
        pytest.skip(f"no {engine} on this machine")
    events = result.events.with_columns(title=pl.lit(NASTY))
    spec = sample.sample_spec(title=NASTY)
    changed = replace(result, events=events, spec=spec)
    folder = write_report(changed, tmp_path / "r", formats=("tex",)) / "latex"
    done = subprocess.run(
        [engine, "-interaction=nonstopmode", "-halt-on-error", "all.tex"],
        cwd=folder,
        capture_output=True,
    )
    assert done.returncode == 0, done.stdout.decode(errors="replace")[-2000:]
    assert (folder / "all.pdf").stat().st_size > 10_000


@pytest.mark.slow
@pytest.mark.processes
def test_the_workbook_opens_in_libreoffice(folder: Path, tmp_path: Path) -> None:
    office = shutil.which("soffice") or shutil.which("libreoffice")
    if office is None:
        pytest.skip("no LibreOffice on this machine")
    command = [office, "--headless", "--convert-to", "ods", "--outdir", tmp_path]
    done = subprocess.run([*command, folder / "tables.xlsx"], capture_output=True)
    assert done.returncode == 0
    assert (tmp_path / "tables.ods").stat().st_size > 10_000


# --- what moved between two reports ---------------------------------------------------


def test_the_same_report_has_no_difference(folder: Path) -> None:
    assert run("diff", folder, folder) == (0, "no difference\n", "")


def test_three_changes_are_named(
    result: StudyResult, folder: Path, tmp_path: Path
) -> None:
    changed = pl.col("event_id") == "E1"
    events = result.events.with_columns(
        title=pl.when(changed).then(pl.lit("Another title")).otherwise("title")
    )
    one = changed & (pl.col("asset") == "BTC-USD") & (pl.col("start") == -1)
    cars = result.cars.with_columns(
        car=pl.when(one).then(pl.col("car") * 1.5).otherwise("car")
    )
    spec = replace(result.spec, seed=7)
    other = replace(result, spec=spec, events=events, cars=cars)
    new = write_report(other, tmp_path / "new", formats=tuple(FORMATS))
    lines = differences(open_report(folder), open_report(new))
    assert lines[0] == f"settings: seed from {result.spec.seed} to 7"
    title = result.events["title"][0]
    assert f"events: title of E1 from {title!r} to 'Another title'" in lines
    (moved,) = [line for line in lines if line.startswith("cars: ")]
    assert moved.startswith("cars: car of E1 BTC-USD ")
    assert len(lines) == 3
    code, printed, _ = run("diff", folder, new)
    assert code == 1
    assert printed.splitlines() == lines
    assert len(differences(open_report(folder), open_report(new), 0.9)) == 2


def test_rows_that_are_new_or_gone_are_named(
    result: StudyResult, folder: Path, tmp_path: Path
) -> None:
    fewer = replace(result, events=result.events.head(2))
    new = write_report(fewer, tmp_path / "new")
    assert "events: E3 is gone" in differences(open_report(folder), open_report(new))
    assert "events: E3 is new" in differences(open_report(new), open_report(folder))


# --- for programs ---------------------------------------------------------------------


def test_json_is_printed_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("EVENTSTUDY_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "one.csv"
    path.write_text("event_id,announced_at,assets\nsummons,2021-06-21,BTCM\n")
    code, printed, _ = run("check", path, "--json", "--prices", "snapshot")
    assert code == 0
    found = json.loads(printed)
    assert found["events"][0]["event_id"] == "summons"
    assert found["events"][0]["day0"] == {"XNYS": "2021-06-21"}
    code, printed, _ = run("list", "tests", "--json")
    assert json.loads(printed)["tests"]["csect"]["meaning"]
    code, printed, _ = run("prices", "status", "--json")
    assert json.loads(printed)["files"] == []
    words = ("--market", "^GSPC", "-o", tmp_path / "out", "--json", "--format", "md")
    code, printed, _ = run("analyze", path, *words)
    assert code == 0
    found = json.loads(printed)
    assert found["window"] == [-1, 1]
    assert found["report"] == str(tmp_path / "out")
    assert not (tmp_path / "out/report.html").exists()


def test_without_words_it_says_what_to_do_first() -> None:
    code, printed, _ = run()
    assert code == 0
    assert "eventstudy init mine" in printed
