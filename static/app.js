// On every page: local times, focus on errors, menus that close, the theme, shown passwords, and how
// a text begins beside its file's facts.

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

function showPasswords(event) {
  if (!event.target.matches("[data-show-passwords]")) return;
  for (const field of event.target.form.querySelectorAll("[autocomplete$=password]")) {
    field.type = event.target.checked ? "text" : "password";
  }
}

function lookAtOnce(event) {
  if (event.target.name === "theme") document.documentElement.dataset.theme = event.target.value;
}

/** Asked for only where there is room to see it. */
async function showLines(place) {
  if (!place.parentElement.checkVisibility()) return;
  const answer = await fetch(place.dataset.lines).catch(() => null);
  if (answer?.ok) place.textContent = await answer.text();
}

localise(document);
for (const place of document.querySelectorAll("[data-lines]")) showLines(place);
document.addEventListener("localise", (event) => localise(event.target));
document.addEventListener("click", closeMenus);
document.addEventListener("keydown", closeMenus);
document.addEventListener("change", showPasswords);
document.addEventListener("change", lookAtOnce);
document.querySelector("[data-focus]")?.focus();
