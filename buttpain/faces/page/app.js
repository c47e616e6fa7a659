// The page draws what the service answers; no clinical word, number or threshold stands here.
// The case lives in this page and in the URL fragment, which browsers do not send.

const DEBOUNCE = 150; // milliseconds without a change before the service is asked
const SLOW = ["explain", "next", "sensitivity", "uncertainty"]; // one after another, cheapest first
const FIRST = 6; // conditions shown at first
const BOX = { posterior: "ranking", explain: "why", next: "next", sensitivity: "numbers", uncertainty: "ranking" };

const byId = (id) => document.getElementById(id);
const content = (id) => document.querySelector(`#${id} .content`);
const plain = (name) => String(name).replaceAll("_", " ");

function range(low, high) {
  const digits = high < 0.1 ? 1 : 0;
  return `${(100 * low).toFixed(digits)}–${(100 * high).toFixed(digits)} %`;
}

function percent(p) {
  if (p > 0 && p < 0.0005) return "< 0.1 %";
  if (p < 1 && p >= 0.9995) return "> 99.9 %";
  return `${(100 * p).toFixed(1)} %`;
}

const bits = (w) => (typeof w === "string" ? w.replace("inf", "∞").replace("-", "−") : signed(w));
const signed = (w) => (w < 0 ? "−" : "+") + Math.abs(w).toFixed(2);

let form; // what the service says of the network
let nodes = new Map(); // those that can be observed, by name
let labels = new Map();
let evidence = new Map(); // state by node; what nobody asked about has no entry
let chosen = null; // {node, state} to explain instead of the leader
let answers = {}; // of this case, by path; what is missing is asked for
let running = new AbortController();
let timer;
let opening = 0; // counts the networks opened, so that only the last one asked for is shown

// -- the document --------------------------------------------------------------------------

function el(tag, attributes = {}, ...children) {
  const made = tag.startsWith("svg:")
    ? document.createElementNS("http://www.w3.org/2000/svg", tag.slice(4))
    : document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(Infinity).filter((child) => child !== null));
  return made;
}

// Replace what a box holds; a keyboard user who stands in it is not thrown out.
function fill(box, ...children) {
  const held = box.contains(document.activeElement) ? document.activeElement : null;
  box.replaceChildren(...children.flat().filter((child) => child !== null));
  box.classList.remove("old");
  box.setAttribute("aria-busy", "false");
  if (held) {
    const same = [...box.querySelectorAll("[data-key]")].find((one) => one.dataset.key === held.dataset.key);
    (same ?? box).focus({ preventScroll: true });
  }
}

const TEXT = new Set(["Then", "Source"]); // columns of words; the others hold numbers

function table(caption, heads, rows) {
  return el("table", {}, el("caption", {}, caption),
    el("thead", {}, el("tr", {}, heads.map((head) => el("th", { scope: "col", class: TEXT.has(head) ? "text" : null }, head)))),
    el("tbody", {}, rows));
}

const cell = (...children) => el("td", {}, ...children);
const small = (text) => (text ? el("small", {}, text) : null);

// -- the form ------------------------------------------------------------------------------

const yesNo = (node) => node.states.length === 2 && node.positive !== null && node.negative !== null;
const said = (node, state) =>
  yesNo(node) ? (state === node.positive ? "yes" : "no") : plain(state);

const groups = () => document.querySelectorAll("#form > details");

function drawForm() {
  const free = (list) => list.filter((node) => !(node.name in form.given));
  const kinds = form.findings.map(({ kind, findings }) => [plain(kind), free(findings)]);
  kinds.push(["risk factors", free(form.risk_factors)]);
  const shown = kinds.filter(([, list]) => list.length);
  nodes = new Map(shown.flatMap(([, list]) => list).map((node) => [node.name, node]));
  const every = [...form.findings.flatMap((group) => group.findings), ...form.risk_factors,
    ...form.conditions, ...form.mechanisms, ...form.others];
  labels = new Map(every.map((node) => [node.name, node.label]));
  const wide = matchMedia("(min-width: 60rem)").matches;
  byId("form").replaceChildren(...shown.map(([kind, list]) =>
    el("details", { open: wide },
      el("summary", {}, el("h3", {}, kind), el("span", { class: "count" })),
      list.map(drawNode))));
  const given = Object.entries(form.given).map(([name, state]) => `${labels.get(name)}: ${plain(state)}`);
  byId("about").textContent =
    form.description + (given.length ? ` In every case: ${given.join("; ")}.` : "");
}

function drawNode(node) {
  const id = `node-${node.name}`;
  const title = el("span", { id }, node.label);
  const question = el("small", { id: `${id}-question` }, node.question);
  const about = { "aria-labelledby": id, "aria-describedby": `${id}-question` };
  const control = yesNo(node)
    ? el("div", { class: "three", role: "radiogroup", ...about },
      [[node.positive, "Yes"], [node.negative, "No"], ["", "Not asked"]].map(([state, text]) =>
        el("label", {}, el("input", { type: "radio", name: node.name, value: state, autocomplete: "off" }),
          el("span", {}, text))))
    : el("select", { name: node.name, autocomplete: "off", ...about },
      el("option", { value: "" }, "Not asked"),
      node.states.map((state) => el("option", { value: state }, plain(state))));
  return el("div", { class: "node", "data-node": node.name }, el("div", {}, title, question), control);
}

// Bring the controls, the counts and the list of what was observed in line with the evidence.
function showEvidence() {
  for (const box of document.querySelectorAll("[data-node]")) {
    const state = evidence.get(box.dataset.node) ?? "";
    box.classList.toggle("answered", state !== "");
    const select = box.querySelector("select");
    if (select) select.value = state;
    else for (const radio of box.querySelectorAll("input")) radio.checked = radio.value === state;
  }
  for (const group of groups()) {
    const all = group.querySelectorAll(".node").length;
    group.querySelector(".count").textContent = `${group.querySelectorAll(".answered").length} of ${all}`;
  }
  fill(content("observed"), evidence.size === 0 ? el("p", {}, "Nothing yet.")
    : el("ul", { class: "chips" }, [...evidence].map(([name, state]) =>
      el("li", {}, `${labels.get(name)}: ${said(nodes.get(name), state)} `,
        el("button", { type: "button", "data-key": name, "aria-label": `Take back ${labels.get(name)}`,
          onclick: () => setState(name, "") }, "×")))));
}

function search() {
  const words = byId("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  let found = 0;
  for (const group of groups()) {
    let here = 0;
    for (const box of group.querySelectorAll(".node")) {
      const node = nodes.get(box.dataset.node);
      const text = plain(`${node.name} ${node.label} ${node.question}`).toLowerCase();
      box.hidden = !words.every((word) => text.includes(word));
      here += !box.hidden;
    }
    group.hidden = !here;
    if (words.length && here) group.open = true;
    found += here;
  }
  byId("found").textContent = words.length ? `${found} of ${nodes.size} findings` : "";
}

// -- the case ------------------------------------------------------------------------------

function setState(name, state) {
  if (state === "") evidence.delete(name);
  else evidence.set(name, state);
  changed();
}

function changed() {
  answers = {};
  const stated = new URLSearchParams([...evidence]);
  history.replaceState(null, "", `#${[form.network, form.version].map(encodeURIComponent).join("/")}?${stated}`);
  showEvidence();
  ask();
}

function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

// A link says network, version and states: #name/version?node=state&node=state
function readFragment() {
  const [path, stated = ""] = location.hash.slice(1).split("?", 2);
  const [network = "", version = ""] = path.split("/").map(decoded);
  return { network, version, stated: [...new URLSearchParams(stated)] };
}

function takeFragment({ version, stated }) {
  const known = ([name, state]) => nodes.get(name)?.states.includes(state);
  evidence = new Map(stated.filter(known));
  chosen = null;
  const odd = stated.filter((pair) => !known(pair)).map((pair) => pair.join("="));
  const told = [];
  if (version && version !== form.version) {
    told.push(`The link was made for version ${version} of this network; this is version ${form.version}.`);
  }
  if (odd.length) told.push(`Left out, for this network cannot be told it: ${odd.join(", ")}.`);
  byId("notice").textContent = told.join(" ");
}

// -- asking the service --------------------------------------------------------------------

async function fetchJson(path, options) {
  const response = await fetch(path, { credentials: "omit", cache: "no-store", ...options });
  const told = await response.json().catch(() => ({}));
  if (!response.ok) throw new Refusal(told.detail ?? `The service answered ${response.status}.`);
  return told;
}

class Refusal extends Error {} // the service is there, and says no

function post(path, body, signal) {
  return fetchJson(`v1/${path}`, {
    method: "POST", signal, headers: { "content-type": "application/json" }, body: JSON.stringify(body),
  });
}

function ask() {
  stop();
  for (const path of ["posterior", ...SLOW]) if (!answers[path]) waiting(content(BOX[path]));
  if (!answers.posterior) {
    byId("flags").classList.add("old");
    say("Computing …");
  }
  timer = setTimeout(run, DEBOUNCE);
}

function stop() {
  running.abort();
  clearTimeout(timer);
}

function waiting(box) {
  box.classList.add("old");
  box.setAttribute("aria-busy", "true");
}

function say(text, alarming = false) {
  byId("status").textContent = text;
  byId("status").classList.toggle("failure", alarming);
}

async function run() {
  running = new AbortController();
  const { signal } = running;
  const request = { network: form.network, version: form.version, evidence: Object.fromEntries(evidence) };
  try {
    const posterior = answers.posterior ?? await post("posterior", request, signal);
    if (signal.aborted) return;
    answers.posterior = posterior;
    succeed();
    drawFlags();
    drawRanking();
    for (const path of SLOW) if (!answers[path]) await runSlow(path, request, signal);
  } catch (error) {
    if (!signal.aborted) fail(error);
  }
}

// A part that the service declines says so in its own place; the rest stands.
async function runSlow(path, request, signal) {
  if (signal.aborted) return;
  const target = chosen && { target: chosen.node, state: chosen.state };
  const options = {
    explain: { explanation: { ...target } },
    next: { next: { n: 3 } },
    sensitivity: { sensitivity: { top: 8, ...target } },
    uncertainty: {}, // as many draws as the service sees fit
  };
  try {
    const found = await post(path, { ...request, ...options[path] }, signal);
    if (signal.aborted) return;
    answers[path] = found;
    DRAW[path]();
  } catch (error) {
    if (signal.aborted) return;
    if (!(error instanceof Refusal)) throw error;
    if (path === "uncertainty") drawRanking(error.message);
    else fill(content(BOX[path]), el("p", { class: "failure" }, error.message));
  }
}

// Choosing another condition asks again only for what depends on it.
function choose(node, state) {
  chosen = chosen?.node === node && chosen.state === state ? null : { node, state };
  delete answers.explain;
  delete answers.sensitivity;
  ask();
}

function succeed() {
  byId("failure").replaceChildren();
  byId("flags").classList.remove("old");
}

// What stood there does not hold for this case: nothing of it stays but flags, which are marked as old.
function fail(error) {
  answers = {};
  const gone = !(error instanceof Refusal);
  const again = el("button", { type: "button", onclick: () => (form ? ask() : start()) }, "Try again");
  byId("failure").replaceChildren(el("p", { class: "failure" },
    gone ? "The service does not answer. Check that it runs and can be reached." : error.message, " ", again));
  say("No answer for this case.", true);
  for (const id of ["next", "ranking", "why", "numbers"]) fill(content(id), el("p", {}, "No answer."));
  if (byId("flags").childElementCount) {
    byId("flags").querySelector(".stale")?.remove();
    byId("flags").append(el("p", { class: "stale" }, "From before the last change; not checked since."));
  } else byId("quiet").textContent = "Red flags are not checked.";
  fired = null;
}

// -- drawing the answers -------------------------------------------------------------------

let fired = null; // flags on show; drawn anew only when they change, since an alert is read out each time

function drawFlags() {
  const { triage } = answers.posterior;
  const now = JSON.stringify(triage);
  if (now === fired) return;
  fired = now;
  const urgency = plain(triage.urgency);
  byId("quiet").textContent = triage.red_flags.length ? ""
    : `Urgency: ${urgency}. No red flag fires. What was not asked fires none, so this is no all-clear.`;
  byId("flags").replaceChildren(...(triage.red_flags.length === 0 ? [] : [
    el("h2", {}, `Red flags: ${urgency}`),
    el("ul", {}, triage.red_flags.map((flag) =>
      el("li", { class: flag.urgency }, el("strong", {}, `${flag.label} (${plain(flag.urgency)}). `),
        el("span", {}, flag.advice), small(`Fires on: ${flag.because}.`),
        el("details", {}, el("summary", {}, "Reason and source"),
          el("p", {}, `${flag.reason} Source: ${flag.source}.`))))),
  ]));
}

// One row a condition; one a state where no state of it counts as positive.
function ranked() {
  const { posterior, prior } = answers.posterior;
  const positive = new Map(form.conditions.map((node) => [node.name, node.positive]));
  return Object.entries(posterior).flatMap(([node, states]) => {
    const one = positive.get(node);
    return (one ? [one] : Object.keys(states)).map((state) => ({
      node, state, label: one ? labels.get(node) : `${labels.get(node)}: ${plain(state)}`,
      now: states[state], before: prior[node][state],
    }));
  });
}

let all = false; // whether the ranking is shown to its end

function drawRanking(refused = "") {
  const rows = ranked();
  const targets = answers.uncertainty?.uncertainty.targets ?? [];
  const draws = answers.uncertainty?.uncertainty.samples;
  const note = refused || (draws ? `95 % credible intervals from ${draws} draws.` : "Intervals are being computed …");
  const leader = chosen ?? rows[0];
  fill(content("ranking"),
    table("Probability given the findings, before any of them (the line across the bar), and its interval",
      ["Condition", "Now", "Before", "95 %"],
      rows.map((row, i) => {
        const interval = targets.find((one) => one.node === row.node && one.state === row.state);
        const why = row.node === leader.node && row.state === leader.state;
        return el("tr", { class: i >= FIRST && !why ? "rest" : null },
          el("th", { scope: "row" },
            el("button", { type: "button", class: "name", "data-key": `${row.node}=${row.state}`,
              "aria-pressed": String(why), title: "Show why", onclick: () => choose(row.node, row.state) }, row.label),
            bar(row, interval)),
          cell(percent(row.now)), cell(percent(row.before)),
          cell(interval ? range(interval["q2.5"], interval["q97.5"]) : "…"));
      })),
    rows.length > FIRST ? el("button", { type: "button", "data-key": "all", "aria-pressed": String(all),
      onclick: () => { all = !all; drawRanking(refused); } }, `Show all ${rows.length}`) : null,
    el("p", { class: refused ? "failure" : "note" }, note));
  content("ranking").classList.toggle("all", all);
  const { red_flags: flags, urgency } = answers.posterior.triage;
  say(`${flags.length ? `Red flags: ${flags.length} (${plain(urgency)}). ` : ""}`
    + `${rows[0].label} leads with ${percent(rows[0].now)}.`, flags.length > 0);
}

// Numbers stand beside it in text, so it is hidden from screen readers.
function bar({ now, before }, interval) {
  const line = (x1, x2, y1, y2, name) => el("svg:line", { x1, x2, y1, y2, class: name });
  return el("svg:svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: "bar", "aria-hidden": "true" },
    el("svg:rect", { class: "ground", width: 100, height: 10 }),
    el("svg:rect", { class: "now", width: 100 * now, height: 10 }),
    interval ? line(100 * interval["q2.5"], 100 * interval["q97.5"], 5, 5, "interval") : null,
    line(100 * before, 100 * before, 0, 10, "before"));
}

function drawNext() {
  const [best, ...others] = answers.next.next.findings;
  if (!best) return fill(content("next"), el("p", {}, "Nothing is left to ask."));
  fill(content("next"),
    el("p", { class: "question" }, best.question || best.label),
    small(`${best.label}: ${best.information.toFixed(2)} bits expected${cost(best)}.`),
    table("What each answer would do", ["Answer", "Chance", "Then"], inOrder(best).map((reply) => drawReply(best, reply))),
    others.length ? el("p", { class: "note" }, "Or: ", others.map((other, i) => [i ? "; " : "",
      el("button", { type: "button", class: "name", "data-key": `or-${other.finding}`,
        onclick: () => goTo(other.finding) }, other.label),
      ` (${other.information.toFixed(2)} bits${cost(other)})`])) : null);
}

// Yes before no, as in the form.
function inOrder({ finding, answers: replies }) {
  const node = nodes.get(finding);
  return node && yesNo(node) ? replies.toSorted((one) => (one.answer === node.positive ? -1 : 1)) : replies;
}

const cost = (finding) => (finding.cost_known ? `, cost ${finding.cost}` : "");

function drawReply(best, reply) {
  const node = nodes.get(best.finding);
  const flags = new Map(form.red_flags.map((flag) => [flag.name, flag.label]));
  const then = reply.probability === 0 ? ["Cannot be."] : [
    `${reply.changes_leader ? "New leader: " : ""}${labels.get(reply.leader) ?? reply.leader}`,
    reply.posterior[reply.leader] == null ? "" : ` ${percent(reply.posterior[reply.leader])}`,
    reply.changes_urgency ? `; urgency becomes ${plain(reply.urgency)}` : "",
  ];
  const rings = reply.red_flags.map((name) => flags.get(name) ?? name).join("; ");
  return el("tr", { class: reply.changes_leader || reply.changes_urgency ? "turns" : null },
    el("th", { scope: "row" },
      el("button", { type: "button", "data-key": `answer-${reply.answer}`, disabled: reply.probability === 0,
        onclick: () => setState(best.finding, reply.answer) }, node ? said(node, reply.answer) : plain(reply.answer))),
    cell(percent(reply.probability)), el("td", { class: "text" }, ...then, small(rings && `Red flags: ${rings}`)));
}

function goTo(name) {
  const box = document.querySelector(`[data-node="${CSS.escape(name)}"]`);
  byId("search").value = "";
  search();
  box.closest("details").open = true;
  (box.querySelector("select") ?? box.querySelector("input:checked")).focus();
}

function drawWhy() {
  const found = answers.explain.explanation;
  const largest = Math.max(1, ...found.findings.map((one) => Math.abs(one.weight)).filter(Number.isFinite));
  const shown = (one) => `${one.label}: ${nodes.has(one.finding) ? said(nodes.get(one.finding), one.observed) : plain(one.observed)}`;
  fill(content("why"),
    el("p", {}, found.summary),
    found.findings.length ? table("Weight of each finding given the others, in bits; above 0 speaks for it",
      ["Finding", "Weight", "Without it"],
      found.findings.map((one) => el("tr", {},
        el("th", { scope: "row" }, shown(one), weightBar(one.weight, largest), small(one.path)),
        cell(bits(one.weight)), cell(percent(one.without))))) : null,
    found.conflict > 0 ? el("p", { class: "note" },
      `The findings disagree by ${found.conflict.toFixed(2)} bits. `,
      resolving(found.rare_cases)) : null);
}

function resolving(cases) {
  const names = cases.filter((one) => one.resolves).slice(0, 3).map((one) => one.label);
  return names.length ? `It would be resolved by: ${names.join("; ")}.` : "";
}

function weightBar(weight, largest) {
  const size = typeof weight === "string" ? 50 : (50 * Math.abs(weight)) / largest;
  const against = typeof weight === "string" ? weight.startsWith("-") : weight < 0;
  return el("svg:svg", { viewBox: "0 0 100 10", preserveAspectRatio: "none", class: "bar", "aria-hidden": "true" },
    el("svg:rect", { class: "ground", width: 100, height: 10 }),
    el("svg:rect", { class: against ? "against" : "now", x: against ? 50 - size : 50, width: size, height: 10 }),
    el("svg:line", { x1: 50, x2: 50, y1: 0, y2: 10, class: "before" }));
}

function drawNumbers() {
  const found = answers.sensitivity.sensitivity;
  const named = (text) => text.replace("<-", "←").replace(/\w+/g, (word) => labels.get(word) ?? plain(word));
  fill(content("numbers"),
    table(`What ${labels.get(found.target)} would be over the range of each number`,
      ["Number", "Value", "Result", "Source"],
      found.parameters.map((one) => el("tr", {},
        el("th", { scope: "row" }, named(one.parameter), small(turns(one))),
        cell(percent(one.value), small(one.low === null ? "" : range(one.low, one.high))),
        cell(one.posterior_low === null ? "no range stated" : span(one)),
        el("td", { class: "text" }, one.source, small(one.grade && `grade ${one.grade}`))))));
}

const span = (one) => range(Math.min(one.posterior_low, one.posterior_high), Math.max(one.posterior_low, one.posterior_high));

function turns(one) {
  return one.overtaken_at === null ? "" : `At ${percent(one.overtaken_at)}, ${labels.get(one.overtaken_by)} leads.`;
}

const DRAW = { explain: drawWhy, next: drawNext, sensitivity: drawNumbers, uncertainty: () => drawRanking() };

// -- start ---------------------------------------------------------------------------------

async function openNetwork(name, fragment) {
  stop();
  const mine = ++opening;
  const found = await fetchJson(`v1/networks/${encodeURIComponent(name)}`);
  if (mine !== opening) return;
  form = found;
  byId("network").value = name;
  byId("use").textContent = form.use;
  byId("foot").textContent = `${form.network}, version ${form.version}; buttpain ${form.library}. `
    + "The case stays in this page and in its address; the service keeps none.";
  drawForm();
  search();
  takeFragment(fragment);
  changed();
}

async function start() {
  try {
    const { networks } = await fetchJson("v1/networks");
    byId("network").replaceChildren(...networks.map(({ name, description }) =>
      el("option", { value: name, title: description }, plain(name))));
    const fragment = readFragment();
    const largest = networks.reduce((one, other) => (other.nodes > one.nodes ? other : one));
    const asked = networks.find(({ name }) => name === fragment.network) ?? largest;
    byId("failure").replaceChildren();
    await openNetwork(asked.name, asked.name === fragment.network ? fragment : { stated: [] });
    if (fragment.network && asked.name !== fragment.network) {
      byId("notice").textContent = `There is no network ${fragment.network} here; this is ${asked.name}.`;
    }
  } catch (error) {
    fail(error);
  }
}

byId("network").addEventListener("change", (event) =>
  openNetwork(event.target.value, { stated: [] }).catch((error) => {
    byId("network").value = form?.network ?? "";
    fail(error);
  }));
byId("clear").addEventListener("click", () => {
  evidence = new Map();
  chosen = null;
  changed();
});
byId("form").addEventListener("change", (event) => setState(event.target.name, event.target.value));
byId("search").addEventListener("input", search);
addEventListener("hashchange", start);
// The fragment holds the case, so these links must not put another there.
for (const skip of document.querySelectorAll(".skip")) {
  skip.addEventListener("click", (event) => {
    event.preventDefault();
    byId(skip.hash.slice(1)).focus();
  });
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const box = event.target.closest?.("[data-node]");
  const node = box?.querySelector(".three") && nodes.get(box.dataset.node);
  if (node && "ynu".includes(event.key)) {
    event.preventDefault();
    setState(node.name, { y: node.positive, n: node.negative, u: "" }[event.key]);
    box.querySelector("input:checked").focus();
  } else if (event.key === "/" && byId("slash").checked && !event.target.matches("[type=search], select")) {
    event.preventDefault();
    byId("search").focus();
  }
});

start();
