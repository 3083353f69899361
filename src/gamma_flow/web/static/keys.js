// Keys, and the dialog that lists them.

import { made } from "./format.js";

/** Bind keys; `actions` is a list of [keys, what it does, function]. */
export function bindKeys(page, actions) {
  const dialog = page("keys");
  const all = [...actions, [["?"], "this help", () => (dialog.open ? dialog.close() : dialog.showModal())]];
  page("help").addEventListener("click", () => dialog.showModal());
  page("keys-list").replaceChildren(
    ...all.flatMap(([keys, told]) => [made("dt", "", keys.map(named).join(" or ")), made("dd", "", told)]),
  );
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest?.("input, textarea, select")) return;
    // a button that has the focus is pressed by these; they do nothing else then
    if (event.target.closest?.("button") && (event.key === " " || event.key === "Enter")) return;
    if (dialog.open && event.key !== "?") return;
    const action = all.find(([keys]) => keys.includes(event.key));
    if (!action) return;
    event.preventDefault();
    action[2](event.key);
  });
}

function named(key) {
  const words = {
    " ": "Space", ArrowLeft: "←", ArrowRight: "→", PageUp: "Page up", PageDown: "Page down", Escape: "Esc",
  };
  return words[key] ?? (key.length === 1 ? key.toUpperCase() : key);
}
