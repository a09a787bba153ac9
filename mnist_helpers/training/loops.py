"""One epoch, one evaluation, a whole run with its history, and the device to do it on."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
import math
import os

from jaxtyping import Float, Int
import torch
from torch import Tensor, nn
import torch.nn.functional as F
from torch.optim import Optimizer
from tqdm.auto import tqdm

# Images and labels. Batches differ in length. A DataLoader makes lists.
Batches = Iterable[tuple[Float[Tensor, "_ C H W"], Int[Tensor, " _"]] | list[Tensor]]
_Loss = Callable[[Float[Tensor, "N classes"], Int[Tensor, " N"]], Float[Tensor, ""]]


@dataclass
class History:
    """What `fit` saw, one entry an epoch; without a validation set its two lists stay empty."""

    losses: list[list[float]] = field(default_factory=list)  # of every batch
    train_accuracy: list[float] = field(default_factory=list)  # judged just before learned from
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)


class TrainingInterrupted(KeyboardInterrupt):
    """Its message says where, and how to go on."""

    history: History  # of the epochs done


def get_device() -> torch.device:
    """Return what ``$MNIST_DEVICE`` names where it is set; else CUDA, else Apple's MPS, or CPU."""
    if os.environ.get("MNIST_DEVICE"):
        return torch.device(os.environ["MNIST_DEVICE"])
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def train_one_epoch(
    model: nn.Module, loader: Batches, loss_function: _Loss, optimizer: Optimizer
) -> tuple[list[float], float]:
    """Return the loss of each batch, and the accuracy in [0, 1] meanwhile."""
    device = next(model.parameters()).device
    model.train()
    losses, correct, total = [], 0, 0
    for images, labels in loader:
        images, labels = images.to(device), labels.to(device)
        logits = model(images)
        loss = loss_function(logits, labels)

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        losses.append(loss.item())
        correct += (logits.argmax(dim=1) == labels).sum().item()
        total += len(labels)
    return losses, correct / total


def evaluate(model: nn.Module, loader: Batches, loss_function: _Loss) -> tuple[float, float]:
    """Return the mean loss and the accuracy in [0, 1]; every digit counts alike."""
    device = next(model.parameters()).device
    model.eval()
    total_loss, correct, total = 0.0, 0, 0
    with torch.no_grad():
        for images, labels in loader:
            images, labels = images.to(device), labels.to(device)
            logits = model(images)
            total_loss += loss_function(logits, labels).item() * len(labels)
            correct += (logits.argmax(dim=1) == labels).sum().item()
            total += len(labels)
    return total_loss / total, correct / total


def fit(
    model: nn.Module,
    train_loader: Batches,
    optimizer: Optimizer,
    epochs: int,
    validation_loader: Batches | None = None,
    loss_function: _Loss = F.cross_entropy,
    log_every: int = 100,
    progress: bool = True,
    on_batch: Callable[[float], object] = lambda loss: None,
    on_epoch: Callable[[int], object] = lambda epoch: None,
    history: History | None = None,
) -> History:
    """Train for some epochs, and return the history; a `history` that is given is gone on with.
    `on_batch` is given each loss, before the step; `on_epoch` the number of epochs done. A
    FloatingPointError names the first batch whose loss is not finite."""
    held = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    if held.isdisjoint(map(id, model.parameters())):  # torch would train on, and nothing be learned
        raise ValueError(
            "optimizer holds no parameter of this model: it was made for another network, perhaps "
            "before this one was made anew. Make the optimizer again, from model.parameters()."
        )
    history = history or History()
    last = len(history.losses) + epochs

    def counted() -> Batches:
        nonlocal done
        for batch in train_loader:
            yield batch
            done += 1
            bar.update()

    def told_loss(logits: Tensor, labels: Tensor) -> Tensor:
        loss = loss_function(logits, labels)
        _require_finite(loss.item(), f"of batch {done + 1} of epoch {epoch}")
        on_batch(loss.item())
        return loss

    steps = epochs * len(train_loader)
    # Each update is a message, and a client that is slow to read them loses some.
    with tqdm(total=steps, unit="batch", disable=not progress, mininterval=1) as bar:
        for epoch in range(last - epochs + 1, last + 1):
            bar.set_description(f"epoch {epoch} of {last}")
            done = 0
            try:
                losses, accuracy = train_one_epoch(model, counted(), told_loss, optimizer)
                if validation_loader is not None:
                    validated = evaluate(model, validation_loader, loss_function)
                    _require_finite(validated[0], f"on the validation set after epoch {epoch}")
            except KeyboardInterrupt:
                error = TrainingInterrupted(
                    f"training was interrupted in epoch {epoch} of {last}, after {done} of its "
                    f"{len(train_loader)} batches. The network and the optimizer keep what they "
                    f"have learned. To go on, call fit with both again and "
                    f"epochs={last - epoch + 1}: epoch {epoch} starts once more. (The history so "
                    "far is sys.last_value.history; fit adds to one that is given as history=...)"
                )
                error.history = history
                raise error from None
            # All at once, so that an interrupted epoch leaves none of its numbers.
            history.losses.append(losses)
            history.train_accuracy.append(accuracy)
            if validation_loader is not None:
                history.validation_loss.append(validated[0])
                history.validation_accuracy.append(validated[1])
            if progress:
                line = " ".join(f"{loss:.3f}" for loss in losses[log_every - 1 :: log_every])
                line = f"epoch {epoch:2d}  loss {line}  training accuracy {accuracy:.2%}"
                if validation_loader is not None:
                    line += f"  validation accuracy {validated[1]:.2%}"
                bar.write(line)
            on_epoch(epoch)
    return history


def _require_finite(loss: float, which: str) -> None:
    """Raise a FloatingPointError where a loss is infinite or NaN."""
    if not math.isfinite(loss):
        raise FloatingPointError(
            f"the loss {which} is {loss}, and training stopped there. Most often the learning rate "
            "is too high: make network and optimizer anew, and try a tenth of it. Else look for a "
            "NaN among the images, which have to be numbers from 0 to 1."
        )
