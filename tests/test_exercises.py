"""Every checker, with right answers, with the wrong ones that beginners give, and with nonsense."""

import math
import statistics

from mnist_helpers import exercises
from mnist_helpers.batches import TensorBatches
from mnist_helpers.data import load_datasets
from mnist_helpers.exercises import check, judge
from mnist_helpers.models import CNN, MLP
import numpy as np
import pytest
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.data import DataLoader, Subset
from torchvision.transforms.functional import to_tensor


def picked(scores, labels):
    return scores[torch.arange(len(labels)), labels]


@pytest.fixture(scope="module")
def mnist():
    train_set, test_set = load_datasets()
    return train_set.data / 255, train_set.targets, test_set.targets


# 1.5, a loader


def digit_loader(dataset, digits, batch_size):
    indices = torch.isin(dataset.targets, torch.tensor(digits)).nonzero().flatten()
    return DataLoader(Subset(dataset, indices.tolist()), batch_size, shuffle=True, drop_last=True)


def digit_loader_with_tensor_indices(dataset, digits, batch_size):
    indices = torch.isin(dataset.targets, torch.tensor(digits)).nonzero().flatten()
    return DataLoader(Subset(dataset, indices), batch_size=batch_size, shuffle=True, drop_last=True)


def loader_from_a_list(dataset, digits, batch_size):
    chosen = [sample for sample in dataset if sample[1] in digits]
    return DataLoader(chosen, batch_size=batch_size, shuffle=True, drop_last=True)


def loader_of(**settings):
    def make(dataset, digits, batch_size):
        chosen = [sample for sample in dataset if sample[1] in settings.get("only", digits)]
        return DataLoader(
            chosen,
            settings.get("batch_size", batch_size),
            shuffle=settings.get("shuffle", True),
            drop_last=settings.get("drop_last", True),
        )

    return make


def endless(dataset, digits, batch_size):
    while True:
        yield from digit_loader(dataset, digits, batch_size)


def without_flatten(dataset, digits, batch_size):
    indices = torch.isin(dataset.targets, torch.tensor(digits)).nonzero()
    return DataLoader(Subset(dataset, indices), batch_size, shuffle=True, drop_last=True)


def with_a_mask(dataset, digits, batch_size):
    mask = torch.isin(dataset.targets, torch.tensor(digits))
    return DataLoader(Subset(dataset, mask), batch_size, shuffle=True, drop_last=True)


def mixed_up(dataset, digits, batch_size):
    chosen = [
        (dataset[index][0], digits[index % len(digits)])
        for index, label in enumerate(dataset.targets.tolist())
        if label in digits
    ]
    return DataLoader(chosen, batch_size, shuffle=True, drop_last=True)


# 2.5, a convolution


def convolve_by_hand(image, kernel, stride, padding):
    image = F.pad(image, (padding,) * 4)
    height = (image.shape[0] - kernel.shape[0]) // stride + 1
    width = (image.shape[1] - kernel.shape[1]) // stride + 1
    output = torch.zeros(height, width)
    for row in range(height):
        for column in range(width):
            top, left = row * stride, column * stride
            window = image[top : top + kernel.shape[0], left : left + kernel.shape[1]]
            output[row, column] = (window * kernel).sum()
    return output


def through_conv2d(image, kernel, stride, padding):
    return F.conv2d(image[None, None], kernel[None, None], stride=stride, padding=padding)


# 3.2 and 3.5, modules


def halving(*layers):
    return nn.Sequential(*layers)


def small_network(*end, channels=8, flatten=None):
    return nn.Sequential(
        nn.Conv2d(1, channels, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(4),
        flatten or nn.Flatten(),
        nn.Linear(channels * 7 * 7, 10),
        *end,
    )


class UnusedLayer(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = small_network()
        self.forgotten = nn.Linear(10, 10)

    def forward(self, images):
        return self.layers(images)


class Mixing(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = small_network()

    def forward(self, images):
        return self.layers(images) - self.layers(images).mean(dim=0)


class InAList(nn.Module):
    def __init__(self):
        super().__init__()
        self.layers = list(small_network())

    def forward(self, images):
        for layer in self.layers:
            images = layer(images)
        return images


class MadeAnew(nn.Module):
    def __init__(self):
        super().__init__()
        self.convolution = nn.Conv2d(1, 4, 3, stride=4)

    def forward(self, images):
        features = self.convolution(images).relu().flatten(start_dim=1)
        return nn.Linear(features.shape[1], 10)(features)


class WithoutForward(nn.Module):
    pass


class Unfinished(nn.Module):
    def forward(self, images):
        return ...


def surest(logits):
    probabilities = logits.softmax(dim=1)
    place = probabilities.argmax().item()
    return place // logits.shape[1], place % logits.shape[1]


def surest_with_tensors(logits):
    best = logits.softmax(dim=1).max(dim=1)
    index = best.values.argmax()
    return index, best.indices[index]


# 4.4, a step


def training_step(model, images, labels, loss_function, optimizer):
    optimizer.zero_grad()
    loss = loss_function(model(images), labels)
    loss.backward()
    optimizer.step()
    return loss.item()


def step_of(*order, returns=lambda loss: loss.item()):
    def step(model, images, labels, loss_function, optimizer):
        loss = loss_function(model(images), labels)
        for part in order:
            {"zero": optimizer.zero_grad, "back": loss.backward, "step": optimizer.step}[part]()
        return returns(loss)

    return step


def step_with_later_loss(model, images, labels, loss_function, optimizer):
    training_step(model, images, labels, loss_function, optimizer)
    return loss_function(model(images), labels).item()


# 4.5, an evaluation


def accuracy_of_each_digit(model, loader, mode=False, by="labels", scale=1.0, grad=False):
    model.train(mode)
    correct, total, everything = torch.zeros(10), torch.zeros(10), 0
    answered = torch.zeros(10)
    with torch.set_grad_enabled(grad):
        for images, labels in loader:
            answers = model(images).argmax(dim=1)
            correct += labels[answers == labels].bincount(minlength=10)
            total += (labels if by == "labels" else answers).bincount(minlength=10)
            answered += answers.bincount(minlength=10)
            everything += len(labels)
    if by == "all":
        return correct / everything
    if by == "answered":
        return answered / torch.cat([labels for _, labels in loader]).bincount(minlength=10)
    if by == "counts":
        return correct
    if by == "overall":
        return (correct.sum() / everything).expand(10)
    return scale * correct / total


def each_digit(**settings):
    return lambda model, loader: accuracy_of_each_digit(model, loader, **settings)


def by_batches(model, loader):
    model.eval()
    with torch.no_grad():
        shares = [
            torch.stack(
                [
                    (model(images).argmax(dim=1) == labels)[labels == digit].float().mean()
                    for digit in range(10)
                ]
            )
            for images, labels in loader
        ]
    return torch.stack(shares).mean(dim=0)


# 5.1, a schedule


def rate_of(start=0.1, turn=0.3, end=0.0, scale=1.0, total=None):
    def learning_rate(step, steps, peak):
        top = peak if scale else 1.0
        if step < turn * steps:
            return top * (start + (1 - start) * step / (turn * steps))
        fallen = (step - turn * steps) / (total or (1 - turn)) / steps
        return top * (1 - (1 - end) * fallen)

    return learning_rate


def rate_with_branches(step, steps, peak):
    turn = int(0.3 * steps)
    if step <= turn:
        return peak / 10 + (peak - peak / 10) * step / turn
    return peak - peak * (step - turn) / (steps - turn)


def rate_as_the_lower_line(step, steps, peak):
    return min(peak / 10 + 0.9 * peak * step / (0.3 * steps), peak * (steps - step) / (0.7 * steps))


def rate_in_halves(rising, falling):
    def learning_rate(step, steps, peak):
        turn = 0.3 * steps
        return peak * (rising(step, turn) if step < turn else falling(step, steps, turn))

    return learning_rate


def rising_rightly(step, turn):
    return 0.1 + 0.9 * step / turn


def falling_rightly(step, steps, turn):
    return (steps - step) / (steps - turn)


# 5.2, batches


def batches_of(images, labels, batch_size):
    batches = []
    for start in range(0, len(labels), batch_size):
        chosen = slice(start, start + batch_size)
        batches.append((images[chosen].unsqueeze(1) / 255, labels[chosen]))
    return batches


def batches_yielded(images, labels, batch_size):
    floats = images.float().div(255)[:, None]
    yield from zip(floats.split(batch_size), labels.split(batch_size), strict=True)


def batches_of_to_tensor(images, labels, batch_size):
    samples = [
        (to_tensor(image.numpy()), label)
        for image, label in zip(images, labels.tolist(), strict=True)
    ]
    return DataLoader(samples, batch_size)


def batches_with(images_to=lambda images: images, labels_to=lambda labels: labels):
    return lambda *arguments: [
        (images_to(images), labels_to(labels)) for images, labels in batches_of(*arguments)
    ]


def raw_with(images_to):
    return lambda images, labels, size: zip(
        [images_to(batch) for batch in images.split(size)], labels.split(size), strict=True
    )


def overlapping(images, labels, batch_size):
    for start in range(len(images)):
        chosen = slice(start, start + batch_size)
        yield images[chosen].unsqueeze(1) / 255, labels[chosen]


def overlapping_full_ones(images, labels, batch_size):
    for start in range(len(images) - batch_size + 1):
        chosen = slice(start, start + batch_size)
        yield images[chosen].unsqueeze(1) / 255, labels[chosen]


def with_an_empty_end(*arguments):
    yield from batches_of(*arguments)
    yield torch.zeros(0, 1, 28, 28), torch.zeros(0, dtype=torch.int64)


def single_digits(images, labels, batch_size):
    return list(zip(images / 255, labels, strict=True))


def labels_not_sliced(images, labels, batch_size):
    return [(batch.unsqueeze(1) / 255, labels) for batch in images.split(batch_size)]


def images_not_sliced(images, labels, batch_size):
    return [(images.unsqueeze(1) / 255, part) for part in labels.split(batch_size)]


def shuffled(images, labels, batch_size):
    order = torch.arange(len(labels)).flip(0)
    return batches_of(images[order], labels[order], batch_size)


def endless_batches(*arguments):
    while True:
        yield from batches_of(*arguments)


def failing_later(*arguments):
    yield batches_of(*arguments)[0]
    raise KeyError("later")


# 5.3, targets


def smoothed_targets(labels, smoothing):
    return (1 - smoothing) * F.one_hot(labels, 10) + smoothing / 10


def targets_of_pytorch(labels, smoothing):
    """The gradient of PyTorch's own smoothed loss is probabilities − targets, and here all probabilities are 0.1."""
    logits = torch.zeros(len(labels), 10, requires_grad=True)
    F.cross_entropy(logits, labels, reduction="sum", label_smoothing=smoothing).backward()
    return 0.1 - logits.grad


def targets_filled(right, others, dtype=torch.float32):
    """Return a function that fills in what `right` and `others` make of the smoothing."""

    def targets(labels, smoothing):
        filled = torch.full((len(labels), 10), others(smoothing), dtype=torch.float64).to(dtype)
        filled[torch.arange(len(labels)), labels] = right(smoothing)
        return filled

    return targets


def one_minus(smoothing):
    return 1 - smoothing


def tenth(smoothing):
    return smoothing / 10


def most(smoothing):
    return 1 - smoothing + smoothing / 10


# 5.4, shifted digits


def shifted_by_padding(images, down, right):
    return F.pad(images, (right, -right, down, -down))


def shifted_by_rolling(images, down, right):
    images = images.roll((down, right), dims=(2, 3))
    if down:
        images[:, :, slice(down) if down > 0 else slice(down, None)] = 0
    if right:
        images[:, :, :, slice(right) if right > 0 else slice(right, None)] = 0
    return images


def shifted_by_slices(images, down, right, result=None):
    height, width = images.shape[2:]
    result = torch.zeros_like(images) if result is None else result
    source = images[:, :, max(-down, 0) : height - max(down, 0)]
    source = source[:, :, :, max(-right, 0) : width - max(right, 0)]
    top, left = max(down, 0), max(right, 0)
    result[:, :, top : top + source.shape[2], left : left + source.shape[3]] = source
    return result


def shifted_with_minus_zero(images, down, right):
    if down < 0 or right < 0:
        return shifted_by_padding(images, down, right)
    return F.pad(images, (right, 0, down, 0))[:, :, :-down, :-right]


def assigned_with_minus_zero(images, down, right):
    if down < 0 or right < 0:
        return shifted_by_padding(images, down, right)
    result = torch.zeros_like(images)
    result[:, :, down:, right:] = images[:, :, :-down, :-right]
    return result


def shifted_for_positive_ones(images, down, right):
    height, width = images.shape[2:]
    result = torch.zeros_like(images)
    result[:, :, down:, right:] = images[:, :, : height - down, : width - right]
    return result


def shifted_by_cat(images, down, right):
    count, _, height, width = images.shape
    images = torch.cat([torch.zeros(count, 1, down, width), images[:, :, : height - down]], dim=2)
    edge = torch.zeros(count, 1, height, right)
    return torch.cat([edge, images[:, :, :, : width - right]], dim=3)


def shifted_in_place(images, down, right):
    images[:] = shifted_by_padding(images, down, right)
    return images


def shifted_into_itself(images, down, right):
    images[:, :, down:] = images[:, :, :-down]
    return images


# 5.5, a difference


def difference(first, second):
    gap = statistics.mean(second) - statistics.mean(first)
    variances = [statistics.variance(one) / len(one) for one in (first, second)]
    return gap, math.sqrt(sum(variances))


def difference_with_torch(first, second):
    first, second = torch.tensor(first), torch.tensor(second)
    error = (first.var() / len(first) + second.var() / len(second)).sqrt()
    return second.mean() - first.mean(), error


def difference_with_numpy(first, second):
    error = np.hypot(*(np.std(one, ddof=1) / len(one) ** 0.5 for one in (first, second)))
    return [np.mean(second) - np.mean(first), error]


def difference_of(middle):
    return lambda first, second: (middle(first, second), difference(first, second)[1])


def error_of(formula):
    """Return a function whose standard error is made of s1, n1, s2, n2."""

    def wrong(first, second):
        spreads = [(statistics.stdev(one), len(one)) for one in (first, second)]
        return difference(first, second)[0], formula(*spreads[0], *spreads[1])

    return wrong


def error_of_population(first, second):
    error = math.sqrt(sum(statistics.pvariance(one) / len(one) for one in (first, second)))
    return difference(first, second)[0], error


def error_of_numpy_without_n(first, second):
    return difference(first, second)[0], math.sqrt(np.var(first) + np.var(second))


def error_of_the_pooled(first, second):
    return difference(first, second)[0], statistics.stdev(first + second)


def error_of_the_pooled_mean(first, second):
    pooled = first + second
    return difference(first, second)[0], statistics.stdev(pooled) / math.sqrt(len(pooled))


# 6.3, permuted pixels


def permuted(images, order):
    return images.flatten(start_dim=1)[:, order].reshape(images.shape)


def permuted_by_loops(images, order):
    result = torch.zeros_like(images)
    for place, pixel in enumerate(order.tolist()):
        result[:, 0, place // 28, place % 28] = images[:, 0, pixel // 28, pixel % 28]
    return result


def permuted_by_gather(images, order):
    pixels = images.view(-1, 784)
    return pixels.gather(1, order.expand(len(images), 784)).view(-1, 1, 28, 28)


def permuted_in_place(images, order):
    images[:] = permuted(images, order)
    return images


def permuted_into_itself(images, order):
    pixels = images.view(-1, 784)
    for place, pixel in enumerate(order.tolist()):
        pixels[:, place] = pixels[:, pixel]
    return images


def permuted_inversely(images, order):
    result = torch.zeros(len(images), 784)
    result[:, order] = images.flatten(start_dim=1)
    return result.reshape(images.shape)


def permuted_one_by_one(images, order):
    return torch.cat([permuted(image[None], order[torch.randperm(784)]) for image in images])


def permuted_first(images, order):
    return torch.cat([permuted(images[:1], order), images[1:]])


def permuted_by_columns(images, order):
    return permuted(images.transpose(2, 3), order).transpose(2, 3)


# 6.4, a block


def halving_block(in_channels, out_channels):
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=2, padding=1), nn.ReLU()
    )


class HalvingBlock(nn.Module):
    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.convolution = nn.Conv2d(in_channels, out_channels, 3, stride=2, bias=False)

    def forward(self, images):
        return F.relu(self.convolution(F.pad(images, (0, 1, 0, 1))))


def block_of(*after, before=(), **settings):
    def block(in_channels, out_channels):
        chosen = {"kernel_size": 3, "stride": 2, "padding": 1} | settings
        return nn.Sequential(*before, nn.Conv2d(in_channels, out_channels, **chosen), *after)

    return block


def block_of_two(in_channels, out_channels):
    return nn.Sequential(
        halving_block(in_channels, out_channels), nn.Conv2d(out_channels, out_channels, 1)
    )


class ConvolutionInAList(nn.Module):
    def __init__(self, *channels):
        super().__init__()
        self.layers = [nn.Conv2d(*channels, 3, stride=2, padding=1)]

    def forward(self, images):
        return self.layers[0](images).relu()


class ConvolutionLeftOut(HalvingBlock):
    def forward(self, images):
        return images.relu()


# 6.5, early stopping


def best_epoch(losses, patience, better=lambda loss, lowest: loss < lowest, first=1):
    best, lowest = 0, math.inf
    for epoch, loss in enumerate(losses, start=1):
        if better(loss, lowest):
            best, lowest = epoch, loss
        elif epoch - best >= patience:
            break
    return best - 1 + first


def best_epoch_by_slices(losses, patience):
    for end in range(1, len(losses) + 1):
        best = min(range(end), key=losses.__getitem__)
        if end - 1 - best >= patience:
            break
    return best + 1


def best_epoch_with_a_counter(losses, patience, tie_resets=False, resets=True, forget=False):
    waited, lowest, best = 0, math.inf, None
    for epoch, loss in enumerate(losses):
        if loss < lowest:
            lowest, best = loss, epoch
            waited = 0 if resets else waited
        elif (tie_resets and loss == lowest) or (forget and loss < losses[epoch - 1]):
            waited = 0
        else:
            waited += 1
        if waited == patience:
            return best + 1
    return best + 1


def stop_with(**settings):
    return lambda losses, patience: best_epoch_with_a_counter(losses, patience, **settings)


def epoch_of_the_stop(losses, patience):
    best, lowest = 0, math.inf
    for epoch, loss in enumerate(losses, start=1):
        if loss < lowest:
            best, lowest = epoch, loss
        elif epoch - best >= patience:
            return epoch
    return len(losses)


def stopping_only_if_it_stops(losses, patience):
    stop = epoch_of_the_stop([*losses, *[math.inf] * patience], patience)
    return best_epoch(losses, patience) if stop <= len(losses) else None


def stopping_that_pops(losses, patience):
    best = best_epoch(losses, patience)
    losses.pop()
    return best


# 7.1, a confusion matrix


def confusion_matrix(labels, predictions):
    return (10 * labels + predictions).bincount(minlength=100).reshape(10, 10)


def confusion_by_a_loop(labels, predictions, matrix=None):
    matrix = torch.zeros(10, 10, dtype=torch.int64)
    for label, prediction in zip(labels, predictions, strict=True):
        matrix[label, prediction] += 1
    return matrix


def confusion_by_one_hot(labels, predictions):
    return F.one_hot(labels, 10).T @ F.one_hot(predictions, 10)


def confusion_at_most_once(labels, predictions):
    matrix = torch.zeros(10, 10, dtype=torch.int64)
    matrix[labels, predictions] += 1
    return matrix


def confusion_in_place(labels, predictions):
    labels *= 10
    labels += predictions
    return labels.bincount(minlength=100).reshape(10, 10)


def confusion_of(formula):
    return lambda labels, predictions: formula(confusion_matrix(labels, predictions))


# 7.2, the surest mistakes


def most_confident_mistakes(probabilities, labels, count):
    confidence, answers = probabilities.max(dim=1)
    wrong = (answers != labels).nonzero().flatten()
    return wrong[confidence[wrong].argsort(descending=True)][:count]


def mistakes_by_topk(probabilities, labels, count):
    confidence, answers = probabilities.max(dim=1)
    confidence = confidence.masked_fill(answers == labels, -1)
    return confidence.topk(min(count, (answers != labels).sum().item())).indices


def mistakes_by_sorted(probabilities, labels, count):
    answers = probabilities.argmax(dim=1)
    wrong = [i for i in range(len(labels)) if answers[i] != labels[i]]
    wrong.sort(key=lambda i: probabilities[i].max().item(), reverse=True)
    return torch.tensor(wrong[:count], dtype=torch.int64)


def mistakes_with(scores, chosen=lambda answers, labels: answers != labels, descending=True):
    def mistakes(probabilities, labels, count):
        wrong = chosen(probabilities.argmax(dim=1), labels).nonzero().flatten()
        order = scores(probabilities, labels)[wrong].argsort(descending=descending)
        return wrong[order][:count]

    return mistakes


def surest_of(probabilities, labels):
    return probabilities.max(dim=1).values


def mistakes_filled_up(probabilities, labels, count):
    confidence, answers = probabilities.max(dim=1)
    return (confidence * (answers != labels)).argsort(descending=True)[:count]


def mistakes_in_the_wrong_ones(probabilities, labels, count):
    confidence, answers = probabilities.max(dim=1)
    return confidence[answers != labels].argsort(descending=True)[:count]


def first_mistakes(probabilities, labels, count):
    return (probabilities.argmax(dim=1) != labels).nonzero().flatten()[:count]


def mistakes_sorted_after(probabilities, labels, count):
    first = first_mistakes(probabilities, labels, count)
    return first[probabilities[first].max(dim=1).values.argsort(descending=True)]


def mistakes_in_place(probabilities, labels, count):
    right = probabilities.argmax(dim=1) == labels
    probabilities[right] = 0
    order = probabilities.max(dim=1).values.argsort(descending=True)
    return order[: min(count, (~right).sum())]


def topk_without_min(probabilities, labels, count):
    confidence, answers = probabilities.max(dim=1)
    wrong = (answers != labels).nonzero().flatten()
    return wrong[confidence[wrong].topk(count).indices]


# 7.3, a covered square


def occluded(images, row, column, size):
    result = images.clone()
    result[:, :, max(row, 0) : row + size, max(column, 0) : column + size] = 0
    return result


def occluded_by_a_mask(images, row, column, size):
    rows, columns = (torch.arange(length) for length in images.shape[2:])
    rows = (rows >= row) & (rows < row + size)
    columns = (columns >= column) & (columns < column + size)
    return images.masked_fill(rows[:, None] & columns, 0)


def occluded_by_loops(images, row, column, size):
    result = images.clone()
    for i in range(row, row + size):
        for j in range(column, column + size):
            if 0 <= i < images.shape[2] and 0 <= j < images.shape[3]:
                result[:, 0, i, j] = 0
    return result


def occluded_in_place(images, row, column, size):
    images[:] = occluded(images, row, column, size)
    return images


def occluded_by_plain_slices(images, row, column, size):
    result = images.clone()
    result[:, :, row : row + size, column : column + size] = 0
    return result


def occluded_by_plain_loops(images, row, column, size):
    result = images.clone()
    for i in range(row, row + size):
        for j in range(column, column + size):
            result[:, :, i, j] = 0
    return result


def occluded_around_the_corner(images, row, column, size):
    result = images.clone()
    for i in range(row, min(row + size, images.shape[2])):
        for j in range(column, min(column + size, images.shape[3])):
            result[:, :, i, j] = 0
    return result


def occluded_only_inside(images, row, column, size):
    inside = row + size <= images.shape[2] and column + size <= images.shape[3]
    return occluded(images, row, column, size) if inside else images


def occluded_in_white(images, row, column, size):
    return images.masked_fill(occluded(torch.ones_like(images), row, column, size) == 0, 1)


def occluded_first(images, row, column, size):
    return torch.cat([occluded(images[:1], row, column, size), images[1:]])


# 7.4, the centre of mass


def center_of_mass(image):
    rows, columns = (torch.arange(length) for length in image.shape[1:])
    return (
        ((image[0].sum(dim=1) * rows).sum() / image.sum()).item(),
        ((image[0].sum(dim=0) * columns).sum() / image.sum()).item(),
    )


def center_by_meshgrid(image):
    places = torch.meshgrid(*map(torch.arange, image.shape[1:]), indexing="ij")
    return [(image[0] * place).sum() / image.sum() for place in places]


def center_by_loops(image):
    pixels = image[0].tolist()
    whole = sum(map(sum, pixels))
    row = sum(i * value for i, line in enumerate(pixels) for value in line) / whole
    column = sum(j * value for line in pixels for j, value in enumerate(line)) / whole
    return row, column


def center_of(formula):
    def center(image):
        rows, columns = map(torch.arange, image.shape[1:])
        return formula(image[0], rows[:, None]), formula(image[0], columns[None])

    return center


def center_of_the_box(image):
    inked = image[0].nonzero()
    return ((inked.min(dim=0).values + inked.max(dim=0).values) / 2).tolist()


def center_in_place(image):
    center = center_of_mass(image)
    image /= image.sum()
    return center


# 7.5, the calibration error


def calibration_error(confidences, correct, bins):
    error = 0.0
    for part in range(bins):
        inside = (confidences > part / bins) & (confidences <= (part + 1) / bins)
        if inside.any():
            gap = correct[inside].float().mean() - confidences[inside].mean()
            error += inside.float().mean() * gap.abs()
    return float(error)


def calibration_by_bincount(confidences, correct, bins):
    numbers = numbers_of_parts(confidences, bins)
    gaps = (correct.float() - confidences).double()
    return numbers.bincount(gaps, minlength=bins).abs().sum() / len(correct)


def calibration_by_lists(confidences, correct, bins):
    parts = {}
    for confidence, right in zip(confidences.tolist(), correct.tolist(), strict=True):
        parts.setdefault(math.ceil(confidence * bins), []).append(right - confidence)
    return sum(abs(sum(part)) for part in parts.values()) / len(correct)


def numbers_of_parts(confidences, bins):
    return (confidences * bins).long().clamp(max=bins - 1)


def calibration_of(formula, numbers=numbers_of_parts):
    """A formula of the parts' counts, accuracies and mean confidences, empty parts left out."""

    def error(confidences, correct, bins):
        found = numbers(confidences, bins)
        parts = [found == number for number in range(bins) if (found == number).any()]
        counts = torch.tensor([part.sum() for part in parts]).float()
        accuracies = torch.stack([correct[part].float().mean() for part in parts])
        means = torch.stack([confidences[part].mean() for part in parts])
        return formula(counts, accuracies, means)

    return error


def weighted_gap(counts, accuracies, means):
    return (counts * (accuracies - means).abs()).sum() / counts.sum()


def between_the_extremes(confidences, bins):
    low, high = confidences.min(), confidences.max()
    return ((confidences - low) / (high - low) * bins).long().clamp(max=bins - 1)


def calibration_with_nan(confidences, correct, bins):
    error = 0.0
    for part in range(bins):
        inside = (confidences > part / bins) & (confidences <= (part + 1) / bins)
        gap = correct[inside].float().mean() - confidences[inside].mean()
        error += inside.float().mean() * gap.abs()
    return error


def calibration_that_divides_by_zero(confidences, correct, bins):
    error = 0.0
    for part in range(bins):
        pairs = [
            (c, r)
            for c, r in zip(confidences.tolist(), correct.tolist(), strict=True)
            if part < c * bins <= part + 1
        ]
        gap = sum(r for _, r in pairs) / len(pairs) - sum(c for c, _ in pairs) / len(pairs)
        error += len(pairs) / len(correct) * abs(gap)
    return error


def calibration_without_one(confidences, correct, bins):
    inside = confidences < 1
    return calibration_error(confidences[inside], correct[inside], bins) * inside.float().mean()


def calibration_against_the_middle(confidences, correct, bins):
    numbers = numbers_of_parts(confidences, bins)
    gaps = correct.float() - (numbers + 0.5) / bins
    return numbers.bincount(gaps.double(), minlength=bins).abs().sum() / len(correct)


def calibration_in_place(confidences, correct, bins):
    error = calibration_error(confidences, correct, bins)
    confidences *= bins
    return error


IDENTITY = torch.tensor([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]])
BLUR = torch.full((3, 3), 1 / 9)
X = torch.zeros(64, 1, 28, 28)
SHAPES = {
    "x[5]": [1, 28, 28],
    "x[5, 0]": [28, 28],
    "x[:, 0]": [64, 28, 28],
    "x[5:6]": [1, 1, 28, 28],
}
WITHOUT_POOLING = {"in_features": 50_176, "parameters": 573_562, "receptive_field": 13}

RIGHT = [
    ("1.1", (235, 96)),
    ("1.1", [np.int64(235), 96]),
    ("1.1", torch.tensor([235, 96])),
    ("1.1", (torch.tensor(235), torch.tensor([96]))),
    ("1.2", 8),
    ("1.2", [8]),
    ("1.2", torch.tensor(8)),
    ("1.2", torch.tensor([8])),
    ("1.3", lambda pixels, labels, _: tuple(pixels[labels == d].mean() for d in (1, 0))),
    ("1.3", (0.076, 0.173)),
    ("1.4", lambda pixels, labels, _: pixels[labels == 3].mean(dim=0)),
    ("1.4", lambda pixels, labels, _: pixels[labels == 3].double().mean(dim=0)),
    ("1.5", digit_loader),
    ("1.5", digit_loader_with_tensor_indices),
    ("1.5", loader_from_a_list),
    ("2.1", SHAPES),
    ("2.1", [tuple(shape) for shape in SHAPES.values()]),
    ("2.1", (X[5].shape, X[5, 0].shape, X[:, 0].shape, X[5:6].shape)),
    ("2.2", lambda photo: photo.permute(2, 0, 1).unsqueeze(0)),
    ("2.2", lambda photo: photo.unsqueeze(0).permute(0, 3, 1, 2).contiguous()),
    ("2.2", lambda photo: torch.stack([photo.movedim(2, 0)])),
    ("2.3", (14, 3)),
    ("2.3", [14, 3]),
    ("2.4", (IDENTITY, BLUR)),
    ("2.4", (IDENTITY.long(), torch.ones(3, 3) / 9)),
    ("2.5", convolve_by_hand),
    ("2.5", through_conv2d),
    ("3.1", 51_264),
    ("3.1", sum(p.numel() for p in nn.Conv2d(32, 64, 5).parameters())),
    ("3.2", halving(nn.Conv2d(1, 8, kernel_size=3, padding=1), nn.MaxPool2d(4))),
    ("3.2", halving(nn.Conv2d(1, 8, 5, stride=2, padding=2), nn.ReLU(), nn.MaxPool2d(2))),
    ("3.2", halving(nn.MaxPool2d(2), nn.Conv2d(1, 8, 2, stride=2))),
    ("3.3", WITHOUT_POOLING),
    ("3.3", (50_176, 573_562, 13)),
    ("3.4", surest),
    ("3.4", surest_with_tensors),
    ("3.5", small_network()),
    (
        "3.5",
        nn.Sequential(
            nn.Conv2d(1, 4, 5), nn.ReLU(), nn.Flatten(), nn.MaxPool1d(8), nn.Linear(288, 10)
        ),
    ),
    (
        "3.5",
        nn.Sequential(
            nn.Conv2d(1, 6, 5),
            nn.BatchNorm2d(6),
            nn.ReLU(),
            nn.MaxPool2d(8),
            nn.Dropout(),
            nn.Flatten(),
            nn.Linear(54, 10),
        ),
    ),
    ("4.1", (-math.log(0.5), -math.log(0.01))),
    ("4.1", -torch.tensor([0.5, 0.01]).log()),
    ("4.1", (0.69, 4.61)),
    (
        "4.2",
        lambda losses, sizes: sum(a * b for a, b in zip(losses, sizes, strict=True)) / sum(sizes),
    ),
    ("4.2", lambda losses, sizes: (torch.tensor(losses) * torch.tensor(sizes)).sum() / sum(sizes)),
    ("4.3", lambda x, y: -picked(x.exp() / x.exp().sum(dim=1, keepdim=True), y).log().mean()),
    ("4.3", lambda x, y: (x.logsumexp(dim=1) - picked(x, y)).mean().item()),
    ("4.4", training_step),
    ("4.4", step_of("zero", "back", "step")),
    ("4.4", step_of("back", "step", "zero")),
    ("4.5", accuracy_of_each_digit),
    ("4.5", lambda model, loader: accuracy_of_each_digit(model, loader).tolist()),
    ("4.5", lambda model, loader: dict(enumerate(accuracy_of_each_digit(model, loader).tolist()))),
    ("5.1", rate_of()),
    ("5.1", rate_with_branches),
    ("5.1", rate_as_the_lower_line),
    (
        "5.1",
        lambda step, steps, peak: np.interp(step, [0, 0.3 * steps, steps], [peak / 10, peak, 0]),
    ),
    ("5.1", lambda *arguments: torch.tensor(rate_with_branches(*arguments))),
    ("5.2", batches_of),
    ("5.2", batches_yielded),
    ("5.2", batches_of_to_tensor),
    ("5.2", lambda *arguments: TensorBatches(*arguments)),
    ("5.3", smoothed_targets),
    ("5.3", targets_of_pytorch),
    ("5.3", targets_filled(most, tenth)),
    ("5.3", targets_filled(most, tenth, dtype=torch.float64)),
    ("5.4", shifted_by_padding),
    ("5.4", shifted_by_rolling),
    ("5.4", shifted_by_slices),
    ("5.5", difference),
    ("5.5", difference_with_torch),
    ("5.5", difference_with_numpy),
    ("6.1", lambda i, o, k, h, w: i * o * k**2 * h * w),
    ("6.1", lambda *sizes: torch.tensor([*sizes, sizes[2]]).prod()),
    ("6.1", lambda i, o, k, h, w: nn.Conv2d(i, o, k).weight.numel() * np.int64(h * w)),
    ("6.2", (9_834_496, 144)),
    ("6.2", [784 * 16 * 784, nn.Conv2d(1, 16, 3).weight.numel()]),
    ("6.2", torch.tensor([9_834_496, 144])),
    ("6.3", permuted),
    ("6.3", permuted_by_loops),
    ("6.3", permuted_by_gather),
    ("6.4", halving_block),
    ("6.4", lambda i, o: HalvingBlock(i, o)),
    ("6.4", block_of(nn.ReLU(inplace=True))),
    ("6.4", lambda i, o: nn.Sequential(*block_of(nn.BatchNorm2d(o), nn.ReLU())(i, o))),
    ("6.5", best_epoch),
    ("6.5", best_epoch_by_slices),
    ("6.5", best_epoch_with_a_counter),
    ("7.1", confusion_matrix),
    ("7.1", confusion_by_a_loop),
    ("7.1", confusion_by_one_hot),
    ("7.2", most_confident_mistakes),
    ("7.2", mistakes_by_topk),
    ("7.2", mistakes_by_sorted),
    ("7.3", occluded),
    ("7.3", occluded_by_a_mask),
    ("7.3", occluded_by_loops),
    ("7.4", center_of_mass),
    ("7.4", center_by_meshgrid),
    ("7.4", center_by_loops),
    ("7.4", lambda image: torch.stack(center_by_meshgrid(image))),
    ("7.5", calibration_error),
    ("7.5", calibration_by_bincount),
    ("7.5", calibration_by_lists),
    ("7.5", calibration_of(weighted_gap)),
]

# The wrong answer, and a part of the message that tells why.
WRONG = [
    ("1.1", (234, 96), "one more"),
    ("1.1", (96, 235), "wrong order"),
    ("1.1", (234.375, 96), "float"),
    ("1.1", (235, 256), "cannot be full"),
    ("1.1", (235, 95), "not that"),
    ("1.1", (40, 16), "test set"),
    ("1.1", (938, 32), "batches of 64"),
    ("1.1", (236, 0), "round up"),
    ("1.1", (True, 96), "bool"),
    ("1.1", 235, "2 values"),
    ("1.1", (235,), "1 entries"),
    ("1.2", 9, "from 0"),
    ("1.2", 0, "training set"),
    ("1.2", 15, "not the first"),
    ("1.2", 1, "stands a 2"),
    ("1.2", 10_000, "0 to 9,999"),
    ("1.2", -1, "0 to 9,999"),
    ("1.2", True, "bool"),
    ("1.2", torch.tensor(True), "bool"),
    ("1.2", 8.0, "whole number"),
    ("1.2", torch.tensor([[8], [15]]), "[0]"),
    ("1.2", [8, 15], "one index"),
    ("1.3", (0.173, 0.076), "wrong order"),
    ("1.3", (19.4, 44.2), "255"),
    ("1.3", (0.1307, 0.173), "all digits"),
    ("1.3", (0.1124, 0.173), "how frequent"),
    ("1.3", (0.076, 0.126), "all other digits"),
    ("1.3", (0.076, 0.2), "digit 0"),
    ("1.3", (math.nan, 0.173), "nan"),
    ("1.3", 0.076, "2 values"),
    ("1.4", lambda pixels, labels, _: pixels[labels == 3].mean(), "one number"),
    ("1.4", lambda pixels, labels, _: pixels[labels == 3].mean(dim=0)[None], "squeeze(0)"),
    ("1.4", lambda pixels, labels, _: pixels[labels == 3].mean(dim=1), "[6131, 28]"),
    ("1.4", lambda pixels, labels, _: 255 * pixels[labels == 3].mean(dim=0), "255"),
    ("1.4", lambda pixels, labels, _: pixels.mean(dim=0), "all digits"),
    ("1.4", lambda pixels, labels, _: pixels[labels == 8].mean(dim=0), "digit 8"),
    ("1.4", lambda pixels, labels, _: pixels[labels == 3].mean(dim=0).numpy(), "from_numpy"),
    ("1.4", lambda pixels, labels, _: pixels[labels == 3].median(dim=0).values, "not the mean"),
    ("1.4", lambda pixels, labels, _: pixels[labels == 3], "2: H, W"),
    ("1.5", loader_of(shuffle=False), "same order"),
    ("1.5", loader_of(drop_last=False), "Leave it out"),
    ("1.5", loader_of(only=range(10)), "other digits"),
    (
        "1.5",
        lambda dataset, digits, size: digit_loader(dataset, digits[:1], size),
        "samples, which make",
    ),
    ("1.5", loader_of(batch_size=2), "Hand batch_size on"),
    ("1.5", lambda *arguments: iter(digit_loader(*arguments)), "second epoch"),
    ("1.5", endless, "samples, which make"),
    ("1.5", without_flatten, "flatten()"),
    ("1.5", with_a_mask, "true and false"),
    ("1.5", mixed_up, "do not belong together"),
    ("1.5", lambda dataset, digits, batch_size: dataset, "has to be a DataLoader"),
    ("1.5", lambda dataset, digits, batch_size: [], "no batch"),
    ("1.5", lambda dataset, digits, batch_size: [1, 2], "has to be a pair"),
    ("1.5", lambda dataset, digits, batch_size: list(dataset), "single samples"),
    ("1.5", lambda dataset, digits: None, "TypeError"),
    ("1.5", lambda dataset, digits, batch_size: None, "return"),
    ("1.5", DataLoader([1, 2]), "function itself"),
    ("2.1", SHAPES | {"x[5]": [1, 1, 28, 28]}, "drops its axis"),
    ("2.1", SHAPES | {"x[5:6]": [1, 28, 28]}, "keeps its axis"),
    ("2.1", SHAPES | {"x[:, 0]": [28, 28, 64]}, "order"),
    ("2.1", SHAPES | {"x[:, 0]": [64, 1, 28]}, "one by one"),
    ("2.1", SHAPES | {"x[5]": X[5]}, "gave a tensor"),
    ("2.1", SHAPES | {"x[5]": "[1, 28, 28]"}, "A shape is a list"),
    ("2.1", SHAPES | {"x[5]": [1.0, 28, 28]}, "whole number"),
    ("2.1", {"x[5]": [1, 28, 28]}, "is missing"),
    ("2.1", [[1, 28, 28]], "4 values"),
    ("2.2", lambda photo: photo.reshape(1, 3, *photo.shape[:2]), "scrambled"),
    ("2.2", lambda photo: photo.permute(2, 1, 0).unsqueeze(0), "swapped"),
    ("2.2", lambda photo: photo.permute(2, 0, 1), "batch axis is missing"),
    ("2.2", lambda photo: photo.unsqueeze(0), "still come last"),
    ("2.2", lambda photo: photo.permute(2, 0, 1).unsqueeze(1), "wrong place"),
    ("2.2", lambda photo: photo, "as it was"),
    ("2.2", lambda photo: photo.permute(2, 0, 1).unsqueeze(0) / 255, "also divided by 255"),
    ("2.2", lambda photo: [photo.permute(2, 0, 1)], "torch.stack"),
    ("2.2", lambda photo: photo.permute(2, 0, 1).unsqueeze(0).numpy(), "NumPy"),
    ("2.2", lambda photo: photo.permute(2, 0, 1).reshape(1, 3, 480, 640), "RuntimeError"),
    (
        "2.2",
        lambda photo: photo.permute(2, 0, 1).unsqueeze(0).flip(1),
        "photo[row, column, channel]",
    ),
    ("2.2", lambda photo: photo.permute(2, 0, 1).unsqueeze(0)[:, :1], "has to become"),
    ("2.2", torch.zeros(1, 3, 480, 640), "function itself"),
    ("2.3", (12, 3), "both sides"),
    ("2.3", (10, 3), "left the padding out"),
    ("2.3", (13, 3), "+ 1"),
    ("2.3", (15, 3), "rounded up"),
    ("2.3", (28, 3), "stride 1"),
    ("2.3", (14.5, 3), "float"),
    ("2.3", (99, 3), "first question"),
    ("2.3", ([14, 14], 3), "one number"),
    ("2.3", (14, 6), "half on each"),
    ("2.3", (14, 2), "5×5"),
    ("2.3", (14, 1), "3×3"),
    ("2.3", (14, 0), "22"),
    ("2.3", (14, -3), "Solve"),
    ("2.4", (BLUR, IDENTITY), "wrong order"),
    ("2.4", (torch.eye(3), BLUR), "torch.eye"),
    ("2.4", (torch.ones(3, 3), BLUR), "nine pixels"),
    ("2.4", (torch.zeros(3, 3), BLUR), "black"),
    ("2.4", (IDENTITY.roll(1, 0), BLUR), "identity kernel turns"),
    ("2.4", (IDENTITY, torch.ones(3, 3)), "nine times too bright"),
    ("2.4", (IDENTITY, BLUR.long()), "whole number"),
    ("2.4", (IDENTITY, (1 - IDENTITY) / 8), "one of the nine"),
    ("2.4", (IDENTITY, 3 * BLUR), "sum to 1"),
    ("2.4", (IDENTITY, torch.full((3, 3), 0.111)), "rounded"),
    ("2.4", (IDENTITY.reshape(1, 1, 3, 3), BLUR), "[1, 1, 3, 3]"),
    ("2.4", (IDENTITY, BLUR[:2, :2]), "has to be [3, 3]"),
    ("2.4", (IDENTITY.numpy(), BLUR), "NumPy"),
    ("2.4", (IDENTITY.tolist(), BLUR), "torch.tensor"),
    ("2.4", (IDENTITY, 1 / 9), "has to be a tensor"),
    ("2.5", lambda x, k, s, p: convolve_by_hand(x, k, 1, 0), "as the lesson has it"),
    ("2.5", lambda x, k, s, p: convolve_by_hand(x, k, s, 0), "padding makes no difference"),
    ("2.5", lambda x, k, s, p: convolve_by_hand(x, k, 1, p), "stride makes no difference"),
    ("2.5", lambda x, k, s, p: convolve_by_hand(x, k.flip(0, 1), s, p), "flipped"),
    ("2.5", lambda x, k, s, p: convolve_by_hand(x, k.T, s, p), "of the kernel are swapped"),
    ("2.5", lambda x, k, s, p: convolve_by_hand(x, k, s, p).T, "of the output are swapped"),
    ("2.5", lambda x, k, s, p: convolve_by_hand(F.pad(x, (p, 0, p, 0)), k, s, 0), "counts twice"),
    ("2.5", lambda x, k, s, p: convolve_by_hand(x, k, s, p)[:-1], "without the fraction"),
    ("2.5", lambda x, k, s, p: convolve_by_hand(x, k, s, p) + 1, "its window starts"),
    ("2.5", lambda x, k, s: x, "TypeError"),
    ("2.5", lambda x, k, s, p: torch.zeros(len(x) / s, 3), "divide with `//`"),
    ("2.5", lambda x, k, s, p: (x[:3, :2] * k).sum(), "Height and width can differ"),
    ("2.5", lambda x, k, s, p: None, "return"),
    ("2.5", lambda x, k, s, p: x.numpy(), "NumPy"),
    ("3.1", 51_200, "biases"),
    ("3.1", 51_201, "of its own"),
    ("3.1", 1_664, "32 input channels"),
    ("3.1", 51_232, "swapped"),
    ("3.1", 53_248, "pair of channels"),
    ("3.1", 18_496, "3×3"),
    ("3.1", 10_304, "25 numbers"),
    ("3.1", 64 * 32 * 28 * 28, "size of the picture"),
    ("3.1", 1, "out_channels"),
    ("3.1", 51_264.0, "float"),
    ("3.1", True, "bool"),
    ("3.2", halving(nn.Conv2d(1, 8, 3, padding=1), nn.MaxPool2d(2)), "halved once"),
    ("3.2", halving(nn.Conv2d(1, 8, 3), nn.MaxPool2d(4)), "Set the padding"),
    ("3.2", halving(nn.Conv2d(1, 16, 3, padding=1), nn.MaxPool2d(4)), "out_channels"),
    ("3.2", halving(nn.Conv2d(1, 8, 3, padding=1), nn.MaxPool2d(1)), "not made smaller"),
    ("3.2", halving(nn.Conv2d(1, 8, 3, padding=1), nn.MaxPool2d(3)), "formula"),
    (
        "3.2",
        halving(nn.Conv2d(1, 8, 3, padding=1), nn.MaxPool2d(4), nn.Flatten()),
        "leave flatten out",
    ),
    ("3.2", halving(nn.Conv2d(8, 8, 3, padding=1), nn.MaxPool2d(4)), "RuntimeError"),
    ("3.2", halving(nn.Conv2d(1, 8, 4, stride=4)), "one of each"),
    ("3.2", nn.Conv2d(1, 8, 4, stride=4), "one of each"),
    ("3.2", CNN, "calling it: CNN()"),
    ("3.2", torch.zeros(2, 8, 7, 7), "is a tensor"),
    ("3.2", lambda images: images, "has to be a module"),
    ("3.3", WITHOUT_POOLING | {"in_features": 3136}, "no longer 7×7"),
    ("3.3", WITHOUT_POOLING | {"in_features": 64 * 14 * 14}, "Both poolings"),
    ("3.3", WITHOUT_POOLING | {"in_features": 784}, "one channel"),
    ("3.3", WITHOUT_POOLING | {"in_features": 5}, "C×H×W"),
    ("3.3", WITHOUT_POOLING | {"parameters": 103_162}, "as it was"),
    ("3.3", WITHOUT_POOLING | {"parameters": 501_770}, "alone"),
    ("3.3", WITHOUT_POOLING | {"parameters": 573_552}, "ten biases"),
    ("3.3", WITHOUT_POOLING | {"parameters": 71_792}, "linear layer has"),
    ("3.3", WITHOUT_POOLING | {"parameters": 5}, "six convolutions"),
    ("3.3", WITHOUT_POOLING | {"receptive_field": 34}, "with the poolings"),
    ("3.3", WITHOUT_POOLING | {"receptive_field": 12}, "Start from 1"),
    ("3.3", WITHOUT_POOLING | {"receptive_field": 3}, "one convolution"),
    ("3.3", WITHOUT_POOLING | {"receptive_field": 18}, "overlap"),
    ("3.3", WITHOUT_POOLING | {"receptive_field": 5}, "adds 2"),
    ("3.3", {"in_features": 50_176}, "missing"),
    ("3.4", lambda x: divmod(x.argmax().item(), x.shape[1]), "largest logit"),
    ("3.4", lambda x: divmod(x.softmax(dim=0).argmax().item(), x.shape[1]), "dim=0"),
    ("3.4", lambda x: surest(x)[::-1], "wrong order"),
    (
        "3.4",
        lambda x: (
            x.softmax(1).max(1).values.argmin().item(),
            x[x.softmax(1).max(1).values.argmin()].argmax().item(),
        ),
        "least sure",
    ),
    ("3.4", lambda x: (0, 0), "largest probability"),
    ("3.4", lambda x: (1, 0.9), "its probability"),
    ("3.4", lambda x: (1, 2.5), "float"),
    ("3.4", lambda x: x.softmax(dim=1), "2 values"),
    ("3.4", lambda x: surest(x)[0], "2 values"),
    ("3.5", CNN(), "103,162"),
    ("3.5", MLP(), "no convolution"),
    ("3.5", small_network(nn.Softmax(dim=1)), "softmax"),
    ("3.5", small_network(nn.LogSoftmax(dim=1)), "log_softmax"),
    ("3.5", small_network(nn.ReLU()), "very end"),
    ("3.5", small_network(flatten=nn.Flatten(start_dim=0)), "RuntimeError"),
    ("3.5", nn.Sequential(nn.Conv2d(1, 4, 3), nn.MaxPool2d(4)), "has to become [2, 10]"),
    (
        "3.5",
        nn.Sequential(nn.Conv2d(1, 2, 3, stride=3), nn.Flatten(), nn.Linear(162, 10)),
        "no bend",
    ),
    ("3.5", UnusedLayer(), "forgotten.weight"),
    ("3.5", Mixing(), "other digits of the batch"),
    ("3.5", InAList(), "plain Python list"),
    ("3.5", MadeAnew(), "in `__init__`"),
    ("3.5", CNN, "CNN()"),
    ("3.5", WithoutForward(), "NotImplementedError"),
    ("4.1", (math.log(0.5), math.log(0.01)), "sign"),
    ("4.1", (0.301, 2.0), "base 10"),
    ("4.1", (4.605, 0.693), "wrong order"),
    ("4.1", (0.7, 4.6), "two decimals"),
    ("4.1", (1.0, 6.644), "base 2"),
    ("4.1", (0.5, 0.99), "1 − p"),
    ("4.1", (0.693, 5.0), "natural logarithm"),
    ("4.1", (0.693, math.inf), "inf"),
    ("4.1", 0.693, "2 values"),
    ("4.1", ("0.693", 4.605), "has to be a number"),
    ("4.2", lambda losses, sizes: sum(losses) / len(losses), "plain mean"),
    (
        "4.2",
        lambda losses, sizes: sum(a * b for a, b in zip(losses, sizes, strict=True)),
        "added up",
    ),
    (
        "4.2",
        lambda losses, sizes: sum(a * b for a, b in zip(losses, sizes, strict=True)) / len(sizes),
        "number of batches",
    ),
    ("4.2", lambda losses, sizes: sum(losses) / sum(sizes), "already a mean"),
    ("4.2", lambda losses, sizes: 1.0, "weigh|multiply each loss"),
    ("4.2", lambda losses, sizes: losses, "has to be a number"),
    ("4.2", lambda losses, sizes: losses / sizes, "TypeError"),
    ("4.3", lambda x, y: F.cross_entropy(x, y, reduction="sum"), "added"),
    ("4.3", lambda x, y: F.cross_entropy(x, y, reduction="none"), "for each digit"),
    ("4.3", lambda x, y: -F.cross_entropy(x, y), "sign"),
    ("4.3", lambda x, y: -picked(x.softmax(dim=0), y).log().mean(), "dim=0"),
    ("4.3", lambda x, y: -picked(x.exp() / x.exp().sum(), y).log().mean(), "whole batch"),
    ("4.3", lambda x, y: -picked(x.softmax(dim=1), y).mean(), "logarithm is missing"),
    ("4.3", lambda x, y: picked(x.softmax(dim=1), y).mean(), "probabilities themselves"),
    ("4.3", lambda x, y: -picked(x.softmax(dim=1), y).mean().log(), "mean of the logarithms"),
    ("4.3", lambda x, y: -x.log_softmax(dim=1).mean(), "all classes"),
    ("4.3", lambda x, y: F.cross_entropy(x.softmax(dim=1), y), "twice"),
    ("4.3", lambda x, y: -picked(x.softmax(dim=1), y).log10().mean(), "base 10"),
    ("4.3", lambda x, y: -picked(x, y).mean(), "for probabilities"),
    ("4.3", lambda x, y: -x.softmax(dim=1)[:, y].log().mean(), "from every row"),
    ("4.3", lambda x, y: -x.softmax(dim=1)[0, y].log().mean(), "first row"),
    ("4.3", lambda x, y: x.mean(), "section 1"),
    ("4.3", lambda x, y: x[y.float()], "IndexError"),
    ("4.4", step_of("back", "step"), "pile up"),
    ("4.4", step_of("back", "zero", "step"), "Nothing moves"),
    ("4.4", step_of("zero", "back"), "Nothing moves"),
    ("4.4", step_of(), "Nothing moves"),
    ("4.4", step_of("step", "zero", "back"), "before `backward`"),
    ("4.4", step_of("zero", "back", "step", "step"), "each once"),
    ("4.4", step_of("zero", "back", "step", returns=lambda loss: loss), ".item()"),
    ("4.4", step_of("zero", "back", "step", returns=lambda loss: None), "return"),
    ("4.4", step_with_later_loss, "before the step"),
    ("4.4", lambda model, images, labels: 0.0, "TypeError"),
    ("4.5", each_digit(mode=True), "eval()"),
    ("4.5", each_digit(by="all"), "number of all digits"),
    ("4.5", each_digit(by="answers"), "how often the model answered"),
    ("4.5", each_digit(by="answered"), "right or wrong"),
    ("4.5", each_digit(by="overall"), "over all digits"),
    ("4.5", each_digit(by="counts"), "counts"),
    ("4.5", each_digit(scale=100), "per cent"),
    ("4.5", each_digit(grad=True), "no_grad"),
    ("4.5", each_digit(scale=0.5), "are not right"),
    ("4.5", by_batches, "divide by 0"),
    ("4.5", lambda model, loader: accuracy_of_each_digit(model, loader)[:9], "ten digits"),
    ("4.5", lambda model, loader: 0.9, "one number"),
    ("4.5", lambda model, loader: "0.9", "has to be a tensor"),
    ("4.5", lambda model, loader: accuracy_of_each_digit(model, loader).numpy(), "NumPy"),
    ("5.1", rate_of(start=0.0), "starts at 0."),
    ("5.1", rate_of(end=0.1), "falls to peak / 10"),
    ("5.1", rate_of(turn=0.5), "turns in the middle"),
    ("5.1", rate_of(turn=0.7), "at 70 %"),
    ("5.1", rate_of(scale=0), "multiplication by `peak` is missing"),
    ("5.1", rate_of(start=0.0, turn=0.5), "starts at 0. It"),
    ("5.1", rate_of(start=0.0, turn=0.5), "turns in the middle"),
    ("5.1", rate_of(turn=0.5, end=0.1, scale=0), "multiplication by `peak` is missing"),
    ("5.1", rate_of(total=1.0), "never gets to 0"),
    ("5.1", rate_of(start=1.0), "from the start"),
    ("5.1", rate_of(start=1.0, end=1.0), "same at every step"),
    ("5.1", lambda step, steps, peak: peak / 10, "same at every step"),
    ("5.1", rate_of(end=1.0), "does not fall"),
    ("5.1", lambda step, steps, peak: peak * (1 - step / steps), "falls from the start"),
    ("5.1", lambda step, steps, peak: peak * (1 - 0.9 * step / steps), "not peak / 10"),
    ("5.1", rate_in_halves(lambda step, turn: 0.1 + step / turn, falling_rightly), "1.1 × peak"),
    (
        "5.1",
        rate_in_halves(rising_rightly, lambda step, steps, turn: (steps - step) / steps),
        "jumps down",
    ),
    (
        "5.1",
        rate_in_halves(rising_rightly, lambda step, steps, turn: (step - turn) / (steps - turn)),
        "rises again",
    ),
    (
        "5.1",
        rate_in_halves(lambda step, turn: 0.1 + 0.9 * (step // turn), falling_rightly),
        "Before the turn yours stays at 0.001",
    ),
    (
        "5.1",
        rate_in_halves(rising_rightly, lambda step, steps, turn: (steps - step) // (steps - turn)),
        "`//`",
    ),
    (
        "5.1",
        rate_in_halves(
            rising_rightly, lambda step, steps, turn: 1 - (step - turn) // (steps - turn)
        ),
        "After the turn yours stays at 0.01",
    ),
    ("5.1", lambda *arguments: 2 * rate_of()(*arguments), "learning_rate(0, 100, 0.01) is 0.002"),
    ("5.1", lambda step, steps, peak: step / 0, "ZeroDivisionError"),
    ("5.1", lambda step, steps, peak: None if step == 0.3 * steps else 0.1, "returns None"),
    ("5.1", lambda step, steps, peak: "0.1", "has to be a number"),
    ("5.1", lambda step, steps: 0.1, "TypeError"),
    ("5.1", 0.1, "function itself"),
    ("5.2", lambda *arguments: batches_of(*arguments)[:2], "drops the last"),
    ("5.2", raw_with(lambda raw: raw / 255), "channel axis is missing"),
    ("5.2", raw_with(lambda raw: raw.unsqueeze(1).float()), "from 0 to 255"),
    ("5.2", raw_with(lambda raw: raw.unsqueeze(1)), "from 0 to 255"),
    ("5.2", raw_with(lambda raw: raw.unsqueeze(1) / 256), "256"),
    ("5.2", raw_with(lambda raw: raw.unsqueeze(1) // 255), "fraction was cut off"),
    ("5.2", raw_with(lambda raw: (raw.unsqueeze(1) / 255).to(torch.uint8)), "fraction was cut off"),
    ("5.2", raw_with(lambda raw: raw.unsqueeze(1).float() // 255), "fraction was cut off"),
    ("5.2", raw_with(lambda raw: raw.unsqueeze(-1) / 255), "at the end"),
    ("5.2", raw_with(lambda raw: raw.unsqueeze(0) / 255), "in front"),
    ("5.2", raw_with(lambda raw: raw.flatten(1) / 255), "Slice along the first axis"),
    ("5.2", raw_with(lambda raw: raw.unsqueeze(1).double() / 255), "float64"),
    ("5.2", raw_with(lambda raw: (raw.unsqueeze(1) / 255).half()), "float16"),
    ("5.2", raw_with(lambda raw: raw.unsqueeze(1) * (1 / 255)), "last bit"),
    ("5.2", raw_with(lambda raw: 1 - raw.unsqueeze(1) / 255), "inverted"),
    ("5.2", raw_with(lambda raw: (raw.unsqueeze(1) / 255).mT), "each as it was"),
    ("5.2", raw_with(lambda raw: (raw.unsqueeze(1) / 255).numpy()), "NumPy"),
    ("5.2", labels_not_sliced, "slice the labels as well"),
    ("5.2", images_not_sliced, "slice them"),
    ("5.2", batches_with(labels_to=lambda labels: labels[:, None]), "have to be [4]"),
    ("5.2", batches_with(labels_to=lambda labels: labels.flip(0)), "other digits"),
    ("5.2", batches_with(labels_to=lambda labels: labels.float()), "int64"),
    ("5.2", batches_with(labels_to=lambda labels: labels.tolist()), "is a list"),
    ("5.2", lambda *arguments: batches_of(*arguments)[0], "one pair"),
    ("5.2", lambda *arguments: batches_of(*arguments)[:1], "stops after the first"),
    ("5.2", lambda *arguments: [batch[::-1] for batch in batches_of(*arguments)], "wrong order"),
    ("5.2", lambda *arguments: list(zip(*batches_of(*arguments), strict=True)), "two lists"),
    ("5.2", lambda *arguments: [images for images, _ in batches_of(*arguments)], "be a pair"),
    ("5.2", lambda images, labels, size: images / 255, "list of pairs"),
    ("5.2", lambda images, labels, size: 3, "list of pairs"),
    ("5.2", lambda images, labels, size: [], "no batch"),
    (
        "5.2",
        lambda images, labels, size: list(
            zip((images.unsqueeze(1) / 255).chunk(size), labels.chunk(size), strict=True)
        ),
        "`chunk` takes the number",
    ),
    ("5.2", overlapping, "overlap"),
    ("5.2", overlapping_full_ones, "overlap"),
    ("5.2", with_an_empty_end, "empty one"),
    ("5.2", single_digits, "single digits"),
    ("5.2", shuffled, "in their order"),
    ("5.2", endless_batches, "Yours are [4, 4, 2, 4, 4, 2, 4, 4, …]"),
    ("5.2", failing_later, "KeyError"),
    ("5.2", lambda images, labels: batches_of(images, labels, 4), "TypeError"),
    ("5.2", lambda images, labels, size: None, "return"),
    ("5.3", targets_filled(one_minus, lambda s: s / 9), "over all ten"),
    ("5.3", targets_filled(one_minus, tenth), "less than 1"),
    ("5.3", targets_filled(lambda s: 1.0, tenth), "more than 1"),
    ("5.3", targets_filled(lambda s: 1 + s / 10, tenth), "took nothing away"),
    ("5.3", targets_filled(one_minus, lambda s: 0.0), "gave it to nobody"),
    ("5.3", targets_filled(tenth, tenth), "missing its 1 − s"),
    ("5.3", lambda labels, s: F.one_hot(labels, 10), "plain one-hot"),
    ("5.3", lambda labels, s: F.one_hot(labels, 10).float(), "plain one-hot"),
    ("5.3", lambda labels, s: smoothed_targets(labels, s).T, "transposed"),
    ("5.3", targets_filled(tenth, most), "exchanged right and wrong"),
    ("5.3", targets_filled(lambda s: 0.0, lambda s: 1.0), "ones and zeros"),
    ("5.3", targets_filled(most, tenth, dtype=torch.int64), "cut off"),
    ("5.3", lambda labels, s: (1 - s) * F.one_hot(labels) + s / 10, "whatever labels occur"),
    ("5.3", lambda labels, s: smoothed_targets(labels, s / 2), "your row is"),
    ("5.3", lambda labels, s: smoothed_targets(labels, s)[:1].expand(len(labels), 10), "its own"),
    ("5.3", lambda labels, s: smoothed_targets(labels, s)[0], "2: N, classes"),
    ("5.3", lambda labels, s: smoothed_targets(labels, s).numpy(), "NumPy"),
    ("5.3", lambda labels, s: smoothed_targets(labels, s).tolist(), "is a list"),
    ("5.3", lambda labels: F.one_hot(labels, 10), "TypeError"),
    ("5.4", lambda x, down, right: x.roll((down, right), dims=(2, 3)), "comes back on the other"),
    ("5.4", lambda x, down, right: shifted_by_slices(x, down, right, x.clone()), "old pixels"),
    ("5.4", lambda x, down, right: shifted_by_slices(x, down, right, x + 1), "has to be black"),
    ("5.4", lambda x, down, right: shifted_by_padding(x, -down, -right), "up instead of down, and"),
    ("5.4", lambda x, down, right: shifted_by_padding(x, -down, right), "Row 0 is at the top"),
    ("5.4", lambda x, down, right: shifted_by_padding(x, down, -right), "moves left"),
    ("5.4", lambda x, down, right: shifted_by_padding(x, right, down), "exchanged"),
    ("5.4", lambda x, down, right: x.roll((right, down), dims=(2, 3)), "exchanged"),
    ("5.4", lambda x, down, right: x.roll((right, down), dims=(2, 3)), "`torch.roll`"),
    ("5.4", lambda x, down, right: shifted_by_padding(x, down, 0), "rows only"),
    ("5.4", lambda x, down, right: shifted_by_padding(x, 0, right), "columns only"),
    ("5.4", lambda x, down, right: x, "no difference"),
    ("5.4", lambda x, down, right: F.pad(x, (right, 0, down, 0)), "crop as much"),
    (
        "5.4",
        lambda x, down, right: x[:, :, : x.shape[2] - down, : x.shape[3] - right],
        "pad as much",
    ),
    (
        "5.4",
        lambda x, down, right: shifted_by_padding(x, down, right)[:, 0],
        "The size has to stay",
    ),
    ("5.4", lambda x, down, right: shifted_by_padding(x, down + 1, right), "row + 1, column + 2"),
    ("5.4", shifted_for_positive_ones, "Negative shifts move up and left"),
    ("5.4", shifted_by_cat, "Negative shifts move up and left"),
    ("5.4", shifted_with_minus_zero, "-0 is 0"),
    ("5.4", assigned_with_minus_zero, "-0 is 0"),
    ("5.4", shifted_in_place, "finds them moved"),
    ("5.4", shifted_into_itself, "overwritten already|old pixels"),
    ("5.4", lambda x, down, right: shifted_by_padding(x, down, right).numpy(), "NumPy"),
    ("5.4", lambda x, down: x, "TypeError"),
    ("5.5", difference_of(lambda a, b: np.mean(a) - np.mean(b)), "turned round"),
    ("5.5", difference_of(lambda a, b: abs(np.mean(a) - np.mean(b))), "sign is lost"),
    ("5.5", difference_of(lambda a, b: max(b) - max(a)), "best of each"),
    ("5.5", difference_of(lambda a, b: max(a) - max(b)), "best of each"),
    ("5.5", difference_of(lambda a, b: max(a) - max(b)), "turned round"),
    ("5.5", difference_of(lambda a, b: sum(b) - sum(a)), "sums"),
    ("5.5", difference_of(lambda a, b: min(b) - min(a)), "the difference of the means, second"),
    ("5.5", error_of_population, "n − 1"),
    ("5.5", error_of(lambda s1, n1, s2, n2: math.sqrt(s1**2 + s2**2)), "by n is missing"),
    ("5.5", error_of_numpy_without_n, "by n is missing"),
    ("5.5", error_of_numpy_without_n, "n − 1"),
    ("5.5", error_of(lambda s1, n1, s2, n2: s1 / n1**0.5 + s2 / n2**0.5), "two standard errors"),
    ("5.5", error_of(lambda s1, n1, s2, n2: s1**2 / n1 + s2**2 / n2), "square root is missing"),
    ("5.5", error_of(lambda s1, n1, s2, n2: math.sqrt(s1 / n1 + s2 / n2)), "forgot to square"),
    ("5.5", error_of(lambda s1, n1, s2, n2: math.hypot(s1 / n1, s2 / n2)), "by n²"),
    ("5.5", error_of_the_pooled, "spread of both lists"),
    ("5.5", error_of_the_pooled_mean, "error of both lists"),
    ("5.5", error_of(lambda s1, n1, s2, n2: 1.0), "yours is 1.000"),
    ("5.5", lambda a, b: difference(a, b)[::-1], "wrong order"),
    ("5.5", lambda a, b: [round(number, 2) for number in difference(a, b)], "Do not round"),
    ("5.5", lambda a, b: difference(a, b)[0], "2 values"),
    ("5.5", lambda a, b: (b - a, 0), "Lists cannot be subtracted"),
    ("5.5", lambda a, b: ((np.array(b) - np.array(a)).mean(), 0), "need not have the same length"),
    ("5.5", lambda a, b: (math.nan, 0), "nan"),
    ("5.5", lambda a, b: ("1", "2"), "has to be a number"),
    ("6.1", lambda i, o, k, h, w: i * o * k**2, "number of weights"),
    ("6.1", lambda i, o, k, h, w: o * (i * k**2 + 1), "number of parameters"),
    ("6.1", lambda i, o, k, h, w: i * o * k**2 * h * w + o, "one for each output channel"),
    ("6.1", lambda i, o, k, h, w: o * (i * k**2 + 1) * h * w, "bias for every number"),
    ("6.1", lambda i, o, k, h, w: i * o * k * h * w, "The kernel is square"),
    ("6.1", lambda i, o, k, h, w: 2 * i * o * k**2 * h * w, "counts once"),
    ("6.1", lambda i, o, k, h, w: i * k**2 * h * w, "output channels are missing"),
    ("6.1", lambda i, o, k, h, w: o * k**2 * h * w, "input channels are missing"),
    ("6.1", lambda i, o, k, h, w: k**2 * h * w, "one input channel"),
    ("6.1", lambda i, o, k, h, w: i * o * h * w, "1×1"),
    ("6.1", lambda i, o, k, h, w: i * o * (h * w) ** 2, "Linear"),
    ("6.1", lambda i, o, k, h, w: i * o * k**2 * (h - k + 1) * (w - k + 1), "the output already"),
    ("6.1", lambda i, o, k, h, w: i * o * k**2 * h**2, "height twice"),
    ("6.1", lambda i, o, k, h, w: i + o, "3 × 4 × 5 numbers, and each is a sum of 2 × 3 × 3"),
    ("6.1", lambda i, o, k, h, w: i * o * k**2 * h * w / 1, "float"),
    ("6.1", lambda i, o, k: 1, "TypeError"),
    ("6.1", lambda *sizes: None, "return"),
    ("6.1", 1080, "function itself"),
    ("6.2", (9_847_040, 144), "biases"),
    ("6.2", (9_834_496, 160), "biases"),
    ("6.2", (12_544, 144), "number of outputs"),
    ("6.2", (784 * 784, 144), "one map of 28×28"),
    ("6.2", (784 * 16 + 16, 144), "16 outputs"),
    ("6.2", (144, 9_834_496), "wrong order"),
    ("6.2", (9_834_496, 9), "one kernel"),
    ("6.2", (9_834_496, 112_896), "multiply-adds"),
    ("6.2", (9_834_496, 48), "9 weights"),
    ("6.2", (9_834_496, 2304), "16 input channels"),
    ("6.2", (9_834_496, 100), "out_channels × in_channels"),
    ("6.2", (1, 144), "inputs × the number of outputs"),
    ("6.2", (9_834_496.0, 144), "float"),
    ("6.2", 144, "2 values"),
    ("6.3", permuted_inversely, "inverse"),
    ("6.3", lambda x, order: permuted(x, order.argsort()), "inverse"),
    ("6.3", lambda x, order: x[..., order[order < 28]], "within their rows"),
    ("6.3", lambda x, order: x[:, :, order[order < 28]], "within their columns"),
    ("6.3", permuted_one_by_one, "order of its own"),
    ("6.3", permuted_first, "Only the first image"),
    ("6.3", permuted_by_columns, "column by column"),
    ("6.3", lambda x, order: permuted(x, order).transpose(2, 3), "column by column"),
    ("6.3", lambda x, order: permuted(permuted(x, order), order), "twice"),
    ("6.3", lambda x, order: permuted(x, order.flip(0)), "has to be pixel order[0]"),
    ("6.3", lambda x, order: x, "no difference"),
    ("6.3", lambda x, order: x.flip(0), "one image to another"),
    ("6.3", lambda x, order: permuted(x, order // 2), "stand twice"),
    ("6.3", lambda x, order: permuted(1 - x, order), "no pixel of the images has"),
    ("6.3", lambda x, order: x[order], "flatten(start_dim=1)"),
    ("6.3", lambda x, order: x.flatten(1)[:, order], "reshape(images.shape)"),
    ("6.3", lambda x, order: x[:, 0], "has to stay"),
    ("6.3", lambda x, order: x.flatten()[order], "start_dim=1"),
    ("6.3", lambda x, order: permuted(x, order).double(), "float32"),
    ("6.3", lambda x, order: permuted(x, order).long(), "float32"),
    ("6.3", permuted_in_place, "finds them permuted"),
    ("6.3", permuted_into_itself, "overwritten already"),
    ("6.3", lambda x, order: permuted(x, order).numpy(), "NumPy"),
    ("6.3", lambda x, order: None, "return"),
    ("6.3", lambda x: x, "TypeError"),
    ("6.4", block_of(nn.ReLU(), padding=0), "(28 − 3) // 2 + 1 = 13"),
    ("6.4", block_of(nn.ReLU(), padding=2), "Which padding makes 14 of 28"),
    ("6.4", block_of(nn.ReLU(), nn.MaxPool2d(2), stride=1), "pooling"),
    ("6.4", block_of(nn.ReLU(), stride=1), "moves by 1 pixel down"),
    ("6.4", block_of(), "ReLU is missing"),
    ("6.4", block_of(before=[nn.ReLU()]), "ReLU comes before"),
    ("6.4", block_of(nn.ReLU(), before=[nn.ReLU()]), "before the convolution too"),
    ("6.4", block_of(nn.LeakyReLU()), "below 0"),
    ("6.4", block_of(nn.Sigmoid()), "no more"),
    ("6.4", block_of(nn.ReLU(), kernel_size=2, padding=0), "2×2"),
    ("6.4", block_of(nn.ReLU(), kernel_size=5, padding=2), "5×5"),
    ("6.4", block_of(nn.ReLU(), padding="same"), "as a number"),
    ("6.4", block_of(nn.ReLU(), nn.Flatten()), "only ReLU belongs|sets the number"),
    ("6.4", block_of(nn.ReLU(), nn.ZeroPad2d(1)), "only ReLU belongs"),
    ("6.4", block_of_two, "2 convolutions"),
    ("6.4", lambda i, o: halving_block(o, i), "Hand both on"),
    ("6.4", lambda i, o: halving_block(1, 8), "Hand both on"),
    ("6.4", lambda i, o: halving_block(i, 8), "out_channels sets"),
    ("6.4", lambda i, o: ConvolutionInAList(i, o), "PyTorch can find"),
    ("6.4", lambda i, o: ConvolutionLeftOut(i, o), "never used"),
    ("6.4", lambda i, o: HalvingBlock, "by calling it"),
    ("6.4", lambda i, o: list(halving_block(i, o)), "nn.Sequential(*layers)"),
    ("6.4", lambda i, o: torch.zeros(2, o, 14, 14), "has to be a module"),
    ("6.4", lambda i, o: None, "return"),
    ("6.4", halving_block(1, 8), "function itself"),
    ("6.5", lambda losses, patience: best_epoch(losses, patience, first=0), "from 1"),
    ("6.5", epoch_of_the_stop, "at which training stops"),
    ("6.5", lambda losses, patience: epoch_of_the_stop(losses, patience) - 1, "from 1"),
    ("6.5", lambda losses, patience: losses.index(min(losses)) + 1, "whole list"),
    ("6.5", lambda losses, patience: losses.index(min(losses)), "whole list"),
    ("6.5", lambda losses, patience: int(np.argmin(losses)), "counts from 0"),
    ("6.5", lambda x, patience: best_epoch(x, patience, lambda a, b: a <= b), "tie"),
    ("6.5", stop_with(tie_resets=True), "tie"),
    ("6.5", lambda losses, patience: best_epoch(losses, patience + 1), "too patient"),
    ("6.5", lambda losses, patience: best_epoch(losses, patience - 1), "one epoch less"),
    ("6.5", stop_with(resets=False), "in a row count"),
    ("6.5", stop_with(forget=True), "epoch before"),
    ("6.5", lambda losses, patience: 1, "should be 2: training stops after epoch 4"),
    ("6.5", lambda losses, patience: min(losses), "which is a loss"),
    ("6.5", lambda losses, patience: 1.5, "whole number"),
    ("6.5", stopping_only_if_it_stops, "after the loop"),
    ("6.5", stopping_that_pops, "changes the list"),
    ("6.5", lambda losses, patience: losses.pop() and best_epoch(losses, 9), "yours"),
    ("6.5", lambda losses, patience: None, "return"),
    ("6.5", lambda losses: 1, "TypeError"),
    ("7.1", confusion_of(lambda counts: counts.T), "transposed"),
    ("7.1", confusion_at_most_once, "at most"),
    ("7.1", confusion_of(lambda c: c / c.sum(dim=1, keepdim=True)), "shares of each row"),
    ("7.1", confusion_of(lambda c: c / c.sum(dim=1, keepdim=True).clamp(1)), "shares of each row"),
    ("7.1", confusion_of(lambda c: c / c.sum(dim=0)), "shares of each column"),
    ("7.1", confusion_of(lambda c: c / c.sum()), "shares of all"),
    ("7.1", confusion_of(lambda c: c - c.diag().diag()), "Only mistakes"),
    ("7.1", confusion_of(lambda c: c.diag().diag()), "Only the digits read rightly"),
    ("7.1", confusion_of(lambda c: c.float()), "int64"),
    ("7.1", confusion_of(lambda c: c.int()), "int64"),
    ("7.1", confusion_of(lambda c: c[: c.sum(1).nonzero().max() + 1]), "whichever digits"),
    ("7.1", confusion_of(lambda c: c.flatten()), "2: labels, predictions"),
    ("7.1", confusion_of(lambda c: c + 1), "have the label 0 and are read as 0"),
    ("7.1", confusion_of(lambda c: c + (c.sum() < 100)), "Right for 300 digits"),
    ("7.1", lambda y, answers: (10 * y + answers).bincount().reshape(10, 10), "minlength=100"),
    ("7.1", confusion_in_place, "labels.clone()"),
    ("7.1", confusion_of(lambda c: c.tolist()), "is a list"),
    ("7.1", confusion_of(lambda c: c.numpy()), "NumPy"),
    ("7.1", lambda labels, predictions: None, "return"),
    ("7.2", mistakes_with(surest_of, lambda answers, y: answers == answers), "read rightly too"),
    ("7.2", mistakes_with(surest_of, lambda answers, y: answers == y), "`!=`, not `==`"),
    ("7.2", mistakes_with(surest_of, descending=False), "least sure"),
    ("7.2", lambda p, y, n: most_confident_mistakes(p, y, n).flip(0), "least sure of them first"),
    ("7.2", mistakes_in_the_wrong_ones, "among the mistakes only"),
    ("7.2", mistakes_with(picked), "probability of the label. It"),
    ("7.2", mistakes_with(picked, descending=False), "That is close"),
    ("7.2", first_mistakes, "in the order of the digits"),
    ("7.2", mistakes_sorted_after, "Sort all of them"),
    ("7.2", lambda p, y, n: most_confident_mistakes(p, y, 999), "The first `count`"),
    ("7.2", lambda p, y, n: most_confident_mistakes(p, y, n - 1), "yours gives 4 indices, and 5"),
    ("7.2", lambda p, y, n: most_confident_mistakes(p, y, n).sort().values, "another order"),
    ("7.2", lambda p, y, n: torch.arange(n), "are the surest"),
    ("7.2", mistakes_filled_up, "Where there are fewer"),
    ("7.2", topk_without_min, "min(count, len(wrong))"),
    ("7.2", mistakes_in_place, "probabilities.clone()"),
    ("7.2", lambda p, y, n: p.max(dim=1).values.topk(min(n, len(y))), "a pair"),
    ("7.2", lambda p, y, n: p.max(dim=1).values.topk(min(n, len(y))).values, "probabilities. A"),
    ("7.2", lambda p, y, n: most_confident_mistakes(p, y, n).double(), "whole numbers"),
    ("7.2", lambda p, y, n: most_confident_mistakes(p, y, n).int(), "int64"),
    ("7.2", lambda p, y, n: p.argmax(dim=1) != y, "yes or no"),
    ("7.2", lambda p, y, n: most_confident_mistakes(p, y, n)[:, None], "flatten()"),
    ("7.2", lambda p, y, n: most_confident_mistakes(p, y, n).tolist(), "is a list"),
    ("7.2", lambda p, y: p, "TypeError"),
    ("7.3", occluded_in_place, "images.clone()"),
    ("7.3", occluded_by_plain_slices, "begins at a negative number"),
    ("7.3", occluded_by_plain_loops, "out of bounds"),
    ("7.3", occluded_by_plain_loops, "There are no such pixels"),
    ("7.3", occluded_around_the_corner, "wraps around"),
    ("7.3", occluded_only_inside, "at the bottom or on the right. Nothing is covered"),
    ("7.3", lambda x, r, c, n: occluded(x, max(r, 0), max(c, 0), n), "push the square back"),
    (
        "7.3",
        lambda x, r, c, n: occluded(x, min(r, x.shape[2] - n), min(c, x.shape[3] - n), n),
        "push the square back",
    ),
    ("7.3", lambda x, r, c, n: occluded(x, c, r, n), "exchanged"),
    ("7.3", lambda x, r, c, n: occluded(x, r, c, n + 1), "too large"),
    ("7.3", lambda x, r, c, n: occluded(x, r - n // 2, c - n // 2, n), "middle of your square"),
    ("7.3", lambda x, r, c, n: x - occluded(x, r, c, n), "all but the square"),
    ("7.3", occluded_in_white, "white"),
    ("7.3", occluded_first, "Only the first of the images"),
    ("7.3", lambda x, r, c, n: x, "Nothing is covered"),
    ("7.3", lambda x, r, c, n: occluded(x, r, 0, 99) * 0 + x, "Nothing is covered"),
    (
        "7.3",
        lambda x, r, c, n: occluded(x, r, c + 1, n),
        "2 to 4 have to be black in the columns 4 to",
    ),
    ("7.3", lambda x, r, c, n: occluded(x, r, c, n)[:, 0], "whole pictures"),
    ("7.3", lambda x, r, c, n: x[:, :, r : r + n, c : c + n], "whole pictures"),
    ("7.3", lambda x, r, c, n: occluded(x, r, c, n).double(), "float32"),
    ("7.3", lambda x, r, c, n: occluded(x, r, c, n).numpy(), "NumPy"),
    ("7.3", lambda x, r, c: x, "TypeError"),
    ("7.4", lambda image: center_of_mass(image)[::-1], "exchanged"),
    ("7.4", center_of_the_box, "box around"),
    (
        "7.4",
        center_of(lambda x, places: ((x > 0) * places).sum() / (x > 0).sum()),
        "count the same",
    ),
    ("7.4", lambda image: image[0].nonzero().float().mean(dim=0), "count the same"),
    ("7.4", center_of(lambda x, places: (x * places).mean()), "number of pixels. Divide"),
    ("7.4", center_of(lambda x, places: (x * places).sum() / (x > 0).sum()), "not black. Divide"),
    ("7.4", center_of(lambda x, places: (x * places).sum()), "division is missing"),
    ("7.4", center_of(lambda x, places: places.float().mean()), "middle of the picture"),
    ("7.4", center_of(lambda x, places: (x * places).sum() / x.sum() + 1), "from 1"),
    ("7.4", lambda image: divmod(image.argmax().item(), image.shape[2]), "brightest"),
    ("7.4", lambda image: tuple(map(round, center_of_mass(image))), "keep the fraction"),
    ("7.4", lambda image: tuple(map(int, center_of_mass(image))), "keep the fraction"),
    ("7.4", center_of(lambda x, places: (x**2 * places).sum() / (x**2).sum()), "yours is"),
    ("7.4", lambda image: image[0] * torch.arange(image.shape[1]), "its own axis"),
    ("7.4", lambda image: image[0, 0, 0, 0], "image[0] has two"),
    ("7.4", center_in_place, "image.clone()"),
    ("7.4", lambda image: center_of_mass(image)[0], "2 values"),
    ("7.4", lambda image: (math.nan, 1), "nan"),
    ("7.4", lambda image: None, "return"),
    ("7.5", calibration_of(lambda n, a, c: (a - c).abs().mean()), "Every part that is not empty"),
    (
        "7.5",
        lambda *x: calibration_of(lambda n, a, c: (a - c).abs().sum())(*x) / x[2],
        "empty ones",
    ),
    ("7.5", calibration_with_nan, "0 / 0"),
    ("7.5", calibration_that_divides_by_zero, "0 / 0"),
    ("7.5", lambda c, r, n: abs(r.float().mean() - c.mean()), "over all digits: what is too sure"),
    ("7.5", lambda c, r, n: r.float().mean() - c.mean(), "signs"),
    ("7.5", calibration_of(lambda n, a, c: (n * (c - a)).sum() / n.sum()), "signs"),
    ("7.5", calibration_of(lambda n, a, c: (n * (a - c).abs()).sum()), "so that it is a mean"),
    ("7.5", calibration_of(lambda n, a, c: (a - c).abs().max()), "largest"),
    ("7.5", calibration_of(lambda n, a, c: (n * (a - c) ** 2).sum() / n.sum()), "square"),
    ("7.5", calibration_of(lambda n, a, c: weighted_gap(n, 1 - a, c)), "share of the wrong"),
    ("7.5", calibration_of(lambda n, a, c: 100 * weighted_gap(n, a, c)), "per cent"),
    ("7.5", calibration_of(weighted_gap, between_the_extremes), "lowest confidence"),
    (
        "7.5",
        calibration_of(weighted_gap, lambda c, bins: c.argsort().argsort() * bins // len(c)),
        "equally many",
    ),
    ("7.5", calibration_against_the_middle, "middle of the part"),
    ("7.5", lambda c, r, n: (r.float() - c).abs().mean(), "each digit"),
    ("7.5", calibration_without_one, "exactly 1"),
    ("7.5", lambda c, r, n: 0.5, "3 / 4 × 0.083"),
    ("7.5", lambda c, r, n: calibration_error(c, r, 2), "For 60 digits, in 10 parts"),
    ("7.5", lambda c, r, n: r.mean(), "float()"),
    ("7.5", calibration_in_place, "confidences.clone()"),
    ("7.5", lambda c, r, n: None, "return"),
    ("7.5", lambda c, r: 0, "TypeError"),
]


class Hostile:
    """An object that fails at nearly everything one can ask of it."""

    def __getattr__(self, name):
        raise RuntimeError(name)

    def __call__(self, *arguments):
        raise RuntimeError("a long text\nin two lines")

    def __iter__(self):
        raise RuntimeError("iter")

    def __eq__(self, other):
        raise RuntimeError("eq")

    __hash__ = None


NONSENSE = [
    None,
    "",
    "235",
    b"x",
    1j,
    -1,
    0,
    10**30,
    math.nan,
    math.inf,
    True,
    [],
    {},
    set(),
    (None, None),
    ("a", "b", "c", "d"),
    [[], []],
    {1: 2},
    (1, 2, 3),
    object(),
    Hostile(),
    (Hostile(), Hostile()),
    len,
    print,
    int,
    nn.Module,
    nn.Module(),
    nn.Identity(),
    nn.Linear(784, 10),
    nn.Sequential(nn.Conv2d(1, 1, 1), nn.MaxPool2d(2), nn.Identity()),
    lambda: 1,
    lambda *arguments: arguments,
    lambda *arguments: "text",
    lambda *arguments: torch.tensor(math.nan),
    lambda *arguments: torch.zeros(0),
    lambda *arguments: 1 / 0,
    torch.zeros(0),
    torch.tensor(3.0),
    torch.zeros(2, dtype=torch.bool),
    torch.zeros(2, dtype=torch.complex64),
    torch.full((28, 28), math.nan),
    np.zeros((3, 3)),
    np.array(["a"]),
    range(3),
    (number for number in range(3)),
]


def made(answer, exercise, mnist):
    """Some answers to 1.3 and 1.4 are made from the data."""
    return answer(*mnist) if exercise in ("1.3", "1.4") and callable(answer) else answer


def named(value):
    return value if isinstance(value, str) else None


@pytest.mark.parametrize(("exercise", "answer"), RIGHT, ids=named)
def test_a_right_answer_is_told_so_with_a_sentence_worth_reading(exercise, answer, mnist) -> None:
    verdict = judge(exercise, made(answer, exercise, mnist))
    assert verdict.message.startswith("Right. ")
    assert verdict.right
    assert len(verdict.message) > 40


@pytest.mark.parametrize(("exercise", "answer", "reason"), WRONG, ids=named)
def test_a_wrong_answer_is_told_why(exercise, answer, reason, mnist) -> None:
    verdict = judge(exercise, made(answer, exercise, mnist))
    assert verdict.message.startswith("Not yet. ")
    assert not verdict.right
    assert any(part in verdict.message for part in reason.split("|")), verdict.message


@pytest.mark.parametrize("exercise", exercises.exercise_numbers())
def test_nonsense_is_neither_right_nor_raises(exercise) -> None:
    for answer in NONSENSE:
        verdict = judge(exercise, answer)
        assert not verdict.right, answer
        assert len(verdict.message) > 20


@pytest.mark.parametrize("exercise", exercises.exercise_numbers())
def test_an_unfinished_answer_gets_the_hint(exercise, capsys) -> None:
    check(exercise, ...)
    hint = capsys.readouterr().out.rstrip("\n")
    assert hint.startswith("Hint: ")
    assert len(hint) > 40
    for unfinished in [(..., ...), [1, ...], {"x[5]": ...}]:
        assert judge(exercise, unfinished) == (False, hint)


@pytest.mark.parametrize(
    "exercise",
    [
        *("1.5", "2.2", "2.5", "3.4", "4.2", "4.3", "4.4", "4.5"),
        *("5.1", "5.2", "5.3", "5.4", "5.5"),
        *("6.1", "6.3", "6.4", "6.5"),
        *("7.1", "7.2", "7.3", "7.4", "7.5"),
    ],
)
def test_a_function_that_still_returns_three_dots_gets_the_hint(exercise) -> None:
    assert judge(exercise, lambda *arguments: ...) == judge(exercise, ...)


def test_a_generator_that_still_yields_three_dots_gets_the_hint() -> None:
    def batches(images, labels, batch_size):
        yield ..., ...

    assert judge("5.2", batches) == judge("5.2", ...)


def test_a_module_whose_forward_still_returns_three_dots_gets_the_hint() -> None:
    assert judge("3.5", Unfinished()) == judge("3.5", ...)


@pytest.mark.parametrize("unknown", ["9.9", "1", 2.1, None, ""])
def test_an_unknown_exercise_is_an_error_that_lists_the_known_ones(unknown) -> None:
    with pytest.raises(ValueError, match=r"in quotes, one of: 1\.1, 1\.2"):
        check(unknown, 1)


def test_there_are_three_to_five_exercises_in_each_lesson() -> None:
    lessons = [number.split(".")[0] for number in exercises.exercise_numbers()]
    for lesson in "1234567":
        assert 3 <= lessons.count(lesson) <= 5


def test_every_exercise_has_several_right_and_several_wrong_answers_above() -> None:
    for exercise in exercises.exercise_numbers():
        assert sum(case[0] == exercise for case in RIGHT) >= 2
        assert sum(case[0] == exercise for case in WRONG) >= 5


def test_a_learners_module_is_left_in_its_mode_with_its_gradients() -> None:
    module = small_network()
    module.train()
    judge("3.5", module)
    assert module.training
    assert all(weight.grad is None for weight in module.parameters())
    module.eval()
    judge("3.5", module)
    assert not module.training


def test_a_cross_entropy_that_overflows_is_right_with_a_remark() -> None:
    plain = judge(
        "4.3", lambda x, y: -picked(x.exp() / x.exp().sum(1, keepdim=True), y).log().mean()
    )
    assert "too large to store" in plain.message
    assert "stays finite" in judge("4.3", lambda x, y: F.cross_entropy(x, y)).message
