"""Everything that gamma_flow raises or warns of.

One tree, so that ``except GammaFlowError`` catches all of it and nothing else:

    GammaFlowError
    ├── DataError               a value breaks what its noun promises (also a ValueError)
    │   ├── AxisError           edges, unit, calibration
    │   ├── LabelError          classes, presence, amounts
    │   └── SpectrumError       values, times, metadata of spectra
    ├── IncompatibleError       two valid values that do not fit each other (also a ValueError)
    ├── ReadError               a file or folder that cannot be read (also an OSError)
    │   ├── UnknownFormatError  no reader knows the content
    │   ├── DamagedFileError    the format is known, the content is cut or contradicts itself
    │   ├── UnsafeFileError     the content would run code or outgrow the stated limits
    │   └── RefusedFilesError   several files at once, each with its reason
    ├── WriteError              a result that cannot be written (also an OSError)
    ├── MessageError            a message from outside that is no frame (also a ValueError)
    ├── RequestError            a request that the service refuses (also a ValueError)
    ├── SourceError             a live source that cannot be reached, or does not go on (also an OSError)
    ├── LogError                the log cannot be opened, or did not take what it was given (also an OSError)
    ├── TrainingError           spectra from which no model can be made (also a ValueError)
    ├── SettingsError           an option or a settings file (also a ValueError)
    └── MissingDependencyError  an optional library is not installed (also an ImportError)

    GammaFlowWarning            (a UserWarning)
    ├── ReadWarning             files that were passed over, channels that were cut where that is allowed
    ├── TrainingWarning         a model was made, but somebody should look at its spectra
    └── AnalysisWarning         spectra were analysed, but some of the answers say little

Every message is composed of the same five parts: what, where, expected, found, cure.
"""

from __future__ import annotations

__all__ = [
    "AnalysisWarning",
    "AxisError",
    "DamagedFileError",
    "DataError",
    "GammaFlowError",
    "GammaFlowWarning",
    "IncompatibleError",
    "LabelError",
    "LogError",
    "MessageError",
    "MissingDependencyError",
    "ReadError",
    "ReadWarning",
    "RefusedFilesError",
    "RequestError",
    "SettingsError",
    "SourceError",
    "SpectrumError",
    "TrainingError",
    "TrainingWarning",
    "UnknownFormatError",
    "UnsafeFileError",
    "WriteError",
]


class GammaFlowError(Exception):
    """The root of all errors of gamma_flow.

    Parameters
    ----------
    what : str
        What is wrong, in a few words.
    where : str, optional
        The file, row, argument or class that it is about.
    expected, found : str, optional
        What should have been there, and what was.
    cure : str, optional
        What to do about it.

    Examples
    --------
    >>> print(GammaFlowError("too few channels", where="a.spe", expected="1024", found="386",
    ...                      cure="export the file again"))
    a.spe: too few channels; expected 1024, found 386; export the file again
    """

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        cure: str | None = None,
    ) -> None:
        self.what = what
        self.where = where
        self.expected = expected
        self.found = found
        self.cure = cure
        super().__init__(self._sentence())

    def _sentence(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        if self.expected is not None and self.found is not None:
            text += f"; expected {self.expected}, found {self.found}"
        elif self.expected is not None:
            text += f"; expected {self.expected}"
        elif self.found is not None:
            text += f"; found {self.found}"
        return f"{text}; {self.cure}" if self.cure else text

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the parts when an error crosses a process boundary."""
        return (_rebuild, (type(self), self.as_dict()))

    def as_dict(self) -> dict[str, str | None]:
        """Return the five parts, for machines."""
        return {
            "what": self.what,
            "where": self.where,
            "expected": self.expected,
            "found": self.found,
            "cure": self.cure,
        }


def _rebuild_refused(parts: dict[str, str | None], refused: tuple[ReadError, ...]) -> RefusedFilesError:
    what = parts.pop("what") or ""
    return RefusedFilesError(what, refused=refused, **parts)


def _rebuild(kind: type[GammaFlowError], parts: dict[str, str | None]) -> GammaFlowError:
    what = parts.pop("what") or ""
    return kind(what, **parts)


class DataError(GammaFlowError, ValueError):
    """A value breaks what its noun promises."""


class AxisError(DataError):
    """Edges, unit or calibration of an axis make no axis."""


class LabelError(DataError):
    """Classes, presence or amounts contradict each other."""


class SpectrumError(DataError):
    """Values, times or metadata of spectra make no set of spectra."""


class IncompatibleError(GammaFlowError, ValueError):
    """Two values are valid each, but do not fit each other."""


class ReadError(GammaFlowError, OSError):
    """A file or folder cannot be read."""

    def __str__(self) -> str:
        """OSError would print its arguments in its own way."""
        return self._sentence()


class UnknownFormatError(ReadError):
    """No reader knows the content of a file."""


class DamagedFileError(ReadError):
    """The format is known, but the content is cut or contradicts itself."""


class UnsafeFileError(ReadError):
    """The content of a file would run code or outgrow the stated limits."""


class RefusedFilesError(ReadError):
    """Several files were refused; ``refused`` holds one error a file."""

    def __init__(
        self,
        what: str,
        *,
        where: str | None = None,
        expected: str | None = None,
        found: str | None = None,
        cure: str | None = None,
        refused: tuple[ReadError, ...] = (),
    ) -> None:
        self.refused = refused
        super().__init__(what, where=where, expected=expected, found=found, cure=cure)

    def _sentence(self) -> str:
        lines = [super()._sentence(), *(f"  {problem}" for problem in self.refused)]
        return "\n".join(lines)

    def __reduce__(self) -> tuple[object, ...]:
        """Keep the refused files too when the error crosses a process boundary."""
        return (_rebuild_refused, (self.as_dict(), self.refused))


class WriteError(GammaFlowError, OSError):
    """A result cannot be written."""

    def __str__(self) -> str:
        """OSError would print its arguments in its own way."""
        return self._sentence()


class MessageError(GammaFlowError, ValueError):
    """A message from outside is no frame: cut, too large, of the wrong types, or it contradicts itself."""


class RequestError(GammaFlowError, ValueError):
    """A request to the service that is refused: not allowed, too large, unknown, or of the wrong form."""


class SourceError(GammaFlowError, OSError):
    """A live source cannot be reached, or does not go on."""

    def __str__(self) -> str:
        """OSError would print its arguments in its own way."""
        return self._sentence()


class LogError(GammaFlowError, OSError):
    """The log cannot be opened, or did not take what it was given; what it held before is untouched."""

    def __str__(self) -> str:
        """OSError would print its arguments in its own way."""
        return self._sentence()


class TrainingError(GammaFlowError, ValueError):
    """No model can be made from these spectra."""


class SettingsError(GammaFlowError, ValueError):
    """An option or a settings file asks for something that is not there."""


class MissingDependencyError(GammaFlowError, ImportError):
    """An optional library is not installed."""

    def __str__(self) -> str:
        """ImportError would print its arguments in its own way."""
        return self._sentence()


class GammaFlowWarning(UserWarning):
    """The root of all warnings of gamma_flow."""


class ReadWarning(GammaFlowWarning):
    """Something was passed over while reading, and it is said which."""


class TrainingWarning(GammaFlowWarning):
    """A model was made, but somebody should look at its spectra."""


class AnalysisWarning(GammaFlowWarning):
    """Spectra were analysed, but some of the answers say little."""
