"""The command line: every flag, every ending, and nothing lost on the way."""

import errno
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import typer

import eventstudy as es
import eventstudy.study
from eventstudy import __version__
from eventstudy.cli import list as families
from eventstudy.cli import main as cli
from eventstudy.cli import options
from eventstudy.cli.progress import stages
from eventstudy.core.errors import SpecError
from eventstudy.inference import TESTS
from eventstudy.models import MODELS
from eventstudy.report import formats
from eventstudy.spec.setting import settings_of
from eventstudy.study import inputs
from eventstudy.volatility import MEASURES, SHIFTS

ROOT = Path(__file__).parents[1]
TINY = "event_id,announced_at,assets\nsummons,2021-06-21T18:12+08:00,BTCM RIOT\n"
STUDY = """\
title = "A tiny study"
returns = "log"
windows = [[-1, 1], [0, 1]]

[groups]
china = ["BTCM"]
abroad = ["RIOT"]

[[models]]
name = "total"
model = "market"
factors = ["^GSPC"]

[[models]]
name = "net"
model = "factors"
factors = ["^GSPC", "BTC-USD"]
groups = ["china"]

[[questions]]
text = "What did the summons do?"
event_id = "summons"
models = ["total"]
window = [-1, 1]
"""


class Ended:
    """How a command ended: exit code and what it printed."""

    def __init__(self, code, out, err):
        self.code, self.out, self.err = code, out, err


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Run a command in a folder with the catalogue tiny.csv."""
    monkeypatch.chdir(tmp_path)
    Path("tiny.csv").write_text(TINY, encoding="utf-8")

    def command(*words):
        monkeypatch.setattr(sys, "argv", ["eventstudy", *map(str, words)])
        code = 0
        try:
            cli.main()
        except SystemExit as ended:
            code = ended.code
        return Ended(code, *capsys.readouterr())

    return command


@pytest.fixture
def analyze(run, monkeypatch):
    """Analyse the tiny catalogue, quickly: returns, few resamples, no figures."""
    quick = 'resamples = 99\nparts = ["returns"]\n'
    Path("tiny.toml").write_text(quick, encoding="utf-8")
    monkeypatch.setattr(
        formats,
        "begun",
        lambda _: {"caar.svg": b'<svg width="1pt" height="1pt" viewBox="0 0 1 1"/>'},
    )

    def command(*words):
        return run("analyze", "tiny.csv", "--market", "^GSPC", *words)

    return command


@pytest.fixture
def asked(run, monkeypatch):
    """The request that a command line makes of a catalogue with a study file."""
    Path("tiny.toml").write_text(STUDY, encoding="utf-8")

    class Stop(Exception):
        pass

    def command(*words):
        held = []

        def catch(
            catalogue, *, study, command, progress, strict, engine, resume, **said
        ):
            access = {name: said.pop(name) for name in ("cache", "offline", "refresh")}
            assert shlex.split(command)[:2] == ["eventstudy", "analyze"]
            request = inputs.request_of(catalogue, study, **said)
            held.append((request, access | {"strict": strict}))
            raise Stop

        monkeypatch.setattr(eventstudy.study, "analyze", catch)
        with pytest.raises(Stop):
            run("analyze", "tiny.csv", *words)
        return held[0]

    return command


def files(folder):
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(Path(folder).rglob("*"))
        if path.is_file()
    }


def settings(spec):
    return [(m.name, m.model, m.factors, m.groups) for m in spec.models]


# What a flag changes in the spec: words, attribute, value.
FLAGS = [
    ("--prices other.csv", "prices", "other.csv"),
    ("--returns simple", "returns", "simple"),
    ("--frequency weekly", "frequency", "weekly"),
    ("--missing drop", "missing", "drop"),
    ("--overlap keep", "overlap", "keep"),
    ("--day0 previous", "day0", "previous"),
    ("--alternative less", "alternative", "less"),
    ("--seed 7", "seed", 7),
    ("--tests bmp,rank", "tests", ("bmp", "rank")),
    ("--tests all", "tests", tuple(TESTS)),
    ("--estimation=-100:-20", "estimation", (-100, -20)),
    ("--estimation -100:-20", "estimation", (-100, -20)),
    ("--event-window=-5:5", "event_window", (-5, 5)),
    ("--vol-pre=-40:-11", "volatility_pre", (-40, -11)),
    ("--vol-event 0:3", "volatility_event", (0, 3)),
    ("--vol-post 0:20", "volatility_post", (0, 20)),
    ("--factor-file a.csv --factor-file b.csv", "factor_files", ("a.csv", "b.csv")),
    ("--factor-region Europe", "factor_region", "Europe"),
    ("--window 0:1 --window -1:1", "windows", ((0, 1), (-1, 1))),
    ("--window 0", "windows", ((0, 0),)),
    ("--title Mine", "title", "Mine"),
    ("--parts joint,returns", "parts", ("returns", "joint")),
    ("--date-format %d.%m.%Y", "date_format", "%d.%m.%Y"),
    ("--purge=-2:2", "purge", (-2, 2)),
    ("--stamps end", "stamps", "end"),
    ("--decimal ,", "decimal", ","),
    ("--sheet Closes", "sheet", "Closes"),
    ("--event-date-format %d/%m/%Y", "event_date_format", "%d/%m/%Y"),
    ("--event-sheet Deals", "event_sheet", "Deals"),
    ("--timezone Asia/Shanghai", "timezone", "Asia/Shanghai"),
    ("--cut-windows keep", "cut_windows", "keep"),
    ("--min-estimation 30", "min_estimation", 30),
    ("--min-coverage 0.5", "min_coverage", 0.5),
    ("--level 0.9", "level", 0.9),
    ("--resamples 199", "resamples", 199),
    ("--most-fitted 50", "most_fitted", 50),
    ("--regimes", "regimes", True),
    ("--assets BTCM", "groups", {"china": ("BTCM",)}),
    (
        "--assets RIOT,MSTR",
        "groups",
        {"abroad": ("RIOT",), "assets": ("MSTR",)},
    ),
    (
        "--group a=BTCM,RIOT --group b=CLSK",
        "groups",
        {"a": ("BTCM", "RIOT"), "b": ("CLSK",)},
    ),
]


@pytest.mark.parametrize(("words", "name", "value"), FLAGS)
def test_a_flag_overrides_the_study_file(words, name, value, asked):
    before = getattr(asked()[0].spec, name)
    assert before != value
    assert getattr(asked(*words.split())[0].spec, name) == value


MODELS_OF_FLAGS = [
    ("--market BTC-USD", [("market", "market", ("BTC-USD",), ())]),
    ("--factors BTC-USD", [("market", "market", ("BTC-USD",), ())]),
    (
        "--factors ^GSPC,BTC-USD",
        [("factors", "factors", ("^GSPC", "BTC-USD"), ())],
    ),
    (
        "--model market_adjusted --factors BTC-USD",
        [("market_adjusted", "market_adjusted", ("BTC-USD",), ())],
    ),
    (
        "--model market_adjusted",
        [("market_adjusted", "market_adjusted", ("^GSPC",), ())],
    ),
    ("--model constant_mean", [("constant_mean", "constant_mean", (), ())]),
    ("--factors capm", [("factors", "factors", ("mkt_rf",), ())]),
    ("--factors ff3", [("factors", "factors", ("mkt_rf", "smb", "hml"), ())]),
]


@pytest.mark.parametrize(("words", "expected"), MODELS_OF_FLAGS)
def test_a_model_from_flags_replaces_those_of_the_study_file(words, expected, asked):
    assert settings(asked(*words.split())[0].spec) == expected


def test_a_group_is_studied_by_the_models_of_its_assets(asked):
    spec = asked("--group", "mine=RIOT", "--group", "new=MSTR", "--group", "c=BTCM")
    assert settings(spec[0].spec) == [
        ("total", "market", ("^GSPC",), ("mine", "new", "c")),
        ("net", "factors", ("^GSPC", "BTC-USD"), ("new", "c")),
    ]


def test_questions_about_what_is_not_studied_are_left_out(asked):
    assert len(asked()[0].spec.questions) == 1
    assert asked("--window", "0:1")[0].spec.questions == ()
    (kept,) = asked("--model", "constant_mean")[0].spec.questions
    assert kept.models == ()


def test_another_study_file_can_be_named(asked):
    Path("other.toml").write_text('returns = "simple"\nseed = 3\n', encoding="utf-8")
    request, _ = asked("--study", "other.toml")
    assert (request.spec.returns, request.spec.seed) == ("simple", 3)
    assert list(request.inputs) == ["other.toml"]


@pytest.mark.parametrize(
    ("words", "name", "value"),
    [
        ("--offline", "offline", True),
        ("--refresh", "refresh", True),
        ("--strict", "strict", True),
        ("--cache here", "cache", Path("here")),
    ],
)
def test_a_flag_about_prices_reaches_the_source(words, name, value, asked):
    assert asked()[1][name] != value
    assert asked(*words.split())[1][name] == value


def test_prices_are_downloaded_where_the_snapshot_does_not_cover_the_study(asked):
    Path("tiny.toml").unlink()
    assert asked("--assets", "RIOT,BTC-USD")[0].spec.prices == "snapshot"
    request = asked("--assets", "RIOT,HUT", "--market", "^GSPC")[0]
    assert request.spec.prices == "yahoo"
    assert request.notes[-1].startswith("prices: yahoo, as the embedded snapshot")
    other = asked("--assets", "RIOT,HUT", "--prices", "snapshot")[0]
    assert other.spec.prices == "snapshot"


def test_defaults_are_told_where_there_is_no_study_file(asked):
    Path("tiny.toml").unlink()
    request, _ = asked()
    assert request.spec.returns == "log"
    assert request.spec.assumed == ("returns",)
    assert asked("--returns", "log")[0].spec.assumed == ()
    assert request.notes == (
        "no study file tiny.toml: defaults are used for what was not said",
    )


def test_every_flag_of_analyze_is_tested():
    analysis = typer.main.get_command(cli.app).commands["analyze"]
    flags = {name for parameter in analysis.params for name in parameter.opts}
    tests = sorted(Path(__file__).parent.glob("test_*cli*.py"))
    text = "".join(path.read_text(encoding="utf-8") for path in tests)
    untested = [f for f in sorted(flags) if f[:1] == "-" and f'"{f}' not in text]
    assert untested == []


WRONG = [
    ("--model nope", "--model: unknown model 'nope'; known: " + ", ".join(MODELS)),
    ("--tests nope", "--tests: unknown test 'nope'; known: " + ", ".join(TESTS)),
    ("--prices nope", "unknown source of prices 'nope'; known: "),
    (
        "--assets NOPE --prices snapshot",
        "no prices for NOPE in snapshot; it has BTBT",
    ),
    ("--engine nope", "unknown engine 'nope'; known: threads, processes"),
    ("--engine threads --cluster tcp://127.0.0.1:9", "give --cluster or --engine"),
    ("--returns nope", "--returns: returns = 'nope'; allowed: log, simple"),
    ("--missing nope", "missing = 'nope'; allowed: trade_to_trade, drop"),
    ("--overlap nope", "overlap = 'nope'; allowed: exclude, keep"),
    ("--day0 nope", "day0 = 'nope'; allowed: next, previous, error, drop"),
    ("--alternative nope", "alternative = 'nope'; allowed: two-sided, less, greater"),
    ("--window nope", "--window 'nope': write two whole numbers"),
    ("--window 1:0", "ends before it starts"),
    ("--window 0:99", "is not inside the event window [-10,+10]"),
    ("--estimation 5", "must end before the event window"),
    ("--vol-pre 0:10", "volatility_pre [0,+10] must end before"),
    ("--group nope", "--group 'nope': write NAME=SYMBOL,SYMBOL"),
    ("--group a=BTCM --group b=BTCM", "BTCM is in group 'a' and in 'b'"),
    ("--group all=BTCM", "no group can be called 'all'"),
    ("--assets ,", "--assets ',' names nothing"),
    ("--market ^GSPC --model market", "--market is short for"),
    ("--model market", "takes one factor, got none"),
    ("--seed -1", "--seed: seed = -1; wanted a whole number from 0"),
    ("--parts nope", "--parts: unknown part 'nope'; known: breaks, garch, illiquid"),
    ("--level 95", "--level: level = 95.0; wanted a confidence such as 0.95"),
    ("--study nope.toml", "nope.toml: the study file cannot be read"),
]


@pytest.mark.parametrize(("words", "message"), WRONG)
def test_a_wrong_flag_ends_with_one_message(words, message, run):
    ended = run("analyze", "tiny.csv", *words.split())
    assert ended.code == 2
    assert message in ended.err
    assert ended.err.startswith("eventstudy: ")
    assert ended.out == ""
    assert "Traceback" not in ended.err
    assert not Path("reports").exists()


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["analyze", "tiny.csv", "--wndow", "1"], "--window"),
        (["analyze", "tiny.csv", "--seed", "x"], "valid integer"),
        (["analyze"], "Missing argument"),
        (["nope"], "No such command"),
    ],
)
def test_a_command_that_cannot_be_parsed_says_so(words, message, run):
    ended = run(*words)
    assert ended.code == 2
    assert message in " ".join(ended.err.split())


def test_a_fault_of_the_study_file_is_told_with_its_name(run):
    Path("tiny.toml").write_text('retruns = "log"\n', encoding="utf-8")
    ended = run("check", "tiny.csv")
    assert ended.code == 2
    assert "tiny.toml:1: the study file has an unknown key 'retruns'" in ended.err
    assert "did you mean 'returns'?" in ended.err


def test_a_fault_of_a_flag_is_not_blamed_on_the_study_file(run):
    Path("tiny.toml").write_text(STUDY, encoding="utf-8")
    ended = run("check", "tiny.csv", "--day0", "nope")
    assert ended.code == 2
    assert "tiny.toml" not in ended.err


def test_debug_shows_the_traceback(run):
    with pytest.raises(SpecError, match="unknown model 'nope'"):
        run("analyze", "tiny.csv", "--model", "nope", "--debug")
    with pytest.raises(SpecError, match="day0 = 'nope'"):
        run("check", "tiny.csv", "--day0", "nope", "--debug")


def test_version_and_help(run):
    assert run("--version").out == f"eventstudy {__version__}\n"
    for words in (["--help"], ["-h"], ["analyze", "--help"], ["check", "-h"]):
        ended = run(*words)
        assert ended.code == 0
        assert "Usage:" in ended.out


@pytest.mark.processes
@pytest.mark.parametrize("words", ["--help", "analyze --help", "simulate --help"])
def test_help_needs_none_of_the_heavy_packages(words):
    heavy = ("polars", "numpy", "scipy", "pandas")
    if words == "--help":  # for the options of a command, typer itself wants it
        heavy += ("pydantic",)
    code = (
        f"import sys; sys.argv = ['eventstudy', *{words.split()!r}]\n"
        "from eventstudy.cli.main import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        f"print([m for m in {heavy!r} if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_families_are_listed_with_every_member(run):
    for family, members in (("models", MODELS), ("tests", TESTS)):
        printed = run("list", family).out.splitlines()
        names = [line.split()[0] for line in printed if line[:1].strip()]
        assert names == [family, *members]
        assert max(map(len, printed)) <= 100
    for family in ("outcomes", "long_run", "sources", "kinds"):
        assert run("list", family).out.strip()
    both = run("list", "volatility").out
    named = [line.split()[0] for line in both.splitlines() if line[:1].strip()]
    assert named == ["volatility", *SHIFTS, "measures", *MEASURES]
    ended = run("list", "nope")
    assert ended.code == 2
    assert "unknown family 'nope'; known: kinds, long_run, models" in ended.err
    heads = families.table("tests").splitlines()[0].split()
    assert heads == ["tests", "meaning", "null", "robust", "to", "least", "N", "source"]


@pytest.mark.processes
@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_a_terminal_without_our_signs_is_no_error(encoding):
    code = "from eventstudy.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "list", "models"],
        capture_output=True,
        env=os.environ | {"PYTHONIOENCODING": encoding},
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert b"constant_mean" in done.stdout


def test_check_shows_day_0_on_every_calendar(run):
    Path("tiny.csv").write_text(
        "event_id;announced_at;kind\nsaturday;2021-06-19T21:00+08:00;mining_ban\n"
        "late;2021-06-21T20:30Z;other\nday;2021-06-18;other\n",
        encoding="utf-8",
    )
    ended = run("check", "tiny.csv")
    assert ended.code == 0
    assert ended.out.splitlines()[:6] == [
        "event     announced               kind        day 0 on 24/7          "
        "day 0 on XNYS",
        "saturday  2021-06-19T21:00+08:00  mining_ban  Sat 2021-06-19 (open)  "
        "Mon 2021-06-21 (weekend, +2 d)",
        "late      2021-06-21T20:30Z       other       Mon 2021-06-21 (open)  "
        "Tue 2021-06-22 (post, +1 d)",
        "day       2021-06-18              other       Fri 2021-06-18 (open)  "
        "Fri 2021-06-18 (hour unknown)",
        "",
        "3 events, 3 in the headline sample, no problems found",
    ]
    assert "separator ';' detected" in ended.out
    previous = run("check", "tiny.csv", "--day0", "previous").out.splitlines()[1]
    assert previous.endswith("Fri 2021-06-18 (weekend, -1 d)")


def test_check_prints_all_problems_at_once(run):
    Path("tiny.csv").write_text(
        "event_id,announced_at,kind\na,2021-06-19T21:00,mining_ban\na,2021-06-31,nope\n",
        encoding="utf-8",
    )
    ended = run("check", "tiny.csv")
    assert ended.code == 2
    lines = ended.err.splitlines()
    assert lines[0] == "eventstudy: tiny.csv: 4 problems in the catalogue"
    places = [re.findall(r"tiny.csv:(\d): column '(\w+)'", line) for line in lines[1:]]
    assert [place for (place,) in places] == [
        ("2", "announced_at"),
        ("3", "event_id"),
        ("3", "announced_at"),
        ("3", "kind"),
    ]


def test_an_analysis_ends_with_a_table_and_the_place_of_the_report(analyze):
    ended = analyze("--window", "-1:1", "--window", "0:1")
    assert ended.code == 0
    assert ended.err == ""
    lines = ended.out.splitlines()
    assert lines[1] == "Studied: 1 announcement, 2 assets, 2 observations"
    assert lines[2].startswith("model market on ^GSPC")
    at = lines.index("Mean CAR[-1,+1] in per cent of price")
    head = r"group +model +CAAR +95 % interval +N +p +p such +agree +test"
    assert re.fullmatch(head, lines[at + 1])
    assert lines[at + 2].split()[:2] == ["all", "market"]
    assert lines[-2] == "Report: reports/tiny"
    assert lines[-1].endswith("reports/tiny/report.html")
    assert Path("reports/tiny/report.md").is_file()


def test_the_recommended_test_is_run_even_if_not_asked_for(analyze):
    text = TINY.replace("BTCM RIOT", "BTCM")
    Path("tiny.csv").write_text(text, encoding="utf-8")
    lines = analyze("--tests", "csect").out.splitlines()
    at = lines.index("Mean CAR[-1,+1] in per cent of price")
    head, row = lines[at + 1 : at + 3]
    assert row.split()[-1] == "t"
    place = head.index(" p ") + 2
    assert 0 < float(row[:place].split()[-1]) < 1


def test_the_closing_table_has_columns_as_wide_as_their_content():
    rows = [
        ("group", "N"),
        ("china_rigs - foreign_rigs", "6"),
        ("all", "54"),
    ]
    assert options.aligned(rows, left={0}) == [
        "group                       N",
        "china_rigs - foreign_rigs   6",
        "all                        54",
    ]


def test_quiet_prints_nothing_and_out_says_where(analyze):
    ended = analyze("--quiet", "--out", "here/there", "--parquet")
    assert (ended.code, ended.out, ended.err) == (0, "", "")
    assert not Path("reports").exists()
    tables = Path("here/there/tables")
    assert {path.stem for path in tables.glob("*.parquet")} == {
        path.stem for path in tables.glob("*.csv")
    }


def test_nothing_estimable_is_an_error_with_its_reasons(run):
    Path("tiny.csv").write_text(
        "event_id,announced_at,assets\nearly,2020-08-10,BTCM\n", encoding="utf-8"
    )
    ended = run("analyze", "tiny.csv", "--market", "^GSPC")
    assert ended.code == 2
    assert "there is nothing to study" in ended.err
    assert "early, BTCM: prices do not cover the event window" in ended.err


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_the_stage_is_shown_on_a_terminal_only(monkeypatch, capsys):
    with stages(quiet=False) as tell:
        tell("Reading prices")
    assert capsys.readouterr() == ("", "")
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with stages(quiet=True) as tell:
        tell("Reading prices")
    assert terminal.getvalue() == ""
    with stages(quiet=False) as tell:
        tell("Reading prices")
    assert "Reading prices" in terminal.getvalue()


@pytest.mark.long
def test_the_command_in_the_manifest_gives_the_same_bytes_elsewhere(
    run, tmp_path, monkeypatch
):
    options = ["--window", "0:1", "--seed", "5", "--returns", "simple"]
    words = ["analyze", "tiny.csv", "--market", "^GSPC", *options]
    assert run(*words, "-q", "-o", "first").code == 0
    assert "figures/caar.svg" in files("first")
    first = files("first")
    recorded = json.loads(first["manifest.json"])["inputs"]["command"]
    assert recorded == shlex.join(["eventstudy", *words])
    assert str(tmp_path).encode() not in b"".join(first.values())
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "tiny.csv").write_text(TINY, encoding="utf-8")
    monkeypatch.chdir(elsewhere)
    assert run(*shlex.split(recorded)[1:], "--out=second", "--force").code == 0
    assert files("second") == first


def test_the_recorded_command_is_without_what_changes_no_number():
    words = ["analyze", "x.csv", "--seed", "5", "--assets", "BTCM,^GSPC"]
    silent = ["-q", "--force", "--debug", "--offline", "--refresh"]
    places = ["-o", "a b", "--out=c", "--out", "d", "--cache", "e", "--cache=f"]
    recorded = options.command_line([*silent, *words[:3], *places, *words[3:]])
    assert recorded == shlex.join(["eventstudy", *words])


def test_a_folder_of_somebody_else_is_kept_without_force(analyze):
    Path("mine").mkdir()
    Path("mine/notes.txt").write_text("mine", encoding="utf-8")
    ended = analyze("-o", "mine")
    assert ended.code == 2
    assert "holds no report of ours" in ended.err
    assert "--force" in ended.err
    assert files("mine") == {"notes.txt": b"mine"}
    assert analyze("-q", "-o", "mine", "--force").code == 0
    assert files("mine")["notes.txt"] == b"mine"
    assert Path("mine/report.md").is_file()


def test_a_file_is_no_place_for_a_report(analyze):
    before = Path("tiny.csv").read_bytes()
    for place in ("tiny.csv", "tiny.csv/below"):
        ended = analyze("-o", place)
        assert ended.code == 2
        assert "tiny.csv" in ended.err
    assert Path("tiny.csv").read_bytes() == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_without_permission_is_told(analyze):
    Path("locked").mkdir(mode=0o555)
    ended = analyze("-o", "locked/report")
    assert ended.code == 2
    assert "cannot be written" in ended.err


def failing_at(number, error):
    """Write some files, then fail."""
    written = Path.write_bytes
    count = 0

    def write(self, content):
        nonlocal count
        count += 1
        if count == number:
            written(self, content[:10])
            raise error
        return written(self, content)

    return write


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), 2, "No space left"),
    ],
    ids=["full disk"],
)
@pytest.mark.parametrize("number", [1, 12])
def test_an_interrupted_run_leaves_the_old_report_whole(
    error, code, message, number, analyze, monkeypatch
):
    Path("out").mkdir()
    old = {"manifest.json": b'{"program": "eventstudy", "outputs": {}}'}
    Path("out/manifest.json").write_bytes(old["manifest.json"])
    monkeypatch.setattr(Path, "write_bytes", failing_at(number, error))
    ended = analyze("-o", "out")
    assert ended.code == code
    assert message in ended.err
    assert ended.out == ""
    assert files("out") == old
    assert {path.name for path in Path().iterdir()} == {"out", "tiny.csv", "tiny.toml"}


KILLED = """
import os, signal, sys
from pathlib import Path
from eventstudy.cli import main as cli
from eventstudy.report import folder as report_folder
from eventstudy.report import formats

def kill(*_):
    os.kill(os.getpid(), signal.SIGKILL)

formats.figures = lambda _: {}
{patch}
cli.main()
"""


@pytest.mark.processes
@pytest.mark.parametrize(
    "patch",
    ["report_folder._keep_foreign = kill", "Path.rename = kill"],
    ids=["before the last file", "before the swap"],
)
def test_a_killed_run_leaves_the_old_report_whole(patch, analyze):
    assert analyze("-q", "-o", "out").code == 0
    old = files("out")
    code = KILLED.replace("{patch}", patch)
    words = ["analyze", "tiny.csv", "--market", "^GSPC", "--seed", "9", "-o", "out"]
    done = subprocess.run([sys.executable, "-c", code, *words], capture_output=True)
    assert done.returncode == -signal.SIGKILL
    assert files("out") == old
    assert analyze("-q", "-o", "out").code == 0
    assert files("out") == old


def test_a_group_that_is_named_twice_has_the_assets_of_both():
    given = {"groups": ["a=RIOT,MARA", "b=BTCM", "a=CLSK"]}
    found = options.overrides(given)["groups"]
    assert found == {"a": ["RIOT", "MARA", "CLSK"], "b": ["BTCM"]}


def test_the_root_is_no_folder_for_a_report(analyze):
    ended = analyze("-o", "/")
    assert ended.code == 2
    assert "Choose a folder below" in ended.err


@pytest.mark.processes
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_ctrl_c_ends_a_command_at_once_and_with_one_word(analyze, number):
    """At any moment: during imports, in threads, while files are written."""
    assert analyze("-q", "-o", "out").code == 0
    old = files("out")
    there = {path.name for path in Path().iterdir()}
    words = {
        "analyze": ["tiny.csv", "--market", "^GSPC", "--seed", "9", "-q", "-o", "out"],
        "simulate": ["tiny.csv", "--replications", "100000", "-q", "-o", "sim"],
    }
    for command, given in words.items():
        for moment in (0.15, 0.5, 1.2, 2.0):
            child = subprocess.Popen(
                [sys.executable, "-m", "eventstudy", command, *given],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
            )
            time.sleep(moment)
            child.send_signal(number)
            sent = time.monotonic()
            out, err = child.communicate(timeout=30)
            took = time.monotonic() - sent
            if child.returncode == 0:
                continue  # it was over before
            assert took < 2, (command, moment)
            early = (moment, child.returncode) == (0.15, 1)
            early |= (moment, child.returncode, err) == (0.15, 130, b"")
            if child.returncode == -number or early:
                continue  # before the first line of ours, or after the last
            assert child.returncode in (130, 143), (command, moment, err)
            assert err == b"eventstudy: interrupted; nothing was overwritten\n"
            assert out == b""
            assert {p.name for p in Path().iterdir()} <= there | {"sim"}
    assert set(old) <= set(files("out"))


@pytest.mark.processes
def test_what_is_printed_commands_no_terminal(analyze, capsys):
    from eventstudy.cli.terminal import say

    say("a\x1b]0;title\x07b\u202ec" + "x" * 9000)
    said = capsys.readouterr().out
    assert "\x1b" not in said
    assert "\x07" not in said
    assert len(said) < 2100
    Path("odd.csv").write_text("event_id,announced_at,\x1b[31mcol\ne,2021-05-21,x\n")
    code = subprocess.run(
        [sys.executable, "-m", "eventstudy", "check", "odd.csv"],
        capture_output=True,
        check=False,
    )
    assert b"\x1b" not in code.stdout + code.stderr


def test_init_writes_files_to_start_from(analyze, capsys):
    Path("list.csv").write_text("ticker,date\nRIOT,21/06/2021\nMARA,05/05/2021\n")
    for name, given in (("deals", []), ("mine", ["list.csv"])):
        assert run_main("init", name, *given) == 0
        table = tomllib.loads(Path(f"{name}.toml").read_text(encoding="utf-8"))
        assert table == {}
        assert run_main("check", f"{name}.csv") == 0
        assert "2 events" in capsys.readouterr().out
        assert run_main("init", name) == 2
        assert "there already" in capsys.readouterr().err
        assert run_main("init", name, *given, "--force") == 0
    assert run_main("init", "sales.csv") == 0
    assert Path("sales.csv").is_file()
    text = Path("deals.toml").read_text(encoding="utf-8")
    for setting in settings_of(es.StudySpec):
        if setting.flag and setting.default is not None:
            assert f"# {setting.name} = " in text or setting.name == "groups"


def run_main(*words):
    """Run the command in this process; return its code."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["eventstudy", *words])
        try:
            cli.main()
        except SystemExit as ended:
            return int(ended.code or 0)
    return 0


@pytest.mark.processes
def test_without_yfinance_all_but_yahoo_works(analyze):
    code = "import sys; sys.modules['yfinance'] = None; "
    code += "from eventstudy.cli.main import main; main()"
    words = [sys.executable, "-c", code]
    said = {}
    for name, given in {
        "yahoo": ["analyze", "tiny.csv", "--market", "^GSPC", "--prices", "yahoo"],
        "analyze": ["analyze", "tiny.csv", "--market", "^GSPC", "-q", "-o", "out"],
        "list": ["list", "sources"],
    }.items():
        done = subprocess.run(
            [*words, *given], capture_output=True, text=True, check=False
        )
        said[name] = done.returncode, done.stderr
    assert said["analyze"][0] == said["list"][0] == 0
    assert said["yahoo"][0] == 2
    assert "pip install yfinance" in said["yahoo"][1]


@pytest.mark.processes
@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-", "<&- >&- 2>&-"])
def test_closed_streams_change_no_exit_code(tmp_path, closed):
    """The next file opened gets the number of a stream that is closed."""
    command = f"{sys.executable} -m eventstudy"
    for words, code in (("list kinds", 0), ("analyze nothing.csv", 2)):
        ended = subprocess.run(
            ["/bin/sh", "-c", f"{command} {words} {closed}"],
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert ended.returncode == code, words
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("words", [["analyze"], ["check"], ["simulate"]])
@pytest.mark.parametrize("name", [".", "/", ""])
def test_a_folder_is_no_catalogue(words, name, monkeypatch, capsys, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "argv", ["eventstudy", *words, name])
    with pytest.raises(SystemExit) as ended:
        cli.main()
    assert ended.value.code == 2
    assert "Is a directory" in capsys.readouterr().err
