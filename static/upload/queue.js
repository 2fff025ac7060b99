// What was chosen on this page, three files at a time. Says what is, never what is hoped for.

const CHUNK = 16 << 20;
const SMALL = 256 << 10; // so small a file comes with its announcement, in one request
const AT_ONCE = 3;
const DELAYS = [0, 1, 3, 8, 20, 60];
const LOOK_FOR_SESSION = 3000;
const OTHER_TABS = 200;
const BUSY = ["sending", "retrying"];
export const OVER = ["done", "failed", "cancelled", "skipped"];

export class Queue {
  entries = [];
  signedOut = false;
  refusesTus = false;
  overrides = false; // some proxies let no PATCH through
  stopped = []; // uploads over there that nobody goes on with

  constructor({ tus, token, person, limit }, changed) {
    Object.assign(this, { tus, token, person, limit, changed });
    addEventListener("online", () => this.hurry());
    document.addEventListener("visibilitychange", () => this.signedOut && this.findSession());
    this.tabs = new BroadcastChannel("uploads");
    this.tabs.addEventListener("message", ({ data }) => this.hear(data));
  }

  /** Add what one gesture brought: it becomes one job. */
  add(files, { parent, conflict }) {
    const gesture = { batch: uuid(), parent, job: null, answer: null };
    for (const { file, path } of files) {
      const entry = { file, path, gesture, conflict, state: "waiting", received: 0, sent: 0, tries: 0, url: null, upload: null };
      this.entries.push(entry);
      this.adopt(entry);
      if (file.size > this.limit) this.fail(entry, null, "large");
    }
    this.pump();
  }

  /** Return the upload of the server's that is this very file, where there is one. */
  match({ file, path }) {
    return this.stopped.find((one) => one.path === path && one.size === file.size && Date.parse(one.last_modified) === file.lastModified);
  }

  /** How many bytes of these files are not yet reserved over there. */
  fresh(files) {
    return files.filter((one) => !this.match(one)).reduce((sum, { file }) => sum + file.size, 0);
  }

  /** How many bytes this page has had reserved. */
  get reserved() {
    return this.entries.filter(({ state, carriedOn }) => !carriedOn && !["failed", "cancelled", "skipped"].includes(state)).reduce((sum, { file }) => sum + file.size, 0);
  }

  adopt(entry) {
    const one = this.match(entry);
    if (!one) return;
    this.stopped = this.stopped.filter((other) => other !== one);
    entry.url = `/api/uploads/${one.id}`;
    entry.received = one.offset;
    entry.carriedOn = true;
    entry.gesture.job ??= one.job_id;
  }

  pump() {
    if (this.isHolding) return;
    let busy = this.entries.filter(({ state }) => BUSY.includes(state)).length;
    for (const entry of this.entries) {
      if (this.signedOut || this.refusesTus || busy >= AT_ONCE) break;
      if (entry.state !== "waiting") continue;
      busy += 1;
      this.start(entry);
    }
    this.changed();
  }

  start(entry) {
    entry.state = "sending";
    entry.sent = entry.received;
    send(entry, this);
  }

  // --- what a person does ---------------------------------------------------------------------

  pause(entry) {
    if (OVER.includes(entry.state) || entry.state === "needs") return;
    this.let(entry, "paused");
    this.pump();
  }

  resume(entry) {
    if (!["paused", "failed"].includes(entry.state)) return;
    Object.assign(entry, { state: "waiting", tries: 0, reason: null, words: null });
    this.pump();
  }

  cancel(entry) {
    if (OVER.includes(entry.state)) return;
    this.let(entry, "cancelled");
    if (entry.url) forget(entry.url, this);
    this.pump();
  }

  /** Answer the question about a taken name, for one file or for all of its gesture. */
  answer(entry, answer, forAll) {
    if (forAll) entry.gesture.answer = answer;
    const asked = forAll ? this.entries.filter(({ state, gesture }) => state === "needs" && gesture === entry.gesture) : [entry];
    for (const one of asked) this.settle(one, answer);
    this.pump();
  }

  settle(entry, answer) {
    entry.state = answer === "skip" ? "skipped" : "waiting";
    if (answer !== "skip") entry.conflict = answer;
  }

  each(act) {
    this.isHolding = true; // none begins because another one stopped
    for (const entry of this.entries) this[act](entry);
    this.isHolding = false;
    this.pump();
  }

  /** Stop what goes on with a file; bytes on their way may still arrive. */
  let(entry, state) {
    const { upload } = entry;
    clearTimeout(entry.timer);
    Object.assign(entry, { state, upload: null, sent: entry.received });
    // While it has no address it is being announced: that is heard out, lest the server keep a stray.
    if (entry.url) upload?.abort();
  }

  // --- what tus tells -------------------------------------------------------------------------

  sent(entry, bytes) {
    entry.sent = Math.max(bytes, entry.received);
    this.changed();
  }

  done(entry) {
    Object.assign(entry, { state: "done", received: entry.file.size, sent: entry.file.size, upload: null });
    this.pump();
  }

  /** An upload got its address after its file was paused or cancelled. */
  orphaned(entry, upload) {
    upload.abort();
    if (entry.state === "cancelled") forget(upload.url, this);
  }

  refused(entry, why) {
    entry.upload = null;
    entry.sent = entry.received;
    const { status, code, detail, method } = why;
    if (status === 401 || (status === 403 && !entry.doubted)) this.signOut(entry, status);
    else if (status === 405 || status === 501) this.goAnotherWay(entry, method);
    else if (status === 423 || status === 429) this.wait(entry, status === 423 ? "locked" : "retrying", why.seconds || 5);
    else if (code === "name_taken") this.ask(entry, detail);
    else if (code === "cancelled") this.let(entry, "cancelled");
    else if (entry.url && (status === 404 || status === 410)) this.beginAnew(entry, detail);
    else if (status === 0 || status === 409 || (status >= 500 && status !== 507)) this.retry(entry);
    else this.fail(entry, detail, "failed");
    this.pump();
  }

  fail(entry, words, reason) {
    Object.assign(entry, { state: "failed", words, reason });
  }

  /** It was given up over there. Trying again begins it anew, but only when somebody wants that. */
  beginAnew(entry, detail) {
    Object.assign(entry, { url: null, received: 0, sent: 0 });
    this.fail(entry, detail, "gone");
  }

  ask(entry, detail) {
    if (entry.conflict !== "fail") return this.fail(entry, detail, "failed");
    if (entry.gesture.answer) return this.settle(entry, entry.gesture.answer);
    entry.state = "needs";
  }

  retry(entry) {
    const seconds = DELAYS[Math.min(entry.tries, DELAYS.length - 1)];
    entry.tries += 1;
    this.wait(entry, "retrying", seconds);
  }

  wait(entry, state, seconds) {
    entry.state = state;
    clearTimeout(entry.timer);
    entry.timer = setTimeout(() => this.again(entry), seconds * 1000);
  }

  /** Where the answer to the announcement was lost, the server may know the file already. */
  async again(entry) {
    if (!entry.url) await this.look();
    const isReadable = await readable(entry.file);
    if (!["retrying", "locked"].includes(entry.state)) return;
    if (!isReadable) {
      this.fail(entry, null, "unreadable");
      return this.pump();
    }
    if (!entry.url) this.adopt(entry);
    entry.state = "waiting";
    this.pump();
  }

  hurry() {
    for (const entry of this.entries.filter(({ state }) => state === "retrying")) this.wait(entry, "retrying", 0);
  }

  // --- the server -----------------------------------------------------------------------------

  /** Ask which uploads can go on; those that this page sends are no news. */
  async look() {
    const answer = await fetch("/api/uploads").catch(() => null);
    if (!answer?.ok) return;
    const own = new Set(this.entries.map(({ url }) => url));
    this.stopped = (await answer.json()).uploads.filter(({ id }) => !own.has(`/api/uploads/${id}`));
  }

  /** The same, and which of them another tab is sending: those have not stopped. */
  async lookAround() {
    await this.look();
    if (!this.stopped.length) return;
    this.tabs.postMessage(null);
    await new Promise((go) => setTimeout(go, OTHER_TABS));
    this.changed();
  }

  hear(urls) {
    if (!urls) return this.tabs.postMessage(this.entries.filter(({ url, state }) => url && !OVER.includes(state)).map(({ url }) => url));
    for (const one of this.stopped) one.isElsewhere ||= urls.includes(`/api/uploads/${one.id}`);
  }

  /** Those of them that no other tab is sending. */
  get left() {
    return this.stopped.filter(({ isElsewhere }) => !isElsewhere);
  }

  async forgetStopped() {
    const gone = this.left;
    this.stopped = this.stopped.filter((one) => !gone.includes(one));
    this.changed();
    await Promise.all(gone.map(({ id }) => forget(`/api/uploads/${id}`, this)));
  }

  /** A proxy that refuses PATCH is gone around once; where that fails too the plain form is left. */
  goAnotherWay(entry, method) {
    entry.state = "waiting";
    if (method === "PATCH") this.overrides = true;
    else this.refusesTus = true;
  }

  signOut(entry, status) {
    entry.doubted = status === 403;
    entry.state = "waiting";
    if (this.signedOut) return;
    this.signedOut = true;
    this.findSession();
  }

  /** Look whether the same person is signed in again, and take the new page's token. */
  findSession() {
    if (this.isFinding) return;
    this.isFinding = true;
    clearTimeout(this.sessionTimer);
    const request = new XMLHttpRequest();
    request.open("GET", "/files/upload");
    request.responseType = "document";
    request.addEventListener("loadend", () => {
      this.isFinding = false;
      const place = request.response?.querySelector("[data-uploads]");
      if (place?.dataset.person === this.person) this.signIn(request.response);
      else this.sessionTimer = setTimeout(() => this.findSession(), LOOK_FOR_SESSION);
    });
    request.send();
  }

  signIn(page) {
    if (!this.signedOut) return;
    this.token = page.querySelector("form[data-upload] [name=csrf_token]").value;
    this.signedOut = false;
    this.pump();
  }

  /** Say whether bytes are only on this device, so that closing the page would stop them. */
  get isOnDevice() {
    return !this.refusesTus && this.entries.some(({ state }) => !OVER.includes(state));
  }
}

/** A file that was changed or taken away since it was chosen can't be read any more. */
async function readable(file) {
  return !file.size || file.slice(0, 1).arrayBuffer().then(() => true, () => false);
}

/** A random id, also where the page came without HTTPS: the address of a blob ends with one, `crypto.randomUUID` is not there. */
function uuid() {
  const address = URL.createObjectURL(new Blob());
  URL.revokeObjectURL(address);
  return address.slice(-36);
}

// --- one file on its way by tus ---------------------------------------------------------------
// Each start asks the server how far it is, and goes on from there.

/** Begin, or go on with, a file; what happens is told to the queue. Returns what can be aborted. */
function send(entry, queue) {
  const { file } = entry;
  const isNew = !entry.url;
  const upload = new queue.tus.Upload(file, {
    // With an address and no endpoint the client never begins anew by itself: that would be a second file.
    ...(isNew ? { endpoint: "/api/uploads" } : { uploadUrl: entry.url }),
    chunkSize: CHUNK,
    retryDelays: null, // the queue decides when
    storeFingerprintForResuming: false,
    uploadDataDuringCreation: file.size <= SMALL,
    overridePatchMethod: queue.overrides,
    headers: { "X-CSRF-Token": queue.token },
    metadata: isNew ? metadata(entry) : {},
    onUploadUrlAvailable: () => begun(),
    onAfterResponse: (request, response) => heard(entry, request, response, mine),
    onProgress: (bytes) => mine() && queue.sent(entry, bytes),
    // What is whole over there is done, also where somebody paused it in its last moment.
    onSuccess: () => (mine() || !entry.upload) && queue.done(entry),
    onError: (error) => mine() && queue.refused(entry, refusal(error)),
  });
  const mine = () => entry.upload === upload;
  // Someone may have paused or cancelled it while it was being announced.
  const begun = () => {
    entry.url ??= upload.url;
    if (!mine()) queue.orphaned(entry, upload);
  };
  entry.upload = upload;
  upload.start();
}

function metadata({ file, path, gesture, conflict }) {
  const told = {
    filename: file.name,
    relativePath: path.includes("/") ? path : "",
    parentId: gesture.parent,
    conflict,
    filetype: file.type,
    lastModified: file.lastModified,
    batch: gesture.batch,
  };
  return Object.fromEntries(Object.entries(told).filter(([, value]) => value !== ""));
}

/** Take the truth from every answer: how far the server is, and the job that this belongs to. */
function heard(entry, request, response, mine) {
  if (response.getStatus() >= 300 || !mine()) return;
  const offset = response.getHeader("Upload-Offset");
  if (offset > entry.received) entry.tries = 0;
  if (offset) entry.received = Number(offset);
  entry.gesture.job = response.getHeader("Upload-Job") ?? entry.gesture.job;
}

function refusal({ originalRequest, originalResponse }) {
  const status = originalResponse?.getStatus() ?? 0;
  const seconds = Number(originalResponse?.getHeader("Retry-After")) || 0;
  return { method: originalRequest?.getMethod(), status, seconds, ...told(originalResponse?.getBody()) };
}

function told(text) {
  try {
    const { code, detail } = JSON.parse(text);
    return { code, detail };
  } catch {
    return {};
  }
}

/** Have the server forget an upload. One that it can't be told of ends by itself after a day. */
function forget(url, queue) {
  const headers = { "Tus-Resumable": "1.0.0", "X-CSRF-Token": queue.token };
  if (queue.overrides) headers["X-HTTP-Method-Override"] = "DELETE";
  return fetch(url, { method: queue.overrides ? "POST" : "DELETE", headers }).catch(() => null);
}
