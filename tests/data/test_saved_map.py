"""Names of columns that a data folder keeps in its own recdiff.toml."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from recdiff.data.columns import map_beside, save_map, saved_map
from recdiff.data.dataset import SocialDataset
from recdiff.errors import DataError, UsageError

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "social.csv").write_text("who,whom,src\n1,2,x\n2,3,x\n")
    return tmp_path


def test_a_written_map_is_read_and_gives_way_to_what_is_said(folder: Path) -> None:
    (folder / "recdiff.toml").write_text('[map]\nsrc = "who"\ndst = "whom"\n')
    assert SocialDataset.read(folder).users.values.to_pylist() == [1, 2, 3]
    assert SocialDataset.read(folder, mapping={"src": "src"}).users.values.to_pylist() == ["2", "3", "x"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[map]\nsrcc = 'who'\n", "map.srcc: is no column of ours (did you mean 'src'?); accepted: dst, item_id"),
        ("[map]\nsrc = 3\n", 'map.src: 3 is no name; write the column\'s name as text: src = "name"'),
        ("[map]\nsrc = ''\n", "map.src: '' is no name"),
        ("[maps]\nsrc = 'who'\n", "maps: means nothing here (did you mean 'map'?); accepted: the table [map]"),
        ("map = 1\n", "map: means nothing here"),
        ("[map\n", "cannot be read: "),
    ],
)
def test_a_map_that_means_nothing_is_told_by_file_and_key(folder: Path, text: str, message: str) -> None:
    (folder / "recdiff.toml").write_text(text)
    with pytest.raises(DataError) as caught:
        SocialDataset.read(folder)
    assert str(caught.value).startswith(str(folder / "recdiff.toml"))
    assert message in str(caught.value)


def test_names_are_kept_added_to_and_never_written_over_a_hand(folder: Path) -> None:
    names = {"src": 'a "quoted" \\ näme\t'}
    assert save_map(folder, names) == folder / "recdiff.toml"
    save_map(folder, {"dst": "whom"})
    assert saved_map(folder) == names | {"dst": "whom"}
    by_hand = '[map]\nsrc = "who"  # the truster\n'
    (folder / "recdiff.toml").write_text(by_hand)
    with pytest.raises(UsageError, match="was written by hand"):
        save_map(folder, {"dst": "whom"})
    assert (folder / "recdiff.toml").read_text() == by_hand
    with pytest.raises(UsageError, match="is no column of ours"):
        save_map(folder, {"sorce": "who"})


def test_commands_keep_the_names_and_go_by_them(run: Run, folder: Path) -> None:
    assert run("validate", str(folder))[0] == 3
    assert run("validate", str(folder), "--save-map")[0] == 2
    assert not (folder / "recdiff.toml").exists()
    code, _, err = run("validate", str(folder), "--map", "src=who", "--map", "dst=whom", "--save-map")
    assert (code, f"names of columns are kept: {folder}/recdiff.toml" in err) == (0, True)
    assert run("validate", str(folder))[0] == 0


def test_names_are_kept_only_where_the_data_can_be_read_with_them(run: Run, folder: Path) -> None:
    assert run("validate", str(folder), "--map", "src=nobody", "--map", "dst=whom", "--save-map")[0] == 3
    assert not (folder / "recdiff.toml").exists()


def test_edges_of_the_social_file_are_streamed_by_the_same_names(
    run: Run, folder: Path, model_folder: Path, sample_folder: Path
) -> None:
    lines = (sample_folder / "social.csv").read_text().splitlines()
    pairs = [",".join(line.split(",")[:2]) for line in lines[1:]]
    (folder / "social.csv").write_text("\n".join(["who,whom", *pairs]) + "\n")
    (folder / "truth.csv").write_text("src,dst\n")
    save_map(folder, {"src": "who", "dst": "whom"})
    assert map_beside(folder / "truth.csv") == {}
    shutil.copytree(model_folder, folder / "m")
    assert run("export", "--onnx", "--model", str(folder / "m"))[0] == 0
    code, _, err = run("clean-edges", "--model", str(folder / "m"), "--edges", str(folder / "social.csv"))
    assert code == 0, err
