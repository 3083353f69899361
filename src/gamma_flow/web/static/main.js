// The page: messages in, state, and once a frame of the screen everything that changed is drawn.

import { drawAlarms } from "./alarms.js";
import { learn, startTheme } from "./colours.js";
import { Detectors } from "./detectors.js";
import { Dropped } from "./drop.js";
import { drawFacts } from "./facts.js";
import { made, say } from "./format.js";
import { bindKeys } from "./keys.js";
import { ask, listen } from "./net.js";
import { Past } from "./past.js";
import { drawAnswer, drawShares, spoken } from "./shares.js";
import { Spectrum } from "./spectrum.js";
import { State } from "./state.js";
import { Timeline } from "./timeline.js";
import { drawUnknown, ofAlarm } from "./unknown.js";
import { Waterfall } from "./waterfall.js";

const SHOWN = 600; // rows of the timeline
const SUMS = [1, 8, 64]; // frames that are shown together
const PICTURE = 100; // ms between two pictures at least
const HELD = 1500; // ms that a name stays in sight after it was found: ten frames a second would flicker
const HELD_UNKNOWN = 4000; // ms, the same for the panel of the unknown, which has to be read
const SPEAK = 2000; // ms between two answers that are said aloud

const page = (id) => document.getElementById(id);
const state = new State();
let picture = null; // what is drawn, with `for`: the row that it is of
let asked = ""; // of which picture the last request was
let asking = false;
let lastAsked = 0;
let lastSpoken = ["", -1e9];
let lastNovel = -1e9; // when an unknown was drawn
let dirty = false;
let together = 1; // frames of which the spectrum is the sum

const changed = () => {
  if (!dirty) requestAnimationFrame(draw);
  dirty = true;
};
const spectrum = new Spectrum(page("chart"), { readout: page("readout"), moved: changed });
const past = new Past(state, changed);
const waterfall = new Waterfall(page("waterfall"), spectrum, (row) => past.pick(row));
const timeline = new Timeline(page("timeline"), (row) => past.pick(row));
const detectors = new Detectors(page("detectors"), select);
const dropped = new Dropped(page, () => {
  document.querySelector("main").classList.toggle("file", dropped.open);
  changed();
});

function select(name) {
  if (name === state.selected) return;
  state.selected = name;
  state.moment = state.until = null;
  picture = null;
  asked = "";
  lastNovel = -1e9;
  past.fill(state.current);
  changed();
}

function accept(alarm) {
  const query = new URLSearchParams({ detector: alarm.detector });
  ask(`/accept?${query}`, { method: "POST" }).catch((problem) => {
    state.note({ detector: alarm.detector, sentence: problem.message });
    changed();
  });
}

// ---------------------------------------------------------------- what comes in

function told(message) {
  if (message.type === "result") {
    const detector = state.result(message);
    if (detector && state.selected === null) select(detector.name);
  } else if (message.type === "status") {
    const detector = state.status(message);
    if (detector && (detector.frames || message.last) && state.selected === null) select(detector.name);
  } else if (message.type === "alarm") {
    state.alarm(message);
  } else if (message.type === "note") {
    state.note(message);
  } else if (message.type === "hello") {
    state.alarms.clear(); // those that go on follow
    state.gap();
    refresh();
  } else if (message.type === "dropped") {
    state.gap();
    resync();
  }
  changed();
}

/** After a connection: the model may be another one, and rows are missing. */
async function refresh() {
  try {
    const { model, palette } = await ask("/model");
    learn(palette, model?.background ?? null);
    for (const id of ["answer", "alarms"]) page(id).dataset.key = ""; // drawn anew in these colours
    // a service in trouble answers with an error, and says all the same whether it keeps a log
    const health = await ask("/health").catch((problem) => problem.content);
    past.logged = health.log;
    page("sum").hidden = !health.log;
    page("older").disabled = !health.log;
  } catch {
    return; // the next connection asks again
  }
  asked = "";
  await past.fill(state.current);
  changed();
}

/** Messages were left out: ask for what may have been among them. */
async function resync() {
  try {
    const [alarms, states] = await Promise.all([ask("/alarms"), ask("/detectors")]);
    state.alarms.clear();
    alarms.alarms.forEach((alarm) => state.alarm(alarm));
    states.detectors.forEach((one) => state.status(one));
    await past.fill(state.current);
  } catch {
    return;
  }
  changed();
}

/** Ask for the picture of the row that is shown; one request at a time, so that a slow phone is not flooded. */
async function look() {
  const row = state.shown;
  if (!row || !state.selected || document.hidden) return;
  const key = `${state.selected} ${row.time} ${together}`;
  if (asking || key === asked) return;
  const wait = lastAsked + PICTURE - performance.now();
  if (wait > 0) {
    setTimeout(look, wait);
    return;
  }
  asking = true;
  asked = key;
  lastAsked = performance.now();
  const query = new URLSearchParams({ detector: state.selected });
  if (state.moment) query.set("time", row.time);
  if (together > 1) query.set("sum", together);
  try {
    const found = await ask(`/picture?${query}`);
    if (found.detector === state.selected) picture = { ...found, moment: state.moment };
  } catch (problem) {
    if (state.moment === row) picture = { sentence: problem.message, moment: row };
  } finally {
    asking = false;
  }
  changed();
}

// ------------------------------------------------------------- what is drawn

function draw() {
  dirty = false;
  const { current, shown } = state;
  const live = state.moment === null;
  detectors.draw(state);
  drawAlarms(page("alarms"), state.alarms, (alarm) => select(alarm.detector), accept);
  document.body.classList.toggle("old", live && current?.state === "silent");
  drawNote(current, shown);
  if (shown) {
    const fits = picture && (live ? picture.moment === null : picture.moment === shown);
    drawVerdict(current, shown, live);
    drawFacts(page("facts"), current, shown, live, state.stuck);
    if (fits && picture.edges) {
      if (picture.drawn !== true) {
        picture.drawn = true;
        spectrum.draw(picture);
        drawShares(page("shares"), picture);
        say(page("spectrum-title"), picture.frames > 1 ? `Spectrum of ${picture.frames} frames` : "Spectrum");
        if (picture.novel) lastNovel = performance.now();
        const held = live && picture.classes && performance.now() - lastNovel < HELD_UNKNOWN;
        const alarm = live ? state.unknownOf(state.selected) : null;
        if (alarm) drawUnknown(page("unknown"), ofAlarm(alarm) ?? picture);
        else if (picture.novel || !held) drawUnknown(page("unknown"), picture);
      }
    }
    speak(current, shown);
  }
  if (!shown) {
    page("answer").replaceChildren(made("span", "none", "No data yet"));
    page("answer").dataset.key = "";
    page("facts").replaceChildren();
  }
  const rows = state.view(SHOWN);
  waterfall.draw(rows.slice(-waterfall.room), picture?.edges, state.moment);
  timeline.draw(rows, state.moment);
  drawWhen(rows, live);
  page("whole").hidden = spectrum.range.whole;
  look();
}

function drawVerdict(detector, row, live) {
  if (together > 1 && picture?.classes) {
    drawAnswer(page("answer"), picture.present, picture.novel);
    return;
  }
  if (!live) {
    drawAnswer(page("answer"), row.present, row.novel);
    return;
  }
  const found = state.held(detector, HELD);
  const pale = [...found].filter(([, last]) => !last).map(([name]) => name);
  const names = [...found.keys()].filter((name) => name).sort();
  drawAnswer(page("answer"), names, found.has(""), pale);
}

function drawNote(current, shown) {
  const note = page("note");
  let text = "";
  if (!state.detectors.size) text = "Waiting for the first frame of a detector.";
  else if (!shown) text = `${current?.name ?? "This detector"}: no frame yet.`;
  else if (picture && !picture.edges && picture.sentence) text = picture.sentence;
  note.hidden = !text;
  say(note, text);
  const remark = current?.note ?? "";
  page("remark").hidden = !remark;
  say(page("remark"), remark && `The tracker: ${remark}.`);
}

function drawWhen(rows, live) {
  const now = state.until === null && live;
  page("now").setAttribute("aria-pressed", now);
  page("newer").disabled = state.until === null;
  const last = rows.at(-1);
  say(page("when"), now || !last ? "" : `until ${new Date(last.at).toLocaleString("en-GB")}`);
}

/** Say an answer aloud when it changed, and not with every frame. */
function speak(detector, row) {
  const text = `${detector.name}: ${spoken(row.present, row.novel)}`;
  if (text !== lastSpoken[0] && performance.now() - lastSpoken[1] > SPEAK) {
    lastSpoken = [text, performance.now()];
    say(page("spoken"), text);
  }
}

// ------------------------------------------------------------------ what is done

function scale() {
  spectrum.log = !spectrum.log;
  dropped.scale(spectrum.log);
  page("scale").setAttribute("aria-pressed", spectrum.log);
}

function sum() {
  together = SUMS[(SUMS.indexOf(together) + 1) % SUMS.length];
  say(page("sum"), together > 1 ? `${together} frames` : "1 frame");
  page("sum").setAttribute("aria-pressed", together > 1);
  changed();
}

function escape() {
  if (dropped.open) dropped.close();
  else past.live();
}

page("scale").addEventListener("click", scale);
page("sum").addEventListener("click", sum);
page("whole").addEventListener("click", () => spectrum.reset());
page("older").addEventListener("click", () => past.scroll(-0.5, SHOWN));
page("newer").addEventListener("click", () => past.scroll(0.5, SHOWN));
page("now").addEventListener("click", () => past.live());
bindKeys(page, [
  [["l"], "logarithmic or linear", scale],
  [["s"], "sum of the last frames", sum],
  [["+", "-"], "zoom in, out", (key) => spectrum.zoomAt(key === "+" ? 0.7 : 1 / 0.7)],
  [["0"], "whole range", () => spectrum.reset()],
  [["a", "d"], "move to lower, higher energies", (key) => spectrum.pan(key === "a" ? -0.2 : 0.2)],
  [["ArrowLeft", "ArrowRight"], "frame before, after", (key) => past.step(key === "ArrowLeft" ? -1 : 1, SHOWN)],
  [["PageUp", "PageDown"], "older, newer", (key) => past.scroll(key === "PageUp" ? -0.5 : 0.5, SHOWN)],
  [[" "], "live", () => past.live()],
  [["n", "p"], "next, previous detector", (key) => detectors.step(key === "n" ? 1 : -1)],
  [["1", "2", "3"], "first, second, third ... detector", (key) => detectors.at(Number(key) - 1)],
  [["o"], "analyse a file", () => page("file").click()],
  [["t"], "dark or light", () => page("theme").click()],
  [["Escape"], "close the file, back to live", escape],
]);

startTheme(page("theme"), () => {
  spectrum.restyle();
  dropped.restyle();
  changed();
});

listen(told, (connected, wait) => {
  const place = page("connection");
  place.dataset.state = connected === "on" ? "on" : "off";
  say(place, connected === "on" ? "live" : `connecting again${wait > 2 ? ` in ${wait.toFixed(0)} s` : ""}`);
});

addEventListener("resize", changed);
document.addEventListener("visibilitychange", changed);
setInterval(changed, 1000); // times that pass
changed();
