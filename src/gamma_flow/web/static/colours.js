// Colours: the theme of the page, those of the classes as the service tells, and of the waterfall.

const MARKS = { o: "●", s: "■", "^": "▲", D: "◆", v: "▼", P: "✚", X: "✖", "*": "★" };
// between dark blue and yellow, even in lightness for every eye
const RAMP = ["#00224e", "#123570", "#3b496c", "#575d6d", "#707173", "#8a8678", "#a59c74", "#c3b369", "#e1cc55", "#fee838"];

let palette = { unknown: "#B2182B", classes: {} };
let background = null;

export function learn(told, name) {
  palette = told;
  background = name;
}

export function colour(name) {
  return palette.classes[name]?.colour ?? palette.unknown;
}

export function glyph(name) {
  return name === background ? "▬" : (MARKS[palette.classes[name]?.mark] ?? "✖");
}

export const isBackground = (name) => name === background;

/** A value of the theme. */
export function theme(name) {
  return getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
}

/** A colour over the panel: components are areas, and shine less than lines. */
export function area(hex, strength = 0.62) {
  const ground = parsed(theme("panel"));
  const mixed = parsed(hex).map((value, k) => Math.round(strength * value + (1 - strength) * ground[k]));
  return `rgb(${mixed.join(",")})`;
}

function parsed(hex) {
  return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
}

/** 256 colours of the waterfall as numbers for image data (little-endian RGBA). */
export const ramp = (() => {
  const anchors = RAMP.map(parsed);
  return Uint32Array.from({ length: 256 }, (_, k) => {
    const at = (k / 255) * (anchors.length - 1);
    const low = Math.min(Math.floor(at), anchors.length - 2);
    const [r, g, b] = anchors[low].map((value, c) => Math.round(value + (at - low) * (anchors[low + 1][c] - value)));
    return 0xff000000 | (b << 16) | (g << 8) | r;
  });
})();

/** Follow the system, unless somebody chose. */
export function startTheme(button, changed) {
  const system = matchMedia("(prefers-color-scheme: dark)");
  let chosen = null;
  try {
    chosen = localStorage.getItem("theme");
  } catch {
    // no storage: nothing is remembered
  }
  const apply = () => {
    document.documentElement.dataset.theme = chosen ?? (system.matches ? "dark" : "light");
    changed();
  };
  system.addEventListener("change", apply);
  button.addEventListener("click", () => {
    chosen = document.documentElement.dataset.theme === "dark" ? "light" : "dark";
    try {
      localStorage.setItem("theme", chosen);
    } catch {
      // as above
    }
    apply();
  });
  apply();
}
