"""Ratio of volatility after to before an event, with tests that differ in trust.

The F test believes in normal, independent returns and is wrong for both reasons.
Brown-Forsythe and Fligner-Killeen survive fat tails, not volatility clustering. The
bootstrap and the placebo dates survive both, if the history is long enough to show
how volatility wanders when nothing happens.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from eventstudy.core.abnormal import Array, BoolArray
from eventstudy.core.errors import SpecError, unknown_name
from eventstudy.volatility.null_distributions import (
    MIN_PSEUDO_DATES,
    bootstrap_law,
    judge,
    log_ratio,
    placebo_law,
)
from eventstudy.volatility.spread import (
    ShiftResult,
    Spread,
    needed,
    spread_named,
    spread_of,
    window_reasons,
)

TESTS = ("f", "brown_forsythe", "fligner", "bootstrap", "placebo")
# Rows of which the resampled ratios are held in memory at once.
_CHUNK = 512

_Numbers = dict[str, Array]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Question:
    """What `variance_ratio` was asked, checked; ``observed`` is the log ratio (E,)."""

    kind: Spread
    pre: Array
    post: Array
    history: Array | None
    gap: int
    observed: Array
    level: float
    reps: int
    seed: int


def variance_ratio(
    pre: Array,
    post: Array,
    *,
    history: Array | None = None,
    gap: int = 0,
    tests: Sequence[str] = TESTS,
    spread: str | Spread = "sd",
    measure: str = "return",
    level: float = 0.95,
    reps: int = 1999,
    seed: int = 0,
) -> tuple[ShiftResult, ...]:
    """Ratio of standard deviations post / pre of each series, one result per test.

    pre : (E, P), post : (E, Q) returns or abnormal returns of the two windows, nan =
    missing; a return that spans k sessions is to be divided by sqrt(k). history :
    (E, S) the asset's sessions without those of events, nan = missing or excluded
    (see `cut`); gap : sessions between the windows; spread : a member of `SPREADS`.

    - ``f`` : ``F = ratio²``, (Q-1, P-1) degrees of freedom, with the exact interval
    - ``brown_forsythe`` : one-way F of the absolute deviations from the window's
      median, (1, P+Q-2); Brown & Forsythe (1974), J. American Stat. Association 69
    - ``fligner`` : chi² of normal scores of the ranks of these deviations; Fligner &
      Killeen (1976), same journal 71, median-centred as in Conover et al. (1981)
    - ``bootstrap`` : log ratio against its law on stationary bootstrap resamples of
      the history, and the symmetric interval; statistic = log ratio / sd of the law.
      Without a history the two windows, each divided by its own spread, stand in for
      it: valid for fat tails, too narrow when volatility clusters
    - ``placebo`` : log ratio against that at every pseudo-date of the history that
      does not use the event's sessions; needs ``history``. Both laws are widened for
      short histories, see `eventstudy.volatility.null_distributions`

    F, Brown-Forsythe and Fligner-Killeen need ``spread="sd"``.
    Raises `SpecError` for unknown tests or spreads and for shapes that do not fit.

    >>> rng = np.random.default_rng(0)
    >>> pre, post = rng.normal(size=(1, 50)), 2 * rng.normal(size=(1, 31))
    >>> f, bf = variance_ratio(pre, post, tests=("f", "brown_forsythe"))
    >>> f.ratio.round(2), f.pvalue.round(4), bf.pvalue.round(4)
    (array([2.27]), array([0.]), array([0.]))
    """
    pre, post = (np.atleast_2d(np.asarray(w, np.float64)) for w in (pre, post))
    past = None if history is None else np.atleast_2d(np.asarray(history, np.float64))
    kind = spread if isinstance(spread, Spread) else spread_named(spread)
    _check(pre, post, past, tests, level)
    s_pre, n_pre = spread_of(kind, pre)
    s_post, n_post = spread_of(kind, post)
    wanted = needed(pre.shape[1]), needed(post.shape[1])
    why = window_reasons(s_pre, n_pre, s_post, n_post, wanted)
    usable = np.array([w is None for w in why], np.bool_)
    observed = np.where(usable, log_ratio(s_pre, s_post), np.nan)
    ask = _Question(
        kind=kind,
        pre=pre,
        post=post,
        history=past,
        gap=gap,
        observed=observed,
        level=level,
        reps=reps,
        seed=seed,
    )
    results = []
    for test in tests:
        answer = _resampled if test in ("bootstrap", "placebo") else _classical
        numbers, lacks = answer(test, ask)
        reason = tuple(w or lack for w, lack in zip(why, lacks, strict=True))
        known = np.array([r is None for r in reason], np.bool_)
        one = np.ones(len(pre), np.int64)
        results.append(
            ShiftResult(
                measure=measure,
                test=test,
                pre=s_pre,
                post=s_post,
                ratio=np.exp(observed),
                n_pre=n_pre,
                n_post=n_post,
                n=one,
                n_clusters=one,
                reason=reason,
                **{k: np.where(known, v, np.nan) for k, v in numbers.items()},
            )
        )
    return tuple(results)


def _check(
    pre: Array,
    post: Array,
    history: Array | None,
    tests: Sequence[str],
    level: float,
) -> None:
    for test in tests:
        if test not in TESTS:
            raise unknown_name("variance test", test, TESTS)
    if not 0 < level < 1:
        raise SpecError(f"level = {level}: an interval's level lies between 0 and 1")
    if len(pre) != len(post) or (history is not None and len(history) != len(pre)):
        held = "none" if history is None else len(history)
        raise SpecError(
            f"pre has {len(pre)} rows, post {len(post)}, history {held}: one row per "
            "observation is wanted in each"
        )


def _classical(test: str, ask: _Question) -> tuple[_Numbers, list[str | None]]:
    if ask.kind.name != "sd":
        empty = np.full(len(ask.pre), np.nan)
        names = ("statistic", "pvalue", "df_num", "df", "ci_low", "ci_high")
        text = f"{test} is a test of the standard deviation, not of {ask.kind.name!r}"
        return dict.fromkeys(names, empty), [text] * len(ask.pre)
    with np.errstate(divide="ignore", invalid="ignore"):
        if test == "f":
            numbers = _f(ask.pre, ask.post, np.exp(ask.observed), ask.level)
        elif test == "brown_forsythe":
            numbers = _brown_forsythe(ask.pre, ask.post)
        else:
            numbers = _fligner(ask.pre, ask.post)
    return numbers, _why_missing(test, numbers["pvalue"], ask.observed)


def _why_missing(test: str, pvalue: Array, observed: Array) -> list[str | None]:
    lost = np.isnan(pvalue) & ~np.isnan(observed)
    text = f"the deviations from the median do not vary enough for {test}"
    return [text if one else None for one in lost]


def _f(pre: Array, post: Array, ratio: Array, level: float) -> _Numbers:
    df_post, df_pre = (np.isfinite(w).sum(axis=1) - 1.0 for w in (post, pre))
    statistic = ratio**2
    lower = special.fdtr(df_post, df_pre, statistic)
    upper = special.fdtrc(df_post, df_pre, statistic)
    tail = (1.0 - level) / 2.0
    high = special.fdtri(df_post, df_pre, 1.0 - tail)
    low = special.fdtri(df_post, df_pre, tail)
    return {
        "statistic": statistic,
        "pvalue": np.minimum(2.0 * np.minimum(lower, upper), 1.0),
        "df_num": df_post,
        "df": df_pre,
        "ci_low": ratio / np.sqrt(high),
        "ci_high": ratio / np.sqrt(low),
    }


def _brown_forsythe(pre: Array, post: Array) -> _Numbers:
    a, b = _deviations(pre), _deviations(post)
    (n_a, mean_a, ss_a), (n_b, mean_b, ss_b) = _moments(a), _moments(b)
    df = n_a + n_b - 2.0
    between = (mean_a - mean_b) ** 2 * n_a * n_b / (n_a + n_b)
    statistic = between * df / (ss_a + ss_b)
    return _no_interval(
        statistic, special.fdtrc(1.0, df, statistic), np.ones_like(df), df
    )


def _fligner(pre: Array, post: Array) -> _Numbers:
    deviations = np.concatenate([_deviations(pre), _deviations(post)], axis=1)
    valid = np.isfinite(deviations)
    n = valid.sum(axis=1, keepdims=True)
    score = special.ndtri(0.5 + _average_ranks(deviations, valid) / (2.0 * (n + 1.0)))
    score = np.where(valid, score, np.nan)
    n_all, mean_all, ss_all = _moments(score)
    n_a, mean_a, _ = _moments(score[:, : pre.shape[1]])
    n_b, mean_b, _ = _moments(score[:, pre.shape[1] :])
    between = n_a * (mean_a - mean_all) ** 2 + n_b * (mean_b - mean_all) ** 2
    statistic = between / (ss_all / (n_all - 1.0))
    one = np.ones_like(statistic)
    return _no_interval(statistic, special.chdtrc(1.0, statistic), one * np.nan, one)


def _no_interval(statistic: Array, pvalue: Array, df_num: Array, df: Array) -> _Numbers:
    empty = np.full_like(statistic, np.nan)
    return {
        "statistic": statistic,
        "pvalue": pvalue,
        "df_num": df_num,
        "df": df,
        "ci_low": empty,
        "ci_high": empty,
    }


def _deviations(window: Array) -> Array:
    """Absolute deviations from each row's median; nan where missing."""
    valid = np.isfinite(window)
    n = valid.sum(axis=1)
    ordered = np.sort(np.where(valid, window, np.inf), axis=1)
    rows = np.arange(len(window))
    middle = np.maximum(n - 1, 0) // 2, np.minimum(n // 2, window.shape[1] - 1)
    median = (ordered[rows, middle[0]] + ordered[rows, middle[1]]) / 2.0
    return np.where(valid, np.abs(window - median[:, None]), np.nan)


def _moments(values: Array) -> tuple[Array, Array, Array]:
    """Count, mean and sum of squares about the mean of each row, nan left out."""
    valid = np.isfinite(values)
    n = valid.sum(axis=1).astype(np.float64)
    mean = np.where(valid, values, 0.0).sum(axis=1) / n
    squares = np.where(valid, (values - mean[:, None]) ** 2, 0.0).sum(axis=1)
    return n, mean, squares


def _average_ranks(values: Array, valid: BoolArray) -> Array:
    """Ranks 1..n within each row, ties averaged, missing values last."""
    filled = np.where(valid, values, np.inf)
    order = np.argsort(filled, axis=1, kind="stable")
    ordered = np.take_along_axis(filled, order, axis=1)
    place = np.arange(values.shape[1])
    new = np.ones(values.shape, np.bool_)
    new[:, 1:] = ordered[:, 1:] != ordered[:, :-1]
    last = np.ones(values.shape, np.bool_)
    last[:, :-1] = new[:, 1:]
    first = np.maximum.accumulate(np.where(new, place, 0), axis=1)
    end = np.where(last, place, values.shape[1])[:, ::-1]
    end = np.minimum.accumulate(end, axis=1)[:, ::-1]
    ranks = np.empty_like(filled)
    np.put_along_axis(ranks, order, (first + end) / 2.0 + 1.0, axis=1)
    return ranks


def _resampled(test: str, ask: _Question) -> tuple[_Numbers, list[str | None]]:
    n_obs = len(ask.pre)
    pvalue, half, sd = (np.full(n_obs, np.nan) for _ in range(3))
    count = np.zeros(n_obs, np.int64)
    for start in range(0, n_obs, _CHUNK):
        rows = slice(start, start + _CHUNK)
        found = judge(ask.observed[rows], _law(test, ask, rows), ask.level)
        pvalue[rows], half[rows], sd[rows], count[rows] = found
    least = MIN_PSEUDO_DATES if test == "placebo" else ask.reps // 2
    with np.errstate(divide="ignore", invalid="ignore"):
        numbers = {
            "statistic": ask.observed / sd,
            "pvalue": pvalue,
            "df_num": np.full(n_obs, np.nan),
            "df": np.full(n_obs, np.inf),
            "ci_low": np.exp(ask.observed - half),
            "ci_high": np.exp(ask.observed + half),
        }
    no_history = ask.history is None
    return numbers, [_lack(test, int(c), least, no_history=no_history) for c in count]


def _law(test: str, ask: _Question, rows: slice) -> Array:
    lengths = ask.pre.shape[1], ask.gap, ask.post.shape[1]
    pre, post = ask.pre[rows], ask.post[rows]
    if test == "bootstrap":
        if ask.history is None:
            past, least = _standardised(ask.kind, pre, post), 1
        else:
            past, least = ask.history[rows], lengths[0] + lengths[2]
        return bootstrap_law(
            ask.kind,
            past,
            *lengths,
            reps=ask.reps,
            seed=ask.seed,
            least_block=least,
        )
    if ask.history is None:
        return np.empty((len(pre), 0))
    return placebo_law(ask.kind, ask.history[rows], *lengths)


def _standardised(kind: Spread, pre: Array, post: Array) -> Array:
    """Join the windows, each divided by its spread, so that the ratio is one."""
    halves = []
    for window in (pre, post):
        size, _ = spread_of(kind, window)
        centred = kind.parts(window)[0] if kind.name == "sd" else window
        scale = np.where(size > 0, size, np.nan)
        halves.append(centred / scale.reshape(-1, *[1] * (window.ndim - 1)))
    return np.concatenate(halves, axis=1)


def _lack(test: str, count: int, least: int, *, no_history: bool) -> str | None:
    if test == "placebo" and no_history:
        return "no history given to take pseudo-dates from"
    if count >= least:
        return None
    if test == "placebo":
        return f"{count} admissible pseudo-dates, {least} needed"
    return "the history is too short, or varies too little, to be resampled"
