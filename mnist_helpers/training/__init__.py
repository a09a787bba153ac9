"""One epoch, one evaluation, a whole run; the fast way; checkpoints; a network trained already."""

# ruff: noqa: F401
from .checkpoints import load_checkpoint, save_checkpoint
from .fast import averaged, choose_precision, fit_fast, fit_one_cycle, keep_freed_memory, one_cycle
from .loops import History, TrainingInterrupted, evaluate, fit, get_device, train_one_epoch
from .processes import torchrun
from .trained import trained_cnn
