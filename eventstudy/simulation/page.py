"""The page of a simulation: which tests hold their size here, and what they find."""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from eventstudy.report import markdown as md
from eventstudy.report import numbers as nb
from eventstudy.report.folder import write_folder
from eventstudy.report.labels import study_title
from eventstudy.report.section import Section, page
from eventstudy.report.sections.provenance import (
    command_block,
    file_table,
    versions_text,
)
from eventstudy.report.tables import to_csv
from eventstudy.simulation.figures import (
    POWERS,
    SIZES,
    figures,
    sample_label,
    samples_of,
    trusted_first,
)
from eventstudy.simulation.request import (
    AS_DRAWN,
    DATES_DIFFER,
    QUESTIONS,
    SCENARIOS,
    State,
)
from eventstudy.simulation.result import SimulationResult
from eventstudy.simulation.schema import SCHEMA
from eventstudy.simulation.tables import CONFIDENCE, POWER
from eventstudy.spec import window_text

PAGE = "simulation.md"
MARKS = {"over-rejects": " ▲", "under-rejects": " ▽", "well-sized": ""}
WORDS = {"rise": "Rises", "fall": "Falls"}


def write_simulation(
    result: SimulationResult, folder: str | Path, *, force: bool = False
) -> Path:
    """Write simulation.md, figures, tables and manifest.json into a folder.

    All or nothing, and the same bytes each time, as `write_report`.

    Parameters
    ----------
    result : SimulationResult
        A finished simulation.
    folder : str or pathlib.Path
        The folder, made if it is not there.
    force : bool
        Whether to write also into a folder that is not empty and not an earlier
        report.

    Returns
    -------
    pathlib.Path
        The folder.

    Raises
    ------
    SpecError
        When the folder belongs to somebody else, or cannot be written.

    Examples
    --------
    >>> import eventstudy as es
    >>> result = es.simulate(spec, events, prices)  # doctest: +SKIP
    >>> es.write_simulation(result, "reports/china_2021_simulation")  # doctest: +SKIP
    PosixPath('reports/china_2021_simulation')
    """
    files = {PAGE: render(result).encode()}
    for name, image in figures(result).items():
        files[f"figures/{name}"] = image
    for name in SCHEMA:
        files[f"tables/{name}.csv"] = to_csv(getattr(result, name))
    about = {
        "spec": result.spec.as_dict(),
        "simulation": result.request.as_dict(),
        "seed": result.request.seed,
        "inputs": dict(result.provenance),
    }
    return write_folder(folder, files, about=about, force=force)


def render(result: SimulationResult) -> str:
    """Return the page as Markdown; neither clock nor path enters."""
    title = study_title(result.spec, result.provenance)
    head = [f"# Size and power: {md.escape(title)}", _scope(result)]
    return page([*head, *(section.write(result) for section in SECTIONS)])


def _scope(result: SimulationResult) -> str:
    r = result.request
    return (
        f"{r.replications:,} times the study's headline sample was repeated on days on "
        f"which nothing was announced, and the mean CAR{window_text(r.window)} tested "
        f"at {_given(r.level)} %{_sided(result)}. A test that can be trusted rejects "
        f"in about {_given(r.level)} % of these replications; a test that is of use "
        "rejects in most of them once an effect has been put in."
    )


def _sided(result: SimulationResult) -> str:
    sides = {"two-sided": "", "less": ", against falls", "greater": ", against rises"}
    return sides[result.spec.alternative]


def _trusted(result: SimulationResult) -> Iterator[str]:
    """Which tests hold their size, in words, tables and a figure."""
    yield _verdicts(result)
    for state in _without_effect(result):
        yield _size_table(result, state)
    yield _size_note(result)
    yield SIZES.picture(result)


def _verdicts(result: SimulationResult) -> str:
    """One sentence per sample on the first variance."""
    variance = result.request.variances[0]
    bullets = []
    for model, group in samples_of(result):
        rows = (
            result.sizes(variance)
            .filter(pl.col("size").is_not_null(), model=model, group=group)
            .sort("size", "test")
        )
        parts = []
        for verdict, lead in (
            ("well-sized", "well-sized"),
            ("over-rejects", "rejecting too often"),
            ("under-rejects", "rejecting too rarely"),
        ):
            held = rows.filter(pl.col("verdict") == verdict)
            if not held.is_empty():
                names = [
                    f"{md.code(test)} ({_rate(size)} %)"
                    for test, size in held.select("test", "size").rows()
                ]
                parts.append(f"{lead}: {nb.listing(names)}")
        said = "; ".join(parts) or "no test has an answer"
        bullets.append(f"**{md.escape(sample_label(model, group))}**: {said}.")
    return md.bullets(bullets)


def _without_effect(result: SimulationResult) -> list[State]:
    return [state for state in result.request.states if state.effect == 0]


def _size_table(result: SimulationResult, state: State) -> str:
    cells = {
        (row["model"], row["group"], row["test"]): row
        for row in result.sizes(state.variance, state.scenario).iter_rows(named=True)
    }
    samples = samples_of(result)
    rows = []
    for test in result.request.tests:
        row = [md.code(test)]
        for sample in samples:
            cell = cells[*sample, test]
            known = cell["size"] is not None
            mark = MARKS[cell["verdict"]] if cell["verdict"] else ""
            row.append(_rate(cell["size"]) + mark if known else nb.MISSING)
        rows.append(row)
    heads = ["Test", *(md.escape(sample_label(*sample)) for sample in samples)]
    return f"{_of_state(result, state)}\n\n{md.table(heads, rows)}"


def _of_state(result: SimulationResult, state: State) -> str:
    share = "Share of replications that reject without an effect, %"
    if state.scenario == DATES_DIFFER:
        return (
            f"{share}, when {SCENARIOS[DATES_DIFFER]}; tests that ask of these dates "
            "find that, rightly:"
        )
    if state.scenario != AS_DRAWN:
        return f"{share}, when {SCENARIOS[state.scenario]}:"
    if state.variance == 1:
        return f"{share}:"
    return (
        f"{share}, when the variance of the window's abnormal returns is "
        f"{state.variance:g} times that of the estimation window:"
    )


def _recommended(result: SimulationResult) -> Iterator[str]:
    """How the tests and intervals fare that a study of this design prints."""
    levels = result.request.levels
    yield (
        "A study of this design recommends one test for the question whether these "
        "dates moved prices, and where it can one for the question whether such "
        "announcements do (`recommended_these` and `recommended_such` in the tables). "
        "Shares without an effect in %, with the 95 % interval of the first, and how "
        "many of the intervals printed hold the true effect."
    )
    for state in _without_effect(result):
        rows = [
            row
            for sample in samples_of(result)
            for question in QUESTIONS
            if (row := _recommended_row(result, state, sample, question))
        ]
        heads = ["Sample", "Question", "Test"]
        heads += [f"at {_given(level)} %" for level in levels] + ["Interval holds, %"]
        name = state.scenario
        if state.variance != 1:
            name += f", variance of the window × {state.variance:g}"
        yield f"{name.capitalize()}:\n\n{md.table(heads, rows, 'lll' + 'r' * 4)}"


def _recommended_row(
    result: SimulationResult, state: State, sample: tuple[str, str], question: str
) -> list[str]:
    """Return a row of the table of one state; none without a test to speak of."""
    model, group = sample
    own = {"model": model, "group": group, "scenario": state.scenario}
    sizes = result.verdict.filter(
        **own, variance=state.variance, test=QUESTIONS[question]
    )
    asked = question == "these dates" and state.scenario == DATES_DIFFER
    if sizes["size"].null_count() or asked:
        return []
    first = sizes.row(0, named=True)
    rates = [_rate(size) for size in sizes["size"]]
    rates[0] += f" ({_rate(first['ci_low'])} to {_rate(first['ci_high'])})"
    held = result.coverage.filter(**own, variance=state.variance, question=question)
    coverage = held["coverage"][0]
    return [
        md.escape(sample_label(model, group)),
        question,
        md.code(first["stands_for"]),
        *rates,
        nb.MISSING if coverage is None else _rate(coverage),
    ]


def _size_note(result: SimulationResult) -> str:
    level, replications = result.request.level, result.request.replications
    half = 1.96 * (level * (1 - level) / replications) ** 0.5
    text = (
        f"▲ over-rejects, ▽ under-rejects: the {100 * CONFIDENCE:.0f} % interval of "
        "the rate (Clopper & Pearson 1934) does not hold the nominal level. With "
        f"{replications:,} replications a rate is known to about ±{_rate(half)} "
        "points, so of the tests that are exact about one in "
        f"{round(1 / (1 - CONFIDENCE))} is marked by chance."
    )
    reasons = result.verdict.filter(
        pl.col("size").is_null(), pl.col("test").is_in(result.request.tests)
    )
    lines = reasons.select("model", "group", "test", "reason").unique(
        maintain_order=True
    )
    said = [
        f"- {md.code(test)} for {md.escape(sample_label(model, group))} has no answer: "
        f"{md.escape(reason)}."
        for model, group, test, reason in lines.rows()
    ]
    return "\n\n".join([text, "\n".join(said)]).rstrip()


def _power(result: SimulationResult) -> Iterator[str]:
    """What is found how often; nothing when no effect was put in."""
    if result.power.is_empty():
        return
    yield from _power_tables(result)
    yield _power_note(result)
    yield POWERS.picture(result)


def _power_tables(result: SimulationResult) -> list[str]:
    variance = result.request.variances[0]
    sizes = {
        (row["model"], row["group"], row["test"]): row["verdict"]
        for row in result.sizes(variance).iter_rows(named=True)
    }
    power = result.power.filter(pl.col("variance") == variance)
    samples = samples_of(result)
    heads = ["Test", *(md.escape(sample_label(*sample)) for sample in samples)]
    tables = []
    for direction in power["direction"].unique(maintain_order=True).to_list():
        found = {
            (model, group, test): mde
            for model, group, test, mde in power.filter(
                pl.col("direction") == direction
            )
            .select("model", "group", "test", "mde")
            .rows()
        }
        beyond = f"> {_given(_largest(result, direction))}"
        rows = []
        for test in trusted_first(result):
            row = [md.code(test)]
            for sample in samples:
                mde = found[*sample, test]
                text = beyond if mde is None else _rate(mde)
                wrong = sizes[*sample, test] == "over-rejects"
                row.append(f"({text})" if wrong else text)
            rows.append(row)
        tables.append(
            f"{WORDS[direction]} on day 0 that are found with a probability of "
            f"{100 * POWER:.0f} %, in %:\n\n{md.table(heads, rows)}"
        )
    return tables


def _largest(result: SimulationResult, direction: str) -> float:
    effects = result.request.effects
    return max(effects) if direction == "rise" else -min(effects)


def _power_note(result: SimulationResult) -> str:
    return (
        "In brackets: the test over-rejects here, so part of what it finds is not "
        "there. The tests that over-reject least come first. Between the effects tried "
        f"({', '.join(_given(e) for e in result.request.effects)} %) the normal "
        "quantile of the rate is interpolated."
    )


def _simulated(result: SimulationResult) -> Iterator[str]:
    """What was drawn, how, and what had to be left out."""
    yield _design_table(result)
    yield _method(result)
    yield md.bullets(md.escape(note) for note in result.notes)


def _design_table(result: SimulationResult) -> str:
    rows = [
        [
            md.escape(sample_label(row["model"], row["group"])),
            md.escape(row["calendar"]),
            *(
                f"{row[name]:,}"
                for name in ("n", "n_assets", "n_dates", "n_clusters", "sessions")
            ),
            nb.decimal(row["block"], 1),
            f"{row['replications']:,}",
        ]
        for row in result.designs.iter_rows(named=True)
    ]
    heads = [
        "Sample",
        "Calendar",
        "Observations",
        "Assets",
        "Dates",
        "Clusters of dates",
        "Sessions drawn from",
        "Mean block",
        "Replications",
    ]
    return md.table(heads, rows, "llrrrrrrr")


def _method(result: SimulationResult) -> str:
    spec, r = result.spec, result.request
    return (
        "Every replication keeps the assets, the distances between the events in "
        "sessions, the windows and the missing sessions of the study. Its returns are "
        "whole sessions of the same prices: all assets and factors take the return of "
        "the same session, so correlation, factors and tails are those of the data. "
        "Sessions come in blocks of geometric length (stationary bootstrap, Politis & "
        "Romano 1994; mean length by Politis & White 2004 for squared returns), only "
        f"from sessions outside {window_text(spec.purge)} of every announcement of the "
        "catalogue; where sessions were taken out, those on either side count as "
        "adjacent. An effect is added to the abnormal return of day 0. A higher "
        "variance multiplies all abnormal returns of "
        f"{window_text(r.window)} by its square root, of all assets alike, so their "
        "correlation stays. Neither touches the estimation window. The idea of events "
        "on drawn dates is that of Brown & Warner (1980, 1985)."
    )


def _provenance(result: SimulationResult) -> Iterator[str]:
    """Everything that is needed to get the same numbers again."""
    yield file_table(result.provenance)
    yield f"Software: {versions_text(result.provenance)}. Seed: {result.request.seed}."
    yield command_block(result.provenance)
    yield (
        "All numbers in full precision: `tables/rejections.csv`, `tables/verdict.csv`, "
        "`tables/coverage.csv`, `tables/power.csv`, `tables/designs.csv`, written "
        "beside this page; settings and hashes: [manifest.json](manifest.json)."
    )


def _rate(value: float) -> str:
    """Write an estimated share or effect in per cent, one decimal."""
    return nb.decimal(100 * value, 1)


def _given(value: float) -> str:
    """Write a number of the request in per cent, with the digits that it was given."""
    return f"{100 * value:.6g}".replace("-", "−")


SECTIONS: tuple[Section[SimulationResult], ...] = (
    Section(title="Which tests can be trusted here", blocks=_trusted),
    Section(title="The tests that a study recommends", blocks=_recommended),
    Section(title="What can be found", blocks=_power),
    Section(title="What was simulated", blocks=_simulated),
    Section(title="Provenance", blocks=_provenance),
)
