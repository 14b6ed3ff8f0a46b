"""Whatever a bundle's files hold, it is refused by name or it works: never a raw error, never a crash."""

from __future__ import annotations

import json
import resource
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from recdiff_export.bundle.names import files_of
from tests.export.export_parts import USERS
from tests.export.hostile import Change, arrow, edited, flipped, make, npy, said
from tests.export.servers import COMMAND

FILES = sorted(files_of(denoises=True, recommends=True))
GRAPHS = [name for name in FILES if name.endswith(".onnx")]
# What the runtime opens on a processor; the two others are for a card and for other runtimes.
RUN = ["denoiser.onnx", "fake_score.onnx", "recommender.onnx"]
DRAWN = np.random.default_rng(11)


def outcomes(bundle: Path, home: Path, changes: dict[str, Change]) -> dict[str, tuple[str, str]]:
    """Return what came of each changed bundle, opened in a process of its own with bounded memory."""
    home.mkdir()
    make(bundle, home, changes)
    child = subprocess.run(
        [sys.executable, "-m", "tests.export.hostile", str(home)],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30)),
    )
    lines = [json.loads(line) for line in child.stdout.splitlines()]
    assert child.returncode == 0, (lines[-1:], child.stderr[-2000:])
    found = {line["name"].replace("|", "/"): (line["came"], line.get("said", "")) for line in lines if "name" in line}
    assert found.keys() == changes.keys()
    return found


def require_refused(found: dict[str, tuple[str, str]], file: Callable[[str], str]) -> None:
    bad = {name: one for name, one in found.items() if one[0] != "refused" or file(name) not in one[1]}
    assert not bad


def test_a_changed_file_is_refused_by_name(bundle: Path, tmp_path: Path) -> None:
    changes: dict[str, Change] = {}
    for name in FILES:
        for place in DRAWN.integers(0, 1 << 40, 3).tolist():
            flip = lambda data, place=place: flipped(data, place)  # noqa: E731
            changes[f"{name} bit {place}"] = edited(name, flip, honest=True)
        changes[f"{name} short"] = edited(name, lambda data: data[: len(data) // 2], honest=True)
        changes[f"{name} empty"] = edited(name, lambda _: b"", honest=True)
        changes[f"{name} long"] = edited(name, lambda data: data + b"\0", honest=True)
        changes[f"{name} absent"] = lambda folder, name=name: (folder / name).unlink()  # type: ignore[misc]
        changes[f"{name} folder"] = lambda folder, name=name: (  # type: ignore[misc]
            (folder / name).unlink(),
            (folder / name).mkdir(),
        )
    changes["stranger"] = lambda folder: (folder / "stranger").touch()
    require_refused(outcomes(bundle, tmp_path / "home", changes), lambda name: name.split()[0])


ODD = [None, True, -1, 0, 1, 7, 1 << 39, 1 << 70, 0.5, 1e300, "", "7", "\ud83d", [], {}, [[]], {"a": {}}]


def manifests() -> dict[str, Change]:
    """Return manifests that say something else, each about itself alone."""
    changes: dict[str, Change] = {}
    fields = [
        "users",
        "items",
        "row_width",
        "row_type",
        "embedding_width",
        "kinds",
        "directed",
        "recommends",
        "members",
    ]
    for field in [*fields, "tolerance", "metadata", "parity", "files", "format", "extra"]:
        changes[f"{field} absent"] = said(lambda held, field=field: held.pop(field, None))
        for number, odd in enumerate(ODD):
            changes[f"{field} odd {number}"] = said(lambda held, field=field, odd=odd: held.update({field: odd}))
    for name in [
        "../../etc/passwd",
        "/etc/passwd",
        "",
        ".",
        "..",
        "users.arrow\0",
        "a/b",
        "~",
        "x" * 5000,
        "users.ARROW",
    ]:
        changes[f"lists {name[:20]!r}"] = said(
            lambda held, name=name: held["files"].update({name: held["files"]["users.arrow"]})
        )
        changes[f"renames {name[:20]!r}"] = said(
            lambda held, name=name: held["files"].update({name: held["files"].pop("users.arrow")})
        )
    for field in ("bytes", "sha256", "sample_sha256", "extra"):
        for number, odd in enumerate(ODD):
            changes[f"record {field} {number}"] = said(
                lambda held, field=field, odd=odd: held["files"]["users.arrow"].update({field: odd})
            )
    for number, odd in enumerate(ODD):
        changes[f"threshold {number}"] = said(lambda held, odd=odd: held["metadata"].update(threshold=odd))
        changes[f"record {number}"] = said(lambda held, odd=odd: held["files"].update({"users.arrow": odd}))
        changes[f"parity {number}"] = said(lambda held, odd=odd: held.update(parity=[odd]))
    raw = {
        "deep": b"[" * 100_000,
        "deep object": b'{"format":' + b"[" * 100_000,
        "huge": b'{"format":1,"x":"' + b"x" * (2 << 20) + b'"}',
        "digits": b'{"format":' + b"9" * 5000 + b"}",
        "latin": b'{"format":"\xe9"}',
        "empty": b"",
        "list": b"[]",
        "zeros": b"\0" * 1000,
        "utf-16": json.dumps({"format": 1}).encode("utf-16"),
    }
    changes |= {
        name: lambda folder, data=data: (folder / "manifest.json").write_bytes(data) for name, data in raw.items()
    }  # type: ignore[misc]
    return changes


def test_a_manifest_that_says_anything_is_refused_or_harmless(bundle: Path, tmp_path: Path) -> None:
    changes = manifests()
    found = outcomes(bundle, tmp_path / "home", changes)
    raw = {name: one for name, one in found.items() if one[0] == "raw"}
    assert not raw
    works = {name for name, one in found.items() if one[0] == "works"}
    # What nothing depends on, and two of the values that are right.
    harmless = (
        "tolerance",
        "parity",
        "metadata odd 14",
        "extra absent",
        "directed",
        "kinds",
        "members absent",
        "members odd 13",
        "record sample",
        "threshold",
    )
    assert not {name for name in works if not name.startswith(harmless)} - {"format odd 4", "recommends odd 1"}
    listed = {name: one for name, one in found.items() if name.startswith(("lists", "renames"))}
    assert all(one[0] == "refused" and "manifest.json" in one[1] for one in listed.values()), listed


def test_flipped_bits_of_a_manifest_are_refused_or_harmless(bundle: Path, tmp_path: Path) -> None:
    places = DRAWN.integers(0, 8 * len((bundle / "manifest.json").read_bytes()), 150).tolist()
    changes: dict[str, Change] = {
        str(place): edited("manifest.json", lambda data, place=place: flipped(data, place), honest=True)  # type: ignore[misc]
        for place in places
    }
    found = outcomes(bundle, tmp_path / "home", changes)
    assert not {name: one for name, one in found.items() if one[0] == "raw"}


def columns() -> dict[str, Change]:
    """Return bundles whose manifest agrees with files that hold something else."""
    ids, some = [3 * index + 7 for index in range(USERS)], np.arange(600)
    shapes = {
        "int32": some.astype(np.int32),
        "big-endian": some.astype(">i8"),
        "complex": some.astype(complex),
        "text": some.astype(str),
        "objects": np.array([{}, []], dtype=object),
        "two": some.reshape(2, -1),
        "none": np.float32(1),
        "empty": some[:0],
        "negative": -some,
        "large": some + (1 << 60),
        "nan": some * np.nan,
        "record": np.zeros(3, dtype=[("a", "<i8")]),
    }
    changes: dict[str, Change] = {}
    for name in ("fitted_starts.npy", "fitted_keys.npy", "fitted_scores.npy"):
        for kind, values in shapes.items():
            changes[f"{name} {kind}"] = edited(name, lambda _, values=values: npy(values))  # type: ignore[misc]
        changes[f"{name} huge"] = edited(name, lambda data: data.replace(b"'shape': (", b"'shape': (9999999999"))
        changes[f"{name} short"] = edited(name, lambda data: data[:-8])
        changes[f"{name} header"] = edited(name, lambda data: data[:60])
        changes[f"{name} code"] = edited(name, lambda data: data.replace(b"False", b"exit()"))
        changes[f"{name} version"] = edited(name, lambda data: data[:6] + b"\3\0" + data[8:])
    wild = {"wild up": 1 << 31, "wild down": 5}
    for kind, jump in wild.items():
        changes[f"fitted_starts.npy {kind}"] = edited("fitted_starts.npy", lambda data, jump=jump: jumping(data, jump))  # type: ignore[misc]
    tables = {
        "other column": arrow(name=ids),
        "float": arrow(id=[float(each) for each in ids]),
        "list": arrow(id=[[each] for each in ids]),
        "null": arrow(id=[None, *ids[1:]]),
        "all null": arrow(id=pa.nulls(USERS)),
        "twice": arrow(id=[ids[0], ids[0], *ids[2:]]),
        "unsorted": arrow(id=ids[::-1]),
        "few": arrow(id=ids[:-1]),
        "large text": arrow(id=pa.array([f"u{each:05d}" for each in ids], pa.large_string())),
        "coded": arrow(id=pa.array([f"u{each:05d}" for each in ids]).dictionary_encode()),
        "not unicode": arrow(id=pa.array([b"\xff%05d" % each for each in ids]).view(pa.string())),
        "no arrow": b"PAR1" * 100,
        "empty": b"",
    }
    for name, data in tables.items():
        changes[f"users.arrow {name}"] = edited("users.arrow", lambda _, data=data: data)  # type: ignore[misc]
    for name in ("users.arrow", "items.arrow"):
        for part in (0.2, 0.5, 0.9, 0.99):
            changes[f"{name} {part}"] = edited(name, lambda data, part=part: data[: int(len(data) * part)])  # type: ignore[misc]
    for name in ("user_table.bin", "recommend_users.bin", "recommend_items.bin", "seen_indptr.bin", "seen_items.bin"):
        changes[f"{name} short"] = edited(name, lambda data: data[:-64])
        changes[f"{name} long"] = edited(name, lambda data: data * 3)
        changes[f"{name} empty"] = edited(name, lambda _: b"")
    big = np.full(USERS + 1, 1 << 40, "<i8")
    changes["seen_indptr.bin huge"] = edited("seen_indptr.bin", lambda _: big.tobytes())
    changes["seen_items.bin wild"] = edited("seen_items.bin", lambda data: b"\x7f" * len(data))
    return changes


def jumping(data: bytes, jump: int) -> bytes:
    """Return starts whose middle points elsewhere."""
    at = len(data) - len(data) // 2 // 4 * 4
    return data[:at] + np.full(40, jump, "<u4").tobytes() + data[at + 160 :]


HARMLESS = ("fitted_scores.npy nan", "fitted_starts.npy wild down", "users.arrow 0.99", "items.arrow 0.99")


def test_files_of_other_types_and_shapes_are_refused_by_name(bundle: Path, tmp_path: Path) -> None:
    found = outcomes(bundle, tmp_path / "home", columns())
    bad = {
        name: one
        for name, one in found.items()
        if not (one[0] == "refused" and any(file in one[1] for file in (name.split()[0], "recommender.onnx")))
        and not (one[0] == "works" and name.startswith(HARMLESS))
    }
    assert not bad


def graphs(bundle: Path) -> dict[str, Change]:
    """Return bundles whose graphs are cut, turned, or others."""
    changes: dict[str, Change] = {}
    for name in RUN:
        for part in (0.1, 0.5, 0.9):
            changes[f"{name} {part}"] = edited(name, lambda data, part=part: data[: int(len(data) * part)])  # type: ignore[misc]
        changes[f"{name} empty"] = edited(name, lambda _: b"")
        changes[f"{name} away"] = edited(name, lambda data: data.replace(b".bin", b"/../"))
        for other in GRAPHS:
            if other != name:
                changes[f"{name} is {other}"] = edited(name, lambda _, other=other: (bundle / other).read_bytes())  # type: ignore[misc]
        for place in DRAWN.integers(0, 1 << 40, 60).tolist():
            changes[f"{name} bit {place}"] = edited(name, lambda data, place=place: flipped(data, place))  # type: ignore[misc]
    return changes


def test_graphs_that_are_cut_or_others_are_refused_by_name(bundle: Path, tmp_path: Path) -> None:
    found = outcomes(bundle, tmp_path / "home", graphs(bundle))
    flips = {name: one for name, one in found.items() if " bit " in name}
    assert not {name: one for name, one in flips.items() if one[0] == "raw"}
    others = {
        name: one for name, one in found.items() if name not in flips and name != "fake_score.onnx is scorer.onnx"
    }
    require_refused(
        {name: one for name, one in others.items() if one[0] != "works" or "away" not in name},
        lambda name: name.split()[0],
    )


@pytest.mark.parametrize(
    ("change", "file"),
    [
        (edited("users.arrow", lambda data: flipped(data, 999), honest=True), "users.arrow"),
        (edited("recommender.onnx", lambda data: data[:100]), "recommender.onnx"),
        (edited("fitted_keys.npy", lambda _: npy(np.zeros((2, 2)))), "fitted_keys.npy"),
        (said(lambda held: held["files"].update({"../../etc/passwd": {}})), "manifest.json"),
        (lambda folder: (folder / "items.arrow").unlink(), "items.arrow"),
        (lambda folder: (folder / "scorer_by_id.onnx").unlink(), "scorer_by_id.onnx"),
        (lambda folder: (folder / "manifest.json").unlink(), "manifest.json"),
    ],
)
def test_the_command_line_says_so_with_exit_code_4(bundle: Path, tmp_path: Path, change: Change, file: str) -> None:
    shutil.copytree(bundle, tmp_path / "onnx")
    change(tmp_path / "onnx")
    pq.write_table(pa.table({"src": [7], "dst": [10]}), tmp_path / "edges.parquet")
    for words in (["clean-edges", "--edges", str(tmp_path / "edges.parquet")], ["serve", "--port", "0"]):
        ran = [*COMMAND, *words, "--model", str(tmp_path / "onnx"), "--device", "cpu"]
        done = subprocess.run(ran, capture_output=True, text=True, timeout=60, check=False, cwd=tmp_path)
        assert done.returncode == 4, done.stderr
        assert done.stderr.startswith("error: ")
        assert file in done.stderr
        assert "Traceback" not in done.stderr
