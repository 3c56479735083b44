"""One batched least-squares solver for all linear normal-return models.

A return that spans k sessions (prices were missing in between) has k times the
variance and k times the intercept, so it enters with weight 1/k (trade-to-trade
returns, Maynes & Rumsey 1993, J. Banking & Finance 17). With k = 1 this is ordinary
least squares.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from eventstudy.core.abnormal import Abnormal, Array, BoolArray, Clock, IntArray, Status
from eventstudy.core.errors import SpecError
from eventstudy.core.windows import whole
from eventstudy.models import equations

# Above these shares of the sums of squares, plain sums keep ten digits and more.
_WELL_SPREAD = 1e-3
# A residual sd below this share of the returns' root mean square is rounding noise.
_NO_RESIDUAL = 1e-10
# Returns and factors that are fitted together: few enough for the cache.
_CACHED = 2**17


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelInput:
    """Validated input of a model: valid sessions, spans, and who lived when.

    y : (E, T+L);  x : (E, T+L, F) factors without a constant; nan = no return
    valid, span : (E, T+L);  n_estimation : T
    complete : every return is there and spans one session
    first_offset : event time of the first event-window column
    """

    y: Array
    x: Array
    valid: BoolArray
    span: Array
    n_estimation: int
    complete: bool = False
    asset: IntArray
    clock: IntArray
    clocks: Clock
    first_offset: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Fit:
    """Coefficients (E, K), (X'X)^-1 (E, K, K), sigma, df, r_squared, status (E,).

    cov_coef : (E, K, K) covariance of the coefficients over sigma², (X'X)^-1 if None
    further : what else is estimated, by name: value and standard error (E, 2)
    """

    coefficients: Array
    xtx_inv: Array
    sigma: Array
    df: Array
    r_squared: Array
    status: np.ndarray[tuple[int, ...], np.dtype[np.int8]]
    cov_coef: Array | None = None
    further: Mapping[str, Array] = field(default_factory=dict)


def model_input(
    y: Array,
    x: Array | None,
    *,
    n_estimation: int,
    span: Array | None = None,
    asset: IntArray | None = None,
    clock: IntArray | None = None,
    clocks: Clock | None = None,
    first_offset: int | None = None,
) -> ModelInput:
    """Check shapes and fill in what was left out.

    x : (E, T+L) or (E, T+L, F) factors by row; (T+L,) or (T+L, F) are those of all
    rows. A shape that is y's own is one factor by row.
    first_offset : event time of column T, by default -(L//2) for an odd number L of
    event-window columns, whose middle is day 0.
    Without ``asset`` every row is an asset of its own; without ``clocks`` all rows
    lived through the same sessions, numbered 0 to T+L-1 (one shared event date).

    Raises `SpecError` for shapes that do not fit.
    """
    y = np.atleast_2d(np.asarray(y, dtype=np.float64))
    if y.ndim != 2:
        raise SpecError(f"y has shape {y.shape}; wanted (E, T+L), a row per asset")
    n_obs, n_sessions = y.shape
    x = _by_row(x, n_obs, n_sessions)
    held = whole(n_estimation)
    if held is None or not 0 < held < n_sessions:
        raise SpecError(
            f"n_estimation = {n_estimation!r}: wanted a whole number; y has "
            f"{n_sessions} sessions and needs at least one in the estimation and one "
            "in the event window"
        )
    n_estimation = held
    span = np.broadcast_to(1.0, y.shape) if span is None else np.asarray(span, float)
    asset = np.arange(n_obs) if asset is None else np.asarray(asset, np.int64)
    if (clock is None) != (clocks is None):
        raise SpecError("clock and clocks belong together: give both or neither")
    clock = np.zeros(n_obs, np.int64) if clock is None else np.asarray(clock, np.int64)
    if clocks is None:
        days = np.arange(n_sessions, dtype=np.int64)[None, :]
        clocks = Clock(estimation=days[:, :n_estimation], event=days[:, n_estimation:])
    n_event = n_sessions - n_estimation
    first_offset = _first_offset(n_event, first_offset)
    for name, found, wanted in (
        ("span", span.shape, y.shape),
        ("asset", asset.shape, (n_obs,)),
        ("clock", clock.shape, (n_obs,)),
        ("clocks.estimation", clocks.estimation.shape[1:], (n_estimation,)),
        ("clocks.event", clocks.event.shape[1:], (n_event,)),
    ):
        if found != wanted:
            raise SpecError(f"{name} has shape {found}; wanted {wanted}")
    complete = bool((span == 1.0).all() and _finite(y) and _finite(x))
    if complete:  # views of one number instead of arrays full of it
        valid, span = np.broadcast_to(True, y.shape), np.broadcast_to(1.0, y.shape)
    else:
        valid = np.isfinite(y) & np.isfinite(span) & (span > 0)
        if not _finite(x):
            valid &= np.isfinite(x).all(axis=2)
        span = np.where(valid, span, 1.0)
    return ModelInput(
        y=y,
        x=x,
        valid=valid,
        span=span,
        n_estimation=n_estimation,
        complete=complete,
        asset=asset,
        clock=clock,
        clocks=clocks,
        first_offset=first_offset,
    )


def _by_row(x: Array | None, n_obs: int, n_sessions: int) -> Array:
    """Return factors (E, T+L, F); those given without rows are the same for all."""
    if x is None:
        return np.empty((n_obs, n_sessions, 0))
    given = np.asarray(x, np.float64)
    shape = given.shape
    if shape == (n_obs, n_sessions):
        return given[:, :, None]
    if shape == (n_sessions,):
        return np.broadcast_to(given[:, None], (n_obs, n_sessions, 1))
    if given.ndim == 2 and shape[0] == n_sessions:
        return np.broadcast_to(given, (n_obs, *shape))
    if given.ndim != 3 or shape[:2] != (n_obs, n_sessions):
        raise SpecError(
            f"x has shape {shape}; wanted {(n_obs, n_sessions, 'K')} for y of shape "
            f"{(n_obs, n_sessions)}, or {(n_sessions,)} for one market of all rows"
        )
    return given


def _first_offset(n_event: int, given: int | None) -> int:
    if given is not None:
        first = whole(given)
        if first is None:
            raise SpecError(
                f"first_offset = {given!r}: wanted a whole number, the event time of "
                "the first event-window column, such as -10"
            )
        return first
    if n_event % 2 == 0:
        raise SpecError(
            f"the event window has {n_event} columns, so none is in the middle; wanted "
            "first_offset=..., the event time of its first column"
        )
    return -(n_event // 2)


def least_squares(d: ModelInput, *, scale: Array | None = None) -> Fit:
    """Fit ``y = α span + x β + e``, ``Var(e) = span σ²``, per row, on estimation rows.

    ``scale`` (E,) is the sum of squares beside which a residual is rounding noise, by
    default that of y.
    """
    if d.complete and d.x.shape[2] == 1 and scale is None:
        fit = _one_factor(d)
        if fit is not None:
            return fit
    n_rows, n_factors = len(d.y), d.x.shape[2]
    fit = Fit(
        coefficients=np.empty((n_rows, n_factors + 1)),
        xtx_inv=np.empty((n_rows, n_factors + 1, n_factors + 1)),
        sigma=np.empty(n_rows),
        df=np.empty(n_rows),
        r_squared=np.empty(n_rows),
        status=np.empty(n_rows, np.int8),
    )
    step = max(1, _CACHED // (d.n_estimation * (n_factors + 1)))
    for first in range(0, n_rows, step):
        rows = slice(first, first + step)
        _fill(fit, rows, d, None if scale is None else scale[rows])
    return fit


def _fill(fit: Fit, part: slice, d: ModelInput, scale: Array | None) -> None:
    """Fit some of the rows."""
    t = d.n_estimation
    y, x, valid = d.y[part, :t], d.x[part, :t], d.valid[part, :t]
    if d.complete:
        n: IntArray = np.full(len(y), t)
        shared = d.x.strides[0] == 0
        rows = equations.centred(y, x[:1] if shared else x)
    else:
        n = valid.sum(axis=1)
        rows = equations.centred_with_gaps(y, x, valid, d.span[part, :t])
    found, k = equations.solve(rows), x.shape[2] + 1
    alpha = rows.mean_y - np.einsum("ef,ef->e", rows.mean_x, found.slopes)
    df = np.maximum(n - k, 0).astype(np.float64)
    scale = found.tss + rows.total * rows.mean_y**2 if scale is None else scale
    status = np.select(
        [n <= k, found.singular, found.rss <= _NO_RESIDUAL**2 * scale],
        [Status.TOO_FEW, Status.SINGULAR, Status.CONSTANT],
        Status.OK,
    )
    ok = status == Status.OK
    with np.errstate(divide="ignore", invalid="ignore"):
        fit.sigma[part] = np.where(ok, np.sqrt(found.rss / df), np.nan)
        fit.r_squared[part] = np.where(ok, 1.0 - found.rss / found.tss, np.nan)
    fit.coefficients[part] = np.column_stack([alpha, found.slopes])
    fit.xtx_inv[part] = found.xtx_inv
    fit.coefficients[part][~ok] = np.nan
    fit.xtx_inv[part][~ok] = np.nan
    fit.df[part], fit.status[part] = df, status


def _one_factor(d: ModelInput) -> Fit | None:
    """Fit complete returns on one factor from sums, in as few passes as there can be.

    None, to be solved with more care, when any row has too few returns, a factor or
    residual that hardly varies beside its mean, or a fit that leaves almost nothing.
    """
    t = d.n_estimation
    y, x = d.y[:, :t], d.x[:, :t, 0]
    if t <= 2:
        return None
    mean_y, mean_x = y.mean(axis=1), x.mean(axis=1)
    yy, xx, xy = (np.einsum("et,et->e", a, b) for a, b in ((y, y), (x, x), (x, y)))
    tss, sxx = yy - t * mean_y**2, xx - t * mean_x**2
    if not ((sxx > _WELL_SPREAD * xx) & (tss > _WELL_SPREAD * yy)).all():
        return None
    beta = (xy - t * mean_x * mean_y) / sxx
    rss = tss - beta**2 * sxx
    if not (rss > _WELL_SPREAD * tss).all():
        return None
    xtx_inv = np.empty((len(y), 2, 2))
    xtx_inv[:, 1, 1] = 1.0 / sxx
    xtx_inv[:, 0, 1] = xtx_inv[:, 1, 0] = -mean_x / sxx
    xtx_inv[:, 0, 0] = 1.0 / t + mean_x**2 / sxx
    return Fit(
        coefficients=np.column_stack([mean_y - beta * mean_x, beta]),
        xtx_inv=xtx_inv,
        sigma=np.sqrt(rss / (t - 2)),
        df=np.full(len(y), t - 2.0),
        r_squared=1.0 - rss / tss,
        status=np.zeros(len(y), np.int8),
    )


def _finite(values: Array) -> bool:
    """Whether all values are finite, without an array of flags."""
    with np.errstate(over="ignore", invalid="ignore"):
        return bool(np.isfinite(values.sum()))


def abnormal(d: ModelInput, fit: Fit, *, model: str) -> Abnormal:
    """Return the prediction errors of a fit: residuals and abnormal returns."""
    if d.complete and d.x.shape[2] == 1 and (fit.status == Status.OK).all():
        alpha, beta = fit.coefficients.T
        errors = d.x[:, :, 0] * -beta[:, None]
        errors += d.y
        errors -= alpha[:, None]
        event = d.x[:, d.n_estimation :]
        rows = np.concatenate([np.ones_like(event), event], axis=2)
        return assemble(d, errors, rows, fit, model=model)
    t = d.n_estimation
    alpha, beta = fit.coefficients[:, :1], fit.coefficients[:, 1:]
    with np.errstate(over="ignore", invalid="ignore"):
        errors = d.y - (d.x @ beta[:, :, None])[:, :, 0]
        errors -= alpha if d.complete else alpha * d.span
    if not d.complete:
        errors[~d.valid] = np.nan
    valid, x = d.valid[:, t:], d.x[:, t:]
    constant = np.where(valid, d.span[:, t:], 0.0)[:, :, None]
    rows = np.concatenate([constant, np.where(valid[:, :, None], x, 0.0)], axis=2)
    return assemble(d, errors, rows, fit, model=model)


def assemble(
    d: ModelInput,
    errors: Array,
    x_event: Array,
    fit: Fit,
    *,
    model: str,
    factors: Array | None = None,
) -> Abnormal:
    """Cut errors (E, T+L) at the end of the estimation window into an `Abnormal`.

    factors : (E, T+L, K-1) those of the coefficients, by default the input's
    """
    t = d.n_estimation
    factors = d.x if factors is None else factors
    further = [np.reshape(held, (-1, 1, 2)) for held in fit.further.values()]
    return Abnormal(
        model=model,
        ar=errors[:, t:],
        actual=d.y[:, t:]
        if d.complete
        else np.where(d.valid[:, t:], d.y[:, t:], np.nan),
        residuals=errors[:, :t],
        sigma=fit.sigma,
        df=fit.df,
        n_estimation=d.valid[:, :t].sum(axis=1),
        span_event=d.span[:, t:],
        span_estimation=d.span[:, :t],
        x_event=x_event,
        x_estimation=factors[:, :t],
        xtx_inv=fit.xtx_inv,
        cov_coef=fit.xtx_inv if fit.cov_coef is None else fit.cov_coef,
        coefficients=fit.coefficients,
        further=np.concatenate([np.empty((len(d.y), 0, 2)), *further], axis=1),
        further_terms=tuple(fit.further),
        r_squared=fit.r_squared,
        status=fit.status,
        asset=d.asset,
        clock=d.clock,
        clocks=d.clocks,
        first_offset=d.first_offset,
        weights=np.empty((len(errors), 0)),
    )
