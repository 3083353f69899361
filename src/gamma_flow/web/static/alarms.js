// Alarms that go on, across the page: what, where, since when.

import { glyph } from "./colours.js";
import { ago, clock, made, number } from "./format.js";

const MOST = 3;

function words(alarm) {
  if (alarm.kind === "class") return alarm.name;
  if (alarm.kind === "unknown") return alarm.name || "Unknown source";
  return alarm.name || { gross: "High count rate" }[alarm.kind] || alarm.kind;
}

/** The lines or peaks that an alarm brings along, in one line. */
function details(alarm) {
  const told = [];
  const lines = alarm.details?.lines ?? alarm.details?.peaks;
  if (Array.isArray(lines)) {
    const places = lines.map((line) => line?.energy ?? line?.position ?? line).filter((one) => typeof one === "number");
    if (places.length) told.push(`peaks at ${places.slice(0, 4).map(number).join(", ")} keV`);
  }
  const sources = alarm.details?.sources;
  if (Array.isArray(sources) && sources.length) {
    told.push(`may be ${sources.slice(0, 3).map((one) => one.name).join(", ")}`);
  }
  const { counts, usual_counts: usual } = alarm.details ?? {};
  if (usual > 0) told.push(`${number(counts)} counts where ${number(usual)} are usual`);
  return told.join(" · ");
}

export function drawAlarms(place, alarms, shown) {
  const open = [...alarms.values()].sort((a, b) => Date.parse(b.start) - Date.parse(a.start));
  place.hidden = !open.length;
  const key = JSON.stringify(open.map((alarm) => [alarm.key, alarm.name, alarm.details]));
  if (place.dataset.key === key) {
    // only the time that passed: no reader says it again
    place.querySelectorAll("[data-since]").forEach((one) => {
      one.textContent = since(Number(one.dataset.since));
    });
    return;
  }
  place.dataset.key = key;
  place.replaceChildren(...open.slice(0, MOST).map((alarm) => line(alarm, shown)));
  if (open.length > MOST) place.append(made("div", "alarm", `and ${open.length - MOST} more`));
}

function since(start) {
  return `since ${clock(start)} (${ago(Date.now() - start)})`;
}

function line(alarm, shown) {
  const drawn = made("div", "alarm");
  const start = Date.parse(alarm.start);
  const name = alarm.kind === "class" ? `${glyph(alarm.name)} ${alarm.name}` : `✖ ${words(alarm)}`;
  const when = made("span", "told", since(start));
  when.dataset.since = start;
  when.setAttribute("aria-live", "off");
  const button = made("button", "", "Show");
  button.type = "button";
  button.addEventListener("click", () => shown(alarm));
  drawn.append(made("b", "", name), made("span", "told", `at ${alarm.detector}`), when);
  const more = details(alarm);
  if (more) drawn.append(made("span", "told", more));
  drawn.append(button);
  return drawn;
}
