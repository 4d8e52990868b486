"""How long a person waits for ``xnet-onnx page``: for the first answer, and for the next ones.

    python benchmarks/page.py [--chromium PATH]

Wall time, and the processor time of the server and of the browser, which another load on the computer
changes little. Needs the extras [page] and [test], and chromium.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "scorodite_simulated.xdi"
DROPS = 10


def descendants(pid: int) -> list[int]:
    """A process and all below it (Linux)."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in task.read_text().split():
            found += descendants(int(child))
    return found


def processor(pids: list[int]) -> float:
    """Seconds of processor time that processes have used."""
    ticks = 0
    for pid in pids:
        try:
            fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        except OSError:
            continue
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def answered(page: Any, files: list[Path], shown: str) -> None:
    page.locator("input[type=file]").set_input_files([str(path) for path in files])
    page.locator(shown).wait_for()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    arguments = parser.parse_args()
    folder = Path(tempfile.mkdtemp(prefix="page-benchmark-"))
    copies = [folder / f"scan_{i:02d}.xdi" for i in range(DROPS + 50)]
    for path in copies:
        path.write_bytes(EXAMPLE.read_bytes())
    command = [sys.executable, "-m", "xnet_onnx", "page", "--no-browser"]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        page = browser.new_page()
        begun = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
            try:
                assert server.stdout is not None
                url = server.stdout.readline().strip()
                ready = time.perf_counter() - begun
                start = processor([server.pid])
                page.goto(url)
                page.get_by_role("button", name="Try the example").click()
                page.locator("h2").wait_for()
                first = time.perf_counter() - begun
                browsers = [pid for pid in descendants(os.getpid()) if pid not in (os.getpid(), server.pid)]

                def lap(action: Any) -> tuple[float, float, float]:
                    before = time.perf_counter(), processor([server.pid]), processor(browsers)
                    action()
                    return tuple(  # type: ignore[return-value]
                        now - then
                        for now, then in zip(
                            (time.perf_counter(), processor([server.pid]), processor(browsers)),
                            before,
                            strict=True,
                        )
                    )

                page.wait_for_timeout(2000)
                drops = [
                    lap(lambda path=path: answered(page, [path], f"h2:has-text('{path.name}')"))
                    for path in copies[:DROPS]
                ]
                fifty = lap(lambda: answered(page, copies[DROPS:], f"h2:has-text('{copies[DROPS].name}')"))
            finally:
                server.terminate()
        browser.close()
    shutil.rmtree(folder)
    print(f"load of the computer: {os.getloadavg()[0]:.1f} on {os.cpu_count()} processors")
    print(f"command to address: {ready:.2f} s, {start:.2f} s of processor time")
    print(f"command to first answer: {first:.2f} s")
    wall, of_server, of_browser = (1000 * statistics.median(column) for column in zip(*drops, strict=True))
    print(f"drop to answer, median of {DROPS}: {wall:.0f} ms")
    print(f"    of processor time: server {of_server:.0f} ms, browser {of_browser:.0f} ms")
    print(f"fifty to their answers: {fifty[0]:.2f} s (server {fifty[1]:.2f} s, browser {fifty[2]:.2f} s)")


if __name__ == "__main__":
    main()
