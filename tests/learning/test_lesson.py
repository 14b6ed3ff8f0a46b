"""The class network learns density ratios and repeats itself."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch

from recdiff.config.scorer import ClassifierConfig
from recdiff.learning.lesson import Layers, Lesson, learn, learn_together
from recdiff.machine.threads import side_by_side
from recdiff.scorer.pair_scorer import forward

CONFIG = ClassifierConfig(hidden=(16, 8), epochs=12, batch_size=256)


def shifted(count: int = 6000) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    label = np.repeat([0, 1], count)
    return (rng.standard_normal((2 * count, 1)) + 1.5 * label[:, None]).astype(np.float32), label


def lesson(x: np.ndarray, label: np.ndarray, weight: np.ndarray, config: ClassifierConfig = CONFIG) -> Lesson:
    return Lesson.of(
        torch.as_tensor(x),
        label,
        weight.astype(np.float32),
        classes=2,
        config=config,
        generator=torch.Generator().manual_seed(7),
    )


def surprise(layers: Layers, x: np.ndarray, label: np.ndarray) -> float:
    return float(torch.nn.functional.cross_entropy(torch.as_tensor(forward(layers, x)), torch.as_tensor(label)))


def test_logits_are_log_density_ratios() -> None:
    x, label = shifted()
    z = forward(learn(lesson(x, label, np.ones(len(x)))), np.linspace(-1, 2, 20, dtype=np.float32)[:, None])
    exact = 1.5 * np.linspace(-1, 2, 20) - 1.5**2 / 2
    np.testing.assert_allclose(z[:, 1] - z[:, 0], exact, atol=0.25)


def test_weights_shift_the_ratio() -> None:
    x, label = shifted()
    z = forward(learn(lesson(x, label, np.where(label == 1, 4.0, 1.0))), np.zeros((1, 1)))
    assert abs(z[0, 1] - z[0, 0] - (np.log(4.0) - 1.5**2 / 2)) < 0.3


def test_the_same_generator_gives_the_same_layers_whatever_else_is_learned_meanwhile() -> None:
    x, label = shifted(500)
    begun = lesson(x, label, np.ones(len(x)))
    first = tuple((weight.numpy().copy(), bias.numpy().copy()) for weight, bias in begun.layers)
    alone = learn(begun)
    assert surprise(alone, x, label) < surprise(first, x, label)
    beside = side_by_side(learn, [lesson(x, label, np.ones(len(x))) for _ in range(4)])
    for layers in beside:
        assert all(a[0].tobytes() == b[0].tobytes() for a, b in zip(alone, layers, strict=True))


def test_few_batches_are_made_up_for_by_more_epochs() -> None:
    x, label = shifted(500)
    config = replace(CONFIG, batch_size=250, epochs=2, least_steps=21)
    found = lesson(x, label, np.ones(len(x)), config)
    assert found.batches == len(x) // 250
    assert len(found.orders) == -(-21 // found.batches)


def test_every_epoch_sees_every_row_once() -> None:
    x, label = shifted(300)
    for order in lesson(x, label, np.ones(len(x))).orders:
        assert sorted(order.tolist()) == list(range(len(x)))


def test_lessons_learned_together_come_out_as_alone() -> None:
    """Of other numbers of rows, features and classes, and of two configurations."""
    rng = np.random.default_rng(3)
    narrow = replace(CONFIG, hidden=(), epochs=3, smoothing=0.1)
    shapes = [(700, 5, 3, CONFIG), (260, 2, 2, CONFIG), (701, 3, 4, narrow), (400, 3, 2, narrow), (1025, 5, 3, CONFIG)]

    def lessons() -> list[Lesson]:
        drawn = torch.Generator().manual_seed(5)
        rng = np.random.default_rng(4)
        made = []
        for rows, features, classes, config in shapes:
            label = rng.integers(0, classes, rows)
            x = rng.standard_normal((rows, features)).astype(np.float32) + label[:, None].astype(np.float32)
            weight = rng.random(rows).astype(np.float32)
            made.append(Lesson.of(torch.as_tensor(x), label, weight, classes=classes, config=config, generator=drawn))
        return made

    seen = [rng.standard_normal((50, features)).astype(np.float32) for _, features, _, _ in shapes]
    for x, alone, together in zip(seen, map(learn, lessons()), learn_together(lessons()), strict=True):
        np.testing.assert_allclose(forward(together, x), forward(alone, x), rtol=1e-3, atol=1e-3)
