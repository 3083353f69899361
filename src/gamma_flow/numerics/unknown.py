"""The part of a spectrum that a model cannot make, as a template with peaks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gamma_flow.errors import DataError, IncompatibleError
from gamma_flow.numerics import similarity

__all__ = ["Peaks", "Unknown", "residual_template"]

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]

_TO_SIGMA = 1 / 1.1774100225154747  # of a Gaussian's half width at half maximum
_REACH = 4.0  # standard deviations of a peak that are looked at
_LEAST_SIGMA = 0.3  # channels: narrower peaks fall into one channel anyway
_REWEIGHTED = 3  # steps of a fit of peaks
_FLOOR = 0.05  # counts a channel below which no mean falls, as in the fit


@dataclass(frozen=True, slots=True)
class Peaks:
    """Peaks of residuals, of all spectra one after the other, the most significant of each first.

    Parameters
    ----------
    spectrum : (P,) int64
        Which spectrum each belongs to.
    position : (P,)
        In channels (the centre of channel c is c), or in the unit of the edges where these were given.
    counts, errors : (P,)
        Net counts of the whole peak, from a fit of all peaks of a spectrum together, and their standard
        deviations.
    significance : (P,)
        Of the peak when it was found, the larger ones taken out: root of the likelihood ratio, in standard
        deviations of a normal distribution.
    """

    spectrum: NDArray[np.int64]
    position: Floats
    counts: Floats
    errors: Floats
    significance: Floats


@dataclass(frozen=True, slots=True)
class Unknown:
    """What the model cannot make of N spectra.

    Parameters
    ----------
    shapes : (N, C)
        Not negative, smooth, of unit sum; zero where nothing was significant.
    counts, errors : (N,)
        Residual counts in the channels of the shape and their standard deviations; 0 and the error of the
        whole residual where nothing was significant.
    peaks : Peaks
    """

    shapes: Floats
    counts: Floats
    errors: Floats
    peaks: Peaks


def residual_template(
    values: ArrayLike,
    mean: ArrayLike,
    half_widths: ArrayLike,
    *,
    edges: ArrayLike | None = None,
    mismatch: ArrayLike = 0.0,
    significance: float = 4.0,
    most_peaks: int = 20,
    together: bool = False,
) -> Unknown:
    """Return what is left of spectra when the model is subtracted, as far as it is significant.

    The residual is smoothed with a Gaussian as wide as a peak, so that no count is lost or made. Of the runs
    of channels in which it is positive those are kept whose net counts, or a peak in them, are significant.
    Peaks are found one by one, the most significant first, by a filter matched to the width of a peak, and
    then fitted together.

    Parameters
    ----------
    values : (N, C) array_like
        Counts.
    mean : (N, C) array_like
        Fitted counts, not negative.
    half_widths : (C,) array_like
        Half width at half maximum of a peak at each channel, in channels.
    edges : (C + 1,) array_like, optional
        Edges of the axis; with them positions are in their unit.
    mismatch : float or (N,) array_like
        f of the fit: relative standard deviation of each channel of the mean beyond counting.
    significance : float
        Least of a peak or run, in standard deviations. With 4, one spectrum in 200 to 400 shows a peak by
        chance alone, and one in 100 a shape, from 100 to 30,000 counts in 256 channels with peaks of five to
        eleven channels.
    most_peaks : int
        Most peaks of a spectrum.
    together : bool
        Add up the spectra first: one template of what all have in common.

    Returns
    -------
    Unknown
        For N spectra, or for one where they are taken together.

    Raises
    ------
    DataError
        Numbers that are not finite, negative means, half widths that are not positive.
    IncompatibleError
        Shapes that do not fit each other.

    Notes
    -----
    A fit without the unknown takes part of its counts: those under its peaks come out a little low, and those
    of its continuum largely go to the background. For peaks the loss is about the share of the template that
    lies under the peak. Around peaks the residual is negative then; the template is cut at zero there.

    References
    ----------
    G. W. Phillips, Nuclear Instruments and Methods 153 (1978) 449 (smoothing with a function as wide as a
    peak); J. A. Hogbom, Astronomy and Astrophysics Supplement 15 (1974) 417 (peaks taken out one by one).

    Examples
    --------
    >>> mean = np.full((1, 40), 4.0)
    >>> values = mean.copy()
    >>> values[0, 19:22] += [10.0, 20.0, 10.0]
    >>> found = residual_template(values, mean, np.full(40, 1.0))
    >>> found.peaks.position.round(1), found.peaks.counts.round(0)
    (array([20.]), array([42.]))
    """
    y, mu, width, at, f = _checked(values, mean, half_widths, edges, mismatch)
    if not (significance > 0 and most_peaks >= 0):
        raise DataError(
            "a significance is positive, a number of peaks not negative",
            where="significance or most_peaks",
            expected="> 0 and >= 0",
            found=f"{significance:g} and {most_peaks}",
        )
    variance = np.maximum(mu, _FLOOR) + (f[:, None] * mu) ** 2
    rest = y - mu
    if together:
        rest, variance = rest.sum(axis=0, keepdims=True), variance.sum(axis=0, keepdims=True)
    sigma = np.maximum(width * _TO_SIGMA, _LEAST_SIGMA)
    kernel = _Kernel(sigma)
    peaks, strong = _peaks(rest, variance, kernel, significance, most_peaks)
    position = peaks.position if at is None else np.interp(peaks.position + 0.5, np.arange(len(at)), at)
    shapes, counts, errors = _shapes(rest, variance, kernel, strong, significance)
    found = Peaks(peaks.spectrum, position, peaks.counts, peaks.errors, peaks.significance)
    return Unknown(shapes, counts, errors, found)


class _Kernel:
    """A Gaussian peak at each channel, cut at some standard deviations: weights (C, 2 D + 1)."""

    def __init__(self, sigma: Floats) -> None:
        self.sigma = sigma
        reach = int(np.ceil(_REACH * sigma.max()))
        self.offsets = np.arange(-reach, reach + 1)
        weights = np.exp(-0.5 * (self.offsets / sigma[:, None]) ** 2)
        weights[np.abs(self.offsets) > np.maximum(_REACH * sigma, 1.0)[:, None]] = 0.0
        weights /= weights.sum(axis=1, keepdims=True)
        to = np.arange(len(sigma))[:, None] + self.offsets
        self.weights = np.where((to >= 0) & (to < len(sigma)), weights, 0.0)

    def seen(self, rows: Floats, power: int = 1) -> Floats:
        """Return for each channel the sum of the rows under a peak there."""
        return self._moved(rows, self.weights**power, spread=False)

    def spread(self, rows: Floats) -> Floats:
        """Return rows with each count spread over a peak; sums are kept."""
        inside = self.weights / np.maximum(self.weights.sum(axis=1, keepdims=True), 1e-300)
        return self._moved(rows, inside, spread=True)

    def _moved(self, rows: Floats, weights: Floats, *, spread: bool) -> Floats:
        out = np.zeros_like(rows)
        c = rows.shape[1]
        for number, offset in enumerate(self.offsets):
            d = int(offset)
            lo, hi = max(0, -d), min(c, c - d)  # channels whose neighbour at this offset exists
            if lo >= hi:
                continue
            if spread:
                out[:, lo + d : hi + d] += rows[:, lo:hi] * weights[lo:hi, number]
            else:
                out[:, lo:hi] += rows[:, lo + d : hi + d] * weights[lo:hi, number]
        return out

    def peak(self, centre: float) -> Floats:
        """Return a peak of unit area about a centre between channels, (C,)."""
        c = len(self.sigma)
        sigma = float(np.interp(centre, np.arange(c), self.sigma))
        x = (np.arange(c) - centre) / sigma
        bell: Floats = np.exp(-0.5 * x * x)
        bell[np.abs(x) > _REACH + 1.0] = 0.0
        return np.asarray(bell / (sigma * np.sqrt(2 * np.pi)))


def _filtered(rest: Floats, variance: Floats, kernel: _Kernel) -> Floats:
    """Return the significance of a peak at each channel.

    The filter gives net counts A with the variance b that they have without a peak: to Poisson counts of A +
    b where b are expected. Their likelihood ratio keeps its meaning where counts are few.
    """
    precision = kernel.seen(1.0 / variance, 2)
    b = 1.0 / precision
    net = np.maximum(kernel.seen(rest / variance) * b, 0.0)
    return np.asarray(np.sqrt(np.maximum(2.0 * ((net + b) * np.log1p(net / b) - net), 0.0)))


def _peaks(rest: Floats, variance: Floats, kernel: _Kernel, least: float, most: int) -> tuple[Peaks, Bools]:
    """Find peaks one by one; also return (N, C) where the first filter says that there is one."""
    z = _filtered(rest, variance, kernel)
    strong = z >= least
    found: list[tuple[NDArray[np.int64], Floats, Floats, Floats, Floats]] = []
    for row in np.flatnonzero(strong.any(axis=1)):
        centres: list[float] = []
        heights: list[float] = []
        now, curve = rest[row], z[row]
        counts, errors = np.zeros(0), np.zeros(0)
        while len(centres) < most:
            best = int(curve.argmax())
            if curve[best] < least:
                break
            centre = _vertex(curve, best)
            near = min((abs(centre - old) / kernel.sigma[best] for old in centres), default=np.inf)
            if near < 1.0:  # what a fit leaves beside a peak of another width is no second one
                break
            centres.append(centre)
            heights.append(float(curve[best]))
            bells = np.array([kernel.peak(one) for one in centres])
            counts, errors = _areas(bells, rest[row], variance[row])
            now = rest[row] - counts @ bells
            whole = variance[row] + np.maximum(counts, 0.0) @ bells
            curve = _filtered(now[None], whole[None], kernel)[0]
        found.append((np.full(len(centres), row), np.array(centres), counts, errors, np.array(heights)))
    columns = [np.concatenate(part) for part in zip(*found, strict=True)] if found else [np.zeros(0)] * 5
    return Peaks(columns[0].astype(np.int64), *columns[1:]), strong


def _vertex(curve: Floats, best: int) -> float:
    """Return the top of the parabola through a maximum and its neighbours."""
    if best in (0, len(curve) - 1):
        return float(best)
    left, top, right = curve[best - 1 : best + 2]
    bend = left - 2 * top + right
    return best + (float(np.clip(0.5 * (left - right) / bend, -0.5, 0.5)) if bend < 0 else 0.0)


def _areas(bells: Floats, rest: Floats, variance: Floats) -> tuple[Floats, Floats]:
    """Return net counts of peaks fitted together and their errors, the peaks' own variance included."""
    counts, whole = np.zeros(len(bells)), variance
    for _ in range(_REWEIGHTED):
        weighted = bells / whole
        inverse = np.linalg.pinv(weighted @ bells.T, hermitian=True)
        counts = np.asarray(inverse @ (weighted @ rest))
        whole = variance + np.maximum(counts, 0.0) @ bells
    return counts, np.sqrt(np.maximum(np.diag(inverse), 0.0))


def _shapes(
    rest: Floats, variance: Floats, kernel: _Kernel, strong: Bools, least: float
) -> tuple[Floats, Floats, Floats]:
    smooth = kernel.spread(rest)
    n, c = smooth.shape
    positive = smooth > 0
    begins = positive.copy()
    begins[:, 1:] &= ~positive[:, :-1]
    run = np.cumsum(begins.ravel()) - 1  # a row begins no run within that of the row before
    inside = positive.ravel()
    number = run[inside]
    total = int(begins.sum())
    counts = np.bincount(number, rest.ravel()[inside], total)
    spread = np.bincount(number, variance.ravel()[inside], total)
    peaked = np.bincount(number, strong.ravel()[inside], total) > 0
    kept = peaked | (counts >= least * np.sqrt(spread))
    mask = np.zeros(n * c, dtype=bool)
    mask[inside] = kept[number]
    mask = mask.reshape(n, c)
    shape = np.where(mask, smooth, 0.0)
    height = shape.sum(axis=1, keepdims=True)
    some = height[:, 0] > 0
    net = np.where(mask, rest, 0.0).sum(axis=1)
    expected = np.where(some, np.where(mask, variance, 0.0).sum(axis=1), variance.sum(axis=1))
    errors = np.sqrt(expected + np.maximum(net, 0.0))
    return shape / np.where(height > 0, height, 1.0), net, errors


def _checked(
    values: ArrayLike,
    mean: ArrayLike,
    half_widths: ArrayLike,
    edges: ArrayLike | None,
    mismatch: ArrayLike,
) -> tuple[Floats, Floats, Floats, Floats | None, Floats]:
    y = np.asarray(similarity.matrix(values, "values"), np.float64)
    mu = np.asarray(similarity.matrix(mean, "mean"), np.float64)
    n, c = y.shape
    width, f = np.asarray(half_widths, np.float64), np.asarray(mismatch, np.float64)
    at = None if edges is None else np.asarray(edges, np.float64)
    if (
        mu.shape != y.shape
        or width.shape != (c,)
        or f.shape not in ((), (n,))
        or (at is not None and at.shape != (c + 1,))
    ):
        raise IncompatibleError(
            "values, mean, half widths, mismatch and edges do not fit",
            expected=f"(N, C), (N, C), (C,), one or (N,), (C + 1,) with N = {n}, C = {c}",
            found=f"{y.shape}, {mu.shape}, {width.shape}, {f.shape}, {None if at is None else at.shape}",
        )
    similarity.refuse_nonfinite(y, "values", 0)
    similarity.refuse_nonfinite(mu, "mean", 0)
    for array, name, fine in (
        (mu, "mean", mu >= 0),
        (width, "half_widths", width > 0),
        (f, "mismatch", f >= 0),
    ):
        if not np.all(fine) or not np.isfinite(array).all():
            raise DataError(
                "a number is out of range",
                where=name,
                expected="> 0" if name == "half_widths" else ">= 0",
                found=f"{float(np.min(array)):g}",
            )
    if at is not None and not (np.diff(at) > 0).all():
        raise DataError("edges increase", where="edges", expected="increasing numbers", found="others")
    return y, mu, width, at, np.broadcast_to(f, (n,))
