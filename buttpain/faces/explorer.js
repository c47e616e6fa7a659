// Shows what Python computed, and tells it what was ticked. Texts are set as text, never as markup.

const CALM = 250; // milliseconds without a tick before credible intervals are asked for
const NONE = "";

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

function button(text, act, attributes = {}) {
  const element = make("button", { type: "button", ...attributes }, text);
  element.addEventListener("click", act);
  return element;
}

const capital = text => text.charAt(0).toUpperCase() + text.slice(1);
const share = p => `${(100 * p).toFixed(2)}%`;
let views = 0;

function render({ model, el }) {
  const form = model.get("form"), view = `buttpain-${++views}`;
  const items = new Map(), groups = [], bars = new Map();
  let calm = 0, all = false;

  // -- what is ticked

  function set(node, state) {
    const observed = { ...model.get("observed") };
    if (state === NONE) delete observed[node]; else observed[node] = state;
    send(observed);
  }
  function send(observed) {
    results.setAttribute("aria-busy", "true");
    clearTimeout(calm);
    model.set("observed", observed);
    model.save_changes();
    tick();
  }
  function choice(item, state, text, kind) {
    const radio = make("input", { type: "radio", name: `${view}-${item.node}`, value: state });
    radio.addEventListener("change", () => set(item.node, state));
    return make("label", { class: kind }, radio, make("span", {}, text));
  }
  function row(item) {
    const states = [...item.states].sort((a, b) => (b === item.absent) - (a === item.absent));
    const choices = [
      choice(item, NONE, "not asked", "none"),
      ...states.map(state => choice(item, state, state.replaceAll("_", " "), state === item.absent ? "absent" : "state")),
    ];
    const name = make("div", { class: "name", id: `${view}-${item.node}` }, item.label);
    const said = make("div", { class: "said" });
    const element = make("div", { class: "item" }, name,
      make("div", { class: "choices", role: "radiogroup", "aria-labelledby": name.id }, ...choices), said);
    if (item.question) element.append(make("div", { class: "question" }, item.question));
    items.set(item.node, { element, said, radios: [...element.querySelectorAll("input")] });
    const words = `${item.label} ${item.question} ${item.node}`.toLowerCase();
    return { element, node: item.node, words };
  }
  function section(group) {
    const rows = group.items.map(row), count = make("span", { class: "count" });
    const element = make("details", {}, make("summary", {}, capital(group.name), " ", count), ...rows.map(r => r.element));
    groups.push({ element, rows, count, name: group.name.toLowerCase() });
    return element;
  }

  const search = make("input", { type: "search", placeholder: "Search findings", "aria-label": "Search findings" });
  const found = make("span", { class: "soft", role: "status" });
  const only = make("input", { type: "checkbox" });
  const clear = button("Clear all", () => send({}));
  const list = make("div", { class: "list" }, ...form.groups.map(section));
  const many = groups.reduce((sum, group) => sum + group.rows.length, 0) > 15;
  const begun = model.get("observed");
  for (const group of groups)
    group.element.open = !many || groups.length === 1 || group.rows.some(entry => entry.node in begun);
  const wasOpen = new Map();

  function narrow() {
    const words = search.value.trim().toLowerCase().split(/\s+/).filter(Boolean);
    const observed = model.get("observed"), seeking = words.length > 0 || only.checked;
    let shown = 0;
    for (const group of groups) {
      let some = 0;
      for (const entry of group.rows) {
        const fits = words.every(word => entry.words.includes(word) || group.name.startsWith(word));
        entry.element.hidden = !fits || (only.checked && !(entry.node in observed));
        some += !entry.element.hidden;
      }
      if (seeking && !wasOpen.has(group)) wasOpen.set(group, group.element.open);
      if (seeking) group.element.open = true;
      else if (wasOpen.has(group)) { group.element.open = wasOpen.get(group); wasOpen.delete(group); }
      group.element.hidden = some === 0;
      shown += some;
    }
    found.textContent = seeking ? `${shown} shown` : "";
  }
  function tick() {
    const observed = model.get("observed");
    for (const [node, { element, said, radios }] of items) {
      const value = observed[node] ?? NONE, likely = typeof value !== "string";
      for (const radio of radios) radio.checked = !likely && radio.value === value;
      said.textContent = likely ? "likelihoods: " + Object.entries(value).map(([s, w]) => `${s} ${w}`).join(", ") : "";
      element.classList.toggle("observed", value !== NONE);
    }
    for (const group of groups) {
      const ticked = group.rows.filter(entry => entry.node in observed).length;
      group.count.textContent = ticked ? `${ticked} of ${group.rows.length}` : `${group.rows.length}`;
    }
    clear.disabled = Object.keys(observed).length === 0;
    if (only.checked) narrow();
  }

  // -- what follows

  const alerts = make("div", { role: "alert" });
  const seen = make("div", { class: "seen" });
  const table = make("div", { class: "rows", role: "table", "aria-label": "Posteriors" });
  const more = button("", () => { all = !all; show(); }, { class: "quiet" });
  const note = make("p", { class: "soft" });
  const next = make("div", { class: "next" });
  const status = make("div", { class: "unseen", role: "status" });
  const results = make("div", { class: "results" }, alerts, seen, table, more, note, next, status);

  function bar(key) {
    if (!bars.has(key)) {
      const parts = { label: make("span", { class: "label", role: "rowheader" }), p: make("span", { class: "p", role: "cell" }),
        range: make("span", { class: "range", role: "cell" }), fill: make("span", { class: "fill" }),
        reach: make("span", { class: "reach" }), mark: make("span", { class: "mark" }) };
      parts.track = make("span", { class: "track", role: "cell" }, parts.fill, parts.reach, parts.mark);
      parts.row = make("div", { class: "row", role: "row" }, parts.label, parts.p, parts.range, parts.track);
      bars.set(key, parts);
    }
    return bars.get(key);
  }
  function show() {
    const answers = model.get("answers");
    if (!answers.rows) return;
    results.setAttribute("aria-busy", "false");
    const flags = [...answers.alerts, ...(answers.error ? [{ text: answers.error, reason: "" }] : [])];
    const told = JSON.stringify(flags);
    // What is the same as before is not announced anew.
    if (alerts.dataset.told !== told)
      alerts.replaceChildren(...flags.map(flag => make("div", { class: "alert", title: flag.reason }, flag.text)));
    alerts.dataset.told = told;
    const focused = root.getRootNode().activeElement;
    const home = [seen, next].find(part => part.contains(focused));
    seen.replaceChildren(make("span", { class: "soft" }, answers.seen.length ? "Observed: " : "Nothing observed yet. Tick what was found."),
      ...answers.seen.map(item => button(`${item.said} \u00d7`, () => set(item.node, NONE), { "aria-label": `Take back: ${item.said}` })));
    const rows = all ? answers.rows : answers.rows.slice(0, 10);
    // A row that stays is moved, not made anew, so that its bar glides.
    table.replaceChildren(...rows.map(item => {
      const parts = bar(item.key);
      parts.label.textContent = item.label;
      parts.p.textContent = item.said;
      parts.fill.style.width = share(item.p);
      parts.mark.style.left = share(item.before);
      parts.track.title = `${item.said}, before ${item.was}`;
      return parts.row;
    }));
    more.hidden = answers.rows.length <= 10;
    more.textContent = all ? "Show ten" : `Show all ${answers.rows.length}`;
    next.replaceChildren(...(answers.next.length ? [make("h3", {}, "Ask or examine next"), ...answers.next.map(ask)] : []));
    status.textContent = answers.error || !answers.rows.length ? "" : `${answers.rows[0].label} ${answers.rows[0].said}; urgency ${answers.urgency}`;
    // Who answers by keyboard goes on where they were.
    if (home) (home.querySelector("button") ?? search).focus({ preventScroll: true });
    draw();
  }
  function ask(item) {
    const facts = [item.bits, item.cost].filter(Boolean).join(", ");
    const answers = item.answers.map(answer => make("div", { class: "answer" },
      button(answer.state.replaceAll("_", " "), () => set(item.node, answer.state), { "aria-label": `${item.label}: ${answer.state}` }),
      make("span", { class: "soft" }, ` ${answer.said}${answer.would ? ": " + answer.would : ""}`)));
    return make("div", { class: "asked" }, make("div", {}, make("b", {}, item.label), make("span", { class: "soft" }, ` ${facts}`)),
      ...(item.question ? [make("div", { class: "question" }, item.question)] : []), ...answers);
  }
  function draw() {
    const answers = model.get("answers"), intervals = model.get("intervals");
    const fresh = intervals.turn === answers.turn;
    for (const [key, parts] of bars) {
      const interval = fresh ? intervals.rows[key] : undefined;
      parts.range.textContent = interval ? interval.said : "";
      parts.reach.hidden = !interval;
      if (!interval) continue;
      parts.reach.style.left = share(interval.ends[0]);
      parts.reach.style.width = share(interval.ends[1] - interval.ends[0]);
    }
    note.textContent = !answers.rows.length ? "" : fresh && intervals.note ? intervals.note
      : "Bar: posterior. Line below it: 95 % credible interval, given the studies. Upright mark: before the findings.";
    clearTimeout(calm);
    if (!fresh && answers.rows.length) calm = setTimeout(() => {
      model.set("wanted", answers.turn);
      model.save_changes();
    }, CALM);
  }

  search.addEventListener("input", narrow);
  search.addEventListener("keydown", event => {
    if (event.key === "Escape") { search.value = ""; narrow(); }
  });
  only.addEventListener("change", narrow);
  const head = make("div", { class: "head" }, make("b", {}, form.title), ...form.lead.map(line => make("div", { class: "soft" }, line)),
    make("div", { class: "soft" }, form.use));
  const tools = make("div", { class: "tools" }, search, make("label", {}, only, " only observed"), clear, found);
  // The notebook has keys of its own (d, d deletes a cell); they are not meant here.
  const root = make("div", { class: "buttpain-explorer", "data-lm-suppress-shortcuts": "true" }, head,
    make("div", { class: "board" }, make("div", { class: "findings" }, tools, list), results));
  root.addEventListener("keydown", event => event.stopPropagation());
  el.append(root);
  model.on("change:observed", tick);
  model.on("change:answers", show);
  model.on("change:intervals", draw);
  tick();
  show();
  return () => {
    clearTimeout(calm);
    model.off("change:observed", tick);
    model.off("change:answers", show);
    model.off("change:intervals", draw);
  };
}

export default { render };
