"""A study: events + prices + spec -> `StudyResult`."""

from eventstudy.study.pipeline import run

__all__ = ["run"]
