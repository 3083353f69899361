"""What all commands share: options, errors as one sentence, tables, progress."""

from __future__ import annotations

import functools
import json
import sys
import warnings
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

if TYPE_CHECKING:
    _Parameter = click.ParamType[Any]
    from gamma_flow.io.reading import Found
    from gamma_flow.model import Model
    from gamma_flow.settings import Settings

if not TYPE_CHECKING:
    _Parameter = click.ParamType  # older versions of click take no type

__all__ = [
    "Numbers",
    "config_options",
    "emit",
    "energy_range_option",
    "found_in",
    "guarded",
    "on_terminal",
    "reading_options",
    "settings_of",
    "table",
    "training_options",
]

Function = TypeVar("Function", bound=Callable[..., Any])


def guarded(function: Function) -> Function:
    """Turn our errors into one sentence and exit code 1, and our warnings into one line each."""

    @functools.wraps(function)
    def wrapped(*args: Any, **kwargs: Any) -> Any:
        from gamma_flow.errors import GammaFlowError, GammaFlowWarning

        def show(message: Warning | str, category: type[Warning], *_: Any, **__: Any) -> None:
            if issubclass(category, GammaFlowWarning):
                click.echo(f"warning: {message}", err=True)

        with warnings.catch_warnings():
            warnings.simplefilter("always", GammaFlowWarning)
            warnings.showwarning = show
            try:
                return function(*args, **kwargs)
            except GammaFlowError as problem:
                click.echo(f"gamma-flow: {problem}", err=True)
                sys.exit(1)
            except KeyboardInterrupt:
                click.echo("gamma-flow: interrupted; nothing was written", err=True)
                sys.exit(1)
            except BrokenPipeError:
                # the reader of our output went away, as head does: that is no error of the input
                with suppress(OSError):
                    sys.stdout.close()
                sys.exit(0)
            except OSError as problem:
                reason = problem.strerror or type(problem).__name__
                with suppress(OSError, ValueError):
                    click.echo(f"gamma-flow: the output cannot be written: {reason}", err=True)
                with suppress(OSError, ValueError):
                    sys.stdout.close()
                sys.exit(1)

    return wrapped  # type: ignore[return-value]  # the same signature, as functools.wraps says


def _chain(options: Sequence[Callable[[Function], Function]]) -> Callable[[Function], Function]:
    def decorate(function: Function) -> Function:
        for option in reversed(options):
            function = option(function)
        return function

    return decorate


class Numbers(_Parameter):
    """Numbers with commas between them: ``-12,8.15,0.0012``."""

    name = "NUMBERS"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        try:
            return [float(part) for part in value.split(",")]
        except ValueError:
            self.fail(f"'{value}' is not a list of numbers with commas between them", param, ctx)


class _Range(_Parameter):
    """A range that may be open at an end: ``45,`` or ``,3000`` or ``45,3000``."""

    name = "LO,HI"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        parts = value.split(",")
        try:
            if len(parts) != 2:
                raise ValueError
            return tuple(float(part) if part.strip() else None for part in parts)
        except ValueError:
            self.fail(f"'{value}' is not a range; write LO,HI and leave an open end empty: 45,", param, ctx)


def reading_options(function: Function) -> Function:
    """Add options for what files may not say of themselves."""
    return _chain(
        [
            click.option("--kind", type=click.Choice(["counts", "intensity"]), help="What the values are."),
            click.option("--unit", help="Unit of the axis where files name none (keV, cm-1, nm, ...)."),
            click.option(
                "--reference",
                type=click.Choice(["lower edge", "centre"]),
                help="What calibrations in the files give at a channel's index.",
            ),
            click.option("--signed", is_flag=True, default=None, help="Allow negative counts (differences)."),
            click.option(
                "--label-pattern",
                metavar="REGEX",
                help="Labels and detector in the file name: (?P<labels>...) and (?P<detector>...).",
            ),
            click.option(
                "--table", "labels_table", metavar="CSV", help="Table with columns file,labels,detector."
            ),
            click.option("--format", "file_format", metavar="NAME", help="Read all files in this format."),
            click.option(
                "--skip-refused", is_flag=True, default=None, help="Go on without files that cannot be read."
            ),
        ]
    )(function)


def axis_options(function: Function) -> Function:
    """Add options for the axis that spectra are carried onto."""
    return _chain(
        [
            click.option(
                "--axis",
                "coefficients",
                type=Numbers(),
                metavar="C0,C1,...",
                help="Polynomial of the common axis, lowest order first; without it spectra keep their own.",
            ),
            click.option("--channels", type=click.IntRange(1), help="Channels of the common axis."),
            click.option("--axis-unit", help="Unit of the common axis  [default: keV]"),
            click.option(
                "--axis-reference",
                type=click.Choice(["lower edge", "centre"]),
                help="What that polynomial gives at a channel's index  [default: centre]",
            ),
            click.option(
                "--method",
                type=click.Choice(["conserve", "interpolate"]),
                help="How spectra are carried: counts conserved, or linear interpolation as in the paper.",
            ),
            click.option(
                "--allow-cut", type=float, help="Share of counts that the axis may cut  [default: 0.01]"
            ),
        ]
    )(function)


energy_range_option = click.option(
    "--energy-range", type=_Range(), help="Part of the axis to use, such as 45, (open above)."
)


def training_options(function: Function) -> Function:
    """Add options for what makes a template."""
    return _chain(
        [
            click.option(
                "--classes", metavar="A,B,...", help="Classes to train  [default: all with pure spectra]"
            ),
            click.option(
                "--train-on",
                "detectors",
                multiple=True,
                metavar="DETECTOR",
                help="Detectors of training spectra.",
            ),
            click.option("--background", metavar="NAME", help="The background class  [default: background]"),
            click.option(
                "--background-files",
                multiple=True,
                metavar="PATTERN",
                help="Files for the background template  [default: those with nothing but background]",
            ),
            energy_range_option,
            click.option("--first-channel", type=click.IntRange(0), help="Leave out the channels below."),
            click.option("--limit", type=click.IntRange(1), help="Most spectra a class."),
            click.option("--held-out", type=float, help="Share held back for validation  [default: 0.2]"),
            click.option("--seed", type=int, help="Seed of all draws of the training  [default: 1]"),
            click.option(
                "--noise-model",
                type=click.Choice(["poisson", "gaussian", "leastsquares"]),
                help="How values scatter  [default: poisson for counts, gaussian for intensities]",
            ),
            click.option(
                "--parts",
                metavar="A,B,...",
                help="What is fitted beside the scores: mismatch, gain, offset, resolution, smooth, pile-up, "
                "learned; or none  [default: what the unit suggests]",
            ),
            click.option(
                "--rule",
                type=click.Choice(["evidence", "share"]),
                help="What makes a class present  [default: evidence for counts]",
            ),
            click.option(
                "--min-share",
                type=float,
                help="Share above which a class is present  [default: 0.02 with evidence, 0.1 without]",
            ),
            click.option(
                "--false-alarm-rate",
                type=float,
                help="Spectra in which an absent class may be called present  [default: 0.005]",
            ),
            click.option(
                "--gain-range", type=float, help="Look for gains within 1 +- this  [default: 0, no search]"
            ),
            click.option(
                "--baseline",
                is_flag=True,
                default=None,
                help="A constant beside the classes, for intensities.",
            ),
            click.option("--nulls", type=click.IntRange(200), help="Draws for the calibration."),
        ]
    )(function)


def config_options(function: Function) -> Function:
    """Add options for a settings file or a preset."""
    return _chain(
        [
            click.option(
                "--config",
                type=click.Path(path_type=Path),
                metavar="TOML",
                help="Settings file  [default: gamma-flow.toml in this folder, if there is one]",
            ),
            click.option("--preset", metavar="NAME", help="Settings of the package: paper."),
        ]
    )(function)


def settings_of(flags: dict[str, Any]) -> Settings:
    """Return settings from file or preset, with the flags that were given put over them."""
    from gamma_flow.settings import load_settings

    config = flags.get("config")
    if config is None and flags.get("preset") is None and Path("gamma-flow.toml").is_file():
        config = Path("gamma-flow.toml")
    settings = load_settings(config, flags.get("preset"))

    def given(**names: str) -> dict[str, Any]:
        values = {key: flags.get(name) for key, name in names.items()}
        return {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in values.items()
            if value != ()
        }

    classes = flags.get("classes")
    changed = settings.with_flags(
        read=given(
            kind="kind",
            unit="unit",
            reference="reference",
            signed="signed",
            label_pattern="label_pattern",
            table="labels_table",
            format="file_format",
            skip_refused="skip_refused",
        ),
        axis=given(
            coefficients="coefficients",
            channels="channels",
            unit="axis_unit",
            reference="axis_reference",
            method="method",
            allow_cut="allow_cut",
        ),
        train={
            **given(
                detectors="detectors",
                background_files="background_files",
                energy_range="energy_range",
                first_channel="first_channel",
                limit="limit",
                held_out="held_out",
                seed="seed",
                noise="noise_model",
                rule="rule",
                min_share="min_share",
                false_alarm_rate="false_alarm_rate",
                gain_range="gain_range",
                nulls="nulls",
                baseline="baseline",
            ),
            "parts": _words(flags.get("parts")),
            "classes": [name.strip() for name in classes.split(",")] if classes else None,
        },
        evaluate=given(bootstrap="bootstrap", noise="noise"),
    )
    if flags.get("background"):
        from msgspec.structs import replace

        changed = replace(changed, background=flags["background"])
    return changed


def _words(text: str | None) -> list[str] | None:
    """Return the words of a list; "none" is an empty one."""
    if text is None:
        return None
    return [] if text.strip() == "none" else [word.strip() for word in text.split(",") if word.strip()]


def found_in(
    paths: Sequence[str], settings: Settings, tolerant: bool = False, leave_out: Path | None = None
) -> Found:
    """Read all paths with progress, and report what was refused unless the caller does."""
    from gamma_flow.io._format import ReadOptions
    from gamma_flow.io.naming import Naming
    from gamma_flow.io.progress import progress_bar
    from gamma_flow.io.reading import report, scan

    how = settings.read
    options = ReadOptions(how.kind, how.unit, how.reference, None, settings.background, how.signed)
    naming = Naming(how.label_pattern, how.table, how.aliases)
    with progress_bar("reading") as progress:
        found = scan(list(paths), options, naming, format=how.format, progress=progress, leave_out=leave_out)
    if not (tolerant and found.parts):
        report(found, "warn" if how.skip_refused else "raise")
    return found


def on_terminal() -> bool:
    """Tell whether a person reads the output; it may even be closed."""
    return sys.stdout is not None and sys.stdout.isatty()


def emit(value: Any) -> None:
    """Print a value as JSON: numbers that are not finite are null."""
    click.echo(json.dumps(value, indent=1, allow_nan=False, ensure_ascii=False))


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[Any]]) -> None:
    """Print a table for people; the first column to the left, numbers to the right."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    grid = Table(box=box.SIMPLE_HEAD, pad_edge=False, show_header=any(head))
    for number, name in enumerate(head):
        left = number == 0 or not any(head)
        grid.add_column(name, justify="left" if left else "right", overflow="fold")
    for row in rows:
        grid.add_row(*(str(cell) for cell in row))
    wide = None if on_terminal() else 160
    console = Console(width=wide, highlight=False)
    console.print(title, style="bold", markup=False)
    console.print(grid)


def percent(value: float | None) -> str:
    """Return a share as percent, or a dash."""
    return "–" if value is None or value != value else f"{100 * value:.2f}"


def rule_text(model: Model) -> str:
    """Say what makes a class present, and how well that is known."""
    share = f"share > {model.min_share:g}"
    if model.method.rule == "share" or model.calibration is None:
        return share
    rate = model.method.false_alarm_rate
    nulls = model.calibration.n_nulls
    drawn = f"from {int(nulls[nulls > 0].min())} draws a class" if (nulls > 0).any() else "from theory"
    return f"p < {model.calibration.threshold(rate):.2g} ({rate:g} false alarms a spectrum, {drawn}), {share}"
