"use strict";
(() => {
  const scrolls = [...document.querySelectorAll(".scroll")];
  const fit = (box) => {
    const wide = box.scrollWidth > box.clientWidth + 1, tall = box.scrollHeight > box.clientHeight + 1;
    if (wide || tall) box.tabIndex = 0; else box.removeAttribute("tabindex"); // no stop where there is nothing to scroll
    box.classList.toggle("more", wide && box.scrollLeft + box.clientWidth < box.scrollWidth - 1);
  };
  const watched = new ResizeObserver((entries) => entries.forEach((one) => fit(one.target)));
  for (const box of scrolls) {
    watched.observe(box);
    box.addEventListener("scroll", () => fit(box), { passive: true });
  }

  const numberIn = (text) => {
    if (text.startsWith("<")) return 0; // "< .001"
    if (/^\u2212?\u221e/.test(text)) return text.startsWith("\u2212") ? -Infinity : Infinity;
    const clock = text.match(/^(\d+):(\d\d)$/);
    if (clock) return 60 * clock[1] + +clock[2]; // minutes and seconds
    const found = text.replace(/\u2212/g, "-").replace(/(\d),(?=\d{3})/g, "$1").match(/-?(\d+\.?\d*|\.\d+)/);
    return found ? parseFloat(found[0]) : NaN;
  };
  const compare = (numeric, sign) => ([one], [other]) => {
    if (!numeric) return sign * one.localeCompare(other, "en", { numeric: true });
    if (isNaN(one) || isNaN(other)) return isNaN(one) - isNaN(other); // what has no number stays last
    return sign * (one === other ? 0 : one < other ? -1 : 1);
  };
  const NEXT = { none: "ascending", ascending: "descending", descending: "none" };
  const orders = new WeakMap();

  function sort(head) {
    const table = head.closest("table"), body = table.tBodies[0], at = head.cellIndex, numeric = head.classList.contains("num");
    const way = NEXT[head.ariaSort ?? "none"];
    if (!orders.has(body)) orders.set(body, [...body.rows]);
    for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
    if (way !== "none") head.setAttribute("aria-sort", way);
    let run = [];
    const sorted = [];
    const close = () => { // rows stay under the heading of their group
      const keyed = run.map((row) => {
        const text = (row.cells[at]?.textContent ?? "").trim();
        return [numeric ? numberIn(text) : text, row];
      });
      if (way !== "none") keyed.sort(compare(numeric, way === "ascending" ? 1 : -1));
      sorted.push(...keyed.map(([, row]) => row));
      run = [];
    };
    for (const row of orders.get(body)) {
      if (row.classList.contains("group")) { close(); sorted.push(row); } else run.push(row);
    }
    close();
    body.append(...sorted);
  }

  for (const table of document.querySelectorAll("figure.table table")) {
    if (table.tBodies[0].querySelectorAll("tr:not(.group)").length < 3) continue;
    for (const head of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.className = "sort";
      button.title = "Sort by this column; arrow keys lead to the other columns";
      button.tabIndex = head.cellIndex ? -1 : 0; // one stop per table
      button.append(...head.childNodes);
      head.append(button);
    }
  }
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.sort");
    if (button) sort(button.closest("th"));
  });
  document.addEventListener("keydown", (event) => {
    const button = event.target.closest?.("button.sort"), step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!button || !step) return;
    const row = button.closest("tr").cells, next = row[button.closest("th").cellIndex + step]?.querySelector("button.sort");
    if (!next) return;
    event.preventDefault();
    button.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });

  const links = new Map([...document.querySelectorAll("nav a")].map((one) => [one.hash.slice(1), one]));
  const shown = new Set();
  const mark = () => {
    const first = [...links.keys()].find((name) => shown.has(name));
    for (const [name, link] of links) name === first ? link.setAttribute("aria-current", "true") : link.removeAttribute("aria-current");
  };
  const seen = new IntersectionObserver((entries) => {
    for (const one of entries) one.isIntersecting ? shown.add(one.target.id) : shown.delete(one.target.id);
    mark();
  }, { rootMargin: "-5% 0px -70% 0px" });
  for (const section of document.querySelectorAll("main section")) seen.observe(section);
})();
