"""What training and evaluation ask of their arguments, before they begin and of each batch as it comes. So a mistake is
told in the words of the lessons, and not from deep within PyTorch."""

from collections.abc import Callable, Iterable, Iterator
import functools

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..checks import described, require_function, require_labels, require_model

Batches = Iterable[tuple[Tensor, Tensor]]
LossFunction = Callable[[Tensor, Tensor], Tensor]


def require_device(name: str, value: object) -> torch.device:
    """Return a device that this computer has.

    Raises:
        TypeError: it is no device; its name, for example.
        ValueError: there is no such device here.
    """
    if not isinstance(value, torch.device):
        raise TypeError(
            f"{name} is {described(value)}, and has to be a device: get_device() finds one, torch.device('cpu') names "
            "one."
        )
    try:
        torch.empty(0, device=value)
    except (RuntimeError, AssertionError, NotImplementedError) as error:
        raise ValueError(
            f"{name} is {value}, and this computer, or this PyTorch, has no such device; 'cpu' is always there. "
            f"({error})"
        ) from error
    return value


def require_learner(model: object) -> nn.Module:
    """Return a network of which at least one parameter is learned.

    Raises:
        TypeError: it is no network.
        ValueError: it has no parameters, or each has ``requires_grad=False``.
    """
    model = require_model("model", model)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise ValueError(
            f"model, a {type(model).__name__}, has no parameter that is learned: each has requires_grad=False. "
            "`model.requires_grad_(True)` lets them learn again."
        )
    return model


def require_optimizer(optimizer: object, model: nn.Module | None = None) -> Optimizer:
    """Return an optimizer, one that holds parameters of `model` where one is given.

    Raises:
        TypeError: it is no optimizer; a class of one, for example.
        ValueError: it holds none of the model's parameters.
    """
    if isinstance(optimizer, type):
        raise TypeError(
            f"optimizer is the class {optimizer.__name__}, and has to be an optimizer: "
            f"`{optimizer.__name__}(model.parameters(), lr=...)` makes one."
        )
    if not isinstance(optimizer, Optimizer):
        raise TypeError(
            f"optimizer is {described(optimizer)}, and has to be an optimizer, such as "
            "torch.optim.Adam(model.parameters(), lr=0.005)."
        )
    if model is None:
        return optimizer
    held = {id(weight) for group in optimizer.param_groups for weight in group["params"]}
    if not any(id(weight) in held for weight in model.parameters() if weight.requires_grad):
        raise ValueError(
            f"optimizer, {described(optimizer)}, holds no parameter of this model that is learned: it was made for "
            "another network, perhaps for one of the same name before it was made anew. Make the optimizer again, from "
            "model.parameters()."
        )
    return optimizer


def require_loss_function(loss_function: object) -> LossFunction:
    """Return a loss function.

    Raises:
        TypeError: it cannot be called, or is a class; ``nn.CrossEntropyLoss`` without its brackets, for example.
    """
    return require_function(
        "loss_function", loss_function, "takes logits and labels and returns their mean loss"
    )


def require_batches(name: str, batches: object, sized: bool = False) -> Batches:
    """Return something that gives batches; with `sized`, something that can say how many.

    Raises:
        TypeError: it cannot be gone through, or its length is asked for and it has none.
    """
    advice = "give a DataLoader, a TensorBatches or a list of batches (images, labels)"
    if isinstance(batches, (str, bytes, dict, type)) or not isinstance(batches, Iterable):
        raise TypeError(f"{name} is {described(batches)}: {advice}.")
    if sized:
        try:
            len(batches)
        except TypeError as error:
            raise TypeError(
                f"{name} is {described(batches)}, and does not say how many batches it has: {advice}."
            ) from error
    return batches


def checked_batches(name: str, batches: Batches) -> Iterator[tuple[Tensor, Tensor]]:
    """Go through batches, and look at each before it is handed on.

    What is no tensor and can be moved to a device all the same is handed on as it is.

    Raises:
        TypeError: a batch is no pair, or its images are not floats or its labels not int64.
        ValueError: a batch has not two parts, is empty, has not as many labels as images, or has NaN or infinity in an
            image.
    """
    for number, batch in enumerate(batches):
        called = f"Batch {number} of {name}"
        if not isinstance(batch, (tuple, list)):
            raise TypeError(
                f"{called} is {described(batch)}, and has to be a pair (images, labels), as a DataLoader gives it."
            )
        if len(batch) != 2:
            raise ValueError(
                f"{called} has {len(batch)} parts, and has to have two: images, labels."
            )
        images, labels = batch
        for part, value in (("images", images), ("labels", labels)):
            if not hasattr(value, "to"):
                raise TypeError(
                    f"{called} has {described(value)} for its {part}, and has to have a tensor: a data set gives one "
                    "digit at a time, a DataLoader over it gives batches."
                )
        if isinstance(images, Tensor):
            _require_images(called, images)
        if isinstance(labels, Tensor):
            _require_int64(called, labels)
        if isinstance(images, Tensor) and isinstance(labels, Tensor) and len(images) != len(labels):
            raise ValueError(
                f"{called} has {len(images)} images and {len(labels)} labels, and has to have one label for each."
            )
        yield batch


def checked_loss(loss_function: LossFunction, learning: bool) -> LossFunction:
    """Return the loss function, which then looks at what it is given and at what it makes of it.

    Args:
        loss_function: as in `train_one_epoch`.
        learning: whether there will be a backward pass.

    The function that is returned raises:
        TypeError: the labels are not int64, or the loss is no tensor.
        ValueError: the logits are not ``[N, classes]``, a label is no class, or the loss is not one number.
    """

    @functools.wraps(loss_function, updated=())
    def asked(logits: Tensor, labels: Tensor) -> Tensor:
        require_fitting(logits, labels)
        loss = loss_function(logits, labels)
        if not isinstance(loss, Tensor):
            raise TypeError(
                f"loss_function returned {described(loss)}, and has to return a tensor with one number, the mean loss."
            )
        if loss.numel() != 1:
            raise ValueError(
                f"loss_function returned {described(loss)}, and has to return one number, the mean over the batch: "
                "losses of torch.nn do with reduction='mean'."
            )
        if learning and not loss.requires_grad:
            raise ValueError(
                "loss_function returned a tensor that was computed apart from the network's parameters: without "
                "`.detach()`, `.data` and `torch.no_grad()` its gradients find them."
            )
        return loss

    return asked


def require_fitting(logits: object, labels: Tensor) -> None:
    """Raise where a network's logits and a batch's labels do not belong together.

    Raises:
        TypeError: the labels are not int64.
        ValueError: the logits are not ``[N, classes]`` with N labels, or a label is no class.
    """
    if not isinstance(logits, Tensor) or logits.ndim != 2 or len(logits) != len(labels):
        raise ValueError(
            f"model put out {described(logits)} for a batch of {len(labels)}, and has to put out logits [N, classes]: "
            "for each image one number a class."
        )
    _require_int64("This batch", labels)
    require_labels("labels", labels, classes=logits.shape[1])


def _require_images(called: str, images: Tensor) -> None:
    if not images.is_floating_point():
        raise TypeError(
            f"{called} has {described(images)} for its images, and has to have floats: pixels from 0 to 255 become "
            "such with `images.float() / 255`, or with ToTensor() in the data set."
        )
    if images.ndim < 2 or images.numel() == 0:
        raise ValueError(
            f"{called} has {described(images)} for its images, and has to have at least one image: [N, 1, 28, 28]."
        )
    if not images.is_meta and not images.isfinite().all():
        raise ValueError(
            f"{called} has NaN or infinity in its images: find out where it comes from, with `.isfinite()`."
        )


def _require_int64(called: str, labels: Tensor) -> None:
    if labels.dtype != torch.int64:
        raise TypeError(
            f"{called} has {described(labels)} for its labels, and has to have int64: `labels.long()` converts."
        )
    if labels.ndim != 1:
        raise ValueError(
            f"{called} has {described(labels)} for its labels, and has to have one number for each image, [N]."
        )
