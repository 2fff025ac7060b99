// Uploading with scripts: what is chosen is listed, folders can be dropped, sending shows how far it is.
// The same form goes to the same address, field for field, as without scripts.

const form = document.querySelector("form[data-upload]");
const pickers = [...form.querySelectorAll("input[type=file]")];
const chosen = form.querySelector("[data-chosen]");
const sending = form.querySelector("[data-sending]");
const refusal = form.querySelector("[data-refusal]");
const LISTED = 200;

let dropped = [];
let request = null;

function size(bytes) {
  const unit = bytes < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** unit;
  return `${unit ? value.toPrecision(3).replace(/\.?0+$/, "") : value} ${["B", "KB", "MB", "GB", "TB"][unit]}`;
}

/** Everything chosen and dropped, with the path it keeps. */
function everything() {
  const picked = pickers.flatMap((picker) =>
    [...picker.files].map((file) => ({ field: picker.name, file, path: file.webkitRelativePath || file.name })),
  );
  return [...picked, ...dropped.map(({ file, path }) => ({ field: "files", file, path }))];
}

function list() {
  if (!chosen) return;
  const all = everything();
  chosen.hidden = all.length === 0;
  chosen.querySelector("[data-total]").textContent = `${all.length} · ${size(all.reduce((sum, { file }) => sum + file.size, 0))}`;
  chosen.querySelector("[data-list]").replaceChildren(...all.slice(0, LISTED).map(line));
}

function line({ file, path }) {
  const item = document.createElement("li");
  for (const text of [path, size(file.size)]) {
    item.append(Object.assign(document.createElement("span"), { textContent: text }));
  }
  return item;
}

// --- sending ----------------------------------------------------------------------------------

function send() {
  const all = everything();
  if (request) return;
  if (all.length === 0) return refuse(form.dataset.empty);
  const data = new FormData();
  for (const field of form.querySelectorAll("input[type=hidden], input:checked")) data.append(field.name, field.value);
  for (const { field, file, path } of all) data.append(field, file, path);
  request = new XMLHttpRequest();
  request.open("POST", form.action);
  request.upload.addEventListener("progress", advance);
  request.addEventListener("load", arrive);
  request.addEventListener("error", () => refuse(form.dataset.failed));
  request.send(data);
  refusal.hidden = true;
  sending.hidden = false;
  sending.scrollIntoView({ block: "nearest" });
}

function advance({ loaded, total }) {
  const percent = Math.min(99, Math.floor((loaded * 100) / total));
  const bar = sending.querySelector("[data-bar]");
  bar.setAttribute("aria-valuenow", percent);
  bar.querySelector("rect").setAttribute("width", `${percent}%`);
  sending.querySelector("[data-figure]").textContent = `${percent}% · ${size(loaded)} / ${size(total)}`;
}

function arrive() {
  if (request.status < 300) {
    const { responseURL } = request;
    request = null;
    return location.assign(responseURL);
  }
  refuse(sentence(request.responseText) ?? form.dataset.failed);
}

function sentence(text) {
  try {
    return JSON.parse(text).detail;
  } catch {
    return null;
  }
}

function refuse(words) {
  request = null;
  dropped = form.hasAttribute("data-keeps") ? dropped : [];
  sending.hidden = true;
  refusal.querySelector("p").textContent = words;
  refusal.hidden = false;
  refusal.focus();
}

// --- dropping ---------------------------------------------------------------------------------

function brings(event) {
  return event.dataTransfer?.types.includes("Files") && !event.target.closest?.("input[type=file]");
}

async function drop(event) {
  document.body.classList.remove("over");
  if (!brings(event)) return;
  event.preventDefault();
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const loose = entries.length ? [] : [...event.dataTransfer.files].map((file) => ({ path: file.name, file }));
  const found = [...loose, ...(await Promise.all(entries.map((entry) => files(entry, "")))).flat()];
  dropped = [...dropped, ...found];
  list();
  if (!chosen) send();
}

async function files(entry, above) {
  const path = above + entry.name;
  if (entry.isFile) return [{ path, file: await new Promise((good, bad) => entry.file(good, bad)) }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((good, bad) => reader.readEntries(good, bad));
    if (some.length === 0) return found;
    found.push(...(await Promise.all(some.map((child) => files(child, `${path}/`)))).flat());
  }
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  send();
});
form.addEventListener("change", list);
document.addEventListener("dragover", (event) => {
  if (!brings(event)) return;
  event.preventDefault();
  document.body.classList.add("over");
});
document.addEventListener("dragleave", (event) => {
  if (!event.relatedTarget) document.body.classList.remove("over");
});
document.addEventListener("drop", drop);
window.addEventListener("beforeunload", (event) => {
  if (request) event.preventDefault();
});
list();
