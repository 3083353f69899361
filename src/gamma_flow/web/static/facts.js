// Beside the answer: counts, live time, when it was, and what is wrong with the detector.

import { ago, clock, made, measured, number, rate } from "./format.js";

/** `row` is what is shown, `stuck` why the log takes nothing. */
export function drawFacts(place, detector, row, live, stuck) {
  const parts = [];
  const fact = (value, unit) => {
    const one = made("span", "");
    one.append(made("b", "", value), ` ${unit}`);
    parts.push(one);
  };
  const { value, unit } = rate(row);
  if (unit === "counts/s") fact(number(value), unit);
  fact(number(row.total), measured(row.kind));
  if (row.live > 0) fact(row.live.toFixed(2), "s live");
  if (live) parts.push(made("span", "", clock(row.at)));
  else parts.push(made("span", "trouble", `${clock(row.at, true)}, ${ago(Date.now() - row.at)} ago`));
  const sentence = detector.sentence || row.sentence;
  if (live && detector.state !== "ok" && sentence) parts.push(made("span", "trouble", sentence));
  if (stuck) parts.push(made("span", "trouble", stuck));
  place.replaceChildren(...parts);
}
