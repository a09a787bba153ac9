"""One epoch, one evaluation, a whole run; the fast way to train; checkpoints; the device; a network trained already."""

from .checkpoints import load_checkpoint, save_checkpoint
from .fast import (
    Precision,
    SizedBatches,
    averaged,
    choose_precision,
    fit_fast,
    fit_one_cycle,
    keep_freed_memory,
    one_cycle,
)
from .loops import (
    Batches,
    History,
    LossFunction,
    TrainingInterrupted,
    evaluate,
    fit,
    get_device,
    train_one_epoch,
)
from .trained import trained_cnn

__all__ = [
    "Batches",
    "History",
    "LossFunction",
    "Precision",
    "SizedBatches",
    "TrainingInterrupted",
    "averaged",
    "choose_precision",
    "evaluate",
    "fit",
    "fit_fast",
    "fit_one_cycle",
    "get_device",
    "keep_freed_memory",
    "load_checkpoint",
    "one_cycle",
    "save_checkpoint",
    "train_one_epoch",
    "trained_cnn",
]
