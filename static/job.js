// A job's page, live: asks for its body again and again and changes only what differs.
// The answer is read as a document, so no text is ever turned into markup by a script.

const HIDDEN_FOR_LONG = 60_000;
const AFTER_A_FAILURE = 5_000;

const place = document.querySelector("#job");
const stopped = document.querySelector("#stopped");
const status = document.querySelector("#status");

let etag = "";
let lastAnswer = new Date();
let hiddenSince = 0;
let resting = false;
let said = "";

function ask() {
  const request = new XMLHttpRequest();
  request.open("GET", place.dataset.job);
  request.responseType = "document";
  request.timeout = 10_000;
  if (etag) request.setRequestHeader("If-None-Match", etag);
  request.addEventListener("load", () => take(request));
  request.addEventListener("error", lose);
  request.addEventListener("timeout", lose);
  request.send();
}

function take(request) {
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
  place.querySelector("#job-body").dispatchEvent(new Event("localise", { bubbles: true }));
  say();
}

function lose() {
  const at = stopped.querySelector("time");
  at.dateTime = lastAnswer.toISOString();
  at.textContent = lastAnswer.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" });
  stopped.hidden = false;
  place.classList.add("stale");
  wait(AFTER_A_FAILURE);
}

function next() {
  const seconds = Number(place.querySelector("#job-body").dataset.every);
  if (seconds) wait(seconds * 1000);
}

function wait(milliseconds) {
  setTimeout(() => {
    resting = document.hidden && Date.now() - hiddenSince > HIDDEN_FOR_LONG;
    if (!resting) ask();
  }, milliseconds);
}

/** Speak at quarters and at the end, never on each tick. */
function say() {
  const { milestone, say: sentence } = place.querySelector("#job-body").dataset;
  if (milestone === said) return;
  said = milestone;
  status.textContent = sentence;
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
  if (!document.hidden && resting) {
    resting = false;
    ask();
  }
});
say();
next();
