"""What an id says is shown and not obeyed."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest

from recdiff.cleaning.folder import restore_edges, write_cleaned
from recdiff.errors import DataError
from recdiff_cli.console import note, print_json, print_table, say, visible

Run = Callable[..., tuple[int, str, str]]
RED = "\x1b[31mann\x1b]0;owned\x07"
ODD = ["\x1b[2J", "\x9b2J", "a\rb", "a\nb", "a\x08b", "abc\u202edef", "\x7f"]


@pytest.mark.parametrize("odd", ODD)
def test_no_output_holds_what_steers_a_terminal(capsys: pytest.CaptureFixture[str], odd: str) -> None:
    print_table((odd, "count"), [(odd, 1)], title=odd)
    print_json({"id": odd})
    said = capsys.readouterr().out
    say(odd.replace("\n", "-"))
    note(odd.replace("\n", "-"))
    rest = capsys.readouterr()
    for text in (said, rest.out, rest.err):
        assert not set(text) & (set("".join(ODD)) - set("abcdef[2J\n"))
    assert json.loads(said[said.index("{") :]) == {"id": odd}


def test_escapes_are_spelled_out_and_letters_stay() -> None:
    assert visible(RED) == r"\x1b[31mann\x1b]0;owned\x07"
    assert visible("Zoë 🦊 李") == "Zoë 🦊 李"


def test_an_unknown_id_is_shown_in_an_error(run: Run, model_folder: Path) -> None:
    for words in (("recommend", "--users", RED), ("explain", RED, "ann")):
        code, out, err = run(*words, "--model", model_folder)
        assert code == 3
        assert r"\x1b[31mann" in err
        assert "\x1b" not in out + err


def test_edges_that_are_not_among_the_removed_are_named_short(tmp_path: Path) -> None:
    rows = pa.table({"src": ["a"], "dst": ["b"], "fake_score": [0.5], "keep": [True]})
    write_cleaned(tmp_path / "cleaned", rows, rows, {"edges": 2, "removed": 1})
    with pytest.raises(DataError) as caught:
        restore_edges(tmp_path / "cleaned", [("x" * 5000, "y")])
    assert f"{'x' * 77}... not among" in str(caught.value)
