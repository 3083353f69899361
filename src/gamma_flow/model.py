"""The model: templates, a rule of presence, and where both came from; one file, no pickle."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any, get_args

import numpy as np
from numpy.typing import NDArray

from gamma_flow._answers import Detail, analysed, left_over, ruled
from gamma_flow._engine import Engine, Member
from gamma_flow._families import refuse_no_likelihood
from gamma_flow._ranking import ranked
from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.data._arrays import freeze_strings
from gamma_flow.data._select import key_depth, origin_keys
from gamma_flow.data.analysis import Analysis
from gamma_flow.data.calibration import Calibration
from gamma_flow.data.family import Family
from gamma_flow.data.features import available, spelt
from gamma_flow.data.method import Method
from gamma_flow.data.rule import UnknownRule
from gamma_flow.data.templates import Templates
from gamma_flow.errors import (
    AnalysisWarning,
    DamagedFileError,
    DataError,
    GammaFlowError,
    IncompatibleError,
    SettingsError,
)
from gamma_flow.io._source import Source
from gamma_flow.io.container import read_container, write_container
from gamma_flow.numerics.families import Ranked
from gamma_flow.numerics.novelty import Unknown

__all__ = ["Model"]

_KEPT_AXES = 16  # axes whose carried templates a model remembers
_DETAILS = get_args(Detail)
_ENOUGH = 0.9  # part of a template that should lie on the axis of the spectra


@dataclass(frozen=True, eq=False)
class Model:
    """Templates and the rule by which a class is taken as present.

    Parameters
    ----------
    templates : Templates
        K shapes.
    method : Method
        How values scatter, what is fitted beside the scores, what makes a class present; by default the
        paper's least squares, with a class present if its share of the summed scores exceeds 0.1.
    calibration : Calibration or None
        What makes p-values of statistics; needed for the rule "evidence".
    provenance : mapping
        Version, date, settings, hashes of the inputs, warnings of the training.
    trained_on, held_out : array_like of str
        Origins of the spectra that made the templates, and of those kept for validation.
    unknown_rule : UnknownRule or None
        What makes a spectrum novel (`gamma_flow.study` chooses it); without one it is the conformal p-value
        of the calibration, where there is a calibration.

    Raises
    ------
    SettingsError
        A rule that needs a calibration without one; a rule for unknowns by a feature that this model does
        not give.

    See Also
    --------
    gamma_flow.train : makes a model from labelled spectra.
    """

    templates: Templates
    method: Method = field(default_factory=Method)
    calibration: Calibration | None = None
    provenance: Mapping[str, Any] = field(default_factory=dict)
    trained_on: NDArray[np.str_] = None  # type: ignore[assignment]  # filled in below
    held_out: NDArray[np.str_] = None  # type: ignore[assignment]
    unknown_rule: UnknownRule | None = None
    _engines: dict[Axis, Engine] = field(default_factory=dict, init=False, repr=False)
    _grids: dict[Axis, tuple[Member, ...]] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if self.method.rule == "evidence" and self.calibration is None:
            raise SettingsError(
                "a model that decides by evidence needs a calibration",
                cure='make it with train(), or take rule="share"',
            )
        if self.calibration is not None and len(self.calibration) != len(self.templates):
            raise SettingsError(
                "the calibration is that of another model",
                expected=f"{len(self.templates)} classes",
                found=str(len(self.calibration)),
            )
        for name in ("trained_on", "held_out"):
            given = getattr(self, name)
            column = np.zeros(0, np.str_) if given is None else np.asarray(given)
            object.__setattr__(self, name, freeze_strings(column, len(column), name, DataError))
        if self.templates.family is not None:
            refuse_no_likelihood(self.templates.family, self.method)
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))
        if self.unknown_rule is not None:
            full = spelt(self.unknown_rule.feature, self.features)
            object.__setattr__(self, "unknown_rule", replace(self.unknown_rule, feature=full))

    def __repr__(self) -> str:
        return f"Model({', '.join(self.classes)}; {self.templates.axis})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (
            Model,
            (
                self.templates,
                self.method,
                self.calibration,
                dict(self.provenance),
                self.trained_on,
                self.held_out,
                self.unknown_rule,
            ),
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the K classes."""
        return self.templates.classes

    @property
    def features(self) -> tuple[str, ...]:
        """Names of the features (`gamma_flow.data.features`) that an analysis of this model gives."""
        calibrated = self.calibration is not None and len(self.calibration.novelty) > 0
        return available(self.templates, self.method, calibrated)

    @property
    def min_share(self) -> float:
        """Share of the summed scores that a class has to exceed."""
        return self.method.min_share

    def knows(self, spectra: SpectrumSet) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
        """Tell which spectra made the templates, and which were held out, by their origin.

        Parameters
        ----------
        spectra : SpectrumSet
            N spectra. Paths may be typed otherwise than for the training, or lie in a zip: as many parts of
            a path are compared, from its end, as it takes to tell the training spectra apart.

        Returns
        -------
        trained, held_out : ndarray of bool, shape (N,)
            Both False for spectra that the model has not seen.
        """
        depth = key_depth(np.concatenate([self.trained_on, self.held_out]))
        keys = origin_keys(spectra.origin, depth)
        trained, held_out = (set(origin_keys(part, depth)) for part in (self.trained_on, self.held_out))
        return (
            np.fromiter((key in trained for key in keys), bool, len(keys)),
            np.fromiter((key in held_out for key in keys), bool, len(keys)),
        )

    def on(self, axis: Axis) -> Templates:
        """Return the templates on ``axis``; they are carried over once and remembered.

        Raises
        ------
        IncompatibleError
            Another unit, or no channel in common.
        """
        return self._engine(axis).templates

    def met(self, axis: Axis) -> bool:
        """Tell whether the templates were carried onto ``axis`` before and are remembered."""
        return axis in self._engines

    def _engine(self, axis: Axis) -> Engine:
        engine = self._engines.get(axis)
        if engine is None:
            carried = self.templates.onto(axis)
            self._warn_of_loss(carried)
            engine = Engine.of(carried, self.method)
            # a new table takes the old one's place in one step, so threads may share a model
            kept = list(self._engines.items())[1 - _KEPT_AXES :]
            object.__setattr__(self, "_engines", {**dict(kept), axis: engine})
        return engine

    def _grid(self, axis: Axis) -> tuple[Member, ...]:
        """Return the fits of all gains and values of the family to look among; none without a search."""
        engine = self._engine(axis)
        if not engine.searches:
            return ()
        grid = self._grids.get(axis)
        if grid is None:
            grid = engine.grid()
            kept = list(self._grids.items())[1 - _KEPT_AXES :]
            object.__setattr__(self, "_grids", {**dict(kept), axis: grid})
        return grid

    def _warn_of_loss(self, carried: Templates) -> None:
        part = self.templates.covered_by(carried)
        worst = int(part.argmin())
        if part[worst] < _ENOUGH:
            warnings.warn(
                f"only {100 * part[worst]:.0f} % of the template of '{self.classes[worst]}' lies on "
                f"{carried.axis}: its score says what the whole of it would be",
                AnalysisWarning,
                stacklevel=5,
            )

    def analyse(self, spectra: SpectrumSet, *, detail: Detail = "everything", threads: int = 1) -> Analysis:
        """Write each spectrum as a non-negative sum of the templates.

        The spectra keep their axis and counts; the templates are carried onto it where it is not the model's
        own. What is fitted beside the scores, and what is answered, follows from `method`.

        Parameters
        ----------
        spectra : SpectrumSet
            N spectra, of the model's unit and kind. Signed ones (differences, added noise) are no counts:
            they are taken as Gaussian with a standard deviation that is estimated for each.
        detail : {"everything", "evidence", "scores"}
            "scores" leaves evidence and novelty out (and with it the presence of the rule "evidence": classes
            are then present by their share alone), "evidence" novelty alone. For real time, if it has to be.
            `Analysis.novel` is then None, unless `unknown_rule` goes by a feature that is there all the same.
        threads : int
            Spectra are divided among so many threads; the answers are the same, bit for bit.

        Returns
        -------
        Analysis
            An empty spectrum gets scores, shares and similarities of zero and no class.

        Raises
        ------
        IncompatibleError
            Spectra of another unit or kind, or without a channel in common with the model.
        SettingsError
            Another word for the detail, a number of threads that is none.

        Warns
        -----
        AnalysisWarning
            Less than nine tenths of a template lie on the axis of the spectra.

        Notes
        -----
        Order and size of the batch change nothing. The method is the supervised factorisation of the
        gamma_flow paper (Rädle et al.), with the noise model, the distortions and the evidence that
        docs/engine.md describes; the solvers stand in `gamma_flow.numerics`.
        """
        if spectra.kind != self.templates.kind:
            raise IncompatibleError(
                "the model was trained on another kind of values",
                expected=self.templates.kind,
                found=spectra.kind,
                cure="read the spectra with the same kind (--kind) as the training spectra",
            )
        if detail not in _DETAILS:
            raise SettingsError(
                "no such word", where="detail", expected=", ".join(_DETAILS), found=repr(detail)
            )
        grid = self._grid(spectra.axis)
        found = analysed(self._engine(spectra.axis), grid, self.calibration, spectra, detail, threads)
        return found if self.unknown_rule is None else ruled(found, self.unknown_rule, self.method)

    def unknown(self, spectra: SpectrumSet, *, together: bool = False, significance: float = 4.0) -> Unknown:
        """Return what the model cannot make of spectra, as a non-negative smooth shape with its peaks.

        Parameters
        ----------
        spectra : SpectrumSet
            N spectra, novel ones as a rule.
        together : bool
            Add them up first: one template of what all have in common.
        significance : float
            Least of a peak or a stretch of channels, in standard deviations.

        Returns
        -------
        Unknown
            Shapes (N or 1, C) of unit sum on the axis of the spectra, zero outside the active channels, their
            counts, and peaks with positions in the unit of the axis.

        Raises
        ------
        SettingsError
            A model whose noise is not that of counts.
        IncompatibleError
            As `analyse` does.
        """
        if self.method.noise != "poisson":
            raise SettingsError(
                "what is left over is looked for in counts",
                where="Model.unknown",
                expected='noise="poisson"',
                found=f'noise="{self.method.noise}"',
            )
        grid = self._grid(spectra.axis)
        return left_over(self._engine(spectra.axis), grid, spectra, together, significance)

    def rank(
        self, spectra: SpectrumSet, families: NDArray[np.float64] | None = None, *, threads: int = 1
    ) -> Ranked:
        """Rank the classes of each spectrum as if it held one of them alone, beside the background.

        For many classes that resemble each other, of which a spectrum holds one: a sum of all of them
        explains any shape by mixing wrong ones, and none can be left out at a loss. Each class may be a
        family of templates, the same source behind shields of many thicknesses
        (`gamma_flow.simulate.shield_family.shield_family` makes them); the best member speaks for its class.

        Parameters
        ----------
        spectra : SpectrumSet
            N spectra of counts.
        families : ndarray, shape (K', P, C), optional
            P templates of each class but the background, in the order of `sources`, on the axis of the
            spectra, without background inside. By default those of the model's own family, or the template
            of each class alone.
        threads : int
            Of the kernel.

        Returns
        -------
        Ranked
            Log-likelihoods (N, K') and the best member of each class; ``best`` (N,) are numbers of `sources`.

        Raises
        ------
        SettingsError
            A model without a background class, or whose noise is not that of counts.
        IncompatibleError
            Families that do not fit, and as `analyse` does.
        """
        return ranked(self._engine(spectra.axis), spectra, families, threads)

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the classes but the background."""
        return tuple(name for name in self.classes if name != self.templates.background)

    def follow(self, spectra: SpectrumSet, *, quiet: NDArray[np.bool_] | None = None) -> Model:
        """Return a model whose background follows the surroundings.

        The background's template becomes the mean of itself, with the weight of 50,000 counts, and of the
        last 200 spectra in which nothing else was found. It does so at every value of a family.

        Parameters
        ----------
        spectra : SpectrumSet
            What the detector recorded before, in order of time; all on one axis, which the new model has.
        quiet : ndarray of bool, shape (N,), optional
            Spectra that hold background alone. By default those in which no class has p <= 0.05.

        Returns
        -------
        Model
            This one is unchanged. Without a quiet spectrum the same templates, on the axis of the spectra.

        Raises
        ------
        SettingsError
            No background class, or no calibration to find quiet spectra by; a background that changes with
            the value of the family.
        IncompatibleError
            As `analyse` does.
        """
        from gamma_flow._following import followed

        return followed(self, spectra, quiet)

    # ------------------------------------------------------------------ a file

    def save(self, path: str | Path) -> None:
        """Write the model as one file, whole or not at all.

        Raises
        ------
        WriteError
            The file cannot be written; what was there before is untouched.
        """
        t = self.templates
        header = {
            "classes": list(t.classes),
            "unit": t.axis.unit,
            "coefficients": None if t.axis.coefficients is None else list(t.axis.coefficients),
            "kind": t.kind,
            "background": t.background,
            "method": self.method.as_dict(),
            "calibration": None if self.calibration is None else self.calibration.header(),
            "unknown_rule": None if self.unknown_rule is None else self.unknown_rule.as_dict(),
            "provenance": dict(self.provenance),
            **({} if t.family is None else {"family": {"name": t.family.name, "unit": t.family.unit}}),
        }
        arrays = {
            "shapes": t.shapes,
            "edges": t.axis.edges,
            "centres": t.axis.centres,
            "active": t.active,
            "n_spectra": t.n_spectra,
            "trained_on": self.trained_on,
            "held_out": self.held_out,
            "modes": t.modes,
            **(
                {}
                if t.family is None
                else {"family_values": t.family.values, "family_shapes": t.family.shapes}
            ),
            **({} if self.calibration is None else self.calibration.arrays()),
        }
        write_container(Path(path), "model", header, arrays)

    @classmethod
    def load(cls, path: str | Path) -> Model:
        """Read a model that `save` wrote.

        Raises
        ------
        ReadError
            The file is missing, damaged, or something else than a model.
        """
        source = Source.of(Path(path))
        header, arrays = read_container(source, "model")
        try:
            terms = header["coefficients"]
            axis = Axis(
                arrays["edges"], header["unit"], arrays["centres"], None if terms is None else tuple(terms)
            )
            templates = Templates(
                arrays["shapes"],
                tuple(header["classes"]),
                axis,
                arrays["active"],
                arrays["n_spectra"],
                header["kind"],
                header["background"],
                modes=arrays["modes"],
                family=_family_in(header, arrays, axis),
            )
            told, rule = header["calibration"], header.get("unknown_rule")  # older files have no such key
            return cls(
                templates,
                Method.from_dict(header["method"]),
                None if told is None else Calibration.from_parts(told, arrays),
                header["provenance"],
                arrays["trained_on"],
                arrays["held_out"],
                None if rule is None else UnknownRule.from_dict(rule),
            )
        except (KeyError, TypeError, ValueError) as problem:
            if isinstance(problem, GammaFlowError) and not isinstance(problem, DataError | SettingsError):
                raise
            raise DamagedFileError(f"the model is not whole: {problem}", where=source.name) from problem


def _family_in(header: dict[str, Any], arrays: dict[str, NDArray[Any]], axis: Axis) -> Family | None:
    """Return the family that a file holds, if it holds one."""
    told = header.get("family")
    if told is None:
        return None
    classes = tuple(header["classes"])
    values, shapes = arrays["family_values"], arrays["family_shapes"]
    return Family(values, shapes, classes, axis, str(told["name"]), str(told["unit"]))
