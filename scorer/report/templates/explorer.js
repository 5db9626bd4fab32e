"use strict";
// The response explorer: search, filter, sort and page through what the data block holds.
const explorer = (() => {
  const PAGE = 50;
  const root = document.getElementById("explorer");
  if (!root) return null;
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const form = root.querySelector("form");
  const body = root.querySelector("tbody");
  const { make, option, count } = dom;
  const { draw, disagree } = responseRows(data);
  const rows = data.rows.map(([number, id, facets, query, response, cut, verdicts, references]) =>
    ({ number, id, facets, query, response, cut, verdicts: verdicts.map(named), references, lower: null }));
  const lowerQueries = data.queries.map((q) => q.toLowerCase());
  const opened = new Map(); // row -> characters shown
  let matching = rows;
  let page = 0;

  function named([status, label, p, flagged, right, probabilities, evidence, reason, note, decidedBy, error]) {
    return { status, label, p, flagged, right, probabilities, evidence, reason, note, decidedBy, error };
  }

  // ---- filters

  const field = (name) => form.elements.namedItem(name);
  const judge = () => Number(field("judge").value) || 0;

  function prepare() {
    data.judges.forEach((name, i) => option(field("judge"), i, name));
    field("judge").closest("label").hidden = data.judges.length < 2;
    const verdict = field("verdict");
    option(verdict, "", "all");
    for (const [value, text, flagged] of [["flagged", "flagged", true], ["clear", "not flagged", false]]) {
      option(verdict, value, text);
      const own = data.classes.filter((c) => c.flagged === flagged);
      if (own.length > 1) own.forEach((c) => option(verdict, `label:${c.id}`, `\u2003${c.title}`));
    }
    option(verdict, "unscored", "not scored");
    for (const [status, text] of Object.entries(data.statuses)) option(verdict, `status:${status}`, `\u2003${text}`);
    if (data.judges.length > 1) option(verdict, "disagree", "judges disagree");
    root.querySelector("[data-outcome-title]").textContent = data.outcome.title;
    option(field("outcome"), "", "all");
    option(field("outcome"), "1", data.outcome.right);
    option(field("outcome"), "0", data.outcome.wrong);
    if (data.outcome.other) option(field("outcome"), "2", data.outcome.other);
    field("outcome").closest("label").hidden = !rows.some((r) => r.verdicts.some((v) => v.right !== null));
    data.facets.forEach((facet, f) => {
      if (facet.values.length < 2) return;
      const select = make("select");
      select.name = `facet-${f}`;
      option(select, "", "all");
      facet.values.forEach((value, i) => option(select, i, value ?? "(none)"));
      root.querySelector(".facets").append(make("label", "", `${facet.title} `, select));
    });
    const order = field("order");
    if (data.worst) option(order, "worst", data.worst);
    option(order, "input", "as in the input");
    if (rows.some((r) => r.verdicts.some((v) => v.p !== null))) {
      option(order, "down", "most likely flagged first");
      option(order, "up", "least likely flagged first");
      option(order, "near", "nearest the decision first");
    }
  }

  function verdictTest(value) {
    if (value === "flagged") return (v) => v.flagged === true;
    if (value === "clear") return (v) => v.flagged === false;
    if (value === "unscored") return (v) => v.status !== "ok";
    if (value === "disagree") return (v, row) => disagree(row);
    if (value.startsWith("label:")) return (v) => v.label === value.slice(6);
    if (value.startsWith("status:")) return (v) => v.status === value.slice(7);
    return null;
  }

  function apply() {
    const j = judge();
    const term = field("search").value.trim().toLowerCase();
    const inQuery = term ? lowerQueries.map((q) => q.includes(term)) : null;
    const verdict = verdictTest(field("verdict").value);
    const outcome = field("outcome").value;
    const facets = [];
    data.facets.forEach((_, f) => {
      const value = field(`facet-${f}`)?.value ?? "";
      if (value !== "") facets.push([f, Number(value)]);
    });
    matching = rows.filter((row) => {
      for (const [f, value] of facets) if (row.facets[f] !== value) return false;
      if (verdict && !verdict(row.verdicts[j], row)) return false;
      if (outcome !== "" && row.verdicts[j].right !== Number(outcome)) return false;
      if (!term) return true;
      return inQuery[row.query] || lowered(row).includes(term) || row.id.toLowerCase().includes(term);
    });
    sort(field("order").value, j);
    page = 0;
    render();
  }

  const lowered = (row) => (row.lower ??= row.response.toLowerCase());

  function sort(order, j) {
    const near = (p) => -Math.abs(p - 0.5);
    const key = { down: (p) => p, up: (p) => -p, near, worst: (error) => error }[order];
    if (!key) return;
    const value = (verdict) => (order === "worst" ? verdict.error : verdict.p);
    // Without a probability there is no rank: these go last, in input order.
    const rank = (row) => (value(row.verdicts[j]) === null ? -Infinity : key(value(row.verdicts[j])));
    matching = matching.map((row) => [rank(row), row]).sort((a, b) => (a[0] < b[0]) - (a[0] > b[0])).map((x) => x[1]);
  }

  // ---- the table

  function render() {
    const shown = matching.slice(page * PAGE, (page + 1) * PAGE);
    body.replaceChildren(...shown.map(drawRow));
    if (!shown.length) {
      const cell = make("td", "nothing", rows.length ? "No response matches these filters." : "There are no responses.");
      cell.colSpan = 4;
      body.append(make("tr", "", cell));
    }
    const of = rows.length === matching.length ? "" : ` (of ${count(rows.length)})`;
    const range = shown.length ? `${count(page * PAGE + 1)}–${count(page * PAGE + shown.length)} of ` : "";
    for (const found of root.querySelectorAll(".found")) {
      found.textContent = `${range}${count(matching.length)} ${matching.length === 1 ? "response" : "responses"}${of}`;
    }
    for (const button of root.querySelectorAll("[data-step]")) {
      const next = page + Number(button.dataset.step);
      button.disabled = next < 0 || next * PAGE >= matching.length;
    }
    const all = root.querySelector("[data-open-all]");
    all.disabled = !shown.length;
    all.textContent = shown.length && shown.every((r) => opened.has(r)) ? "Fold all on this page" : "Open all on this page";
  }

  function drawRow(row) {
    const resized = (size) => {
      if (size > texts.FOLDED) opened.set(row, size);
      else opened.delete(row);
      const fresh = drawRow(row);
      element.replaceWith(fresh);
      fresh.querySelector(".toggle").focus();
    };
    const head = opened.get(row) ?? texts.FOLDED;
    const element = draw(row, { judge: judge(), term: field("search").value.trim(), head, resized });
    return element;
  }

  // ---- events

  function step(button) {
    page += Number(button.dataset.step);
    render();
    root.querySelector(".pager").scrollIntoView({ block: "nearest" });
  }

  /** Show the responses of a slice: facets by key, all other filters off. */
  function show(facets, judgeName = null) {
    form.reset();
    if (judgeName !== null) field("judge").value = Math.max(0, data.judges.indexOf(judgeName));
    data.facets.forEach((facet, f) => {
      const select = field(`facet-${f}`);
      if (select && facet.key in facets) {
        const at = facet.values.indexOf(facets[facet.key]);
        select.value = at < 0 ? "" : at;
      }
    });
    apply();
    root.scrollIntoView();
    field("search").focus({ preventScroll: true });
  }

  prepare();
  let waiting = 0;
  form.addEventListener("input", (event) => {
    clearTimeout(waiting);
    // A fast typist should not wait for the letters in between.
    if (event.target === field("search")) waiting = setTimeout(apply, 60);
    else apply();
  });
  form.addEventListener("reset", () => setTimeout(apply));
  form.addEventListener("submit", (event) => event.preventDefault());
  for (const button of root.querySelectorAll("[data-step]")) button.addEventListener("click", () => step(button));
  root.querySelector("[data-open-all]").addEventListener("click", () => {
    const shown = matching.slice(page * PAGE, (page + 1) * PAGE);
    const all = shown.every((r) => opened.has(r));
    for (const row of shown) all ? opened.delete(row) : opened.set(row, texts.OPEN);
    render();
  });
  for (const element of root.querySelectorAll("[hidden]:not(label)")) element.hidden = false;
  apply();
  // Lower-case copies for the search are made while nobody waits.
  (function warm(from) {
    for (let i = from; i < Math.min(from + 500, rows.length); i++) lowered(rows[i]);
    if (from + 500 < rows.length) setTimeout(warm, 15, from + 500);
  })(0);
  return { show };
})();
