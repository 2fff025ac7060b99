// Several files at once, and the menu of each row. Without scripts the boxes and buttons do the same.

const form = document.getElementById("selection");
const boxes = [...document.querySelectorAll("input[form=selection]")];
const menu = document.getElementById("row-menu");
const status = document.getElementById("status");
let last = null;
let opener = null;

// --- boxes ------------------------------------------------------------------------------------

/** Say how many are ticked, on the page and to those who listen. */
function count() {
  const ticked = boxes.filter((box) => box.checked).length;
  const { none, one, many } = form.dataset;
  const said = (ticked === 0 ? none : ticked === 1 ? one : many).replace("{n}", ticked);
  const all = form.querySelector("[data-all]");
  all.checked = ticked === boxes.length;
  all.indeterminate = ticked > 0 && ticked < boxes.length;
  form.querySelector("[data-count]").textContent = said;
  return said;
}

/** Tick all from the last one to this one, as lists do while Shift is held. */
function extend(event) {
  const box = event.target.closest("input[form=selection]");
  if (!box) return;
  if (event.shiftKey && last) {
    const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b);
    for (const between of boxes.slice(from, to + 1)) between.checked = box.checked;
  }
  last = box;
}

function change(event) {
  if (event.target.matches("#selection [data-all]")) {
    for (const box of boxes) box.checked = event.target.checked;
  } else if (!event.target.matches("input[form=selection]")) return;
  status.textContent = count();
}

// --- the menu of a row ------------------------------------------------------------------------

function open(event) {
  const link = event.target.closest("a.dots");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  const isOpen = menu.matches(":popover-open");
  if (isOpen) menu.hidePopover();
  if (isOpen && opener === link) return;
  opener = link;
  fill(link.closest("tr"));
  menu.showPopover();
  place(link.getBoundingClientRect());
  menu.querySelector("a.item:not([hidden])").focus({ preventScroll: true });
}

/** Point every entry at the row's node; what only folders or only files have is hidden. */
function fill(row) {
  const { node, kind, in: parent } = row.dataset;
  menu.querySelector("[data-name]").textContent = row.querySelector(".name a").textContent;
  for (const entry of menu.querySelectorAll("[data-to]")) {
    const address = entry.dataset.to.replace("{id}", node).replace("{to}", parent && `?to=${parent}`);
    entry.hidden = Boolean(entry.dataset.of) && entry.dataset.of !== kind;
    entry.setAttribute(entry.tagName === "FORM" ? "action" : "href", address);
  }
}

/** Beside the button, above it where there is no room below; it scrolls with the page. */
function place(at) {
  const below = at.bottom + menu.offsetHeight + 8 < innerHeight;
  menu.style.setProperty("--x", `${scrollX + Math.max(8, at.right - menu.offsetWidth)}px`);
  menu.style.setProperty("--y", `${scrollY + (below ? at.bottom + 4 : Math.max(8, at.top - menu.offsetHeight - 4))}px`);
}

/** Arrows go through the entries; Esc closes by itself and the button has the focus again. */
function walk(event) {
  const entries = [...menu.querySelectorAll(".item:not(p)")].filter((item) => item.offsetParent);
  const at = entries.indexOf(document.activeElement);
  const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[event.key];
  if (to === undefined) return;
  event.preventDefault();
  entries.at(to % entries.length).focus();
}

if (form) {
  count();
  document.addEventListener("click", extend);
  document.addEventListener("change", change);
}
if (menu?.showPopover) {
  document.addEventListener("click", open);
  document.addEventListener("keydown", (event) => {
    if (event.key !== " " || !event.target.matches("a.dots")) return;
    event.preventDefault();
    event.target.click();
  });
  menu.addEventListener("keydown", walk);
  menu.addEventListener("click", (event) => event.target.closest(".item:not(p)") && menu.hidePopover());
  menu.addEventListener("toggle", (event) => {
    opener?.setAttribute("aria-expanded", event.newState === "open");
    if (event.newState === "closed" && menu.contains(document.activeElement)) opener?.focus();
  });
  for (const link of document.querySelectorAll("a.dots")) {
    link.setAttribute("role", "button");
    link.setAttribute("aria-haspopup", "true");
    link.setAttribute("aria-expanded", "false");
  }
}
