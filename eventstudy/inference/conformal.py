"""The conformal test of single observations."""

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray
from eventstudy.core.cyclic import cyclic_sums
from eventstudy.core.loadings import sessions_spanned
from eventstudy.core.registry import TESTS
from eventstudy.core.windows import Window, columns, cumulate
from eventstudy.inference.entry import ONLY_CAR, EventTest
from eventstudy.inference.pvalues import Answers, Options
from eventstudy.inference.single import MIN_PSEUDO_DATES, or_few, usable_rows

FEW_SESSIONS = (
    "only {held} sessions to compare the window with, at least {wanted} are needed"
)
FITS = "the model fits every session of the window, or leaves nothing over"
BY_DONORS = (
    "the weights of donors are fitted to the window by eventstudy.models.conformal"
)
_SAME = 1e-10


def conformal(ab: Abnormal, window: Window, options: Options) -> Answers:
    """Conformal test of each observation: errors moved around in time.

    With no effect the window's sessions are like any others. So the model's regressors
    are fitted to the returns of the estimation window and the window together, by least
    squares, and ``S = Σ|u| / √L`` of the errors in the window is compared with that of
    every other L sessions in a row, the first following the last; the p-value counts
    the window itself and is at least 1/(T+L). One-sided: ``Σu``. The statistic is S
    over the errors' standard deviation, with the sign of the CAR. Exact for
    exchangeable errors whatever their distribution. Where volatility persists it is not
    for long windows: with GARCH errors 5.7 % rejections at 5 % for 3 sessions, 8.0 %
    for 21 and T = 99.
    Chernozhukov, Wüthrich & Zhu (2021), J. American Statistical Association 116.
    """
    sums = cumulate(ab, window)
    done, reasons = usable_rows(ab, sums)
    errors, rows, freedom = _errors(ab, window)
    n, length = rows.sum(axis=1), sums.n_valid
    sided = {"less": -errors, "greater": errors}.get(
        options.alternative, np.abs(errors)
    )
    moved = cyclic_sums(sided, rows, length)
    own = np.take_along_axis(moved, np.maximum(n - length, 0)[:, None], axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        s = np.sqrt((errors**2).sum(axis=1) / freedom)
        slack = _SAME * s * np.sqrt(length)
        count = (moved >= own - slack[:, None]).sum(axis=1)
        statistic = np.sign(sums.car) * np.abs(own[:, 0]) / (s * np.sqrt(length))
    donors = np.full(len(done), ab.weights.shape[1] > 0)
    still = ~(s > 1e-12 * ab.sigma) | (freedom <= 0)
    for where, text in ((donors, BY_DONORS), (still, FITS)):
        reasons = np.where(done & where, text, reasons)
        done = done & ~where
    reasons = or_few(done, reasons, n - length, MIN_PSEUDO_DATES, FEW_SESSIONS)
    done = done & (n - length >= MIN_PSEUDO_DATES)
    return Answers(
        estimate=sums.car,
        statistic=np.where(done, statistic, np.nan),
        pvalue=np.where(done, count / np.maximum(n, 1), np.nan),
        df=np.where(done, np.inf, np.nan),
        n=np.ones(len(done), np.int64),
        reason=reasons,
    )


TESTS.register(
    EventTest(
        name="conformal",
        meaning="errors of one fit to all sessions, moved around in time",
        null="H0: no effect on any session of i's window, for each i",
        citation="Chernozhukov, Wüthrich & Zhu (2021), J. American Statistical "
        "Association 116",
        robust_to={"non-normality", "missing data"},
        scale="estimation window",
        outcomes=ONLY_CAR,
        of_each=conformal,
    )
)


def _errors(ab: Abnormal, window: Window) -> tuple[Array, BoolArray, Array]:
    """Errors of one fit to estimation window and window, (E, T+L); 0 where missing.

    Regressing the model's errors, whatever it estimated, leaves those of the returns.
    In units of one session's; with them which sessions count, and degrees of freedom.
    """
    held, n_parameters = columns(ab, window), ab.xtx_inv.shape[1]
    given = np.concatenate([ab.residuals, ab.ar[:, held]], axis=1)
    span = np.concatenate([ab.span_estimation, ab.span_event[:, held]], axis=1)
    rows = ~np.isnan(given)
    root = np.where(rows, 1.0 / np.sqrt(span), 0.0)
    errors = np.where(rows, given, 0.0) * root
    if n_parameters:
        constant = sessions_spanned(ab.span_estimation)[..., None]
        before = np.concatenate([constant, ab.x_estimation], axis=2)
        x = np.concatenate([before, ab.x_event[:, held]], axis=1)
        x = np.where(rows[..., None], x, 0.0) * root[..., None]
        q = np.linalg.qr(x)[0]
        shared = np.einsum("etk,et->ek", q, errors)
        errors = errors - np.einsum("etk,ek->et", q, shared)
        errors = np.where(rows, errors, 0.0)
    return errors, rows, (rows.sum(axis=1) - n_parameters).astype(np.float64)
