// Count rate over time, and below it when each class was found.

import { colour, glyph, isBackground, theme } from "./colours.js";
import { clock, number, rate } from "./format.js";

const SIDE = 96; // CSS pixels of the names at the left
const LINE = 15; // of a class
const FOOT = 17; // of the times
const MOST = 5; // classes with a line

export class Timeline {
  #rows = [];

  constructor(canvas, picked) {
    this.canvas = canvas;
    canvas.addEventListener("click", (event) => {
      const row = this.#nearest(event.offsetX);
      if (row) picked(row);
    });
  }

  #nearest(x) {
    const rows = this.#rows;
    if (!rows.length) return null;
    const [first, last] = [rows[0].at, rows.at(-1).at];
    const at = first + ((x - SIDE) / Math.max(1, this.canvas.clientWidth - SIDE - 8)) * (last - first);
    return rows.reduce((best, row) => (Math.abs(row.at - at) < Math.abs(best.at - at) ? row : best));
  }

  draw(rows, shown) {
    this.#rows = rows;
    const { canvas } = this;
    const scale = devicePixelRatio;
    const [width, height] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(width * scale) || canvas.height !== Math.round(height * scale)) {
      [canvas.width, canvas.height] = [Math.round(width * scale), Math.round(height * scale)];
    }
    const context = canvas.getContext("2d");
    context.setTransform(scale, 0, 0, scale, 0, 0);
    context.clearRect(0, 0, width, height);
    if (!rows.length) return;
    const names = this.#found(rows);
    const bottom = height - FOOT - names.length * LINE;
    const span = Math.max(rows.at(-1).at - rows[0].at, 1);
    const x = (row) => SIDE + ((row.at - rows[0].at) / span) * (width - SIDE - 8);
    this.#times(context, rows, width, height);
    this.#rate(context, rows, x, bottom);
    names.forEach((name, k) => this.#class(context, name, rows, x, bottom + k * LINE, width));
    if (shown) {
      context.fillStyle = theme("accent");
      context.fillRect(x(shown) - 1, 0, 2, height - FOOT);
    }
  }

  /** Classes found in these rows, those found most often first; what is unknown is one of them. */
  #found(rows) {
    const counts = new Map();
    for (const row of rows) {
      for (const name of row.present) if (!isBackground(name)) counts.set(name, (counts.get(name) ?? 0) + 1);
      if (row.novel) counts.set("unknown", (counts.get("unknown") ?? 0) + 1);
    }
    const kept = [...counts].sort((a, b) => b[1] - a[1]).slice(0, MOST).map(([name]) => name);
    return kept.sort((a, b) => (a === "unknown") - (b === "unknown") || a.localeCompare(b));
  }

  #rate(context, rows, x, bottom) {
    const rates = rows.map((row) => rate(row).value);
    const least = rows.at(-1).kind === "intensity" ? 1e-12 : 1;
    const most = Math.max(least, ...rates) * 1.1;
    const y = (value) => bottom - 4 - (value / most) * (bottom - 12);
    context.beginPath();
    let before = null;
    rows.forEach((row, k) => {
      const gap = before !== null && row.at - before > 10000 && row.at - before > (rows.at(-1).at - rows[0].at) / 40;
      if (before === null || gap) context.moveTo(x(row), y(rates[k]));
      else context.lineTo(x(row), y(rates[k]));
      before = row.at;
    });
    context.strokeStyle = theme("ink");
    context.lineWidth = 1.3;
    context.stroke();
    context.fillStyle = theme("soft");
    context.font = "12px system-ui";
    context.textAlign = "left";
    context.fillText(rate(rows.at(-1)).unit, 0, 12);
    context.textAlign = "right";
    context.fillText(number(most / 1.1), SIDE - 8, Math.min(bottom - 6, 26));
    context.fillText("0", SIDE - 8, bottom - 2);
  }

  #class(context, name, rows, x, top, width) {
    context.fillStyle = theme("band");
    context.fillRect(SIDE, top + 2, width - SIDE - 8, LINE - 5);
    const unknown = name === "unknown";
    context.fillStyle = colour(name);
    const last = rows.length - 1;
    rows.forEach((row, k) => {
      if (!(unknown ? row.novel : row.present.includes(name))) return;
      // a mark lasts until the next frame, but not over a silence
      const usual = (x(rows[last]) - x(rows[0])) / Math.max(last, 1);
      const next = k < last ? x(rows[k + 1]) : x(row) + usual;
      const long = Math.min(Math.max(next - x(row) + 0.6, 1.5), 3 * usual + 2);
      context.fillRect(x(row), top + 2, Math.min(long, width - 8 - x(row) + 1.5), LINE - 5);
    });
    context.font = "12px system-ui";
    context.textAlign = "left";
    context.fillText(glyph(name), 0, top + 11);
    context.fillStyle = theme("ink");
    context.fillText(unknown ? "unknown" : name, 15, top + 11, SIDE - 20);
  }

  #times(context, rows, width, height) {
    context.fillStyle = theme("soft");
    context.font = "12px system-ui";
    const [first, last] = [rows[0].at, rows.at(-1).at];
    const count = width > 700 ? 5 : 2;
    for (let k = 0; k <= count; k += 1) {
      const at = SIDE + (k / count) * (width - SIDE - 8);
      context.textAlign = k === 0 ? "left" : k === count ? "right" : "center";
      context.fillText(clock(first + (k / count) * (last - first)), at, height - 3);
    }
  }
}
