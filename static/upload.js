// Uploading with scripts: files and folders are chosen or dropped, and go by themselves from there.
// What does the work is fetched with the first of them. Without scripts the same form goes as it is.

const form = document.querySelector("form[data-upload]");
const place = document.querySelector("[data-uploads]");
const pickers = [...form.querySelectorAll("input[type=file]")];
const chosen = form.querySelector("[data-chosen]");
const refusal = document.querySelector("[data-refusal]");
const banner = document.querySelector("[data-dropto]");
const REMEMBERED = "uploads"; // set while bytes are on the device: a new tab looks for what stopped
const LISTED = 200;
const UNITS = ["B", "KB", "MB", "GB", "TB"];

let dropped = [];
let desk = null;
let queue = null;

/** Fetch what does the work, once. */
function open() {
  desk ??= Promise.all([import("./upload/queue.js"), import("./upload/view.js"), import(place.dataset.tus)]).then(furnish);
  return desk;
}

function furnish([{ Queue }, { View }]) {
  const { person, limit } = place.dataset;
  const token = form.querySelector("[name=csrf_token]").value;
  queue = new Queue({ tus: globalThis.tus, token, person, limit: Number(limit) }, () => {
    view.later();
    remember();
  });
  const view = new View(place, queue, size);
  return view;
}

function remember() {
  if (queue.isOnDevice) localStorage.setItem(REMEMBERED, "1");
  else if (!queue.stopped.length) localStorage.removeItem(REMEMBERED);
}

// --- choosing ---------------------------------------------------------------------------------

/** Everything chosen and dropped, with the path it keeps. */
function everything() {
  const picked = pickers.flatMap((picker) => [...picker.files].map((file) => ({ file, path: file.webkitRelativePath || file.name })));
  return [...picked, ...dropped];
}

/** A size as the pages print them: floored to three figures. */
function size(bytes) {
  const unit = bytes < 1024 ? 0 : Math.min(4, Math.floor(Math.log2(bytes) / 10));
  const value = bytes / 1024 ** unit;
  const figures = 10 ** (value < 10 ? 2 : value < 100 ? 1 : 0);
  return `${Math.floor(value * figures) / figures} ${UNITS[unit]}`;
}

const total = (files) => files.reduce((sum, { file }) => sum + file.size, 0);

/** Shown in the moment of choosing: what comes later would move the button from under the pointer. */
function list() {
  open().catch(() => {}); // told when it is needed
  const all = everything();
  const line = ({ file, path }) => {
    const item = document.createElement("li");
    item.append(...[path, size(file.size)].map((text) => Object.assign(document.createElement("span"), { textContent: text })));
    return item;
  };
  chosen.hidden = all.length === 0;
  chosen.querySelector("[data-total]").textContent = `${all.length} · ${size(total(all))}`;
  chosen.querySelector("[data-list]").replaceChildren(...all.slice(0, LISTED).map(line));
}

/** Hand over what was brought; what can't fit is said before a byte is sent. */
async function send(files, parent) {
  const view = await open().catch(() => refuse(place.dataset.broken));
  if (!view) return;
  if (files.length === 0) return refuse(form.dataset.empty);
  const free = place.dataset.free - queue.reserved;
  if (place.dataset.free && queue.fresh(files) > free) {
    return refuse(place.dataset.full.replace("{whole}", size(total(files))).replace("{free}", size(Math.max(0, free))));
  }
  refusal.hidden = true;
  const conflict = form.querySelector("[name=conflict]:checked, [name=conflict][type=hidden]").value;
  queue.add(files, { parent, conflict });
  view.draw();
  place.scrollIntoView({ block: "nearest" });
}

function submit(event) {
  if (location.hash === "#plain") return;
  event.preventDefault();
  const files = everything();
  send(files, form.querySelector("[name=parent_id]").value);
  if (!files.length) return;
  dropped = [];
  for (const picker of pickers) picker.value = "";
  chosen.hidden = true;
}

function refuse(words) {
  refusal.querySelector("p").textContent = words;
  refusal.hidden = false;
  refusal.focus();
}

// --- dropping ---------------------------------------------------------------------------------

let over = null;

function brings(event) {
  return event.dataTransfer?.types.includes("Files") && !event.target.closest?.("input[type=file]");
}

/** The row of the folder that something is held over, if any. */
function rowOf(event) {
  return event.target.closest?.("tr[data-kind=folder]") ?? null;
}

function hover(event) {
  if (!brings(event)) return;
  event.preventDefault();
  open().catch(() => {});
  document.body.classList.add("over");
  const row = rowOf(event);
  if (row !== over) over?.classList.remove("over");
  over = row;
  over?.classList.add("over");
  const name = over ? over.querySelector(".name a").textContent : banner.dataset.here;
  banner.textContent = banner.dataset.dropto.replace("{name}", name);
}

function leave() {
  document.body.classList.remove("over");
  over?.classList.remove("over");
  over = null;
}

async function drop(event) {
  const row = rowOf(event);
  leave();
  if (!brings(event)) return;
  event.preventDefault();
  // What was dropped can be asked for only now, before anything is awaited.
  const entries = [...event.dataTransfer.items].map((item) => item.webkitGetAsEntry()).filter(Boolean);
  const loose = entries.length ? [] : [...event.dataTransfer.files].map((file) => ({ path: file.name, file }));
  const found = [...loose, ...(await Promise.all(entries.map((entry) => walk(entry, "")))).flat()];
  if (!chosen || row) return send(found, row ? row.dataset.node : form.querySelector("[name=parent_id]").value);
  dropped = [...dropped, ...found];
  list();
}

async function walk(entry, above) {
  const path = above + entry.name;
  if (entry.isFile) return [{ path, file: await new Promise((good, bad) => entry.file(good, bad)) }];
  const reader = entry.createReader();
  const found = [];
  for (;;) {
    const some = await new Promise((good, bad) => reader.readEntries(good, bad));
    if (some.length === 0) return found;
    found.push(...(await Promise.all(some.map((child) => walk(child, `${path}/`)))).flat());
  }
}

// --- coming back ------------------------------------------------------------------------------

/** Uploads that stopped are listed where files can be chosen, and anywhere in a browser that sent some. */
async function lookForStopped() {
  if (!chosen && !localStorage.getItem(REMEMBERED)) return;
  const answer = await fetch("/api/uploads");
  if (!answer.ok || !(await answer.json()).uploads.length) return;
  await open();
  await queue.lookAround();
}

form.addEventListener("submit", submit);
if (chosen) form.addEventListener("change", (event) => event.target.type === "file" && list());
document.addEventListener("dragover", hover);
document.addEventListener("dragleave", (event) => event.relatedTarget || leave());
document.addEventListener("drop", drop);
window.addEventListener("beforeunload", (event) => queue?.isOnDevice && event.preventDefault());
if (everything().length) list();
lookForStopped();
