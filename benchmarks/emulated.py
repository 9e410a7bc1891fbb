"""A page behind a slow line: when what was drawn, and what it cost."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from playwright.sync_api import Browser, Page, Response

LATENCY = 50  # milliseconds, of every request
BITS = 20_000_000  # a second, either way
WAIT = 300_000
PAUSE = 400  # longer than the site waits for before it asks for what scrolled into sight

# The time after the first frame with something in the page that fits the selector was painted.
_WATCH = """
window.firstSeen = selector => new Promise(seen => {
  const drawn = () => requestAnimationFrame(() => {
    const painted = new MessageChannel();
    painted.port1.onmessage = () => seen(performance.now());
    painted.port2.postMessage(0);
  });
  const look = () => document.querySelector(selector) && (watch.disconnect(), drawn());
  const watch = new MutationObserver(look);
  watch.observe(document, { subtree: true, childList: true, attributes: true });
  look();
});
"""
_ACT = """async ([script, selector]) => {
  const start = performance.now();
  (0, eval)(script);
  return (await firstSeen(selector)) - start;
}"""


@dataclass
class Visit:
    """A page with an empty cache. Times are milliseconds, from the start of the navigation or of an act."""

    page: Page
    responses: list[Response] = field(default_factory=list)
    events: list[str] = field(default_factory=list)

    def open(self, url: str, selector: str) -> float:
        """Goes to a page; when something that fits the selector was drawn."""
        self.page.add_init_script(f"{_WATCH}\nwindow.seen = firstSeen({selector!r});")
        self.page.goto(url, wait_until="commit")
        return self.page.evaluate("window.seen")

    def act(self, script: str, selector: str) -> float:
        """Runs a script; after how long something that fits the selector was drawn."""
        return self.page.evaluate(_ACT, [script, selector])

    def settle(self) -> None:
        """Until nothing is on its way, nor about to be."""
        self.page.wait_for_timeout(PAUSE)
        self.page.wait_for_load_state("networkidle")

    def forget(self) -> None:
        """Counts from here."""
        self.responses.clear()
        self.events.clear()

    def cost(self) -> tuple[int, int]:
        """Requests, and bytes of their bodies."""
        return len(self.responses), sum(map(body, self.responses))

    def data(self) -> tuple[int, int]:
        """The same of the atlas alone, without manifest, metadata and vocabulary."""
        known = ("atlas.json", "zarr.json")
        found = [r for r in self.responses if "/atlas/" in r.url and not r.url.endswith(known)]
        found = [r for r in found if "vocabulary.zarr" not in r.url]
        return len(found), sum(map(body, found))

    def rounds(self) -> int:
        """How often requests had to wait for the answers of others."""
        starts = zip(["finished", *self.events], self.events, strict=False)
        return sum(before == "finished" and now == "request" for before, now in starts)


def body(response: Response) -> int:
    """Bytes of a body as it was sent."""
    return int(response.headers.get("content-length", 0))


@contextmanager
def visit(browser: Browser, slow: bool = True) -> Iterator[Visit]:
    """A new visitor, behind the slow line or on this machine."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, bypass_csp=True)
    page = context.new_page()
    page.set_default_timeout(WAIT)
    line = context.new_cdp_session(page)
    line.send("Network.enable")
    if slow:
        line.send(
            "Network.emulateNetworkConditions",
            {
                "offline": False,
                "latency": LATENCY,
                "downloadThroughput": BITS // 8,
                "uploadThroughput": BITS // 8,
            },
        )
    made = Visit(page)
    page.on("response", lambda response: made.responses.append(response))
    page.on("request", lambda _: made.events.append("request"))
    page.on("requestfinished", lambda _: made.events.append("finished"))
    yield made
    context.close()
