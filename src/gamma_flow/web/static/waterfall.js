// The spectra of the last frames, the newest at the top, under the same energies as the spectrum.

import { ramp, theme } from "./colours.js";

export class Waterfall {
  #rows = [];

  constructor(canvas, spectrum, picked) {
    this.canvas = canvas;
    this.spectrum = spectrum;
    canvas.addEventListener("click", (event) => {
      const row = this.#rows[this.#rows.length - 1 - Math.floor(event.offsetY / this.#height())];
      if (row) picked(row);
    });
  }

  /** How many rows there is room for. */
  get room() {
    return Math.max(1, Math.floor(this.canvas.clientHeight / this.#height()));
  }

  #height() {
    return 2; // CSS pixels of a row
  }

  draw(rows, edges, shown) {
    this.#rows = rows;
    const { canvas } = this;
    const scale = devicePixelRatio;
    const { left, width } = this.spectrum.inset;
    const [w, h] = [Math.round(canvas.clientWidth * scale), Math.round(canvas.clientHeight * scale)];
    if (canvas.width !== w || canvas.height !== h) [canvas.width, canvas.height] = [w, h];
    const context = canvas.getContext("2d");
    context.clearRect(0, 0, w, h);
    const strips = rows.filter((row) => row.strip);
    if (!strips.length || !edges || width < 20) return;
    const columns = Math.round(width);
    const lookup = this.#lookup(columns, edges, strips.at(-1).strip.length);
    const image = new ImageData(columns, rows.length);
    const pixels = new Uint32Array(image.data.buffer);
    const highest = Math.max(1e-12, ...strips.map((row) => Math.max(...row.strip)));
    const one = strips.at(-1).kind === "intensity" ? highest / 100 : 1; // from where on the scale is logarithmic
    const most = Math.log1p(Math.max(1, highest / one));
    rows.forEach((row, number) => {
      if (!row.strip) return;
      const start = (rows.length - 1 - number) * columns;
      for (let x = 0; x < columns; x += 1) {
        const value = row.strip[lookup[x]];
        if (value !== undefined) pixels[start + x] = ramp[Math.round((255 * Math.log1p(Math.max(value, 0) / one)) / most)];
      }
    });
    const held = new OffscreenCanvas(columns, rows.length);
    held.getContext("2d").putImageData(image, 0, 0);
    context.imageSmoothingEnabled = false;
    context.drawImage(held, left * scale, 0, columns * scale, rows.length * this.#height() * scale);
    const place = shown ? rows.indexOf(shown) : -1;
    if (place >= 0) {
      const y = (rows.length - 1 - place) * this.#height() * scale;
      context.fillStyle = theme("ink");
      context.fillRect(left * scale - 8 * scale, y - scale, 7 * scale, 4 * scale);
    }
  }

  /** Which number of a strip each column of pixels shows. */
  #lookup(columns, edges, length) {
    const { low, high } = this.spectrum.range;
    const channels = edges.length - 1;
    let channel = 0;
    return Int32Array.from({ length: columns }, (_, x) => {
      const energy = low + ((x + 0.5) / columns) * (high - low);
      while (channel < channels - 1 && edges[channel + 1] <= energy) channel += 1;
      if (energy < edges[0] || energy > edges[channels]) return -1;
      return Math.min(length - 1, Math.floor(((channel + 0.5) / channels) * length));
    });
  }
}
