"""The network that the package comes with."""

from pathlib import Path

import torch

from ..models import CNN
from .checkpoints import load_checkpoint
from .loops import get_device

FILE = Path(__file__).with_name("trained_cnn.pt")


def trained_cnn() -> CNN:
    """Return a `CNN` in evaluation mode that reads digits, MNIST's and those that people draw.

    ``tools/train_cnn.py`` trained it.
    """
    with torch.random.fork_rng(devices=[]):
        model = CNN()
    load_checkpoint(FILE, model)
    return model.to(get_device()).eval()
