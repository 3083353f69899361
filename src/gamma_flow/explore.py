"""See the data before a model is trusted: means, similarities, examples, counts, and what can be told apart.

Every function takes spectra on one axis (`pooled` brings several axes together) and returns a value;
`gamma_flow.plot` has a figure for each::

    from gamma_flow import explore, plot

    means = explore.mean_spectra(spectra)
    plot.mean_spectra(means)
    plot.similarity_matrix(explore.similarities(means))
    plot.separability(explore.separability(means))
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gamma_flow._means import SUBTRACTIONS, Subtraction, means_of
from gamma_flow._separability import told_apart
from gamma_flow._training_rows import active_channels
from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.data.exploration import Inventory, MeanSpectra, Rebinned, Similarities
from gamma_flow.data.separability import Separability
from gamma_flow.data.templates import Templates
from gamma_flow.errors import DataError, SettingsError
from gamma_flow.io.reading import carried, refuse_kinds
from gamma_flow.model import Model
from gamma_flow.numerics.similarity import cosine_matrix

__all__ = [
    "example_spectra",
    "inventory",
    "mean_spectra",
    "pooled",
    "rebinned",
    "separability",
    "similarities",
]

Floats = NDArray[np.float64]

ALIKE = 0.95
"""Cosine above which two classes are called too alike, as in the training."""
DIFFERENT = 0.95
"""Part of the attainable cosine below which two detectors see a class too differently."""


def pooled(
    sets: Sequence[SpectrumSet],
    *,
    method: Literal["conserve", "interpolate"] | None = None,
    allow_cut: float = 0.01,
) -> SpectrumSet:
    """Put sets of several axes together, on the axis of the most spectra.

    Parameters
    ----------
    sets : sequence of SpectrumSet
        One an axis, as `gamma_flow.read_each` yields them.
    method, allow_cut
        How spectra are carried, as for `SpectrumSet.onto`.

    Returns
    -------
    SpectrumSet
        All spectra. The model that is trained later may live on another axis.

    Raises
    ------
    IncompatibleError
        Counts and intensities, several units, or an axis that cuts more than ``allow_cut`` of a set.
    DataError
        No spectra.

    Examples
    --------
    >>> one = SpectrumSet([[1.0, 2.0]], Axis.linear(0, 4, 2))
    >>> more = SpectrumSet([[1.0, 1, 1, 1], [2, 2, 2, 2]], Axis.linear(0, 4, 4))
    >>> pooled([one, more]).values
    array([[0.5, 0.5, 1. , 1. ],
           [1. , 1. , 1. , 1. ],
           [2. , 2. , 2. , 2. ]])
    """
    held = [part for part in sets if len(part)]
    if not held:
        raise DataError("there are no spectra", expected="one or more", found="none")
    refuse_kinds(held)
    sizes: dict[int, int] = {}
    for number, part in enumerate(held):
        first = next(k for k in range(number + 1) if held[k].axis.matches(part.axis))
        sizes[first] = sizes.get(first, 0) + len(part)
    axis = held[max(sizes, key=lambda number: sizes[number])].axis
    return SpectrumSet.concatenate([carried(part, axis, method=method, allow_cut=allow_cut) for part in held])


def mean_spectra(
    spectra: SpectrumSet,
    *,
    classes: Sequence[str] | None = None,
    detectors: str | Sequence[str] | None = None,
    subtract: Subtraction = "auto",
    with_background: bool = True,
    energy_range: tuple[float | None, float | None] | None = None,
    first_channel: int | None = None,
) -> MeanSpectra:
    """Return the mean spectrum of each class and detector, the background subtracted, of unit integral.

    Parameters
    ----------
    spectra : SpectrumSet
        N spectra with labels.
    classes : sequence of str, optional
        Which classes; all that are labelled by default, by name, the background last.
    detectors : str or sequence of str, optional
        Which detectors; all by default.
    subtract : {"auto", "live time", "least squares", "ceiling", "none"}
        How much background is taken from spectra that are labelled with it; spectra of the class alone keep
        all they have. "live time": its rate times their live time. "least squares": what a non-negative
        least-squares fit of their sum (weighted for counts) gives it beside the pure spectra of the class,
        of any detector; too much where these lack scattered gammas. "ceiling": as much as lies nowhere
        above the sum by more than two errors, over 32 windows of equal background; too much where the
        source reaches all of them. "auto": by live time for counts where it is known, else the smaller one
        of the other two (for intensities least squares alone).
    with_background : bool
        Whether spectra of a class beside background are used, or only those of the class alone.
    energy_range, first_channel
        Channels that are used, as for `gamma_flow.train`.

    Returns
    -------
    MeanSpectra
        With spread and standard error, the method of each group in ``subtraction``, and a note for
        each group that was left out.

    Raises
    ------
    DataError
        No group at all, a class or detector that nobody named, a subtraction for which something is unknown.
    SettingsError
        An unknown way to subtract.
    TrainingError
        No channel is left in the energy range.

    Notes
    -----
    The background of a detector is the sum of its spectra labelled so, from files that hold nothing else
    where there are such files; of all detectors where it has none.

    References
    ----------
    The standard error is that of a ratio of sums: W. G. Cochran, Sampling Techniques (1977), chapter 6.

    Examples
    --------
    >>> from gamma_flow import Labels
    >>> spectra = SpectrumSet([[9.0, 1, 2], [7, 1, 2], [1, 1, 1]], Axis.channels(3), live_time=1.0,
    ...     labels=Labels.of([["a", "background"], ["a", "background"], ["background"]]))
    >>> means = mean_spectra(spectra)
    >>> means.classes, means.subtraction, means.shapes.round(3)[0]
    (('a', 'background'), ('live time', 'none'), array([0.875, 0.   , 0.125]))
    """
    if subtract not in SUBTRACTIONS:
        raise SettingsError(
            "unknown way to subtract the background", expected=", ".join(SUBTRACTIONS), found=repr(subtract)
        )
    if subtract == "ceiling" and spectra.kind != "counts":
        raise SettingsError(
            "a ceiling of the background rests on counting errors",
            where="subtract",
            expected='"least squares" or "none" for intensities',
            found='"ceiling"',
        )
    labels = spectra.labels
    if detectors is not None:
        wanted = [detectors] if isinstance(detectors, str) else list(detectors)
        _refuse_names("detector", wanted, sorted(set(spectra.detector.tolist())))
        background = labels.has(str(labels.background)) & (labels.sources == 0)
        # background of detectors that were not asked for may still be subtracted
        chosen = spectra[spectra.mask(detector=wanted) | background]
    else:
        wanted, chosen = None, spectra
    held = [name for name in labels.classes if chosen.labels.has(name).any()]
    names = sorted(held, key=lambda name: (name == labels.background, name))
    if classes is not None:
        _refuse_names("class", list(classes), list(labels.classes))
        names = list(dict.fromkeys(classes))
    active = active_channels(spectra.axis, energy_range, first_channel)
    return means_of(chosen, names, active, subtract, with_background, wanted)


def similarities(means: MeanSpectra, *, low: float = DIFFERENT, high: float = ALIKE) -> Similarities:
    """Return the cosine similarity of all groups, with thresholds that flag what is suspicious.

    Parameters
    ----------
    means : MeanSpectra
        What `mean_spectra` returned.
    low : float
        Two detectors see one class too differently where their cosine is below this part of what counting
        noise leaves of a perfect one.
    high : float
        Two classes are too alike where their cosine is above.

    Returns
    -------
    Similarities
        The matrix, ``too_low`` and ``too_high``.

    Raises
    ------
    SettingsError
        A threshold outside of 0..1.

    Examples
    --------
    >>> from gamma_flow import Labels
    >>> spectra = SpectrumSet([[90.0, 10], [80, 20], [10, 90]], Axis.channels(2),
    ...     labels=Labels.of([["a"], ["b"], ["a"]]), detector=["left", "left", "right"])
    >>> found = similarities(mean_spectra(spectra))
    >>> [str(pair) for pair in found.pairs(found.too_low)]
    ['a, left and right: 0.220']
    >>> [str(pair) for pair in found.pairs(found.too_high)]
    ['a left and b left: 0.991']
    """
    for name, value in (("low", low), ("high", high)):
        if not 0 <= value <= 1:
            raise SettingsError(
                "a threshold of the cosine lies between 0 and 1", where=name, found=f"{value:g}"
            )
    inside = means.shapes[:, means.active]
    noise = (np.nan_to_num(means.error[:, means.active]) ** 2).sum(axis=1)
    kept = np.sqrt(np.clip(1.0 - noise / (inside**2).sum(axis=1), 0.0, 1.0))
    attainable = np.outer(kept, kept)
    np.fill_diagonal(attainable, 1.0)
    return Similarities(cosine_matrix(inside), attainable, means.classes, means.detectors, low, high)


def example_spectra(
    spectra: SpectrumSet,
    label: str,
    number: int = 6,
    *,
    rng: np.random.Generator,
    detectors: str | Sequence[str] | None = None,
) -> SpectrumSet:
    """Draw some spectra of a class, alone or beside background, in their old order.

    Parameters
    ----------
    spectra : SpectrumSet
        N spectra with labels.
    label : str
        The class.
    number : int
        How many; all where there are fewer.
    rng : numpy.random.Generator
        Where the chance comes from.
    detectors : str or sequence of str, optional
        Of which detectors; all by default.

    Raises
    ------
    DataError
        A class or detector that nobody named, a class that is only in mixtures, fewer than one spectrum.

    Examples
    --------
    >>> from gamma_flow import Labels
    >>> spectra = SpectrumSet([[1.0], [2], [3], [4]], Axis.channels(1), labels=Labels.of([["a"]] * 4))
    >>> len(example_spectra(spectra, "a", 2, rng=np.random.default_rng(1)))
    2
    """
    if number < 1:
        raise DataError("examples are one or more", where="number", expected=">= 1", found=str(number))
    labels = spectra.labels
    _refuse_names("class", [label], list(labels.classes))
    alone = labels.sources == (0 if label == labels.background else 1)
    mine = labels.has(label) & alone
    if detectors is not None:
        wanted = [detectors] if isinstance(detectors, str) else list(detectors)
        _refuse_names("detector", wanted, sorted(set(spectra.detector.tolist())))
        mine &= spectra.mask(detector=wanted)
    rows = np.flatnonzero(mine)
    if not len(rows):
        raise DataError(
            "there are no examples of the class",
            where=f"class '{label}'",
            expected="spectra of it alone or beside background",
            found=f"{int(labels.has(label).sum())} spectra with this label, none of them so",
            cure="choose other detectors, or look at spectra.where(label=...)",
        )
    return spectra[np.sort(rng.permutation(rows)[:number])]


def inventory(spectra: SpectrumSet) -> Inventory:
    """Return how many spectra, counts and seconds there are of each class.

    Parameters
    ----------
    spectra : SpectrumSet
        N spectra with labels.

    Raises
    ------
    DataError
        No spectrum has a label.

    Examples
    --------
    >>> from gamma_flow import Labels
    >>> spectra = SpectrumSet([[1.0], [2], [3]], Axis.channels(1), detector="left",
    ...     labels=Labels.of([["a"], ["a", "b"], None]))
    >>> found = inventory(spectra)
    >>> found.classes, found.spectra[:, 0], found.pure, found.mixed, found.unlabelled
    (('a', 'b'), array([2, 1]), array([1, 0]), array([1, 1]), 1)
    """
    labels = spectra.labels
    if not labels.presence.any():
        raise DataError(
            "no spectrum has a label, so there is nothing to count by class",
            found=f"{len(spectra)} spectra",
            cure="give labels by file name (--label-pattern) or by a table (--table)",
        )
    held = [name for name in labels.classes if labels.has(name).any()]
    names = sorted(held, key=lambda name: (name == labels.background, name))
    probes, where = np.unique(spectra.detector, return_inverse=True)
    alone = labels.presence.sum(axis=1) == 1
    total, seconds = spectra.total, spectra.live_time
    table = np.zeros((len(names), len(probes)), np.int64)
    kinds = np.zeros((3, len(names)), np.int64)
    totals, times = [], []
    for k, name in enumerate(names):
        mine = labels.has(name)
        table[k] = np.bincount(where.reshape(-1)[mine], minlength=len(probes))
        single = mine & (labels.sources == (0 if name == labels.background else 1))
        kinds[:, k] = (mine & alone).sum(), (single & ~alone).sum(), (mine & ~single).sum()
        totals.append(total[single])
        times.append(seconds[single & np.isfinite(seconds)])
    return Inventory(
        tuple(names),
        tuple(probes.tolist()),
        table,
        kinds[0],
        kinds[1],
        kinds[2],
        tuple(totals),
        tuple(times),
        spectra.kind,
        labels.background if labels.background in names else None,
        int((~labels.labelled).sum()),
    )


def rebinned(
    spectra: SpectrumSet,
    axis: Axis,
    row: int = 0,
    *,
    method: Literal["conserve", "interpolate"] | None = None,
    allow_cut: float = 0.01,
) -> Rebinned:
    """Carry one spectrum onto another axis, to see what that does to it.

    Parameters
    ----------
    spectra : SpectrumSet
        N spectra.
    axis : Axis
        The other axis, in the same unit.
    row : int
        Which spectrum.
    method, allow_cut
        As for `SpectrumSet.onto`.

    Raises
    ------
    SpectrumError, IncompatibleError
        As `SpectrumSet.onto` does; no such row.

    Examples
    --------
    >>> spectra = SpectrumSet([[10.0, 20.0, 30.0, 40.0]], Axis.linear(0, 4, 4))
    >>> found = rebinned(spectra, Axis.linear(1, 5, 2), allow_cut=0.2)
    >>> found.carried.values, found.below, found.above, found.difference
    (array([[50., 40.]]), 10.0, 0.0, 0.0)
    """
    one = spectra[row]
    moved = one.onto(axis, method=method, allow_cut=allow_cut)
    ends = [0.0, 0.0] if spectra.kind == "counts" else [np.nan, np.nan]
    if moved is not one and spectra.kind == "counts":
        for number, name in enumerate(("underflow", "overflow")):
            before = float(np.nan_to_num(one.meta[name][0])) if name in one.meta else 0.0
            ends[number] = float(moved.meta[name][0]) - before if name in moved.meta else 0.0
    return Rebinned(one, moved, ends[0], ends[1])


def separability(
    of: Templates | Model | MeanSpectra | SpectrumSet,
    *,
    counts: float = 1000.0,
    background_share: float = 0.5,
    goal: float = 3.0,
    mismatch: float = 0.0,
) -> Separability:
    """Say which classes could be told apart at N counts, before anything is trained.

    Let N counts of class i stand on background of a share of all counts. The best that class j does in its
    place, background fitted again, leaves an expected loss of deviance; its root is the significance in
    standard deviations with which the two are told apart (`gamma_flow.numerics.separation` has the formula).

    Parameters
    ----------
    of : Templates, Model, MeanSpectra or SpectrumSet
        Whose classes: templates; means, pooled over detectors; labelled spectra, by `mean_spectra`. From
        means on what their counting noise adds is taken off; templates are taken as exact.
    counts : float
        N, counts of the source, without background.
    background_share : float
        Part of all counts that is background, from 0 to below 1; not used without a background class.
    goal : float
        Standard deviations that count as told apart.
    mismatch : float
        Relative standard deviation of each channel beyond counting: how wrong templates are. Zero says what
        counting alone allows.

    Returns
    -------
    Separability
        The matrix, the counts each pair needs, the condition number of the information about all scores (of
        equal size, on that background) and by how much each error grows because the others are fitted too.
        Noise in the templates makes the last two better than they are.

    Raises
    ------
    DataError
        Fewer than two classes besides the background, no background left by its share, templates of
        intensities, numbers out of range.

    References
    ----------
    G. Cowan et al., Eur. Phys. J. C 71 (2011) 1554 (expected significance from the expected spectrum);
    D. A. Belsley et al., Regression Diagnostics (1980) (condition number of scaled information).

    Examples
    --------
    >>> templates = Templates([[0.6, 0.4], [0.4, 0.6]], ("a", "b"), Axis.channels(2))
    >>> found = separability(templates, counts=100)
    >>> found.significance.round(1), round(found.enough), round(found.condition, 1)
    (array([[10. ,  3.8],
           [ 3.8, 10. ]]), 63, 25.0)
    """
    return told_apart(
        mean_spectra(of) if isinstance(of, SpectrumSet) else of,
        counts=counts,
        background_share=background_share,
        goal=goal,
        mismatch=mismatch,
    )


def _refuse_names(what: str, given: Sequence[str], known: Sequence[str]) -> None:
    for name in given:
        if name not in known:
            raise DataError(
                f"no spectrum is of this {what}",
                where=f"{what} '{name}'",
                expected=", ".join(one or "(unknown)" for one in known) or "labelled spectra",
                found=f"'{name}'",
            )
