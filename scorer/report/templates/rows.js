"use strict";
// One response as a row of the explorer's table.
function responseRows(data) {
  const { make, isolated, percent, count } = dom;
  const classes = new Map(data.classes.map((c) => [c.id, c]));
  const title = (verdict) =>
    verdict.status === "ok" ? (classes.get(verdict.label)?.title ?? verdict.label) : "not scored";
  const disagree = (row) => new Set(row.verdicts.filter((v) => v.flagged !== null).map((v) => v.flagged)).size > 1;

  /** A row of the table: the verdict of judge number `judge`, hits of `term` marked, `head` characters shown. */
  function draw(row, { judge, term, head, resized }) {
    const verdict = row.verdicts[judge];
    const open = head > texts.FOLDED;
    const query = make("div", "text");
    const response = make("div", "text");
    query.dir = response.dir = "auto";
    const foldedQuery = texts.fill(query, data.queries[row.query], { term, head }).folded;
    const { folded, located } = texts.fill(response, row.response, { sentence: verdict.evidence, term, head });
    if (!row.response.trim()) response.append(make("span", "none", "(empty)"));
    const cell = make("td", "response", response);
    if (open && !folded && row.cut) {
      cell.append(make("p", "remark", `… and ${count(row.cut)} more characters, which only responses.parquet holds.`));
    }
    if (verdict.evidence && !located) cell.append(aside("Deciding sentence", verdict.evidence));
    if (verdict.reason) cell.append(aside("Why not scored", verdict.reason));
    if (verdict.note) cell.append(aside("Note", verdict.note));
    if (open) cell.append(details(row));
    const length = `${count(row.response.length + row.cut)} characters`;
    if (open) {
      if (folded || foldedQuery) cell.append(button(`Show more (of ${length})`, true, () => resized(head * 4)));
      cell.append(button("Fold", true, () => resized(texts.FOLDED)));
    } else {
      const whole = folded || foldedQuery;
      cell.append(button(whole ? `Show all (${length})` : "Details", false, () => resized(texts.OPEN)));
    }
    return make("tr", open ? "opened" : "", item(row), make("td", "query", query), cell, judged(row, verdict));
  }

  function aside(name, text) {
    const element = make("p", "remark", make("b", "", `${name}: `));
    element.append(isolated(text.length > 600 ? `${text.slice(0, 600)} …` : text));
    return element;
  }

  function button(text, expanded, pressed) {
    const element = make("button", "toggle", text);
    element.type = "button";
    element.setAttribute("aria-expanded", String(expanded));
    element.addEventListener("click", pressed);
    return element;
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
    if (verdict.decidedBy) {
      const line = make("span", "meta", "decided by ");
      line.append(isolated(verdict.decidedBy));
      cell.append(line);
    }
    if (verdict.right !== null) {
      const words = [`✗ ${data.outcome.wrong}`, `✓ ${data.outcome.right}`, `≠ ${data.outcome.other}`][verdict.right];
      cell.append(make("span", `outcome ${["wrong", "right", "other"][verdict.right]}`, words));
    }
    data.facets.forEach((facet, f) => {
      if (!facet.judged) return;
      const line = make("span", "meta", `${facet.title.toLowerCase()}: `);
      line.append(make("b", "", isolated(facet.values[row.facets[f]])));
      cell.append(line);
    });
    cell.append(...references(row));
    if (row.verdicts.length > 1 && disagree(row)) cell.append(make("span", "meta", "judges disagree"));
    return cell;
  }

  /** What the references say, those that say the same in one line. */
  function references(row) {
    const by = new Map();
    (row.references ?? []).forEach((label, i) => {
      if (label !== null) by.set(label, [...(by.get(label) ?? []), data.references[i]]);
    });
    return [...by].map(([label, names]) => {
      const line = make("span", "meta");
      names.forEach((name, i) => line.append(i ? ", " : "", isolated(name)));
      line.append(": ", make("b", "", classes.get(label)?.title ?? label));
      return line;
    });
  }

  function details(row) {
    const list = make("dl", "details");
    row.verdicts.forEach((verdict, j) => {
      const parts = [title(verdict) + (verdict.status === "ok" ? "" : ` (${data.statuses[verdict.status] ?? verdict.status})`)];
      if (verdict.probabilities) {
        parts.push(data.classes.map((c, i) => `${c.title} ${percent(verdict.probabilities[i])}`).join(", "));
      } else if (verdict.p !== null) parts.push(`flagged ${percent(verdict.p)}`);
      if (verdict.decidedBy) parts[0] += `, decided by ${verdict.decidedBy}`;
      if (verdict.note && row.verdicts.length > 1) parts.push(verdict.note);
      list.append(make("dt", "", isolated(data.judges[j])), make("dd", "", isolated(parts.join(": "))));
    });
    const others = data.facets.map((facet, f) => [facet.title, facet.values[row.facets[f]]]).filter((x) => x[1] !== null);
    const all = make("dd", "");
    others.forEach(([name, value], i) => all.append(i ? " · " : "", `${name.toLowerCase()} `, isolated(value)));
    list.append(make("dt", "", `row ${count(row.number)}`), all);
    return list;
  }

  return { draw, disagree };
}
