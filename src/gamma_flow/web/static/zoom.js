// Zoom with the wheel and with two fingers.

/** Let an element zoom what has `zoomAt`, `zoom`, `reset` and `range`; `value` makes energies of pixels. */
export function zoomable(element, view, value) {
  element.addEventListener(
    "wheel",
    (event) => {
      if (!event.ctrlKey && !event.shiftKey && Math.abs(event.deltaY) < Math.abs(event.deltaX)) return;
      event.preventDefault();
      view.zoomAt(Math.exp(Math.sign(event.deltaY) * 0.18), value(event.offsetX));
    },
    { passive: false },
  );
  element.addEventListener("dblclick", () => view.reset());

  let before = null;
  const places = (event) => {
    const left = element.getBoundingClientRect().left;
    return [...event.touches].slice(0, 2).map((touch) => touch.clientX - left).sort((a, b) => a - b);
  };
  element.addEventListener(
    "touchmove",
    (event) => {
      if (event.touches.length !== 2) return;
      event.preventDefault();
      const now = places(event);
      if (before && now[1] - now[0] > 20) {
        const factor = (before[1] - before[0]) / (now[1] - now[0]);
        view.zoomAt(Math.min(Math.max(factor, 0.5), 2), value((now[0] + now[1]) / 2));
      }
      before = now;
    },
    { passive: false },
  );
  element.addEventListener("touchend", () => (before = null));
}
