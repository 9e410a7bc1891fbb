"""The Chromium of this machine, as tests, benchmarks and screenshots drive it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Browser, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome")
FLAGS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
MISSING = "no Chromium: apt-get install --yes chromium, or set CHROMIUM to one"


def find_chromium() -> str | None:
    """Path of a Chromium, CHROMIUM before any other; None if there is none."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def open_browser(executable: str | None) -> Iterator[Browser]:
    """A headless Chromium, closed at the end; SystemExit, with the remedy, if there is none."""
    if executable is None:
        raise SystemExit(MISSING)
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        yield opened
        opened.close()
