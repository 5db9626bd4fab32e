"use strict";
// Switch between published and strict values.
for (const choice of document.querySelectorAll("#headline input[name=values]")) {
  choice.addEventListener("change", () => {
    document.getElementById("headline").dataset.values = choice.value;
  });
  // A reloaded page keeps its old choice in some browsers: start from what is shown.
  if (choice.checked) document.getElementById("headline").dataset.values = choice.value;
}
