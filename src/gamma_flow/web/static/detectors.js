// The row of detectors: name, state, rate; one is selected.

import { ago, clock, made, measured, number, say } from "./format.js";

const LONG = 86_400_000; // ms: what began longer ago is no clock of ours
const WORDS = {
  silent: "silent",
  axis: "axis changed",
  clock: "clock jumped",
  model: "no fit to the model",
  range: "ok",
  message: "message refused",
  queue: "messages lost",
  source: "source away",
  log: "log is stuck",
  crowd: "too many names",
};

export class Detectors {
  #buttons = new Map();

  constructor(place, selected) {
    this.place = place;
    this.selected = selected;
    place.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      event.stopPropagation();
      this.#buttons.get(this.step(step))?.button.focus();
    });
  }

  /** Select the next one. */
  step(by) {
    const names = [...this.#buttons.keys()];
    const at = names.indexOf(this.current);
    const name = names[(at + by + names.length) % names.length];
    if (name !== undefined) this.selected(name);
    return name;
  }

  at(number) {
    const name = [...this.#buttons.keys()][number];
    if (name !== undefined) this.selected(name);
  }

  draw(state) {
    this.current = state.selected;
    const names = [...state.detectors.values()].filter((one) => this.#worth(one)).map((one) => one.name);
    names.sort((a, b) => a.localeCompare(b));
    if (names.length !== this.#buttons.size || names.some((name) => !this.#buttons.has(name))) this.#make(names);
    const alarmed = new Set([...state.alarms.values()].map((alarm) => alarm.detector));
    for (const name of names) {
      const { button, told } = this.#buttons.get(name);
      const detector = state.detectors.get(name);
      const bad = !["ok", "range", "silent"].includes(detector.state);
      button.dataset.state = bad ? "bad" : detector.state;
      button.toggleAttribute("data-alarm", alarmed.has(name));
      button.title = detector.sentence;
      const chosen = name === state.selected;
      if (chosen && button.getAttribute("aria-selected") !== "true") {
        button.scrollIntoView({ block: "nearest", inline: "nearest" });
      }
      button.setAttribute("aria-selected", chosen);
      button.tabIndex = chosen ? 0 : -1;
      say(told, alarmed.has(name) ? "alarm" : this.#told(detector));
    }
  }

  /** A log or a source has a place here while something is wrong with it. */
  #worth(detector) {
    return detector.state !== "ok" || detector.frames > 0 || detector.last !== null || detector.name === this.current;
  }

  #told(detector) {
    if (detector.state === "silent") {
      // what was heard here, or the clock of the detector where that can be right
      const since = detector.heard === null ? Date.now() - detector.last : performance.now() - detector.heard;
      return since < LONG ? `silent for ${ago(since)}` : "silent";
    }
    const word = WORDS[detector.state];
    if (word && word !== "ok") return word;
    const rows = detector.rows.slice(-10);
    if (!rows.length) return detector.last ? `last ${clock(detector.last)}` : "no frame yet";
    const live = rows.reduce((sum, row) => sum + (row.live ?? 0), 0);
    const counts = rows.reduce((sum, row) => sum + row.total, 0);
    const kind = rows.at(-1).kind;
    if (live > 0 && kind === "counts") return `${number(counts / live)} /s`;
    return `${number(counts / rows.length)} ${measured(kind)}`;
  }

  #make(names) {
    this.#buttons.clear();
    this.place.replaceChildren(
      ...names.map((name) => {
        const button = made("button");
        button.type = "button";
        button.setAttribute("role", "tab");
        const text = made("span");
        const told = made("span", "told", "");
        text.append(made("span", "name", name), told);
        button.append(made("span", "dot"), text);
        button.addEventListener("click", () => this.selected(name));
        this.#buttons.set(name, { button, told });
        return button;
      }),
    );
  }
}
