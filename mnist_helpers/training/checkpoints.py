"""A trained network in a file: saved whole or not at all, and loaded only where it fits."""

import hashlib
import io
from pathlib import Path

import torch
from torch import nn
from torch.optim import Optimizer

from ..data import write_whole


def save_checkpoint(
    path: str | Path, model: nn.Module, optimizer: Optimizer | None = None, epoch: int = 0
) -> None:
    """Save weights, the optimizer's state, and the number of epochs done, or leave the old file."""
    content = {
        "network": type(model).__name__,
        "model": model.state_dict(),
        "optimizer_name": "no optimizer" if optimizer is None else type(optimizer).__name__,
        "optimizer": None if optimizer is None else optimizer.state_dict(),
        "epoch": epoch,
    }
    buffer = io.BytesIO()  # or a full disk would be an error of torch's own
    torch.save(content, buffer)
    saved = buffer.getvalue()
    try:
        write_whole(Path(path), saved + hashlib.sha256(saved).digest())
    except OSError as error:
        raise OSError(  # its class follows from the number
            error.errno,
            f"The checkpoint {path} could not be written ({error.strerror}), and what was there "
            "before is as it was. Free some space, allow writing there, or save elsewhere.",
        ) from error


def load_checkpoint(path: str | Path, model: nn.Module, optimizer: Optimizer | None = None) -> int:
    """Load what `save_checkpoint` wrote, and return the number of epochs done. A file that does not
    fit or is damaged is a ValueError, and leaves the model as it was."""
    saved = Path(path).read_bytes()
    saved, digest = saved[:-32], saved[-32:]
    if hashlib.sha256(saved).digest() != digest:
        raise ValueError(
            f"{path} is damaged, or of an older version: nothing of it was loaded. Save it again."
        )
    try:
        content = torch.load(io.BytesIO(saved), map_location="cpu", weights_only=True)
    except Exception:  # torch's message says how to have the code run
        raise ValueError(
            f"{path} holds more than tensors and numbers, and nothing of it was loaded. Never load "
            "such a file from a stranger."
        ) from None
    both = content["model"], model.state_dict()
    for name in both[1] | both[0]:
        there, wanted = (list(one[name].shape) if name in one else "absent" for one in both)
        if there != wanted:
            raise ValueError(
                f"{path} was saved from {content['network']} and does not fit this "
                f"{type(model).__name__}: {name} is {there} in the file and {wanted} in the "
                "model. Make the network that was saved, then load."
            )
    if optimizer is not None:
        # torch would take over the settings of another kind, and miss its own in the next step.
        if content["optimizer_name"] != type(optimizer).__name__:
            raise ValueError(
                f"{path} was saved with {content['optimizer_name']} and does not fit this "
                f"{type(optimizer).__name__}: make the one that was saved, or load without."
            )
        optimizer.load_state_dict(content["optimizer"])  # first: it may refuse
    model.load_state_dict(content["model"])
    return content["epoch"]
