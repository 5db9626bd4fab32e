"use strict";
// Texts that nobody vouches for: excerpts and highlights, inserted as text nodes only.
const texts = (() => {
  const FOLDED = 220; // characters of a folded text's beginning
  const OPEN = 20000; // of an opened one: a browser needs seconds to lay out a text that is much longer
  const AROUND = 70; // characters kept on both sides of a search hit
  const MOST_HITS = 200;

  // Control characters are invisible or worse; their pictures have the same length, so positions stay right.
  const visible = (text) =>
    text.replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\u007f]/g, (c) =>
      c === "\u007f" ? "\u2421" : String.fromCharCode(0x2400 + c.charCodeAt(0)));

  const escaped = (term) => term.replace(/[.*+?^${}()|[\]\\\/-]/g, "\\$&");

  const expression = (source, flags) => {
    try {
      return new RegExp(source, flags);
    } catch {
      return null; // half a character cannot be searched for
    }
  };

  /** Where the deciding sentence stands in the text, as [from, to], or null. */
  function locate(text, sentence) {
    if (!sentence || !sentence.trim()) return null;
    const at = text.indexOf(sentence);
    if (at >= 0) return [at, at + sentence.length];
    if (sentence.length > 4000) return null;
    // A judge may have tidied the white space.
    const found = expression(sentence.trim().split(/\s+/).map(escaped).join("\\s+"), "")?.exec(text);
    return found ? [found.index, found.index + found[0].length] : null;
  }

  /** Every hit of a search term, as [from, to]. */
  function hits(text, term) {
    const found = [];
    const pattern = term ? expression(escaped(term), "gi") : null;
    for (let m; pattern && found.length < MOST_HITS && (m = pattern.exec(text)); ) {
      found.push([m.index, m.index + m[0].length]);
    }
    return found;
  }

  /** The parts of a long text worth showing: its first characters, the deciding sentence, the first hit. */
  function windows(text, evidence, found, head) {
    if (text.length <= head * 1.4) return [[0, text.length]];
    const parts = [[0, head]];
    if (evidence) parts.push([evidence[0], Math.min(evidence[1], evidence[0] + 2 * FOLDED)]);
    if (found.length) parts.push([found[0][0] - AROUND, found[0][1] + AROUND]);
    parts.sort((a, b) => a[0] - b[0]);
    const merged = [];
    for (let [from, to] of parts) {
      from = whole(text, Math.max(0, from), -1);
      to = whole(text, Math.min(text.length, to), 1);
      const last = merged[merged.length - 1];
      if (last && from <= last[1] + 12) last[1] = Math.max(last[1], to);
      else merged.push([from, to]);
    }
    return merged;
  }

  /** Move a cut to the end of a word where one is near; never into the middle of a surrogate pair. */
  function whole(text, at, step) {
    for (let i = at; Math.abs(i - at) < 14 && i > 0 && i < text.length; i += step) {
      if (/\s/.test(text[i])) return i;
    }
    return at > 0 && at < text.length && /[\udc00-\udfff]/.test(text[at]) ? at - 1 : at;
  }

  /** Append text[from..to] to an element, with the deciding sentence and the hits marked. */
  function append(element, text, from, to, evidence, found) {
    const spans = [...(evidence ? [[...evidence, "evidence"]] : []), ...found.map((f) => [...f, "hit"])]
      .filter(([a, b]) => b > from && a < to);
    const cuts = new Set([from, to]);
    for (const [a, b] of spans) {
      cuts.add(Math.max(a, from));
      cuts.add(Math.min(b, to));
    }
    const sorted = [...cuts].sort((a, b) => a - b);
    for (let i = 0; i + 1 < sorted.length; i++) {
      const [a, b] = [sorted[i], sorted[i + 1]];
      const kinds = spans.filter((s) => s[0] <= a && s[1] >= b).map((s) => s[2]);
      const piece = visible(text.slice(a, b));
      if (!kinds.length) element.append(piece);
      else {
        const mark = document.createElement("mark");
        mark.className = [...new Set(kinds)].join(" ");
        mark.textContent = piece;
        element.append(mark);
      }
    }
  }

  /** Fill an element with the first `head` characters of a text and what else matters in it. Says what it did. */
  function fill(element, text, { sentence = null, term = "", head = FOLDED } = {}) {
    const evidence = locate(text, sentence);
    const found = hits(text, term);
    const parts = windows(text, evidence, found, head);
    element.replaceChildren();
    element.classList.toggle("open", head > FOLDED);
    let end = 0;
    for (const [from, to] of parts) {
      if (from > end) element.append(" … ");
      append(element, text, from, to, evidence, found);
      end = to;
    }
    if (end < text.length) element.append(" …");
    return { folded: parts.length > 1 || end < text.length, located: evidence !== null };
  }

  return { fill, visible, FOLDED, OPEN };
})();
