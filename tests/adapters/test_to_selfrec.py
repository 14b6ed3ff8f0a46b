"""SELFRec and QRec, read back as their loaders split lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given

from recdiff_adapters import AdapterError, OptionError, to_qrec, to_selfrec
from tests.adapters import adapter_samples as samples

Writer = Callable[..., Path]
DELIMITERS = {to_selfrec: " ", to_qrec: " |,|\t"}


def read(path: Path, writer: Writer) -> list[tuple[str, str, float]]:
    """Split as the consumers do: text mode, stripped lines, a regular expression."""
    with path.open(encoding="utf-8") as file:
        parts = [re.split(DELIMITERS[writer], line.strip()) for line in file]
    return [(left, right, float(weight)) for left, right, weight in parts]


@pytest.mark.parametrize("writer", DELIMITERS)
def test_kept_edges_come_back(tmp_path: Path, writer: Writer) -> None:
    table = samples.ring(samples.PLAIN_IDS, keep=[False] + [True] * 9)
    expected = [(*ends, 1.0) for ends in samples.rows(table, "src", "dst")[1:]]
    assert read(writer(table, tmp_path / "social.txt"), writer) == expected


def test_the_text_is_exact(tmp_path: Path) -> None:
    path = to_selfrec(samples.ring(["a", "b"]), tmp_path / "social.txt", weight="trust")
    assert path.read_bytes() == b"a b 1\nb a 0.5\n"
    assert to_selfrec(samples.empty_edges(), tmp_path / "social.txt", force=True).read_bytes() == b""
    path = to_selfrec(samples.recommendations(), tmp_path / "ratings.txt")
    assert path.read_bytes() == b"007 7 2.5\n007 lamp -0.125\n7 lamp 0.5\n"


@pytest.mark.parametrize("writer", DELIMITERS)
def test_integer_ids(tmp_path: Path, writer: Writer) -> None:
    lines = read(writer(samples.integer_edges(), tmp_path / "social.txt"), writer)
    assert [int(line[0]) for line in lines] == samples.integer_edges()["src"].to_pylist()


@pytest.mark.parametrize("writer", DELIMITERS)
def test_the_weight_is_a_choice(tmp_path: Path, writer: Writer) -> None:
    table = samples.ring(["a", "b", "c", "d"])
    for weight, expected in {"trust": [1.0, 0.75, 0.5, 0.25], "fake_score": [0.0, 0.25, 0.5, 0.75]}.items():
        path = writer(table, tmp_path / "s.txt", weight=weight, force=True)
        assert [line[2] for line in read(path, writer)] == expected
    with pytest.raises(OptionError, match="weight 'none' is not known; it is one of one, trust, fake_score"):
        writer(table, tmp_path / "s.txt", weight="none")
    with pytest.raises(AdapterError, match="column fake_score, row 2: None: weight='trust' needs a fake_score"):
        writer(samples.edges(), tmp_path / "s.txt", weight="trust")


@pytest.mark.parametrize("writer", DELIMITERS)
def test_an_id_with_a_space_is_refused_by_row_and_value(tmp_path: Path, writer: Writer) -> None:
    table = samples.ring(["a", "b", "Zoë Z"], keep=[False, True, True])
    with pytest.raises(AdapterError, match=r"^column src, row 3: 'Zoë Z': SELFRec separates columns with spaces"):
        writer(table, tmp_path / "s.txt")
    assert list(tmp_path.iterdir()) == []


def test_a_bad_id_in_a_removed_row_does_no_harm(tmp_path: Path) -> None:
    table = pa.table({"src": ["a b", "c"], "dst": ["c", "d"], "fake_score": [0.9, 0.1], "keep": [False, True]})
    assert read(to_selfrec(table, tmp_path / "s.txt"), to_selfrec) == [("c", "d", 1.0)]


def test_only_qrec_refuses_commas(tmp_path: Path) -> None:
    table = samples.ring(["a,b", "c"])
    assert read(to_selfrec(table, tmp_path / "s.txt"), to_selfrec)[0][0] == "a,b"
    with pytest.raises(AdapterError, match="row 1: 'a,b': QRec splits lines at commas"):
        to_qrec(table, tmp_path / "q.txt")


@pytest.mark.parametrize("writer", DELIMITERS)
@samples.quick
@given(samples.id_lists)
def test_any_id_comes_back_or_is_refused(
    tmp_path_factory: pytest.TempPathFactory, writer: Writer, ids: list[str]
) -> None:
    table = samples.ring(ids)
    path = tmp_path_factory.mktemp("selfrec") / "s.txt"
    holds = all(name and len(name.split()) == 1 and name == name.strip() for name in ids)
    if holds and not (writer is to_qrec and "," in "".join(ids)):
        assert read(writer(table, path), writer) == [(*ends, 1.0) for ends in samples.rows(table, "src", "dst")]
    else:
        with pytest.raises(AdapterError):
            writer(table, path)
        assert not path.exists()
