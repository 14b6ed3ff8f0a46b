"""Denoising evidence: how much one end of a tie helps to denoise the other.

A user's latent row x_0 is noised to x_t = sqrt(abar_t) x_0 + sqrt(1 - abar_t) n, and predicted from x_t and, for
the ends of ties, from the other end's row y:

    x_hat_0 = h(x_t, t) + Q^T phi(y, t)

The condition is dropped for a share of the rows, so h alone is the plain denoiser. Averaged over the noise, the
squared error that knowing y removes is

    g_t(x, y) = 2 <r_t(x), c_t(y)> - |Q^T c_t(y)|^2,   r_t(x) = Q E_n[x_0 - h(x_t, t)],   c_t(y) = phi(y, t),

an estimate of the pair's pointwise mutual information at that noise level (Guo, Shamai, Verdu, 2005). It is a
function of two per-user rows, so a pair costs a dot product of width R. Both ends together,

    <r(x), c(y)> + <r(y), c(x)> = <u(x), u(y)> - <w(x), w(y)>,   u = (r + c) / sqrt 2,   w = (r - c) / sqrt 2,

which reads each column of both rows once.

Letters: B rows, U users, G graphs (one encoding each), D latent width, H hidden width, T steps, R condition width.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from recdiff.arrays import Float32, Int64
from recdiff.config.scorer import EvidenceConfig
from recdiff.diffusion.folded import FoldedDenoiser
from recdiff.diffusion.schedule import Schedule, add_noise, reverse_walk, time_features
from recdiff.learning.batches import counted, cut
from recdiff.learning.descent import Pace, RecordedDescent, laid_out
from recdiff.learning.recorded import Repeated
from recdiff.machine.device import generator_on
from recdiff.machine.threads import side_by_side, threads_at_most

TIME_WIDTH = 16
WEIGHT_DECAY = 1e-3
BLOCK_ROWS = 1 << 15
"""Rows that noise is drawn for at once, which bounds memory."""
CACHE_ROWS = 1 << 11
"""Rows that evidence is taken of at once: few enough for hidden layers to stay in the cache."""
MOST_THREADS = 1
"""Of a processor in a step of training: a batch has too little to do for more, which wait for each other."""
NOISE_DRAWS = 2
"""Antithetic pairs of noise draws behind each residual."""


def log_spaced(steps: int, low: float, high: float) -> Schedule:
    """Return the schedule whose noise-to-signal ratio runs from ``low`` to ``high``: abar = 1 / (1 + ratio^2)."""
    return Schedule(1.0 / (1.0 + np.geomspace(low, high, steps) ** 2))


def nearest_step(schedule: Schedule, ratio: float) -> int:
    """Return the step whose noise-to-signal ratio is nearest to ``ratio`` on a log scale."""
    return int(np.argmin(np.abs(np.log(schedule.noise / schedule.signal) - np.log(ratio))))


class ConditionalDenoiser(nn.Module):
    """h(x_t, t) and phi(y, t), joined by Q: small networks with SiLU, the time entering the first layer as a bias."""

    times: Tensor

    def __init__(self, width: int, schedule: Schedule, config: EvidenceConfig) -> None:
        super().__init__()
        self.schedule, self.learned = schedule, config.denoising != "identity"
        self.register_buffer("times", time_features(torch.arange(schedule.steps), TIME_WIDTH), persistent=False)
        self.first = nn.Linear(width, config.hidden)
        self.time = nn.Linear(TIME_WIDTH, config.hidden)
        self.middle = nn.Linear(config.hidden, config.hidden)
        self.last = nn.Linear(config.hidden, width)
        self.condition_first = nn.Linear(width, config.hidden)
        self.condition_time = nn.Linear(TIME_WIDTH, config.hidden)
        self.condition_middle = nn.Linear(config.hidden, config.hidden)
        self.condition_last = nn.Linear(config.hidden, config.condition_width)
        self.join = nn.Parameter(torch.empty(config.condition_width, width))

    def forward(self, x: Tensor, t: Tensor) -> Tensor:
        """Return h(x_t, t), (B, D), for x (B, D) and t (B,)."""
        if not self.learned:
            # The posterior mean of x_0 under a standard normal prior.
            return self.schedule.at("signal", t, x) * x
        silu = nn.functional.silu
        hidden = silu(self.first(x) + self.time(self.times[t]))
        predicted: Tensor = self.last(silu(self.middle(hidden)))
        return predicted

    def condition(self, y: Tensor, t: Tensor) -> Tensor:
        """Return phi(y, t), (B, R)."""
        silu = nn.functional.silu
        hidden = silu(self.condition_first(y) + self.condition_time(self.times[t]))
        told: Tensor = self.condition_last(silu(self.condition_middle(hidden)))
        return told


def train_denoiser(
    rows: Sequence[Tensor], pairs: Int64, graph: Int64, config: EvidenceConfig, generator: torch.Generator
) -> ConditionalDenoiser:
    """Train on the ends of ties, both ways round.

    Args:
        rows: (U, D) latent rows of each of G encodings, about unit variance; the network is trained where they lie.
        pairs: (B, 2) ties; graph: (B,) the encoding in which each tie is left out.
    """
    schedule, device = _schedule(config), rows[0].device
    net = _initialised(ConditionalDenoiser(rows[0].shape[1], schedule, config), generator).to(device)
    ends = [_ends(rows, pairs[:, side], graph) for side in (0, 1)]
    ties = torch.stack([torch.cat(ends), torch.cat(ends[::-1])], dim=1)
    epochs, batches = counted(len(ties), config)
    values, gradient = laid_out(net.parameters())
    pace = Pace(config.learning_rate, epochs * batches, decay=WEIGHT_DECAY)
    descent = RecordedDescent(values[None], gradient[None], [pace])
    epoch = _Epoch(len(ties), batches, rows[0].shape[1], device)

    def step() -> None:
        chosen, *drawn = epoch.batch(descent.done)
        x, y = ties.index_select(0, chosen).float().unbind(1)
        _loss(net, x, y, drawn).backward()  # type: ignore[no-untyped-call]
        descent.step()

    repeated = Repeated(step, device)
    drawn = generator_on(device, int(torch.randint(1 << 62, (), generator=generator)))
    with threads_at_most(MOST_THREADS):
        for _ in range(epochs):
            epoch.draw(net.schedule.steps, config.dropped, drawn)
            repeated(batches)
    return net.eval()


class _Epoch:
    """What is random in one pass over the ties, in memory that stays where it is.

    Letters: B ties both ways, S batches, M ties of a batch.
    """

    def __init__(self, ties: int, batches: int, width: int, device: torch.device) -> None:
        self.ties, self.batches, self.device = ties, batches, device
        # Batches of one tie less than others repeat one, which weighs nothing.
        place = cut(torch.arange(ties), batches)
        self.place = place.clamp(min=0).to(device)
        shape = place.shape
        self.part = ((place >= 0) / (place >= 0).sum(dim=1, keepdim=True)).to(device)
        self.chosen, self.step = (torch.zeros(shape, dtype=torch.int64, device=device) for _ in range(2))
        self.noise = torch.zeros((*shape, width), device=device)
        self.told = torch.zeros((*shape, 1), device=device)

    def draw(self, steps: int, dropped: float, generator: torch.Generator) -> None:
        """Draw an order of the ties and, for each, a step, noise, and whether its other end is told."""
        width, count, there = self.noise.shape[-1], self.ties, self.device
        self.chosen.copy_(torch.randperm(count, generator=generator, device=there)[self.place])
        self.step.copy_(torch.randint(steps, (count,), generator=generator, device=there)[self.place])
        self.noise.copy_(torch.randn(count, width, generator=generator, device=there)[self.place])
        told = torch.rand(count, 1, generator=generator, device=there) >= dropped
        self.told.copy_(told.float()[self.place])

    def batch(self, done: Tensor) -> list[Tensor]:
        """Return ties (M,), steps (M,), noise (M, D), what is told (M, 1) and weights (M,) of the next batch."""
        turn = done % self.batches
        return [each.index_select(0, turn)[0] for each in (self.chosen, self.step, self.noise, self.told, self.part)]


def _ends(rows: Sequence[Tensor], users: Int64, graph: Int64) -> Tensor:
    """Return the latent rows (B, D) of ``users``, each from the encoding ``graph`` (B,)."""
    found = torch.empty((len(users), rows[0].shape[1]), dtype=rows[0].dtype, device=rows[0].device)
    for place, each in enumerate(rows):
        here = np.flatnonzero(graph == place)
        chosen, wanted = (torch.as_tensor(which).to(each.device) for which in (here, users[here]))
        found.index_copy_(0, chosen, each.index_select(0, wanted))
    return found


def _loss(net: ConditionalDenoiser, x0: Tensor, y: Tensor, drawn: Sequence[Tensor]) -> Tensor:
    """Return the mean squared error of x_hat_0 at random steps; every step weighs the same, the target is fixed.

    Args:
        drawn: steps (B,), noise (B, D), whether y is told (B, 1), and each row's part of the mean (B,).
    """
    t, noise, told, part = drawn
    noised = add_noise(x0, noise, t, net.schedule)
    predicted = net(noised, t) + told * (net.condition(y, t) @ net.join)
    loss: Tensor = (predicted - x0).square().mean(dim=1) @ part
    return loss


@dataclass(frozen=True)
class EvidenceColumns:
    """What each user brings to the evidence of a pair, at one noise level.

    Attributes:
        joint, apart: (U, R), u_t and w_t: sum and difference of how far denoising misses the user, seen through Q,
            and of what the user tells about others.
        power: (U, 1), |Q^T c_t|^2.
        movement: (U, 1), log of the mean squared denoising residual.
    """

    joint: Tensor
    apart: Tensor
    power: Tensor
    movement: Tensor


def noise_blocks(like: Tensor, seed: int) -> Iterator[tuple[slice, list[Tensor]]]:
    """Yield consecutive rows of ``like`` (U, D) and each draw's noise (B, D) for them; a ``seed`` draws the same."""
    drawn, there = generator_on(like.device, seed), like.device
    for start in range(0, len(like), BLOCK_ROWS):
        shape = (min(BLOCK_ROWS, len(like) - start), like.shape[1])
        yield (
            slice(start, start + shape[0]),
            [torch.randn(shape, generator=drawn, device=there) for _ in range(NOISE_DRAWS)],
        )


@torch.no_grad()
def evidence_columns(
    net: ConditionalDenoiser, rows: Tensor, noise: Sequence[Tensor], ratios: Sequence[float]
) -> list[EvidenceColumns]:
    """Return the columns of latent ``rows`` (B, D) at each noise-to-signal ratio.

    Args:
        noise: (B, D) each, where the rows are.
    """
    steps = [nearest_step(net.schedule, ratio) for ratio in ratios]
    found: list[list[tuple[Tensor, ...]]] = [[] for _ in steps]
    at_once = CACHE_ROWS if rows.device.type == "cpu" else len(rows)
    for part, *drawn in zip(*(torch.split(each, at_once) for each in (rows, *noise)), strict=True):
        wide = part.float()
        for place, missed in enumerate(_missed(net, wide, drawn, steps)):
            found[place].append(_columns(net, wide, missed, steps[place]))
    return [EvidenceColumns(*(torch.cat(each) for each in zip(*parts, strict=True))) for parts in found]


def _missed(net: ConditionalDenoiser, x0: Tensor, noise: Sequence[Tensor], steps: Sequence[int]) -> Iterator[Tensor]:
    """Yield E_n[x_0 - h(x_t, t)] (B, D) for each step t, n running over ``noise``, (B, D) each, and its negatives.

    The first layer and the last are linear, so the first sees rows and noise once for all steps and draws, the last
    the mean of what it is given.
    """
    if not net.learned:
        # What noise adds to a multiple of x_t its negative takes away.
        yield from (x0 - float(net.schedule.alpha_bar[step]) * x0 for step in steps)
        return
    silu, weight = nn.functional.silu, net.first.weight.T
    clean, drawn = x0 @ weight, [each @ weight for each in noise]
    for step in steps:
        signal, scale = float(net.schedule.signal[step]), float(net.schedule.noise[step])
        at = torch.add(net.first.bias + net.time(net.times[step]), clean, alpha=signal)
        hidden = torch.zeros_like(at)
        for each in drawn:
            for signed in (scale, -scale):
                hidden += silu(net.middle(silu(torch.add(at, each, alpha=signed))))
        yield x0 - net.last(hidden / (2 * len(drawn)))


def _columns(net: ConditionalDenoiser, x0: Tensor, missed: Tensor, step: int) -> tuple[Tensor, ...]:
    """Return joint, apart, power and movement of the rows ``x0`` (B, D)."""
    told = net.condition(x0, torch.full((len(x0),), step, device=x0.device))
    power = (told @ net.join).square().sum(dim=1, keepdim=True)
    movement = torch.log(missed.square().mean(dim=1, keepdim=True) + 1e-6)
    residual = missed @ net.join.T
    joint, apart = ((residual + sign * told) / 2**0.5 for sign in (1, -1))
    return joint, apart, power, movement


def denoise(net: ConditionalDenoiser, rows: Tensor, config: EvidenceConfig) -> Float32:
    """Return the denoised rows (U, D): the reverse walk from ``walk_from``, taking the rows as x_t as they are."""
    walk, on_processor = _walk(net.schedule, config), rows.device.type == "cpu"

    def predict(x: Tensor, t: int) -> Tensor:
        found: Tensor = net(x, torch.full((len(x),), t, device=x.device))
        return found

    @torch.no_grad()
    def walked(x: Tensor) -> Tensor:
        return reverse_walk(x, predict, walk)

    blocks = torch.split(rows.float(), CACHE_ROWS if on_processor else BLOCK_ROWS)
    found = side_by_side(walked, blocks) if on_processor else [walked(x) for x in blocks]
    return torch.cat(found).cpu().numpy()


def _walk(schedule: Schedule, config: EvidenceConfig) -> Schedule:
    return Schedule(schedule.alpha_bar[: nearest_step(schedule, config.walk_from) + 1])


@torch.no_grad()
def folded(net: ConditionalDenoiser, config: EvidenceConfig) -> FoldedDenoiser | None:
    """Return ``net``'s plain denoiser with its time embedding folded in, or None where it learned none."""
    if not net.learned:
        return None
    walk = _walk(net.schedule, config)
    with threads_at_most(1):
        bias = net.first.bias + net.time(net.times[: walk.steps])
    layers = tuple((_array(each.weight), _array(each.bias)) for each in (net.middle, net.last))
    return FoldedDenoiser(
        first=_array(net.first.weight),
        bias=_array(bias),
        further=layers,
        activation="silu",
        normalise=False,
        schedule=walk,
    )


def plain(net: ConditionalDenoiser) -> dict[str, Float32]:
    """Return the weights of ``net`` by name."""
    return {name: _array(values) for name, values in net.named_parameters()}


def read(weights: Mapping[str, Float32], config: EvidenceConfig) -> ConditionalDenoiser:
    """Return the network whose ``plain`` weights these are."""
    net = ConditionalDenoiser(weights["first.weight"].shape[1], _schedule(config), config)
    net.load_state_dict({name: torch.as_tensor(values) for name, values in weights.items()})
    return net.eval()


def _array(values: Tensor) -> Float32:
    found: Float32 = values.detach().cpu().numpy().copy()
    return found


def _schedule(config: EvidenceConfig) -> Schedule:
    if config.denoising == "autoencoder":
        ratio = float(np.sqrt(config.levels[0] * config.levels[-1]))
        return Schedule(np.array([1.0 / (1.0 + ratio**2)]))
    return log_spaced(config.steps, config.noise_low, config.noise_high)


def _initialised(net: ConditionalDenoiser, generator: torch.Generator) -> ConditionalDenoiser:
    """Draw all weights from ``generator``: uniform within +-1/sqrt(inputs), biases zero."""
    with torch.no_grad():
        for name, weight in net.named_parameters():
            if weight.ndim == 1:
                weight.zero_()
            else:
                bound = 0.1 if name == "join" else weight.shape[1] ** -0.5
                weight.copy_((2 * torch.rand(weight.shape, generator=generator) - 1) * bound)
    return net
