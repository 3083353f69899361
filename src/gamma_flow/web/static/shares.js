// Shares as bars with their errors, and how sure each is; what was found in large letters.

import { colour, glyph, isBackground } from "./colours.js";
import { chance, made, measured, number, percent, say } from "./format.js";

const SVG = "http://www.w3.org/2000/svg";

function shape(kind, name, parts) {
  const found = document.createElementNS(SVG, kind);
  if (name) found.setAttribute("class", name);
  for (const [key, value] of Object.entries(parts)) found.setAttribute(key, value);
  return found;
}

function mark(name) {
  const found = made("span", "mark", glyph(name));
  found.style.color = name === "unknown" ? "var(--bad)" : colour(name);
  found.setAttribute("aria-hidden", "true");
  return found;
}

/** A bar from 0 to 100 with a whisker of one standard deviation to either side. */
function bar(told, name) {
  const drawn = shape("svg", "", { viewBox: "0 0 100 18", preserveAspectRatio: "none", "aria-hidden": "true" });
  const end = Math.min(100, 100 * told.share);
  drawn.append(shape("rect", "track", { x: 0, y: 5, width: 100, height: 8 }));
  const filled = shape("rect", "", { x: 0, y: 3, width: Math.max(end, 0.4), height: 12 });
  filled.style.fill = colour(name);
  filled.style.opacity = told.present ? 1 : 0.45;
  drawn.append(filled);
  if (told.share_error > 0) {
    const [low, high] = [Math.max(0, end - 100 * told.share_error), Math.min(100, end + 100 * told.share_error)];
    drawn.append(shape("path", "whisker", { d: `M${low} 9H${high}M${low} 5V13M${high} 5V13`, "vector-effect": "non-scaling-stroke" }));
  }
  return drawn;
}

/** Draw the shares of a picture into a place; places of classes stay, so that the eye finds them again. */
export function drawShares(place, picture) {
  if (!picture?.classes) {
    place.replaceChildren(made("p", "aside", picture?.sentence ?? "This frame was not analysed."));
    return;
  }
  const names = Object.keys(picture.classes);
  const many = names.length > 9;
  const kept = many ? names.filter((name) => picture.classes[name].present || picture.classes[name].share > 0.01) : names;
  place.replaceChildren(...kept.map((name) => one(name, picture.classes[name], picture.kind)));
  if (kept.length < names.length) {
    place.append(made("p", "aside", `${names.length - kept.length} further classes: not found, below 1 %`));
  }
}

function one(name, told, kind) {
  const row = made("div", told.present ? "class found" : "class");
  const label = made("span", "name");
  label.append(mark(name), name);
  const value = made("span", "value", percent(told.share));
  if (told.share_error && (told.share > 0 || told.share_error > 0.0005)) {
    value.append(" ", made("small", "", `± ${(100 * told.share_error).toFixed(told.share_error < 0.1 ? 1 : 0)}`));
  }
  const sure = [];
  if (told.present || told.p_value < 0.2) {
    sure.push(told.present ? "found" : "not found");
    if (!isBackground(name)) sure.push(chance(told.p_value));
    sure.push(`${number(told.score)} ${measured(kind)}`);
  }
  row.append(label, bar(told, name), value);
  if (sure.length) row.append(made("span", "sure", sure.filter(Boolean).join(" · ")));
  return row;
}

/** Say what was found; names in `held` were there a moment ago, and stand pale. */
export function drawAnswer(place, present, novel, held = []) {
  const key = JSON.stringify([present, novel, held]);
  if (place.dataset.key === key) return;
  place.dataset.key = key;
  const parts = present.filter((name) => !isBackground(name)).map((name) => {
    const found = made("span", held.includes(name) ? "held" : "");
    found.append(mark(name), name);
    return found;
  });
  if (novel) {
    const strange = made("span", held.includes("") ? "strange held" : "strange");
    strange.append(mark("unknown"), "Unknown");
    parts.push(strange);
  }
  if (!parts.length) parts.push(made("span", "none", present.length ? "Background" : "Nothing found"));
  place.replaceChildren(...parts);
}

/** What is said aloud: names only, and only when they change. */
export function spoken(present, novel) {
  const named = present.filter((name) => !isBackground(name));
  if (novel) named.push("something unknown");
  return named.length ? named.join(", ") : "background";
}

export { mark, say };
