"""A few real digits, small networks, and training as PyTorch alone does it."""

import copy
import functools

from mnist_helpers.batches import TensorBatches
from mnist_helpers.data import load_datasets
from mnist_helpers.training import one_cycle
import torch
from torch import nn
import torch.nn.functional as F

_load_datasets = functools.cache(load_datasets)


def digits(count=300, start=0):
    few = copy.copy(_load_datasets()[0])
    few.data = few.data[start : start + count]
    few.targets = few.targets[start : start + count]
    return few


def batches(count=300, batch_size=64, start=0, **options):
    few = digits(count, start)
    return TensorBatches(few.data, few.targets, batch_size, **options)


def network(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(
        *(nn.Conv2d(1, 4, kernel_size=5, stride=2), nn.BatchNorm2d(4), nn.ReLU()),
        *(nn.Conv2d(4, 8, kernel_size=3, stride=2), nn.ReLU()),
        *(nn.Flatten(), nn.Dropout(0.1), nn.Linear(8 * 5 * 5, 10)),
    )


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def linear(seed=0):
    torch.manual_seed(seed)
    return nn.Sequential(nn.Flatten(), nn.Linear(784, 10))


def learner(make=linear, seed=0, rate=0.01):
    model = make(seed)
    return model, torch.optim.Adam(model.parameters(), lr=rate)


def weights(model):
    return {name: tensor.tolist() for name, tensor in model.state_dict().items()}


def steps(model, some_batches, optimizer, loss_function=F.cross_entropy):
    model.train()
    losses, correct = [], 0
    for images, labels in some_batches:
        logits = model(images)
        loss = loss_function(logits, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        correct += (logits.argmax(dim=1) == labels).sum().item()
    return losses, correct


def cycle(model, some_batches, peak_rate, betas=(0.7, 0.9), smoothing=0.0):
    model.to(memory_format=torch.channels_last)
    optimizer = torch.optim.Adam(model.parameters(), lr=7.0, betas=betas, fused=True)
    schedule = one_cycle(optimizer, peak_rate, len(some_batches))
    optimizer.register_step_post_hook(lambda *_: schedule.step())
    loss_function = functools.partial(F.cross_entropy, label_smoothing=smoothing)
    return steps(model, some_batches, optimizer, loss_function)[0]


def small_cnn(*end, flatten=None):
    start = [nn.Conv2d(1, 8, kernel_size=3, padding=1), nn.ReLU(), nn.MaxPool2d(4)]
    return nn.Sequential(*start, flatten or nn.Flatten(), nn.Linear(8 * 49, 10), *end)


class Around(nn.Module):
    """A network whose forward is what a function makes of its layers."""

    def __init__(self, forward, layers=None):
        super().__init__()
        self.layers, self.last = layers or small_cnn(), nn.Linear(10, 10)
        self.function = forward

    def forward(self, images):
        return self.function(self, images)
