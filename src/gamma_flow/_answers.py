"""From a fit to an `Analysis`: shares, presence, p-values, novelty; one batch of spectra on one axis."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from gamma_flow._engine import FINER, Engine, Member, log_counts, novelty_of
from gamma_flow.data import SpectrumSet
from gamma_flow.data._derived import Basis
from gamma_flow.data.analysis import Analysis
from gamma_flow.data.calibration import Calibration
from gamma_flow.data.features import feature
from gamma_flow.data.method import Method
from gamma_flow.data.rule import UnknownRule
from gamma_flow.errors import DataError
from gamma_flow.numerics._span import fitted as fitted_to
from gamma_flow.numerics.decompose import Decomposed
from gamma_flow.numerics.novelty import Unknown, residual_template
from gamma_flow.numerics.similarity import FitQuality, fit_quality, quality_of_sums

__all__ = ["Detail", "analysed", "left_over", "likeliest", "ruled", "searched"]

Floats = NDArray[np.float64]
Detail = Literal["everything", "evidence", "scores"]

_MANY = 8  # values of a family of which every second is tried first: likelihoods have one hill, nearly always
_BLOCK = 1 << 22  # values that are taken at a time where a fit needs arrays of their size


def analysed(
    engine: Engine,
    members: Sequence[Member],
    calibration: Calibration | None,
    spectra: SpectrumSet,
    detail: Detail,
    threads: int,
) -> Analysis:
    """Analyse spectra that live on the axis of ``engine``, with it, or with the best of members for each."""
    values = engine.taken(spectra.values)
    sigma = None if spectra.sigma is None else engine.taken(spectra.sigma)
    how = (engine, members, calibration, spectra.signed, detail, threads)
    n, size = len(values), max(1, _BLOCK // max(values.shape[1], 1))
    answers: dict[str, Any] = {}
    if n <= size:
        answers = answered(values, sigma, spectra.live_time, *how)
    for start in range(0, n if n > size else 0, size):
        # what a fit needs beside its answers then stands for one block at a time
        rows = slice(start, start + size)
        spread = None if sigma is None else sigma[rows]
        try:
            part = answered(values[rows], spread, spectra.live_time[rows], *how)
        except DataError as problem:
            where = f"{problem.where}, counted from spectrum {start}"
            raise DataError(**{**problem.as_dict(), "where": where}) from problem  # type: ignore[arg-type]
        for name, array in part.items():
            if start == 0:
                answers[name] = np.empty((n, *array.shape[1:]), array.dtype)
            answers[name][rows] = array
    if engine.method.noise != "leastsquares":
        answers["basis"] = _basis(engine, members, answers.pop("sigma", None), answers.pop("chosen", None))
    return Analysis.trusted(
        templates=engine.templates,
        values=spectra.values,
        time=spectra.time,
        live_time=spectra.live_time,
        detector=spectra.detector,
        origin=spectra.origin,
        **answers,
    )


def _basis(
    engine: Engine, members: Sequence[Member], sigma: Floats | None, chosen: NDArray[np.intp] | None
) -> Basis:
    """Return what errors rest on: the columns that each spectrum was fitted with."""
    if chosen is None:
        return Basis(engine.shapes, engine.distortions, sigma)
    columns = tuple((member.engine.shapes, member.engine.distortions) for member in members)
    return Basis(engine.shapes, engine.distortions, sigma, columns, chosen)


def answered(
    values: NDArray[np.floating],
    given_sigma: NDArray[np.floating] | None,
    live_time: Floats,
    engine: Engine,
    members: Sequence[Member],
    calibration: Calibration | None,
    signed: bool,
    detail: Detail,
    threads: int,
) -> dict[str, NDArray[Any]]:
    """Return the fields of an analysis that hold one row a spectrum, and the sigma that was taken."""
    answers: dict[str, NDArray[Any]] = {}
    if engine.method.noise == "leastsquares":
        found = engine.unmixer.unmix(values, threads=threads)
        scores, quality = found.scores, found.quality
        shares = shares_of(scores)
        present = shares > engine.method.min_share
    else:
        sigma = None
        if engine.method.noise == "gaussian" or signed:
            sigma = answers["sigma"] = _sigma(engine, given_sigma, values)
        if not engine.searches:
            fit = fitted(engine, values, sigma, live_time, detail, threads)
            quality = quality_of(engine, values, fit)
        else:
            fit, quality, chosen = searched(members, values, sigma, live_time, detail, threads)
            answers |= _places(engine, members, chosen)
        scores, shares = fit.scores, shares_of(fit.scores)
        answers |= _answers(engine, calibration, fit, values, detail)
        present = _present(engine, calibration, shares, answers)
    return answers | {
        "scores": scores,
        "shares": shares,
        "present": present,
        "similarity": quality.cosine,
        "centred_similarity": quality.centred_cosine,
        "explained_variance": quality.explained_variance,
    }


def ruled(found: Analysis, rule: UnknownRule, method: Method) -> Analysis:
    """Return an analysis whose novel spectra are those of a rule; None where its feature was not answered.

    A spectrum that holds nothing over the active channels holds nothing unknown either.
    """
    values = feature(found, rule.feature, method)
    novel = None
    if values is not None:
        novel = rule.applies(values) & (found.values[:, found.templates.active] != 0).any(axis=1)
    return Analysis.trusted(**{**vars(found), "novel": novel})


def _places(engine: Engine, members: Sequence[Member], chosen: NDArray[np.intp]) -> dict[str, NDArray[Any]]:
    """Return where the search ended: the gain, the value of the family, the number of the member."""
    out: dict[str, NDArray[Any]] = {"chosen": chosen}
    if engine.method.gain_range > 0:
        out["gain"] = np.array([member.gain for member in members])[chosen]
    if engine.templates.family is not None:
        out["family"] = np.array([member.value for member in members])[chosen]
    return out


def searched(
    members: Sequence[Member],
    values: NDArray[np.floating],
    sigma: Floats | None,
    live_time: Floats,
    detail: Detail,
    threads: int,
) -> tuple[Decomposed, FitQuality, NDArray[np.intp]]:
    """Fit each spectrum at the gain and the value of the family that have the largest likelihood."""
    chosen = likeliest(members, values, sigma, live_time, threads)
    parts, sums, order = [], [], []
    for rows, engine in _groups(members, chosen):
        mine, spread = values[rows], None if sigma is None else sigma[rows]
        parts.append(fitted(engine, mine, spread, live_time[rows], detail, threads))
        sums.append(quality_of(engine, mine, parts[-1]))
        order.append(rows)
    back = np.argsort(np.concatenate(order), kind="stable")
    quality = FitQuality(
        *(
            np.concatenate([getattr(part, name) for part in sums])[back]
            for name in ("cosine", "centred_cosine", "explained_variance")
        )
    )
    return Decomposed.concatenate(parts).rows(back), quality, chosen


def likeliest(
    members: Sequence[Member],
    values: NDArray[np.floating],
    sigma: Floats | None,
    live_time: Floats,
    threads: int,
) -> NDArray[np.intp]:
    """Return which member makes each spectrum likeliest, (N,); one mismatch for all makes them comparable.

    All gains and the values that a family was given (of many every second); then values between, by halving
    steps about the best.
    """
    best = np.full(len(values), -np.inf)
    chosen = np.zeros(len(values), np.intp)

    def tried(number: int, rows: NDArray[np.intp] | slice) -> None:
        engine, spread = members[number].engine, None if sigma is None else sigma[rows]
        level = engine.likelihood(values[rows], spread, live_time[rows], threads)
        better = level > best[rows]
        best[rows] = np.where(better, level, best[rows])
        chosen[rows] = np.where(better, number, chosen[rows])

    fine = len({member.value for member in members})  # values at each gain
    coarse = FINER * (2 if fine > _MANY * FINER else 1)
    for number in range(len(members)):
        if number % fine % coarse == 0 or number % fine == fine - 1:
            tried(number, slice(None))
    step = coarse // 2 if fine > 1 else 0
    while step:
        middle = chosen.copy()
        for number in range(len(members)):
            low, high = number % fine >= step, number % fine < fine - step
            near = (middle == number - step) & low | (middle == number + step) & high
            if near.any():
                tried(number, np.flatnonzero(near))
        step //= 2
    return chosen


def _groups(members: Sequence[Member], chosen: NDArray[np.intp]) -> Iterator[tuple[NDArray[np.intp], Engine]]:
    """Yield the spectra of each member that was chosen; those of none are a group, too."""
    for number in np.unique(chosen) if len(chosen) else [0]:
        yield np.flatnonzero(chosen == number), members[number].engine


def fitted(
    engine: Engine,
    values: NDArray[np.floating],
    sigma: Floats | None,
    live_time: Floats,
    detail: Detail,
    threads: int,
) -> Decomposed:
    """Fit spectra as far as the detail asks."""
    evidence, novelty = detail != "scores", detail == "everything"
    spread = sigma if sigma is None else np.broadcast_to(sigma, values.shape)
    return engine.fit(values, spread, live_time, evidence=evidence, novelty=novelty, threads=threads)


def quality_of(engine: Engine, values: NDArray[np.floating], fit: Decomposed) -> FitQuality:
    """Return how well the scaled templates describe spectra, from the sums that the fit kept."""
    with np.errstate(all="ignore"):  # rows whose squares leave the range are taken the slow way
        told, cancels = quality_of_sums(fit.sums.T, values.shape[1])
    if len(cancels):
        exact = fit_quality(values[cancels], fitted_to(fit.scores[cancels], engine.shapes))
        told[:, cancels] = exact.cosine, exact.centred_cosine, exact.explained_variance
    return FitQuality(told[0], told[1], told[2])


def _sigma(engine: Engine, given: NDArray[np.floating] | None, values: NDArray[np.floating]) -> Floats:
    """Return the standard deviations that the spectra bring, or one that is estimated for each."""
    return estimated_sigma(values, engine)[:, None] if given is None else given.astype(np.float64)


def estimated_sigma(values: NDArray[np.floating], engine: Engine) -> Floats:
    """Return the root mean square of what least squares leaves of each spectrum, shape (N,)."""
    scores = engine.unmixer.nnls(values)
    residual = values - fitted_to(scores, engine.shapes)  # the same sums for any batch
    degrees = np.maximum(values.shape[1] - (scores > 0).sum(axis=1), 1)
    rms = np.sqrt((residual**2).sum(axis=1) / degrees)
    # an exact fit leaves rounding alone, which still has a size
    least = 1e-12 * np.abs(values).max(axis=1, initial=0.0)
    out: Floats = np.maximum(rms, np.where(least > 0, least, 1.0))
    return out


def shares_of(scores: Floats) -> Floats:
    """Return scores over their sum; zeros where all are zero."""
    total = scores.sum(axis=1, keepdims=True)
    shares: Floats = scores / np.where(total > 0, total, 1.0)
    return shares


def _answers(
    engine: Engine,
    calibration: Calibration | None,
    fit: Decomposed,
    values: NDArray[np.floating],
    detail: Detail,
) -> dict[str, Any]:
    channels = values.shape[1]
    out: dict[str, Any] = {
        "score_errors": fit.errors,
        "free_scores": fit.free,
        "deviance": fit.pearson / np.maximum(channels - fit.n_free, 1),
        "mismatch": fit.mismatch,
        "drift": fit.drifts,
    }
    if detail == "scores":
        return out
    out["evidence"] = fit.ratios
    background = engine.skip
    if background >= 0:
        ratio = fit.scores[:, background] / fit.errors[:, background]
        fit.ratios[:, background] = np.square(ratio)
    if calibration is None:
        return out
    counts = values.sum(axis=1, dtype=np.float64)
    x = log_counts(counts)
    log_p = calibration.log_p(fit.ratios, x)
    out["family_p"] = calibration.family(log_p)
    if background >= 0:
        # never left out, so judged by its error: half a chi-square's tail, bounded by an exponential
        log_p[:, background] = -0.5 * np.minimum(fit.ratios[:, background], 1e3)
    out["p_value"] = np.exp(log_p)
    if detail == "everything" and len(calibration.novelty):
        out["novelty"] = novelty_of(fit, counts, channels)
        out["novelty_p"] = calibration.novelty_p(out["novelty"], x)
        out["novel"] = out["novelty_p"] <= engine.method.novelty_rate
    return out


def _present(
    engine: Engine, calibration: Calibration | None, shares: Floats, answers: dict[str, Any]
) -> NDArray[np.bool_]:
    how = engine.method
    large: NDArray[np.bool_] = shares > how.min_share
    if how.rule == "share" or calibration is None or "p_value" not in answers:
        return large
    sure = answers["p_value"] < calibration.threshold(how.false_alarm_rate)
    if engine.skip >= 0:
        sure[:, engine.skip] = True
    both: NDArray[np.bool_] = large & sure
    return both


def left_over(
    engine: Engine, members: Sequence[Member], spectra: SpectrumSet, together: bool, significance: float
) -> Unknown:
    """Return what the fit leaves of spectra of counts; see `Model.unknown`."""
    values = engine.taken(spectra.values)
    if engine.searches:
        chosen = likeliest(members, values, None, spectra.live_time, 1)
        parts = [(rows, _mean_of(one, values[rows], spectra.live_time[rows]))
                 for rows, one in _groups(members, chosen)]  # fmt: skip
        back = np.argsort(np.concatenate([rows for rows, _ in parts]), kind="stable")
        fit = Decomposed.concatenate([part for _, part in parts]).rows(back)
    else:
        fit = _mean_of(engine, values, spectra.live_time)
    assert fit.mean is not None
    edges = engine.templates.axis.edges
    used = np.flatnonzero(engine.templates.active)
    whole = used[-1] - used[0] + 1 == len(used)
    width = engine.line_width_at(0.5 * (edges[used] + edges[used + 1])) / np.diff(edges)[used]
    found = residual_template(
        values,
        fit.mean,
        np.maximum(0.5 * width, 0.5),
        edges=edges[used[0] : used[-1] + 2] if whole else None,
        mismatch=fit.mismatch,
        significance=significance,
        together=together,
    )
    shapes = np.zeros((len(found.shapes), len(edges) - 1))
    shapes[:, used] = found.shapes
    return replace(found, shapes=shapes)


def _mean_of(engine: Engine, values: NDArray[np.floating], live_time: Floats) -> Decomposed:
    return engine.fit(values, None, live_time, evidence=False, novelty=False, mean=True)
