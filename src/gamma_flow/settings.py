"""Settings of a whole run: from ``gamma-flow.toml``, from a preset, and from flags that go before both."""

from __future__ import annotations

import difflib
import re
from importlib import resources
from pathlib import Path
from typing import Any, Literal

import msgspec

from gamma_flow.data import BACKGROUND, Axis
from gamma_flow.errors import SettingsError
from gamma_flow.io._source import MAX_CHANNELS, Source

__all__ = [
    "AxisSettings",
    "EvaluateSettings",
    "ReadSettings",
    "SetSettings",
    "Settings",
    "TrainSettings",
    "load_settings",
    "presets",
]

OneOrMore = str | list[str]


class _Strict(msgspec.Struct, forbid_unknown_fields=True, frozen=True):
    """A misspelt key is an error, not a setting that does nothing."""


class ReadSettings(_Strict, frozen=True):
    """``[read]``: what files may not say of themselves; see `gamma_flow.read`."""

    kind: Literal["counts", "intensity"] | None = None
    unit: str | None = None
    reference: Literal["lower edge", "centre"] | None = None
    signed: bool = False
    label_pattern: str | None = None
    table: str | None = None
    aliases: dict[str, str] = {}
    format: str | None = None
    skip_refused: bool = False


class AxisSettings(_Strict, frozen=True):
    """``[axis]``: the one axis that all spectra are carried onto; without it each keeps its own."""

    coefficients: list[float] | None = None
    points: list[tuple[float, float]] | None = None
    order: int | None = None
    channels: int | None = None
    unit: str = "keV"
    reference: Literal["lower edge", "centre"] = "centre"
    method: Literal["conserve", "interpolate"] | None = None
    allow_cut: float = 0.01

    def axis(self) -> Axis | None:
        """Return the axis, if one is set.

        Raises
        ------
        SettingsError
            Coefficients without a number of channels, or the reverse.
        """
        if self.coefficients is None and self.points is None and self.channels is None:
            return None
        if self.channels is None or (self.coefficients is None) == (self.points is None):
            raise SettingsError(
                "an axis needs its number of channels, and either coefficients or calibration points",
                where="[axis]",
                cure="give --axis OFFSET,SLOPE,... together with --channels N",
            )
        if self.points is not None:
            return Axis.through(self.points, self.channels, self.unit, self.reference, self.order)
        assert self.coefficients is not None
        return Axis.polynomial(self.coefficients, self.channels, self.unit, self.reference)


class TrainSettings(_Strict, frozen=True):
    """``[train]``: see `gamma_flow.train`."""

    classes: list[str] | None = None
    detectors: OneOrMore | None = None
    background_files: OneOrMore | None = None
    energy_range: tuple[float | None, float | None] | None = None
    first_channel: int | None = None
    limit: int | None = None
    held_out: float = 0.2
    split: Literal["class", "paper"] = "class"
    seed: int = 1
    noise: Literal["poisson", "gaussian", "leastsquares"] | None = None
    parts: list[str] | None = None
    rule: Literal["evidence", "share"] | None = None
    min_share: float | None = None
    false_alarm_rate: float = 0.005
    novelty_rate: float = 0.01
    line_width: float | None = None
    gain_range: float = 0.0
    nulls: int | None = None
    few: int = 20
    baseline: bool = False


class SetSettings(_Strict, frozen=True):
    """``[sets.NAME]``: spectra that are tested together; all conditions that are given have to hold."""

    file: OneOrMore | None = None
    detector: OneOrMore | None = None
    label: OneOrMore | None = None
    not_file: OneOrMore | None = None
    not_detector: OneOrMore | None = None
    not_label: OneOrMore | None = None
    labels: Literal["pure", "single", "mixed"] | None = None
    part: Literal["all", "training", "held out", "other"] = "all"


class EvaluateSettings(_Strict, frozen=True):
    """``[evaluate]``: bootstrap, and sizes of added noise as shares of a spectrum's root mean square."""

    bootstrap: int = 1000
    seed: int = 1
    noise: list[float] = []
    noise_sets: list[str] | None = None


class Settings(_Strict, frozen=True):
    """All of ``gamma-flow.toml``."""

    background: str = BACKGROUND
    recognise: list[str] = []
    read: ReadSettings = ReadSettings()
    axis: AxisSettings = AxisSettings()
    train: TrainSettings = TrainSettings()
    evaluate: EvaluateSettings = EvaluateSettings()
    sets: dict[str, SetSettings] = {}

    def with_flags(self, **sections: dict[str, Any]) -> Settings:
        """Return settings in which flags that were given (not None, not empty) replace what stood there."""
        changes: dict[str, Any] = {}
        for name, flags in sections.items():
            given = {key: value for key, value in flags.items() if value is not None and value != ()}
            if given:
                part = getattr(self, name)
                try:
                    changes[name] = msgspec.convert({**msgspec.to_builtins(part), **given}, type(part))
                except msgspec.ValidationError as problem:
                    raise SettingsError(_sentence(str(problem)), where=f"[{name}]") from problem
        changed = msgspec.structs.replace(self, **changes)
        _check(changed, "flags")
        return changed

    def as_dict(self) -> dict[str, Any]:
        """Return plain dicts and lists."""
        plain: dict[str, Any] = msgspec.to_builtins(self)
        return plain


def load_settings(path: Path | None = None, preset: str | None = None) -> Settings:
    """Read settings from a file, or a preset, or return the defaults.

    Raises
    ------
    SettingsError
        Both a file and a preset; a preset that does not exist; a key or value that is not a setting.
    ReadError
        The file cannot be read.
    """
    if path is not None and preset is not None:
        raise SettingsError(
            "a preset and a settings file cannot both hold", cure="copy the preset into the file"
        )
    if path is not None:
        source = Source.of(path)
        settings = _decoded(source.data, source.name)
        if settings.read.table is not None:
            # a path in a file is meant from where the file lies
            table = str(path.parent / settings.read.table)
            read = msgspec.structs.replace(settings.read, table=table)
            settings = msgspec.structs.replace(settings, read=read)
        return settings
    if preset is not None:
        known = presets()
        if preset not in known:
            raise SettingsError("unknown preset", expected=", ".join(sorted(known)), found=preset)
        return known[preset]
    return Settings()


def presets() -> dict[str, Settings]:
    """Return all presets of the package by name."""
    folder = resources.files("gamma_flow") / "presets"
    return {
        entry.name.removesuffix(".toml"): _decoded(entry.read_bytes(), entry.name)
        for entry in folder.iterdir()
        if entry.name.endswith(".toml")
    }


def _decoded(data: bytes, name: str) -> Settings:
    try:
        settings = msgspec.toml.decode(data, type=Settings)
    except msgspec.ValidationError as problem:
        raise SettingsError(_sentence(str(problem)), where=name, cure=_cure(str(problem))) from problem
    except (msgspec.DecodeError, UnicodeDecodeError) as problem:
        raise SettingsError(f"no valid TOML: {problem}", where=name) from problem
    _check(settings, name)
    return settings


def _check(settings: Settings, where: str) -> None:
    """Refuse numbers and names that no step could take."""
    train, evaluate, axis = settings.train, settings.evaluate, settings.axis
    ranges = [
        ("train.seed", train.seed, 0, None),
        ("train.held_out", train.held_out, 0, 1),
        ("train.min_share", train.min_share, 0, 1),
        ("train.false_alarm_rate", train.false_alarm_rate, 1e-9, 0.5),
        ("train.novelty_rate", train.novelty_rate, 1e-9, 0.5),
        ("train.line_width", train.line_width, 0, 1),
        ("train.gain_range", train.gain_range, 0, 0.5),
        ("train.nulls", train.nulls, 200, 10_000_000),
        ("train.limit", train.limit, 1, None),
        ("train.first_channel", train.first_channel, 0, None),
        ("train.few", train.few, 0, None),
        ("evaluate.seed", evaluate.seed, 0, None),
        ("evaluate.bootstrap", evaluate.bootstrap, 0, 1_000_000),
        ("axis.channels", axis.channels, 1, MAX_CHANNELS),
        ("axis.allow_cut", axis.allow_cut, 0, 1),
        *(("evaluate.noise", size, 0, 1e6) for size in evaluate.noise),
    ]
    for name, value, lo, hi in ranges:
        if value is not None and not (value >= lo and (hi is None or value <= hi)):
            upper = "" if hi is None else f" to {hi:g}"
            raise SettingsError(
                "a setting is out of range",
                where=f"{where}, {name}",
                expected=f"{lo:g}{upper}",
                found=f"{value:g}",
            )
    if "noise" in settings.sets:
        raise SettingsError("no set can be called 'noise': evaluation.json keeps that name", where=where)
    unknown = [name for name in evaluate.noise_sets or [] if settings.sets and name not in settings.sets]
    if unknown:
        raise SettingsError(
            "noise is asked for on sets that are not there",
            where=f"{where}, evaluate.noise_sets",
            expected=", ".join(settings.sets),
            found=", ".join(unknown),
        )


def _sentence(text: str) -> str:
    unknown = re.search(r"unknown field `([^`]+)`(?: - at `\$\.?([^`]*)`)?", text)
    if unknown:
        place = f"[{unknown[2]}] " if unknown[2] else ""
        return f"{place}there is no setting '{unknown[1]}'"
    return re.sub(r" - at `\$\.?([^`]*)`", r" at \1", text)


def _cure(text: str) -> str | None:
    unknown = re.search(r"unknown field `([^`]+)`", text)
    if not unknown:
        return None
    kinds = (Settings, ReadSettings, AxisSettings, TrainSettings, SetSettings, EvaluateSettings)
    names = sorted({field for kind in kinds for field in kind.__struct_fields__})
    near = difflib.get_close_matches(unknown[1], names, n=3)
    return f"did you mean {' or '.join(near)}?" if near else f"settings are: {', '.join(names)}"
