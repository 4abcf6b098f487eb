"use strict";
(() => {
  const data = JSON.parse(document.getElementById("cells-data").textContent);
  const [dialog, title, count, list, command, all, close] =
    ["", "-title", "-count", "-list", "-command", "-all", "-close"].map((part) => document.getElementById("cells" + part));
  const FIRST = 300;
  let waiting = [];

  function* cellsOf(text) {
    for (const part of text.split(";")) {
      const [role, runs] = part.split("|");
      let end = 0;
      for (const run of runs.split(" ")) {
        const [start, length] = run.split(":");
        const first = end + parseInt(start, 36);
        end = first + (length ? parseInt(length, 36) : 1) - 1;
        for (let at = first; at <= end; at++) yield [at, parseInt(role, 36)];
      }
    }
  }

  function rowOf([at, role]) {
    const { files, cells, of, roles, words, changed } = data;
    const [file, sheet] = files[cells.file[at]];
    const [makes, how] = roles[role];
    const done = [makes && `makes ${makes}`, ...how.map((one) => words[one]), changed[at]].filter(Boolean).join("; ") || "\u2013";
    const value = cells.value[at];
    const texts = [sheet ? `${file} \u203a ${sheet}` : file, cells.cell[at], value ?? "\u2013", of.session[cells.session[at]],
      of.rater[cells.rater[at]], of.item[cells.item[at]].filter(Boolean).join(", "), done];
    const row = document.createElement("tr");
    texts.forEach((text, place) => {
      const cell = row.insertCell();
      cell.className = place === 2 ? "num" : "text";
      cell.textContent = text;
    });
    return row;
  }

  function show(most) {
    list.append(...waiting.splice(0, most).map(rowOf));
    all.hidden = waiting.length === 0;
    all.textContent = `Show the other ${waiting.length.toLocaleString("en")}`;
  }

  const isBeside = (box, { clientX: x, clientY: y }) => x < box.left || x > box.right || y < box.top || y > box.bottom;
  const quoted = (text) => `"${text.replaceAll('"', '\\"')}"`;

  function open(button) {
    const cell = button.closest("td"), row = cell.parentElement, table = row.closest("table");
    let group = row;
    while (group && !group.classList.contains("group")) group = group.previousElementSibling;
    const names = [group, row].filter(Boolean).map((one) => one.cells[0].textContent.trim());
    const above = table.tHead.rows[0].cells[cell.cellIndex], head = above.textContent.trim();
    const pairs = [...cellsOf(data.sets[button.dataset.s])].sort((a, b) => a[0] - b[0]);
    const numbers = new Set(pairs.map(([at]) => at));
    const files = new Set([...numbers].map((at) => data.files[data.cells.file[at]][0]));
    const many = (n, what) => `${n.toLocaleString("en")} ${what}${n === 1 ? "" : "s"}`;
    title.textContent = [...names, head].filter(Boolean).join(" \u203a ") + ": " + button.textContent.trim();
    count.textContent = `Stands on ${many(numbers.size, "cell")} of ${many(files.size, "file")}.`;
    const name = table.closest("figure").id.replace(/^table-/, "");
    command.replaceChildren("With what became of them since: ", document.createElement("code"));
    command.lastChild.textContent = `doublecode trace STUDY --table ${name} ` +
      [...names.map((one) => `--row ${quoted(one)}`), `--column ${above.dataset.c}`].join(" ");
    list.replaceChildren();
    waiting = pairs;
    show(FIRST);
    dialog.showModal();
    dialog.scrollTop = 0;
  }

  for (const row of document.querySelectorAll("tr[data-s]")) {
    for (const cell of row.cells) {
      const set = cell.dataset.s ?? row.dataset.s;
      if (cell.tagName !== "TD" || !cell.classList.contains("num") || set === "" || !/\d/.test(cell.textContent)) continue;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "cells";
      button.dataset.s = set;
      button.title = "Which cells does this number stand on?";
      button.setAttribute("aria-haspopup", "dialog");
      button.tabIndex = -1;
      button.append(...cell.childNodes);
      cell.append(button);
    }
  }
  const buttonsIn = (table) => [...table.querySelectorAll("button.cells")];
  for (const table of document.querySelectorAll("figure.table table")) {
    const first = table.querySelector("button.cells");
    if (first) first.tabIndex = 0; // one stop per table; arrows lead on from there
  }
  document.addEventListener("keydown", (event) => {
    const button = event.target.closest?.("button.cells");
    if (!button || !event.key.startsWith("Arrow")) return;
    const cell = button.closest("td"), table = cell.closest("table"), every = buttonsIn(table);
    const column = every.filter((one) => one.closest("td").cellIndex === cell.cellIndex);
    const [along, step] = { ArrowRight: [every, 1], ArrowLeft: [every, -1], ArrowDown: [column, 1], ArrowUp: [column, -1] }[event.key];
    const next = along[along.indexOf(button) + step];
    if (!next) return;
    event.preventDefault();
    button.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button.cells");
    if (button) open(button);
    if (event.target === dialog && isBeside(dialog.getBoundingClientRect(), event)) dialog.close(); // the backdrop
  });
  all.addEventListener("click", () => {
    show(waiting.length);
    list.closest(".scroll").focus(); // the button is gone
  });
  close.addEventListener("click", () => dialog.close());
})();
