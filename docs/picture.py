"""Draw the review page anew: ``python docs/picture.py [--looks FOLDER]``.

A made-up sample of 500 users gets three rings whose edges came about within a week, a model is fitted, and an audit is
drawn. ``docs/review.png`` shows the second ring after the first was decided. With --looks, group, account and edge are
drawn at widths of 1280 and 390 pixels, light and dark, into FOLDER, to be looked at.
Needs Chromium and the packages of the tests.
"""

from __future__ import annotations

import argparse
import csv
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from recdiff.audit.place import noted
from recdiff.config import Config
from recdiff.config.scorer import ScorerConfig
from recdiff.data.dataset import SocialDataset
from recdiff.estimator import RecDiff

ROOT = Path(__file__).resolve().parent.parent
COMMAND = [sys.executable, "-c", "from recdiff_cli.main import main; main()"]
USERS, RINGS, AUDITED = 500, (24, 20, 14), 60
WEEK, YEAR, START = 7 * 86_400, 365 * 86_400, 1_700_000_000
SIZE = {1280: 860, 390: 844}
TABS = {"group": "1", "account": "2", "edge": "3"}


def main() -> None:
    """Draw the picture of the documentation, or all looks of the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--looks", type=Path, metavar="FOLDER")
    given = parser.parse_args()
    with TemporaryDirectory() as place:
        folder = Path(place)
        run("sample", folder / "data", "--users", USERS)
        with_rings(folder / "data")
        fitted(folder / "data", folder / "model")
        run("audit", "--model", folder / "model", "--size", AUDITED, "--out", folder / "audit.csv")
        with served(folder) as address:
            looks(address, given.looks) if given.looks else picture(address, ROOT / "docs" / "review.png")


def run(*words: object) -> None:
    """Run a command of recdiff-sdk."""
    subprocess.run([*COMMAND, *map(str, words)], check=True, stdout=subprocess.DEVNULL)


def fitted(data: Path, folder: Path) -> None:
    """Fit a model in a short time: rings are found by their groups, however well edges are scored."""
    config = replace(Config(), device="cpu", scorer=ScorerConfig(folds=2, divisions=1, rounds=1))
    model = RecDiff(config=config).fit(SocialDataset.read(data, directed=False))
    model.fitted_ = noted(model.fitted_, data, folder)
    model.save(folder)


def with_rings(data: Path) -> None:
    """Give every edge of the sample a time, and add rings whose edges came about within a week."""
    rng = np.random.default_rng(5)
    with (data / "social.csv").open(encoding="utf-8") as stream:
        edges = [(row["src"], row["dst"], START + rng.random() * YEAR) for row in csv.DictReader(stream)]
    users = [src for src, _, _ in edges]
    for number, size in enumerate(RINGS):
        ring = [f"promo-{number}{member:02}" for member in range(size)]
        pairs = [(one, other) for place, one in enumerate(ring) for other in ring[:place] if rng.random() < 0.4]
        pairs += [(one, users[int(rng.integers(len(users)))]) for one in ring]
        begin = START + YEAR * (0.3 + 0.2 * number)
        edges += [(*pair, begin + rng.random() * WEEK) for pair in pairs]
    with (data / "social.csv").open("w", newline="", encoding="utf-8") as stream:
        writer = csv.writer(stream)
        writer.writerow(("src", "dst", "tied_at"))
        writer.writerows((src, dst, int(when)) for src, dst, when in edges)


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """Serve the review page and yield its address."""
    words = ["review", "--model", folder / "model", "--audit", folder / "audit.csv", "--port", 0, "--who", "dana"]
    process = subprocess.Popen([*COMMAND, *map(str, words)], stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        address = re.search(r"http://\S+", process.stderr.readline())
        assert address is not None
        yield address[0]
    finally:
        process.terminate()
        process.wait()


@contextmanager
def browser() -> Iterator[Any]:
    """Start a headless Chromium."""
    from playwright.sync_api import sync_playwright

    chromium = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))))
    with sync_playwright() as started:
        found = started.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield found
        found.close()


def opened(chromium: Any, address: str, width: int, scheme: str) -> Any:
    """Open the page at a width, in light or dark."""
    view = {"width": width, "height": SIZE[width]}
    page = chromium.new_context(viewport=view, color_scheme=scheme, reduced_motion="reduce").new_page()
    page.set_default_timeout(120_000)
    page.goto(address)
    page.locator("#item h2").wait_for(state="attached")
    return page


def picture(address: str, target: Path) -> None:
    """Decide the first group for a reason and draw what is shown then."""
    with browser() as chromium:
        page = opened(chromium, address, 1280, "light")
        page.keyboard.press(TABS["group"])
        page.locator("#item h2", has_text="Group").wait_for()
        first = page.locator("#item h2").inner_text()
        page.keyboard.press("n")
        page.keyboard.type("coupon ring, same week")
        page.keyboard.press("Enter")
        page.keyboard.press("f")
        page.wait_for_function("first => document.querySelector('#item h2').innerText !== first", arg=first)
        page.wait_for_timeout(2_000)
        page.screenshot(path=target)


def looks(address: str, folder: Path) -> None:
    """Draw the queue and one thing of each sort, at every width, in light and dark."""
    folder.mkdir(parents=True, exist_ok=True)
    with browser() as chromium:
        for width in SIZE:
            for scheme in ("light", "dark"):
                page = opened(chromium, address, width, scheme)
                for what, key in TABS.items():
                    page.keyboard.press(key)
                    page.locator(f"#tab-{what}[aria-selected=true]").wait_for()
                    page.locator("#lines button").first.wait_for(state="attached")
                    if width < 760 and page.locator("#lines").is_visible():
                        page.screenshot(path=folder / f"queue-{what}-{width}-{scheme}.png")
                        page.locator("#lines button").first.click()
                    page.wait_for_timeout(2_000)
                    page.screenshot(path=folder / f"{what}-{width}-{scheme}.png")
                page.context.close()


if __name__ == "__main__":
    main()
