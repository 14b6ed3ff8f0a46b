"""Find the files of a data folder."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from pathlib import Path

from recdiff.data.text_file import COMPRESSIONS
from recdiff.errors import DataError

_TABLES = (".csv", ".tsv", ".parquet")
_RECBOLE = {"interactions": ".inter", "social": ".net"}
_PICKLES = (".pkl", ".pickle", ".pkl.zip")

EXPECTED = (
    "expected social.{csv,tsv,parquet} and interactions.{csv,tsv,parquet} (text also as .gz or .zst), "
    "or RecBole's NAME.net and NAME.inter, or the published dataset.pkl"
)


@dataclass(frozen=True)
class Files:
    """What a data folder holds: one pickle, or a social file and perhaps an interactions file."""

    social: Path | None = None
    interactions: Path | None = None
    pickle: Path | None = None


def find(path: Path) -> Files:
    """Find the input files at ``path``, a folder or the published pickle itself.

    Raises:
        DataError: nothing there, no social file, or more than one file for the same table.
    """
    if path.is_file():
        return _single(path)
    if not path.is_dir():
        raise DataError(f"{path}: no such folder; {EXPECTED}")
    names = sorted(entry.name for entry in path.iterdir() if entry.is_file())
    social = _candidates(path, names, "social")
    interactions = _candidates(path, names, "interactions")
    pickles = [path / name for name in names if name.endswith(_PICKLES)]
    if pickles and not social and not interactions:
        return Files(pickle=_only(path, "published data", pickles))
    if not social:
        raise DataError(f"{path}: no social file{_near(names, 'social')}; found {_listed(names)}; {EXPECTED}")
    if not interactions and _near(names, "interactions"):
        raise DataError(
            f"{path}: no interactions file{_near(names, 'interactions')}; rename it, or move it away to fit on "
            "ties alone"
        )
    return Files(
        social=_only(path, "social", social),
        interactions=_only(path, "interactions", interactions) if interactions else None,
    )


def _single(path: Path) -> Files:
    if not path.name.endswith(_PICKLES):
        raise DataError(f"{path}: is a file; give the folder that holds it. {EXPECTED}")
    return Files(pickle=path)


def _candidates(folder: Path, names: list[str], table: str) -> list[Path]:
    return [folder / name for name in names if _is_table(name, table)]


def _is_table(name: str, table: str) -> bool:
    plain = _uncompressed(name)
    if plain.endswith(_RECBOLE[table]):
        return True
    stem, _, suffix = plain.partition(".")
    return stem == table and f".{suffix}" in _TABLES and (plain == name or f".{suffix}" != ".parquet")


def _uncompressed(name: str) -> str:
    return next((name.removesuffix(end) for end in COMPRESSIONS if name.endswith(end)), name)


def _only(folder: Path, table: str, candidates: list[Path]) -> Path:
    if len(candidates) > 1:
        names = " and ".join(path.name for path in candidates)
        raise DataError(f"{folder}: {names} could each be the {table} file; keep one of them")
    return candidates[0]


def _near(names: list[str], table: str) -> str:
    """Return a hint for a table file whose name is almost ``table``."""
    stems = {}
    for name in names:
        stem, _, suffix = _uncompressed(name).partition(".")
        if f".{suffix}" in _TABLES:
            stems[stem] = name
    close = difflib.get_close_matches(table, stems, n=1, cutoff=0.75)
    return f" (did you mean {stems[close[0]]} to be it?)" if close else ""


def _listed(names: list[str]) -> str:
    if not names:
        return "nothing"
    return ", ".join(names[:10]) + (f" and {len(names) - 10} more" if len(names) > 10 else "")
