"""What axe and a ruler find on a page that a browser shows."""

from pathlib import Path
from typing import Any

from playwright.sync_api import Page

AXE = (Path(__file__).parent / "axe" / "4.14.1" / "axe.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
OF_COLOURS = ["color-contrast", "link-in-text-block"]  # all that another theme can change
THEMES = ("light", "dark")
WIDTHS = (1440, 390)

# Why axe could not decide: something lies over it, it is not in sight, or it is one sign only.
GEOMETRY = {
    "elmPartiallyObscuring",
    "elmPartiallyObscured",
    "bgOverlap",
    "outsideViewport",
    "shortTextContent",
}


Finding = tuple[str, str, str]


def findings(page: Page, within: str = "html", rules: list[str] = RULES) -> list[Finding]:
    """Return what axe found or could not decide in these parts of the page: rule, place, reason.

    What could not be decided is judged again where what scrolls shows other parts.
    """
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE)
    found = _judged(page, within, rules)
    for part in (0.5, 1):
        undecided = {one[:2] for one in found if one[2] in GEOMETRY}
        if not undecided:
            break
        page.evaluate(SCROLLED, part)
        again = [one for one in _judged(page, within, OF_COLOURS) if one[:2] in undecided]
        found = [one for one in found if one[:2] not in undecided] + again
    page.evaluate(SCROLLED, 0)
    return found


def _judged(page: Page, within: str, rules: list[str]) -> list[Finding]:
    run = "([within, rules]) => axe.run({include: [within]}, {runOnly: rules})"
    result: dict[str, list[dict[str, Any]]] = page.evaluate(run, [within, rules])
    return [
        (found["id"], str(node["target"]), reason_of(node))
        for found in result["violations"] + result["incomplete"]
        for node in found["nodes"]
    ]


SCROLLED = """part => {
  for (const one of document.querySelectorAll("*")) {
    const hidden = one.scrollWidth - one.clientWidth;
    if (hidden > 1) one.scrollLeft = part * hidden;
  }
}"""


def findings_in_both_themes(page: Page, within: str = "html") -> list[Finding]:
    """Return what axe finds in one theme, and what the colours of the other one add to it."""
    page.emulate_media(reduced_motion="reduce")  # no colour is judged on its way to another
    page.evaluate(WEAR, THEMES[0])
    found = findings(page, within)
    page.evaluate(WEAR, THEMES[1])
    return found + [one for one in findings(page, within, OF_COLOURS) if one not in found]


def findings_in_every_look(page: Page, within: str) -> list[Finding]:
    """Return what axe finds in parts that are open, in both themes and widths."""
    height = (page.viewport_size or {"height": 900})["height"]
    found: list[Finding] = []
    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": height})
        found += findings_in_both_themes(page, within)
    page.set_viewport_size({"width": WIDTHS[0], "height": height})
    return found


WEAR = "theme => { document.documentElement.dataset.theme = theme; }"


def reason_of(node: dict[str, Any]) -> str:
    given = [check["data"] for check in node["any"] if isinstance(check["data"], dict)]
    return str(given[0].get("messageKey")) if given else ""


def shift_of(page: Page) -> float:
    """Return how far things jumped while this page was loading: its cumulative layout shift."""
    return float(page.evaluate(SHIFTED))


SHIFTED = """() => new Promise(done => {
  let sum = 0;
  const add = entries => { for (const entry of entries) sum += entry.value; };
  const observer = new PerformanceObserver(list => add(list.getEntries()));
  observer.observe({ type: "layout-shift", buffered: true });
  requestAnimationFrame(() => setTimeout(() => { add(observer.takeRecords()); done(sum); }));
})"""


class RING:
    """Scripts that measure what has the focus, and what fingers must hit."""

    _STOPS = """const stops = [...document.querySelectorAll(
        "a[href], button, input:not([type=hidden]), select, summary, iframe, [tabindex='0']")]
      .filter(one => one.checkVisibility({ visibilityProperty: true }) && one.tabIndex >= 0)
      .filter(one => one.type !== "radio" || one.checked
        || ![...document.getElementsByName(one.name)].some(other => other.checked));"""
    # The ring may be drawn around a field. Covered: no point of it is on top.
    _FAULT = """const fault = (one) => {
      if (one === document.body) return "nothing has the focus";
      const named = one.outerHTML.slice(0, 90);
      const drawn = [one, one.closest("label, .pick")].filter(Boolean);
      const rings = drawn.map(each => getComputedStyle(each));
      const isRing = style => style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 3;
      if (!rings.some(isRing)) return `no ring: ${named}`;
      const box = one.getBoundingClientRect();
      for (let x = 1; x < 8; x++) for (let y = 1; y < 8; y++) {
        const at = document.elementFromPoint(
          box.left + box.width * x / 8, box.top + box.height * y / 8);
        if (at && (one.contains(at) || one.closest("label")?.contains(at))) return null;
      }
      return `covered: ${named}`;
    };"""
    # Looks at what has the focus each time a key comes up, so that one question is enough.
    WATCH = f"""() => {{ {_STOPS} {_FAULT}
      window.reached = new Set();
      window.faults = [];
      document.addEventListener("keyup", () => {{
        window.reached.add(document.activeElement);
        const found = fault(document.activeElement);
        if (found) window.faults.push(found);
      }}, {{ capture: true }});
      return stops.length;
    }}"""
    FOUND = f"""() => {{ {_STOPS}
      const missed = stops.filter(one => !window.reached.has(one));
      return [...window.faults, ...missed.map(one => `missed: ${{one.outerHTML.slice(0, 90)}}`)];
    }}"""
    SMALL = """() => [...document.querySelectorAll(
        ".bar-below a, .rows :is(a, button, input), .places a, .joblist a, .rows + .pager a")]
      .filter(one => one.checkVisibility() && !one.closest(".unseen, thead, p"))
      .map(one => [one.outerHTML.slice(0, 90), one.getBoundingClientRect()])
      .filter(([_, box]) => Math.min(box.width, box.height) < 43.5)
      .map(([name, box]) => `${Math.round(box.width)}x${Math.round(box.height)} ${name}`)"""
    PAINTED = """() => new Promise(done => new PerformanceObserver(
      list => done(list.getEntries().at(-1).startTime),
    ).observe({ type: "largest-contentful-paint", buffered: true }))"""
