"""What is said to be next means the model that was just spoken of, and fits a terminal of 80 columns."""

from __future__ import annotations

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from recdiff_cli import console
from recdiff_cli.examples import EXAMPLES, LINES
from recdiff_cli.main import app
from recdiff_cli.options import DEFAULT_MODEL, of_model

Run = Callable[..., tuple[int, str, str]]


def test_only_another_model_than_the_usual_is_named() -> None:
    assert of_model(DEFAULT_MODEL) == ""
    assert shlex.split(of_model(Path("my model"))) == ["--model", "my model"]


def test_a_fit_to_another_place_names_it_in_the_next_commands(
    run: Run, sample_folder: Path, quick_scorer: dict[str, Any]
) -> None:
    code, _, err = run("fit", sample_folder, "--epochs", 1, "--out", "other")
    assert code == 0, err
    said = [line.strip() for line in err.splitlines() if line.startswith("  recdiff-sdk ")]
    assert said == [
        "recdiff-sdk clean-edges --threshold 0.3 --model other",
        "recdiff-sdk export --onnx --model other",
    ]
    code, _, err = run(*shlex.split(said[0])[1:])
    assert code == 0, err


def test_every_command_has_a_whole_line_in_the_list(run: Run) -> None:
    _, out, _ = run("--help")
    listed = out.partition("Commands:\n")[2].splitlines()
    assert len(listed) == len(app.registered_commands)
    assert [line for line in listed if len(line) > 80 or not line.endswith(".") or line.endswith("...")] == []
    assert LINES.keys() <= EXAMPLES.keys()


def test_a_sentence_is_broken_between_words_on_a_terminal_alone(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    console.say_wrapped("one two-three four")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    monkeypatch.setattr(console, "_width", lambda: 11)
    console.say_wrapped("one two-three four")
    assert capsys.readouterr().out == "one two-three four\none\n  two-three\n  four\n"
