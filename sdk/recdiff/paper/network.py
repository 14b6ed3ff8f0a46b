"""The published model: encoder and denoiser joined, its losses, and its embeddings at inference.

Letters: B batch, U users, I items, D embedding width, T diffusion steps.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor, nn

from recdiff.config import PaperConfig
from recdiff.diffusion.schedule import add_noise, linear_variance, reverse_walk, weighted_error
from recdiff.paper.denoiser import Denoiser
from recdiff.paper.encoder import GraphEncoder, Graphs

# Rows that take the whole reverse walk together: few enough to stay in the cache.
WALK_BLOCK = 4096


class Losses(NamedTuple):
    """The three parts of the objective, each a scalar."""

    bpr: Tensor
    diffusion: Tensor
    regularisation: Tensor

    @property
    def total(self) -> Tensor:
        """Return the sum that is minimised (paper, eq. 16)."""
        return self.bpr + self.diffusion + self.regularisation


class PaperModel(nn.Module):
    """RecDiff as published (CIKM 2024), with the ablations its article studies.

    ``config.denoising`` is "diffusion" (the model), "autoencoder" (one noise level, one step),
    "identity" (the social embedding as it is) or "none" (no diffusion loss either: the same function as
    "identity", kept apart by name in results). ``config.social`` "none" leaves the social graph out.
    """

    def __init__(self, config: PaperConfig, num_users: int, num_items: int, generator: torch.Generator) -> None:
        super().__init__()
        self.config = config
        self.schedule = linear_variance(config.steps, config.noise_scale)
        self.encoder = GraphEncoder(num_users, num_items, config.width, config.layers, config.social_layers)
        self.denoiser = Denoiser(config.width, config.time_width, config.dropout)
        self.encoder.reset(generator)
        _reset_linear(self.denoiser, generator)

    def losses(
        self, graphs: Graphs, users: Tensor, positives: Tensor, negatives: Tensor, generator: torch.Generator
    ) -> Losses:
        """Return the losses of a batch of (user, positive item, negative item) positions, each (B,)."""
        batch = len(users)
        user, item = self.encoder.interaction(graphs, users, torch.cat([positives, negatives]))
        positive, negative = item[:batch], item[batch:]
        diffusion = user.new_zeros(())
        if self.config.social != "none":
            social = self.encoder.social(graphs, users)
            predicted, diffusion = self._denoise_once(social, generator)
            user = user + predicted
        return Losses(
            bpr_loss(user, positive, negative), diffusion, norm_penalty(self.config.regularisation, batch, user, item)
        )

    def _denoise_once(self, social: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        if not self.has_denoiser:
            return social, social.new_zeros(())
        size = (len(social),)
        steps = self.schedule.steps
        t = torch.randint(steps, size, generator=generator, device=social.device)
        if self.config.denoising == "autoencoder":
            t = torch.full_like(t, steps - 1)
        noise = torch.randn(social.shape, generator=generator, device=social.device)
        bias = self._step_biases().index_select(0, t)
        predicted = self.denoiser.predict(add_noise(social, noise, t, self.schedule), bias, generator)
        if self.config.denoising == "autoencoder":
            return predicted, (predicted - social).square().mean()
        return predicted, weighted_error(predicted, social, t, self.schedule)

    @property
    def has_denoiser(self) -> bool:
        """Whether the denoiser takes part."""
        return self.config.social != "none" and self.config.denoising in ("diffusion", "autoencoder")

    @torch.no_grad()
    def embeddings(self, graphs: Graphs) -> tuple[Tensor, Tensor, Tensor]:
        """Return user (U, D) and item (I, D) embeddings for ranking, and social ones before denoising (U, D)."""
        users = torch.arange(len(self.encoder.users), device=self.encoder.users.device)
        items = torch.arange(len(self.encoder.items), device=users.device)
        user, item = self.encoder.interaction(graphs, users, items)
        social = self.encoder.social(graphs, users)
        if self.config.social == "none":
            return user, item, social
        return user + self.denoise(social), item, social

    @torch.no_grad()
    def denoise(self, social: Tensor) -> Tensor:
        """Return denoised social embeddings, (B, D): the whole reverse walk without noise."""
        if not self.has_denoiser:
            return social
        biases = self._step_biases()

        def predict(x: Tensor, t: int) -> Tensor:
            return self.denoiser.predict(x, biases[t : t + 1])

        if self.config.denoising == "autoencoder":
            return predict(social, self.schedule.steps - 1)
        return torch.cat([reverse_walk(rows, predict, self.schedule) for rows in torch.split(social, WALK_BLOCK)])

    def _step_biases(self) -> Tensor:
        """Return the denoiser's bias of each step, (T, D)."""
        steps = torch.arange(self.schedule.steps, device=self.encoder.users.device)
        return self.denoiser.step_bias(steps)


def bpr_loss(user: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
    """Return Bayesian personalised ranking: sum of -log sigmoid(u.p - u.n) over the batch, divided by B."""
    difference = (user * (positive - negative)).sum(dim=-1)
    return nn.functional.softplus(-difference).mean()


def norm_penalty(weight: float, batch: int, *rows: Tensor) -> Tensor:
    """Return ``weight`` times the squared norms of all rows, divided by the batch size B."""
    squares = (torch.dot(part.reshape(-1), part.reshape(-1)) for part in rows)
    return weight / batch * sum(squares, rows[0].new_zeros(()))


@torch.no_grad()
def _reset_linear(module: nn.Module, generator: torch.Generator) -> None:
    """Xavier uniform weights with the deviation 2/(in+out), biases 0, drawn from ``generator``."""
    for layer in module.modules():
        if isinstance(layer, nn.Linear):
            bound = (6.0 / (layer.in_features + layer.out_features)) ** 0.5
            layer.weight.copy_((torch.rand(layer.weight.shape, generator=generator) * 2 - 1) * bound)
            layer.bias.zero_()
