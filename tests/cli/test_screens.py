"""What a command prints fits a terminal of 80 and of 120 columns, and its help has an example."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from recdiff_cli import console
from recdiff_cli.console import print_table
from recdiff_cli.examples import EXAMPLES
from recdiff_cli.main import app

Run = Callable[..., tuple[int, str, str]]
COMMANDS = sorted(each.name or "" for each in app.registered_commands)
SCREEN = 40
"""Lines of a screen, its notes included."""
PRINTING = (
    ("validate", "DATA"),
    ("clean-edges", "--threshold", "0.3"),
    ("accounts",),
    ("accounts", "--groups"),
    ("evaluate", "DATA"),
    ("evaluate-edges", "--truth", "DATA/truth.parquet"),
    ("recommend", "--explain", "--k", "3"),
    ("audit", "--size", "50", "--out", "audit.csv"),
    ("export", "--onnx", "--out", "bundle"),
    ("doctor",),
)


def screen(patch: pytest.MonkeyPatch, width: int) -> None:
    patch.setattr(console, "_width", lambda: width)


@pytest.mark.parametrize("width", [80, 120])
@pytest.mark.parametrize("words", PRINTING, ids=lambda words: " ".join(words[:2]))
def test_a_screen_holds_what_a_command_prints(
    run: Run,
    monkeypatch: pytest.MonkeyPatch,
    words: tuple[str, ...],
    width: int,
    sample_folder: Path,
    model_folder: Path,
) -> None:
    screen(monkeypatch, width)
    given = [word.replace("DATA", str(sample_folder)) for word in words]
    if words[0] not in ("validate", "doctor"):
        given += ["--model", str(model_folder)]
    code, out, _ = run(*given)
    assert code in (0, 4) if words == ("doctor",) else code == 0
    lines = out.splitlines()
    assert lines
    assert max(map(len, lines)) <= width
    assert len(lines) <= SCREEN


WIDE = ("src", "dst", "fake_score", "95 % interval", "kind", "common_friends", "shared_items", "degree_src")
ROWS = [
    ("ann", "bob", 0.5, "0.1 to 0.6", "a kind that takes many words to say", 12_345, 3, 1),
    ("c", "d", 1, "", "x", 1, 2, 3),
]


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
def test_no_word_of_a_header_is_broken_and_left_out_columns_are_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], width: int
) -> None:
    screen(monkeypatch, width)
    print_table(WIDE, ROWS)
    said = capsys.readouterr()
    head = said.out.partition("─")[0].split()
    shown = [name for name in WIDE if set(name.split()) <= set(head)]
    assert shown == list(WIDE[: len(shown)])
    assert len(shown) >= 2
    assert max(map(len, said.out.splitlines())) <= width
    left = WIDE[len(shown) :]
    assert said.err == (f"too wide for {width} columns: {', '.join(left)}\n" if left else "")


def test_numbers_end_in_one_column(capsys: pytest.CaptureFixture[str]) -> None:
    print_table(("what", "count"), [("edges", 42_616), ("fakes", "3,613 (159 to 7,989)"), ("ties", 7), ("none", "-")])
    ends = {len(line.rstrip()) for line in capsys.readouterr().out.splitlines() if re.search(r"[\d)-]$", line.rstrip())}
    assert len(ends) == 1


@pytest.mark.parametrize("command", COMMANDS)
def test_help_ends_with_an_example_of_the_command(run: Run, command: str) -> None:
    code, out, _ = run(command, "--help")
    assert code == 0
    last = " ".join(out.split("Example:")[-1].split())
    assert last == f"recdiff-sdk {EXAMPLES[command]}"
    assert last.split()[1] == command


def test_there_is_no_example_of_a_command_that_is_gone() -> None:
    assert sorted(EXAMPLES) == COMMANDS
