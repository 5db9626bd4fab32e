"use strict";
// The response explorer: search, filter, sort and page through what the data block holds.
const explorer = (() => {
  const PAGE = 50;
  const root = document.getElementById("explorer");
  if (!root) return null;
  const data = JSON.parse(document.getElementById("explorer-data").textContent);
  const form = root.querySelector("form");
  const body = root.querySelector("tbody");
  const classes = new Map(data.classes.map((c) => [c.id, c]));
  const rows = data.rows.map(([number, id, facets, query, response, cut, verdicts]) =>
    ({ number, id, facets, query, response, cut, verdicts: verdicts.map(named), lower: null }));
  const lowerQueries = data.queries.map((q) => q.toLowerCase());
  const opened = new Set();
  let matching = rows;
  let page = 0;

  function named([status, label, p, right, probabilities, evidence, reason]) {
    const flagged = status === "ok" ? classes.get(label)?.flagged : null;
    return { status, label, p, right, probabilities, evidence, reason, flagged };
  }

  // ---- small helpers

  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children);
    return element;
  }

  function isolated(text, className = "") {
    const element = make("bdi", className);
    element.textContent = texts.visible(text);
    return element;
  }

  function option(select, value, text) {
    const element = make("option");
    element.value = value;
    element.textContent = texts.visible(text);
    select.append(element);
  }

  const percent = (p) => `${(100 * p).toFixed(1)} %`;
  const count = (n) => n.toLocaleString("en-US");
  const field = (name) => form.elements.namedItem(name);
  const judge = () => Number(field("judge").value) || 0;
  const title = (verdict) =>
    verdict.status === "ok" ? (classes.get(verdict.label)?.title ?? verdict.label) : "not scored";

  // ---- filters

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
    option(order, "input", "as in the input");
    if (rows.some((r) => r.verdicts.some((v) => v.p !== null))) {
      option(order, "down", "most likely flagged first");
      option(order, "up", "least likely flagged first");
      option(order, "near", "nearest the decision first");
    }
  }

  const disagree = (row) => new Set(row.verdicts.filter((v) => v.flagged !== null).map((v) => v.flagged)).size > 1;

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
    const key = { down: (p) => p, up: (p) => -p, near }[order];
    if (!key) return;
    // Without a probability there is no rank: these go last, in input order.
    const rank = (row) => (row.verdicts[j].p === null ? -Infinity : key(row.verdicts[j].p));
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
    const verdict = row.verdicts[judge()];
    const term = field("search").value.trim();
    const open = opened.has(row);
    const query = make("div", "text");
    const response = make("div", "text");
    query.dir = response.dir = "auto";
    const foldedQuery = texts.fill(query, data.queries[row.query], { term, open }).folded;
    const { folded, located } = texts.fill(response, row.response, { sentence: verdict.evidence, term, open });
    if (!row.response.trim()) response.append(make("span", "none", "(empty)"));
    const cell = make("td", "response", response);
    if (open && row.cut) {
      cell.append(make("p", "remark", `… and ${count(row.cut)} more characters, which only responses.parquet holds.`));
    }
    if (verdict.evidence && !located) cell.append(aside("Deciding sentence", verdict.evidence));
    if (verdict.reason) cell.append(aside("Why not scored", verdict.reason));
    if (open) cell.append(details(row));
    cell.append(toggle(row, open, folded || foldedQuery));
    return make("tr", open ? "opened" : "", item(row), make("td", "query", query), cell, judged(row, verdict));
  }

  function aside(name, text) {
    const element = make("p", "remark", make("b", "", `${name}: `));
    element.append(isolated(text.length > 600 ? `${text.slice(0, 600)} …` : text));
    return element;
  }

  function toggle(row, open, folded) {
    const button = make("button", "toggle");
    button.type = "button";
    button.setAttribute("aria-expanded", String(open));
    const length = row.response.length + row.cut;
    button.textContent = open ? "Fold" : folded ? `Show all (${count(length)} characters)` : "Details";
    button.addEventListener("click", () => {
      if (!opened.delete(row)) opened.add(row);
      const fresh = drawRow(row);
      button.closest("tr").replaceWith(fresh);
      fresh.querySelector(".toggle").focus();
    });
    return button;
  }

  function item(row) {
    const cell = make("td", "item", isolated(row.id, "id"));
    const value = (key) => {
      const f = data.facets.findIndex((facet) => facet.key === key);
      return f < 0 ? null : data.facets[f].values[row.facets[f]];
    };
    for (const keys of [["target", "method"], ["category", "channel"]]) {
      const line = make("span", "meta");
      keys.map(value).filter((v) => v !== null).forEach((v, i) => line.append(i ? " · " : "", isolated(v)));
      if (line.childNodes.length) cell.append(line);
    }
    const expects = value("expects");
    if (expects) cell.append(make("span", "meta", `expects ${expects}`));
    return cell;
  }

  function judged(row, verdict) {
    const side = verdict.flagged === null ? "unscored" : verdict.flagged ? "flagged" : "clear";
    const chip = make("span", `chip ${side}`);
    chip.textContent = texts.visible(title(verdict));
    const cell = make("td", "verdict", chip);
    if (verdict.status !== "ok") cell.append(make("span", "meta", data.statuses[verdict.status] ?? verdict.status));
    if (verdict.p !== null) {
      const meter = make("span", "meter", make("i"));
      meter.firstChild.style.width = `${100 * verdict.p}%`;
      cell.append(make("span", "meta", `flagged: ${percent(verdict.p)}`), meter);
    }
    if (verdict.right !== null) {
      const right = verdict.right === 1;
      const words = right ? `✓ ${data.outcome.right}` : `✗ ${data.outcome.wrong}`;
      cell.append(make("span", `outcome ${right ? "right" : "wrong"}`, words));
    }
    if (row.verdicts.length > 1 && disagree(row)) cell.append(make("span", "meta", "judges disagree"));
    return cell;
  }

  function details(row) {
    const list = make("dl", "details");
    row.verdicts.forEach((verdict, j) => {
      const parts = [title(verdict) + (verdict.status === "ok" ? "" : ` (${data.statuses[verdict.status] ?? verdict.status})`)];
      if (verdict.probabilities) {
        parts.push(data.classes.map((c, i) => `${c.title} ${percent(verdict.probabilities[i])}`).join(", "));
      } else if (verdict.p !== null) parts.push(`flagged ${percent(verdict.p)}`);
      list.append(make("dt", "", isolated(data.judges[j])), make("dd", "", isolated(parts.join(": "))));
    });
    const others = data.facets.map((facet, f) => [facet.title, facet.values[row.facets[f]]]).filter((x) => x[1] !== null);
    const all = make("dd", "");
    others.forEach(([name, value], i) => all.append(i ? " · " : "", `${name.toLowerCase()} `, isolated(value)));
    list.append(make("dt", "", `row ${count(row.number)}`), all);
    return list;
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
    for (const row of shown) all ? opened.delete(row) : opened.add(row);
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
