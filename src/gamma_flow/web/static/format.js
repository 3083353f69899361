// Numbers and times as people read them.

export function percent(share) {
  if (share === 0) return "0 %";
  const value = 100 * share;
  return `${value < 0.1 ? "<0.1" : value.toFixed(value < 10 ? 1 : 0)} %`;
}

export function number(value) {
  if (value === null || value === undefined) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6) return value.toExponential(2);
  if (size >= 100) return Math.round(value).toLocaleString("en");
  return size >= 1 ? value.toFixed(1) : value.toPrecision(2);
}

/** What the values of a frame are called. */
export function measured(kind) {
  return kind === "intensity" ? "intensity" : "counts";
}

/** What a timeline shows of a row, and its unit: counts a second where the live time is known. */
export function rate(row) {
  if (row.kind === "intensity") return { value: row.total, unit: "intensity" };
  return row.live > 0 ? { value: row.total / row.live, unit: "counts/s" } : { value: row.total, unit: "counts" };
}

/** A probability in words: "p = 0.03", "p < 10⁻⁹". */
export function chance(p) {
  if (p === null || p === undefined) return "";
  if (p >= 0.001) return `p = ${p.toPrecision(2)}`;
  const power = Math.ceil(Math.log10(Math.max(p, 1e-300)));
  return `p < 10${raised(power)}`;
}

function raised(power) {
  const digits = { "-": "⁻", 0: "⁰", 1: "¹", 2: "²", 3: "³", 4: "⁴", 5: "⁵", 6: "⁶", 7: "⁷", 8: "⁸", 9: "⁹" };
  return String(power).replace(/./g, (one) => digits[one]);
}

/** The time of day in the zone of who looks. */
export function clock(ms, tenths = false) {
  const date = new Date(ms);
  const text = date.toLocaleTimeString("en-GB");
  return tenths ? `${text}.${Math.floor(date.getMilliseconds() / 100)}` : text;
}

export function ago(ms) {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 90) return `${seconds.toFixed(0)} s`;
  return seconds < 5400 ? `${(seconds / 60).toFixed(0)} min` : `${(seconds / 3600).toFixed(1)} h`;
}

/** An element with a class and a text. */
export function made(tag, name, text) {
  const element = document.createElement(tag);
  if (name) element.className = name;
  if (text !== undefined) element.textContent = text;
  return element;
}

/** Put a text where it differs: what is the same is not told again to who listens. */
export function say(element, text) {
  if (element.textContent !== text) element.textContent = text;
}
