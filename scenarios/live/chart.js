// A line chart of simulated time on a canvas: steps, gaps, limits, and a read-out under the mouse.

import { make, niceTicks, number, prepare } from "./page.js";

const MARGIN = { left: 62, right: 12, top: 8, bottom: 38 };
const COLOURS = 8;
const MINUTE = 60, HOUR = 3600, DAY = 86400;
const TIME_STEPS = [1, 2, 5, 10, 15, 30, MINUTE, 2 * MINUTE, 5 * MINUTE, 10 * MINUTE, 15 * MINUTE,
  30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 6 * HOUR, 12 * HOUR, DAY, 2 * DAY, 7 * DAY, 14 * DAY, 28 * DAY];
const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

/** Local time of a simulation, whose start is given as if its zone were UTC. */
export function localTime(startS, timeS, withDate = true, withSeconds = true) {
  const at = new Date((startS + timeS) * 1000);
  const pad = (part) => String(part).padStart(2, "0");
  const seconds = withSeconds ? `:${pad(at.getUTCSeconds())}` : "";
  const time = `${pad(at.getUTCHours())}:${pad(at.getUTCMinutes())}${seconds}`;
  const date = `${at.getUTCFullYear()}-${pad(at.getUTCMonth() + 1)}-${pad(at.getUTCDate())}`;
  return withDate ? `${date} ${time}` : time;
}

export class LineChart {
  /** Draw below `host`; what is drawn is given by `show`. */
  constructor(host) {
    this.legend = make("ul", "legend");
    this.plot = make("div", "plot");
    this.canvas = make("canvas");
    this.canvas.setAttribute("role", "img");
    this.readout = make("div", "readout");
    this.readout.hidden = true;
    this.plot.append(this.canvas, this.readout);
    host.append(this.legend, this.plot);
    this.pointer = null;
    this.canvas.addEventListener("pointermove", (event) => this.point(event.offsetX));
    this.canvas.addEventListener("pointerleave", () => this.point(null));
    new ResizeObserver(() => this.draw()).observe(this.plot);
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.draw());
  }

  /**
   * Show curves: {label, low, high, point_s, at_end}, where point_s is the time between points.
   * `view` has title, unit, limits, startS, zone, endS (of the time axis) and fromZero.
   */
  show(curves, view) {
    this.curves = curves;
    this.view = view;
    this.draw();
    this.describe();
  }

  point(x) {
    this.pointer = x;
    this.draw();
  }

  draw() {
    if (!this.curves || !this.canvas.clientWidth) return;
    const { context, width, height, colour } = prepare(this.canvas);
    const inner = { x: MARGIN.left, y: MARGIN.top, width: width - MARGIN.left - MARGIN.right,
      height: height - MARGIN.top - MARGIN.bottom };
    const [bottom, top] = this.range();
    const endS = Math.max(this.view.endS, 1);
    this.toX = (timeS) => inner.x + (inner.width * timeS) / endS;
    this.toTime = (x) => ((x - inner.x) * endS) / inner.width;
    const toY = (value) => inner.y + inner.height * (1 - (value - bottom) / (top - bottom));
    this.drawAxes(context, inner, [bottom, top], toY, colour);
    context.save();
    context.beginPath();
    context.rect(inner.x, inner.y - 2, inner.width, inner.height + 4);
    context.clip();
    let points = 0;
    this.curves.forEach((curve, place) => {
      context.strokeStyle = colour(`c${place % COLOURS}`);
      context.lineWidth = 1.4;
      context.setLineDash(place < COLOURS ? [] : [6, 3]);
      points += this.trace(context, curve, toY);
    });
    this.drawLimits(context, inner, toY, colour);
    context.restore();
    this.canvas.dataset.points = points;
    this.drawPointer(context, inner, toY, colour);
  }

  /** The values between which all curves and limits lie. */
  range() {
    let [low, high] = this.view.fromZero ? [0, 0] : [Infinity, -Infinity];
    const widen = (value) => {
      if (value === null) return;
      if (value < low) low = value;
      if (value > high) high = value;
    };
    this.view.limits.forEach(widen);
    for (const curve of this.curves) {
      curve.low.forEach(widen);
      curve.high.forEach(widen);
    }
    if (low > high) return [0, 1];
    const room = (high - low || Math.abs(high) || 1) * 0.05;
    return [low === 0 ? 0 : low - room, high + room];
  }

  drawAxes(context, inner, [bottom, top], toY, colour) {
    const { unit, startS, zone, endS } = this.view;
    context.lineWidth = 1;
    context.textBaseline = "middle";
    context.textAlign = "right";
    for (const tick of niceTicks(bottom, top, Math.max(2, inner.height / 30))) {
      context.strokeStyle = colour(Math.abs(tick) < 1e-12 ? "grey" : "grid");
      this.line(context, inner.x, toY(tick), inner.x + inner.width, toY(tick));
      context.fillStyle = colour("ink");
      context.fillText(number(tick, 5), inner.x - 7, toY(tick));
    }
    context.textAlign = "center";
    context.textBaseline = "top";
    const below = inner.y + inner.height;
    const step = TIME_STEPS.find((each) => (endS / each) * 76 <= inner.width) ?? TIME_STEPS.at(-1);
    for (let at = Math.ceil(startS / step) * step; at - startS <= endS; at += step) {
      const x = this.toX(at - startS);
      context.strokeStyle = colour("grid");
      this.line(context, x, inner.y, x, below);
      context.fillStyle = colour("ink");
      const text = tickText(at, step);
      const half = context.measureText(text).width / 2;
      context.fillText(text, Math.min(x, inner.x + inner.width + MARGIN.right - half), below + 5);
    }
    context.strokeStyle = colour("grey");
    this.line(context, inner.x, inner.y, inner.x, below);
    this.line(context, inner.x, below, inner.x + inner.width, below);
    context.fillStyle = colour("grey");
    const [first, last] = [localTime(startS, 0).slice(0, 10), localTime(startS, endS).slice(0, 10)];
    const dates = first === last ? first : `${first} to ${last}`;
    context.fillText(`local time (${zone}), ${dates}`, inner.x + inner.width / 2, below + 21);
    context.save();
    context.translate(12, inner.y + inner.height / 2);
    context.rotate(-Math.PI / 2);
    context.textBaseline = "middle";
    context.fillText(unit || "share", 0, 0);
    context.restore();
  }

  line(context, fromX, fromY, toX, toY) {
    context.beginPath();
    context.moveTo(fromX, fromY);
    context.lineTo(toX, toY);
    context.stroke();
  }

  /** Trace a curve; return how many points it has. Each point is held over its time, or, if it is
   * that of its end, joined to the one before. Points of many rows are strokes from low to high. */
  trace(context, { low, high, point_s: pointS, at_end: atEnd }, toY) {
    let drawn = 0, isOpen = false, at = 0;
    context.beginPath();
    for (let place = 0; place < low.length; place += 1) {
      if (low[place] === null) { isOpen = false; continue; }
      drawn += 1;
      const x = this.toX((place + (atEnd ? 1 : 0)) * pointS);
      const isFalling = isOpen && Math.abs(at - high[place]) < Math.abs(at - low[place]);
      const [first, last] = isFalling ? [high[place], low[place]] : [low[place], high[place]];
      if (isOpen) context.lineTo(x, toY(first));
      else context.moveTo(x, toY(first));
      if (first !== last) context.lineTo(x, toY(last));
      if (!atEnd) context.lineTo(this.toX((place + 1) * pointS), toY(last));
      else if (!isOpen && (place + 1 >= low.length || low[place + 1] === null)) {
        context.lineTo(x + 1.5, toY(last)); // a value alone is a dot
      }
      isOpen = true;
      at = last;
    }
    context.stroke();
    return drawn;
  }

  drawLimits(context, inner, toY, colour) {
    context.strokeStyle = colour("ink");
    context.setLineDash([6, 4]);
    context.lineWidth = 1.3;
    for (const limit of this.view.limits) {
      this.line(context, inner.x, toY(limit), inner.x + inner.width, toY(limit));
    }
    context.setLineDash([]);
  }

  drawPointer(context, inner, toY, colour) {
    const x = this.pointer;
    const timeS = x === null ? -1 : this.toTime(x);
    this.readout.hidden = timeS < 0 || timeS > this.view.endS;
    if (this.readout.hidden) return;
    context.strokeStyle = colour("grey");
    this.line(context, x, inner.y, x, inner.y + inner.height);
    const lines = [localTime(this.view.startS, timeS)];
    this.curves.forEach(({ label, low, high, point_s: pointS }) => {
      const place = Math.floor(timeS / pointS);
      if (place >= low.length) return;
      const [from, upTo] = [number(low[place]), number(high[place])];
      lines.push(`${label}: ${from === upTo ? from : `${from} to ${upTo}`} ${this.view.unit}`);
    });
    this.readout.textContent = lines.join("\n");
    const isLeft = x < inner.x + inner.width / 2;
    this.readout.style.left = isLeft ? `${x + 12}px` : "auto";
    this.readout.style.right = isLeft ? "auto" : `${this.canvas.clientWidth - x + 12}px`;
  }

  /** Tell the last values in the legend, which those read who do not see the canvas. */
  describe() {
    const { unit, limits, title } = this.view;
    const entries = this.curves.map(({ label, high }, place) => {
      const last = high.findLast((value) => value !== null);
      const entry = this.entry(label, number(last), unit);
      const sample = entry.querySelector("i").style;
      sample.borderColor = `var(--c${place % COLOURS})`;
      sample.borderTopStyle = place < COLOURS ? "solid" : "dashed";
      entry.dataset.last = last ?? "";
      return entry;
    });
    if (limits.length) {
      const entry = this.entry(limits.length > 1 ? "limits" : "limit", limits.map((each) => number(each)).join(", "), unit);
      entry.querySelector("i").className = "limit";
      entries.push(entry);
    }
    this.legend.replaceChildren(...entries);
    this.canvas.setAttribute("aria-label", `${title} over time; last: ${this.legend.textContent}`);
  }

  entry(label, text, unit) {
    const entry = make("li");
    entry.append(make("i"), `${label} `, make("b", "", text), ` ${unit}`);
    return entry;
  }
}

function tickText(at, step) {
  const date = new Date(at * 1000);
  if (at % DAY === 0) return `${MONTHS[date.getUTCMonth()]} ${date.getUTCDate()}`;
  return localTime(0, at, false, step < MINUTE);
}
