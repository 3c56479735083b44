"""The command: ``eventstudy``, or ``python -m eventstudy``."""


def main() -> None:
    """Run the command; Ctrl-C ends it from the first moment on."""
    from eventstudy.core.interrupt import install

    install()
    from eventstudy.cli.main import main as run

    run()


if __name__ == "__main__":
    main()
