// The page of one run: asks for what is new, keeps the points, and draws them.

import { LineChart, localTime } from "./chart.js";
import { choose, chosen, clock, element, fetchJson, make, number, poll, showBar, showFacts, showStatus, tell, unitText } from "./page.js";

const WORDS = { waiting: "waiting", running: "running", quiet: "no news", gone: "killed",
  complete: "complete", failed: "failed", interrupted: "interrupted", unreadable: "cannot be read" };
const PAUSES_MS = { running: 1000, waiting: 1500, busy: 1000, quiet: 2000, gone: 5000, unreadable: 3000 };
const PAUSE_AT_END_MS = 10000;
const NOT_FROM_ZERO = new Set(["voltage", "temperature", "price"]);

const suffix = location.pathname.startsWith("/run/") ? location.pathname : "";
const tables = new Map();
const charts = new Map();
let epoch = 0;
let line = chosen().get("line") ?? "";
let lines = [];

/** Take over new points; those from `first` replace what is here. */
function merge(key, news) {
  const old = news.first ? tables.get(key) : null;
  const join = (before, after) => after.map(
    (points, column) => (before ? before[column].slice(0, news.first).concat(points) : points),
  );
  const low = join(old?.low, news.low);
  const high = news.high ? join(old?.high, news.high) : low;
  tables.set(key, { ...news, low, high });
}

function question() {
  const have = [...tables].map(([key, { width, full }]) => `${key}:${width}:${full}`);
  return new URLSearchParams({ epoch, line, have: have.join(",") });
}

function showHeader(state) {
  const title = state.title || "gridloom watch";
  tell("title", title);
  tell("variant", state.variant ? `Variant: ${state.variant}` : "");
  showStatus(state.state, WORDS[state.state] ?? state.state);
  tell("message", state.message || "");
  document.title = `${WORDS[state.state] ?? state.state} · ${title}`;
  if (state.start_s === undefined) {
    element("bar").hidden = true;
    showFacts([]);
    return;
  }
  const share = state.duration_s ? Math.min(1, state.time_s / state.duration_s) : 0;
  showBar([[state.state === "complete" ? "complete" : "running", share]]);
  element("bar").setAttribute("aria-valuenow", Math.round(100 * share));
  const of = state.duration_s ? ` of ${clock(state.duration_s)} (${Math.floor(100 * share)} %)` : "";
  const isReading = !state.all_read && state.read_s < state.time_s;
  showFacts([
    ["simulated", `${clock(state.time_s)}${of}`],
    ["clock", `${localTime(state.start_s, state.time_s)} (${state.zone})`],
    ["speed", state.speed === null ? "" : `${number(state.speed, 3)} × real time`],
    ["to go", state.left_s === null ? "" : clock(state.left_s)],
    ["took", state.wall_time_s === null ? "" : clock(state.wall_time_s)],
    ["a row covers", rowsCover(state.rows_of_several_steps)],
    ["run", state.digest],
    ["drawn", isReading ? `up to ${clock(state.read_s)}: reading on` : ""],
  ]);
}

/** How long rows are that cover several steps; of which models, if they are not equally long. */
function rowsCover(rows) {
  return rows.map(({ length, models }) => (
    rows.length > 1 ? `${length} (${models.join(", ")})` : length)).join(", ");
}

function newPanel(panel) {
  const section = make("section", "panel");
  section.dataset.key = panel.key;
  const heading = make("h2", "", panel.title);
  section.append(heading);
  if (panel.key === "line") section.append(lineChooser());
  element("panels").append(section);
  const chart = new LineChart(section);
  chart.heading = heading;
  chart.section = section;
  charts.set(panel.key, chart);
  return chart;
}

function lineChooser() {
  const controls = make("div", "controls");
  const label = make("label", "", "line ");
  const input = make("input");
  input.setAttribute("list", "lines");
  input.placeholder = "the most loaded one";
  input.value = line;
  const known = make("datalist");
  known.id = "lines";
  known.append(...lines.map((name) => {
    const option = make("option");
    option.value = name;
    return option;
  }));
  input.addEventListener("change", () => {
    const isKnown = !input.value || lines.includes(input.value);
    input.setCustomValidity(isKnown ? "" : "there is no line of this name");
    input.reportValidity();
    if (!isKnown) return;
    line = input.value;
    choose({ line });
    refresh();
  });
  label.append(input);
  controls.append(label, known);
  return controls;
}

function showPanels(state) {
  const shown = new Set(state.panels.map((panel) => panel.key));
  for (const [key, chart] of charts) {
    if (!shown.has(key)) {
      chart.section.remove();
      charts.delete(key);
    }
  }
  for (const panel of state.panels) {
    const chart = charts.get(panel.key) ?? newPanel(panel);
    if (panel.key === "line" && state.line) {
      const which = state.line.is_most_loaded ? ", the most loaded line" : "";
      chart.heading.textContent = `Current of ${state.line.name}${which}`;
    }
    const curves = panel.curves.map((curve) => {
      const table = tables.get(curve.table);
      return { ...curve, low: table.low[curve.column], high: table.high[curve.column],
        point_s: table.width * table.step_s };
    });
    chart.show(curves, { title: panel.title, unit: unitText(panel.unit), limits: panel.limits,
      startS: state.start_s, zone: state.zone, endS: state.time_s,
      fromZero: !NOT_FROM_ZERO.has(panel.key) });
  }
}

function clearPanels() {
  element("panels").replaceChildren();
  charts.clear();
}

async function refresh() {
  const state = await fetchJson(`/api/run${suffix.replace(/^\/run/, "")}?${question()}`);
  if (state.is_campaign) location.reload();
  if (state.state === "busy") return PAUSES_MS.busy;
  if (state.epoch !== epoch) {
    tables.clear();
    epoch = state.epoch;
    lines = state.lines ?? [];
    clearPanels();
  }
  showHeader(state);
  for (const [key, news] of Object.entries(state.tables ?? {})) merge(key, news);
  for (const key of tables.keys()) if (!(key in (state.tables ?? {}))) tables.delete(key);
  if (state.panels) showPanels(state);
  else clearPanels();
  document.body.dataset.read = state.read_s ?? "";
  return state.all_read === false ? null : PAUSES_MS[state.state] ?? PAUSE_AT_END_MS;
}

element("back").hidden = !suffix;
poll(refresh);
