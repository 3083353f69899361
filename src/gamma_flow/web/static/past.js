// Looking back: rows of the log behind those that are known, and single moments.

import { ask } from "./net.js";

const PAGE = 600; // rows that are asked for at a time

export class Past {
  #asking = new Set();

  constructor(state, changed) {
    this.state = state;
    this.changed = changed;
    this.logged = false; // until the service says that it keeps a log
  }

  /** See to it that the first rows of a detector are there. */
  async fill(detector) {
    if (detector && !detector.filled && this.logged) {
      detector.filled = true;
      await this.#fetch(detector, true);
    }
  }

  async #fetch(detector, first = false) {
    if (!this.logged || !(detector.more || first) || this.#asking.has(detector.name)) return;
    this.#asking.add(detector.name);
    const query = new URLSearchParams({ detector: detector.name, limit: PAGE, spectra: "strips" });
    if (!first && detector.cursor) query.set("after", detector.cursor);
    else if (!first && detector.rows.length) query.set("until", detector.rows[0].time);
    try {
      this.state.past(detector, await ask(`/frames?${query}`), first);
    } catch {
      detector.filled = false; // asked again when the connection is back
    } finally {
      this.#asking.delete(detector.name);
    }
    this.changed();
  }

  /** Scroll by a part of what the timeline shows; negative is older. */
  async scroll(part, count) {
    const { state } = this;
    const detector = state.current;
    const rows = state.view(count);
    if (!detector || !rows.length) return;
    const span = Math.max(rows.at(-1).at - rows[0].at, 1000);
    const end = (state.until ?? rows.at(-1).at) + part * span;
    if (part > 0 && end >= detector.rows.at(-1).at) {
      this.live();
      return;
    }
    if (part < 0 && end - span < detector.rows[0].at) await this.#fetch(detector);
    const first = detector.rows[Math.min(count, detector.rows.length) - 1];
    state.until = Math.max(end, Math.min(first.at, rows.at(-1).at));
    this.changed();
  }

  /** Look at one moment. */
  pick(row) {
    this.state.moment = row;
    if (this.state.until === null) this.state.until = this.state.current?.rows.at(-1)?.at ?? null;
    this.changed();
  }

  /** Look at the frame before or after. */
  async step(by, count) {
    const { state } = this;
    const detector = state.current;
    if (!detector?.rows.length) return;
    let at = state.moment ? detector.rows.indexOf(state.moment) : detector.rows.length - 1;
    if (at + by < 0) {
      const before = detector.rows.length;
      await this.#fetch(detector);
      at += detector.rows.length - before;
    }
    const row = detector.rows[at + by];
    if (!row) return;
    const rows = state.view(count);
    if (rows.length && row.at < rows[0].at) state.until = row.at;
    if (state.until !== null && row.at > state.until) state.until = row.at;
    this.pick(row);
  }

  live() {
    this.state.moment = this.state.until = null;
    this.changed();
  }
}
