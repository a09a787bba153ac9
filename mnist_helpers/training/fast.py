"""The fast way to train: one cycle of the learning rate, in the precision measured to be faster."""

from collections.abc import Callable, Iterator
import functools
import itertools
import os
import time
from typing import NamedTuple

from jaxtyping import Float
import torch
from torch import Tensor, nn
import torch.nn.functional as F
from torch.optim import Optimizer
from torch.optim.lr_scheduler import OneCycleLR
from torch.optim.swa_utils import AveragedModel
from torchvision.datasets import MNIST
from tqdm.auto import tqdm

from ..batches import TensorBatches
from ..data import load_datasets
from ..models import CNN
from .loops import Batches, _require_finite


class _Precision(NamedTuple):
    dtype: torch.dtype
    reason: str  # in one line


def choose_precision(device: torch.device) -> _Precision:
    """Return what ``$MNIST_PRECISION`` says, or bfloat16 where it is 1.2 times as fast as float32.
    To measure that takes a second, once in a process."""
    name = os.environ.get("MNIST_PRECISION")
    if name not in (None, "", "float32", "bfloat16"):
        raise ValueError(f"MNIST_PRECISION is {name!r}: set it to float32 or bfloat16.")
    why = ", as MNIST_PRECISION says"
    if not name:
        ratio = _speed_of_bfloat16(device)
        name = "bfloat16" if ratio >= 1.2 else "float32"
        found = f"measured {ratio:.2f} times as fast as float32" if ratio else "does not run here"
        why = f" (bfloat16 {found})"
    return _Precision(getattr(torch, name), f"precision on {device}: {name}{why}")


@functools.cache
def _speed_of_bfloat16(device: torch.device) -> float:
    """Return how many times as fast as in float32 a `CNN` trains; 0 where it does not run."""
    with torch.random.fork_rng(devices=[]):
        model = CNN().to(device, memory_format=torch.channels_last)
    images = torch.zeros(64, 1, 28, 28, device=device)

    def seconds(enabled: bool) -> float:
        start = time.perf_counter()
        with torch.autocast(device.type, torch.bfloat16, enabled=enabled):
            logits = model(images)
        logits.float().sum().backward()
        next(model.parameters()).grad.sum().item()  # waits until the device is done
        return time.perf_counter() - start

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # several wait for each other
    rounds, end = [], time.perf_counter() + 1
    try:
        # Where bfloat16 is imitated, twenty rounds would take ten seconds.
        while len(rounds) < 3 or (len(rounds) < 20 and time.perf_counter() < end):
            rounds.append((seconds(False), seconds(True)))
    except RuntimeError:  # how a device says that it knows no bfloat16
        return 0.0
    finally:
        torch.set_num_threads(threads)
    # The quickest of each: a busy neighbour slows some.
    without, with_it = map(min, zip(*rounds, strict=True))
    return without / with_it


def one_cycle(optimizer: Optimizer, peak_rate: float, steps: int) -> OneCycleLR:
    """Return a schedule: up from a tenth of the peak in 30 % of the steps, then down to nearly 0.
    Source: L. N. Smith, N. Topin, "Super-Convergence", 2018, arXiv:1708.07120."""
    return OneCycleLR(
        optimizer,
        max_lr=peak_rate,
        total_steps=steps,
        pct_start=0.3,
        anneal_strategy="linear",
        cycle_momentum=False,
        div_factor=10,
        final_div_factor=100,
    )


def fit_one_cycle(
    model: nn.Module,
    batches: Batches,
    epochs: float,
    peak_rate: float,
    precision: torch.dtype = torch.float32,
    betas: tuple[float, float] = (0.7, 0.9),
    label_smoothing: float = 0.0,
    augment: Callable[[Float[Tensor, "N C H W"]], Float[Tensor, "N C H W"]] | None = None,
    average: AveragedModel | None = None,
    progress: bool = True,
) -> list[float]:
    """Train with Adam and one cycle of the learning rate, and return the loss of every batch.

    `average` takes the weights in after each of the last fifth of the steps. A FloatingPointError
    names the first batch whose loss is not finite.
    """
    if isinstance(batches, Iterator):  # the loop would wait for ever
        raise ValueError(
            f"batches, a {type(batches).__name__}, can be gone through once only: give the loader."
        )
    device = next(model.parameters()).device
    steps = round(epochs * len(batches))
    model.to(memory_format=torch.channels_last).train()
    optimizer = torch.optim.Adam(model.parameters(), lr=peak_rate, betas=betas, fused=True)
    schedule = one_cycle(optimizer, peak_rate, steps)
    endless = itertools.chain.from_iterable(itertools.repeat(batches))  # begun again at their end
    repeated = itertools.islice(endless, steps)
    losses = []
    try:
        for images, labels in tqdm(repeated, total=steps, unit="batch", disable=not progress):
            images, labels = images.to(device), labels.to(device)
            if augment is not None:
                images = augment(images)
            with torch.autocast(device.type, torch.bfloat16, enabled=precision == torch.bfloat16):
                logits = model(images.to(memory_format=torch.channels_last))
            loss = F.cross_entropy(logits.float(), labels, label_smoothing=label_smoothing)

            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()

            losses.append(loss.item())
            _require_finite(losses[-1], f"of batch {len(losses)} of {steps}")
            if average is not None and len(losses) > 0.8 * steps:
                average.update_parameters(model)
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            "training was interrupted within its one cycle of the learning rate, which cannot be "
            "gone on with. Make the network anew, and run this again."
        ) from None
    return losses


def fit_fast(
    model: nn.Module,
    train_set: MNIST | None = None,
    epochs: float = 1,
    seed: int = 0,
    precision: torch.dtype | None = None,
    progress: bool = True,
    **options: object,
) -> list[float]:
    """Train as lesson 06 arrives at: after one epoch a `CNN` reads 99 % of the test set. `options`
    go to `fit_one_cycle`."""
    if precision is None:
        precision, reason = choose_precision(next(model.parameters()).device)
        if progress:
            print(reason)
    if train_set is None:
        train_set, _ = load_datasets()
    images, labels = train_set.data, train_set.targets
    batches = TensorBatches(images, labels, batch_size=128, shuffle=True, seed=seed)
    keep_freed_memory()
    return fit_one_cycle(
        model, batches, epochs, 0.005, precision, label_smoothing=0.1, progress=progress, **options
    )


def averaged(model: nn.Module) -> AveragedModel:
    """Return a second network, for the mean of weights and of batch norm's statistics."""
    return AveragedModel(model, use_buffers=True)


def keep_freed_memory() -> None:
    """Have Linux's C library keep freed memory: a step takes up to twice as long without."""
    # Freeing a block of nearly 32 MiB raises its thresholds to their highest: mallopt(3).
    torch.empty(31 * 2**20, dtype=torch.uint8)
