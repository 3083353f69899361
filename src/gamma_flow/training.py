"""From labelled spectra to a model: which spectra make a template, and what is odd about them."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from gamma_flow._baseline import refuse_baseline, with_baseline
from gamma_flow._calibrate import calibrate
from gamma_flow._engine import Engine
from gamma_flow._families import refuse_no_likelihood, told, with_family
from gamma_flow._suspects import suspects
from gamma_flow._training_notes import alike, few_draws, odd_ones, of_spectra, provenance_of, twice
from gamma_flow._training_rows import (
    active_channels,
    divided,
    divided_as_in_the_paper,
    left_out_background,
    limited,
    training_rows,
)
from gamma_flow.data import BACKGROUND, SpectrumSet
from gamma_flow.data.family import Family
from gamma_flow.data.method import PARTS, Method, Noise, Rule
from gamma_flow.data.templates import Templates
from gamma_flow.errors import SettingsError, TrainingError, TrainingWarning
from gamma_flow.model import Model
from gamma_flow.numerics.drift import width_of_lines
from gamma_flow.numerics.novelty import learned_modes

__all__ = ["train"]

_MOST_THREADS = 8  # of a calibration
_LEARNED = 2  # modes of a class
_LINE_WIDTH = 0.075  # where the templates have no line
_ENOUGH_HELD_OUT = 5  # held-out spectra of a class from which nulls are drawn; else from all of them
_MOST_COUNTS = 1e18  # in a channel of all spectra of a class: transforms of them stay in range


def train(
    spectra: SpectrumSet,
    *,
    classes: Sequence[str] | None = None,
    detectors: str | Sequence[str] | None = None,
    background: str | None = BACKGROUND,
    background_files: str | Sequence[str] | None = None,
    energy_range: tuple[float | None, float | None] | None = None,
    first_channel: int | None = None,
    limit: int | None = None,
    held_out: float = 0.2,
    split: Literal["class", "paper"] = "class",
    seed: int = 1,
    noise: Noise | None = None,
    parts: Sequence[str] | None = None,
    rule: Rule | None = None,
    min_share: float | None = None,
    false_alarm_rate: float = 0.005,
    novelty_rate: float = 0.01,
    line_width: float | None = None,
    gain_range: float = 0.0,
    families: Family | None = None,
    nulls: int | None = None,
    few: int = 20,
    baseline: bool = False,
) -> Model:
    """Make a template of each class, the mean of its pure spectra, and calibrate what is said about them.

    Parameters
    ----------
    spectra : SpectrumSet
        N spectra on the axis that the model shall live on. Only the pure ones (exactly one label) are used.
    classes : sequence of str, optional
        Classes to train; by default every class that has pure spectra.
    detectors : str or sequence of str, optional
        Detectors whose spectra make templates ("simulated", say); all by default. The background is taken
        from any detector.
    background : str or None
        The background class; it need not be there. None: no class is special.
    background_files : str or sequence of str, optional
        Patterns of the files whose background frames make its template. By default only files are taken
        that hold nothing but background: the frames before a source comes near may hold some of it already.
    energy_range : (float or None, float or None), optional
        Channels that lie within are used, in the unit of the axis; None stands for an end of it.
    first_channel : int, optional
        Channels below are left out; together with ``energy_range`` both hold.
    limit : int, optional
        Most spectra of a class, drawn by chance, to balance classes.
    held_out : float
        Share of each class (0..1) kept back for validation; `Model.held_out` names them.
    split : {"class", "paper"}
        "class" draws each class by itself. "paper" draws from the pool of all classes, background first, as
        scikit-learn's ``train_test_split(random_state=seed)`` does in the original, to reproduce its figures.
    seed : int
        Seed of the draws.
    noise : {"poisson", "gaussian", "leastsquares"}, optional
        How values scatter; by default "poisson" for counts and "gaussian" for intensities.
    parts : sequence of str, optional
        What is fitted beside the scores (`gamma_flow.data.method.PARTS`). By default everything for counts
        over keV, the mismatch alone for other counts, nothing for intensities.
    rule : {"evidence", "share"}, optional
        What makes a class present: for counts by default "evidence", its p-value; else its share alone.
    min_share : float, optional
        Share that a present class has to exceed; by default 0.02 beside evidence where templates may be
        wrong in shape (a mismatch or smooth distortions are fitted), 0 where they may not, 0.1 alone.
    false_alarm_rate : float
        Promised share of spectra in which any class that is not there is called present.
    novelty_rate : float
        Promised share of spectra without unknowns that are called novel.
    line_width : float, optional
        Full width at half maximum of a line at 662 keV over its energy; by default read off the templates.
    gain_range : float
        Large drifts: gains within 1 +- this are looked for on a grid in every spectrum; 0 for none.
    families : Family, optional
        Templates at several values of one parameter, behind a shield of several thicknesses, say: each
        spectrum is fitted at the value that makes it likeliest (`Analysis.family`). Classes that are not in
        it, as the background, keep their template. `gamma_flow.simulate.families` makes them.
    nulls : int, optional
        Draws for the calibration; 10,000 by default, fewer for more than 12 classes and where gains or a
        family are searched.
    few : int
        Fewer spectra of a class than this are warned of, unless they hold enough counts all the same.
    baseline : bool
        Put a constant template named "baseline" beside the classes, for intensities whose zero moves upwards
        from spectrum to spectrum. It is the background if there is no other, so it is no find; the shares
        count it, `Analysis.fractions` do not.

    Returns
    -------
    Model
        With the settings, the hash of the training spectra and all warnings in ``provenance``.

    Raises
    ------
    TrainingError
        No pure spectra, a class nobody labelled, a class with one spectrum where some are to be held out,
        a class without counts, no channel in the energy range, too few nulls.
    SettingsError
        A word that is none, a rate out of range; evidence without counts to draw; a baseline for counts, or
        beside a class of that name; a family where there is no likelihood.
    IncompatibleError
        A family on another axis.

    Warns
    -----
    TrainingWarning
        Classes with few spectra; empty or negative spectra; two templates too alike to be told apart;
        spectra that do not resemble their class, worst first.

    References
    ----------
    Supervised factorisation with fixed loadings: V. Rädle et al., GAMMA_FLOW (package 0.9.0).

    Examples
    --------
    >>> import gamma_flow as gf
    >>> spectra = gf.SpectrumSet([[9.0, 1, 0], [8, 2, 0], [0, 1, 9], [0, 2, 8]], gf.Axis.channels(3),
    ...                          labels=gf.Labels.of([["a"], ["a"], ["b"], ["b"]]))
    >>> model = gf.train(spectra, held_out=0, few=0)
    >>> model.templates.shapes
    array([[0.85, 0.15, 0.  ],
           [0.  , 0.15, 0.85]])
    """
    names, rows = training_rows(spectra, classes, detectors, background, background_files)
    if energy_range is not None:
        lo, hi = (None if end is None or np.isinf(end) else end for end in energy_range)
        energy_range = (lo, hi)
    active = active_channels(spectra.axis, energy_range, first_channel)
    if seed < 0:
        raise TrainingError("a seed is a number from 0", found=str(seed))
    rng = np.random.default_rng(seed)
    if split not in ("class", "paper"):
        raise TrainingError("unknown way to split", expected='"class" or "paper"', found=repr(split))
    if not 0 <= held_out < 1:
        raise TrainingError(
            "the held-out part is a share", expected="0 <= held_out < 1", found=f"{held_out:g}"
        )
    rows = limited(rows, limit, rng)
    if split == "class":
        kept, out = divided(names, rows, held_out, rng)
    else:
        kept, out = divided_as_in_the_paper(names, rows, held_out, seed, background)
    notes = left_out_background(spectra, names, background if classes is None else None)
    notes += of_spectra(spectra, names, kept, active, few)
    sums = np.stack([spectra.values[part].sum(axis=0) for part in kept])
    hollow = np.abs(sums[:, active]).sum(axis=1) <= 0
    if hollow.any():
        raise TrainingError(
            "the spectra of a class hold nothing in the active channels",
            where=f"class '{names[int(np.flatnonzero(hollow)[0])]}'",
            cure="check the spectra and the energy range, or leave the class out (--classes)",
        )
    method = _method(
        spectra, noise, parts, rule, min_share, false_alarm_rate, novelty_rate, line_width, gain_range
    )
    if method.noise == "poisson":
        _refuse_no_counts(names, sums[:, active])
    if baseline:
        refuse_baseline(names, spectra.kind, method)
    templates = Templates(
        sums / np.array([len(part) for part in kept])[:, None],
        tuple(names),
        spectra.axis,
        active,
        np.array([len(part) for part in kept]),
        spectra.kind,
        background,
        modes=_modes(spectra, names, kept, active, background, method.has("learned")),
    )
    if baseline:
        templates = with_baseline(templates)
    if families is not None:
        refuse_no_likelihood(families, method)
        templates = with_family(templates, families)
    if line_width is None and method.has("resolution"):
        sources = [k for k, name in enumerate(names) if name != background]
        method = replace(
            method,
            line_width=width_of_lines(templates.shapes[sources], spectra.axis.edges, method.line_width),
        )
    notes += alike(templates)
    notes += twice(spectra, np.concatenate([*kept, *out]))
    odd = suspects(spectra.values[:, active], kept, spectra.kind == "counts")
    notes += odd_ones(spectra, names, odd)
    for note in notes:
        warnings.warn(note, TrainingWarning, stacklevel=2)
    settings = {
        "classes": list(names),
        "detectors": None
        if detectors is None
        else [detectors]
        if isinstance(detectors, str)
        else list(detectors),
        "background": background,
        "background_files": background_files
        if isinstance(background_files, str | None)
        else list(background_files),
        "energy_range": None if energy_range is None else list(energy_range),
        "first_channel": first_channel,
        "limit": limit,
        "held_out": held_out,
        "split": split,
        "seed": seed,
        "baseline": baseline,
        "families": None if families is None else told(families),
        "method": method.as_dict(),
    }
    calibration = None
    if method.noise == "poisson":
        pools = [
            spectra.values[mine if len(mine) >= _ENOUGH_HELD_OUT else both]
            for mine, both in zip(
                out, (np.sort(np.concatenate(pair)) for pair in zip(kept, out, strict=True)), strict=True
            )
        ]
        number = _nulls(len(names), gain_range > 0 or families is not None) if nulls is None else nulls
        seconds = spectra.live_time[np.concatenate(kept)]
        known = seconds[np.isfinite(seconds) & (seconds > 0)]
        calibration = calibrate(
            Engine.of(templates, method),
            pools,
            number,
            rng,
            live_time=float(np.median(known)) if 2 * len(known) > len(seconds) else None,
            threads=min(os.cpu_count() or 1, _MOST_THREADS),
        )
        for note in few_draws(calibration, names, templates.background):
            notes.append(note)
            warnings.warn(note, TrainingWarning, stacklevel=2)
    used = np.sort(np.concatenate(kept))
    return Model(
        templates,
        method,
        calibration,
        provenance_of(spectra, used, settings, notes, names, odd),
        spectra.origin[used],
        spectra.origin[np.sort(np.concatenate(out))],
    )


def _method(
    spectra: SpectrumSet,
    noise: Noise | None,
    parts: Sequence[str] | None,
    rule: Rule | None,
    min_share: float | None,
    false_alarm_rate: float,
    novelty_rate: float,
    line_width: float | None,
    gain_range: float,
) -> Method:
    """Fill in what follows from the kind and the unit of the spectra."""
    counts = spectra.kind == "counts"
    signed = counts and bool(spectra.values.size) and spectra.values.min() < 0
    if noise is None:
        noise = "leastsquares" if signed else "poisson" if counts else "gaussian"
    if parts is None:
        parts = () if noise != "poisson" else PARTS if spectra.axis.unit == "keV" else ("mismatch",)
    if rule is None:
        rule = "evidence" if noise == "poisson" else "share"
    if rule == "evidence" and noise == "gaussian":
        raise SettingsError(
            "evidence is calibrated by drawn counts",
            where="rule",
            expected='rule="share"',
            found='rule="evidence" with noise="gaussian"',
            cure="leave the rule out: likelihood ratios (Analysis.evidence) are answered without it",
        )
    if min_share is None:
        # with exact templates evidence is all there is to know, of small shares in strong spectra too
        inexact = {"mismatch", "smooth"} & set(parts)
        min_share = 0.1 if rule == "share" else 0.02 if inexact else 0.0
    return Method(
        noise,
        (parts,) if isinstance(parts, str) else tuple(parts),
        rule,
        min_share,
        false_alarm_rate,
        novelty_rate,
        line_width=_LINE_WIDTH if line_width is None else line_width,
        gain_range=gain_range,
    )


def _refuse_no_counts(names: list[str], sums: NDArray[np.float64]) -> None:
    """Refuse classes whose spectra cannot be counts, differences of them included."""
    total = sums.sum(axis=1)
    wrong = np.flatnonzero(~((total > 0) & (np.abs(sums).max(axis=1) <= _MOST_COUNTS)))
    if len(wrong):
        raise TrainingError(
            "the spectra of a class are no counts",
            where=f"class '{names[int(wrong[0])]}'",
            expected=f"more than 0 over the active channels, at most {_MOST_COUNTS:g} in one",
            found=f"{total[wrong[0]]:g} in all",
            cure='subtract less background, read intensities as such (--kind), or take noise="leastsquares"',
        )


def _modes(
    spectra: SpectrumSet,
    names: list[str],
    kept: list[NDArray[np.intp]],
    active: NDArray[np.bool_],
    background: str | None,
    learned: bool,
) -> NDArray[np.float64]:
    """Return what the training spectra of each class but the background show of its scatter."""
    out = np.zeros((len(names), _LEARNED if learned else 0, len(spectra.axis)))
    for k, (name, rows) in enumerate(zip(names, kept, strict=True)):
        if learned and name != background:
            out[k] = learned_modes(spectra.values[rows], _LEARNED, active)
    return out


def _nulls(classes: int, search: bool) -> int:
    most = 10_000 if classes <= 12 else 5_000 if classes <= 30 else 1_000
    return max(most // 4, 1_000) if search else most  # each draw is fitted at every gain or value
