"""What holds for every layer and every drawing, tried on many that hypothesis makes up."""

import math
import tempfile
from typing import NamedTuple

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.configuration import set_hypothesis_home_dir
from mnist_helpers.shapes import (
    conv_output_size,
    layer_outputs,
    layer_shapes,
    multiply_adds,
    receptive_field,
)
import pytest
import torch
from torch import nn
import torch.nn.functional as F

# The same examples in every run, and no folder left beside the tests.
set_hypothesis_home_dir(tempfile.gettempdir())


def tried(examples):
    return settings(derandomize=True, deadline=None, database=None, max_examples=examples)


# Layers, against PyTorch itself


class Geometry(NamedTuple):
    kernel_size: int
    stride: int
    padding: int
    dilation: int


geometries = st.builds(
    Geometry,
    st.integers(1, 7),
    st.integers(1, 4),
    st.integers(0, 5),
    st.integers(1, 3),
)


def size_by_torch(layer, size):
    """What the real layer makes of that many pixels, None where it refuses."""
    try:
        return layer(torch.zeros(1, 1, size, size)).shape[-1]
    except RuntimeError:
        return None


def size_by_formula(size, geometry):
    try:
        return conv_output_size(size, *geometry)
    except ValueError:
        return None


@tried(1200)
@given(st.integers(1, 30), geometries)
def test_the_output_size_is_that_of_a_convolution_or_neither_takes_it(size, geometry) -> None:
    layer = nn.Conv2d(1, 1, **geometry._asdict())
    assert size_by_formula(size, geometry) == size_by_torch(layer, size)


@tried(800)
@given(st.integers(1, 30), geometries)
def test_the_output_size_is_that_of_a_max_pooling_or_neither_takes_it(size, geometry) -> None:
    # More padding than half of its kernel no pooling takes.
    geometry = geometry._replace(padding=min(geometry.padding, geometry.kernel_size // 2))
    layer = nn.MaxPool2d(**geometry._asdict())
    assert size_by_formula(size, geometry) == size_by_torch(layer, size)


@tried(800)
@given(
    st.integers(1, 12),
    st.builds(
        Geometry, st.integers(0, 4), st.integers(-1, 3), st.integers(-2, 2), st.integers(-1, 3)
    ),
)
def test_a_convolution_that_pytorch_refuses_is_refused(size, geometry) -> None:
    weight = torch.zeros(1, 1, geometry.kernel_size, geometry.kernel_size)
    picture = torch.zeros(1, 1, size, size)
    try:
        expected = F.conv2d(picture, weight, None, *geometry[1:]).shape[-1]
    except (RuntimeError, ValueError):
        expected = None
    assert size_by_formula(size, geometry) == expected


# Stacks of layers


@st.composite
def layers(draw, channels):
    """One layer that takes that many channels."""
    kind = draw(st.sampled_from(["conv", "conv", "max", "average", "relu", "norm"]))
    geometry = draw(geometries)._asdict()
    half = min(geometry["padding"], geometry["kernel_size"] // 2)
    if kind == "conv":
        groups = draw(st.sampled_from([1, channels]))
        out_channels = groups * draw(st.integers(1, 2))
        bias = draw(st.booleans())
        return nn.Conv2d(channels, out_channels, **geometry, groups=groups, bias=bias)
    if kind == "max":
        return nn.MaxPool2d(**{**geometry, "padding": half})
    if kind == "average":
        return nn.AvgPool2d(geometry["kernel_size"], geometry["stride"], half)
    return nn.ReLU() if kind == "relu" else nn.BatchNorm2d(channels)


@st.composite
def stacks(draw):
    """Up to five layers, one after the other, and the shape ``(C, H, W)`` of an input, which need not fit."""
    first = draw(st.integers(1, 3))
    stack, count = [], first
    for _ in range(draw(st.integers(1, 5))):
        stack.append(draw(layers(count)))
        count = getattr(stack[-1], "out_channels", count)
    height, width = draw(st.tuples(st.integers(1, 40), st.integers(1, 40)))
    return nn.Sequential(*stack), (first, height, width)


def one_after_the_other(model, images):
    """What each layer puts out, or None where one of them refuses."""
    outputs = []
    with torch.no_grad():
        for layer in model.eval():
            try:
                images = layer(images)
            except (RuntimeError, ValueError):
                return None
            outputs.append(images)
    return outputs


@tried(600)
@given(stacks(), st.booleans())
def test_the_table_of_a_stack_is_what_its_layers_do_one_after_the_other(drawn, training) -> None:
    model, shape = drawn
    expected = one_after_the_other(model, torch.zeros(1, *shape))
    model.train(training)
    if expected is None:
        with pytest.raises(ValueError, match="does not take an input of shape"):
            layer_shapes(model, shape)
    else:
        rows = layer_shapes(model, shape)
        assert [row.output_shape for row in rows] == [tuple(one.shape[1:]) for one in expected]
        assert sum(row.parameters for row in rows) == sum(p.numel() for p in model.parameters())
        assert [row.layer for row in rows] == [
            f"{number} {type(layer).__name__}" for number, layer in enumerate(model)
        ]
    assert all(module.training == training for module in model.modules())


@tried(400)
@given(stacks(), st.integers(1, 3))
def test_the_outputs_of_a_stack_are_those_of_its_layers_one_after_the_other(drawn, count) -> None:
    model, shape = drawn
    images = torch.rand(count, *shape)
    expected = one_after_the_other(model, images)
    if expected is None:
        with pytest.raises(ValueError, match="does not take an input of shape"):
            layer_outputs(model, images)
    else:
        outputs = layer_outputs(model, images)
        assert [output.module for output in outputs] == list(model)
        assert all(
            torch.equal(output.output, one) for output, one in zip(outputs, expected, strict=True)
        )


def products(layer, shape):
    """How many products a convolution sums up: what it makes of nothing but ones, padding included."""
    ones = nn.Conv2d(
        layer.in_channels,
        layer.out_channels,
        layer.kernel_size,
        layer.stride,
        dilation=layer.dilation,
        groups=layer.groups,
        bias=False,
    )
    nn.init.ones_(ones.weight)
    padded = F.pad(torch.ones(1, *shape), [layer.padding[0]] * 4, value=1.0)
    with torch.no_grad():
        return round(ones(padded).double().sum().item())


@tried(400)
@given(stacks(), st.integers(1, 4))
def test_the_multiplications_are_as_many_as_ones_add_up_to(drawn, classes) -> None:
    model, shape = drawn
    outputs = one_after_the_other(model, torch.zeros(1, *shape))
    assume(outputs is not None)
    shapes = [shape, *(tuple(output.shape[1:]) for output in outputs)]
    expected = sum(
        products(layer, before)
        for layer, before in zip(model, shapes[:-1], strict=True)
        if isinstance(layer, nn.Conv2d)
    )
    assert multiply_adds(model, shape) == expected
    features = math.prod(shapes[-1])
    whole = nn.Sequential(model, nn.Flatten(), nn.Linear(features, classes))
    assert multiply_adds(whole, shape) == expected + features * classes


@st.composite
def positive_layers(draw):
    """One layer of one channel with positive weights, and the one that stands for it where gradients are looked at."""
    kind = draw(st.sampled_from(["conv", "same", "max", "average", "relu", "norm"]))
    kernel_size, stride, padding, dilation = draw(geometries)
    kernel_size = min(kernel_size, 5)
    half = min(padding, kernel_size // 2)
    if kind == "conv":
        layer = nn.Conv2d(1, 1, kernel_size, stride, half, dilation)
    elif kind == "same":
        layer = nn.Conv2d(1, 1, kernel_size, padding="same", dilation=dilation)
    elif kind == "max":
        # A maximum has a gradient for its largest input alone; a sum over the same pixels has one for each.
        layer = nn.MaxPool2d(kernel_size, stride, half, dilation)
        return layer, positive(nn.Conv2d(1, 1, kernel_size, stride, half, dilation))
    elif kind == "average":
        layer = nn.AvgPool2d(kernel_size, stride, half)
    else:
        layer = nn.ReLU() if kind == "relu" else nn.BatchNorm2d(1)
    return layer, positive(layer)


def positive(layer):
    """The layer in evaluation mode, with weights of one: nothing cancels, no ReLU closes."""
    for name, parameter in layer.named_parameters():
        nn.init.constant_(parameter, 0.0 if name == "bias" else 1.0)
    return layer.double().eval()


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@tried(600)
@given(st.data())
def test_the_receptive_field_is_the_patch_that_gradients_reach(data) -> None:
    drawn = data.draw(st.lists(positive_layers(), min_size=1, max_size=4))
    row = receptive_field([layer for layer, _ in drawn])[-1]
    # Large enough for some units that see no edge, and not for too long a test.
    size = row.size + 2 * row.jump
    assume(size < 250)
    picture = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    features = nn.Sequential(*(other for _, other in drawn))(picture)
    count = features.shape[-1]
    unit = data.draw(st.integers(0, count - 1))
    features[0, 0, unit, unit].backward()
    first = row.start + unit * row.jump
    for axis in (0, 1):
        reached = (picture.grad[0, 0] != 0).any(dim=axis).nonzero().flatten().tolist()
        assert set(reached) <= set(range(first, first + row.size))
        if first >= 0 and first + row.size <= size:
            # Dilation and long strides leave holes in the patch, but not at its ends.
            assert (reached[0], reached[-1]) == (first, first + row.size - 1)
