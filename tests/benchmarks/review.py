"""How fast the review page opens and answers: `python -m tests.benchmarks.review OUT --model DIR [--times 5]`.

The page of a model is opened in headless Chromium, each time in a new context without a cache: from asking for the
address until the queue and the first thing are shown. Then the tab of edges is opened, the next page of it is turned
to, an id is searched, and edges are decided; each until the answer is shown. Medians. OUT/review.json and OUT/review.md
hold the figures. `sample --users 14000` and `fit` make a model of 99,429 edges.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

from tests.benchmarks.scoring import environment

COMMAND = [sys.executable, "-c", "from recdiff_cli.main import main; main()"]
DECIDED = 20


def main() -> None:
    """Measure and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--model", type=Path, required=True)
    parser.add_argument("--times", type=int, default=5)
    given = parser.parse_args()
    setting = environment()
    with tempfile.TemporaryDirectory() as data:
        begun = time.perf_counter()
        command = [*COMMAND, "review", "--model", str(given.model), "--data", data, "--port", "0"]
        process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
        assert process.stderr is not None
        address = re.search(r"http://\S+", process.stderr.readline())
        started = time.perf_counter() - begun
        assert address is not None
        try:
            found = {"start": started, **_opened(address[0], given.times)}
        finally:
            process.terminate()
            process.wait()
    found["environment"] = setting
    (given.out / "review.json").write_text(json.dumps(found, indent=2) + "\n")
    (given.out / "review.md").write_text(table(found))
    print(table(found))


@contextmanager
def timed(taken: dict[str, list[float]], what: str) -> Iterator[None]:
    """Add how many seconds the block takes."""
    begun = time.perf_counter()
    yield
    taken.setdefault(what, []).append(time.perf_counter() - begun)


def _opened(address: str, times: int) -> dict[str, Any]:
    """Return the medians of what one does on the page at ``address``, in seconds, and how many edges it holds."""
    from playwright.sync_api import expect, sync_playwright

    taken: dict[str, list[float]] = {}

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as started:
        browser = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        for _ in range(times):
            page = browser.new_context().new_page()
            title = page.locator("#item h2")
            with timed(taken, "open"):
                page.goto(address)
                title.wait_for()
            with timed(taken, "edges"):
                page.keyboard.press("3")
                expect(title).to_contain_text("–")
            count = page.locator("#tab-edge .number").text_content() or ""
            with timed(taken, "page"):
                page.locator("#later").click()
                expect(page.locator("#range")).to_contain_text("51 to")
            name = (page.locator("#lines .title").first.text_content() or "").split(" – ")[0]
            with timed(taken, "search"):
                page.fill("#text", name)
                expect(page.locator("#said")).to_contain_text("found")
            page.fill("#text", "")
            page.keyboard.press("Escape")
            expect(page.locator("#range")).to_contain_text("1 to 50")
            page.locator("#lines button").first.click()
            for _ in range(DECIDED // times):
                before = title.text_content() or ""
                with timed(taken, "decide"):
                    page.keyboard.press("r")
                    expect(title).not_to_have_text(before)
            page.context.close()
        browser.close()
    return {"edges_held": int(count.replace(",", "")), **{what: median(each) for what, each in taken.items()}}


def table(found: dict[str, Any]) -> str:
    """Return the page."""
    setting = found["environment"]
    rows = {
        "from the command to the address": found["start"],
        "the page opens: queue, first thing and its drawing": found["open"],
        "the tab of edges opens": found["edges"],
        "the next 50": found["page"],
        "an id is searched (0.15 s of it wait for more letters)": found["search"],
        "an edge is decided, the next one shown": found["decide"],
    }
    lines = "\n".join(f"| {what} | {seconds:.2f} s |" for what, seconds in rows.items())
    cores = f"{setting['cores']} core(s) of {setting['processor']}, load average before {setting['load_before']:.1f}"
    return (
        f"# The review page\n\n{found['edges_held']:,} edges, headless Chromium and the server on {cores}; medians.\n"
        "Made by `python -m tests.benchmarks.review OUT --model DIR`; see there.\n\n"
        f"| what | takes |\n|---|---:|\n{lines}\n"
    )


if __name__ == "__main__":
    main()
