"""The error stream is sent nowhere while a compiled reader works, and comes back."""

import os
import threading

from eventstudy.core.quiet import error_stream, quiet


def test_what_is_written_inside_is_not_seen_and_the_stream_comes_back(capfd):
    with quiet():
        os.write(2, b"a reader stopped")
        os.write(error_stream(), b"a word of ours\n")
    os.write(2, b"after\n")
    assert error_stream() == 2
    assert capfd.readouterr().err == "a word of ours\nafter\n"


def test_threads_that_overlap_leave_the_stream_as_it_was(capfd):
    begun, go = threading.Event(), threading.Event()

    def longer():
        with quiet():
            begun.set()
            go.wait(5)

    other = threading.Thread(target=longer)
    with quiet():
        other.start()
        assert begun.wait(5)
    os.write(2, b"still quiet")
    go.set()
    other.join()
    os.write(2, b"after\n")
    assert capfd.readouterr().err == "after\n"


def test_a_closed_error_stream_is_left_closed():
    kept = os.dup(2)
    os.close(2)
    try:
        with quiet():
            pass
        try:
            os.fstat(2)
            closed = False
        except OSError:
            closed = True
    finally:
        os.dup2(kept, 2)
        os.close(kept)
    assert closed
