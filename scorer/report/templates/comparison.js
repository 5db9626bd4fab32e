"use strict";
// Which metric the forest shows, and which of the changed items.
(() => {
  const choice = document.querySelector(".metric-choice");
  function chosen() {
    const metric = new FormData(choice).get("metric");
    for (const forest of document.querySelectorAll(".forest")) forest.hidden = forest.dataset.metric !== metric;
  }
  choice.addEventListener("input", chosen);
  choice.hidden = false;
  document.querySelector("#differences").classList.add("switched");
  chosen();

  const form = document.querySelector("#changed form");
  if (!form) return;
  function filter() {
    const term = form.elements.namedItem("search").value.trim().toLowerCase();
    const change = form.elements.namedItem("change").value;
    let shown = 0;
    for (const item of document.querySelectorAll("#changed details")) {
      const fits = (!change || item.dataset.change === change) && item.textContent.toLowerCase().includes(term);
      item.hidden = !fits;
      shown += fits;
    }
    document.querySelector("#changed .found").textContent = `${shown} ${shown === 1 ? "item" : "items"}`;
  }
  form.addEventListener("input", filter);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
})();
