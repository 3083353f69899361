// What the page knows: detectors with their last rows, alarms, and what is looked at.

const MOST = 3000; // rows kept of a detector
const MOST_DETECTORS = 200;

/** One frame as the page keeps it. */
function row(message) {
  return {
    at: Date.parse(message.time),
    time: message.time,
    kind: message.kind ?? "counts",
    total: message.total,
    live: message.live_time,
    present: message.present ?? [],
    shares: message.shares ?? null,
    novel: message.novel ?? false,
    sentence: message.sentence ?? "",
    strip: message.strip ?? null,
  };
}

export class State {
  detectors = new Map(); // by name
  alarms = new Map(); // key to alarm
  selected = null;
  moment = null; // the row that is looked at; null: the last one
  until = null; // ms: the end of what the timeline shows; null: now

  /** The detector of a name; a new one is made. */
  detector(name) {
    let found = this.detectors.get(name);
    if (!found) {
      if (this.detectors.size >= MOST_DETECTORS) return null;
      found = { name, state: "ok", sentence: "", frames: 0, rows: [], cursor: null, more: true, filled: false, last: null, heard: null };
      this.detectors.set(name, found);
    }
    return found;
  }

  get current() {
    return this.detectors.get(this.selected) ?? null;
  }

  /** The row that is shown. */
  get shown() {
    return this.moment ?? this.current?.rows.at(-1) ?? null;
  }

  /** Why the log takes nothing, whoever is looked at; empty while it does. */
  get stuck() {
    return [...this.detectors.values()].find((one) => one.state === "log")?.sentence ?? "";
  }

  /** Take a result in; returns its detector. */
  result(message) {
    const detector = this.detector(message.detector);
    if (!detector) return null;
    detector.frames += 1;
    detector.state = message.state;
    if (message.state === "ok") detector.sentence = "";
    const last = detector.rows.at(-1);
    const fresh = row(message);
    detector.last = fresh.at;
    detector.heard = performance.now();
    if (last && fresh.at < last.at) this.insert(detector, fresh);
    else detector.rows.push(fresh);
    if (detector.rows.length > MOST + 200 && this.until === null) {
      detector.rows.splice(0, detector.rows.length - MOST);
      detector.cursor = null; // what was cut off is asked for anew, by its time
      detector.more = true;
    }
    return detector;
  }

  /** The alarm of something unknown that goes on at a detector. */
  unknownOf(name) {
    return [...this.alarms.values()].find((alarm) => alarm.kind === "unknown" && alarm.detector === name) ?? null;
  }

  /** What of a detector is not as the tracker assumes; an empty sentence says that all is well. */
  note(message) {
    const detector = this.detectors.get(message.detector);
    if (detector) detector.note = message.sentence;
  }

  /** Put a row where its time belongs: clocks jump. */
  insert(detector, fresh) {
    let place = detector.rows.length;
    while (place > 0 && detector.rows[place - 1].at > fresh.at) place -= 1;
    detector.rows.splice(place, 0, fresh);
  }

  /** Rows may be missing: the log is asked again, from the newest on. */
  gap() {
    for (const detector of this.detectors.values()) detector.filled = false;
  }

  /**
   * Take a page of the log in, the newest first; frames that are known are left out. With the first page (`first`)
   * go rows that are older than it, because some may be missing between.
   */
  past(detector, page, first) {
    const oldest = page.frames.length && page.next !== null ? Date.parse(page.frames.at(-1).time) : -Infinity;
    if (first) detector.rows = detector.rows.filter((one) => one.at >= oldest);
    const known = new Set(detector.rows.map((one) => one.time));
    const older = page.frames.filter((one) => !known.has(one.time)).map(row).reverse();
    detector.rows = [...older, ...detector.rows].sort((a, b) => a.at - b.at);
    detector.cursor = page.next;
    detector.more = page.next !== null;
  }

  status(message) {
    const detector = this.detector(message.detector);
    if (!detector) return null;
    detector.state = message.state;
    detector.sentence = message.sentence;
    detector.frames = message.frames;
    detector.last = message.last ? Date.parse(message.last) : null;
    return detector;
  }

  alarm(message) {
    if (message.end === null) this.alarms.set(message.key, message);
    else this.alarms.delete(message.key);
  }

  /** What the last frames of a detector showed, so many milliseconds back: names, and whether the last had them. */
  held(detector, back) {
    const rows = detector.rows;
    const now = rows.at(-1);
    const found = new Map();
    for (let k = rows.length - 1; k >= 0 && now.at - rows[k].at <= back && k > rows.length - 100; k -= 1) {
      for (const name of rows[k].present) if (!found.has(name)) found.set(name, k === rows.length - 1);
      if (rows[k].novel && !found.has("")) found.set("", k === rows.length - 1);
    }
    return found;
  }

  /** Rows up to the moment that is looked at, `count` at most, the newest last. */
  view(count) {
    const rows = this.current?.rows ?? [];
    let end = rows.length;
    if (this.until !== null) while (end > 0 && rows[end - 1].at > this.until) end -= 1;
    return rows.slice(Math.max(0, end - count), end);
  }
}
