// Values by the labels of an axis: one dot a run, a bar at the mean.

import { niceTicks, number, prepare } from "./page.js";

const MARGIN = { left: 70, right: 14, top: 10, bottom: 42 };
const MOST_LABELS = 40;

/** A number from 0 to 1 that is always the same for the same run. */
function jitter(run) {
  return (run * 0.6180339887) % 1;
}

function mean(strip) {
  return strip.reduce((sum, point) => sum + point[2], 0) / strip.length;
}

/** Draw points [run, label, value]; `view` has labels, title, unit and axis. */
export function drawStrips(canvas, points, view) {
  const { context, width, height, colour } = prepare(canvas);
  const labels = view.labels.slice(0, MOST_LABELS);
  const inner = { x: MARGIN.left, y: MARGIN.top, width: width - MARGIN.left - MARGIN.right,
    height: height - MARGIN.top - MARGIN.bottom };
  const strips = labels.map((label) => points.filter((point) => point[1] === label));
  const values = strips.flat().map((point) => point[2]);
  let [low, high] = values.length ? [values[0], values[0]] : [0, 1];
  for (const value of values) { low = Math.min(low, value); high = Math.max(high, value); }
  const room = (high - low || Math.abs(high) || 1) * 0.06;
  [low, high] = [low - room, high + room];
  const toY = (value) => inner.y + inner.height * (1 - (value - low) / (high - low));
  drawFrame(context, inner, niceTicks(low, high, inner.height / 28), toY, colour);
  const slot = inner.width / Math.max(1, labels.length);
  const band = Math.min(slot * 0.6, 120);
  context.fillStyle = colour("ink");
  context.textAlign = "center";
  context.textBaseline = "top";
  labels.forEach((label, place) => {
    const text = typeof label === "number" ? number(label) : String(label);
    const every = Math.ceil(60 / slot);
    if (place % every === 0) context.fillText(text, inner.x + slot * (place + 0.5), inner.y + inner.height + 6, slot * every - 4);
  });
  context.fillStyle = colour("grey");
  context.fillText(view.axis, inner.x + inner.width / 2, inner.y + inner.height + 23);
  label(context, view.title, inner);
  strips.forEach((strip, place) => {
    const middle = inner.x + slot * (place + 0.5);
    context.fillStyle = colour("c0");
    context.globalAlpha = strip.length > 200 ? 0.35 : 0.7;
    for (const [run, , value] of strip) {
      context.beginPath();
      context.arc(middle + (jitter(run) - 0.5) * band, toY(value), 3, 0, 2 * Math.PI);
      context.fill();
    }
    context.globalAlpha = 1;
    if (strip.length > 1) {
      context.fillStyle = colour("c5");
      context.fillRect(middle - band / 2, toY(mean(strip)) - 1.5, band, 3);
    }
  });
  canvas.dataset.points = values.length;
  canvas.setAttribute("aria-label", `${view.title} by ${view.axis}: ${labels.map((each, place) => (
    `${each}: ${strips[place].length} runs${strips[place].length ? `, mean ${number(mean(strips[place]))}` : ""}`)).join("; ")}`);
}

function drawFrame(context, inner, ticks, toY, colour) {
  context.lineWidth = 1;
  context.textAlign = "right";
  context.textBaseline = "middle";
  for (const tick of ticks) {
    context.fillStyle = colour("grid");
    context.fillRect(inner.x, toY(tick), inner.width, 1);
    context.fillStyle = colour("ink");
    context.fillText(number(tick, 5), inner.x - 7, toY(tick));
  }
  context.fillStyle = colour("grey");
  context.fillRect(inner.x, inner.y, 1, inner.height);
  context.fillRect(inner.x, inner.y + inner.height, inner.width, 1);
}

function label(context, text, inner) {
  context.save();
  context.translate(12, inner.y + inner.height / 2);
  context.rotate(-Math.PI / 2);
  context.textBaseline = "middle";
  context.fillText(text, 0, 0, inner.height);
  context.restore();
}
