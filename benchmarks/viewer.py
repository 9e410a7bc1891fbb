"""The site in a headless Chromium behind a line of 50 ms and 20 Mbit: what a visitor waits for.

    python -m benchmarks.viewer [--demo build/demo/site] [--peer PAGE.html --peer-scripts FOLDER] [--json]

On the demo's site and on one of a made-up dictionary of 100,000 latents; each time is the median of five
visits with empty caches, to the frame in which it was drawn. With --peer, a page of SAEDashboard
(`benchmarks/peers/page.py`) beside it on the same line. Ends with one JSON object, and writes its section
of `docs/performance.md`.
"""

from __future__ import annotations

import argparse
import gzip
import json
import shutil
import statistics
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Browser, Route

from benchmarks.emulated import BITS, LATENCY, Visit, body, visit
from benchmarks.report import machine, write_section
from tests import synthetic_scale
from tests.browser.chromium import find_chromium, open_browser
from viewer_builder.build import build_site
from viewer_builder.serve import make_server

ROUNDS = 5
FRAMES = 60
LATENT, NEXT = "resid_post.2.sae/417", "resid_post.2.sae/418"
KIB = 1024
Found = dict[str, float]


def main() -> None:
    """Prints one JSON object."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    arguments.add_argument("--demo", type=Path, default=Path("build/demo/site"), help="after: make demo")
    arguments.add_argument("--peer", type=Path, help="a page of SAEDashboard")
    arguments.add_argument("--peer-scripts", type=Path, help="folder of the scripts that it asks others for")
    arguments.add_argument("--json", action="store_true", help="print the JSON object only")
    given = arguments.parse_args()
    with tempfile.TemporaryDirectory() as folder, open_browser(find_chromium()) as browser:
        found = measure(browser, given.demo, Path(folder), given.peer, given.peer_scripts)
    write_section("viewer", report(found))
    print(json.dumps(found, indent=None if given.json else 1))


def measure(browser: Browser, demo: Path, folder: Path, peer: Path | None, scripts: Path | None) -> Found:
    """Everything, by name; milliseconds, bytes and counts."""
    with serving(demo) as url:
        found = latents(browser, url) | search(browser, url)
    atlas = synthetic_scale.scale(folder / "scale")
    build_site(str(atlas), folder / "site", link=None)
    with serving(folder / "site") as url:
        found |= long_list(browser, url) | long_map(browser, url)
    if peer is not None:
        found |= peer_page(browser, peer, folder / "peer", scripts)
    return found


def latents(browser: Browser, url: str) -> Found:
    """A first latent page with everything cold, and the next one from it."""

    def once() -> Found:
        with visit(browser) as seen:
            first = seen.open(f"{url}/latent.html?at={LATENT}", "li.example .cell")
            seen.settle()
            requests, size = seen.cost()
            found = {"first_ms": first, "first_requests": requests, "first_bytes": size}
            found["first_data_requests"], found["first_data_bytes"] = seen.data()
            scripts = [each.body() for each in seen.responses if each.url.split("?")[0].endswith(".js")]
            found["script_gz"] = sum(len(gzip.compress(script)) for script in scripts)
            seen.forget()
            found["next_ms"] = seen.act(press("ArrowRight"), f'[data-ready="{NEXT}"]')
            seen.settle()
            found["next_requests"], found["next_bytes"] = seen.cost()
            return found

    return medians(once)


def search(browser: Browser, url: str) -> Found:
    """From a word typed in the header's box to its results, on this machine: the first word, and another."""

    def once() -> Found:
        with visit(browser, slow=False) as seen:
            seen.open(f"{url}/latent.html?at={LATENT}", "li.example .cell")
            seen.settle()
            found: Found = {}
            for name, word in (("search_first_ms", "import"), ("search_next_ms", "return")):
                seen.forget()
                found[name] = seen.act(typed(word), f'.search[data-found="{word}"]')
                seen.settle()
                found[name.replace("_ms", "_bytes")] = seen.cost()[1]
            return found

    return medians(once)


def long_list(browser: Browser, url: str) -> Found:
    """The list of 100,000 latents: its first rows, and those after a sort by another column."""
    page = f"{url}/dictionary/{synthetic_scale.DICTIONARY_ID}.html"
    column = "/stats/skew"

    def once() -> Found:
        with visit(browser) as seen:
            found = {"list_ms": seen.open(page, "[data-ready] .row")}
            seen.settle()
            seen.forget()
            found["sort_ms"] = seen.act(_SORT, '[aria-sort="descending"]')
            seen.settle()
            beyond = [each for each in seen.responses if column not in each.url]
            found["sort_rounds"], found["sort_bytes"] = seen.rounds(), sum(map(body, beyond))
            return found

    return medians(once)


def long_map(browser: Browser, url: str) -> Found:
    """The map of 100,000 latents: until it is drawn, and the script of a frame while it is panned."""
    page = f"{url}/dictionary/{synthetic_scale.DICTIONARY_ID}.html?view=map"

    def once() -> Found:
        with visit(browser) as seen:
            seen.page.add_init_script(_TIMED)
            found = {"map_ms": seen.open(page, ".map[data-drawn]")}
            seen.settle()
            return found | panning(seen)

    return medians(once)


def panning(seen: Visit) -> Found:
    """Milliseconds of script in a frame, the median one and the worst but one in twenty."""
    box = seen.page.locator(".map").bounding_box()
    assert box is not None
    x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    seen.page.mouse.move(x, y)
    seen.page.mouse.down()
    seen.page.evaluate("window.framesMs.length = 0")
    for step in range(FRAMES):
        seen.page.mouse.move(x + 3 * step, y + step)
        seen.page.wait_for_timeout(20)
    seen.page.mouse.up()
    frames = sorted(seen.page.evaluate("window.framesMs"))
    return {"pan_ms": statistics.median(frames), "pan_worst_ms": frames[int(0.95 * len(frames))]}


def peer_page(browser: Browser, peer: Path, folder: Path, scripts: Path | None) -> Found:
    """SAEDashboard's page on the same line; what it asks of other hosts comes at once and is not counted."""
    folder.mkdir()
    shutil.copyfile(peer, folder / "index.html")

    def once() -> Found:
        with serving(folder) as url, visit(browser) as seen:

            def others(route: Route) -> None:
                if route.request.url.startswith(url):
                    route.continue_()
                elif scripts is not None:
                    route.fulfill(path=scripts / Path(route.request.url).name)
                else:
                    route.abort()

            seen.page.route("**/*", others)
            first = seen.open(f"{url}/index.html", ".seq-group .token")
            page = next(each for each in seen.responses if each.url == f"{url}/index.html")
            return {"peer_ms": first, "peer_sent": body(page), "peer_bytes": peer.stat().st_size}

    return medians(once, rounds=1 if peer.stat().st_size > 2**26 else 3)


def press(key: str) -> str:
    """Script that presses a key."""
    return f"dispatchEvent(new KeyboardEvent('keydown', {{ key: '{key}', bubbles: true }}))"


def typed(word: str) -> str:
    """Script that puts a word into the search box."""
    return (
        "const box = document.querySelector('.search input'); box.focus();"
        f"box.value = '{word}'; box.dispatchEvent(new InputEvent('input', {{ bubbles: true }}))"
    )


def medians(once: Callable[[], Found], rounds: int = ROUNDS) -> Found:
    """Of each number the median of all rounds."""
    taken = [once() for _ in range(rounds)]
    return {name: round(statistics.median(each[name] for each in taken), 2) for name in taken[0]}


@contextmanager
def serving(folder: Path) -> Iterator[str]:
    """Serves a folder on this machine."""
    with make_server(folder, 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def report(found: Found) -> str:
    """The section of the page."""
    rows = [
        ("first latent page, everything cold: first example", ms(found["first_ms"]), "700 ms"),
        ("the same: requests of data", f"{found['first_data_requests']:.0f}", "10"),
        ("the same: bytes of data", size(found["first_data_bytes"]), "64 KiB"),
        (
            "the same: requests and bytes in all",
            f"{found['first_requests']:.0f}, {size(found['first_bytes'])}",
            "",
        ),
        ("next latent", ms(found["next_ms"]), "150 ms"),
        ("the same: requests", f"{found['next_requests']:.0f}", "4"),
        ("the same: bytes", size(found["next_bytes"]), "10 KiB"),
        ("script of the latent page, gz", size(found["script_gz"]), "80 KB"),
        ("a word searched, the first of a visit; no line", ms(found["search_first_ms"]), "200 ms"),
        ("another word; no line", ms(found["search_next_ms"]), "200 ms"),
        ("list of 100,000 latents: first rows", ms(found["list_ms"]), "1,200 ms"),
        ("the same sorted anew: rounds of requests", f"{found['sort_rounds']:.0f}", "2"),
        ("the same: bytes beyond the column", size(found["sort_bytes"]), "64 KiB"),
        ("map of 100,000 latents: first drawn", ms(found["map_ms"]), "1,200 ms"),
        ("the same: script of a frame while panned", f"{found['pan_ms']:.2f} ms", "16 ms"),
    ]
    if "peer_ms" in found:
        peer = f"{found['peer_sent'] / 2**20:.1f} MiB, {found['peer_bytes'] / 2**20:.1f} unpacked"
        rows.append(("SAEDashboard, one HTML of 256 latents: first example", ms(found["peer_ms"]), ""))
        rows.append(("the same: bytes", peer, ""))
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return f"{_HEAD}{table}\n{machine()}\n{_TAIL}"


def ms(value: float) -> str:
    """Whole milliseconds."""
    return f"{value:,.0f} ms"


def size(value: float) -> str:
    """Bytes as KiB."""
    return f"{value / KIB:.1f} KiB"


_TIMED = """
window.framesMs = [];
const ask = window.requestAnimationFrame.bind(window);
window.requestAnimationFrame = draw => ask(now => {
  const begin = performance.now();
  draw(now);
  window.framesMs.push(performance.now() - begin);
});
"""
_SORT = """
const buttons = [...document.querySelectorAll(".list-head button")];
buttons.find(button => button.textContent.startsWith("skew")).click();
"""
_HEAD = f"""## Viewing

Written by `python -m benchmarks.viewer`: headless Chromium and a local server, with {LATENCY} ms added
to each request and {BITS // 10**6} Mbit a second. Medians of {ROUNDS} visits with empty caches, to the frame
in which something was drawn.

| what | measured | budget |
|---|---|---|
"""
_TAIL = """
The latent pages are the demo's, whose vocabulary has 4,096 types; the list and the map are of a made-up
dictionary of 100,000 latents. The server packs text, as static hosts do, SAEDashboard's page too; bytes are
those sent. A word is searched on this machine without the line, as its budget says. SAEDashboard's page,
whose excerpts are eleven tokens long, ours up to 64, brings all of its latents at once; with whole windows of
128 tokens as excerpts it has 93 MiB unpacked (`benchmarks/peers/page.py --whole`). The scripts that it asks
of other hosts come at once and are not counted.
"""

if __name__ == "__main__":
    main()
