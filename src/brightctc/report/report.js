"use strict";
/* Sorts tables, enlarges cells, opens what is folded where a link leads to it and before printing. The page reads well without it. */

(() => {
  const value = (row, column) => {
    const cell = row.cells[column];
    const order = cell.dataset.order ?? cell.textContent.trim();
    return order === "" || Number.isNaN(Number(order)) ? order : Number(order);
  };

  const compare = (a, b) =>
    typeof a === "number" && typeof b === "number"
      ? a - b
      : String(a).localeCompare(String(b), "en", { numeric: true });

  const sort = (header) => {
    const table = header.closest("table");
    const body = table.tBodies[0];
    const column = header.cellIndex;
    const down = header.getAttribute("aria-sort") === "ascending";
    const rows = [...body.rows].map((row) => [value(row, column), row]);
    const empty = ([key]) => key === "";
    const known = rows.filter((pair) => !empty(pair)).sort((a, b) => compare(a[0], b[0]) * (down ? -1 : 1));
    body.append(...[...known, ...rows.filter(empty)].map((pair) => pair[1])); // what is not known stays last
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    header.setAttribute("aria-sort", down ? "descending" : "ascending");
  };

  for (const button of document.querySelectorAll("table.sortable button.sort")) {
    button.addEventListener("click", () => sort(button.closest("th")));
  }

  const dialog = document.getElementById("enlarged");
  let shown = null; // the button whose cell is enlarged
  const siblings = () => [...shown.closest(".cells").querySelectorAll("button.enlarge")];

  const show = (button) => {
    shown = button;
    const caption = button.closest("figure").querySelector("figcaption");
    const all = siblings();
    dialog.querySelector(".picture").replaceChildren(button.querySelector("img").cloneNode());
    dialog.querySelector("h2").textContent = caption.querySelector(".id").textContent;
    dialog.querySelector(".facts").replaceChildren(caption.querySelector("dl").cloneNode(true));
    dialog.querySelector(".place").textContent = `${all.indexOf(button) + 1} of ${all.length}`;
    if (!dialog.open) dialog.showModal();
  };

  const step = (by) => {
    const all = siblings();
    show(all[(all.indexOf(shown) + by + all.length) % all.length]);
  };

  for (const button of document.querySelectorAll("button.enlarge")) {
    button.addEventListener("click", () => show(button));
  }
  dialog.addEventListener("keydown", (event) => {
    const by = { ArrowLeft: -1, ArrowUp: -1, ArrowRight: 1, ArrowDown: 1 }[event.key];
    if (by) {
      event.preventDefault();
      step(by);
    }
  });
  dialog.addEventListener("click", (event) => {
    const pressed = event.target.closest("button");
    if (event.target === dialog || pressed?.hasAttribute("data-close")) dialog.close();
    else if (pressed?.dataset.step) step(Number(pressed.dataset.step));
  });
  dialog.addEventListener("close", () => shown?.focus());

  addEventListener("beforeprint", () => {
    for (const folded of document.querySelectorAll("details")) folded.open = true;
  });

  const unfold = () => {
    const folded = document.getElementById(location.hash.slice(1))?.querySelector(":scope > details");
    if (folded) folded.open = true; // a link to a folded section opens it
  };
  addEventListener("hashchange", unfold);
  unfold();

  const links = new Map([...document.querySelectorAll("nav a")].map((link) => [link.hash.slice(1), link]));
  const watch = new IntersectionObserver(
    (seen) => {
      for (const { target, isIntersecting } of seen) {
        if (!isIntersecting) continue;
        for (const link of links.values()) link.removeAttribute("aria-current");
        links.get(target.id)?.setAttribute("aria-current", "true");
      }
    },
    { rootMargin: "-15% 0px -75% 0px" },
  );
  for (const section of document.querySelectorAll("main > section")) watch.observe(section);
})();
