"""A trained network in a file: saved whole or not at all, and loaded only where it fits."""

import contextlib
import glob
import hashlib
import io
import os
from pathlib import Path
import platform
import zipfile

import psutil
import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from ..checks import require_model, require_path, require_whole
from .arguments import require_optimizer

_CHECKPOINT_FORMAT = "mnist_helpers checkpoint 2"
_ENTRIES = ("network", "model", "model_sha256", "optimizer", "epoch")


def save_checkpoint(
    path: str | Path, model: nn.Module, optimizer: Optimizer | None = None, epoch: int = 0
) -> None:
    """Save the model's weights, and where given the optimizer's state and the number of epochs done, in one file.

    The file is written under another name and then moved into place, so that an interrupted save leaves the
    old one whole.

    Raises:
        TypeError: an argument is of another type.
        ValueError: the optimizer holds no parameter of the model, `epoch` is less than 0, or `path` empty.
        FileNotFoundError: the folder of `path` does not exist.
        OSError: the file cannot be written; the old one is whole. A PermissionError where writing is not allowed.
    """
    path = require_path("path", path, "cnn.pt")
    require_model("model", model)
    if optimizer is not None:
        require_optimizer(optimizer, model)
    require_whole("epoch", epoch, at_least=0)
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
        "optimizer_name": type(optimizer).__name__,
        "epoch": epoch,
    }
    # In memory first: what goes wrong in writing a file then is an OSError, and not one of torch's own.
    buffer = io.BytesIO()
    torch.save(content, buffer)
    _remove_leftovers(path)
    beside = path.with_name(f"{_prefix(path)}{os.getpid()}")
    try:
        with beside.open("wb") as stream:
            stream.write(buffer.getbuffer())
            stream.flush()
            # Or a computer that loses its power may have made the move and not yet the content.
            os.fsync(stream.fileno())
        os.replace(beside, path)
    except OSError as error:
        # Its class follows from the number of the error.
        raise OSError(
            error.errno,
            f"The checkpoint {path} could not be written ({error.strerror}), and what was there before is as it was. "
            "Free some space, allow writing there, or save elsewhere.",
        ) from error
    finally:
        # After the move it is gone. Where it cannot be removed, the next save does it; the error above says more.
        with contextlib.suppress(OSError):
            beside.unlink()


def load_checkpoint(path: str | Path, model: nn.Module, optimizer: Optimizer | None = None) -> int:
    """Load what `save_checkpoint` wrote into `model`, and into `optimizer` where one is given.

    The file is read with ``weights_only=True``: it can bring tensors and numbers, never code. Weights land on the
    device that the model is on. Where anything does not fit, the model is left as it was.

    Returns:
        The number of epochs done when it was saved.

    Raises:
        TypeError: an argument is of another type.
        FileNotFoundError: there is no such file.
        ValueError: the file cannot be read, is no checkpoint of this package, has weights that are not those that were
            saved, belongs to another network, or holds no optimizer state, or that of another kind of optimizer, where
            one is asked for; or the optimizer holds no parameter of the model.
    """
    path = require_path("path", path, "cnn.pt")
    require_model("model", model)
    if optimizer is not None:
        require_optimizer(optimizer, model)
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
    if not _is_whole(path):
        raise ValueError(
            f"{path} is damaged: its optimizer state or its number of epochs is not what was saved, and nothing was "
            "loaded. Save it again."
        )
    _require_same_shapes(path, content, model)
    if optimizer is not None:
        if content["optimizer"] is None:
            raise ValueError(
                f"{path} holds no optimizer state: load it without one, or save it with one."
            )
        # torch would take the settings of another kind over, and miss its own in the next step. (Older files do not
        # say which kind it was.)
        saved, wanted = content.get("optimizer_name"), type(optimizer).__name__
        if saved not in (None, wanted):
            raise ValueError(
                f"{path} holds the state of the optimizer {saved}, and optimizer is a {wanted}: make the one that was "
                "saved, or load without one."
            )
        optimizer.load_state_dict(content["optimizer"])
    model.load_state_dict(content["model"])
    return content["epoch"]


def _prefix(path: Path) -> str:
    # With the name of the computer, because in a folder that several share a process's number alone says nothing.
    return f".{path.name}.{platform.node()}."


def _remove_leftovers(path: Path) -> None:
    """Remove what a process of this computer that was killed while it saved to `path` has left behind."""
    prefix = _prefix(path)
    for beside in path.parent.glob(glob.escape(prefix) + "*"):
        number = beside.name.removeprefix(prefix)
        if number.isdecimal() and not psutil.pid_exists(int(number)):
            # One that may not be removed is in nobody's way: the save is what was asked for.
            with contextlib.suppress(OSError):
                beside.unlink()


def _is_whole(path: Path) -> bool:
    """Whether each part of the file has its checksum: it is a ZIP archive, whose checksums torch writes and does not
    compare."""
    try:
        with zipfile.ZipFile(path) as archive:
            return archive.testzip() is None
    except Exception:  # as above: what a damaged file makes the reader trip over varies
        return False


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
