"""Settings: precedence, suggestions, kinds, and that each one is read somewhere."""

from __future__ import annotations

import ast
import dataclasses
import typing
from pathlib import Path
from typing import Any

import pytest

from recdiff.config import Config, PaperConfig, load_config
from recdiff.errors import UsageError

SOURCE = Path(__file__).resolve().parents[2] / "sdk" / "recdiff"


def toml(folder: Path, text: str) -> Path:
    file = folder / "settings.toml"
    file.write_text(text, encoding="utf-8")
    return file


def test_defaults_are_the_published_ciao_settings() -> None:
    paper = load_config(environment={}).paper
    assert (paper.width, paper.layers, paper.social_layers, paper.batch_size) == (64, 2, 2, 2048)
    assert (paper.learning_rate, paper.denoiser_learning_rate, paper.learning_rate_decay) == (5e-3, 1e-3, 0.985)
    assert (paper.regularisation, paper.steps, paper.noise_scale) == (1e-2, 20, 1.0)
    assert (paper.epochs, paper.evaluate_every, paper.patience) == (150, 5, 20)


def test_flags_win_over_environment_over_file_over_default(tmp_path: Path) -> None:
    file = toml(tmp_path, "seed = 1\npreset = 'paper'\n[paper]\nepochs = 1\nlayers = 1\nsteps = 7\n")
    environment = {"RECDIFF_SEED": "2", "RECDIFF_PAPER__EPOCHS": "2", "RECDIFF_PAPER__STEPS": "8", "PATH": "/bin"}
    config = load_config(file, {"seed": 3, "device": None, "paper": {"epochs": 3, "layers": None}}, environment)
    assert (config.seed, config.preset, config.device) == (3, "paper", "auto")
    assert (config.paper.epochs, config.paper.steps, config.paper.layers) == (3, 8, 1)
    assert config.paper.width == PaperConfig().width


def test_the_process_environment_is_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RECDIFF_SEED", "41")
    assert load_config().seed == 41


def test_the_blend_is_switched_off_by_file_or_environment(tmp_path: Path) -> None:
    assert load_config(environment={}).blend
    assert not load_config(environment={"RECDIFF_BLEND": "false"}).blend
    assert not load_config(toml(tmp_path, "blend = false\n"), environment={}).blend


def test_names_that_mean_something_else_are_left_alone() -> None:
    assert load_config(environment={"RECDIFF_DATA": "/somewhere", "RECDIFFSEED": "1", "SEED": "1"}) == Config()


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("RECDIFF_SED", "1", "RECDIFF_SED: no setting 'sed'; did you mean 'seed'?"),
        ("RECDIFF_PAPER__EPOCH", "1", "RECDIFF_PAPER__EPOCH: no setting 'epoch'; did you mean 'epochs'?"),
        ("RECDIFF_PAPR__EPOCHS", "1", "RECDIFF_PAPR__EPOCHS: no section 'papr'; sections are "),
        ("RECDIFF_PAPER", "1", "RECDIFF_PAPER: no setting 'paper'"),
        ("RECDIFF_SEED", "one", "RECDIFF_SEED='one': expected int"),
        ("RECDIFF_SEED", "1.5", "RECDIFF_SEED='1.5': expected int"),
        ("RECDIFF_PAPER__DROPOUT", "half", "RECDIFF_PAPER__DROPOUT='half': expected float"),
        ("RECDIFF_DEVICE", "gpu", "configuration: device = 'gpu': accepted are 'auto', 'cpu', 'cuda'"),
    ],
)
def test_wrong_environment_names_the_variable(name: str, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        load_config(environment={name: text})
    assert str(caught.value).startswith(message)
    assert "papr" not in str(caught.value) or "paper" in str(caught.value)


def test_environment_texts_become_numbers() -> None:
    paper = load_config(environment={"RECDIFF_PAPER__NOISE_SCALE": "1e-1", "RECDIFF_PAPER__STEPS": "12"}).paper
    assert (paper.noise_scale, paper.steps) == (0.1, 12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("sed = 1", "unknown setting 'sed'; did you mean 'seed'?"),
        ("zzz = 1", "unknown setting 'zzz'; known are preset, seed, device"),
        ("[paper]\nlayer = 1", "unknown setting 'paper.layer'; did you mean 'layers'?"),
        ("seed = '1'", "seed = '1': expected int"),
        ("seed = true", "seed = True: expected int"),
        ("seed = 1.0", "seed = 1.0: expected int"),
        ("seed = -1", "seed = -1: expected a number of at least 0"),
        ("paper = 1", "'paper' is a section of settings, not 1"),
        ("[paper]\ndropout = '0.5'", "paper.dropout = '0.5': expected float"),
        ("[paper]\nlearning_rate = nan", "paper.learning_rate = nan: expected a number of at least 0"),
        ("[paper]\nsocial = 'all'", "paper.social = 'all': accepted are 'given', 'none', 'random'"),
        ("preset = 1", "preset = 1: accepted are 'default', 'paper'"),
        ("[paper]\nbatch_size = 0", "batch_size = 0: expected at least 1"),
        ("[paper]\nevaluate_every = 0", "evaluate_every = 0: expected at least 1"),
        ("[paper]\ndropout = 1", "dropout = 1.0: expected at least 0 and less than 1"),
    ],
)
def test_wrong_files_name_file_key_and_value(tmp_path: Path, text: str, message: str) -> None:
    file = toml(tmp_path, text)
    with pytest.raises(UsageError) as caught:
        load_config(file, environment={})
    assert message in str(caught.value)


def test_a_key_of_the_file_is_refused_with_the_files_name(tmp_path: Path) -> None:
    file = toml(tmp_path, "sed = 1")
    with pytest.raises(UsageError, match=r"settings\.toml: unknown setting"):
        load_config(file, environment={})


def test_a_missing_or_broken_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone.toml: cannot read the configuration: No such file"):
        load_config(tmp_path / "gone.toml", environment={})
    with pytest.raises(UsageError, match=r"settings.toml: not valid TOML"):
        load_config(toml(tmp_path, "seed ="), environment={})
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe")
    with pytest.raises(UsageError, match=r"bytes.toml: not valid TOML"):
        load_config(tmp_path / "bytes.toml", environment={})


def test_whole_numbers_pass_for_fractions_and_become_them(tmp_path: Path) -> None:
    value = load_config(toml(tmp_path, "[paper]\nnoise_scale = 2"), environment={}).paper.noise_scale
    assert value == 2.0
    assert isinstance(value, float)


def test_constructors_check_kinds_too() -> None:
    with pytest.raises(UsageError, match="device = 'tpu'"):
        Config(device="tpu")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="epochs = '5': expected int"):
        PaperConfig(epochs="5")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match=r"preset = .*: accepted are 'default', 'paper'"):
        Config(preset=Config())  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="paper = 'fast': expected PaperConfig"):
        Config(paper="fast")  # type: ignore[arg-type]


def test_a_configuration_survives_being_plain_values() -> None:
    config = Config(preset="paper", seed=7, paper=PaperConfig(steps=50, social="random"))
    assert Config.from_dict(config.to_dict()) == config


def sections(cls: type) -> list[type]:
    """Return the dataclass and all dataclasses among its fields."""
    hints = typing.get_type_hints(cls)
    below = [hints[each.name] for each in dataclasses.fields(cls) if dataclasses.is_dataclass(hints[each.name])]
    return [cls, *(found for each in below for found in sections(each))]


def names_read() -> set[str]:
    """Return the attributes read from anything called a config or named like a section, outside the configuration.

    A section may read its own settings in a method.
    """
    names: set[str] = set()
    for file in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Load):
                owner = ast.unparse(node.value).split(".")[-1]
                asks_itself = owner == "self" and file.parent.name == "config"
                if (
                    ("config" in owner and file.parent.name != "config")
                    or asks_itself
                    or owner in ("paper", "scorer", "recommender")
                ):
                    names.add(node.attr)
    return names


@pytest.mark.parametrize("section", sections(Config), ids=lambda cls: cls.__name__)
def test_every_setting_is_read_somewhere(section: Any) -> None:
    unread = {each.name for each in dataclasses.fields(section)} - names_read()
    assert not unread, f"{section.__name__}: nothing reads {', '.join(sorted(unread))}"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"scorer": {"folds": 1}}, r"scorer\.folds = 1: expected at least 2"),
        ({"scorer": {"divisions": 0}}, r"scorer\.divisions = 0: expected at least 1"),
        ({"scorer": {"rounds": 0}}, r"scorer\.rounds = 0: expected at least 1"),
        ({"scorer": {"planted_share": 1.5}}, r"planted_share = 1\.5: expected more than 0 and at most 1"),
        ({"scorer": {"table": {"positive": 0}}}, r"scorer\.table\.positive = 0: expected at least 1"),
        ({"scorer": {"evidence": {"noise_low": 0.0}}}, r"evidence\.noise_low = 0\.0: expected more than 0"),
        ({"scorer": {"classifier": {"smoothing": 1.0}}}, r"smoothing = 1\.0: expected at least 0 and less than 1"),
        ({"scorer": {"mixture": {"draws": 0}}}, r"scorer\.mixture\.draws = 0: expected at least 1"),
        ({"recommender": {"width": 0}}, r"recommender\.width = 0: expected at least 1"),
        ({"recommender": {"background": 0.0}}, r"background = 0\.0: expected more than 0 and at most 1"),
        ({"recommender": {"learning_rate": float("inf")}}, r"learning_rate = inf: expected more than 0, and finite"),
        ({"recommender": {"tie_weight": float("nan")}}, r"tie_weight = nan: expected"),
        ({"paper": {"learning_rate": -1.0}}, r"learning_rate = -1\.0: expected"),
        ({"fake_share": 1.5}, r"fake_share = 1\.5: expected more than 0 and less than 1"),
        ({"seed": -1}, r"seed = -1: expected"),
    ],
)
def test_settings_that_make_no_sense_are_refused_when_they_are_made(given: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        Config.from_dict(given)


@pytest.mark.parametrize("section", sections(Config), ids=lambda cls: cls.__name__)
def test_every_number_among_the_settings_is_bounded(section: Any) -> None:
    for each in dataclasses.fields(section):
        if isinstance(each.default, bool) or not isinstance(each.default, int | float):
            continue
        with pytest.raises(UsageError, match=f"{each.name} = -1"):
            section(**{each.name: type(each.default)(-1)})
