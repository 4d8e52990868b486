"""A page being served, and a browser (Debian's chromium) to look at it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)

#: innerText leaves out what is in shadow trees, where Bokeh draws everything.
TEXT = """() => {
  const said = [];
  const walk = node => {
    if (node.nodeType === Node.TEXT_NODE) said.push(node.data);
    if (node.shadowRoot) walk(node.shadowRoot);
    if (!["STYLE", "SCRIPT"].includes(node.nodeName)) node.childNodes.forEach(walk);
  };
  walk(document.body);
  return said.join(" ");
}"""


@pytest.fixture(scope="session")
def url() -> Iterator[str]:
    """Address of ``xnet-onnx page``, run as a person runs it."""
    pytest.importorskip("panel", reason="the page needs the extra [page]")
    with subprocess.Popen(
        [sys.executable, "-m", "xnet_onnx", "page", "--no-browser"], stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        line = process.stdout.readline().strip()
        assert line.startswith("http://127.0.0.1:"), line
        yield line
        process.terminate()


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    if CHROMIUM is None:
        pytest.skip("chromium is not installed (apt-get install chromium)")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as playwright:
        # As root, in a container, chromium has no sandbox of its own.
        started = playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield started
        started.close()


class Tab:
    """A tab of the page, and all that it asked for."""

    def __init__(self, page: Any, url: str) -> None:
        self.page = page
        self.asked: list[str] = []
        self.wrong: list[str] = []
        page.set_default_timeout(60_000)
        page.on("request", lambda request: self.asked.append(request.url))
        page.on("websocket", lambda socket: self.asked.append(socket.url))
        page.on("pageerror", lambda error: self.wrong.append(str(error)))
        page.on("console", lambda said: self.wrong.append(said.text) if said.type == "error" else None)
        page.goto(url)
        page.get_by_role("button", name="Try the example").wait_for()

    def drop(self, *paths: Path) -> None:
        """Let files fall on the drop zone, as the mouse does."""
        zone = self.page.locator("input[type=file]")
        zone.wait_for()
        box = zone.bounding_box()
        at = {"x": box["x"] + box["width"] / 2, "y": box["y"] + box["height"] / 2}
        held = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
        devtools = self.page.context.new_cdp_session(self.page)
        for kind in ("dragEnter", "dragOver", "drop"):
            devtools.send("Input.dispatchDragEvent", {"type": kind, "data": held, **at})

    def shows(self, file: str) -> str:
        """Wait until a file's answer is shown, and give it."""
        self.page.locator("h2", has_text=file).wait_for()
        return str(self.page.locator(".lead").inner_text())

    def counts(self, text: str) -> None:
        """Wait until the summary says so."""
        self.page.locator("p[role=status]", has_text=text).wait_for()

    def text(self) -> str:
        """All that the page says, in the order of its elements."""
        return str(self.page.evaluate(TEXT))

    def download(self, name: str) -> bytes:
        button = self.page.locator("a").filter(has_text=re.compile(rf"^{re.escape(name)}$"))
        with self.page.expect_download() as found:
            button.click()
        return Path(found.value.path()).read_bytes()

    def outsiders(self) -> list[str]:
        """What was asked of anybody but the page's own server."""
        own = urlsplit(self.page.url).netloc
        return [
            asked
            for asked in self.asked
            if urlsplit(asked).scheme not in ("data", "blob") and urlsplit(asked).netloc != own
        ]


@pytest.fixture
def open_tab(browser: Any, url: str) -> Iterator[Callable[..., Tab]]:
    contexts = []

    def opened(**options: Any) -> Tab:
        context = browser.new_context(**({"viewport": {"width": 1200, "height": 900}} | options))
        contexts.append(context)
        return Tab(context.new_page(), url)

    yield opened
    for context in contexts:
        context.close()
