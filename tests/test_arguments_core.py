"""One table: what each public function and class of the core refuses, and that it says so in plain words."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
import functools
import importlib
import inspect
import math
from pathlib import Path
import re
import traceback

import mnist_helpers
from mnist_helpers.batches import TensorBatches
from mnist_helpers.drawing import StrokeRecorder
from mnist_helpers.experiments import ExperimentTable, Setting
from mnist_helpers.models import CNN
from mnist_helpers.training import (
    History,
    averaged,
    evaluate,
    fit_one_cycle,
    get_device,
    load_checkpoint,
    save_checkpoint,
    train_one_epoch,
)
import numpy as np
import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

PACKAGE = Path(mnist_helpers.__file__).parent
NAN, INF = math.nan, math.inf

# Whose public functions and classes have to be in the table.
MODULES = [
    *("data", "batches", "models", "shapes", "experiments"),
    *("drawing.forms", "drawing.recorder", "drawing.strokes"),
    *("training.checkpoints", "training.fast", "training.loops", "training.trained"),
]

# What the package makes and hands out, and the user does not: there is no argument to ask for.
HANDED_OUT = {
    *("data.MNISTFile", "data.DataError"),
    *("shapes.LayerShape", "shapes.LayerOutput", "shapes.ReceptiveField"),
    *("training.fast.Precision", "training.loops.History", "training.loops.TrainingInterrupted"),
    # A protocol, for type checkers.
    "training.fast.SizedBatches",
}


@dataclass
class Bad:
    """A value that has to be refused, made when its test runs, with the words that the message has to hold; without
    any, the name of the argument."""

    make: Callable[[], object]
    says: str = ""
    # Other arguments that differ from the valid call.
    others: dict[str, object] = field(default_factory=dict)


@dataclass
class Entry:
    """A function, the arguments of a valid call, made when a test runs, and for each argument what has to be refused;
    any object at all is refused too."""

    valid: Callable[[], dict[str, object]]
    bad: dict[str, list]
    # Where it is not the function itself that is called.
    call: Callable[..., object] | None = None
    # A valid call would take too long; other tests make it.
    is_slow: bool = False


def bad(*values, says=""):
    """Values that are refused with the same words."""
    return [Bad(lambda value=value: value, says) for value in values]


def made(*makers, says=""):
    return [Bad(maker, says) for maker in makers]


NO_INT = [2.5, 3.0, "3", None, True, NAN, (3, 3), 1j]
NO_NUMBER = ["3", None, True, NAN, INF, -INF, (3,), 1j, torch.ones(1), 10**400]
NO_BOOL = [None, 1, "no", 0.0]
NO_SEED = ["a", 1.5, None, True, 2**64, -(2**63) - 1]
NO_GENERATOR = bad(
    *(0, "seed", np.random.default_rng(), torch.Generator), says="has to be a generator of random"
)
NO_PATH = [None, 3, b"file", ["file"], ""]
NO_MODULE = [None, CNN, "CNN", lambda images: images, torch.zeros(3), 3]
NO_FUNCTION = [3, "mean", [], nn.Flatten]


def at_least_one(*more):
    return [*NO_INT, 0, -1, *more]


def images(count=6, size=4, **options):
    return torch.rand(count, 1, size, size, **options)


def labels(count=6, classes=10):
    return torch.arange(count) % classes


def network(classes=10):
    return nn.Sequential(nn.Flatten(), nn.Linear(16, classes))


def frozen():
    return network().requires_grad_(False)


def adam(model):
    return torch.optim.Adam(model.parameters(), lr=0.01)


class Pixels:
    """A small data set with what is used of MNIST."""

    def __init__(self, data=None, targets=None):
        self.data = torch.zeros(6, 4, 4, dtype=torch.uint8) if data is None else data
        self.targets = labels() if targets is None else targets


def pixels(*size):
    return torch.zeros(*size, dtype=torch.uint8)


def with_value(tensor, value):
    tensor.view(-1)[-1] = value
    return tensor


def images_with(value):
    return functools.partial(with_value, images(), value)


# Batches. The functions that train and evaluate move them to the device of the model, so there is nothing to ask about
# devices (test_training.py and test_fast_training.py show the move).

NO_BATCHES = [
    *bad(None, 3, "abc", DataLoader, {"images": 1}),
    # A data set gives one digit at a time, and that cannot be gone through like batches.
    *made(lambda: TensorDataset(images(), labels())),
]
NO_BATCH = [
    *made(lambda: [images()], lambda: [{"images": images()}], lambda: [None], says="Batch 0"),
    *made(
        lambda: [(images(),)],
        lambda: [(images(), labels(), labels())],
        says="and has to have two: images, labels",
    ),
    *made(
        lambda: [(images()[0], 3)],
        lambda: [(images(), None)],
        lambda: [(images(), [1] * 6)],
        says="for its labels",
    ),
    *made(
        lambda: [(None, labels())],
        lambda: [(np.zeros((6, 1, 4, 4)), labels())],
        lambda: [(images().mul(255).byte(), labels())],
        lambda: [(images().long(), labels())],
        lambda: [(images() > 0.5, labels())],
        lambda: [(images()[:0], labels()[:0])],
        lambda: [(torch.tensor(0.5), labels())],
        lambda: [(torch.zeros(6), labels())],
        says="for its images",
    ),
    *made(
        lambda: [(images_with(NAN)(), labels())],
        lambda: [(images_with(INF)(), labels())],
        lambda: [(images_with(-INF)(), labels())],
        says="NaN or infinity in its images",
    ),
    *made(
        lambda: [(images(), labels().float())],
        lambda: [(images(), with_value(labels().float(), NAN))],
        lambda: [(images(), labels().int())],
        lambda: [(images(), labels() > 2)],
        lambda: [(images(), torch.eye(10, dtype=torch.int64)[:6])],
        lambda: [(images(), labels()[:, None])],
        says="for its labels",
    ),
    *made(
        lambda: [(images(), labels(5))],
        lambda: [(images(5), labels())],
        says="one label for each",
    ),
    *made(
        lambda: [(images(), with_value(labels(), -1))],
        lambda: [(images(), with_value(labels(), 10))],
        lambda: [(images(), with_value(labels(), 1000))],
        says="labels go from",
    ),
    # The second batch is looked at as the first one is.
    *made(lambda: [(images(), labels()), (images(), labels() + 5)], says="labels go from"),
    *made(lambda: [(images(), labels()), (images_with(NAN)(), labels())], says="Batch 1"),
]
NO_LOGITS = [
    *made(lambda: nn.Sequential(*network(), nn.Flatten(0)), says="logits [N, classes]"),
    *made(lambda: nn.Conv2d(1, 10, 3), says="logits [N, classes]"),
    # Labels that a network with fewer classes has no logit for.
    *made(lambda: network(classes=5), says="to 5, and have to be from 0 to 4: there are 5"),
]
NO_LOSS_FUNCTION = [
    *bad(None, "cross-entropy", 3, nn.CrossEntropyLoss, nn.CrossEntropyLoss(reduction="none")),
    *bad(lambda logits, labels: 2.3, lambda logits, labels: None),
]


def training(model=None):
    model = network() if model is None else model
    return {
        "model": model,
        "loader": [(images(), labels()), (images(3), labels(3))],
        "loss_function": nn.CrossEntropyLoss(),
        "optimizer": adam(model),
    }


def evaluation():
    return {name: value for name, value in training().items() if name != "optimizer"}


def whole_training():
    given = training()
    return {
        "model": given["model"],
        "train_loader": given["loader"],
        "optimizer": given["optimizer"],
        "epochs": 1,
        "validation_loader": given["loader"],
        "loss_function": given["loss_function"],
        "log_every": 1,
        "progress": False,
        "on_batch": lambda loss: None,
        "on_epoch": lambda epoch: None,
        "history": History(),
    }


def fast_training():
    model = network()
    return {
        "model": model,
        "batches": TensorBatches(pixels(6, 4, 4), labels(), batch_size=4),
        "epochs": 1,
        "peak_rate": 0.01,
        "precision": torch.float32,
        "betas": (0.7, 0.9),
        "label_smoothing": 0.1,
        "augment": lambda images: images,
        "average": averaged(model),
        "progress": False,
    }


# As beginners have it: the network was made anew, the optimizer is still that of the old one.
NO_OPTIMIZER = [
    *bad(None, "Adam", 0.01, torch.optim.Adam),
    *made(lambda: adam(network()), says="holds no parameter of this model"),
]
NO_LEARNER = [
    *bad(*NO_MODULE),
    *made(nn.ReLU, lambda: nn.Sequential(nn.Flatten()), says="without parameters"),
    *made(frozen, says="requires_grad"),
]


def checkpoint(folder, model, optimizer=None):
    save_checkpoint(folder / "saved.pt", model, optimizer)
    return folder / "saved.pt"


STROKES = [[(0, 0), (5, 9)], [(9, 1)]]
TABLE: dict[str, Entry] = {
    "data.make_loaders": Entry(
        lambda: {"batch_size": 64, "shuffle": False},
        {"batch_size": at_least_one(), "shuffle": NO_BOOL},
    ),
    "data.faults": Entry(lambda: {"root": Path("there is no such folder")}, {"root": NO_PATH}),
    "batches.TensorBatches": Entry(
        lambda: {
            "images": pixels(6, 4, 4),
            "labels": labels(),
            "batch_size": 2,
            "shuffle": True,
            "seed": 3,
        },
        {
            "images": [
                *bad(None, "images", [[0, 1]], 3),
                *made(lambda: np.zeros((6, 4, 4), dtype=np.uint8)),
                *made(
                    lambda: torch.zeros(6, 4, 4),
                    lambda: pixels(6, 1, 4, 4),
                    lambda: pixels(6, 4),
                    lambda: torch.zeros(6, 4, 4, dtype=torch.int64),
                    says="Images have to be uint8",
                ),
                *made(lambda: pixels(0, 4, 4), lambda: pixels(5, 4, 4), says="as many labels"),
                *made(lambda: pixels(6, 4, 4).to("meta"), says="bring both to one"),
            ],
            # A class may have any number from 0 on. Whether the network has a logit for it is asked in training.
            "labels": [
                *bad(None, [1] * 6, 3, "labels"),
                *made(
                    lambda: labels(5),
                    lambda: labels(7),
                    lambda: labels()[:, None],
                    lambda: torch.tensor(3),
                    lambda: labels(0),
                ),
                *made(
                    lambda: labels().float(),
                    lambda: with_value(labels().float(), NAN),
                    lambda: labels().byte(),
                    lambda: labels() > 2,
                    lambda: labels() - 1,
                    lambda: labels().to("meta"),
                ),
            ],
            "batch_size": at_least_one(),
            "shuffle": NO_BOOL,
            "seed": NO_SEED,
        },
    ),
    "batches.split_indices": Entry(
        lambda: {"count": 10, "validation": 3, "seed": 0},
        {
            "count": [*NO_INT, *bad(3, 0, -5, says="samples")],
            "validation": [*NO_INT, 0.2, *bad(0, -1, 10, 11, says="samples")],
            "seed": NO_SEED,
        },
    ),
    "batches.random_affine": Entry(
        lambda: {
            "images": images(),
            "degrees": 10,
            "scale": 0.1,
            "shift": 2,
            "generator": torch.Generator(),
            "shear": 0.1,
        },
        {
            "images": [
                *bad(None, "images", [[0.0]], 3),
                *made(
                    lambda: images().numpy(),
                    lambda: images()[0],
                    lambda: images()[0, 0],
                    lambda: torch.tensor(0.5),
                    lambda: images()[None],
                    lambda: images().byte(),
                    lambda: images().double(),
                    lambda: images().half(),
                    lambda: images()[:0],
                    lambda: images()[..., :0],
                    images_with(NAN),
                    images_with(INF),
                ),
            ],
            "degrees": [*NO_NUMBER, -1],
            "scale": [*NO_NUMBER, -0.1, 1, 5],
            "shift": [*NO_NUMBER, -1],
            "generator": NO_GENERATOR,
            "shear": [*NO_NUMBER, -0.1],
        },
    ),
    "models.MLP": Entry(
        lambda: {"hidden_sizes": (8, 4)},
        {
            "hidden_sizes": [
                *bad(120, "120", None, {8, 4}, (0,), (8, -1), (8, 1.5), ("a",), (True,), (NAN,)),
                *made(lambda: torch.tensor([8, 4]), lambda: (i for i in (8, 4))),
            ]
        },
    ),
    "models.convolution_block": Entry(
        lambda: {"in_channels": 1, "out_channels": 2, "pool": True},
        {"in_channels": at_least_one(), "out_channels": at_least_one(), "pool": NO_BOOL},
    ),
    "models.make_cnn": Entry(
        lambda: {
            "kernel_size": 3,
            "channels": 2,
            "depth": 1,
            "pooling": "max",
            "activation": "ReLU",
        },
        {
            "kernel_size": at_least_one(2, 4, -3),
            "channels": at_least_one(),
            "depth": at_least_one(),
            "pooling": ["mean", "Max", "", None, 2, nn.MaxPool2d],
            "activation": [
                *(None, 3, "", "relu", "Relu", nn.ReLU, nn.ReLU()),
                # Names of torch.nn that are no module, want arguments, or change the shape.
                *("functional", "Conv2d", "Flatten", "GLU", "Parameter", "CrossEntropyLoss"),
            ],
        },
    ),
    "shapes.conv_output_size": Entry(
        lambda: {"input_size": 28, "kernel_size": 3, "stride": 1, "padding": 0, "dilation": 1},
        {
            "input_size": [*at_least_one(), *bad(2, says="kernel that covers 3 pixels")],
            "kernel_size": [*at_least_one(), *bad(29, says="kernel that covers 29 pixels")],
            "stride": at_least_one(),
            "padding": [*NO_INT, -1, "same"],
            "dilation": [*at_least_one(), *bad(14, says="kernel that covers 29 pixels")],
        },
    ),
    "shapes.layer_shapes": Entry(
        lambda: {"model": network(), "input_size": (1, 4, 4)},
        {
            "model": [
                *bad(*NO_MODULE),
                *made(lambda: nn.Sequential(nn.Flatten(2), nn.LSTM(16, 3)), says="LSTM puts out"),
                *made(lambda: nn.Conv2d(3, 1, 3), says="does not take an input of shape"),
            ],
            "input_size": [
                *bad(28, (), None, "28", (1, 0, 4), (1, -4, 4), (1, 4.0, 4), (NAN,), (True, 4, 4)),
                *bad((10**9,) * 3, (10**30,), {1, 4}),
                *made(lambda: torch.tensor([1, 4, 4])),
                *bad((1, 5, 5), (4,), (3, 4, 4), says="does not take an input of shape"),
            ],
        },
    ),
    "shapes.multiply_adds": Entry(
        lambda: {"model": network(), "input_size": (1, 4, 4)},
        {
            "model": NO_MODULE,
            "input_size": [28, (), None, "28", (1, 0, 4), (NAN,), *bad((4,), says="of shape")],
        },
    ),
    "shapes.layer_outputs": Entry(
        lambda: {"model": network(), "images": images()},
        {
            "model": [
                *bad(*NO_MODULE),
                *made(lambda: nn.LSTM(4, 3), says="does not take an input of shape"),
                *made(lambda: nn.Sequential(nn.Flatten(2), nn.LSTM(16, 3)), says="LSTM puts out"),
                *made(
                    lambda: network().to("meta"), says="images is on cpu and the network on meta"
                ),
            ],
            "images": [
                *bad(None, "images", [[0.0]], 3),
                *made(
                    lambda: images().numpy(),
                    lambda: torch.tensor(0.5),
                    lambda: images().byte(),
                    lambda: images().long(),
                    lambda: images()[:0],
                    images_with(NAN),
                    images_with(INF),
                    lambda: images().to("meta"),
                ),
                *made(
                    lambda: images()[0, 0, 0],
                    lambda: images(size=5),
                    lambda: images().double(),
                    says="does not take an input of shape",
                ),
            ],
        },
    ),
    "shapes.receptive_field": Entry(
        lambda: {"layers": [nn.Conv2d(1, 1, 3), nn.ReLU()]},
        {
            "layers": [
                *bad(None, 3, "Conv2d", CNN, [1, 2], [nn.ReLU], [nn.ReLU(), None], torch.zeros(3)),
                *bad([nn.ConvTranspose2d(1, 1, 3)], nn.Sequential(), says="not known here"),
                *bad([nn.Conv2d(1, 1, (3, 5))], says="the same for height and width"),
            ]
        },
    ),
    "drawing.forms.random_strokes": Entry(
        lambda: {"digit": 3, "generator": torch.Generator()},
        {"digit": [*NO_INT, -1, 10, torch.tensor(3)], "generator": NO_GENERATOR},
    ),
    "drawing.forms.drawn_digits": Entry(
        lambda: {"count": 2, "seed": 0}, {"count": [*NO_INT, -1], "seed": NO_SEED}
    ),
    "drawing.strokes.rasterize": Entry(
        lambda: {"strokes": STROKES, "pen_width": 2.4, "canvas_size": (20, 20)},
        {
            "strokes": [
                *bad(None, 3, 2.5, "1, 2", {0: [(1, 2)]}, len),
                *bad(
                    *([None], [3], ["ab"], [[1, 2, 3]], [[(1,)]], [[(1, 2, 3)]], [[("1", "2")]]),
                    *([(1, 2)], torch.zeros(3, 2), [[(1j, 2)]], [[(10**400, 2)]], [[(None, 1)]]),
                    *([[(1, 2), (NAN, 2)]], [[(INF, 2)]], [[(1, -INF)]]),
                    says="troke 0",
                ),
            ],
            "pen_width": [*NO_NUMBER, 0, -1, 0.05, 21],
            "canvas_size": [
                *(100, "55", (100,), (1, 2, 3), (), (0, 5), (5, -1), (NAN, 5), (5, INF)),
                *((None, 5), ("a", "b"), (True, 5), (1j, 1), {0: 1, 1: 1}, ((1, 2), (3, 4))),
                *(torch.tensor(5.0), torch.tensor([1.0, 2.0, 3.0]), np.array("a")),
            ],
        },
    ),
    "drawing.strokes.predict": Entry(
        lambda: {"model": CNN(), "strokes": STROKES, "pen_width": 2.4, "canvas_size": (20, 20)},
        {
            "model": [
                *bad(*NO_MODULE),
                *made(nn.ReLU, nn.Flatten, says="without parameters"),
                *made(
                    network,  # takes 4×4 pixels
                    lambda: nn.Conv2d(1, 10, 3),
                    lambda: nn.Sequential(nn.Flatten(), nn.Linear(784, 5)),
                    lambda: nn.Linear(28, 10),
                    lambda: nn.Embedding(2, 10),
                    lambda: nn.Sequential(nn.Flatten(2), nn.LSTM(784, 10)),
                ),
            ],
            "strokes": [None, *bad([None], [[(NAN, 1)]], says="troke 0")],
            "pen_width": ["2", 0, NAN],
            "canvas_size": [100, (0, 5), (1, 2, 3)],
        },
    ),
    "drawing.recorder.StrokeRecorder.press": Entry(
        lambda: {"x": 1, "y": 2.5},
        {"x": NO_NUMBER, "y": NO_NUMBER},
        lambda x, y: StrokeRecorder().press(x, y),
    ),
    "drawing.recorder.StrokeRecorder.move": Entry(
        lambda: {"x": 1, "y": 2.5},
        {"x": NO_NUMBER, "y": NO_NUMBER},
        lambda x, y: StrokeRecorder().move(x, y),
    ),
    "drawing.recorder.StrokeRecorder.press_first": Entry(
        lambda: {"touches": [(1, 2), (3, 4)]},
        {
            "touches": [
                *bad(None, 3, "12", {(1, 2)}, [1, 2], ["12"], [(1,)], [(1, 2, 3)], [None]),
                *bad([(NAN, 2)], [("a", 2)], [(None, 2)], says="x is"),
            ]
        },
        lambda touches: StrokeRecorder().press_first(touches),
    ),
    "drawing.recorder.StrokeRecorder.move_first": Entry(
        lambda: {"touches": [(1, 2), (3, 4)]},
        {
            "touches": [
                *bad(None, 3, "12", {(1, 2)}, [1, 2], ["12"], [(1,)], [(1, 2, 3)], [None]),
                *bad([(1, INF)], says="y is"),
            ]
        },
        lambda touches: StrokeRecorder().move_first(touches),
    ),
    "experiments.Setting": Entry(
        lambda: {
            "kernel_size": 5,
            "channels": 8,
            "depth": 2,
            "pooling": "average",
            "activation": "GELU",
            "optimizer": "SGD",
            "learning_rate": 0.1,
        },
        {
            "kernel_size": at_least_one(),
            "channels": at_least_one(),
            "depth": at_least_one(),
            "pooling": [None, 3, "", nn.MaxPool2d],
            "activation": [None, 3, "", nn.ReLU],
            "optimizer": [None, 3, "", torch.optim.Adam],
            "learning_rate": [*NO_NUMBER, 0, -0.1],
        },
    ),
    "experiments.ExperimentTable": Entry(lambda: {"path": "e.csv"}, {"path": NO_PATH}),
    "experiments.ExperimentTable.run": Entry(
        lambda: {"setting": Setting(), "train": lambda setting, seed: 98.5, "seeds": 2},
        {
            "setting": [None, "baseline", Setting, {"kernel_size": 5}],
            "train": [
                *bad(None, "train", 98.5, CNN),
                *bad(
                    *(lambda *_: None, lambda *_: "high", lambda *_: NAN, lambda *_: -1),
                    *(lambda *_: 101, lambda *_: torch.tensor(98.0), lambda *_: [98.0]),
                    says="What train returned",
                ),
            ],
            "seeds": at_least_one(),
        },
        lambda **given: ExperimentTable("e.csv").run(**given),
    ),
    "training.fast.choose_precision": Entry(
        lambda: {"device": torch.device("cpu")},
        {"device": [None, 0, "cpu", torch.device, torch.device("cuda:99"), torch.device("xpu:99")]},
    ),
    "training.fast.one_cycle": Entry(
        lambda: {"optimizer": adam(network()), "peak_rate": 0.01, "steps": 10},
        {
            "optimizer": [None, "Adam", torch.optim.Adam, network()],
            "peak_rate": [*NO_NUMBER, 0, -0.1],
            "steps": at_least_one(),
        },
    ),
    "training.fast.fit_one_cycle": Entry(
        fast_training,
        {
            "model": [
                *NO_LEARNER,
                *[Bad(one.make, one.says, {"average": None}) for one in NO_LOGITS],
            ],
            "batches": [
                *NO_BATCHES,
                *NO_BATCH,
                *made(lambda: (batch for batch in [(images(), labels())])),
                *bad([], says="0 batches make no step"),
                # Gone through once, it is used up, and yet it says that it has batches.
                Bad(
                    lambda: iter(DataLoader(TensorDataset(images(), labels()), batch_size=2)),
                    "gave no batch",
                    {"epochs": 2},
                ),
            ],
            "epochs": [*NO_NUMBER, *bad(0, -1, 0.1, says="make no step")],
            "peak_rate": [*NO_NUMBER, 0, -0.1],
            "precision": [None, "bfloat16", torch.float16, torch.float64, torch.int64],
            "betas": [None, 0.9, (0.9,), (0.9, 0.9, 0.9), "ab", (0.9, 1), (-0.1, 0.9), (NAN, 0.9)],
            "label_smoothing": [*NO_NUMBER, -0.1, 1.1],
            "augment": NO_FUNCTION,
            "average": [*NO_FUNCTION, network(), *made(lambda: averaged(network(3)))],
            "progress": NO_BOOL,
        },
    ),
    "training.fast.fit_fast": Entry(
        lambda: {
            "model": network(),
            "train_set": Pixels(),
            "epochs": 1,
            "seed": 0,
            "precision": torch.float32,
            "progress": False,
        },
        {
            "model": NO_LEARNER,
            "train_set": [
                *bad(3, "MNIST", [1, 2]),
                *made(lambda: TensorDataset(images(), labels())),
                *made(lambda: Pixels(data=torch.zeros(6, 4, 4)), says="uint8"),
                *made(lambda: Pixels(data=pixels(5, 4, 4)), says="as many labels"),
                *made(lambda: Pixels(targets=[1] * 6), says="labels is"),
                *made(lambda: Pixels(targets=labels() + 5), says="labels go from 5 to 10"),
                *made(lambda: Pixels(targets=labels() - 1), says="labels go down to -1"),
            ],
            "epochs": [*NO_NUMBER, *bad(0, -1, says="make no step")],
            "seed": NO_SEED,
            "precision": ["bfloat16", torch.float16, torch.int64],
            "progress": NO_BOOL,
        },
    ),
    "training.fast.averaged": Entry(
        lambda: {"model": network()},
        {"model": [*bad(*NO_MODULE), *made(nn.ReLU, says="without parameters")]},
    ),
    "training.trained.trained_cnn": Entry(
        lambda: {"progress": False}, {"progress": NO_BOOL}, is_slow=True
    ),
    "training.checkpoints.save_checkpoint": Entry(
        lambda: {
            "path": "cnn.pt",
            "model": (model := network()),
            "optimizer": adam(model),
            "epoch": 3,
        },
        {
            "path": NO_PATH,
            "model": [*bad(*NO_MODULE), *made(nn.ReLU, says="without parameters")],
            "optimizer": [one for one in NO_OPTIMIZER if one.make() is not None],
            "epoch": [*NO_INT, -1],
        },
    ),
    "training.checkpoints.load_checkpoint": Entry(
        lambda: {
            "path": checkpoint(Path(), model := network(), adam(model)),
            "model": model,
            "optimizer": adam(model),
        },
        {
            "path": NO_PATH,
            "model": [
                *bad(*NO_MODULE),
                *made(nn.ReLU, says="without parameters"),
                Bad(lambda: network(5), "does not fit this", {"optimizer": None}),
            ],
            "optimizer": [one for one in NO_OPTIMIZER if one.make() is not None],
        },
    ),
    "training.loops.train_one_epoch": Entry(
        training,
        {
            "model": [*NO_LEARNER, *NO_LOGITS],
            "loader": [*NO_BATCHES, *NO_BATCH, *bad([], says="holds no batch")],
            "loss_function": [
                *NO_LOSS_FUNCTION,
                # What was cut off from the network gives no gradient.
                *bad(lambda logits, labels: logits.detach().mean()),
            ],
            "optimizer": NO_OPTIMIZER,
        },
    ),
    "training.loops.evaluate": Entry(
        evaluation,
        {
            "model": [
                *bad(*NO_MODULE),
                *made(nn.ReLU, lambda: nn.Sequential(nn.Flatten()), says="without parameters"),
                *NO_LOGITS,
            ],
            "loader": [*NO_BATCHES, *NO_BATCH, *bad([], says="holds no batch")],
            "loss_function": NO_LOSS_FUNCTION,
        },
    ),
    "training.loops.fit": Entry(
        whole_training,
        {
            "model": [*NO_LEARNER, *NO_LOGITS],
            "train_loader": [
                *NO_BATCHES,
                *NO_BATCH,
                *made(lambda: (batch for batch in [(images(), labels())])),
                *bad([], says="holds no batch"),
            ],
            "optimizer": NO_OPTIMIZER,
            "epochs": at_least_one(),
            "validation_loader": [
                *[one for one in NO_BATCHES if one.make() is not None],
                *NO_BATCH,
                *bad([], says="holds no batch"),
            ],
            "loss_function": [
                Bad(one.make, one.says, {"on_batch": None})
                for one in NO_LOSS_FUNCTION
                if one.make() is not None
            ],
            "log_every": at_least_one(),
            "progress": NO_BOOL,
            "on_batch": NO_FUNCTION,
            "on_epoch": NO_FUNCTION,
            "history": ["history", 3, [], {}, History],
        },
    ),
}


def found(name):
    """The function, class or method of that name."""
    module = max((one for one in MODULES if name.startswith(f"{one}.")), key=len)
    target = importlib.import_module(f"mnist_helpers.{module}")
    for part in name.removeprefix(f"{module}.").split("."):
        target = getattr(target, part)
    return target


def parameters(function):
    return [name for name in inspect.signature(function).parameters if name != "self"]


def public() -> Iterator[str]:
    """The names of all public functions, classes and methods that take arguments."""
    for module_name in MODULES:
        module = importlib.import_module(f"mnist_helpers.{module_name}")
        for name, value in vars(module).items():
            own = getattr(value, "__module__", None) == module.__name__
            if name.startswith("_") or not own or not callable(value):
                continue
            full = f"{module_name}.{name}"
            if full in HANDED_OUT:
                continue
            if parameters(value):
                yield full
            if not isinstance(value, type):
                continue
            for method, function in vars(value).items():
                # What a network is given is PyTorch's to refuse: the lessons teach how to read its errors.
                is_forward = issubclass(value, nn.Module) and method == "forward"
                own = inspect.isfunction(function) and not method.startswith("_")
                if own and not is_forward and parameters(function):
                    yield f"{full}.{method}"


def test_every_public_function_is_in_the_table_with_every_argument_and_nothing_else() -> None:
    assert sorted(public()) == sorted(TABLE)
    for name, entry in TABLE.items():
        assert list(entry.bad) == parameters(found(name)), name
        assert set(entry.valid()) <= set(entry.bad), name
    assert all(found(name) is not None for name in HANDED_OUT)
    assert len(TABLE) > 25


@pytest.fixture(autouse=True)
def own_folder(tmp_path, monkeypatch):
    """Nothing is measured, and what is written lies in a folder of the test."""
    torch.manual_seed(0)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MNIST_PRECISION", "float32")
    monkeypatch.delenv("MNIST_EXPERIMENTS_DIR", raising=False)


@pytest.mark.parametrize("name", [name for name, entry in TABLE.items() if not entry.is_slow])
def test_the_valid_call_is_taken(name) -> None:
    entry = TABLE[name]
    (entry.call or found(name))(**entry.valid())


def refused() -> Iterator[object]:
    for name, entry in TABLE.items():
        for argument, values in entry.bad.items():
            for number, value in enumerate([*values, object()]):
                one = value if isinstance(value, Bad) else Bad(lambda value=value: value)
                yield pytest.param(name, argument, one, id=f"{name}-{argument}-{number}")


def refusal(function, given):
    """The error with which a call is refused, which has to come from a line of the package and say enough."""
    with pytest.raises((TypeError, ValueError)) as caught:
        function(**given)
    message = str(caught.value)
    where = Path(traceback.extract_tb(caught.value.__traceback__)[-1].filename)
    assert where.is_relative_to(PACKAGE), f"it comes from {where}: {message}"
    assert sum(letter.isalpha() for letter in message) >= 20, message
    assert len(message) < 600, message
    # What Python and PyTorch say by themselves names no argument, or not the one that the learner wrote.
    own = r"invalid combination of arg|unsupported operand|not supported between|object (is|has) no|cannot unpack"
    assert not re.search(own, message), message
    return message


# Older tests ask for a ValueError, whatever is given.
VALUE_ERRORS = [
    *("models.make_cnn-pooling", "shapes.layer_shapes-input_size"),
    *("shapes.multiply_adds-input_size", "drawing.forms.random_strokes-digit"),
]


@pytest.mark.parametrize(
    ("name", "argument"),
    [(name, argument) for name, entry in TABLE.items() for argument in entry.bad],
)
def test_an_object_of_no_known_type_is_a_type_error(name, argument) -> None:
    entry = TABLE[name]
    expected = ValueError if f"{name}-{argument}" in VALUE_ERRORS else TypeError
    with pytest.raises(expected, match=r"has to be|such as|choose|give"):
        (entry.call or found(name))(**{**entry.valid(), argument: object()})


@pytest.mark.parametrize(("name", "argument", "one"), list(refused()))
def test_what_does_not_fit_is_refused_by_the_package_in_words_that_name_it(
    name, argument, one
) -> None:
    entry = TABLE[name]
    given = {**entry.valid(), argument: one.make(), **one.others}
    if argument == "model" and "optimizer" in given and isinstance(given["model"], nn.Module):
        # Or it would be the optimizer that does not fit.
        weights = list(given["model"].parameters())
        given["optimizer"] = torch.optim.Adam(weights) if weights else given["optimizer"]
    message = refusal(entry.call or found(name), {**given, **one.others})
    assert (one.says or argument).lower() in message.lower(), message


# What needs more than one call, or a variable


@pytest.mark.parametrize("name", ["gpu", "cuda:x", "cpu:-1", "CPU ", "cuda:99", "nonsense"])
def test_a_device_that_there_is_not_is_refused_by_its_variable(monkeypatch, name) -> None:
    monkeypatch.setenv("MNIST_DEVICE", name)
    message = refusal(get_device, {})
    assert "MNIST_DEVICE" in message
    assert name.strip() in message


def test_a_device_that_there_is_is_taken(monkeypatch) -> None:
    for name in ("cpu", "meta"):
        monkeypatch.setenv("MNIST_DEVICE", name)
        assert get_device() == torch.device(name)


def test_a_precision_that_there_is_not_is_refused_by_its_variable(monkeypatch) -> None:
    monkeypatch.setenv("MNIST_PRECISION", "float16")
    message = refusal(found("training.fast.choose_precision"), {"device": torch.device("cpu")})
    assert "MNIST_PRECISION is 'float16'" in message


def test_the_optimizer_of_an_older_model_is_refused_before_anything_is_changed() -> None:
    old, model = network(), network()
    before = [weight.clone() for weight in (*old.parameters(), *model.parameters())]
    message = refusal(train_one_epoch, {**training(model), "optimizer": adam(old)})
    assert "Make the optimizer again" in message
    after = (*old.parameters(), *model.parameters())
    assert all(map(torch.equal, before, after))


def test_an_optimizer_of_a_part_of_the_model_is_taken() -> None:
    model = nn.Sequential(nn.Flatten(), nn.Linear(16, 8), nn.ReLU(), nn.Linear(8, 10))
    before = [weight.clone() for weight in model.parameters()]
    train_one_epoch(**{**training(model), "optimizer": adam(model[3])})
    kept = [torch.equal(*pair) for pair in zip(before, model.parameters(), strict=True)]
    assert kept == [True, True, False, False]


def test_the_state_of_another_kind_of_optimizer_is_refused_and_the_model_left_as_it_was() -> None:
    saved, model = network(), network()
    path = checkpoint(Path(), saved, torch.optim.SGD(saved.parameters(), lr=0.1))
    before = [weight.clone() for weight in model.parameters()]
    message = refusal(load_checkpoint, {"path": path, "model": model, "optimizer": adam(model)})
    assert "of the optimizer SGD, and optimizer is a Adam" in message
    assert all(map(torch.equal, before, model.parameters()))


def test_a_loader_that_is_used_up_ends_the_training_instead_of_going_on_for_ever() -> None:
    loader = DataLoader(TensorDataset(images(), labels()), batch_size=2)
    given = {"epochs": 2, "peak_rate": 0.01, "progress": False}
    assert len(fit_one_cycle(network(), loader, **given)) == 6
    message = refusal(functools.partial(fit_one_cycle, network(), iter(loader)), given)
    assert "Give the loader itself" in message


def test_a_refused_batch_leaves_no_hook_on_the_model() -> None:
    for batches in ([(images(), labels())], [(images(), labels() + 5)]):
        model = network()
        try:
            fit_one_cycle(model, batches, 1, 0.01, progress=False)
        except ValueError:
            assert batches[0][1].max() == 10
        assert not model._forward_hooks


def test_batches_that_fit_are_trained_on_as_without_a_look_at_them() -> None:
    given = training()
    bare = given["model"], given["loader"], given["loss_function"]
    assert evaluate(*bare) == evaluate.__wrapped__.__wrapped__(*bare)


def test_a_message_says_what_to_do_next() -> None:
    # A few of the mistakes that beginners make, and the way out that the message shows.
    ways_out = {
        r"`\.float\(\)|images\.float\(\) / 255": lambda: evaluate(
            **{**evaluation(), "loader": [(images().byte(), labels())]}
        ),
        r"labels\.long\(\)": lambda: evaluate(
            **{**evaluation(), "loader": [(images(), labels().float())]}
        ),
        r"`CrossEntropyLoss\(\)`": lambda: evaluate(
            **{**evaluation(), "loss_function": nn.CrossEntropyLoss}
        ),
        r"`CNN\(\)` makes one": lambda: evaluate(**{**evaluation(), "model": CNN}),
        r"Adam\(model\.parameters\(\), lr=": lambda: train_one_epoch(
            **{**training(), "optimizer": torch.optim.Adam}
        ),
        r"a DataLoader over it": lambda: evaluate(**{**evaluation(), "loader": [(images()[0], 3)]}),
        r"reduction='mean'": lambda: evaluate(
            **{**evaluation(), "loss_function": nn.CrossEntropyLoss(reduction="none")}
        ),
    }
    for way_out, call in ways_out.items():
        message = refusal(lambda call=call: call(), {})
        assert re.search(way_out, message), message
