"""The sections of the report, in order; each holds its words. A new one joins here."""

from eventstudy.report.section import Section
from eventstudy.report.sections import (
    dependence,
    drift,
    dynamics,
    events,
    finding,
    fit,
    headline,
    joint,
    kinds,
    left_out,
    methods,
    opening_figures,
    overlap,
    provenance,
    questions,
    volatility_tables,
)
from eventstudy.report.views import Views

SECTIONS: tuple[Section[Views], ...] = (
    finding.SECTION,
    questions.SECTION,
    headline.SECTION,
    kinds.SECTION,
    opening_figures.SECTION,
    events.SECTION,
    joint.SECTION,
    volatility_tables.SECTION,
    dynamics.PERSISTENCE,
    dynamics.BREAKS,
    dynamics.VOLUME,
    dynamics.INTRADAY,
    left_out.SECTION,
    overlap.SECTION,
    dependence.SECTION,
    drift.SECTION,
    fit.SECTION,
    methods.SECTION,
    provenance.SECTION,
    events.APPENDIX,
)
