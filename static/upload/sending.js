// One file on its way by tus: each start asks the server how far it is, and goes on from there.

const CHUNK = 16 << 20;
const SMALL = 256 << 10; // so small a file comes with its announcement, in one request

/** Begin, or go on with, a file; what happens is told to the queue. Returns what can be aborted. */
export function send(entry, queue) {
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
export function forget(url, queue) {
  const headers = { "Tus-Resumable": "1.0.0", "X-CSRF-Token": queue.token };
  if (queue.overrides) headers["X-HTTP-Method-Override"] = "DELETE";
  return fetch(url, { method: queue.overrides ? "POST" : "DELETE", headers }).catch(() => null);
}
