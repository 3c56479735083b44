"""What the study cannot conclude, in one list."""

from collections.abc import Iterator

import polars as pl

from eventstudy.report import links
from eventstudy.report import numbers as nb
from eventstudy.report.labels import headline_ids
from eventstudy.report.section import Section
from eventstudy.report.sections import joint, kinds
from eventstudy.report.views import Views
from eventstudy.study.result import StudyResult


def blocks(views: Views) -> Iterator[str]:
    """Every limit that this study runs into."""
    result = views.result
    from eventstudy.report import markdown as md

    lines = [_other_news(result), _together(result), _kinds(result), _causes()]
    yield md.bullets(line for line in lines if line)


def _other_news(result: StudyResult) -> str:
    if "confounders" not in result.events.columns:
        return ""
    chosen = result.events.filter(
        pl.col("event_id").is_in(sorted(headline_ids(result)))
    )
    other = chosen.drop_nulls("confounders").height
    if not other:
        return ""
    return (
        f"**Other news.** Of {nb.count(chosen.height, 'headline announcement')} "
        f"{other} fell beside other news that the catalogue names; their effects "
        f"cannot be separated ({links.to('which', 'announcements')})."
    )


def _together(result: StudyResult) -> str:
    said = joint.summary(result)
    return f"**Announcements close together.** {said}" if said else ""


def _kinds(result: StudyResult) -> str:
    if not kinds.table(result, kinds.compared(result)):
        return ""
    return (
        "**Kinds of announcement.** Each kind rests on few dates, so that kinds "
        f"cannot be ranked ({links.to('compared', 'tests', kinds.SECTION.title)})."
    )


def _causes() -> str:
    return (
        "**Causes.** A test tells an effect of the dates from chance; that it is the "
        "announcement's, and not that of other news of those sessions, is an "
        "assumption. Prices also hold what was known or expected before."
    )


SECTION = Section(title="What cannot be concluded", blocks=blocks)
