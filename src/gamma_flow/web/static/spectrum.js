// A spectrum with its components stacked, its fit, and a readout under the pointer.

import uPlot from "./uPlot.esm.js";
import { area, colour, isBackground, theme } from "./colours.js";
import { measured, number } from "./format.js";
import { zoomable } from "./zoom.js";

const SLOTS = 9; // components with an area of their own; further ones are one area
const CALM = 0.98; // of its height that the scale may fall to with a picture, so that it does not jump
const QUICK = 0.6; // the same when little is left of what it was made for

export class Spectrum {
  #plot = null;
  #slots = []; // classes of the areas, the topmost first
  #picture = null;
  #log = false;
  #top = 1;
  #whole = true;
  #edges = [0, 1];

  constructor(place, { readout = null, moved = () => {} } = {}) {
    this.place = place;
    this.readout = readout;
    this.moved = moved;
    new ResizeObserver(() => this.#resize()).observe(place);
  }

  get log() {
    return this.#log;
  }

  set log(on) {
    this.#log = on;
    this.restyle();
  }

  /** The range that is shown, and whether that is all. */
  get range() {
    const scale = this.#plot?.scales.x;
    return { low: scale?.min ?? this.#edges[0], high: scale?.max ?? this.#edges.at(-1), whole: this.#whole };
  }

  /** Where the plot begins and ends, in CSS pixels from the left of its place. */
  get inset() {
    if (!this.#plot) return { left: 0, width: this.place.clientWidth };
    const box = this.#plot.bbox;
    return { left: box.left / devicePixelRatio, width: box.width / devicePixelRatio };
  }

  draw(picture) {
    const before = this.#picture;
    this.#picture = picture;
    this.#edges = picture.edges;
    const other = !before || before.unit !== picture.unit || before.edges.length !== picture.edges.length
      || before.edges[0] !== picture.edges[0] || before.edges.at(-1) !== picture.edges.at(-1);
    if (other) this.#whole = true;
    const data = this.#data(picture);
    const highest = Math.max(least(picture), ...data.at(-1).filter((value) => value !== null)) * 1.12;
    const fall = highest < this.#top / 3 ? QUICK : CALM;
    this.#top = other ? highest : Math.max(highest, this.#top * fall);
    if (!this.#plot || before?.unit !== picture.unit) this.#make(data);
    else this.#plot.setData(data, false);
    if (this.#whole) this.#setRange(picture.edges[0], picture.edges.at(-1));
    else this.#plot.redraw();
    this.#read();
  }

  clear() {
    this.#plot?.destroy();
    this.#plot = this.#picture = null;
  }

  /** Make anew: the theme or the scale changed. */
  restyle() {
    if (!this.#picture) return;
    const range = this.range;
    this.#make(this.#data(this.#picture));
    this.#setRange(range.low, range.high, range.whole);
  }

  zoom(low, high) {
    const [first, last] = [this.#edges[0], this.#edges.at(-1)];
    const narrow = Math.min(high - low, last - first);
    const start = Math.min(Math.max(low, first), last - narrow);
    if (narrow > (last - first) / 400) this.#setRange(start, start + narrow, narrow >= 0.999 * (last - first));
  }

  zoomAt(factor, at = null) {
    const { low, high } = this.range;
    const centre = at ?? (low + high) / 2;
    this.zoom(centre - (centre - low) * factor, centre + (high - centre) * factor);
  }

  pan(part) {
    const { low, high } = this.range;
    this.zoom(low + part * (high - low), high + part * (high - low));
  }

  reset() {
    this.#setRange(this.#edges[0], this.#edges.at(-1));
  }

  // ------------------------------------------------------------------ inside

  #setRange(low, high, whole = true) {
    this.#whole = whole;
    if (!this.#plot) return;
    this.#plot.batch(() => {
      this.#plot.setScale("x", { min: low, max: high });
      this.#plot.setScale("y", { min: 0, max: this.#highest(low, high) });
    });
    this.moved();
  }

  #highest(low, high) {
    if (this.#whole || !this.#picture) return this.#top;
    const { edges, values } = this.#picture;
    let most = least(this.#picture);
    values.forEach((value, k) => {
      if (edges[k + 1] > low && edges[k] < high) most = Math.max(most, value);
    });
    return most * 1.12;
  }

  /** Columns of uPlot: edges, tops of the stacked areas (the highest first), fit, values. */
  #data(picture) {
    const stepped = (values) => [...values, values.at(-1)];
    const parts = picture.parts ?? {};
    const names = Object.keys(parts).sort((a, b) => isBackground(b) - isBackground(a));
    const shown = names.slice(0, SLOTS);
    const sum = new Array(picture.values.length).fill(0);
    const columns = shown.map((name) => {
      parts[name].forEach((value, k) => (sum[k] += value ?? 0));
      return [...sum];
    });
    this.#slots = [...shown].reverse();
    const empty = new Array(picture.values.length).fill(null);
    const tops = Array.from({ length: SLOTS }, (_, k) => columns[columns.length - 1 - k] ?? empty);
    return [picture.edges, ...tops.map(stepped), stepped(picture.fit ?? empty), stepped(picture.values)];
  }

  #make(data) {
    this.#plot?.destroy();
    const steps = uPlot.paths.stepped({ align: 1 });
    const ink = theme("soft");
    const line = { show: true, stroke: theme("grid"), width: 1 };
    const axis = { stroke: ink, grid: line, ticks: line, font: "13px system-ui" };
    const unit = this.#picture.unit;
    const options = {
      width: Math.max(this.place.clientWidth, 80),
      height: Math.max(this.place.clientHeight, 120),
      legend: { show: false },
      padding: [6, 20, 0, 0],
      cursor: { drag: { x: true, y: false, setScale: false }, points: { show: false }, y: false },
      scales: { x: { time: false, auto: false }, y: { auto: false, distr: this.#log ? 4 : 1, asinh: 2 } },
      axes: [
        { ...axis, label: unit === "keV" ? "energy (keV)" : unit, labelSize: 20, size: 30, labelFont: "13px system-ui" },
        this.#log
          ? { ...axis, size: 52, splits: (_, k, low, high) => decades(high), values: (_, ticks) => ticks.map(decade) }
          : { ...axis, size: 52, values: (_, ticks) => ticks.map(plain) },
      ],
      series: [
        {},
        ...Array.from({ length: SLOTS }, (_, k) => ({
          paths: steps, width: 0, points: { show: false },
          fill: () => (this.#slots[k] ? area(colour(this.#slots[k])) : "transparent"),
        })),
        { paths: steps, width: 1.6, stroke: theme("fit"), points: { show: false } },
        { paths: steps, width: 1, stroke: theme("measured"), points: { show: false } },
      ],
      hooks: {
        setCursor: [() => this.#read()],
        setSelect: [
          (plot) => {
            if (plot.select.width > 4) {
              this.zoom(plot.posToVal(plot.select.left, "x"), plot.posToVal(plot.select.left + plot.select.width, "x"));
            }
            plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
          },
        ],
      },
    };
    this.#plot = new uPlot(options, data, this.place);
    zoomable(this.#plot.over, this, (x) => this.#plot.posToVal(x, "x"));
  }

  #read() {
    if (!this.readout) return;
    const left = this.#plot?.cursor.left ?? -1;
    if (left < 0 || !this.#picture) {
      this.readout.textContent = "";
      return;
    }
    const { edges, values, fit, pulls, unit, kind } = this.#picture;
    const at = this.#plot.posToVal(left, "x");
    let k = edges.findIndex((edge) => edge > at) - 1;
    if (k < 0 || k >= values.length) k = values.length - 1;
    const told = [`${number(at)} ${unit}`, `${number(values[k])} ${measured(kind)}`];
    if (fit?.[k] !== null && fit?.[k] !== undefined) told.push(`fit ${number(fit[k])}`);
    if (pulls?.[k] !== null && pulls?.[k] !== undefined) told.push(`${pulls[k] >= 0 ? "+" : "−"}${Math.abs(pulls[k]).toFixed(1)} σ`);
    this.readout.textContent = told.join(" · ");
  }

  #resize() {
    const [width, height] = [this.place.clientWidth, this.place.clientHeight];
    if (this.#plot && width > 0 && height > 0) {
      this.#plot.setSize({ width, height });
      this.moved();
    }
  }
}

/** How high the scale is at least: three counts; intensities may be small. */
function least(picture) {
  return picture.kind === "intensity" ? 1e-12 : 3;
}

/** A tick as it is: 5, not 5.0. */
function plain(value) {
  return value === null ? "" : Number(value.toPrecision(6)).toLocaleString("en");
}

/** Zero, and 1 to 9 of each decade: below one the scale is nearly linear. */
function decades(high) {
  const found = [0];
  for (let unit = 1; unit <= high; unit *= 10) for (let k = 1; k < 10; k += 1) if (k * unit <= high) found.push(k * unit);
  return found;
}

/** Only powers of ten and a few between them have room on a logarithmic axis. */
function decade(value) {
  if (value === null) return "";
  const size = Math.abs(value);
  const lead = size === 0 ? 1 : size / 10 ** Math.floor(Math.log10(size) + 1e-9);
  return Math.abs(lead - 1) < 1e-6 || size === 0 ? plain(value) : "";
}
