"""The tally of a run, and its table at the end."""

from __future__ import annotations

import pytest

from tests.attack.tally import Tally

COUNTED = pytest.StashKey[Tally]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[COUNTED] = Tally()


@pytest.fixture
def tally(pytestconfig: pytest.Config) -> Tally:
    return pytestconfig.stash[COUNTED]


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    tally = config.stash.get(COUNTED, None)
    if tally is not None and config.getoption("markexpr") == "attack":
        terminalreporter.section("attacked, and what the long form is to reach")
        for line in tally.lines():
            terminalreporter.write_line(line)
