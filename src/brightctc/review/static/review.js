"use strict";
/* Keys, the gallery that loads what is in view, and the tools of one cell. */

const typing = (target) => target instanceof HTMLElement && target.matches("input:not([type=hidden]), select, textarea");

let wanted = null; /* the grade that waits for a reason */

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  if (typing(event.target)) {
    if (event.key === "Escape") event.target.blur();
    if (event.key === "Enter" && event.target.closest("#grading")) {
      event.preventDefault();
      if (event.target.name === "reason" && !event.target.value) return;
      event.target.blur();
      if (event.target.name === "reason") (wanted || document.querySelector("#grading .chosen")).click();
      else document.querySelector("#grading .chosen")?.click(); /* a note on a grade that stands */
    }
    return;
  }
  const press = (selector) => {
    const found = document.querySelector(selector);
    if (!found) return;
    event.preventDefault();
    found.click();
  };
  if (/^[0-4]$/.test(event.key)) {
    const reason = document.querySelector("#grading [name=reason]");
    const grade = document.querySelector(`#grading button[value="${event.key}"]`);
    if (reason && grade && !grade.classList.contains("chosen") && !reason.value) {
      event.preventDefault();
      wanted = grade;
      reason.focus();
      return;
    }
    press(`#grading button[value="${event.key}"]`);
  } else if (event.key === "u") press("#back button");
  else if (event.key === "ArrowLeft") press("#before");
  else if (event.key === "ArrowRight") press("#after");
  else if (event.key === "c") press("#contrast, #own-contrast");
  else if (event.key === "z") press("#zoom");
  else if (event.key === "w") press("#window");
  else if (event.key === "h") press("#mapped");
  else if (event.key === "t") press("#likest");
  else if (event.key === "d") press("#stain, #stained");
  else if (event.key === "n") {
    const note = document.querySelector("#grading [name=note]");
    if (note) {
      event.preventDefault();
      note.focus();
    }
  }
});

const grading = document.getElementById("grading");
if (grading) {
  let sent = false;
  const crop = document.querySelector(".crop[src]"); /* in bright field; a cell that can't be read has none */
  let came = !crop || crop.complete;
  if (crop) {
    const failed = () => {
      came = true;
      const words = document.createElement("p");
      words.className = "fault";
      words.textContent = "No picture came. Load this page again; if none comes then, grade it 0.";
      crop.closest(".stage").append(words);
    };
    if (crop.complete && !crop.naturalWidth) failed();
    crop.addEventListener("load", () => { came = true; });
    crop.addEventListener("error", failed, { once: true });
  }
  grading.addEventListener("submit", (event) => {
    if (sent || !came || !event.submitter) event.preventDefault();
    else sent = true;
  });
  window.addEventListener("pageshow", () => { sent = false; });
}

/* No other form is sent twice by a double click. */
for (const form of document.querySelectorAll("form[method=post]:not(#grading)")) {
  form.addEventListener("submit", (event) => {
    if (form.dataset.sent) event.preventDefault();
    form.dataset.sent = "yes";
    setTimeout(() => { delete form.dataset.sent; }, 3000);
  });
}

const toggle = (id, changed) => {
  const button = document.getElementById(id);
  if (!button) return;
  button.addEventListener("click", () => {
    const on = button.getAttribute("aria-pressed") !== "true";
    button.setAttribute("aria-pressed", String(on));
    changed(on);
  });
};
toggle("contrast", (on) => {
  for (const image of document.querySelectorAll(".crop[data-auto]")) {
    if (image.getAttribute("src")) image.src = on ? image.dataset.auto : image.dataset.fixed;
  }
});
toggle("window", (on) => { document.getElementById("levels").hidden = !on; });
const levels = ["brightness", "steepness"].map((id) => document.getElementById(id));
if (levels[0]) {
  const level = () => {
    for (const image of document.querySelectorAll(".stages .crop")) {
      image.style.filter = `brightness(${levels[0].value}%) contrast(${levels[1].value}%)`;
    }
  };
  for (const one of levels) one.addEventListener("input", level);
  document.getElementById("level-reset").addEventListener("click", () => {
    for (const one of levels) one.value = "100";
    level();
  });
}

/* A bar of a round number of micrometres, about a quarter of the crop's width. */
const ruled = (image) => {
  const micrometres = Number(image.dataset.um) * Math.max(image.naturalWidth, image.naturalHeight);
  if (!micrometres || !image.naturalWidth) return;
  const length = [1, 2, 5, 10, 20, 50, 100].filter((one) => one <= micrometres / 3).pop() || 1;
  const bar = image.parentElement.querySelector(".scalebar") || document.createElement("span");
  bar.className = "scalebar";
  bar.textContent = `${length} µm`;
  bar.style.width = `${(100 * length) / micrometres}%`;
  image.parentElement.append(bar);
};
for (const image of document.querySelectorAll(".crop[data-um]")) {
  if (image.complete) ruled(image);
  image.addEventListener("load", () => ruled(image));
}

toggle("zoom", (on) => document.querySelector(".stages").classList.toggle("large", on));
const revealed = (id) => (on) => {
  const figure = document.getElementById(id);
  const image = figure.querySelector("img");
  if (on && !image.getAttribute("src")) image.src = image.dataset.later;
  figure.hidden = !on;
};
toggle("stain", revealed("dapi"));
toggle("mapped", revealed("heat"));
toggle("likest", (on) => {
  const section = document.getElementById("near");
  section.hidden = !on;
  if (!on || section.dataset.state) return;
  section.dataset.state = "asked";
  section.textContent = "Looking for them …";
  fetch(section.dataset.later, { credentials: "same-origin" })
    .then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error(String(answer.status)))))
    .then((text) => {
      const parsed = new DOMParser().parseFromString(text, "text/html");
      const own = document.getElementById("contrast").getAttribute("aria-pressed") === "true";
      if (own) parsed.querySelectorAll(".crop").forEach((image) => { image.src = image.dataset.auto; });
      section.replaceChildren(...parsed.body.children);
      section.querySelectorAll(".crop[data-um]").forEach((image) => {
        if (image.complete) ruled(image);
        image.addEventListener("load", () => ruled(image));
      });
      levels[0].dispatchEvent(new Event("input"));
    })
    .catch(() => {
      section.dataset.state = "";
      section.textContent = "They could not be loaded. Press the button twice to try again.";
    });
});

/* In the gallery: which channel of all cells, at which contrast. A cell without a stain stays in bright field. */
const shown = { stained: false, own: false };
const dressed = (image) => {
  const channel = shown.stained && "dapi" in image.dataset ? "dapi" : "bright_field";
  image.src = `/cells/${image.dataset.cell}/${channel}.png?small${shown.own ? "&contrast=auto" : ""}`;
};
const dressAll = () => document.querySelectorAll(".tile img").forEach(dressed);
toggle("own-contrast", (on) => { shown.own = on; dressAll(); });
toggle("stained", (on) => { shown.stained = on; dressAll(); });

const filters = document.getElementById("filters");
if (filters) filters.addEventListener("change", () => filters.requestSubmit());

const gallery = document.getElementById("gallery");
if (gallery) {
  const count = Number(gallery.dataset.count);
  const atOnce = Number(gallery.dataset.atOnce);
  const wide = 124;
  const high = 160;
  const columns = () => Math.max(1, Math.floor(gallery.clientWidth / wide));
  const lay = () => {
    for (const block of gallery.children) {
      const cells = Math.min(atOnce, count - Number(block.dataset.start));
      block.style.minHeight = `${Math.ceil(cells / columns()) * high}px`;
    }
  };
  const watcher = new IntersectionObserver((entries) => {
    for (const entry of entries) {
      const block = entry.target;
      if (!entry.isIntersecting) {
        if (block.dataset.state === "there") {
          block.replaceChildren();
          block.dataset.state = "";
        }
        continue;
      }
      if (block.dataset.state) continue;
      block.dataset.state = "asked";
      fetch(`${gallery.dataset.from}&from=${block.dataset.start}`, { credentials: "same-origin" })
        .then((answer) => (answer.ok ? answer.text() : Promise.reject(new Error(String(answer.status)))))
        .then((text) => {
          const parsed = new DOMParser().parseFromString(text, "text/html");
          if (shown.stained || shown.own) parsed.querySelectorAll("img").forEach(dressed);
          block.replaceChildren(...parsed.body.children);
          block.dataset.state = "there";
        })
        .catch(() => {
          block.dataset.state = "";
          block.textContent = "These cells could not be loaded. Scroll away and back to try again.";
        });
    }
  }, { rootMargin: "1200px 0px" });
  for (let start = 0; start < count; start += atOnce) {
    const block = document.createElement("div");
    block.className = "block";
    block.dataset.start = String(start);
    block.dataset.state = "";
    gallery.append(block);
    watcher.observe(block);
  }
  lay();
  window.addEventListener("resize", lay);
  if (!count) gallery.textContent = "No cell is so.";
}

/* A job at work: look again every two seconds. */
if (document.querySelector("[data-runs]")) setTimeout(() => location.reload(), 2000);
