"""The class network learns density ratios and repeats itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from recdiff.classifier import train_classifier
from recdiff.pairs import forward
from recdiff.scorer_config import ClassifierConfig

CONFIG = ClassifierConfig(hidden=(16, 8), epochs=12, batch_size=256)


def shifted(count: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1], count)
    return (rng.standard_normal((2 * count, 1)) + 1.5 * label[:, None]).astype(np.float32), label


def test_logits_are_log_density_ratios() -> None:
    x, label = shifted()
    layers = train_classifier(x, label, np.ones(len(x), np.float32), 2, CONFIG, torch.Generator().manual_seed(0))
    z = forward(layers, np.linspace(-1, 2, 20, dtype=np.float32)[:, None])
    exact = 1.5 * np.linspace(-1, 2, 20) - 1.5**2 / 2
    np.testing.assert_allclose(z[:, 1] - z[:, 0], exact, atol=0.25)


def test_weights_shift_the_ratio() -> None:
    x, label = shifted()
    weight = np.where(label == 1, 4.0, 1.0).astype(np.float32)
    z = forward(train_classifier(x, label, weight, 2, CONFIG, torch.Generator().manual_seed(0)), np.zeros((1, 1)))
    assert abs(z[0, 1] - z[0, 0] - (np.log(4.0) - 1.5**2 / 2)) < 0.3


def test_the_same_generator_gives_the_same_layers_and_losses_are_reported() -> None:
    x, label = shifted(500)
    losses: list[float] = []
    weight = np.ones(len(x), np.float32)
    first, second = (
        train_classifier(
            x, label, weight, 2, CONFIG, torch.Generator().manual_seed(7), lambda _, loss: losses.append(loss)
        )
        for _ in range(2)
    )
    assert all(a[0].tobytes() == b[0].tobytes() for a, b in zip(first, second, strict=True))
    epochs = len(losses) // 2
    assert losses[:epochs] == losses[epochs:]
    assert losses[epochs - 1] < losses[0]


def test_few_batches_are_made_up_for_by_more_epochs() -> None:
    x, label = shifted(500)
    losses: list[float] = []
    config = replace(CONFIG, batch_size=250, epochs=2, least_steps=21)
    generator, weight = torch.Generator().manual_seed(0), np.ones(len(x), np.float32)
    train_classifier(x, label, weight, 2, config, generator, lambda _, loss: losses.append(loss))
    assert len(losses) == -(-21 // (len(x) // 250))
