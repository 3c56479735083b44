"""A study: events + prices + spec -> `StudyResult`."""

from eventstudy.study.run import run

__all__ = ["run"]
