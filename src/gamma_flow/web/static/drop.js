// A file that is dropped anywhere: analysed by the service and shown beside the live spectrum.

import { ask } from "./net.js";
import { drawAnswer, drawShares } from "./shares.js";
import { Spectrum } from "./spectrum.js";

const PICTURES = 20;

export class Dropped {
  #results = [];
  #name = "";
  #at = 0;

  constructor(page, changed) {
    this.page = page;
    this.changed = changed;
    this.panel = page("dropped");
    this.spectrum = new Spectrum(page("dropped-chart"));
    page("dropped-close").addEventListener("click", () => this.close());
    page("dropped-before").addEventListener("click", () => this.#step(-1));
    page("dropped-next").addEventListener("click", () => this.#step(1));
    page("open").addEventListener("click", () => page("file").click());
    page("file").addEventListener("change", (event) => {
      if (event.target.files[0]) this.take(event.target.files[0]);
      event.target.value = "";
    });
    this.#listen();
  }

  get open() {
    return !this.panel.hidden;
  }

  close() {
    this.panel.hidden = true;
    this.#results = [];
    this.spectrum.clear();
    this.changed();
  }

  async take(file) {
    this.panel.hidden = false;
    this.#results = [];
    this.#name = file.name;
    this.spectrum.clear();
    this.changed();
    this.#note("analysing …", false);
    try {
      const query = new URLSearchParams({ name: file.name, pictures: PICTURES });
      const found = await ask(`/analyse?${query}`, {
        method: "POST",
        body: file,
        headers: { "Content-Type": "application/octet-stream" },
      });
      this.#results = found.results.filter((result) => result.picture);
      this.#at = 0;
      this.#note("", false);
      this.#draw(found.results.length);
    } catch (problem) {
      this.#note(problem.message, true);
      this.#draw(0);
    }
  }

  restyle() {
    this.spectrum.restyle();
  }

  scale(log) {
    this.spectrum.log = log;
  }

  #note(text, bad) {
    const note = this.page("dropped-note");
    note.hidden = !text;
    note.textContent = text;
    note.dataset.bad = bad;
  }

  #step(by) {
    this.#at = Math.min(Math.max(this.#at + by, 0), this.#results.length - 1);
    this.#draw(this.#results.length);
  }

  #draw(count) {
    const result = this.#results[this.#at];
    const several = this.#results.length > 1;
    const place = several ? ` · ${this.#at + 1} of ${count > this.#results.length ? `the first ${this.#results.length}` : count}` : "";
    this.page("dropped-name").textContent = this.#name + place;
    this.page("dropped-before").hidden = this.page("dropped-next").hidden = !several;
    this.page("dropped-before").disabled = this.#at === 0;
    this.page("dropped-next").disabled = this.#at === this.#results.length - 1;
    this.page("dropped-answer").hidden = this.page("dropped-chart").hidden = !result;
    this.page("dropped-shares").hidden = !result;
    if (!result) return;
    drawAnswer(this.page("dropped-answer"), result.picture.present, result.picture.novel);
    drawShares(this.page("dropped-shares"), result.picture);
    this.spectrum.draw(result.picture);
  }

  #listen() {
    const shade = this.page("drop");
    let depth = 0;
    const holds = (event) => event.dataTransfer?.types.includes("Files");
    addEventListener("dragenter", (event) => {
      if (!holds(event)) return;
      event.preventDefault();
      depth += 1;
      shade.hidden = false;
    });
    addEventListener("dragleave", () => {
      depth = Math.max(0, depth - 1);
      if (!depth) shade.hidden = true;
    });
    addEventListener("dragover", (event) => {
      if (holds(event)) event.preventDefault();
    });
    addEventListener("drop", (event) => {
      if (!holds(event)) return;
      event.preventDefault();
      depth = 0;
      shade.hidden = true;
      if (event.dataTransfer.files[0]) this.take(event.dataTransfer.files[0]);
    });
  }
}
