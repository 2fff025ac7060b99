// A job's page, live: asks for its body again and again and changes only what differs.
// The answer is read as a document, so no text is ever turned into markup by a script.
// Of the tabs that show a job one leads: it polls, or hears of changes by a stream, and tells the others.

const HIDDEN_FOR_LONG = 60_000;
const AFTER_A_FAILURE = 5_000;
const BESIDE_A_STREAM = 15_000;
const LEAST_BETWEEN = 500;
const TOLD = ["reset", "progress", "file", "chunks", "account", "log", "state", "bye", "error"];

const place = document.querySelector("#job");
const stopped = document.querySelector("#stopped");
const status = document.querySelector("#status");
const { job: path, events } = place.dataset;
const tabs = new BroadcastChannel(events);
const said = new Set();

let etag = "";
let lastAnswer = new Date();
let lastAsked = 0;
let hiddenSince = Date.now();
let resting = false;
let asking = false;
let timer = 0;
let stream = null;
let stopLeading = null;

// --- asking -----------------------------------------------------------------------------------

function ask() {
  if (asking) return;
  asking = true;
  lastAsked = Date.now();
  const request = new XMLHttpRequest();
  request.open("GET", path);
  request.responseType = "document";
  request.timeout = 10_000;
  if (etag) request.setRequestHeader("If-None-Match", etag);
  request.addEventListener("loadend", () => take(request));
  request.send();
}

function take(request) {
  asking = false;
  if (request.status === 401 || request.status === 404) return location.reload();
  const body = request.status === 200 ? request.response?.querySelector("#job-body") : null;
  if (!body && request.status !== 304) return lose();
  lastAnswer = new Date();
  stopped.hidden = true;
  place.classList.remove("stale");
  if (body) show(body, request.getResponseHeader("ETag"));
  next();
}

function show(body, tag) {
  etag = tag ?? "";
  morph(place.querySelector("#job-body"), body);
  localise(place);
  say();
  if (stopLeading) tabs.postMessage("look");
}

/** Have the times in there printed as everywhere. */
function localise(where) {
  where.dispatchEvent(new Event("localise", { bubbles: true }));
}

function lose() {
  const at = stopped.querySelector("time");
  at.dataset.local = "moment";
  at.dateTime = lastAnswer.toISOString();
  localise(stopped);
  stopped.hidden = false;
  place.classList.add("stale");
  wait(AFTER_A_FAILURE);
}

function next() {
  const seconds = Number(place.querySelector("#job-body").dataset.every);
  if (!seconds) closeStream();
  else if (stopLeading) wait(stream?.readyState === EventSource.OPEN ? BESIDE_A_STREAM : seconds * 1000);
}

function wait(milliseconds) {
  clearTimeout(timer);
  timer = setTimeout(() => {
    if (document.hidden && Date.now() - hiddenSince > HIDDEN_FOR_LONG) rest();
    else ask();
  }, milliseconds);
}

/** Something changed: look soon, but not too often. */
function look() {
  if (!resting) wait(Math.max(0, LEAST_BETWEEN - (Date.now() - lastAsked)));
}

/** Speak once at each quarter, when a person is needed and at the end, never on each tick. */
function say() {
  const { milestone, say: sentence } = place.querySelector("#job-body").dataset;
  if (said.has(milestone)) return;
  said.add(milestone);
  status.textContent = sentence;
}

// --- leading ----------------------------------------------------------------------------------

function lead() {
  if (!navigator.locks) return begin(() => {});
  navigator.locks.request(events, () => new Promise(begin));
}

function begin(done) {
  stopLeading = done;
  openStream();
  next();
}

function rest() {
  resting = true;
  closeStream();
  stopLeading?.();
  stopLeading = null;
}

/** A stream is refused for good where there are too many: then polling goes on as before. */
function openStream() {
  if (!Number(place.querySelector("#job-body").dataset.every)) return;
  stream = new EventSource(events);
  for (const kind of TOLD) stream.addEventListener(kind, look);
}

function closeStream() {
  stream?.close();
  stream = null;
}

// --- changing only what differs ---------------------------------------------------------------

/** Make one element like another, keeping what a person opened, scrolled or focused. */
function morph(from, to) {
  for (const { name, value } of to.attributes) {
    if (from.getAttribute(name) !== value) from.setAttribute(name, value);
  }
  for (const { name } of [...from.attributes]) {
    if (!to.hasAttribute(name) && name !== "open") from.removeAttribute(name);
  }
  let old = from.firstChild;
  for (const wanted of [...to.childNodes]) {
    if (old && alike(old, wanted)) {
      if (old.nodeType === Node.ELEMENT_NODE) morph(old, wanted);
      else if (old.nodeValue !== wanted.nodeValue) old.nodeValue = wanted.nodeValue;
      old = old.nextSibling;
    } else {
      from.insertBefore(document.importNode(wanted, true), old);
    }
  }
  while (old) {
    const gone = old;
    old = old.nextSibling;
    gone.remove();
  }
}

function alike(one, other) {
  return one.nodeType === other.nodeType && one.nodeName === other.nodeName && one.id === other.id;
}

document.addEventListener("visibilitychange", () => {
  hiddenSince = Date.now();
  if (document.hidden || !resting) return;
  resting = false;
  ask();
  lead();
});
tabs.addEventListener("message", look);
say();
lead();
