"use strict";
// Building blocks for what the scripts draw; text always goes in as text.
const dom = (() => {
  function make(tag, className, ...children) {
    const element = document.createElement(tag);
    if (className) element.className = className;
    element.append(...children.map((c) => (typeof c === "string" ? texts.visible(c) : c)));
    return element;
  }

  /** A name of unknown script in a line of others. */
  function isolated(text, className = "") {
    return make("bdi", className, text);
  }

  function option(select, value, text) {
    const element = make("option", "", text);
    element.value = value;
    select.append(element);
  }

  const percent = (p) => `${(100 * p).toFixed(1)} %`;
  const count = (n) => n.toLocaleString("en-US");

  return { make, isolated, option, percent, count };
})();
