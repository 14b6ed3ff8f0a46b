"""The device a computation runs on."""

from __future__ import annotations

import pytest
import torch

from recdiff.errors import DeviceError, UsageError
from recdiff.machine.device import resolve_device


def test_auto_takes_the_card_exactly_where_there_is_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert [resolve_device(name).type for name in ("auto", "cpu", "cuda")] == ["cuda", "cpu", "cuda"]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert [resolve_device(name).type for name in ("auto", "cpu")] == ["cpu", "cpu"]


def test_an_absent_card_is_an_error_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.raises(DeviceError, match="--device cuda: torch sees no CUDA device here") as caught:
        resolve_device("cuda")
    assert caught.value.exit_code == 5


def test_another_name_is_refused() -> None:
    with pytest.raises(UsageError, match="device 'tpu': accepted are 'auto', 'cpu', 'cuda'"):
        resolve_device("tpu")
