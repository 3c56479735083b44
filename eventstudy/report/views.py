"""What several sections of a report look things up in, each made once per page."""

from functools import cached_property

from eventstudy.report.effects import Effects
from eventstudy.report.figures import DRAWINGS
from eventstudy.report.observations import Observations
from eventstudy.report.ratios import Ratios, all_ratios
from eventstudy.study.result import StudyResult


class Views:
    """A result, and views of its tables."""

    def __init__(self, result: StudyResult) -> None:
        self.result = result

    @cached_property
    def effects(self) -> Effects:
        """Average effects of the headline sample, with their tests."""
        return Effects(self.result, "headline")

    @cached_property
    def effects_of_all(self) -> Effects:
        """Average effects of all announcements, with their tests."""
        return Effects(self.result, "all")

    @cached_property
    def observations(self) -> Observations:
        """Observations by event and asset."""
        return Observations(self.result)

    @cached_property
    def ratios(self) -> Ratios:
        """Ratios of volatility with their tests."""
        return all_ratios(self.result)

    def figure(self, name: str) -> str:
        """Return a figure of that name with its caption; empty without data."""
        return DRAWINGS[f"{name}.svg"].picture(self.result)
