"""One epoch, one evaluation, a whole run with its history, and the device to do it on."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
import functools
import os

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.utils.data import DataLoader
from tqdm.auto import tqdm

from ..checks import (
    checked,
    described,
    require_bool,
    require_function,
    require_model,
    require_whole,
)
from .arguments import (
    Batches,
    LossFunction,
    checked_batches,
    checked_loss,
    require_batches,
    require_device,
    require_learner,
    require_loss_function,
    require_optimizer,
)


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


class TrainingInterrupted(KeyboardInterrupt):
    """A training that was interrupted. Its message says where, and how to go on.

    history: that of the epochs done.
    """

    def __init__(self, message: str, history: History) -> None:
        super().__init__(message)
        self.history = history


def get_device() -> torch.device:
    """Return the device to train on: what ``$MNIST_DEVICE`` names, for example ``cpu``, where that is set; else CUDA
    (an NVIDIA or AMD card) where there is one, else MPS (Apple's chips), else the CPU.

    Raises:
        ValueError: ``$MNIST_DEVICE`` names no device, or one that this computer does not have.
    """
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
        TypeError: an argument is of another type, or a batch holds something else than images of floats and labels of
            int64.
        ValueError: the loader holds no batch, the optimizer no parameter of this model; a batch has not as many labels
            as images, NaN or infinity in an image, or a label that is none of the model's classes; or the loss is not
            one number.
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
        TypeError, ValueError: as `train_one_epoch` does.
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
    history: History | None = None,
) -> History:
    """Call `train_one_epoch` `epochs` times, and return the history.

    It may be interrupted: the network and the optimizer then keep what they have learned, and another call with both
    goes on from there.

    Args:
        model, train_loader, optimizer: as in `train_one_epoch`.
        epochs: how often to go through the training set, at least 1.
        validation_loader: digits to evaluate on after each epoch, never trained on.
        loss_function: cross-entropy on logits where none is given.
        log_every: after each epoch, print the loss at every so many batches.
        progress: show a progress bar and those lines.
        on_batch: called with the loss of each training batch, before the step that follows from it.
        on_epoch: called with the number of epochs done, after each.
        history: that of an earlier call, which this one goes on with; a new one where none is given.

    Raises:
        TypeError: an argument is not of its type.
        ValueError: `epochs` or `log_every` is less than 1, or a loader holds no batch.
        TrainingInterrupted: it was interrupted, by *Interrupt the kernel* or Ctrl-C.
    """
    require_optimizer(optimizer, require_learner(model))
    require_batches("train_loader", train_loader, sized=True)
    require_whole("epochs", epochs, at_least=1)
    if validation_loader is not None:
        require_batches("validation_loader", validation_loader)
    if loss_function is not None:
        require_loss_function(loss_function)
    require_whole("log_every", log_every, at_least=1)
    require_bool("progress", progress)
    if on_batch is not None:
        require_function("on_batch", on_batch, "takes the loss of a batch")
    if on_epoch is not None:
        require_function("on_epoch", on_epoch, "takes the number of epochs done")
    if history is not None and not isinstance(history, History):
        raise TypeError(
            f"history is {described(history)}, and has to be a History, as an earlier call of fit returned it, or None."
        )
    loss_function = loss_function or nn.CrossEntropyLoss()
    training_loss = loss_function if on_batch is None else _told(loss_function, on_batch)
    history = History() if history is None else history
    first = len(history.losses) + 1
    last = first + epochs - 1
    with tqdm(
        total=epochs * len(train_loader),
        unit="batch",
        disable=not progress,
        mininterval=1,  # each update is a message, and a client that is slow to read them loses some
    ) as bar:
        for epoch in range(first, last + 1):
            bar.set_description(f"epoch {epoch} of {last}")
            batches = _Counted(train_loader, bar)
            try:
                losses, accuracy = train_one_epoch(model, batches, training_loss, optimizer)
                validated = None
                if validation_loader is not None:
                    validated = evaluate(model, validation_loader, loss_function)
            except KeyboardInterrupt as interrupt:
                if interrupt.args:  # not by a key: it has a message of its own
                    raise
                raise TrainingInterrupted(
                    _how_to_go_on(epoch, last, batches.done, len(train_loader)), history
                ) from None
            # All at once, so that an interrupted epoch leaves none of its numbers.
            history.losses.append(losses)
            history.train_accuracy.append(accuracy)
            if validated is not None:
                history.validation_loss.append(validated[0])
                history.validation_accuracy.append(validated[1])
            if progress:
                bar.write(_epoch_line(history, log_every))
            if on_epoch is not None:
                on_epoch(epoch)
    return history


def _told(loss_function: LossFunction, on_batch: Callable[[float], None]) -> LossFunction:
    """Return a loss function that also hands each loss to `on_batch`. So the loop that the lesson shows stays as is."""

    asked = checked_loss(loss_function, learning=True)

    def tell(logits: Tensor, labels: Tensor) -> Tensor:
        loss = asked(logits, labels)
        on_batch(loss.item())
        return loss

    return tell


class _Counted:
    """Goes through a loader, and counts the batches that are done with, on a progress bar too."""

    def __init__(self, loader: Batches, bar: tqdm) -> None:
        self.loader, self.bar, self.done = loader, bar, 0

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        for batch in self.loader:
            yield batch
            self.done += 1
            self.bar.update()


def _how_to_go_on(epoch: int, last: int, done: int, batches: int) -> str:
    return (
        f"training was interrupted in epoch {epoch} of {last}, after {done} of its {batches} batches. The network and "
        f"the optimizer keep what they have learned. To go on, call fit with both again and epochs={last - epoch + 1}: "
        f"epoch {epoch} starts once more. (The history so far is sys.last_value.history; fit adds to one that is given "
        "as history=...) To begin from the start, make both anew first."
    )


def _epoch_line(history: History, log_every: int) -> str:
    losses = " ".join(f"{loss:.3f}" for loss in history.losses[-1][log_every - 1 :: log_every])
    line = f"epoch {len(history.losses):2d}  loss {losses}  training accuracy {history.train_accuracy[-1]:.2%}"
    if history.validation_accuracy:
        line += f"  validation accuracy {history.validation_accuracy[-1]:.2%}"
    return line


def _require_device_name() -> None:
    """Raise where ``$MNIST_DEVICE`` is set to something that is no device of this computer."""
    wanted = os.environ.get("MNIST_DEVICE")
    if not wanted:
        return
    try:
        device = torch.device(wanted)
    except RuntimeError as error:
        raise ValueError(
            f"MNIST_DEVICE is {wanted!r}, which names no device; set it to cpu, cuda or mps, or unset it to have one "
            "chosen."
        ) from error
    require_device("MNIST_DEVICE", device)


def _require_training(
    model: nn.Module, loader: Batches, loss_function: LossFunction, optimizer: Optimizer
) -> None:
    require_optimizer(optimizer, require_learner(model))
    require_batches("loader", loader)
    require_loss_function(loss_function)


def _require_evaluation(model: nn.Module, loader: Batches, loss_function: LossFunction) -> None:
    require_model("model", model)
    require_batches("loader", loader)
    require_loss_function(loss_function)


def _with_checked_batches(function: Callable, learning: bool) -> Callable:
    """Return a function that trains or evaluates, which then looks at each batch and each loss as it comes."""

    @functools.wraps(function)
    def asked(
        model: nn.Module,
        loader: Batches,
        loss_function: LossFunction,
        *arguments: object,
        **options: object,
    ) -> object:
        batches = checked_batches("loader", loader)
        return function(
            model, batches, checked_loss(loss_function, learning), *arguments, **options
        )

    return asked


# What a lesson writes out stands above as it stands there; its arguments are asked for here.
get_device = checked(_require_device_name)(get_device)
train_one_epoch = checked(_require_training)(_with_checked_batches(train_one_epoch, learning=True))
evaluate = checked(_require_evaluation)(_with_checked_batches(evaluate, learning=False))
