"""What a trained network does and why: its mistakes, certainty, features, and where it looks."""

from collections.abc import Sequence
from typing import NamedTuple

from jaxtyping import Float, Int64, Integer
import torch
from torch import Tensor, nn

from .plots.answers import _require_probabilities
from .shapes import layer_outputs, receptive_field

_Images, _Labels = Float[Tensor, "N 1 H W"], Integer[Tensor, " N"]
_Rows, _Matrix = Float[Tensor, "N classes"], Integer[Tensor, "classes classes"]


class _ExcitingPatch(NamedTuple):
    index: int  # of the image
    row: int  # of the unit, 0 where the channel is a single number
    column: int
    activation: float
    patch: tuple[int, int, int, int]  # top, left, height and width


class _Projection(NamedTuple):
    points: Float[Tensor, "N components"]
    shares: Float[Tensor, " components"]  # of the variance, in all 1


class _ReliabilityBin(NamedTuple):
    low: float  # this edge belongs to the bin below
    high: float
    count: int
    confidence: float  # their mean, NaN where there is none, as the accuracy
    accuracy: float


def confusion_matrix(labels: _Labels, predictions: _Labels, classes: int = 10) -> _Matrix:
    """Count how often each label (row) is read as each class (column). A ValueError names what is
    no class."""
    for name, values in (("labels", labels), ("predictions", predictions)):
        if ((values < 0) | (values >= classes)).any():
            raise ValueError(
                f"{name} holds {values.min()} to {values.max()}, and may hold 0 to {classes - 1}: "
                "give more classes, or look where it comes from."
            )
    places = labels.cpu().long() * classes + predictions.cpu().long()
    return places.bincount(minlength=classes**2).reshape(classes, classes)


def most_confused(matrix: _Matrix, count: int = 5) -> list[tuple[int, int, int]]:
    """Return mistakes, the commonest first: label, prediction, how many times."""
    mistakes = matrix.clone().fill_diagonal_(0).flatten().sort(descending=True, stable=True)
    found = zip(*(part[:count].tolist() for part in mistakes), strict=True)
    return [(*divmod(place, len(matrix)), times) for times, place in found if times]


def confident_mistakes(
    probabilities: _Rows, labels: _Labels, count: int
) -> Int64[Tensor, " mistakes"]:
    """Return the indices of mistakes, the surest first. Logits are a ValueError."""
    _require_probabilities(probabilities)
    confidence, predictions = probabilities.detach().cpu().max(dim=1)
    wrong = (predictions != labels.cpu()).nonzero().flatten()
    order = confidence[wrong].argsort(descending=True, stable=True)
    return wrong[order][:count]


def predict_all(model: nn.Module, images: _Images) -> _Rows:
    """Return, on the CPU, the probabilities that a model, left in evaluation mode, gives to the
    classes of images in [0, 1]."""
    device = next(model.parameters(), images).device
    model.eval()
    with torch.no_grad():
        parts = [model(batch.to(device)).float().softmax(dim=1) for batch in images.split(250)]
    return torch.cat(parts).cpu()


def top_patches(
    model: nn.Module, layer: str, channel: int, images: _Images, count: int = 9
) -> list[_ExcitingPatch]:
    """Return where one channel of a layer, such as ``"block_2.2"``, answers most strongly, the
    strongest first. Of each image only the strongest place counts."""
    maps, fields = [], receptive_field(model)
    for batch in images.split(500):
        names, _, outputs = zip(*layer_outputs(model, batch), strict=True)
        number = names.index(layer)
        maps.append(outputs[number][:, channel].cpu())  # [N, H, W]; [N] where it is a feature
    activations, places = torch.cat(maps).reshape(len(images), -1).max(dim=1)
    found = []
    for index in activations.argsort(descending=True, stable=True)[:count].tolist():
        row, column = divmod(places[index].item(), maps[0].shape[-1])
        whole = (0, 0, *images.shape[2:])  # what a feature sees
        patch = fields[number].patch(row, column) if number < len(fields) else whole
        found.append(_ExcitingPatch(index, row, column, activations[index].item(), patch))
    return found


def occlusion_map(
    model: nn.Module, image: Float[Tensor, "1 H W"], label: int, size: int = 7
) -> Float[Tensor, "H W"]:
    """Return how probable a label still is to a model with a black square around each pixel.
    Source: Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks", 2014."""
    height, width = image.shape[1:]
    covered = image.detach().repeat(height * width, 1, 1, 1)
    for number, one in enumerate(covered):
        top, left = number // width - size // 2, number % width - size // 2
        one[:, max(0, top) : top + size, max(0, left) : left + size] = 0
    return predict_all(model, covered)[:, label].reshape(height, width)


def pca(features: Float[Tensor, "N D"], components: int = 2) -> _Projection:
    """Return features on their principal components; each one's largest entry is positive, as
    nothing else determines its sign.
    Source: Halko, Martinsson and Tropp, "Finding structure with randomness", 2011."""
    centred = features.detach().cpu().float()
    centred = centred - centred.mean(dim=0)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        # Twenty directions more than asked for, for the others to converge fast.
        width = min(components + 20, *features.shape)
        _, lengths, axes = torch.pca_lowrank(centred, q=width, center=False, niter=20)
    axes = axes[:, :components]  # [D, components]
    largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
    shares = lengths[:components].square() / centred.square().sum()
    return _Projection(centred @ (axes * largest.sign()), shares)


def reliability(probabilities: _Rows, labels: _Labels, bins: int = 10) -> list[_ReliabilityBin]:
    """Compare how sure a network is with how often it is right, in bins of one width. Logits are a
    ValueError.
    Source: Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks", 2017."""
    _require_probabilities(probabilities)
    confidence, predictions = probabilities.detach().cpu().max(dim=1)
    right = (predictions == labels.cpu()).double()
    edges = torch.arange(1, bins, dtype=confidence.dtype) / bins
    numbers = torch.bucketize(confidence, edges)
    found = []
    for number in range(bins):
        inside = numbers == number
        means = confidence[inside].double().mean().item(), right[inside].mean().item()
        low, high = number / bins, (number + 1) / bins
        found.append(_ReliabilityBin(low, high, inside.sum().item(), *means))
    return found


def expected_calibration_error(bins: Sequence[_ReliabilityBin]) -> float:
    """Return by how much confidence and accuracy differ on average (Guo et al., equation 3)."""
    off = sum(part.count * abs(part.accuracy - part.confidence) for part in bins if part.count)
    return off / sum(part.count for part in bins)
