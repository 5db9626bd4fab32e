"use strict";
// Which reference, and which labels, the tables below show.
(() => {
  const form = document.querySelector(".against-bar");
  const main = document.querySelector("main");

  function show() {
    const chosen = new FormData(form).get("reference") ?? "0";
    for (const block of document.querySelectorAll(".against")) block.hidden = block.dataset.reference !== chosen;
    main.dataset.view = new FormData(form).get("view");
  }

  form.addEventListener("input", show);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.hidden = false;
  main.classList.add("switched");
  show();
})();
