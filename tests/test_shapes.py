"""Layers, held to PyTorch itself on many that hypothesis makes up."""

from itertools import accumulate

from hypothesis import assume, given, settings
from hypothesis import strategies as st
from mnist_helpers import shapes
from mnist_helpers.models import CNN, MLP, SmallCNN, make_cnn
import pytest
import torch
from torch import nn
import torch.nn.functional as F
from torch.utils.flop_counter import FlopCounterMode

SIZES = {"kernel_size": (1, 7), "stride": (1, 4), "padding": (0, 5), "dilation": (1, 3)}
geometries = st.fixed_dictionaries({name: st.integers(*ends) for name, ends in SIZES.items()})


def test_the_known_kernels_do_what_they_are_called():
    stripes = torch.tensor([0.0, 0, 1, 1, 0]).repeat(5, 1)
    images = torch.stack([stripes, stripes.T, torch.ones(5, 5)])[:, None]
    known = shapes.kernels().items()
    found = {name: F.conv2d(images, kernel[None, None])[:, 0] for name, kernel in known}
    # Bright to the right, or below, is positive; an edge along the kernel's is not seen.
    right, none = torch.tensor([3.0, 3, -3]).repeat(3, 1), torch.zeros(3, 3)
    assert torch.equal(found.pop("vertical edges"), torch.stack([right, none, none]))
    assert torch.equal(found.pop("horizontal edges"), torch.stack([none, right.T, none]))
    torch.testing.assert_close(found.pop("blur"), F.avg_pool2d(images, 3, stride=1)[:, 0])
    # The difference between neighbours grows, and even ground stays as it is.
    assert found.pop("sharpen")[:, 0].tolist() == [[-1, 2, 2], [-1, -1, -1], [1, 1, 1]]
    assert not found


@settings(max_examples=200)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 2), st.data())
def test_a_step_is_what_pytorch_computes_there(kernel_size, stride, padding, data):
    image, kernel = torch.rand(6, 7), torch.rand(kernel_size, kernel_size) - 0.7
    expected = F.conv2d(image[None, None], kernel[None, None], stride=stride, padding=padding)[0, 0]
    place = data.draw(st.integers(0, expected.numel() - 1))
    step = shapes.convolution_step(image.clone(), kernel, place, stride, padding)
    padded = F.pad(image, (padding,) * 4)
    assert torch.equal(step.image, padded)
    assert torch.equal(step.kernel, kernel)
    assert (step.row, step.column) == divmod(place, expected.shape[1])
    assert (step.top, step.left) == (stride * step.row, stride * step.column)
    windows = F.unfold(padded[None, None], kernel_size, stride=stride)[0].T
    assert torch.equal(step.window.flatten(), windows[place])
    assert step.total == pytest.approx(expected[step.row, step.column].item(), abs=1e-5)
    assert step.scale == pytest.approx(expected.abs().max().item())
    assert (step.stride, step.padding) == (stride, padding)
    expected.view(-1)[place + 1 :] = torch.nan
    torch.testing.assert_close(step.output, expected, equal_nan=True)


@st.composite
def layers(draw, channels, widening):
    """One layer that puts out as many channels as it takes, or more if `widening`."""
    geometry, yes = draw(geometries), draw(st.booleans())
    groups = draw(st.sampled_from([1, channels]))
    wide = groups * draw(st.integers(1, 2)) if widening else channels
    conv = nn.Conv2d(channels, wide, **geometry, groups=groups, bias=yes)
    pool = geometry | {"padding": min(geometry["padding"], geometry["kernel_size"] // 2)}
    average = nn.AvgPool2d(*(pool[name] for name in ("kernel_size", "stride", "padding")))
    others = [nn.MaxPool2d(**pool), average, nn.ReLU(inplace=yes), nn.BatchNorm2d(channels)]
    return draw(st.sampled_from([conv, conv, *others]))


@st.composite
def stacks(draw, widening=True):
    """Up to five layers, and the shape of an input, which need not fit."""
    first = draw(st.integers(1, 3)) if widening else 1
    stack, count = [], first
    for _ in range(draw(st.integers(1, 5))):
        stack.append(draw(layers(count, widening)))
        count = getattr(stack[-1], "out_channels", count)
    return nn.Sequential(*stack), (first, draw(st.integers(1, 40)), draw(st.integers(1, 40)))


@settings(max_examples=200)
@given(stacks(), st.integers(1, 3), st.booleans())
def test_tables_are_of_the_layers_one_after_the_other(drawn, count, training):
    model, shape = drawn
    images = torch.rand(count, *shape) - 0.5
    model.eval()
    try:
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            _, *expected = accumulate(model, lambda x, layer: layer(x.clone()), initial=images)
    except (RuntimeError, ValueError):
        expected = None
    model.train(training)
    model[0].train(not training)
    modes = [module.training for module in model.modules()]
    before = {name: value.clone() for name, value in model.state_dict().items()}
    if expected is None:
        with pytest.raises((RuntimeError, ValueError)):  # PyTorch's own
            shapes.layer_outputs(model, images)
    else:
        assert shapes.multiply_adds(model, shape) * 2 * count == counter.get_total_flops()
        outputs, rows = shapes.layer_outputs(model, images), shapes.layer_shapes(model, shape)
        for (name, layer), right in zip(model.named_children(), expected, strict=True):
            *named, output = outputs.pop(0)
            assert named == [name, layer]
            # Where a pooling sees nothing but padding, it puts out minus infinity.
            assert torch.equal(output.nan_to_num(), right.nan_to_num())
            assert not output.requires_grad
            parameters = sum(weight.numel() for weight in layer.parameters())
            title = f"{name} {type(layer).__name__}"
            assert rows.pop(0) == (title, tuple(right.shape[1:]), parameters)
        assert outputs == rows == []
    assert [module.training for module in model.modules()] == modes
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert not any(module._forward_hooks for module in model.modules())


class Backwards(nn.Module):
    """Runs one layer twice, and then another, which shares its weight and is held before it."""

    def __init__(self):
        super().__init__()
        self.last, self.first = nn.Linear(4, 4), nn.Linear(4, 4)
        self.last.weight = self.first.weight

    def forward(self, x):
        return self.last(self.first(self.first(x)))


def test_rows_stand_in_the_order_of_running_and_parameters_count_once():
    rows = [("first Linear", (4,), 20), ("first Linear", (4,), 0), ("last Linear", (4,), 4)]
    assert shapes.layer_shapes(Backwards(), (4,)) == rows
    assert shapes.multiply_adds(Backwards(), (4,)) == 3 * 16
    for like in ({"dtype": torch.float64}, {"device": "meta"}):
        assert shapes.layer_shapes(nn.Linear(3, 2, **like), (3,)) == [("Linear", (2,), 8)]


def positive(layer):
    """The layer with weights of one: nothing cancels, no ReLU closes, no maximum hides others."""
    if isinstance(layer, nn.ReLU):
        return nn.Identity()
    if isinstance(layer, nn.MaxPool2d):
        names = ("kernel_size", "stride", "padding", "dilation")
        layer = nn.Conv2d(1, 1, **{name: getattr(layer, name) for name in names})
    for name, parameter in layer.named_parameters():
        nn.init.constant_(parameter, 0.0 if name.endswith("bias") else 1.0)
    return layer.double().eval()


@settings(max_examples=200)
@given(stacks(widening=False), st.data())
def test_the_patch_that_is_seen_is_the_one_that_gradients_reach(drawn, data):
    row = shapes.receptive_field(drawn[0])[-1]
    # Large enough for some units that see no edge.
    size = row.size + 2 * row.jump
    assume(size < 250)
    picture = torch.ones(1, 1, size, size, dtype=torch.float64, requires_grad=True)
    outputs = nn.Sequential(*map(positive, drawn[0]))(picture)[0]
    unit = data.draw(st.tuples(*[st.integers(0, outputs.shape[-1] - 1)] * 2))
    outputs[(0, *unit)].backward()
    top, left, *sizes = row.patch(*unit)
    assert sizes == [row.size] * 2
    inside = min(top, left) >= 0 and max(top, left) + row.size <= size
    for axis, first in ((1, top), (0, left)):
        places = picture.grad[0, 0].any(dim=axis).nonzero().flatten().tolist()
        assert set(places) <= set(range(first, first + row.size))
        # Dilation and long strides leave holes in the patch, but not at its ends.
        assert not inside or (places[0], places[-1]) == (first, first + row.size - 1)


def test_layers_may_come_as_model_list_or_generator_and_end_where_a_unit_sees_all():
    pool = nn.MaxPool2d(2)
    layers = [nn.Conv2d(1, 1, 3), pool, nn.Conv2d(1, 1, 3), pool]  # held twice, and so run twice
    rows = shapes.receptive_field(layers)
    assert [row.size for row in rows] == [3, 4, 8, 10]
    assert shapes.receptive_field(layer for layer in layers) == rows
    for last in (nn.Flatten(), nn.Linear(5, 2)):
        model = nn.Sequential(nn.Sequential(*layers), last, nn.Upsample(2))
        assert shapes.receptive_field(model) == rows


@pytest.mark.parametrize(
    "layer",
    [
        *(nn.MaxPool2d((2, 3)), nn.Conv2d(1, 1, 3, stride=(1, 2)), nn.ConvTranspose2d(1, 1, 3)),
        *(nn.Conv2d(1, 1, 3, padding=(0, 1)), nn.Conv2d(1, 1, 3, dilation=(1, 2))),
        nn.Conv2d(1, 1, 3, padding="same"),
    ],
    ids=str,
)
def test_a_layer_whose_patch_would_be_guessed_is_refused_by_name(layer):
    with pytest.raises(ValueError, match=rf"^{type(layer).__name__}.*(not known|not one number)"):
        shapes.receptive_field([nn.Conv2d(1, 1, 3), layer])


@pytest.mark.parametrize(
    "model",
    [
        CNN(),
        MLP((5,)),
        SmallCNN(border=0).layers[1:],
        make_cnn(pooling="average", activation="GELU"),
    ],
    ids=lambda model: type(model).__name__,
)
def test_a_unit_that_is_opened_up_sums_up_to_what_its_layer_puts_out(model):
    image = torch.rand(1, 28, 28)
    ran = shapes.layer_outputs(model, image[None])
    outputs = {f"{name} {type(layer).__name__}": output[0] for name, layer, output in ran}
    views = shapes.network_views(model, image)
    after = [view.input for view in views[1:]] + [ran[-1][2][0, :, None, None]]
    for number, view in enumerate(views):
        assert torch.equal(view.output, after[number])
        last, low, right = (size - 1 for size in view.output.shape)
        # At two corners, where there may be padding, and inside.
        for unit in ((0, 0, 0), (last, low, 0), (1, low // 2, right // 3)):
            step = shapes.unit_step(views, number, unit)
            before = outputs[view.title.split(",")[0]].reshape(view.output.shape)[unit].item()
            assert step.total == pytest.approx(before, abs=1e-5)
            told = (step.window * step.kernel).sum().item() + step.bias
            assert told == pytest.approx(step.total, abs=1e-5)
            top, left = (9 + corner for corner in step.corner)
            _, height, width = step.window.shape
            around = F.pad(view.input, (9,) * 4)[:, top : top + height, left : left + width]
            assert torch.equal(around, step.window)
            assert step.patch == (view.field.patch(*unit[1:]) if view.field else (0, 0, 28, 28))
