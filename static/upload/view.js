// Draws the queue. Every word comes from the page: from its templates and data attributes.

import { OVER } from "./queue.js";

const LISTED = 100;
const GOING = ["waiting", "sending", "retrying", "locked"];
const rows = new WeakMap();

export class View {
  constructor(place, queue, size) {
    Object.assign(this, { place, queue, size, said: "", timer: 0 });
    this.list = this.find("[data-queue]");
    this.row = this.find("template[data-row]").content.firstElementChild;
    this.chips = this.find("template[data-chips]").content;
    place.addEventListener("click", (event) => this.act(event));
  }

  find(selector) {
    return this.place.querySelector(selector);
  }

  /** Draw soon; many changes at once are drawn once. */
  later() {
    this.timer ||= setTimeout(() => {
      this.timer = 0;
      this.draw();
    }, 100);
  }

  draw() {
    const { queue } = this;
    const { entries } = queue;
    this.notes();
    this.place.hidden = !(entries.length || queue.left.length);
    this.find("[data-all-of-it]").hidden = !entries.length;
    if (!entries.length) return;
    const shown = this.shown();
    for (const entry of shown) this.drawRow(entry);
    this.arrange(shown);
    this.overall();
    const rest = entries.length - shown.length;
    const more = this.find("[data-more]");
    more.hidden = !rest;
    more.textContent = this.words("more", { n: rest });
  }

  /** Long lists show what is under way or needs somebody; what is done makes room, but not under a pointer. */
  shown() {
    const { entries } = this.queue;
    const stays = (entry) => this.list.matches(":hover") && rows.get(entry)?.isConnected;
    if (entries.length <= LISTED) return entries;
    return entries.filter((entry) => entry.state === "failed" || !OVER.includes(entry.state) || stays(entry)).slice(0, LISTED);
  }

  arrange(shown) {
    const wanted = new Set(shown.map((entry) => rows.get(entry)));
    for (const row of [...this.list.children]) if (!wanted.has(row)) row.remove();
    let at = this.list.firstElementChild;
    for (const row of wanted) {
      if (row === at) at = at.nextElementSibling;
      else this.list.insertBefore(row, at);
    }
  }

  // --- one file -------------------------------------------------------------------------------

  drawRow(entry) {
    const row = rows.get(entry) ?? this.makeRow(entry);
    const { state, file, received, sent } = entry;
    const part = (bytes) => `${file.size ? Math.floor((bytes * 100) / file.size) : state === "done" ? 100 : 0}%`;
    row.querySelector(".s").setAttribute("width", part(received));
    row.querySelector(".o").setAttribute("width", part(sent));
    put(row.querySelector("[data-told]"), this.tell(entry));
    put(row.querySelector("[data-percent]"), OVER.includes(state) || state === "needs" ? "" : part(received));
    if (row.dataset.state === state) return;
    row.dataset.state = state;
    row.querySelector("[data-chip]").replaceChildren(this.chips.querySelector(`[data-for=${state}]`).cloneNode(true));
    if (state === "needs") row.querySelector("[data-ask]").hidden = false; // what it leaves, the style sheet knows
    const acts = { pause: GOING.includes(state), resume: state === "paused" || (state === "failed" && entry.reason !== "large"), cancel: !OVER.includes(state) };
    for (const button of row.querySelectorAll("[data-act]")) button.hidden = !acts[button.dataset.act];
  }

  makeRow(entry) {
    const row = this.row.cloneNode(true);
    rows.set(entry, row);
    row.entry = entry;
    row.querySelector("[data-name]").textContent = entry.path;
    for (const labelled of row.querySelectorAll("[aria-label]")) {
      labelled.setAttribute("aria-label", fill(labelled.getAttribute("aria-label"), { name: entry.path }));
    }
    return row;
  }

  /** What is to be said of a file below its name. */
  tell({ state, words, reason, file, received, carriedOn }) {
    const figures = this.words("figures", { part: this.size(received), whole: this.size(file.size) });
    if (state === "failed") return words ?? this.words(reason, { limit: this.size(this.queue.limit) });
    if (state === "locked") return this.words(state);
    if (state === "needs" || OVER.includes(state) || (state === "waiting" && !received)) return this.size(file.size);
    if (state === "retrying") return `${figures} · ${this.words("retrying")}`;
    return carriedOn ? `${figures} · ${this.words("carried")}` : figures;
  }

  // --- all of them ----------------------------------------------------------------------------

  overall() {
    const { entries } = this.queue;
    const wanted = entries.filter(({ state }) => !["cancelled", "skipped", "failed"].includes(state));
    const sum = (key) => wanted.reduce((total, entry) => total + key(entry), 0);
    const [whole, received, sent] = [sum(({ file }) => file.size), sum((entry) => entry.received), sum((entry) => entry.sent)];
    const done = entries.filter(({ state }) => state === "done").length;
    const open = entries.filter(({ state }) => !OVER.includes(state));
    const percent = Math.min(open.length ? 99 : 100, whole ? Math.floor((received * 100) / whole) : 100);
    const bar = this.find("[data-bar]");
    bar.setAttribute("aria-valuenow", percent);
    bar.querySelector(".s").setAttribute("width", `${percent}%`);
    bar.querySelector(".o").setAttribute("width", `${whole ? Math.floor((sent * 100) / whole) : 100}%`);
    const values = { done, n: entries.length, part: this.size(received), whole: this.size(whole), percent };
    put(this.find("[data-figure]"), this.words("sum", values));
    bar.setAttribute("aria-valuetext", this.words("sum", values));
    this.say(this.headline(open, done), values);
    this.ends(open, done);
  }

  /** The word for how all of it stands. */
  headline(open, done) {
    const states = new Set(open.map(({ state }) => state));
    if (this.queue.refusesTus) return "refused";
    if (this.queue.signedOut) return "signedout";
    if (!open.length) return this.queue.entries.length > done ? "mixed" : done === 1 ? "one" : "all";
    if (states.size === 1 && states.has("needs")) return "asks";
    if ([...states].every((state) => state === "paused" || state === "needs")) return "halted";
    return open.length === 1 && this.queue.entries.length === 1 ? "going" : "goingmany";
  }

  /** Put it on the page, and tell it those who listen: only when it is another one than before. */
  say(headline, values) {
    const sentence = this.words(headline, values);
    put(this.find("[data-title]"), sentence);
    const asks = this.queue.entries.filter(({ state }) => state === "needs").length;
    const first = this.find("[data-first]");
    first.hidden = !asks;
    put(first, this.words(asks === 1 ? "asksone" : "asksmany", { n: asks }));
    const key = `${headline} ${asks > 0}`;
    if (this.said === key) return;
    this.said = key;
    document.getElementById("status").textContent = asks ? `${sentence} ${this.words("needs")}` : sentence;
  }

  ends(open, done) {
    const has = (...states) => open.some(({ state }) => states.includes(state));
    const going = has(...GOING);
    this.find("[data-each=pause]").hidden = !going;
    this.find("[data-each=resume]").hidden = going || !has("paused");
    this.find("[data-each=cancel]").hidden = !open.length;
    this.find("[data-keep]").hidden = !open.length || this.queue.refusesTus;
    this.find("[data-close]").hidden = open.length > 0 || !done;
    const jobs = [...new Set(this.queue.entries.map(({ gesture }) => gesture.job))].filter(Boolean);
    const link = this.find("[data-job]");
    link.hidden = !jobs.length;
    link.href = jobs.length > 1 ? "/jobs" : `/jobs/${jobs[0]}`;
  }

  notes() {
    const { queue } = this;
    this.find("[data-signed-out]").hidden = !queue.signedOut;
    this.find("[data-refuses]").hidden = !queue.refusesTus;
    const { left } = queue;
    const note = this.find("[data-stopped-ones]");
    note.hidden = !left.length;
    put(note.querySelector("strong"), this.words(left.length === 1 ? "stopped" : "stoppedmany", { n: left.length }));
    const names = left.slice(0, 3).map(({ path, size: whole, offset }) => this.words("stop", { path, part: this.size(offset), whole: this.size(whole) }));
    const list = note.querySelector("ul");
    if (list.textContent === names.join("")) return;
    list.replaceChildren(...names.map((text) => Object.assign(document.createElement("li"), { textContent: text })));
  }

  words(key, values = {}) {
    return fill(this.place.dataset[key], values);
  }

  // --- what a person does ---------------------------------------------------------------------

  act({ target }) {
    const button = target.closest("button");
    if (!button) return;
    const { each, act, answer } = button.dataset;
    const row = button.closest("li");
    if (each) this.queue.each(each);
    else if (act) this.queue[act](row.entry);
    else if (answer) this.queue.answer(row.entry, answer, row.querySelector("[data-for-all]").checked);
    else if ("first" in button.dataset) return this.find("[data-state=needs] [data-answer]").focus();
    else if ("forget" in button.dataset) this.queue.forgetStopped();
    this.draw();
    const isSeen = (one) => one.checkVisibility({ visibilityProperty: true });
    if (!isSeen(button)) ([...(row ?? this.place).querySelectorAll("button")].find(isSeen) ?? this.find("h2")).focus();
  }
}

function fill(sentence, values) {
  return sentence.replace(/\{(\w+)\}/g, (_, key) => values[key]);
}

function put(place, text) {
  if (place.textContent !== text) place.textContent = text;
}
