"""A study: events + prices + spec -> `StudyResult`."""

from eventstudy.study.pipeline import analyze, run

__all__ = ["analyze", "run"]
