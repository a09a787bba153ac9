"""One epoch, one evaluation, a whole run with its history, checkpoints, and the device to do it on."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
import os
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

Batches = Iterable[tuple[Tensor, Tensor]]
LossFunction = Callable[[Tensor, Tensor], Tensor]

_CHECKPOINT_FORMAT = "mnist_helpers checkpoint 1"


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
    with tqdm(total=epochs * len(train_loader), unit="batch", disable=not progress) as bar:
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


def save_checkpoint(
    path: str | Path, model: nn.Module, optimizer: Optimizer | None = None, epoch: int = 0
) -> None:
    """Save the model's weights, and where given the optimizer's state and the number of epochs done, in one file.

    The file is written under another name and then moved into place, so that an interrupted save leaves the
    old one whole.

    Raises:
        FileNotFoundError: the folder of `path` does not exist.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {path.parent} does not exist: make it first, or save elsewhere."
        )
    content = {
        "format": _CHECKPOINT_FORMAT,
        "network": type(model).__name__,
        "model": model.state_dict(),
        "optimizer": None if optimizer is None else optimizer.state_dict(),
        "epoch": epoch,
    }
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        torch.save(content, beside)
        os.replace(beside, path)
    except BaseException:
        beside.unlink(missing_ok=True)
        raise


def load_checkpoint(path: str | Path, model: nn.Module, optimizer: Optimizer | None = None) -> int:
    """Load what `save_checkpoint` wrote into `model`, and into `optimizer` where one is given.

    The file is read with ``weights_only=True``: it can bring tensors and numbers, never code. Weights land on the
    device that the model is on. Where anything does not fit, the model is left as it was.

    Returns:
        The number of epochs done when it was saved.

    Raises:
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be read, is no checkpoint of this package, belongs to another network, or holds no
            optimizer state where one is asked for. (A changed bit within a tensor is not noticed: torch keeps no
            checksum.)
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f"There is no checkpoint {path}: save one first, or check the name."
        )
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # what a foreign or damaged file makes the reader trip over varies
        raise ValueError(
            f"{path} cannot be read as a checkpoint: it is damaged, or holds more than tensors and numbers, "
            f"and nothing of it was loaded. Save it again. ({type(error).__name__})"
        ) from error
    if not isinstance(content, dict) or content.get("format") != _CHECKPOINT_FORMAT:
        raise ValueError(f"{path} is a PyTorch file, but not one that save_checkpoint wrote.")
    _require_same_shapes(path, content, model)
    if optimizer is not None:
        if content["optimizer"] is None:
            raise ValueError(
                f"{path} holds no optimizer state: load it without one, or save it with one."
            )
        optimizer.load_state_dict(content["optimizer"])
    model.load_state_dict(content["model"])
    return content["epoch"]


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


def _require_same_shapes(path: Path, content: dict, model: nn.Module) -> None:
    saved = {name: list(tensor.shape) for name, tensor in content["model"].items()}
    wanted = {name: list(tensor.shape) for name, tensor in model.state_dict().items()}
    for name in [*wanted, *saved]:
        if saved.get(name) != wanted.get(name):
            raise ValueError(
                f"{path} was saved from {content['network']} and does not fit this {type(model).__name__}: "
                f"{name} is {saved.get(name, 'absent')} in the file and {wanted.get(name, 'absent')} in the model. "
                f"Make the network that was saved, then load."
            )
