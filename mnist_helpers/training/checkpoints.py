"""A trained network in a file: saved whole or not at all, and loaded only where it fits."""

import hashlib
import io
import os
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

_CHECKPOINT_FORMAT = "mnist_helpers checkpoint 2"
_ENTRIES = ("network", "model", "model_sha256", "optimizer", "epoch")


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
        "model_sha256": _digest(model.state_dict()),
        "optimizer": None if optimizer is None else optimizer.state_dict(),
        "epoch": epoch,
    }
    # In memory first: what goes wrong in writing a file then is an OSError, and not one of torch's own.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        beside.write_bytes(buffer.getbuffer())
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
        ValueError: the file cannot be read, is no checkpoint of this package, has weights that are not those that were
            saved, belongs to another network, or holds no optimizer state where one is asked for.
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
    missing = [name for name in _ENTRIES if name not in content]
    if missing:
        raise ValueError(
            f"{path} is damaged: it has no {missing[0]}, and nothing was loaded. Save it again."
        )
    # torch keeps no checksum of its own: a changed bit within a tensor would go unnoticed.
    if content["model_sha256"] != _digest(content["model"]):
        raise ValueError(
            f"{path} is damaged: its weights are not those that were saved, and nothing was loaded. Save it again."
        )
    _require_same_shapes(path, content, model)
    if optimizer is not None:
        if content["optimizer"] is None:
            raise ValueError(
                f"{path} holds no optimizer state: load it without one, or save it with one."
            )
        optimizer.load_state_dict(content["optimizer"])
    model.load_state_dict(content["model"])
    return content["epoch"]


def _digest(state_dict: dict[str, Tensor]) -> str:
    """Return the SHA-256 of the names and the bytes of a network's tensors."""
    digest = hashlib.sha256()
    for name, tensor in state_dict.items():
        digest.update(name.encode())
        digest.update(tensor.detach().cpu().contiguous().flatten().view(torch.uint8).numpy())
    return digest.hexdigest()


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
