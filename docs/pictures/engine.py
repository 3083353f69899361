"""Draw the pictures of docs/engine.md from simulated spectra, and print the figures that the page quotes.

python docs/pictures/engine.py

Needs matplotlib. Four nuclides and background in a NaI detector of 3 x 3 inches, 256 channels of 11.7 keV;
all seeds are fixed.
"""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")

import matplotlib.pyplot as plt
import numpy as np
from numpy.typing import NDArray

import gamma_flow as gf
from gamma_flow._engine import Engine, log_counts
from gamma_flow.numerics.nulls import draw_nulls
from gamma_flow.simulate import Background, detector, expected_rates
from gamma_flow.simulate.spectra import observe

Floats = NDArray[np.float64]
HERE = Path(__file__).parent
AXIS = gf.Axis.linear(0, 3000, 256, "keV")
NUCLIDES = ("Am-241", "Co-60", "Cs-137", "Eu-152")
UNKNOWN = "I-131"
NULLS = 30_000
# Okabe and Ito, which colour-blind eyes tell apart
BLUE, ORANGE, GREEN, RED, PURPLE, GREY = "#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#9A9A9A"
COLOURS = {"Am-241": PURPLE, "Co-60": BLUE, "Cs-137": ORANGE, "Eu-152": GREEN, "background": GREY}


@dataclass(frozen=True)
class World:
    """Everything that the pictures share."""

    model: gf.Model
    engine: Engine
    pools: list[Floats]
    unknown: Floats  # unit sum over the active channels

    @property
    def shapes(self) -> Floats:
        return self.engine.shapes

    @property
    def edges(self) -> Floats:
        used = np.flatnonzero(self.model.templates.active)
        return np.asarray(AXIS.edges[used[0] : used[-1] + 2])

    @property
    def centres(self) -> Floats:
        return np.asarray(0.5 * (self.edges[1:] + self.edges[:-1]))

    def number(self, name: str) -> int:
        return self.model.classes.index(name)

    def spectra(self, active: Floats) -> gf.SpectrumSet:
        """Return spectra from their active channels."""
        values = np.zeros((len(active), len(AXIS)))
        values[:, self.model.templates.active] = active
        return gf.SpectrumSet(values, AXIS)

    def distorted(self, amounts: Floats, rng: np.random.Generator) -> Floats:
        """Return expected counts of amounts (N, K) with templates that are off as the prior says."""
        d = self.engine.distortions
        n, k = amounts.shape
        z = rng.standard_normal((n, k, d.modes))
        mean = amounts @ self.shapes + np.einsum("nk,nkq,kqc->nc", amounts, z, d.spread[:, : d.modes])
        shift = rng.standard_normal((n, len(d.drift)))
        return np.maximum(mean + np.einsum("nd,nk,dkc->nc", shift, amounts, d.drift), 0.0)


def world() -> World:
    """Train on sources without noise to speak of, and on background frames of about 1000 counts."""
    probe = detector("NaI-3x3", axis=AXIS)
    rng = np.random.default_rng(1)
    parts, pools = [], []
    for name in NUCLIDES:
        rate = expected_rates(name, probe)
        parts.append(observe({name: rate * (1e6 / rate.sum())}, np.ones((25, 1)), probe, 1.0, rng).spectra)
    rate = probe.counts(Background().deposit(probe.response))
    size = rng.uniform(800, 1200, (1000, 1)) / rate.sum()
    parts.append(observe({"background": rate}, size, probe, 1.0, rng).spectra)
    pools = [part.values for part in parts]
    model = gf.train(gf.SpectrumSet.concatenate(parts), energy_range=(30, None))
    engine = model._engine(AXIS)
    other = engine.taken(expected_rates(UNKNOWN, probe)[None])[0]
    return World(model, engine, pools, other / other.sum())


def save(figure: plt.Figure, name: str) -> None:
    figure.savefig(HERE / f"engine-{name}.png", dpi=104)
    plt.close(figure)


# ------------------------------------------------------------------------------------------- the pictures


def fit(w: World) -> None:
    """One spectrum of a detector whose gain is off, its components, its residual."""
    rng = np.random.default_rng(3)
    amounts = np.zeros((1, len(w.model.classes)))
    for name, count in (("Co-60", 6000), ("Cs-137", 12_000), ("background", 9000)):
        amounts[0, w.number(name)] = count
    moved = w.engine.moved(1.008).shapes
    counts = rng.poisson(amounts @ moved).astype(float)
    found = w.model.analyse(w.spectra(counts))
    mean = w.engine.fit(counts, None, found.live_time, mean=True).mean[0]
    plain = found.scores[0] @ w.shapes
    figure, (top, below) = plt.subplots(
        2, 1, figsize=(9.6, 6.0), height_ratios=(2.6, 1), sharex=True, layout="constrained"
    )
    floor = np.zeros(len(plain))
    for name in ("background", "Co-60", "Cs-137"):
        k = w.number(name)
        part = found.scores[0, k] * w.shapes[k]
        told = f"{found.scores[0, k]:.0f} ± {found.score_errors[0, k]:.0f}"
        label = f"{name}: {told} (drawn: {amounts[0, k]:.0f})"
        top.stairs(
            floor + part, w.edges, baseline=floor, fill=True, color=COLOURS[name], alpha=0.7, label=label
        )
        floor = floor + part
    top.stairs(mean, w.edges, color="black", linewidth=1.2, label="fit, distortions included")
    top.errorbar(
        w.centres, counts[0], np.sqrt(counts[0]), fmt=".", color="#333333", ms=3, lw=0.6, label="counts"
    )
    top.set_yscale("symlog", linthresh=10)
    top.set_ylim(0, 12 * counts.max())
    top.set_ylabel("counts per channel")
    top.legend(frameon=False, ncols=2, loc="upper right")
    below.axhspan(-2, 2, color="#E4E4E4", zorder=0)
    for mu, colour, label in ((plain, ORANGE, "templates alone"), (mean, "#222222", "with distortions")):
        pull = (counts[0] - mu) / np.sqrt(np.maximum(mu, 1))
        below.plot(w.centres, np.clip(pull, -14, 14), ".", color=colour, ms=4, label=label)
        size = np.sqrt((pull[mu > 5] ** 2).mean())
        print(f"fit: root mean square of the residual in sigma, {label}: {size:.2f}")
    below.set_ylim(-15, 15)
    below.set_ylabel("residual (σ)")
    below.set_xlabel("energy (keV)")
    below.set_xlim(w.edges[0], 2800)
    below.legend(frameon=False, ncols=2, loc="upper right")
    print(f"fit: drift in prior sd (gain, offset, resolution) {found.drift[0].round(2)}")
    print(f"fit: f {found.mismatch[0]:.3f}, chi-square over degrees of freedom {found.deviance[0]:.2f}")
    save(figure, "fit")


def distortions(w: World) -> None:
    """What a prior standard deviation (times two) of each part does to a template."""
    d, k = w.engine.distortions, w.number("Cs-137")
    t = w.shapes[k]
    figure, axes = plt.subplots(2, 2, figsize=(9.6, 6.2), layout="constrained")
    how = w.model.method
    cells = [
        (f"gain ± {200 * how.gain:.0f} %", d.drift[0, k]),
        (f"offset ± {2 * how.offset:.0f} keV", d.drift[1, k]),
        (f"resolution ± {200 * how.resolution:.0f} %", d.drift[2, k]),
    ]
    for panel, (title, change) in zip(axes.ravel(), cells, strict=False):
        panel.stairs(1e3 * t, w.edges, fill=True, color="#DDDDDD", label="template")
        panel.stairs(1e3 * (t + 2 * change), w.edges, color=BLUE, lw=1.8, label="+2 sd")
        panel.stairs(1e3 * (t - 2 * change), w.edges, color=RED, lw=1.8, ls="--", label="−2 sd")
        panel.set_title(title, fontsize=13)
        panel.set_xlim(480, 800)
        panel.set_ylim(0, 150)
        panel.set_ylabel("counts per channel,\nof 1000 of Cs-137")
    last = axes[1, 1]
    for mode, (colour, style) in enumerate(
        zip((BLUE, RED, GREEN, GREY), ("-", "--", "-.", ":"), strict=True)
    ):
        change = np.divide(d.spread[k, mode], t, out=np.full(len(t), np.nan), where=t > 1e-7)
        last.plot(w.centres, 200 * change, style, color=colour, lw=2, label=str(mode + 1))
    last.set_title("smooth, modes 1 to 4, +2 sd", fontsize=13)
    last.set_xlim(30, 800)
    last.set_ylim(-26, 26)
    last.set_ylabel("change of the template (%)")
    last.legend(frameon=False, loc="lower left", ncols=4, columnspacing=1, handlelength=1.6)
    for panel in axes[1]:
        panel.set_xlabel("energy (keV)")
    axes[0, 0].legend(frameon=False, loc="upper left")
    save(figure, "distortions")


def nulls(w: World) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Draw spectra anew, other ones than the calibration's: ratios, log counts, presence."""
    rng = np.random.default_rng(77)
    background = w.number("background")
    t = w.model.templates
    values, presence = draw_nulls(w.pools, background, AXIS.edges, t.active, NULLS, w.engine.drawn(), rng)
    found = w.model.analyse(gf.SpectrumSet(values, AXIS), detail="evidence")
    assert found.evidence is not None
    return found.evidence, log_counts(w.engine.taken(values).sum(axis=1)), presence


def evidence(w: World, drawn: tuple[Floats, Floats, NDArray[np.bool_]]) -> None:
    """How large the likelihood ratio gets where the class is absent, and the fitted tail."""
    ratios, x, presence = drawn
    k = w.number("Cs-137")
    tail, calibration = w.model.calibration.tail(k), w.model.calibration
    least = calibration.threshold(w.model.method.false_alarm_rate)
    figure, axis = plt.subplots(figsize=(9.6, 4.8), layout="constrained")
    t = np.linspace(0, 25, 500)
    for (lo, hi), colour, style in (((200, 2000), BLUE, "--"), ((30_000, 150_000), RED, ":")):
        rows = ~presence[:, k] & (x >= np.log10(lo)) & (x < np.log10(hi))
        some, middle = np.sort(ratios[rows, k]), float(np.median(x[rows]))
        n = len(some)
        survive = 1 - np.searchsorted(some, t, side="left") / n
        error = np.sqrt(survive * (1 - survive) / n + 1 / n**2)
        label = f"{lo:,} to {hi:,} counts, {n} draws"
        axis.fill_between(
            t, np.maximum(survive - error, 1e-6), survive + error, color=colour, alpha=0.25, lw=0
        )
        axis.step(t, np.where(survive > 0, survive, np.nan), color=colour, lw=1.6, label=label)
        model = np.exp(tail.log_p(t, np.full(len(t), middle)))
        axis.plot(t, model, style, color=colour, lw=2.2, label="calibration at their median")
        cut = float(np.interp(-least, -model, t))
        axis.plot([cut, cut], [1e-4, least], color=colour, lw=1.2)
        axis.annotate(
            f"{cut:.1f}",
            (cut, 1.6e-4),
            ha="center",
            color=colour,
            bbox={"facecolor": "white", "edgecolor": "none", "pad": 1.5},
        )
        print(f"evidence: threshold of Cs-137 at 10^{middle:.1f} counts: ratio {cut:.1f}")
    axis.axhline(least, color="#333333", lw=0.9)
    axis.annotate(
        f"p = {least:.2g}", (25, least), xytext=(-4, 4), textcoords="offset points", ha="right", fontsize=12
    )
    axis.set_yscale("log")
    axis.set_ylim(1e-4, 1.2)
    axis.set_xlim(0, 25)
    axis.set_xlabel("likelihood ratio of Cs-137 in spectra without Cs-137")
    axis.set_ylabel("share of spectra at or above")
    axis.legend(frameon=False, loc="upper right", ncols=2)
    print(f"evidence: threshold p {least:.2g}, effective classes {calibration.effective:.2f}")
    save(figure, "evidence")


def p_values(w: World, drawn: tuple[Floats, Floats, NDArray[np.bool_]]) -> None:
    """p-values of new draws against the uniform distribution that they promise."""
    ratios, x, presence = drawn
    log_p = w.model.calibration.log_p(ratios, x)
    figure, axis = plt.subplots(figsize=(9.6, 5.0), layout="constrained")
    grid = np.logspace(-4, 0, 200)
    fewest = min(int((~presence[:, w.number(name)]).sum()) for name in NUCLIDES)
    spread = 1.96 * np.sqrt(grid * (1 - grid) / fewest)
    axis.fill_between(
        grid, np.maximum(grid - spread, 1e-6), grid + spread, color="#E4E4E4", label=f"95 % of {fewest} draws"
    )
    axis.plot(grid, grid, color="#333333", lw=0.9)
    rates = []
    for name, style in zip(NUCLIDES, ("-", "--", "-.", ":"), strict=True):
        k = w.number(name)
        p = np.sort(np.exp(log_p[~presence[:, k], k]))
        axis.step(
            grid,
            np.searchsorted(p, grid, side="right") / len(p),
            style,
            color=COLOURS[name],
            lw=2.0,
            label=name,
        )
        rates.append((p <= 0.01).mean())
    absent = np.where(presence, 0.0, log_p)
    absent[:, w.number("background")] = 0.0
    family = w.model.calibration.family(absent)
    axis.step(
        grid,
        np.searchsorted(np.sort(family), grid, side="right") / NULLS,
        color="black",
        lw=2.0,
        label="any absent class (family_p)",
    )
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_xlim(1e-4, 1)
    axis.set_ylim(1e-4, 1.3)
    axis.set_xlabel("p-value")
    axis.set_ylabel("share of draws at or below")
    axis.legend(frameon=False, loc="upper left")
    print(f"p values at or below .01: {[f'{r:.4f}' for r in rates]}; family at or below .005: ", end="")
    print(f"{(family <= 0.005).mean():.4f}, at or below .05: {(family <= 0.05).mean():.4f} of {NULLS}")
    print("p values at or below .0001: ", end="")
    print([f"{(np.exp(log_p[~presence[:, w.number(n)], w.number(n)]) <= 1e-4).mean():.5f}" for n in NUCLIDES])
    save(figure, "p-values")


def coverage(w: World) -> None:
    """Intervals against the truth, and how often they hold it."""
    rng = np.random.default_rng(5)
    k, background, n = w.number("Cs-137"), w.number("background"), 800
    levels = (300, 1000, 3000, 10_000, 30_000)
    figure, (left, right) = plt.subplots(1, 2, figsize=(9.6, 4.8), layout="constrained")
    hits: dict[str, list[tuple[float, int]]] = {"absent": [], "below 3 sd": [], "above 3 sd": []}
    for counts in levels:
        amounts = np.zeros((n, len(w.model.classes)))
        for row in amounts:
            chosen = rng.choice([i for i in range(len(row)) if i != background], rng.integers(0, 4), False)
            row[chosen] = counts * 10 ** rng.uniform(-2, -0.3, len(chosen))
            row[background] = counts
        values = rng.poisson(w.distorted(amounts, rng)).astype(float)
        found = w.model.analyse(w.spectra(values), detail="scores")
        bounds = found.intervals()
        sources = [w.number(name) for name in NUCLIDES]
        truth, lo, hi = amounts[:, sources], bounds[:, sources, 0], bounds[:, sources, 1]
        inside = (lo <= truth + 1e-9) & (truth <= hi + 1e-9)
        size = truth / found.score_errors[:, sources]
        for name, group in (
            ("absent", truth == 0),
            ("below 3 sd", (truth > 0) & (size < 3)),
            ("above 3 sd", size >= 3),
        ):
            hits[name].append((inside[group].mean(), int(group.sum())))
        if counts == 3000:
            rows = np.flatnonzero(amounts[:, k] > 0)[:40]
            rows = rows[np.argsort(amounts[rows, k])]
            at = amounts[rows, k]
            miss = (bounds[rows, k, 0] > at) | (bounds[rows, k, 1] < at)
            for group, colour, label in (
                (~miss, BLUE, "holds the truth"),
                (miss, RED, f"does not ({miss.sum()} of {len(rows)})"),
            ):
                s = found.scores[rows, k][group]
                y = np.maximum(s, 11)
                error = np.abs(bounds[rows, k][group].T - y)
                error[0] = np.minimum(error[0], y - 10.01)
                left.errorbar(at[group], y, error, fmt="o", ms=3.5, lw=1, color=colour, label=label)
    left.plot([10, 2e3], [10, 2e3], color="#333333", lw=0.9)
    left.set_xscale("log")
    left.set_yscale("log")
    left.set_ylim(10, 6e3)
    left.set_xlim(20, 2e3)
    left.set_xlabel("drawn counts of Cs-137")
    left.set_ylabel("score and 95 % interval (counts)")
    left.legend(frameon=False, loc="upper left")
    right.axhline(95, color="#333333", lw=0.9)
    for (name, found_at), colour, marker, shift in zip(
        hits.items(), (GREY, ORANGE, BLUE), "so^", (0.93, 1.0, 1.07), strict=True
    ):
        share = np.array([s for s, _ in found_at])
        error = np.sqrt(share * (1 - share) / np.array([m for _, m in found_at]))
        right.errorbar(
            np.array(levels) * shift,
            100 * share,
            100 * error,
            fmt=marker + "-",
            color=colour,
            ms=6,
            lw=1.2,
            label=name,
        )
        print(f"coverage, {name}, at {levels} counts of background: {(100 * share).round(1)} %")
    right.set_xscale("log")
    right.set_ylim(78, 100.5)
    right.set_xlabel("counts of the background")
    right.set_ylabel("intervals that hold the truth (%)")
    right.legend(frameon=False, loc="lower left", title="true score")
    save(figure, "intervals")


def limits(w: World) -> None:
    """Decision threshold and detection limit of one nuclide against the counts of the background."""
    rng = np.random.default_rng(6)
    k, background = w.number("Cs-137"), w.number("background")
    counts = np.logspace(2, 6, 25)
    figure, axis = plt.subplots(figsize=(9.6, 4.8), layout="constrained")
    model = {
        "all parts": w.model,
        "templates exact": gf.Model(w.model.templates, gf.data.method.Method("poisson", ())),
    }
    for (name, one), colour in zip(model.items(), (BLUE, ORANGE), strict=True):
        found = one.analyse(w.spectra(counts[:, None] * w.shapes[background]), detail="scores").limits()
        axis.plot(counts, found.detection_limit[:, k], color=colour, lw=2.2, label=f"detection limit, {name}")
        axis.plot(
            counts,
            found.decision_threshold[:, k],
            "--",
            color=colour,
            lw=2.2,
            label=f"decision threshold, {name}",
        )
        at = [0, 12, 24]
        print(f"limits, {name}, at 100, 10^4, 10^6 counts: ", end="")
        print(f"thresholds {found.decision_threshold[at, k].round(0)}", end="")
        print(f", limits {found.detection_limit[at, k].round(0)}")
    some = counts[::6]
    quantiles = np.empty((len(some), 2))
    for i, count in enumerate(some):
        amounts = np.zeros((1000, len(w.model.classes)))
        amounts[:, background] = count
        values = rng.poisson(w.distorted(amounts, rng)).astype(float)
        free = w.model.analyse(w.spectra(values), detail="scores").free_scores[:, k]
        draws = [np.quantile(rng.choice(free, len(free)), 0.95) for _ in range(200)]
        quantiles[i] = np.mean(draws), np.std(draws)
    axis.errorbar(
        some,
        quantiles[:, 0],
        quantiles[:, 1],
        fmt="o",
        color="black",
        ms=5,
        label="95 % quantile of scores drawn without Cs-137",
    )
    axis.set_xscale("log")
    axis.set_yscale("log")
    axis.set_ylim(3, 3e4)
    axis.set_xlabel("counts of the background")
    axis.set_ylabel("counts of Cs-137")
    axis.legend(frameon=False, loc="upper left")
    print(f"limits: 95 % quantile of drawn free scores {quantiles[:, 0].round(0)} at {some.round(0)}")
    save(figure, "limits")


def novelty(w: World) -> None:
    """Known spectra and such with an unknown nuclide, against what the draws of the calibration show."""
    rng = np.random.default_rng(8)
    background, n = w.number("background"), 1200
    figure, axis = plt.subplots(figsize=(9.6, 5.0), layout="constrained")
    amounts = np.zeros((n, len(w.model.classes)))
    amounts[:, background] = 1000 * rng.uniform(0.3, 2.0, n)
    known = amounts.copy()
    for i, row in enumerate(known):
        chosen = rng.choice([j for j in range(len(row)) if j != background], rng.integers(0, 3), False)
        row[chosen] = 10 ** rng.uniform(2, 4.5, len(chosen))
        known[i] = row
    strange = rng.poisson(w.distorted(amounts, rng) + 10 ** rng.uniform(2, 4.7, (n, 1)) * w.unknown)
    usual = rng.poisson(w.distorted(known, rng))
    calibration = w.model.calibration
    x = np.linspace(2.5, 5.2, 60)
    first = np.clip(
        np.searchsorted(calibration.novelty_counts, x) - 200, 0, len(calibration.novelty_counts) - 400
    )
    cut = np.array([np.quantile(calibration.novelty[i : i + 400], 0.99) for i in first])
    for values, colour, marker, label in (
        (usual, BLUE, ".", "known: background and up to two nuclides"),
        (strange, ORANGE, "^", f"background and {UNKNOWN}, which nobody trained"),
    ):
        found = w.model.analyse(w.spectra(values.astype(float)))
        counts = values.sum(axis=1)
        axis.plot(counts, found.novelty * counts, marker, color=colour, ms=4, alpha=0.6, mew=0, label=label)
        for lo, hi in ((2.5, 3.3), (3.3, 4), (4, 5.2)):
            rows = (np.log10(counts) >= lo) & (np.log10(counts) < hi)
            name, called = label.partition(",")[0], found.novel[rows].mean()
            print(f"{name}: 10^{lo} to 10^{hi} counts: called novel {called:.4f} of {rows.sum()}")
    few = (calibration.novelty_counts > 2.8) & (calibration.novelty_counts < 3.2)
    middle = np.median(calibration.novelty[few] * 10 ** calibration.novelty_counts[few])
    print(f"novelty: median of chi-square less ndf, calibration draws of 600 to 1600 counts: {middle:.0f}")
    axis.plot(10**x, cut * 10**x, color="black", lw=2.2, label="exceeded by 1 % of the nearest draws")
    axis.set_xscale("log")
    axis.set_yscale("symlog", linthresh=100)
    axis.set_ylim(-200, 2e7)
    axis.set_xlim(300, 1.2e5)
    axis.axhline(0, color="#999999", lw=0.7)
    axis.set_xlabel("counts of the spectrum")
    axis.set_ylabel("χ² − degrees of freedom\n(novelty × counts)")
    axis.legend(frameon=False, loc="upper left")
    save(figure, "novelty")


def unknown(w: World) -> None:
    """What is left of spectra with an unknown nuclide, and its peaks."""
    rng = np.random.default_rng(9)
    mean = 3000.0 * w.shapes[w.number("background")] + 1500.0 * w.unknown
    values = rng.poisson(np.tile(mean, (10, 1))).astype(float)
    found = w.model.unknown(w.spectra(values), together=True)
    shape = found.counts[0] * found.shapes[0][w.model.templates.active]
    figure, axis = plt.subplots(figsize=(9.6, 4.6), layout="constrained")
    axis.stairs(
        1.5e4 * w.unknown, w.edges, fill=True, color="#DDDDDD", label=f"{UNKNOWN} as drawn, 15,000 counts"
    )
    axis.stairs(
        shape,
        w.edges,
        color=BLUE,
        lw=2,
        label=f"template of the residual, {found.counts[0]:.0f} ± {found.errors[0]:.0f} counts",
    )
    top = np.interp(found.peaks.position, w.centres, shape)
    height = 1.6e4 * w.unknown.max()
    for place, at, count, error in zip(
        found.peaks.position, top, found.peaks.counts, found.peaks.errors, strict=True
    ):
        y = at + 0.05 * height
        axis.annotate(
            f"{place:.0f} keV\n{count:.0f} ± {error:.0f}",
            (place, at + 0.01 * height),
            xytext=(place + 40, y),
            ha="left",
            color=RED,
            fontsize=11,
            arrowprops={"arrowstyle": "-", "color": RED},
        )
        print(f"unknown: peak at {place:.1f} keV, {count:.0f} +- {error:.0f} counts")
    axis.set_xlim(30, 900)
    axis.set_ylim(0, 1.2 * height)
    axis.set_xlabel("energy (keV)")
    axis.set_ylabel("counts per channel, 10 spectra")
    axis.legend(frameon=False, loc="upper right")
    save(figure, "unknown")


def main() -> None:
    warnings.simplefilter("ignore")
    plt.rcParams.update({"font.size": 13, "axes.spines.top": False, "axes.spines.right": False})
    w = world()
    print(f"model: {w.model.method}")
    print(f"calibration: {w.model.calibration.describe()}")
    fit(w)
    distortions(w)
    drawn = nulls(w)
    evidence(w, drawn)
    p_values(w, drawn)
    coverage(w)
    limits(w)
    novelty(w)
    unknown(w)


if __name__ == "__main__":
    main()
