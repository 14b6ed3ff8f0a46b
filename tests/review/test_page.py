"""The page in a real browser, against a real model: the whole loop by keyboard, two people, a refit, a phone."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from recdiff.audit.decisions import read_decisions
from tests.review.conftest import RING, Place, served

playwright = pytest.importorskip("playwright.sync_api")
expect = playwright.expect
expect.set_options(timeout=20_000)  # Machines are shared.
pytest.importorskip("starlette")
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if CHROMIUM is None:
    pytest.skip("no Chromium is installed", allow_module_level=True)


class Watched:
    """A page that must neither complain nor ask anybody else."""

    def __init__(self, browser: Any, address: str, width: int = 1280, scheme: str = "light") -> None:
        context = browser.new_context(viewport={"width": width, "height": 844}, color_scheme=scheme)
        self.page = context.new_page()
        self.faults: list[str] = []
        self.elsewhere: list[str] = []
        self.page.on(
            "console", lambda said: self.faults.append(said.text) if said.type in ("error", "warning") else None
        )
        self.page.on("pageerror", lambda error: self.faults.append(str(error)))
        self.page.on(
            "request", lambda asked: None if asked.url.startswith(address) else self.elsewhere.append(asked.url)
        )
        self.page.goto(address)
        self.page.wait_for_selector("#item h2", state="attached")

    def title(self, text: str) -> None:
        """Wait until the thing that is shown is called ``text``."""
        expect(self.page.locator("#item h2")).to_have_text(text)

    def hears(self, text: str) -> None:
        """Wait until a screen reader is told ``text``."""
        expect(self.page.locator("#said")).to_contain_text(text)

    def open(self, tab: str) -> None:
        """Go to a tab by its key, and wait for its first thing."""
        self.press(str(1 + ["group", "account", "edge"].index(tab)))
        expect(self.page.locator(f"#tab-{tab}")).to_have_attribute("aria-selected", "true")
        expect(self.page.locator("#lines .title").first).to_contain_text("Group" if tab == "group" else "-")

    def first(self, place: int = 0) -> str:
        return str(self.page.locator("#lines .title").nth(place).text_content())

    def press(self, *keys: str) -> None:
        for key in keys:
            self.page.keyboard.press(key)


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as started:
        found = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield found
        found.close()


def rows(place: Place) -> list[tuple[str, str, str]]:
    return [(each.what, each.src, each.verdict) for each in read_decisions(place.data / "decisions.csv")]


def test_the_whole_loop_by_keyboard(browser: Any, place: Place) -> None:
    with served(place, "--who", "ann") as address:
        seen = Watched(browser, address)
        seen.title("Group 1")
        # The group, with a reason.
        seen.press("n")
        seen.page.keyboard.type("one <b>campaign</b>")
        seen.press("Enter", "f")
        expect(seen.page.locator("#undo")).to_be_enabled()
        assert len(rows(place)) == RING + 1
        # Accounts that it decided are no longer open; the next ones are edges.
        seen.open("edge")
        one, two, three = (seen.first(each) for each in range(3))
        seen.title(one)
        seen.press("r")
        seen.title(two)
        seen.press("u")
        seen.title(three)
        assert [each[2] for each in rows(place)[-2:]] == ["real", "unsure"]
        seen.press("z")
        seen.title(two)
        seen.hears("taken back")
        seen.press("z")
        seen.title(one)
        seen.press("j", "k", "k")
        seen.title(one)
        # Search, open what is found, and read the reason as the text it is.
        seen.press("/")
        seen.page.keyboard.type("ring-02")
        seen.hears("found")
        seen.press("Escape", "2")
        seen.page.select_option("#state", "fake")
        expect(seen.page.locator("#lines .title").first).to_have_text("ring-02")
        seen.page.locator("#lines button").first.focus()
        seen.press("Enter")
        seen.title("ring-02")
        assert "one <b>campaign</b>" in seen.page.inner_text(".past")
        seen.page.reload()
        seen.title("ring-02")
        assert (seen.faults, seen.elsewhere) == ([], [])


def test_a_late_answer_takes_nobody_out_of_a_field(browser: Any, place: Place) -> None:
    """What is typed into the search is never read as verdicts, though the line that was asked for comes late."""
    with served(place) as address:
        seen = Watched(browser, address)
        seen.open("edge")
        seen.page.evaluate(
            """() => { const asked = window.fetch;
            window.fetch = (...told) => new Promise((done) => setTimeout(() => done(asked(...told)), 400)); }"""
        )
        second = seen.first(1)
        seen.press("j", "/")
        seen.page.keyboard.type("fur")
        seen.title(second)
        seen.page.wait_for_timeout(200)
        seen.page.keyboard.type("fur")
        expect(seen.page.locator("#text")).to_have_value("furfur")
        seen.hears("0 found")
        # Nor does a tab that comes late.
        seen.press("Escape", "2", "/")
        expect(seen.page.locator("#tab-account")).to_have_attribute("aria-selected", "true")
        seen.page.wait_for_timeout(1500)
        seen.page.keyboard.type("fur")
        expect(seen.page.locator("#text")).to_have_value("furfurfur")
        assert (seen.faults, rows(place)) == ([], [])


def test_the_graph_can_be_walked_and_left_again(browser: Any, place: Place) -> None:
    with served(place) as address:
        seen = Watched(browser, address)
        seen.open("account")
        start = seen.first()
        seen.title(start)
        seen.page.wait_for_timeout(300)
        spot = seen.page.evaluate(
            """() => { const box = document.querySelector('.graph'), node = box._cyreg.cy.nodes('[!centre]')[0];
            const place = box.getBoundingClientRect(), at = node.renderedPosition();
            return [place.x + at.x, place.y + at.y, node.id()]; }"""
        )
        seen.page.mouse.click(*spot[:2])
        seen.title(spot[2])
        seen.press("b")
        seen.title(start)
        # What is decided on a walk is that thing, and one stays with it.
        link = seen.page.locator(".names .link").first
        name = str(link.text_content())
        link.click()
        seen.title(name)
        seen.press("f")
        seen.page.wait_for_selector("#item .kind .chip.fake")
        assert rows(place) == [("account", name, "fake")]
        # Said twice it is decided once, and taken back once.
        seen.press("f")
        seen.page.wait_for_timeout(500)
        seen.press("z")
        seen.hears("taken back")
        expect(seen.page.locator("#undo")).to_be_disabled()
        assert [each[2] for each in rows(place)] == ["fake", "unsure"]
        assert (seen.faults, seen.elsewhere) == ([], [])


def test_two_people_at_once_and_a_refit_underneath(browser: Any, place: Place) -> None:
    with served(place, "--who", "ann") as one, served(place, "--who", "bob") as other:
        ann, bob = Watched(browser, one), Watched(browser, other)
        for each in (ann, bob):
            each.open("edge")
            each.title(each.first())
        ann.press("f")
        ann.title(ann.first(1))
        bob.press("r")
        said = bob.page.wait_for_selector("#notice-conflict")
        assert said.text_content().startswith("ann decided this fake")
        assert [each[2] for each in rows(place)] == ["fake"]
        bob.page.wait_for_selector("#item .kind .chip.fake")
        bob.press("r")
        bob.title(bob.first(1))
        assert [each[2] for each in rows(place)] == ["fake", "real"]
        # Ann hears of it; then the model is fitted again under both.
        ann.page.wait_for_selector("#lines .real", timeout=15_000)
        place.refit()
        for each in (ann, bob):
            each.page.locator("#notice-model button").first.click(timeout=15_000)
            each.hears("new model")
            assert each.page.inner_text("#progress").startswith("1 of ")
        # A conflict is an answer that the browser reports as a failed request; nothing else is wrong.
        assert ann.faults == []
        assert len(bob.faults) == 1
        assert "409" in bob.faults[0]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_queue_and_thing_in_turn(browser: Any, place: Place, scheme: str) -> None:
    with served(place) as address:
        seen = Watched(browser, address, 390, scheme)
        page = seen.page
        assert page.evaluate("document.documentElement.scrollWidth") == 390
        assert not page.is_visible("#item")
        page.locator("#lines button").first.click()
        page.wait_for_selector("#item h2", state="visible")
        assert not page.is_visible("#queue")
        assert page.evaluate("document.querySelector('#item').scrollWidth") <= 390
        for button in page.locator("#verdicts button").all():
            assert button.bounding_box()["height"] >= 44
        page.click(".back")
        page.wait_for_selector("#queue", state="visible")
        assert (seen.faults, seen.elsewhere) == ([], [])


def test_everything_that_can_be_used_has_a_name_and_a_contrast(browser: Any, place: Place) -> None:
    with served(place) as address:
        for scheme in ("light", "dark"):
            seen = Watched(browser, address, scheme=scheme)
            nameless = seen.page.evaluate(
                """() => [...document.querySelectorAll('button, input, select, [role=img], [role=progressbar]')].filter(
                (each) => !(each.textContent.trim() || each.ariaLabel || each.closest('label')?.textContent.trim()))
                .map((each) => each.outerHTML)"""
            )
            assert nameless == []
            levels = seen.page.evaluate("[...document.querySelectorAll('h1, h2, h3')].map((each) => +each.tagName[1])")
            assert levels.count(1) == 1
            for ink in ("--ink", "--muted", "--accent", "--fake", "--real", "--unsure"):
                for ground in ("--card", "--ground"):
                    assert contrast(seen.page, ink, ground) >= 4.5, (scheme, ink, ground)
            for name in ("fake", "real", "unsure"):
                assert contrast(seen.page, f"--{name}", f"--{name}-soft") >= 4.5, (scheme, name)


def contrast(page: Any, ink: str, ground: str) -> float:
    """Return the contrast of two colours as WCAG defines it."""

    def light(name: str) -> float:
        text = page.evaluate("(name) => getComputedStyle(document.documentElement).getPropertyValue(name)", name)
        parts = [int(text.strip()[place : place + 2], 16) / 255 for place in (1, 3, 5)]
        linear = [each / 12.92 if each <= 0.04045 else ((each + 0.055) / 1.055) ** 2.4 for each in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    low, high = sorted((light(ink), light(ground)))
    return (high + 0.05) / (low + 0.05)
