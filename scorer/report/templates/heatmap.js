"use strict";
// Category by channel for the chosen metric, target and judge.
(() => {
  const block = document.getElementById("heatmap-data");
  if (!block) return;
  const data = JSON.parse(block.textContent);
  const root = document.getElementById("heatmap");
  const form = root.querySelector("form");
  const table = root.querySelector("table");
  const caption = root.querySelector("caption");
  const EXPECTS = { SRAs: "answer", SRAu: "refusal" };
  const { make, option, percent, count } = dom;
  const field = (name) => form.elements.namedItem(name);

  function choices(name, values) {
    values.forEach((value, i) => option(field(name), i, value));
    field(name).closest("label").hidden = values.length < 2;
  }

  const positions = (names) => [...(names.length > 1 ? [-1] : []), ...names.keys()].concat(names.length ? [] : [-1]);

  function draw() {
    const [j, v, m] = ["judge", "view", "metric"].map((name) => Number(field(name).value));
    const channels = positions(data.channels);
    const prefix = `${j}/${v}/${m}`;
    const corner = make("tr");
    corner.append(make("td"));
    const width = `${(84 / channels.length).toFixed(2)}%`;
    for (const c of channels) {
      const head = make("th", "", c < 0 ? (data.channels.length ? "all channels" : data.metrics[m]) : data.channels[c]);
      head.scope = "col";
      head.style.width = width;
      head.dir = "auto";
      corner.append(head);
    }
    const head = make("thead");
    head.append(corner);
    const body = make("tbody");
    for (const r of positions(data.categories)) {
      const row = make("tr", r < 0 ? "margin" : "");
      const name = make("th");
      for (const part of (r < 0 ? "all categories" : data.categories[r]).split(/(?<=_)/)) {
        name.append(texts.visible(part), make("wbr")); // snake_case has no other place to break
      }
      name.scope = "row";
      name.dir = "auto";
      row.append(name, ...channels.map((c) => cell(data.cells[`${prefix}/${r}/${c}`], r, c, [j, v, m])));
      body.append(row);
    }
    caption.textContent = `${data.metrics[m]}, ${data.views[v]?.title ?? ""}, ${data.judges[j]}`;
    table.replaceChildren(caption, head, body);
  }

  function cell(numbers, r, c, chosen) {
    const element = make("td", c < 0 ? "margin" : "");
    if (!numbers) {
      element.classList.add("absent");
      element.title = "no such queries";
      return element;
    }
    const [value, low, high, n, unscored] = numbers;
    const button = make("button", value === null ? "cell none" : "cell");
    button.type = "button";
    if (value === null) button.append(make("span", "value", "none scored"));
    else {
      button.style.setProperty("--heat", `${(100 * value).toFixed(1)}%`);
      button.append(make("span", "value", percent(value)));
    }
    button.append(make("span", "n", `n = ${count(n)}${unscored ? `, ${unscored} unscored` : ""}`));
    if (low !== null && high !== null) {
      button.title = `${percent(value)} [${(100 * low).toFixed(1)}, ${(100 * high).toFixed(1)}], n = ${n}. Show responses.`;
    }
    button.addEventListener("click", () => show(r, c, chosen));
    element.append(button);
    return element;
  }

  function show(r, c, [j, v, m]) {
    const { target, method } = data.views[v];
    const facets = {};
    if (target !== null) Object.assign(facets, { target, method });
    if (r >= 0) facets.category = data.categories[r];
    if (c >= 0) facets.channel = data.channels[c];
    if (EXPECTS[data.metrics[m]]) facets.expects = EXPECTS[data.metrics[m]];
    explorer?.show(facets, data.judges[j]);
  }

  choices("metric", data.metrics);
  choices("view", data.views.map((view) => view.title));
  choices("judge", data.judges);
  form.addEventListener("input", draw);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  draw();
})();
