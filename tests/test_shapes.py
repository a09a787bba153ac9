import itertools
import random

from mnist_helpers.models import CNN, MLP, BatchNormCNN, WideCNN, make_cnn
from mnist_helpers.shapes import (
    LayerShape,
    ReceptiveField,
    conv_output_size,
    layer_outputs,
    layer_shapes,
    multiply_adds,
    receptive_field,
)
import pytest
import torch
from torch import nn

GRID = [
    dict(zip(("input_size", "kernel_size", "stride", "padding", "dilation"), values, strict=True))
    for values in itertools.product((1, 2, 5, 6, 28), (1, 2, 3, 5), (1, 2, 3), (0, 1, 2), (1, 2, 3))
]


def size_by_torch(kind, input_size, kernel_size, **others):
    """What the real layer gives, None where it refuses, and "never" where it cannot be built that way."""
    if kind is nn.MaxPool2d and 2 * others["padding"] > kernel_size:
        return "never"
    channels = (1, 1) if kind is nn.Conv2d else ()
    try:
        return kind(*channels, kernel_size, **others)(
            torch.rand(1, 1, input_size, input_size)
        ).shape[3]
    except RuntimeError:
        return None


def size_by_formula(**arguments):
    try:
        return conv_output_size(**arguments)
    except ValueError:
        return None


@pytest.mark.parametrize("kind", [nn.Conv2d, nn.MaxPool2d])
def test_the_output_size_is_the_one_of_the_real_layer(kind) -> None:
    expected = [(arguments, size_by_torch(kind, **arguments)) for arguments in GRID]
    expected = [(arguments, size) for arguments, size in expected if size != "never"]
    assert [(arguments, size_by_formula(**arguments)) for arguments, _ in expected] == expected
    # Both outcomes occur, or the comparison would prove little.
    refused = sum(size is None for _, size in expected)
    assert 20 < refused < len(expected) - 100


def test_stride_one_no_padding_and_no_dilation_are_the_defaults() -> None:
    assert conv_output_size(28, 5) == 24


@pytest.mark.parametrize("name", ["input_size", "kernel_size", "stride", "padding", "dilation"])
@pytest.mark.parametrize("value", [2.0, True, "3", None, (2, 2)])
def test_a_size_that_is_no_int_is_refused_by_name(name, value) -> None:
    with pytest.raises(TypeError, match=rf"^{name} is .*{type(value).__name__}"):
        conv_output_size(**{"input_size": 28, "kernel_size": 3, name: value})


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        ("input_size", 0, 1),
        ("kernel_size", 0, 1),
        ("stride", 0, 1),
        ("padding", -1, 0),
        ("dilation", 0, 1),
        ("dilation", -3, 1),
    ],
)
def test_a_size_that_is_too_small_is_refused_by_name(name, value, least) -> None:
    with pytest.raises(ValueError, match=rf"^{name} is {value}, and has to be at least {least}"):
        conv_output_size(**{"input_size": 28, "kernel_size": 3, name: value})


@pytest.mark.parametrize(
    ("arguments", "covered", "padded"),
    [((4, 5), 5, 4), ((4, 9, 1, 2), 9, 8), ((4, 3, 1, 0, 2), 5, 4)],
)
def test_a_kernel_larger_than_the_padded_input_is_refused_with_both_sizes(
    arguments, covered, padded
) -> None:
    with pytest.raises(ValueError, match=rf"kernel .* {covered} pixels .* {padded} "):
        conv_output_size(*arguments)


def test_the_layers_of_the_cnn_are_listed_with_shape_and_parameters() -> None:
    rows = layer_shapes(CNN(), (1, 28, 28))
    assert rows == [
        LayerShape("block_1.0 Conv2d", (16, 28, 28), 160),
        LayerShape("block_1.1 ReLU", (16, 28, 28), 0),
        LayerShape("block_1.2 MaxPool2d", (16, 14, 14), 0),
        LayerShape("block_2.0 Conv2d", (16, 14, 14), 2_320),
        LayerShape("block_2.1 ReLU", (16, 14, 14), 0),
        LayerShape("block_2.2 Conv2d", (32, 14, 14), 4_640),
        LayerShape("block_2.3 ReLU", (32, 14, 14), 0),
        LayerShape("block_2.4 Conv2d", (32, 14, 14), 9_248),
        LayerShape("block_2.5 ReLU", (32, 14, 14), 0),
        LayerShape("block_2.6 MaxPool2d", (32, 7, 7), 0),
        LayerShape("block_3.0 Conv2d", (64, 7, 7), 18_496),
        LayerShape("block_3.1 ReLU", (64, 7, 7), 0),
        LayerShape("block_3.2 Conv2d", (64, 7, 7), 36_928),
        LayerShape("block_3.3 ReLU", (64, 7, 7), 0),
        LayerShape("output.0 Flatten", (3136,), 0),
        LayerShape("output.1 Linear", (10,), 31_370),
    ]
    assert sum(row.parameters for row in rows) == 103_162


class Recorder:
    """A hook of the user's own, which has to outlive `layer_shapes`."""

    def __init__(self):
        self.calls = 0

    def __call__(self, module, inputs, output):
        self.calls += 1


@pytest.mark.parametrize(
    ("input_size", "accepted"),
    [
        ((1, 6, 6), True),
        ((2, 6, 6), False),
        ((1, 7, 7), False),
        ((1, 6), False),
        # More than any computer can hold, so that the blank input itself cannot be made.
        ((10**9, 10**9, 10**9), False),
    ],
)
def test_the_model_is_left_as_it_was_even_when_it_rejects_the_input(input_size, accepted) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.Dropout(), nn.Flatten(), nn.Linear(48, 2)
    )
    model(torch.rand(4, 1, 6, 6)).sum().backward()
    model.train()
    model[1].eval()
    recorder = Recorder()
    model[0].register_forward_hook(recorder)

    def everything():
        return (
            [module.training for module in model.modules()],
            {name: tensor.tolist() for name, tensor in model.state_dict().items()},
            [parameter.grad.tolist() for parameter in model.parameters()],
            [parameter.requires_grad for parameter in model.parameters()],
            [list(module._forward_hooks.values()) for module in model.modules()],
            torch.get_rng_state().tolist(),
        )

    before = everything()
    if accepted:
        assert len(layer_shapes(model, input_size)) == 5
        assert recorder.calls == 1
    else:
        with pytest.raises((ValueError, RuntimeError)):
            layer_shapes(model, input_size)
    assert everything() == before


def test_the_layers_run_in_evaluation_mode_and_without_gradients() -> None:
    # In training mode batch norm refuses a batch of one.
    model = nn.Sequential(nn.Flatten(), nn.BatchNorm1d(4), nn.Linear(4, 2))
    seen = []
    model[2].register_forward_hook(lambda *call: seen.append(call[2].requires_grad))
    assert len(layer_shapes(model, (1, 2, 2))) == 3
    assert seen == [False]


@pytest.mark.parametrize(
    ("model", "rows"),
    [
        (nn.Linear(3, 2), [("Linear", (2,), 8)]),
        (nn.Linear(3, 2).double(), [("Linear", (2,), 8)]),
        # The one device besides the CPU that every computer has.
        (nn.Linear(3, 2, device="meta"), [("Linear", (2,), 8)]),
        (nn.Sequential(nn.ReLU(), nn.Flatten()), [("0 ReLU", (3,), 0), ("1 Flatten", (3,), 0)]),
    ],
    ids=["one layer", "doubles", "another device", "no parameters"],
)
def test_any_module_will_do(model, rows) -> None:
    assert layer_shapes(model, (3,)) == rows


def test_a_layer_that_runs_twice_has_two_rows_and_is_counted_once() -> None:
    shared = nn.Linear(4, 4)
    model = nn.Sequential(shared, nn.ReLU(), shared)
    assert layer_shapes(model, (4,)) == [
        ("0 Linear", (4,), 20),
        ("1 ReLU", (4,), 0),
        ("0 Linear", (4,), 0),
    ]


def test_weights_that_two_layers_share_are_counted_once() -> None:
    model = nn.Sequential(nn.Linear(4, 4), nn.Linear(4, 4))
    model[1].weight = model[0].weight
    assert [row.parameters for row in layer_shapes(model, (4,))] == [20, 4]


def test_layers_are_listed_in_the_order_in_which_they_run() -> None:
    class Backwards(nn.Module):
        def __init__(self):
            super().__init__()
            self.second = nn.Linear(5, 2)
            self.first = nn.Linear(3, 5)

        def forward(self, x):
            return self.second(self.first(x))

    assert [row.layer for row in layer_shapes(Backwards(), (3,))] == [
        "first Linear",
        "second Linear",
    ]


@pytest.mark.parametrize(
    ("model", "input_size", "shape", "last"),
    [
        (CNN(), (1, 27, 27), "[1, 1, 27, 27]", "the last layer that ran was output.0 Flatten"),
        (CNN(), (3, 28, 28), "[1, 3, 28, 28]", "no layer ran"),
        (CNN(), (28,), "[1, 28]", "no layer ran"),
        (nn.Sequential(nn.ReLU(), nn.BatchNorm2d(1)), (9, 9), "[1, 9, 9]", "was 0 ReLU"),
    ],
)
def test_an_input_that_does_not_fit_is_named_with_the_last_layer_that_ran(
    model, input_size, shape, last
) -> None:
    with pytest.raises(ValueError, match="does not take an input of shape") as caught:
        layer_shapes(model, input_size)
    assert shape in str(caught.value)
    assert last in str(caught.value)


@pytest.mark.parametrize(
    "input_size", [28, (), (1, 0, 28), (1, -28, 28), (1, 28.0, 28), "28", None]
)
def test_an_input_size_that_is_no_shape_is_refused(input_size) -> None:
    with pytest.raises(ValueError, match="give the shape of one input"):
        layer_shapes(CNN(), input_size)


def test_the_outputs_are_those_of_the_layers_one_after_the_other() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(
        nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU()), nn.Flatten(), nn.Linear(48, 2)
    )
    images = torch.rand(5, 1, 6, 6)
    outputs = layer_outputs(model, images)
    layers = [model[0][0], model[0][1], model[1], model[2]]
    assert [output.name for output in outputs] == ["0.0", "0.1", "1", "2"]
    expected = images
    for layer, (_, module, output) in zip(layers, outputs, strict=True):
        assert module is layer
        with torch.no_grad():
            expected = layer(expected)
        assert torch.equal(output, expected)
        assert len(output) == 5
        assert not output.requires_grad
    assert torch.equal(outputs[-1].output, model(images))


def test_the_outputs_of_a_layer_that_runs_twice_are_there_twice() -> None:
    shared = nn.Linear(4, 4)
    outputs = layer_outputs(nn.Sequential(shared, nn.ReLU(), shared), torch.rand(2, 4))
    assert [output.name for output in outputs] == ["0", "1", "0"]
    assert torch.equal(outputs[2].output, shared(outputs[1].output))
    assert not torch.equal(outputs[2].output, outputs[0].output)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("training", [True, False])
def test_layers_put_out_in_evaluation_mode_and_the_model_goes_back_to_its_own(
    training, accepted
) -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.Dropout(0.9)).train(training)
    model[0].train(not training)
    statistics = model[1].running_mean.clone()
    before = [module.training for module in model.modules()]
    if accepted:
        _, normed, dropped = layer_outputs(model, torch.rand(6, 4))
        assert torch.equal(dropped.output, normed.output), "nothing was dropped"
    else:
        with pytest.raises(ValueError, match=r"of shape \[6, 5\]; no layer ran"):
            layer_outputs(model, torch.rand(6, 5))
    assert [module.training for module in model.modules()] == before
    assert torch.equal(model[1].running_mean, statistics)
    assert not any(module._forward_hooks for module in model.modules())


def test_what_a_model_does_not_take_is_named_with_its_batch_and_the_last_layer_that_ran() -> None:
    with pytest.raises(ValueError, match="does not take an input of shape") as caught:
        layer_outputs(CNN(), torch.rand(7, 1, 27, 27))
    assert "[7, 1, 27, 27]; the last layer that ran was output.0 Flatten" in str(caught.value)
    with pytest.raises(ValueError, match="the last layer that ran was 0 ReLU"):
        layer_outputs(nn.Sequential(nn.ReLU(), nn.Linear(3, 2)), torch.rand(1, 5))


def test_the_shapes_are_those_of_the_outputs() -> None:
    model = CNN()
    outputs = layer_outputs(model, torch.rand(2, 1, 28, 28))
    rows = layer_shapes(model, (1, 28, 28))
    assert [tuple(output.output.shape[1:]) for output in outputs] == [
        row.output_shape for row in rows
    ]
    assert [f"{output.name} {type(output.module).__name__}" for output in outputs] == [
        row.layer for row in rows
    ]


def positive(module):
    """Make every weight positive: then no contribution cancels another, and no ReLU closes."""
    with torch.no_grad():
        for parameter in module.parameters():
            parameter.uniform_(0.5, 1.5)
    return module


def random_stack(seed, holes):
    """Up to five layers of convolutions, average poolings and pixelwise layers.

    With `holes` kernels may be dilated and strides skip pixels; then a patch is not filled.
    """
    torch.manual_seed(seed)
    draw = random.Random(seed)
    layers = []
    for _ in range(draw.randint(2, 5)):
        kind = draw.choice(["conv", "conv", "pool", "relu"])
        kernel = draw.randint(1 if holes else 2, 4)
        padding = draw.randint(0, kernel // 2)
        stride = draw.randint(1, 3 if holes else min(2, kernel))
        if kind == "conv":
            dilation = draw.randint(1, 3) if holes else 1
            layers.append(
                nn.Conv2d(1, 1, kernel, stride=stride, padding=padding, dilation=dilation)
            )
        elif kind == "pool":
            layers.append(nn.AvgPool2d(kernel, stride=stride, padding=padding))
        else:
            layers.append(nn.ReLU())
    return [positive(layer).double() for layer in layers]


def pixels_with_gradient(layers, picture_size, unit):
    """Rows and columns of the input on which one unit of the last layer's output depends."""
    picture = torch.rand(1, 1, picture_size, picture_size, dtype=torch.float64) + 0.1
    picture.requires_grad_()
    nn.Sequential(*layers)(picture)[0, 0, unit, unit].backward()
    touched = picture.grad[0, 0] != 0
    return [touched.any(dim=axis).nonzero().flatten().tolist() for axis in (1, 0)]


def patch(row, unit, picture_size):
    first = row.start + unit * row.jump
    return list(range(max(0, first), min(picture_size, first + row.size)))


def middle_unit(layers, picture_size):
    return (
        nn.Sequential(*layers)(torch.zeros(1, 1, picture_size, picture_size).double()).shape[3] // 2
    )


@pytest.mark.parametrize("seed", range(15))
def test_the_gradient_reaches_exactly_the_patch_that_is_given(seed) -> None:
    layers = random_stack(seed, holes=False)
    rows = receptive_field(layers)
    assert len(rows) == len(layers)
    size = 100
    for depth, row in enumerate(rows, start=1):
        # The first unit's patch is cut off by the edge of the picture where there is padding.
        for unit in (0, middle_unit(layers[:depth], size)):
            assert pixels_with_gradient(layers[:depth], size, unit) == [patch(row, unit, size)] * 2


@pytest.mark.parametrize("seed", range(15))
def test_with_dilation_and_skipping_strides_the_patch_is_what_lies_between_the_outermost(
    seed,
) -> None:
    layers = random_stack(seed, holes=True)
    size = 400
    unit = middle_unit(layers, size)
    row = receptive_field(layers)[-1]
    expected = patch(row, unit, size)
    assert len(expected) == row.size, "the picture is too small for this stack"
    for touched in pixels_with_gradient(layers, size, unit):
        assert (touched[0], touched[-1]) == (expected[0], expected[-1])


def test_max_poolings_see_what_changes_them() -> None:
    torch.manual_seed(0)
    layers = [
        nn.Conv2d(1, 1, 3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(1, 1, 3, padding=1),
        nn.MaxPool2d(3, stride=2, padding=1, dilation=1),
    ]
    model = positive(nn.Sequential(*layers))
    size, unit = 20, 2
    row = receptive_field(layers)[-1]
    # A maximum has a gradient for its largest input alone; raising one pixel above all shows the others too.
    raised = 1000 * torch.eye(size * size).reshape(-1, 1, size, size)
    picture = torch.rand(1, 1, size, size)
    with torch.no_grad():
        # Sums round differently in a batch, so a change counts from 1.
        changed = model(picture + raised)[:, 0, unit, unit] > model(picture)[0, 0, unit, unit] + 1
    touched = changed.reshape(size, size)
    expected = patch(row, unit, size)
    assert touched.any(dim=1).nonzero().flatten().tolist() == expected
    assert touched.any(dim=0).nonzero().flatten().tolist() == expected


def test_the_rows_of_the_cnn_end_at_its_flatten() -> None:
    rows = receptive_field(CNN())
    assert len(rows) == 14
    assert rows[0] == ReceptiveField("Conv2d", size=3, jump=1, start=-1)
    assert rows[2] == ReceptiveField("MaxPool2d", size=4, jump=2, start=-1)
    assert rows[-1] == ReceptiveField("ReLU", size=34, jump=4, start=-15)


@pytest.mark.parametrize("last", [nn.Flatten(), nn.Linear(5, 2)])
def test_the_list_ends_where_a_unit_sees_everything(last) -> None:
    rows = receptive_field(
        [nn.Conv2d(1, 1, 3), last, nn.Conv2d(1, 1, 3), nn.ConvTranspose2d(1, 1, 3)]
    )
    assert [row.layer for row in rows] == ["Conv2d"]


@pytest.mark.parametrize(
    "layer",
    [
        nn.ReLU(),
        nn.BatchNorm2d(1),
        nn.Dropout(),
        nn.Dropout2d(),
        nn.Identity(),
        nn.Sigmoid(),
        nn.GELU(),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_pixelwise_layer_repeats_the_row_before(layer) -> None:
    first, second = receptive_field([nn.Conv2d(1, 1, 5, stride=2, padding=1), layer])
    assert second.layer == type(layer).__name__
    assert second[1:] == first[1:]


def test_modules_may_come_as_model_list_generator_and_nested() -> None:
    layers = [nn.Conv2d(1, 1, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(1, 1, 3)]
    expected = receptive_field(layers)
    assert len(expected) == 4
    assert receptive_field(nn.Sequential(*layers)) == expected
    assert receptive_field(layer for layer in layers) == expected
    assert receptive_field([nn.Sequential(*layers[:2]), nn.Sequential(*layers[2:])]) == expected


def test_a_module_that_is_held_twice_is_listed_twice() -> None:
    pool = nn.MaxPool2d(2)
    model = nn.Sequential(nn.Conv2d(1, 1, 3), pool, nn.Conv2d(1, 1, 3), pool)
    assert receptive_field(model) == receptive_field(list(model))
    assert len(receptive_field(model)) == 4


@pytest.mark.parametrize(
    ("layer", "name"),
    [
        (nn.Conv2d(1, 1, (3, 5)), "kernel_size"),
        (nn.Conv2d(1, 1, 3, stride=(1, 2)), "stride"),
        (nn.Conv2d(1, 1, 3, padding=(0, 1)), "padding"),
        (nn.Conv2d(1, 1, 3, dilation=(1, 2)), "dilation"),
        (nn.MaxPool2d((2, 3)), "kernel_size"),
        (nn.AvgPool2d(2, stride=(1, 2)), "stride"),
    ],
)
def test_a_layer_that_differs_between_height_and_width_is_refused_by_name(layer, name) -> None:
    with pytest.raises(ValueError, match=rf"^{type(layer).__name__} has {name}="):
        receptive_field([layer])


@pytest.mark.parametrize(
    "layer",
    [
        nn.ConvTranspose2d(1, 1, 3),
        nn.Upsample(scale_factor=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Conv1d(1, 1, 3),
    ],
    ids=lambda layer: type(layer).__name__,
)
def test_a_layer_of_unknown_kind_is_refused_by_name(layer) -> None:
    with pytest.raises(ValueError, match=rf"^{type(layer).__name__}: .*not known here"):
        receptive_field([nn.Conv2d(1, 1, 3), layer])


def test_a_layer_that_writes_into_its_input_does_not_change_the_output_before_it() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 8), nn.ReLU(inplace=True))
    images = torch.randn(3, 4)
    first, second = layer_outputs(model, images)
    with torch.no_grad():
        assert torch.equal(first.output, model[0](images))
    assert first.output.min() < 0 <= second.output.min()


@pytest.mark.parametrize(
    ("model", "by_hand"),
    [
        # For each layer: height · width · output channels · input channels · kernel, and the linear layers' weights.
        (
            CNN(),
            28 * 28 * 16 * 9
            + 14 * 14 * (16 * 16 + 32 * 16 + 32 * 32) * 9
            + 7 * 7 * (64 * 32 + 64 * 64) * 9
            + 3136 * 10,
        ),
        (
            WideCNN(),
            28 * 28 * 16 * 25
            + 14 * 14 * (32 * 16 + 32 * 32 + 32 * 32 + 64 * 32 + 64 * 64) * 25
            + 7 * 7 * 64 * 64 * 25
            + 3136 * 10,
        ),
        (MLP(), 784 * 120 + 120 * 64 + 64 * 10),
        (make_cnn(), 28 * 28 * 16 * 9 + 14 * 14 * 32 * 16 * 9 + 1568 * 10),
    ],
    ids=["CNN", "WideCNN", "MLP", "make_cnn"],
)
def test_the_products_of_the_lessons_networks_are_counted_as_by_hand(model, by_hand) -> None:
    known = {6_014_848, 48_012_160, 102_400, 1_031_744}
    assert multiply_adds(model, (1, 28, 28)) == by_hand
    assert by_hand in known


def test_what_stands_between_the_layers_is_not_counted() -> None:
    assert multiply_adds(BatchNormCNN(), (1, 28, 28)) == multiply_adds(CNN(), (1, 28, 28))
    model = nn.Sequential(nn.ReLU(), nn.BatchNorm2d(1), nn.MaxPool2d(2), nn.Dropout(), nn.Flatten())
    assert multiply_adds(model, (1, 28, 28)) == 0


@pytest.mark.parametrize(
    ("layer", "input_size"),
    [
        (nn.Conv2d(3, 5, 3), (3, 8, 6)),
        (nn.Conv2d(4, 6, 3, groups=2), (4, 7, 7)),
        (nn.Conv2d(4, 4, 5, groups=4), (4, 9, 9)),
        (nn.Conv2d(2, 3, 3, stride=2), (2, 9, 8)),
        (nn.Conv2d(2, 3, (1, 4), stride=(3, 1), dilation=2), (2, 9, 12)),
        (nn.Linear(12, 7), (12,)),
        (nn.Linear(6, 5), (3, 4, 6)),
    ],
    ids=str,
)
@pytest.mark.parametrize("alone", [True, False], ids=["alone", "in a model"])
def test_the_count_is_the_sum_of_the_outputs_where_each_product_is_one(
    layer, input_size, alone
) -> None:
    ones = layer.double()
    with torch.no_grad():
        ones.weight.fill_(1)
        ones.bias.zero_()
        products = ones(torch.ones(1, *input_size, dtype=torch.float64)).sum().item()
    model = layer if alone else nn.Sequential(nn.Identity(), nn.Sequential(layer, nn.ReLU()))
    assert multiply_adds(model, input_size) == products > 0


def test_padding_is_multiplied_as_what_is_not() -> None:
    assert multiply_adds(nn.Conv2d(1, 2, 3, padding=1), (1, 5, 5)) == 5 * 5 * 2 * 9
    assert multiply_adds(nn.Conv2d(1, 2, 3, bias=False), (1, 5, 5)) == 3 * 3 * 2 * 9


def test_the_count_is_an_int_for_any_device_and_a_lone_layer() -> None:
    count = multiply_adds(nn.Linear(3, 2, device="meta"), (3,))
    assert (count, type(count)) == (6, int)


def test_a_layer_that_runs_twice_multiplies_twice() -> None:
    shared = nn.Linear(4, 4)
    assert multiply_adds(nn.Sequential(shared, nn.ReLU(), shared), (4,)) == 2 * 16


def test_a_layers_name_may_hold_spaces_and_dots() -> None:
    model = nn.Module()
    model.add_module("my first Conv2d", nn.Sequential(nn.Conv2d(1, 2, 3)))
    model.forward = lambda images: model.get_submodule("my first Conv2d")(images)
    assert multiply_adds(model, (1, 5, 5)) == 9 * 2 * 9


@pytest.mark.parametrize("input_size", [(), 28, (1, 0, 28), (1, 28.0, 28), None])
def test_products_are_counted_for_an_inputs_shape_only(input_size) -> None:
    with pytest.raises(ValueError, match=r"^input_size is .*such as \(1, 28, 28\)"):
        multiply_adds(CNN(), input_size)


def test_products_of_an_input_that_the_model_does_not_take_are_not_counted() -> None:
    with pytest.raises(ValueError, match=r"does not take an input of shape \[1, 1, 32, 32\]"):
        multiply_adds(CNN(), (1, 32, 32))


def test_counting_products_leaves_the_model_in_its_mode() -> None:
    model = CNN().train()
    multiply_adds(model, (1, 28, 28))
    assert all(module.training for module in model.modules())
    assert not any(module._forward_hooks for module in model.modules())
