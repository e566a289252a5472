// What both pages need: numbers and times as people write them, and elements with text in them.

const PATIENCE = 4;
const MINUS = "\u2212";

/** A number with a few significant digits; a dash where there is none. */
export function number(value, digits = 4) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "\u2013";
  if (Math.abs(value) < 1e-9) return "0";
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(value))));
  let text = value.toFixed(Math.min(decimals, 12));
  if (text.includes(".")) text = text.replace(/\.?0+$/, "");
  return text.replace("-", MINUS);
}

/** Seconds as days, hours, minutes and seconds: 1 d 2:03:04. */
export function clock(seconds) {
  if (seconds === null || seconds === undefined) return "\u2013";
  const whole = Math.round(seconds);
  const days = Math.floor(whole / 86400);
  const pad = (part) => String(part).padStart(2, "0");
  const time = `${Math.floor((whole % 86400) / 3600)}:${pad(Math.floor((whole % 3600) / 60))}:${pad(whole % 60)}`;
  return days ? `${days} d ${time}` : time;
}

/** A unit as it stands behind a number. */
export function unitText(unit) {
  return { 1: "", percent: "%", degC: "°C" }[unit] ?? unit;
}

export function element(id) {
  return document.getElementById(id);
}

/** What was chosen on this page, which its address remembers. */
export function chosen() {
  return new URLSearchParams(location.hash.slice(1));
}

export function choose(choices) {
  history.replaceState(null, "", `#${new URLSearchParams(choices)}`);
}

/** A new element with a class and a text, which is never read as HTML. */
export function make(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== "") made.textContent = text;
  return made;
}

/** Show a text, or nothing at all where it is empty. */
export function tell(id, text) {
  element(id).textContent = text;
  element(id).hidden = !text;
}

export function showStatus(state, text) {
  const badge = element("status");
  badge.className = `status ${state}`;
  if (badge.textContent !== text) badge.textContent = text;
  document.body.dataset.state = state;
}

/** Fill a list of facts: pairs of label and text; those without a text are left out. */
export function showFacts(facts) {
  element("facts").replaceChildren(
    ...facts.filter(([, text]) => text).map(([label, text]) => {
      const pair = make("div");
      pair.append(make("dt", "", label), make("dd", "", text));
      return pair;
    }),
  );
}

/** Fill the progress bar with parts of a whole: pairs of class and share. */
export function showBar(parts) {
  const bar = element("bar");
  bar.hidden = false;
  bar.replaceChildren(...parts.map(([className, share]) => {
    const part = make("i", className);
    part.style.width = `${100 * share}%`;
    return part;
  }));
}

/** Ask again and again, as long as somebody looks; `ask` returns the pause in milliseconds. It is
 * longer where answers take long: watching must not slow down what is watched. `null` asks on. */
export async function poll(ask) {
  for (;;) {
    let pause = 3000;
    try {
      const begin = performance.now();
      pause = await ask();
      const tookMs = performance.now() - begin;
      pause = pause === null ? tookMs : Math.max(pause, PATIENCE * tookMs);
    } catch (error) {
      showStatus("offline", "not connected");
      tell("message", `gridloom watch does not answer (${error.message}): trying again`);
    }
    await new Promise((resolve) => { setTimeout(resolve, pause); });
    while (document.hidden) {
      await new Promise((resolve) => {
        document.addEventListener("visibilitychange", resolve, { once: true });
      });
    }
  }
}

export async function fetchJson(address) {
  const answer = await fetch(address);
  if (!answer.ok) throw new Error(`${answer.status}: ${await answer.text()}`);
  return answer.json();
}

/** Values for the ticks of an axis: about so many, at 1, 2 or 5 times a power of ten. */
export function niceTicks(low, high, count) {
  const raw = (high - low) / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].find((factor) => factor * power >= raw * 0.999) * power;
  const ticks = [];
  for (let n = Math.ceil(low / step - 1e-9); n * step <= high + step * 1e-9; n += 1) ticks.push(n * step);
  return ticks;
}

/** A canvas made ready for drawing in CSS pixels, with the colours of the page. */
export function prepare(canvas) {
  const { clientWidth: width, clientHeight: height } = canvas;
  const ratio = window.devicePixelRatio || 1;
  canvas.width = Math.round(width * ratio);
  canvas.height = Math.round(height * ratio);
  const context = canvas.getContext("2d");
  context.setTransform(ratio, 0, 0, ratio, 0, 0);
  context.clearRect(0, 0, width, height);
  context.font = "12px system-ui, sans-serif";
  const style = getComputedStyle(document.documentElement);
  const colour = (name) => style.getPropertyValue(`--${name}`).trim();
  return { context, width, height, colour };
}
