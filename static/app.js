// On every page: local times, focus on errors, menus that close, the theme, shown passwords, and how
// a text begins beside its file's facts.

const MOST_TRIES = 5; // of a picture
const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit", hourCycle: "h23" });
const minute = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", hourCycle: "h23" });
const day = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });
const moment = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium", timeStyle: "short" });

/** Print times in the browser's zone. */
function localise(root) {
  for (const time of root.querySelectorAll("time[data-local]")) {
    const at = new Date(time.dateTime);
    time.title = moment.format(at);
    if (time.dataset.local === "clock") time.textContent = clock.format(at);
    if (time.dataset.local === "moment") time.textContent = near(at, time.textContent);
  }
  for (const note of root.querySelectorAll("[data-utc]")) note.hidden = true;
}

/** A time of a sentence: the time of day, with its day unless that is today; far days stay as told. */
function near(at, told) {
  const now = new Date();
  if (Math.abs(at - now) > 36 * 3_600_000) return told;
  const today = at.toDateString() === now.toDateString();
  return today ? minute.format(at) : `${day.format(at)}, ${minute.format(at)}`;
}

function closeMenus(event) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (event.type === "keydown" && event.key === "Escape") {
      menu.open = false;
      menu.querySelector("summary").focus();
      event.preventDefault();
    } else if (event.type === "click" && !menu.contains(event.target)) {
      menu.open = false;
    }
  }
}

/** Passwords are shown, and a theme is worn, in the moment of choosing. */
function change({ target }) {
  if (target.name === "theme") document.documentElement.dataset.theme = target.value;
  if (!target.matches("[data-show-passwords]")) return;
  for (const field of target.form.querySelectorAll("[autocomplete$=password]")) {
    field.type = target.checked ? "text" : "password";
  }
}

/** Asked for only where there is room to see it. */
async function showLines(place) {
  if (!place.parentElement.checkVisibility()) return;
  const answer = await fetch(place.dataset.lines).catch(() => null);
  if (answer?.ok) place.textContent = await answer.text();
}

/** A picture that may be made in a moment comes as two empty dots: it is asked for again, a few times. */
function askAgain(picture) {
  const tries = picture.src.split("&again").length;
  if (picture.naturalWidth !== 2 || picture.naturalHeight !== 1 || tries > MOST_TRIES) return;
  setTimeout(() => (picture.src += "&again"), (1 + Math.random()) * 500 * 2 ** tries);
}

const pictures = "img[src*='/preview/picture?']";
document.addEventListener("load", ({ target }) => target.matches?.(pictures) && askAgain(target), true);
for (const picture of document.querySelectorAll(pictures)) askAgain(picture);

/** How long a cloud asked us to wait: the page that comes next tells it anew. */
setInterval(() => {
  for (const left of document.querySelectorAll("[data-left]")) left.textContent = Math.max(0, left.textContent - 1);
}, 1000);
localise(document);
for (const place of document.querySelectorAll("[data-lines]")) showLines(place);
document.addEventListener("localise", (event) => localise(event.target));
document.addEventListener("click", closeMenus);
document.addEventListener("keydown", closeMenus);
document.addEventListener("change", change);
document.querySelector("[data-focus]")?.focus();

// Keys, and pages in a dialog: everything here leads where a link or a button of the page leads too.

const dialog = document.getElementById("dialog");
const selection = document.getElementById("selection");
const isOn = dialog && document.documentElement.dataset.keys !== "off";
const FOR_THE_SECOND = 1_500;
let began = -FOR_THE_SECOND;

// --- dialogs ----------------------------------------------------------------------------------

function openLink(event) {
  const link = event.target.closest("a[data-dialog], dialog a[data-close]");
  if (!link || !dialog || event.defaultPrevented || event.button || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  if (link.dataset.close !== undefined) return dialog.close();
  const menu = link.closest("details.menu");
  menu?.removeAttribute("open");
  menu?.querySelector("summary").focus();
  openPage(link.href);
}

/** Show that page's <main> in the dialog. It is read as a document: no text becomes markup here. */
function openPage(path) {
  const address = new URL(path, location).href;
  const request = new XMLHttpRequest();
  request.open("GET", address);
  request.responseType = "document";
  request.timeout = 10_000;
  request.addEventListener("loadend", () => {
    const main = request.responseURL === address && request.status === 200 && request.response?.querySelector("main");
    if (main) show(main);
    else location.assign(address);
  });
  request.send();
}

function show(main) {
  const body = dialog.querySelector("[data-body]");
  body.replaceChildren(...[...main.children].map((part) => document.importNode(part, true)));
  name(body.querySelector("h1"));
  if (!dialog.open) dialog.showModal();
  (body.querySelector("[autofocus]") ?? body.querySelector("#dialog-title")).focus();
  body.dispatchEvent(new Event("localise", { bubbles: true }));
}

/** The heading names the dialog; the page behind keeps the only one of the first level. */
function name(heading) {
  const title = Object.assign(document.createElement("h2"), { id: "dialog-title", tabIndex: -1 });
  title.append(...heading.childNodes);
  heading.replaceWith(title);
}

// --- going somewhere --------------------------------------------------------------------------

/** Follow the link of this page that leads there, as a click does; else go to the address. */
function follow(link, address, asDialog = false) {
  if (link) link.click();
  else if (asDialog) openPage(address);
  else location.assign(address);
}

function search() {
  const field = document.querySelector(".search input");
  field?.focus();
  field?.select();
}

function up() {
  const way = [...document.querySelectorAll("main > .crumbs a")];
  way.filter((step) => step.pathname !== location.pathname).at(-1)?.click();
}

const ANYWHERE = {
  "/": search,
  "?": () => openPage("/help/keys"),
  g: () => (began = performance.now()),
  u: () => follow(document.querySelector("main .head a[href$='/upload']"), "/files/upload"),
  n: () => follow(document.querySelector("main .head a[href^='/files/new-folder']"), "/files/new-folder", true),
  Backspace: up,
};
const AFTER_G = { f: "/files", j: "/jobs", a: "/clouds" };

// --- rows -------------------------------------------------------------------------------------

const rows = [...document.querySelectorAll(".files tr[data-node]")];
const link = (row) => row.querySelector(".name a");
const box = (row) => row.querySelector("input[form=selection]");
const ticked = () => rows.filter((row) => box(row).checked);
const here = () => document.activeElement.closest?.("tr[data-node]");
const meant = () => here() ?? (ticked().length === 1 ? ticked()[0] : null);

function tick(row, checked) {
  if (box(row).checked === checked) return;
  box(row).checked = checked;
  box(row).dispatchEvent(new Event("change", { bubbles: true }));
}

/** The row above or below has the focus then; with Shift both are ticked. */
function step(by, extends_) {
  const from = here();
  const to = rows[from ? rows.indexOf(from) + by : by > 0 ? 0 : rows.length - 1];
  if (!to) return Boolean(from);
  if (extends_ && from) tick(from, true);
  if (extends_) tick(to, true);
  link(to).focus();
}

function toggle() {
  if (document.activeElement !== (here() && link(here()))) return false;
  tick(here(), !box(here()).checked);
}

function enter() {
  if (!document.activeElement.matches("input[form=selection]")) return false;
  link(here()).click();
}

function rename() {
  const row = meant();
  if (!row) return false;
  openPage(`/files/${row.dataset.node}/rename`);
}

/** What is ticked goes together; else the row with the focus goes alone. */
function move() {
  if (ticked().length) return selection.requestSubmit(selection.querySelector("[formaction$=move]"));
  const row = here();
  if (!row) return false;
  const parent = row.dataset.in && `?to=${row.dataset.in}`;
  openPage(`/files/${row.dataset.node}/move${parent}`);
}

function remove() {
  if (ticked().length) return selection.requestSubmit(selection.querySelector("[formaction$=delete]"));
  const row = here();
  const form = document.querySelector("#row-menu form");
  if (!row || !form) return false;
  form.action = form.dataset.to.replace("{id}", row.dataset.node);
  form.requestSubmit();
}

/** Unselect, else close the details. */
function clear() {
  if (!ticked().length) return document.querySelector("#details header a")?.click();
  for (const row of ticked()) tick(row, false);
}

const AMONG_ROWS = {
  ArrowDown: (event) => step(1, event.shiftKey),
  ArrowUp: (event) => step(-1, event.shiftKey),
  " ": toggle,
  Enter: enter,
  F2: rename,
  m: move,
  Delete: remove,
  Escape: clear,
};

// --- one listener -----------------------------------------------------------------------------

/** Typing is never a key press for the page, nor is anything while something lies over it. */
function isBusy(event) {
  const typing = "input:not([type=checkbox], [type=radio], [type=submit]), textarea, select, audio, video, [contenteditable]";
  const over = "dialog[open], details.menu[open], :popover-open";
  return event.defaultPrevented || event.isComposing || event.ctrlKey || event.metaKey || event.altKey
    || event.target.closest(typing) || document.querySelector(over);
}

function press(event) {
  if (isBusy(event)) return;
  const { key } = event;
  const second = event.timeStamp - began < FOR_THE_SECOND ? AFTER_G[key] : null;
  began = -FOR_THE_SECOND;
  const act = second ? () => location.assign(second) : (rows.length && AMONG_ROWS[key]) || ANYWHERE[key];
  if (act && act(event) !== false) event.preventDefault();
}

document.addEventListener("click", openLink);
if (isOn) document.addEventListener("keydown", press);
