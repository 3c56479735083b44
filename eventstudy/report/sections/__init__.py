"""The pages of the report and their sections, in order. A new section joins here."""

from collections.abc import Mapping
from types import MappingProxyType

from eventstudy.report.links import REPORT
from eventstudy.report.section import Section
from eventstudy.report.sections import (
    averages,
    chance,
    changes,
    counterfactuals,
    dependence,
    dictionary,
    doubts,
    drift,
    dynamics,
    events,
    finding,
    fit,
    headline,
    index,
    influence,
    instants,
    joint,
    kinds,
    left_out,
    limits,
    long_run,
    made,
    methods,
    opening,
    outcomes,
    overlap,
    paths,
    provenance,
    questions,
    uncertain_dates,
    volatility_tables,
)
from eventstudy.report.views import Views

SECTIONS: Mapping[str, tuple[Section[Views], ...]] = MappingProxyType(
    {
        REPORT: (
            opening.SECTION,
            averages.SECTION,
            index.SECTION,
            questions.SECTION,
            outcomes.SHORT,
            changes.SECTION,
            chance.SECTION,
            left_out.SECTION,
            limits.SECTION,
            made.SECTION,
        ),
        "announcements": (
            questions.DETAILS,
            events.SECTION,
            events.APPENDIX,
        ),
        "tests": (
            finding.SECTION,
            headline.SECTION,
            paths.SECTION,
            uncertain_dates.SECTION,
            kinds.SECTION,
            dependence.SECTION,
        ),
        "volatility": (
            volatility_tables.SECTION,
            dynamics.PERSISTENCE,
            dynamics.BREAKS,
        ),
        "volume": (dynamics.VOLUME, instants.SECTION, dynamics.INTRADAY),
        "outcomes": (outcomes.SECTION,),
        "overlap": (overlap.SECTION, joint.SECTION, long_run.SECTION),
        "diagnostics": (
            influence.SECTION,
            drift.SECTION,
            fit.SECTION,
            counterfactuals.SECTION,
        ),
        "left_out": (doubts.SECTION, left_out.DETAILS),
        "methods": (methods.SECTION, provenance.SECTION),
        "data": (dictionary.SECTION,),
    }
)
