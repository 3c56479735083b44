"""The command: ``eventstudy``, or ``python -m eventstudy``."""

import os
import sys


def main() -> None:
    """Run the command; Ctrl-C ends it from the first moment on."""
    from eventstudy.core.interrupt import install

    _open_streams()
    install()
    from eventstudy.cli.main import main as run

    run()


def _open_streams() -> None:
    """Open closed standard streams: the next file would be taken for one of them."""
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            os.open(os.devnull, os.O_RDWR)  # gets the lowest free number, this one
            setattr(sys, name, os.fdopen(number, "w" if number else "r"))


if __name__ == "__main__":
    main()
