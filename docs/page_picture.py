"""Make the picture of the page in the README: the page as served, after the example button.

    python docs/page_picture.py

From the top folder of the repository; needs the extras [page] and [test] and a chromium.
"""

import shutil
import subprocess
import sys

from playwright.sync_api import sync_playwright

FIGURE = "docs/figures/page.png"
WIDTH, HEIGHT = 1100, 1250


def main() -> None:
    """Serve the page, press the button, and take the picture when the distance is there."""
    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if chromium is None:
        sys.exit("no chromium was found: apt-get install chromium")
    command = [sys.executable, "-m", "xnet_onnx", "page", "--no-browser"]
    with (
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server,
        sync_playwright() as playwright,
    ):
        assert server.stdout is not None
        try:
            browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
            page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
            page.set_default_timeout(60_000)
            page.goto(server.stdout.readline().strip())
            page.get_by_role("button", name="Try the example").click()
            page.get_by_text("First shell").first.wait_for()
            page.get_by_text("Most similar").first.wait_for()
            page.wait_for_timeout(3_000)  # the figures come after the words
            page.screenshot(path=FIGURE)
            browser.close()
        finally:
            server.terminate()
    print(FIGURE)


if __name__ == "__main__":
    main()
