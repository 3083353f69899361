// Talking to the service: requests with the token, and a stream that comes back by itself.

const token = new URLSearchParams(location.hash.slice(1)).get("token") ?? "";
const SHORTEST = 500; // ms before the first try again
const LONGEST = 15000;
const QUIET = 40000; // ms without a word after which a connection is taken for dead

/** Ask for JSON; a refusal becomes an Error with the sentence of the service, and `content`. */
export async function ask(path, options = {}) {
  const headers = new Headers(options.headers);
  if (token) headers.set("Authorization", `Bearer ${token}`);
  let response;
  try {
    response = await fetch(path, { ...options, headers });
  } catch {
    throw new Error("The service does not answer.");
  }
  let content = null;
  try {
    content = await response.json();
  } catch {
    // no JSON: the status has to say it
  }
  if (!response.ok) {
    const sentence = content?.sentence ?? `The service answers ${response.status}.`;
    throw Object.assign(new Error(sentence), { content });
  }
  return content;
}

/**
 * Listen to results as they come, for good. `told` gets every message, `changed` the state of the connection:
 * "on", or "off" with the seconds to the next try.
 */
export function listen(told, changed) {
  let pause = SHORTEST;
  let watch = 0;

  const open = () => {
    const url = new URL("/live?strips=1", location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    url.hash = "";
    if (token) url.searchParams.set("token", token);
    const socket = new WebSocket(url);
    const alive = () => {
      clearTimeout(watch);
      watch = setTimeout(() => socket.close(), QUIET);
    };
    socket.onopen = () => {
      pause = SHORTEST;
      alive();
      changed("on", 0);
    };
    socket.onmessage = (event) => {
      alive();
      told(JSON.parse(event.data));
    };
    socket.onclose = () => {
      clearTimeout(watch);
      const wait = pause * (0.75 + 0.5 * Math.random());
      pause = Math.min(pause * 2, LONGEST);
      changed("off", wait / 1000);
      setTimeout(open, wait);
    };
  };
  open();
}
