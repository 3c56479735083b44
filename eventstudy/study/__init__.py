"""A study: events + prices + spec -> `StudyResult`."""

from eventstudy.study.walk import run

__all__ = ["run"]
