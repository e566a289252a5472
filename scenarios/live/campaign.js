// The page of a campaign: where it stands, what runs, what failed and what came out so far.

import { choose, chosen, clock, element, fetchJson, make, number, poll, showBar, showFacts, showStatus, tell, unitText } from "./page.js";
import { drawStrips } from "./strip.js";

const PAUSE_MS = 2000;
const PAUSE_AT_END_MS = 10000;
const QUIET_S = 120;

let drawn = { kpi: chosen().get("kpi") ?? "", axis: chosen().get("axis") ?? "", since: "" };
let points = new Map();
let latest = null;

function overall({ counts, silence_s: silenceS, has_driver: hasDriver }) {
  if (counts.running && hasDriver === false) return ["gone", "the batch was killed; the same command goes on"];
  if (counts.running && silenceS > QUIET_S) return ["quiet", `no news for ${clock(silenceS)}`];
  if (counts.running) return ["running", "running"];
  if (counts.pending) return ["waiting", "nobody works on it"];
  return counts.failed ? ["failed", "ended, some runs failed"] : ["complete", "complete"];
}

function showHeader(state) {
  const { counts } = state;
  const total = Object.values(counts).reduce((sum, count) => sum + count, 0);
  const [kind, words] = overall(state);
  tell("title", state.title || state.name);
  tell("variant", `Campaign ${state.name}: ${state.axes.map((axis) => axis.name).join(" × ")}`);
  showStatus(kind, words);
  tell("message", "");
  const share = (count) => (total ? count / total : 0);
  showBar(["complete", "failed", "running"].map((name) => [name, share(counts[name])]));
  const ended = Math.floor(100 * share(counts.complete + counts.failed));
  element("bar").setAttribute("aria-valuenow", ended);
  document.title = `${ended} % · ${state.name}`;
  showFacts([
    ["complete", `${counts.complete} of ${total}`],
    ["failed", String(counts.failed)],
    ["running", String(counts.running)],
    ["pending", String(counts.pending)],
    ["points", state.points === total ? "" : `${state.points}, some share a run`],
    ["rate", kind !== "running" || state.runs_per_hour === null ? "" : `${number(state.runs_per_hour, 3)} runs an hour`],
    ["to go", kind !== "running" || state.left_s === null ? "" : `about ${clock(state.left_s)}`],
    ["a run takes", state.mean_wall_time_s === null ? "" : clock(state.mean_wall_time_s)],
    ["last news", `${clock(state.silence_s)} ago`],
  ]);
  for (const [name, count] of Object.entries(counts)) document.body.dataset[name] = count;
}

function cell(content, className = "") {
  const made = make("td", className);
  if (content instanceof Node) made.append(content);
  else made.textContent = content;
  return made;
}

function link(run) {
  const made = make("a", "", `${run.number}`);
  made.href = `/run/${encodeURIComponent(run.folder)}`;
  return made;
}

/** Fill a table; `columns` are triples of heading, class and what of a run the cell holds. */
function showTable(id, state, runs, columns) {
  element(`${id}-section`).hidden = !runs.length;
  const parameter = (value) => (typeof value === "number" ? number(value) : String(value ?? ""));
  const all = [
    ["run", "number", link],
    ...state.axes.map(({ name, unit }) => [
      unitText(unit) ? `${name}, ${unitText(unit)}` : name, "", (run) => parameter(run.parameters[name]),
    ]),
    ...columns,
  ];
  element(`${id}-head`).replaceChildren(...all.map(([heading, className]) => make("th", className, heading)));
  element(id).replaceChildren(...runs.map((run) => {
    const row = make("tr");
    row.append(...all.map(([, className, content]) => cell(content(run), className)));
    return row;
  }));
}

function reach(run) {
  if (run.time_s === null) return "";
  const progress = make("progress");
  progress.max = run.duration_s || 1;
  progress.value = run.duration_s ? run.time_s : 0;
  return progress;
}

function showTables(state) {
  showTable("running", state, state.running, [
    ["simulated", "number", (run) => (run.time_s === null ? "starting" : clock(run.time_s))],
    ["", "", reach],
    ["since (UTC)", "", (run) => run.changed],
  ]);
  showTable("failed", state, state.failed, [
    ["fault", "", (run) => run.fault ?? ""],
    ["reason", "reason", (run) => run.reason],
    ["attempts", "number", (run) => String(run.attempts)],
    ["at (UTC)", "", (run) => run.changed],
  ]);
  const headlines = state.kpis.filter((kpi) => state.complete.some((run) => kpi.id in run.values));
  showTable("complete", state, state.complete, [
    ...headlines.map((kpi) => [
      unitText(kpi.unit) ? `${kpi.label}, ${unitText(kpi.unit)}` : kpi.label, "number",
      (run) => number(run.values[kpi.id]),
    ]),
    ["took", "number", (run) => (run.wall_time_s === null ? "" : clock(run.wall_time_s))],
    ["at (UTC)", "", (run) => run.changed],
  ]);
}

/** Fill a choice; texts and values are pairs. */
function fill(id, options, chosen) {
  const select = element(id);
  const told = JSON.stringify(options); // labels may change with the runs that come in
  if (select.dataset.told !== told) {
    select.dataset.told = told;
    select.replaceChildren(...options.map(([text, value]) => {
      const option = make("option", "", text);
      option.value = value;
      return option;
    }));
  }
  if (document.activeElement !== select) select.value = chosen;
}

function showScatter(state) {
  const { scatter } = state;
  element("scatter-section").hidden = !scatter;
  if (!scatter) return;
  if (scatter.kpi !== drawn.kpi || scatter.axis !== drawn.axis) points = new Map();
  drawn = { kpi: scatter.kpi, axis: scatter.axis, since: scatter.since };
  for (const point of scatter.points) points.set(point[0], point);
  fill("kpi", state.kpis.map(({ name, label, unit }) => [
    unitText(unit) ? `${label} (${unitText(unit)})` : label, name]), scatter.kpi);
  fill("axis", state.axes.map(({ name }) => [name, name]), scatter.axis);
  drawScatter();
  element("scatter-note").textContent = "One dot a point of the campaign; the bar is the mean of those there are so far."
    + (points.size < state.counts.complete ? ` The newest ${points.size} are drawn.` : "");
}

function drawScatter() {
  if (!latest?.scatter || !element("scatter").clientWidth) return;
  const { scatter, axes } = latest;
  const axis = axes.find(({ name }) => name === scatter.axis);
  const withUnit = (text, unit) => (unitText(unit) ? `${text} (${unitText(unit)})` : text);
  drawStrips(element("scatter"), [...points.values()], {
    labels: axis.labels, axis: withUnit(axis.name, axis.unit), title: withUnit(scatter.label, scatter.unit) });
}

async function refresh() {
  const state = await fetchJson(`/api/campaign?${new URLSearchParams(drawn)}`);
  if (state.problem) {
    showStatus("waiting", "waiting");
    tell("message", state.problem);
    return PAUSE_MS;
  }
  latest = state;
  showHeader(state);
  showTables(state);
  showScatter(state);
  return state.counts.running || state.counts.pending ? PAUSE_MS : PAUSE_AT_END_MS;
}

for (const id of ["kpi", "axis"]) {
  element(id).addEventListener("change", (event) => {
    drawn = { ...drawn, [id]: event.target.value, since: "" };
    choose({ kpi: drawn.kpi, axis: drawn.axis });
    points = new Map();
    refresh();
  });
}
addEventListener("resize", drawScatter);
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawScatter);
poll(refresh);
