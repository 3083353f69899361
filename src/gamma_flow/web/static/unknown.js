// What nobody trained: the residual, its strongest peaks, and which nuclides have lines there.

import { theme } from "./colours.js";
import { chance, made, measured, number } from "./format.js";

/** An alarm of an unknown as a picture: the sum of its best window says more than the last frame. */
export function ofAlarm(alarm) {
  const { details } = alarm;
  if (!Array.isArray(details?.residual)) return null;
  return {
    novel: true,
    key: `${alarm.key} ${details.level}`,
    novelty_p: details.p_value,
    frames: details.window,
    kind: "counts",
    unit: "keV",
    unknown: {
      counts: details.residual_counts,
      residual: details.residual,
      peaks: details.peaks.map((peak) => ({ ...peak, position: peak.energy, candidates: peak.candidates ?? [] })),
      sources: details.sources ?? [],
    },
  };
}

export function drawUnknown(place, picture) {
  const shown = Boolean(picture?.novel);
  place.hidden = !shown;
  const key = picture?.key ?? "";
  if (!shown || (key && place.dataset.key === key)) return;
  place.dataset.key = key;
  const left = picture.unknown;
  const head = made("h2", "", "Unknown");
  const parts = [head, made("p", "", sentence(picture, left))];
  if (left) {
    const canvas = document.createElement("canvas");
    canvas.setAttribute("role", "img");
    canvas.setAttribute("aria-label", "Residual that no class explains");
    parts.push(canvas);
    if (left.sources?.length) parts.push(hint(left));
    if (left.peaks.length) parts.push(table(left.peaks, picture.unit));
    place.replaceChildren(...parts);
    residual(canvas, left.residual);
  } else {
    place.replaceChildren(...parts);
  }
}

function sentence(picture, left) {
  const told = [];
  if (picture.novelty_p !== null && picture.novelty_p !== undefined) told.push(chance(picture.novelty_p));
  const error = left?.error === undefined ? "" : ` ± ${number(left.error)}`;
  const when = picture.frames > 1 ? ` in ${picture.frames} frames` : "";
  if (left?.counts > 0) told.push(`${number(left.counts)}${error} ${measured(picture.kind)} left over${when}`);
  else told.push("not like any class");
  return told.join(" · ");
}

/** Sources whose lines explain the peaks together; a hint. */
function hint(left) {
  const told = made("p", "hint", "may be ");
  left.sources.forEach((source, k) => {
    if (k) told.append(", ");
    const lines = source.lines.map((one) => `${one.nuclide} ${number(one.energy)}`).join(", ");
    told.append(made("b", "", source.name), " ", made("small", "", `(${lines})`));
  });
  return told;
}

function table(peaks, unit) {
  const drawn = document.createElement("table");
  const head = drawn.createTHead().insertRow();
  for (const name of [`peak (${unit})`, "σ", "lines near it"]) head.append(made("th", "", name));
  const body = drawn.createTBody();
  for (const peak of peaks.slice(0, 4)) {
    const row = body.insertRow();
    row.insertCell().textContent = number(peak.position);
    row.insertCell().textContent = peak.significance.toFixed(1);
    const cell = row.insertCell();
    if (!peak.candidates.length) cell.textContent = "–";
    peak.candidates.slice(0, 2).forEach((one, k) => {
      if (k) cell.append(", ");
      cell.append(one.nuclide, " ", made("small", "", number(one.energy)));
    });
  }
  return drawn;
}

function residual(canvas, values) {
  const scale = devicePixelRatio;
  const [width, height] = [canvas.clientWidth * scale, canvas.clientHeight * scale];
  [canvas.width, canvas.height] = [width, height];
  const context = canvas.getContext("2d");
  const most = Math.max(...values, 1e-9);
  context.fillStyle = theme("bad");
  const step = width / values.length;
  values.forEach((value, k) => {
    const tall = (value / most) * (height - 4);
    context.fillRect(k * step, height - tall, Math.ceil(step), tall);
  });
}
