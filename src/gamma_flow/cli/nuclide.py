"""``gamma-flow nuclide``: what a nuclide or a mixture emits."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from gamma_flow.cli._common import emit, guarded, table

if TYPE_CHECKING:
    from gamma_flow.nuclides import Inventory, LineTable


@click.command()
@click.argument("name")
@click.option("--age", metavar="TIME", help='Time since it was pure, such as "30 y"  [default: equilibrium]')
@click.option(
    "--least", type=click.FloatRange(0), default=0.001, show_default=True, help="Fewest photons per decay."
)
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@guarded
def command(name: str, age: str | None, least: float, as_json: bool) -> None:
    """Say what NAME is, how long it lives, and which lines it and its daughters emit.

    NAME is a nuclide in any spelling (Cs-137, 137Cs, cs137), or a mixture: Unat, DU, LEU, HEU, WGPu, RGPu.
    Lines of a nuclide are counted per decay of it, daughters at equilibrium with it, or, with --age, as they
    have grown in since then; those of a mixture are per decay of anything in it, at the age given or at once.
    """
    from gamma_flow.nuclides import all_mixtures

    names = {text.lower() for one in all_mixtures() for text in (one.name, one.title)}
    about, found, lines = _mixture(name, age) if name.lower() in names else _nuclide(name, age)
    shown = lines.at_least(least).strongest_first()
    if as_json:
        emit(
            {
                **about,
                **found.as_dict(),
                "least": least,
                "lines_in_all": len(lines),
                "lines": shown.as_dicts(),
            }
        )
        return
    when = "at equilibrium" if found.age == float("inf") else f"after {age or '0 s'}"
    table(
        about.pop("title"),
        ["", ""],
        [
            *((key.replace("_", " "), value) for key, value in about.items() if key != "half_life_s"),
            (f"activity {when}", _activities(found)),
        ],
    )
    table(
        f"{len(shown)} of {len(lines)} lines: at least {100 * least:g} per 100 decays",
        ["member", "keV", "±", "per 100 decays", "±", "kind"],
        rows(shown),
    )


def _nuclide(name: str, age: str | None) -> tuple[dict[str, Any], Inventory, LineTable]:
    from gamma_flow.nuclides import categories, chain, nuclide, readable, series_lines
    from gamma_flow.nuclides.chains import EQUILIBRIUM

    known = nuclide(name)
    about = {
        "title": f"{known.label}, {known.element}",
        "name": known.name,
        "half_life": readable(known.half_life, known.half_life_error),
        "half_life_s": known.half_life,
        "category": ", ".join(categories(known.name)),
    }
    when = age or EQUILIBRIUM
    return about, chain(known.name, when), series_lines(known.name, when)


def _mixture(name: str, age: str | None) -> tuple[dict[str, Any], Inventory, LineTable]:
    from gamma_flow.nuclides import mixed, mixture

    known = mixture(name)
    about = {
        "title": known.title,
        "name": known.name,
        "mass_fractions": ", ".join(f"{one} {share:.4g}" for one, share in known.fractions),
        "source": known.source,
        "category": known.category,
    }
    found = mixed(known.name, age or 0.0)
    return about, found, found.lines().scaled(1.0 / float(found.activities.sum()))


def _activities(found: Inventory, most: int = 24) -> str:
    parts = [
        f"{name} {activity:.4g}"
        for name, activity in zip(found.members, found.activities, strict=True)
        if activity >= 1e-6 * found.activities.max()
    ]
    more = f", and {len(parts) - most} more" if len(parts) > most else ""
    return f"{', '.join(parts[:most])}{more} (Bq per {found.per})"


def rows(lines: LineTable) -> list[list[str]]:
    """Return a line of a table for people for every line of a spectrum."""
    return [
        [
            lines.nuclides[row],
            f"{lines.energy[row]:.3f}",
            _error(float(lines.energy_error[row]), 3),
            f"{100 * lines.intensity[row]:.4g}",
            _error(100 * float(lines.intensity_error[row])),
            lines.kind(row),
        ]
        for row in range(len(lines))
    ]


def _error(value: float, places: int | None = None) -> str:
    if value != value:
        return "–"
    return f"{value:.2g}" if places is None else f"{value:.{places}f}"
