"""What a trained network does and why: its mistakes, how sure it is, where it looks, how its features lie."""

from collections.abc import Sequence
import math
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .checks import (
    require_labels,
    require_model,
    require_sequence,
    require_tensor,
    require_type,
    require_whole,
)
from .explore import LayerView, Patch, layer_views, seen_patch
from .shapes import layer_outputs


class Confusion(NamedTuple):
    """How many times digits with one label were read as another digit."""

    label: int
    prediction: int
    times: int


class ExcitingPatch(NamedTuple):
    """A place where one channel of a layer answers strongly.

    index: which of the images. row, column: which unit of the channel; both 0 where a channel is a single number.
    activation: the unit's value. patch: what of the image the unit sees.
    """

    index: int
    row: int
    column: int
    activation: float
    patch: Patch


class Projection(NamedTuple):
    """Features on their principal components: the points ``[N, components]``, and for each component its share of the
    whole variance, from 0 to 1, ``[components]``."""

    points: Tensor
    shares: Tensor


class ReliabilityBin(NamedTuple):
    """The digits on which a network's confidence, its largest probability, is over `low` and at most `high`.

    count: how many they are. confidence: their mean confidence. accuracy: the share of them that is read rightly.
    Where there is none, those two are NaN.
    """

    low: float
    high: float
    count: int
    confidence: float
    accuracy: float


def confusion_matrix(labels: Tensor, predictions: Tensor, classes: int = 10) -> Tensor:
    """Count how often each label is read as each class.

    Args:
        labels: the right classes, int ``[N]`` from 0 to `classes` - 1.
        predictions: what the network says, as the labels; ``logits.argmax(dim=1)``.

    Returns:
        int64 ``[classes, classes]``: a row for each label, a column for each prediction.

    Raises:
        TypeError: one is no tensor, or holds neither ints nor floats.
        ValueError: the two differ in length, are not whole numbers in a row, or hold another class; `classes` is less
            than 1.
    """
    _require_positive(classes=classes)
    for name, values in (("labels", labels), ("predictions", predictions)):
        require_type(name, values, Tensor, "a tensor of ints [N]")
        if values.ndim != 1 or values.is_floating_point():
            raise ValueError(
                f"{name} is {_described(values)}, and has to be whole numbers [N]; "
                f"of logits or probabilities [N, {classes}] take argmax(dim=1) first."
            )
        require_tensor(name, values, "[N]", kind="int", empty=True)
        if len(values) and not 0 <= values.min() <= values.max() < classes:
            raise ValueError(
                f"{name} holds classes from {values.min()} to {values.max()}, and may hold those from 0 to "
                f"{classes - 1}; give more classes, or look where such a number comes from."
            )
    _require_as_many(labels=labels, predictions=predictions)
    places = labels.cpu().long() * classes + predictions.cpu().long()
    return places.bincount(minlength=classes**2).reshape(classes, classes)


def most_confused(matrix: Tensor, count: int = 5) -> list[Confusion]:
    """Return the commonest mistakes of a confusion matrix int ``[classes, classes]``, at most `count` of them.

    The most frequent one comes first; those that are as frequent are in order of label, then prediction. What never
    happened is left out.

    Raises:
        TypeError: the matrix is no tensor of ints, or `count` no whole number.
        ValueError: the matrix is not square, or holds nothing or a number below 0; `count` is less than 1.
    """
    require_type("matrix", matrix, Tensor, "what confusion_matrix returns")
    if matrix.ndim != 2 or matrix.shape[0] != matrix.shape[1]:
        raise ValueError(
            f"A confusion matrix is [classes, classes], and {list(matrix.shape)} was given; "
            f"confusion_matrix makes one."
        )
    require_tensor("matrix", matrix, "[classes, classes]", kind="int")
    if matrix.min() < 0:
        raise ValueError(
            f"matrix holds {matrix.min()}, and counts are at least 0: give what confusion_matrix returns."
        )
    _require_positive(count=count)
    mistakes = [
        Confusion(label, prediction, times)
        for label, row in enumerate(matrix.tolist())
        for prediction, times in enumerate(row)
        if label != prediction and times > 0
    ]
    # sorted keeps the order of what is equal.
    return sorted(mistakes, key=lambda mistake: -mistake.times)[:count]


def confident_mistakes(probabilities: Tensor, labels: Tensor, count: int) -> Tensor:
    """Return where a network is wrong and most sure: indices, the surest mistake first, at most `count` of them.

    Args:
        probabilities: ``[N, 10]``, each row from 0 to 1 and summing to 1.
        labels: the right digits, int ``[N]``.

    Returns:
        int64 ``[count]``, shorter where there are fewer mistakes. Those that are as sure are in order of the index.

    Raises:
        TypeError: the probabilities are no tensor of floats or the labels none of ints, or `count` is no whole number.
        ValueError: the two differ in length or hold nothing, the rows are no probabilities, a label is not from
            0 to 9, or `count` is less than 1.
    """
    _require_probabilities(probabilities, labels)
    _require_positive(count=count)
    confidence, predictions = probabilities.detach().cpu().max(dim=1)
    wrong = (predictions != labels.cpu()).nonzero().flatten()
    order = confidence[wrong].argsort(descending=True, stable=True)
    return wrong[order][:count]


def predict_all(model: nn.Module, images: Tensor, batch_size: int = 250) -> Tensor:
    """Return the probabilities that a model gives to the classes of many images, batch by batch.

    The model is put in evaluation mode and left there; no gradients are kept.

    Args:
        images: ``[N, 1, H, W]`` with values in [0, 1], on any device.

    Returns:
        The softmax of the model's logits, float32 ``[N, 10]``, on the CPU.

    Raises:
        TypeError: `model` is no network, `images` no tensor, or `batch_size` no whole number.
        ValueError: `images` is no such batch, or holds no image, or NaN; `batch_size` is less than 1.
    """
    require_model("model", model, parameters=False)
    _require_images(images)
    _require_positive(batch_size=batch_size)
    device = next(model.parameters(), images).device
    model.eval()
    with torch.no_grad():
        parts = [
            model(batch.to(device)).float().softmax(dim=1).cpu()
            for batch in images.split(batch_size)
        ]
    return torch.cat(parts)


def top_patches(
    model: nn.Module, layer: str, channel: int, images: Tensor, count: int = 9
) -> list[ExcitingPatch]:
    """Return the places on images where one channel of a layer answers most strongly, the strongest first.

    Of each image only its strongest place counts, so that no image appears twice. Of equal places the first one in
    reading order is taken, and equal images are in order of the index. The model is left in its mode.

    Args:
        layer: the layer's name as in ``model.named_modules()``, such as ``"block_2.2"``: a layer without layers inside,
            and no ``Flatten``.
        channel: which of the layer's channels, or of its features where each sees the whole image.
        images: ``[N, 1, H, W]`` with values in [0, 1].
        count: how many places; there are fewer where there are fewer images.

    Raises:
        TypeError: `model` is no network, `layer` no text, `images` no tensor, or another argument no whole number.
        ValueError: there is no such layer or channel, `images` is no such batch, `count` is less than 1, or the patch
            that a layer sees is not known (see `shapes.receptive_field`).
    """
    require_model("model", model, parameters=False)
    require_type("layer", layer, str, "the name of a layer, such as 'block_2.2'")
    require_whole("channel", channel)
    _require_images(images)
    _require_positive(count=count)
    view = _view_of(model, layer, images[0])
    channels = len(view.output)
    if not 0 <= channel < channels:
        raise ValueError(
            f"Channel {channel} of {layer}: it has the channels 0 to {channels - 1}; give one of those."
        )
    device = next(model.parameters(), images).device
    maps = [_channel_output(model, layer, channel, batch.to(device)) for batch in images.split(500)]
    activations, places = torch.cat(maps).flatten(1).max(dim=1)
    order = activations.argsort(descending=True, stable=True)[:count]
    width = maps[0].shape[-1]
    found = []
    for index in order.tolist():
        row, column = divmod(places[index].item(), width)
        patch = seen_patch(view, images[index], (row, column))
        found.append(ExcitingPatch(index, row, column, activations[index].item(), patch))
    return found


def occlusion_map(model: nn.Module, image: Tensor, label: int, size: int = 7) -> Tensor:
    """Return how probable a label still is to a model when part of the image is covered by a black square.

    The method is the one of Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014,
    arXiv:1311.2901), section 4.2. The model is put in evaluation mode and left there.

    Args:
        image: ``[1, H, W]`` with values in [0, 1], black being 0.
        label: the class whose probability is looked at.
        size: the square's side in pixels, an odd number, so that it has a middle.

    Returns:
        ``[H, W]``, each pixel the probability from 0 to 1 with the square's middle there. At the edge a part of the
        square lies outside the image.

    Raises:
        TypeError: `model` is no network, `image` no tensor of floats, or another argument no whole number.
        ValueError: `image` is not one image, `size` is even or less than 1, or there is no such label.
    """
    require_model("model", model, parameters=False)
    require_type("image", image, Tensor, "a tensor [1, H, W]")
    require_whole("label", label)
    require_whole("size", size)
    if image.ndim != 3:
        raise ValueError(
            f"An image [1, H, W] is needed, and {_described(image)} was given; take one image of a batch."
        )
    require_tensor("image", image, "[1, H, W]", kind="float")
    if size < 1 or size % 2 == 0:
        raise ValueError(
            f"size is {size}, and has to be an odd number of pixels, such as 7: the square needs a middle."
        )
    height, width = image.shape[1:]
    rows, columns = (_near(side, size).to(image.device) for side in (height, width))
    covered = rows[:, None, :, None] & columns[None, :, None, :]  # middle's row and column, H, W
    images = image.masked_fill(covered.reshape(-1, 1, height, width), 0)
    probabilities = predict_all(model, images)
    classes = probabilities.shape[1]
    if not 0 <= label < classes:
        raise ValueError(
            f"The label is {label}, and the model knows the classes 0 to {classes - 1}; give one of those."
        )
    return probabilities[:, label].reshape(height, width)


def pca(features: Tensor, components: int = 2) -> Projection:
    """Return features on their principal components, the directions in which they vary most.

    The directions come from subspace iteration, as in Halko, Martinsson and Tropp, "Finding structure with randomness"
    (2011, arXiv:0909.4061), algorithm 4.4, with a random start of its own seed: thousands of features take a second,
    and the answer is the same each time. It is as exact as float32 allows where the variances fall off, as those of a
    network's features do. The sign of a component, which nothing determines, is chosen so that its entry with the
    largest absolute value is positive.

    Args:
        features: ``[N, D]``, a row for each sample.
        components: how many, from 1 to the smaller one of N and D.

    Raises:
        TypeError: `features` is no tensor of floats or ints, or `components` no whole number.
        ValueError: `features` is no such table, holds a number that is not finite, or has rows that are all alike;
            there are not so many components.
    """
    require_type("features", features, Tensor, "a tensor [N, D]")
    require_whole("components", components)
    if features.ndim != 2 or len(features) < 2:
        raise ValueError(
            f"Features have to be [N, D] with N of at least 2, and {list(features.shape)} was given; "
            f"flatten(1) makes feature maps [N, C, H, W] such a table."
        )
    if features.is_complex() or features.dtype == torch.bool:
        raise TypeError(
            f"features is {_described(features)}, and has to hold floats: `.float()` converts."
        )
    if not 1 <= components <= min(features.shape):
        raise ValueError(
            f"{components} components of features {list(features.shape)} were asked for; "
            f"there are 1 to {min(features.shape)}."
        )
    centred = features.detach().cpu().float()
    centred = centred - centred.mean(dim=0)
    variance = centred.square().sum()
    if not variance.isfinite() or variance == 0:
        raise ValueError(
            "The features do not vary, or hold a number that is not finite (NaN or infinity): "
            "give rows of finite numbers that differ."
        )
    # Some directions more than asked for, for the others to converge fast.
    width = min(components + 20, *features.shape)
    generator = torch.Generator().manual_seed(0)
    basis = torch.randn(features.shape[1], width, generator=generator)
    for _ in range(20):
        basis = torch.linalg.qr(centred.T @ (centred @ basis)).Q
    _, lengths, directions = torch.linalg.svd(centred @ basis, full_matrices=False)
    axes = basis @ directions[:components].T  # [D, components]
    largest = axes.gather(0, axes.abs().argmax(dim=0, keepdim=True))
    return Projection(
        points=centred @ (axes * largest.sign()),
        shares=lengths[:components].square() / variance,
    )


def reliability(probabilities: Tensor, labels: Tensor, bins: int = 10) -> list[ReliabilityBin]:
    """Compare how sure a network is with how often it is right, in bins of the same width from 0 to 1.

    The bins are those of Guo, Pleiss, Sun and Weinberger, "On Calibration of Modern Neural Networks" (2017,
    arXiv:1706.04599), section 2: a confidence on an edge belongs to the bin below.

    Args:
        probabilities: ``[N, 10]``, each row from 0 to 1 and summing to 1.
        labels: the right digits, int ``[N]``.

    Raises:
        TypeError: the probabilities are no tensor of floats or the labels none of ints, or `bins` is no whole number.
        ValueError: the two differ in length or hold nothing, the rows are no probabilities, a label is not from
            0 to 9, or `bins` is less than 1.
    """
    _require_probabilities(probabilities, labels)
    _require_positive(bins=bins)
    confidence, predictions = probabilities.detach().cpu().max(dim=1)
    right = (predictions == labels.cpu()).double()
    edges = torch.arange(bins + 1, dtype=confidence.dtype) / bins
    numbers = torch.bucketize(confidence, edges[1:-1])
    found = []
    for number in range(bins):
        inside = numbers == number
        found.append(
            ReliabilityBin(
                low=number / bins,
                high=(number + 1) / bins,
                count=inside.sum().item(),
                # The mean of nothing is NaN.
                confidence=confidence[inside].double().mean().item(),
                accuracy=right[inside].mean().item(),
            )
        )
    return found


def expected_calibration_error(bins: Sequence[ReliabilityBin]) -> float:
    """Return by how much confidence and accuracy differ, as the mean over all digits of `reliability`'s bins: 0 is
    perfect, 1 the worst. The formula is equation 3 of Guo et al. (2017, arXiv:1706.04599).

    Raises:
        TypeError: `bins` is not a list of bins.
        ValueError: the bins are empty.
    """
    require_sequence(
        "bins", bins, ReliabilityBin, "bins, those that reliability returns", empty=True
    )
    whole = sum(part.count for part in bins)
    if whole == 0:
        raise ValueError("The bins hold no digit: give those that reliability returns.")
    return math.fsum(
        part.count / whole * abs(part.accuracy - part.confidence) for part in bins if part.count
    )


def _view_of(model: nn.Module, layer: str, image: Tensor) -> LayerView:
    views = {view.title.rpartition(" ")[0]: view for view in layer_views(model, image)}
    if layer not in views:
        raise ValueError(
            f"There is no layer {layer!r} that can be looked into; there are {', '.join(views)}."
        )
    return views[layer]


def _channel_output(model: nn.Module, layer: str, channel: int, images: Tensor) -> Tensor:
    """Return one channel of a layer's output on the CPU: ``[N, H, W]``, where a channel is a number ``[N, 1, 1]``."""
    outputs = {name: output for name, _, output in layer_outputs(model, images)}
    answers = outputs[layer][:, channel].cpu()
    return answers if answers.ndim == 3 else answers[:, None, None]


def _near(side: int, size: int) -> Tensor:
    """Return bool ``[side, side]``: whether a pixel lies in the stretch of `size` pixels around another."""
    places = torch.arange(side)
    return (places[:, None] - places).abs() <= size // 2


def _require_images(images: Tensor) -> None:
    require_type("images", images, Tensor, "a tensor [N, 1, H, W]")
    if images.ndim != 4 or not images.is_floating_point() or len(images) == 0:
        raise ValueError(
            f"Images have to be [N, 1, H, W] with values in [0, 1], at least one, and {_described(images)} was "
            f"given; data_set.data.unsqueeze(1) / 255 makes such a batch, and image[None] one of a single image."
        )
    require_tensor("images", images, "[N, 1, H, W]")


def _require_probabilities(probabilities: Tensor, labels: Tensor) -> None:
    require_type("probabilities", probabilities, Tensor, "a tensor [N, 10]")
    require_type("labels", labels, Tensor, "a tensor of ints [N]")
    if probabilities.ndim != 2 or labels.ndim != 1:
        raise ValueError(
            f"Probabilities [N, 10] and labels [N] are needed, and {list(probabilities.shape)} and "
            f"{list(labels.shape)} were given; predict_all returns such probabilities."
        )
    _require_as_many(probabilities=probabilities, labels=labels)
    if not probabilities.is_floating_point():
        raise TypeError(
            f"probabilities is {_described(probabilities)}, and has to hold floats, as predict_all returns them."
        )
    off = (probabilities.sum(dim=1) - 1).abs()
    # Written so that a NaN is refused too.
    if not ((probabilities >= 0).all() and (off <= 1e-3).all()):
        raise ValueError(
            "Each row of probabilities has to sum to 1: apply softmax(dim=1) to the logits first."
        )
    require_tensor("probabilities", probabilities, "[N, 10]")
    require_labels("labels", labels)


def _require_as_many(**tensors: Tensor) -> None:
    if len({len(tensor) for tensor in tensors.values()}) > 1:
        given = " and ".join(f"{len(tensor)} {name}" for name, tensor in tensors.items())
        raise ValueError(f"{given} were given; give as many of each, one for each digit.")


def _require_positive(**numbers: int) -> None:
    for name, number in numbers.items():
        require_whole(name, number, at_least=1)


def _described(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} of shape {list(tensor.shape)}"
