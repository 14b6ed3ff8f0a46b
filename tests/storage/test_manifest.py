"""A manifest lists size and hash of every file, as other tools compute them; JSON is written the same each time."""

from __future__ import annotations

import hashlib
import mmap
from pathlib import Path

import pytest

from recdiff.storage.json_file import read_json, write_json
from recdiff.storage.manifest import listed, sha256

# Of the three bytes "abc", from the standard that defines the hash.
ABC = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_files_are_listed_with_size_and_hash(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    (tmp_path / "large").write_bytes(bytes(3 << 20))
    made = listed(tmp_path, ["abc", "large"])
    assert made["abc"] == {"bytes": 3, "sha256": ABC}
    assert made["large"] == {"bytes": 3 << 20, "sha256": hashlib.sha256(bytes(3 << 20)).hexdigest()}


def test_a_mapped_file_has_the_hash_of_its_bytes(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    with (tmp_path / "abc").open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
        assert sha256(mapped) == sha256(b"abc") == ABC


def test_json_is_the_same_for_the_same_values_and_finite(tmp_path: Path) -> None:
    file = tmp_path / "value.json"
    write_json(file, {"b": 1, "a": "ü"})
    assert file.read_text(encoding="utf-8") == '{\n  "a": "ü",\n  "b": 1\n}\n'
    assert read_json(file) == {"a": "ü", "b": 1}
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(file, {"a": float("nan")})
