// Alarms that go on, across the page: what, where, since when.

import { glyph } from "./colours.js";
import { ago, clock, made, number } from "./format.js";

const MOST = 3;
const ASKED = 4000; // ms that a question stands
const sure = new Map(); // key of an alarm to the end of its question; the banner is drawn anew meanwhile

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

/** `shown` is called with an alarm that is to be looked at, `accepted` with one that is background. */
export function drawAlarms(place, alarms, shown, accepted) {
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
  place.toggleAttribute("data-many", open.length > 1);
  place.replaceChildren(...open.slice(0, MOST).map((alarm) => line(alarm, shown, accepted)));
  if (open.length > MOST) place.append(made("div", "alarm", `and ${open.length - MOST} more`));
}

/** What stays for good is no alarm for ever; asked twice, for it ends what may be a source. */
function background(alarm, accepted) {
  const button = made("button", "background", "");
  const word = () => {
    const asked = sure.get(alarm.key) > Date.now();
    button.textContent = asked ? "Sure? All alarms end" : "Is background";
    return asked;
  };
  button.type = "button";
  button.title = "Take what this detector sees now as its background: all its alarms end";
  button.addEventListener("click", () => {
    if (word()) {
      button.disabled = true;
      accepted(alarm);
      return;
    }
    sure.set(alarm.key, Date.now() + ASKED);
    word();
    setTimeout(word, ASKED + 50);
  });
  word();
  return button;
}

function since(start) {
  return `since ${clock(start)} (${ago(Date.now() - start)})`;
}

function line(alarm, shown, accepted) {
  const drawn = made("div", "alarm");
  const start = Date.parse(alarm.start);
  const name = alarm.kind === "class" ? `${glyph(alarm.name)} ${alarm.name}` : `✖ ${words(alarm)}`;
  const where = made("span", "told", `at ${alarm.detector} `);
  const when = made("span", "", since(start));
  when.dataset.since = start;
  when.setAttribute("aria-live", "off");
  const button = made("button", "", "Show");
  button.type = "button";
  button.addEventListener("click", () => shown(alarm));
  drawn.append(made("b", "", name), where);
  where.append(when);
  const more = details(alarm);
  if (more) drawn.append(made("span", "told", more));
  const acts = made("span", "acts");
  acts.append(button, background(alarm, accepted));
  drawn.append(acts);
  return drawn;
}
