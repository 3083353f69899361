"""``gamma-flow lines``: which nuclides emit at an energy."""

from __future__ import annotations

import click

from gamma_flow.cli._common import emit, guarded, table


@click.command()
@click.argument("energy", type=float)
@click.option(
    "--within", type=click.FloatRange(0), default=2.0, show_default=True, help="keV to either side."
)
@click.option(
    "--least", type=click.FloatRange(0), default=0.01, show_default=True, help="Fewest photons per decay."
)
@click.option("--longer-than", metavar="TIME", help='Shortest half-life, such as "1 d"  [default: any]')
@click.option("--json", "as_json", is_flag=True, help="For machines.")
@guarded
def command(energy: float, within: float, least: float, longer_than: str | None, as_json: bool) -> None:
    """List the gamma and X-ray lines near ENERGY (keV), the strongest first.

    A line stands under the nuclide that emits it: that of Cs-137 at 661.66 keV under its daughter Ba137m.
    What feeds it is named too, and --longer-than asks for the half-life of it or of anything that feeds it.
    """
    from gamma_flow.cli.nuclide import rows
    from gamma_flow.nuclides import ancestors, categories, duration, lines, nuclide, readable

    shortest = duration(longer_than) if longer_than else 0.0
    lo = max(energy - within, 0.0) if energy >= 0 else energy
    found = lines(lo, energy + within if energy >= 0 else energy, least)
    feeders = {name: ancestors(name) for name in found.nuclides}
    longest = [max(nuclide(one).half_life for one in (name, *feeders[name])) for name in found.nuclides]
    found = found[[row for row, life in enumerate(longest) if life >= shortest]]
    about = [(nuclide(name).half_life, feeders[name], list(categories(name))) for name in found.nuclides]
    if as_json:
        emit(
            {
                "lo": lo,
                "hi": energy + within,
                "least": least,
                "lines": [
                    {**one, "half_life_s": life, "fed_by": list(fed), "categories": kinds}
                    for one, (life, fed, kinds) in zip(found.as_dicts(), about, strict=True)
                ],
            }
        )
        return
    table(
        f"{len(found)} lines from {lo:g} to {energy + within:g} keV, at least {100 * least:g} per 100 decays",
        ["nuclide", "keV", "±", "per 100 decays", "±", "kind", "half-life", "fed by", "category"],
        [
            [*row, readable(life), _few(fed), ", ".join(kinds)]
            for row, (life, fed, kinds) in zip(rows(found), about, strict=True)
        ],
    )


def _few(names: tuple[str, ...], most: int = 3) -> str:
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
