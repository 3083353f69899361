"""The command ``gamma-flow``: one module a command, loaded when it is called."""

from __future__ import annotations

from importlib import import_module

import click

from gamma_flow._version import __version__

__all__ = ["cli", "main"]

_COMMANDS = {
    "analyse": "Say what is in spectra: scores, shares, classes present.",
    "bench": "Run the benchmark scripts of a checkout.",
    "convert": "Write spectra in another format or onto another axis.",
    "evaluate": "Compare a model's answers with the labels.",
    "explore": "Look at labelled spectra before a model is made of them.",
    "inspect": "Say what was found in files.",
    "lines": "List gamma and X-ray lines near an energy (experimental data).",
    "log": "Look into the log of live operation, export it, move what is old.",
    "nuclide": "Say what a nuclide emits, with its daughters (experimental data).",
    "prepare": "Read, calibrate and pool spectra into one file.",
    "report": "Write up data, model and answers in one file.",
    "run": "Prepare, train, analyse and evaluate in one go.",
    "serve": "Watch detectors on a page, and answer other programs.",
    "simulate": "Draw spectra of sources, shields and detectors.",
    "study": "See how unknown spectra look to a model, and give it a rule for them.",
    "tracker": "Calibrate the alarms of live operation on background.",
    "train": "Make a model from labelled spectra.",
    "watch": "Analyse frames of detectors as they arrive.",
}


class _Lazy(click.Group):
    """Knows its commands by name and help line; the module of a command is imported when it is needed."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = import_module(f"gamma_flow.cli.{cmd_name}").command
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        with formatter.section("Commands"):
            formatter.write_dl(sorted(_COMMANDS.items()))


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, prog_name="gamma-flow")
def cli() -> None:
    """Analyse one-dimensional spectra: what is in them, how much, and how well that describes them.

    Exit codes: 0 all is well, 1 something is wrong with the input, 2 the command was called wrongly.
    """


def main() -> None:
    """Run the command."""
    cli(prog_name="gamma-flow")
