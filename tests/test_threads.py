"""The same bytes, however many threads the libraries below are given."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import scipy.linalg  # noqa: F401 - with its own linear algebra
from conftest import ROOT
from threadpoolctl import threadpool_info, threadpool_limits

from eventstudy.core.threads import OneThread

pytestmark = pytest.mark.processes
SWITCHES = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "POLARS_MAX_THREADS")
BY_COMMAND = "from eventstudy.__main__ import main; main()"
BY_LIBRARY = """
import eventstudy as es

told = "eventstudy analyze events/china_2021.csv"
result = es.analyze("events/china_2021.csv", parts=["all"], command=told)
es.write_report(result, "reports/china_2021")
"""


@pytest.mark.long
@pytest.mark.parametrize(
    ("program", "words", "threads"),
    [
        (BY_COMMAND, ["analyze", "events/china_2021.csv", "-q"], 2),
        (BY_LIBRARY, [], 4),
    ],
)
def test_the_bytes_of_a_report_do_not_depend_on_threads(
    worked_example, tmp_path, program, words, threads
):
    (tmp_path / "events").symlink_to(ROOT / "events", target_is_directory=True)
    (tmp_path / "reports").mkdir()
    subprocess.run(
        [sys.executable, "-c", program, *words],
        env=os.environ | dict.fromkeys(SWITCHES, f"{threads}"),
        cwd=tmp_path,
        check=True,
    )
    report = tmp_path / "reports/china_2021"
    paths = [p.relative_to(report) for p in report.rglob("*") if p.is_file()]
    ours = worked_example.report
    theirs = [p.relative_to(ours) for p in ours.rglob("*") if p.is_file()]
    assert sorted(paths) == sorted(theirs)
    assert len(paths) > 30
    for path in paths:
        assert (report / path).read_bytes() == (ours / path).read_bytes(), path


def blas_threads():
    return {
        one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"
    }


def test_one_thread_inside_and_as_before_after():
    with threadpool_limits(limits=2, user_api="blas"):
        before = blas_threads()
        with OneThread(), OneThread():
            assert blas_threads() == {1}
        assert blas_threads() == before


def test_the_last_of_several_frees_the_threads():
    inside, leave = threading.Barrier(3), threading.Event()
    seen = []

    @OneThread()
    def work(wait):
        inside.wait(10)
        if wait:
            leave.wait(10)
        seen.append(blas_threads())
        return np.ones(3) @ np.ones(3)

    threads = [threading.Thread(target=work, args=(wait,)) for wait in (True, False)]
    for thread in threads:
        thread.start()
    inside.wait(10)
    threads[1].join()
    assert blas_threads() == {1}
    leave.set()
    threads[0].join()
    assert seen == [{1}, {1}]
    assert OneThread._inside == 0
