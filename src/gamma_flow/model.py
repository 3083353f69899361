"""The model: templates, a rule of presence, and where both came from; one file, no pickle."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gamma_flow._version import __version__
from gamma_flow.data import Axis, SpectrumSet
from gamma_flow.data._arrays import freeze_strings
from gamma_flow.data._select import key_depth, origin_keys
from gamma_flow.data.analysis import Analysis
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
from gamma_flow.numerics.unmix import unmix

__all__ = ["Model"]

_KEPT_AXES = 16  # axes whose carried templates a model remembers
_ENOUGH = 0.9  # part of a template that should lie on the axis of the spectra


@dataclass(frozen=True, eq=False)
class Model:
    """Templates and the rule by which a class is taken as present.

    Parameters
    ----------
    templates : Templates
        K shapes.
    min_share : float
        A class is present if its share of the summed scores exceeds this (0..1; the paper takes 0.1).
    provenance : mapping
        Version, date, settings, hashes of the inputs, warnings of the training.
    trained_on, held_out : array_like of str
        Origins of the spectra that made the templates, and of those kept for validation.

    Raises
    ------
    SettingsError
        ``min_share`` outside 0..1.

    See Also
    --------
    gamma_flow.train : makes a model from labelled spectra.
    """

    templates: Templates
    min_share: float = 0.1
    provenance: Mapping[str, Any] = field(default_factory=dict)
    trained_on: NDArray[np.str_] = None  # type: ignore[assignment]  # filled in below
    held_out: NDArray[np.str_] = None  # type: ignore[assignment]
    _carried: dict[Axis, Templates] = field(default_factory=dict, init=False, repr=False)

    def __post_init__(self) -> None:
        if not 0 <= self.min_share < 1:
            raise SettingsError(
                "the least share is a share", expected="0 <= min_share < 1", found=f"{self.min_share:g}"
            )
        for name in ("trained_on", "held_out"):
            given = getattr(self, name)
            column = np.zeros(0, np.str_) if given is None else np.asarray(given)
            object.__setattr__(self, name, freeze_strings(column, len(column), name, DataError))
        object.__setattr__(self, "provenance", MappingProxyType(dict(self.provenance)))

    def __repr__(self) -> str:
        return f"Model({', '.join(self.classes)}; {self.templates.axis})"

    def __reduce__(self) -> tuple[Any, ...]:
        return (
            Model,
            (self.templates, self.min_share, dict(self.provenance), self.trained_on, self.held_out),
        )

    @property
    def classes(self) -> tuple[str, ...]:
        """Names of the K classes."""
        return self.templates.classes

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
        carried = self._carried.get(axis)
        if carried is None:
            carried = self.templates.onto(axis)
            self._warn_of_loss(carried)
            # a new table takes the old one's place in one step, so threads may share a model
            kept = list(self._carried.items())[1 - _KEPT_AXES :]
            object.__setattr__(self, "_carried", {**dict(kept), axis: carried})
        return carried

    def _warn_of_loss(self, carried: Templates) -> None:
        part = self.templates.covered_by(carried)
        worst = int(part.argmin())
        if part[worst] < _ENOUGH:
            warnings.warn(
                f"only {100 * part[worst]:.0f} % of the template of '{self.classes[worst]}' lies on "
                f"{carried.axis}: its score says what the whole of it would be",
                AnalysisWarning,
                stacklevel=4,
            )

    def analyse(self, spectra: SpectrumSet) -> Analysis:
        """Write each spectrum as a non-negative sum of the templates.

        Scores are those of non-negative least squares over the active channels. The spectra keep their
        axis and counts; the templates are carried onto it where it is not the model's own.

        Parameters
        ----------
        spectra : SpectrumSet
            N spectra, of the model's unit and kind. Signed ones (differences) are taken as they are.

        Returns
        -------
        Analysis
            An empty spectrum gets scores, shares and similarities of zero and no class.

        Raises
        ------
        IncompatibleError
            Spectra of another unit or kind, or without a channel in common with the model.

        Warns
        -----
        AnalysisWarning
            Less than nine tenths of a template lie on the axis of the spectra.

        Notes
        -----
        Order and size of the batch change nothing. The method is the supervised factorisation of the
        gamma_flow paper (Rädle et al.); the solver is described in `gamma_flow.numerics.unmix`.
        """
        if spectra.kind != self.templates.kind:
            raise IncompatibleError(
                "the model was trained on another kind of values",
                expected=self.templates.kind,
                found=spectra.kind,
                cure="read the spectra with the same kind (--kind) as the training spectra",
            )
        templates = self.on(spectra.axis)
        active = templates.active
        values = spectra.values if active.all() else spectra.values[:, active]
        fit = unmix(values, templates.shapes[:, active])
        total = np.abs(fit.scores).sum(axis=1, keepdims=True)
        shares = np.divide(fit.scores, total, out=np.zeros_like(fit.scores), where=total > 0)
        return Analysis(
            scores=fit.scores,
            shares=shares,
            present=shares > self.min_share,
            similarity=fit.quality.cosine,
            centred_similarity=fit.quality.centred_cosine,
            explained_variance=fit.quality.explained_variance,
            templates=templates,
            values=spectra.values,
            time=spectra.time,
            live_time=spectra.live_time,
            detector=spectra.detector,
            origin=spectra.origin,
        )

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
            "rule": {"name": "share", "min_share": self.min_share},
            "provenance": dict(self.provenance),
        }
        arrays = {
            "shapes": t.shapes,
            "edges": t.axis.edges,
            "centres": t.axis.centres,
            "active": t.active,
            "n_spectra": t.n_spectra,
            "trained_on": self.trained_on,
            "held_out": self.held_out,
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
            rule = header["rule"]
            if rule["name"] != "share":
                raise DamagedFileError(
                    "the model's rule of presence is unknown here",
                    where=source.name,
                    expected="share",
                    found=str(rule["name"]),
                    cure=f"read it with the gamma_flow that wrote it (this is {__version__})",
                )
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
            )
            return cls(
                templates,
                float(rule["min_share"]),
                header["provenance"],
                arrays["trained_on"],
                arrays["held_out"],
            )
        except (KeyError, TypeError, ValueError) as problem:
            if isinstance(problem, GammaFlowError) and not isinstance(problem, DataError):
                raise
            raise DamagedFileError(f"the model is not whole: {problem}", where=source.name) from problem
