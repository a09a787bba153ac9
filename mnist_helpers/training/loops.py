"""One epoch, one evaluation, a whole run with its history, and the device to do it on."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
import os

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

Batches = Iterable[tuple[Tensor, Tensor]]
LossFunction = Callable[[Tensor, Tensor], Tensor]


@dataclass
class History:
    """What `fit` saw, one entry an epoch; the validation lists stay empty where no validation set was given.

    losses: for each epoch, the loss of every batch, in order.
    train_accuracy: the fraction of the training digits that were read rightly, each at the moment it was trained on.
    validation_loss, validation_accuracy: mean loss and accuracy on the validation set at the end of the epoch.
    """

    losses: list[list[float]] = field(default_factory=list)
    train_accuracy: list[float] = field(default_factory=list)
    validation_loss: list[float] = field(default_factory=list)
    validation_accuracy: list[float] = field(default_factory=list)


def get_device() -> torch.device:
    """Return the device to train on: what ``$MNIST_DEVICE`` names, for example ``cpu``, where that is set; else CUDA
    (an NVIDIA or AMD card) where there is one, else MPS (Apple's chips), else the CPU."""
    if os.environ.get("MNIST_DEVICE"):
        return torch.device(os.environ["MNIST_DEVICE"])
    if torch.cuda.is_available():
        return torch.device("cuda")
    if torch.backends.mps.is_available():
        return torch.device("mps")
    return torch.device("cpu")


def train_one_epoch(
    model: nn.Module, loader: Batches, loss_function: LossFunction, optimizer: Optimizer
) -> tuple[list[float], float]:
    """Train `model` on every batch of `loader` once.

    Args:
        model: a network whose logits are ``[N, classes]``; batches are moved to its device.
        loader: batches ``(images, labels)``, labels int64 ``[N]``.
        loss_function: takes logits and labels, returns their mean loss, for example ``nn.CrossEntropyLoss()``.
        optimizer: holds the model's parameters.

    Returns:
        The loss of every batch, and the accuracy in [0, 1] over all digits, each judged just before it is learned from.

    Raises:
        ValueError: the loader holds no batch.
    """
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
    if total == 0:
        raise ValueError(
            "The loader holds no batch: there is nothing to train on. Give it at least one."
        )
    return losses, correct / total


def evaluate(model: nn.Module, loader: Batches, loss_function: LossFunction) -> tuple[float, float]:
    """Return the mean loss and the accuracy in [0, 1] of `model` over all digits of `loader`; every digit counts alike.

    The model is put into evaluation mode and left there; its parameters do not change. Arguments are those of
    `train_one_epoch`.

    Raises:
        ValueError: the loader holds no batch.
    """
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
    if total == 0:
        raise ValueError(
            "The loader holds no batch: there is nothing to evaluate. Give it at least one."
        )
    return total_loss / total, correct / total


def fit(
    model: nn.Module,
    train_loader: DataLoader,
    optimizer: Optimizer,
    epochs: int,
    validation_loader: DataLoader | None = None,
    loss_function: LossFunction | None = None,
    log_every: int = 100,
    progress: bool = True,
    on_batch: Callable[[float], None] | None = None,
    on_epoch: Callable[[int], None] | None = None,
) -> History:
    """Call `train_one_epoch` `epochs` times, and return the history.

    Args:
        model, train_loader, optimizer: as in `train_one_epoch`.
        epochs: how often to go through the training set, at least 1.
        validation_loader: digits to evaluate on after each epoch, never trained on.
        loss_function: cross-entropy on logits where none is given.
        log_every: after each epoch, print the loss at every so many batches.
        progress: show a progress bar and those lines.
        on_batch: called with the loss of each training batch, before the step that follows from it.
        on_epoch: called with the number of epochs done, after each.

    Raises:
        ValueError: `epochs` or `log_every` is less than 1, or a loader holds no batch.
    """
    for name, value in (("epochs", epochs), ("log_every", log_every)):
        if value < 1:
            raise ValueError(f"{name} is {value}, and has to be at least 1.")
    loss_function = loss_function or nn.CrossEntropyLoss()
    training_loss = loss_function if on_batch is None else _told(loss_function, on_batch)
    history = History()
    with tqdm(
        total=epochs * len(train_loader),
        unit="batch",
        disable=not progress,
        mininterval=1,  # each update is a message, and a client that is slow to read them loses some
    ) as bar:
        for epoch in range(1, epochs + 1):
            bar.set_description(f"epoch {epoch} of {epochs}")
            losses, accuracy = train_one_epoch(
                model, _ticking(train_loader, bar), training_loss, optimizer
            )
            history.losses.append(losses)
            history.train_accuracy.append(accuracy)
            if validation_loader is not None:
                loss, accuracy = evaluate(model, validation_loader, loss_function)
                history.validation_loss.append(loss)
                history.validation_accuracy.append(accuracy)
            if progress:
                bar.write(_epoch_line(history, log_every))
            if on_epoch is not None:
                on_epoch(epoch)
    return history


def _told(loss_function: LossFunction, on_batch: Callable[[float], None]) -> LossFunction:
    """Return a loss function that also hands each loss to `on_batch`. So the loop that the lesson shows stays as is."""

    def tell(logits: Tensor, labels: Tensor) -> Tensor:
        loss = loss_function(logits, labels)
        on_batch(loss.item())
        return loss

    return tell


def _ticking(loader: DataLoader, bar: tqdm) -> Iterator[tuple[Tensor, Tensor]]:
    for batch in loader:
        yield batch
        bar.update()


def _epoch_line(history: History, log_every: int) -> str:
    losses = " ".join(f"{loss:.3f}" for loss in history.losses[-1][log_every - 1 :: log_every])
    line = f"epoch {len(history.losses):2d}  loss {losses}  training accuracy {history.train_accuracy[-1]:.2%}"
    if history.validation_accuracy:
        line += f"  validation accuracy {history.validation_accuracy[-1]:.2%}"
    return line
