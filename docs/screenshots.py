"""Pictures of every kind of page of the demo, on a desktop and a phone, light and dark.

    python -m docs.screenshots [--site build/demo/site] [PAGE ...]

Writes `docs/screenshots/<page>-<size>-<theme>.webp`: what a visitor's first screen shows. The page of a
comparison is in a site made with one (docs/compare.md), of the demo's resid_post.2.sae and resid_post.3.sae.
"""

from __future__ import annotations

import argparse
import base64
import threading
from pathlib import Path

from playwright.sync_api import Browser, Page

from tests.browser.chromium import find_chromium, open_browser
from viewer_builder.serve import make_server

OUT = Path(__file__).parent / "screenshots"
SIZES = {"desktop": (1280, 900), "phone": (390, 844)}
THEMES = ("light", "dark")
QUALITY = 80
PAGES = {
    "overview": "index.html",
    "latent": "latent.html?at=resid_post.2.sae/417",
    "neuron": "latent.html?at=mlp_post.1/17",
    "no-latent": "latent.html?at=resid_post.9/417",
    "list": "dictionary/resid_post.2.sae.html",
    "map": "dictionary/resid_post.2.sae.html?view=map",
    "head": "head.html?at=attn.3/0",
    "layer": "heads/attn.3.html",
    "heads": "heads.html",
    "token": "token.html?text=%20return",
    "search": "search.html?q=opening",
    "side-by-side": "compare.html?a=resid_post.2.sae/417&b=resid_post.3.sae/1",
    "comparison": "comparison/resid_post.2.sae~resid_post.3.sae.html",
    "starred": "list.html?items=resid_post.2.sae/417,610,316&title=Words+that+begin",
    "embedded": "latent.html?at=resid_post.2.sae/417&embed=1&show=examples",
    "any-atlas": "open.html",
    "about": "about.html",
    "patterns": "patterns.html",
}


def main() -> None:
    """Takes the pictures that are asked for, all without any."""
    arguments = argparse.ArgumentParser(description=__doc__.split("\n\n")[0] if __doc__ else None)
    arguments.add_argument("--site", type=Path, default=Path("build/demo/site"), help="after: make demo")
    arguments.add_argument("pages", nargs="*", choices=[*PAGES, []], help="all without any")
    given = arguments.parse_args()
    OUT.mkdir(exist_ok=True)
    with make_server(given.site, 0) as server, open_browser(find_chromium()) as browser:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        for name in given.pages or PAGES:
            take(browser, f"http://127.0.0.1:{server.server_port}/{PAGES[name]}", name)
        server.shutdown()


def take(browser: Browser, url: str, name: str) -> None:
    """One page in every size and theme."""
    for size, (width, height) in SIZES.items():
        for theme in THEMES:
            context = browser.new_context(
                viewport={"width": width, "height": height},
                color_scheme="dark" if theme == "dark" else "light",
                reduced_motion="reduce",
            )
            page = context.new_page()
            page.goto(url)
            page.wait_for_load_state("networkidle")
            (OUT / f"{name}-{size}-{theme}.webp").write_bytes(picture(page))
            context.close()


def picture(page: Page) -> bytes:
    """The page as it is in sight, as WebP: a third of a PNG's size."""
    session = page.context.new_cdp_session(page)
    taken = session.send("Page.captureScreenshot", {"format": "webp", "quality": QUALITY})
    return base64.b64decode(taken["data"])


if __name__ == "__main__":
    main()
