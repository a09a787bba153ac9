"""The exercises of lesson 03: parameters, a small module, receptive fields, softmax, a network."""

import torch
from torch import Tensor, nn

from ..shapes import layer_outputs
from .engine import Code, Free, Given, Values, refuse

EXERCISES = {}

EXERCISES["3.1"] = Values(
    hint="out_channels × (in_channels × kernel height × kernel width + 1). In nn.Conv2d "
    "in_channels comes first.",
    praise="51,264: half as many as the whole CNN. That is the price of 5×5 kernels on many "
    "channels.",
    right={"number of parameters": 64 * (32 * 25 + 1)},
    mistakes=[
        {
            "You left out the biases, one for each output channel.": 64 * 32 * 25,
            "Each kernel is a block of 32×5×5 numbers, for all input channels.": 64 * (25 + 1),
            "There are 64 biases, one for each output channel: out_channels comes second.": (
                32 * (64 * 25 + 1)
            ),
            "A kernel has one bias, not one for each channel that it looks at.": 64 * 32 * 26,
            "There is one bias for each output channel, not one for all.": 64 * 32 * 25 + 1,
            "That is for a 3×3 kernel. Here it is 5×5.": 64 * (32 * 9 + 1),
            "The kernel is 5×5: 25 numbers for each input channel, not 5.": 64 * (32 * 5 + 1),
            "The size of the picture does not matter.": 64 * 32 * 28 * 28,
            "{} is not out_channels × (in_channels × kernel height × kernel width + 1).": ...,
        }
    ],
)


def _judge_halving(answer: object) -> str:
    module = Given(answer).module()
    layers = list(module.modules())
    convolutions = sum(isinstance(layer, nn.Conv2d) for layer in layers)
    poolings = sum(map(_is_pooling, layers))
    wanted = "Asked for is one convolution, an nn.Conv2d, and one pooling, such as an nn.MaxPool2d."
    found = f"{wanted} Of convolutions yours has {convolutions}, of poolings {poolings}."
    refuse({found: (convolutions, poolings) != (1, 1)})
    for count in (2, 1, 5):
        shape, right = list(_output(module, _images(count)).shape), [count, 8, 7, 7]
        becomes = f"[{count}, 1, 28, 28] becomes {shape}, and has to become {right}."
        size = shape[2:]
        refuse(
            {
                f"{becomes} Four axes are wanted: leave flatten out.": len(shape) != 4,
                f"{becomes} The convolution's out_channels sets the channels.": shape[1:2] != [8],
                f"{becomes} The picture is halved once; 28 to 7 is halved twice.": size == [14, 14],
                f"{becomes} Pixels are lost at the edge. Has it a padding?": size == [6, 6],
                f"{becomes} The picture is not made smaller yet.": size == [28, 28],
                f"{becomes} Work out height and width, layer by layer.": shape != right,
            }
        )
    size = (28, 28)
    for _, layer, output in layer_outputs(module, _images(1)):
        idle = "The pooling does nothing: as many pixels come out as go in. Let it do a part."
        refuse({idle: _is_pooling(layer) and output.shape[2:] == size})
        size = output.shape[2:]
    ways = "There are several ways: a large pooling, or a stride in the convolution."
    return f"That fits, with {_size(module)} parameters. {ways}"


def _is_pooling(layer: nn.Module) -> bool:
    return type(layer).__module__ == nn.MaxPool2d.__module__


def _size(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def _images(count: int) -> Tensor:
    return torch.rand(count, 1, 28, 28, generator=torch.Generator().manual_seed(0))


_ADVICE = {
    "channels, but got": "A convolution's in_channels are what comes out of the layer before it. A "
    "digit has one.",
    "shapes cannot be multiplied": "A linear layer takes [N, features]. Print the shape before it: "
    "is the first number N, and the second the layer's in_features?",
}


def _output(module: nn.Module, images: Tensor) -> Tensor:
    weight = next(module.parameters(), torch.empty(0))
    called = Given(module, f"Your module, on torch.rand({len(images)}, 1, 28, 28),", _ADVICE)
    output = called.call(images.to(weight.device))
    output.tensor()
    return output.value  # with its gradients


EXERCISES["3.2"] = Free(
    hint="28 to 7 is a quarter. The convolution sets the channels; which settings of the two make "
    "the picture smaller? Print the shape after each.",
    judge=_judge_halving,
)

EXERCISES["3.3"] = Values(
    hint="which C×H×W arrives at flatten, when nothing halves the picture? For the receptive "
    "field use the two rules of section 7; the jump stays 1.",
    praise="More than five times the parameters, and each unit sees only 13×13 pixels: "
    "poolings make a network smaller and let it see further.",
    right={"in_features": 64 * 28 * 28, "parameters": 573_562, "receptive_field": 13},
    mistakes=[
        {
            "Without pooling the picture is no longer 7×7 at the end.": 64 * 7 * 7,
            "Both poolings are gone, so nothing halves the picture any more.": 64 * 14 * 14,
            "That is one channel. 64 of them arrive at the output.": 28 * 28,
            "{} inputs: which C×H×W arrives at flatten now?": ...,
        },
        {
            "That is CNN as it was. Its linear layer has grown.": 103_162,
            "That is the linear layer alone. The convolutions have parameters too.": 501_770,
            "The ten biases of the linear layer are missing.": 573_552,
            "Add up the six convolutions, which are as before, and 10 × (in_features + 1).": ...,
        },
        {
            "That is the receptive field with the poolings.": 34,
            "The windows overlap: each layer widens the patch by kernel − 1 = 2.": 18,
            "Without a stride the jump stays 1, and each 3×3 convolution adds 2 to the field.": ...,
        },
    ],
)


def _place_of_largest(scores: Tensor) -> tuple[int, int]:
    return divmod(scores.argmax().item(), scores.shape[1])


def _least_sure(logits: Tensor) -> tuple[int, int]:
    index = logits.softmax(dim=1).max(dim=1).values.argmin().item()
    return index, logits[index].argmax().item()


def _logits(*shape: int) -> Tensor:
    return 4 * torch.randn(shape, generator=torch.Generator().manual_seed(0))


EXERCISES["3.4"] = Code(
    call="surest(logits)",
    hint="first make probabilities of the logits, each digit by itself. Then find the largest of "
    "each row, and then the row with the largest of these. Return two numbers, (index in the "
    "batch, answer).",
    praise="Softmax over the classes, then the largest of all: its row is the digit, its column "
    "the answer.",
    cases=[
        (torch.tensor([[9.0, 9.0, 8.0], [0.0, 0.0, 5.0], [6.0, 4.0, 4.0]]),),
        (torch.tensor([[1.0, 0.0], [-1.0, -4.0], [7.0, 7.5]]),),
        # Here a gap between the two largest, then how alike the others are, leads to the other row.
        (torch.tensor([[0.5, 0, -9, -9, -9], [1.5, 0, 0, 0, 0]]),),
        (torch.tensor([[0.5, 0, -9, -9, -9], [2.2, 0, 0, 0, 0]]),),
        (_logits(8, 10),),
    ],
    right=lambda logits: _place_of_largest(logits.softmax(dim=1)),
    mistakes={
        "You looked for the largest logit. A digit whose logits are all large need not be sure of "
        "anything: compare probabilities.": _place_of_largest,
        "Your softmax runs over the batch, dim=0: there the digits compete with each other. It has "
        "to run over the classes.": lambda logits: _place_of_largest(logits.softmax(dim=0)),
        "Both numbers are right, in the wrong order: first the index in the batch, then the "
        "answer.": lambda logits: _place_of_largest(logits.softmax(dim=1))[::-1],
        "That is the digit it is least sure of.": _least_sure,
        "The second number is its probability. Where in its row does that stand?": lambda logits: (
            _place_of_largest(logits.softmax(dim=1))[0],
            logits.softmax(dim=1).max().item(),
        ),
    },
)


def _judge_network(answer: object) -> str:
    module = Given(answer).module()
    training = module.training
    module.eval()  # so that dropout draws nothing, and batch normalization learns nothing
    try:
        _judge_layers(module)
        _judge_logits(module)
    finally:
        module.train(training)
    use = "Copy the class into lesson 04, and train it there in place of `CNN`."
    return f"A network of {_size(module):,} parameters, ready to be trained. {use}"


def _judge_layers(module: nn.Module) -> None:
    for count in (2, 1):
        shape, right = list(_output(module, _images(count)).shape), [count, 10]
        becomes = f"[{count}, 1, 28, 28] becomes {shape}, and has to become {right}: N, classes."
        refuse({becomes: shape != right})
    attributes = [one for part in module.modules() for one in vars(part).items()]
    held = [value for name, value in attributes if name != "_modules"]
    held = [[*one.values()] if isinstance(one, dict) else one for one in held]
    hidden = [one for value in held if isinstance(value, (list, tuple)) for one in value]
    largest = max((layer for layer in module.modules() if not [*layer.children()]), key=_size)
    refuse(
        {
            "Your layers are in a plain Python list or dictionary, where the optimizer does not "
            "look. Use an nn.Sequential.": any(isinstance(one, nn.Module) for one in hidden),
            "There is no convolution in it yet. (All layers are made in `__init__`, as attributes "
            "of `self`.)": not any(isinstance(layer, nn.Conv2d) for layer in module.modules()),
            f"It has {_size(module):,} parameters, and fewer than 10,000 are allowed. Most are in "
            f"{largest}: make what goes into it smaller.": _size(module) >= 10_000,
        }
    )


def _judge_logits(module: nn.Module) -> None:
    images = _images(7)
    logits = _output(module, images)
    alone = torch.cat([_output(module, image[None]) for image in images])
    weights = {name: one for name, one in module.named_parameters() if one.requires_grad}
    stopped = "No gradient reaches the weights, so nothing can be learned. Leave `no_grad` out."
    refuse({stopped: not logits.requires_grad})
    gradients = torch.autograd.grad(logits.sum(), list(weights.values()), allow_unused=True)
    unused = [name for name, one in zip(weights, gradients, strict=True) if one is None]
    refuse({f"Never used: {', '.join(unused)}. `forward` leaves that layer out.": unused})
    refuse(
        {
            "The same batch gets other logits when it comes a second time. Does `forward` make a "
            "layer, with new random weights? All layers are made in `__init__`. (And `F.dropout` "
            "needs `training=self.training`.)": (
                not torch.allclose(logits, _output(module, images), atol=1e-4)
            ),
            "Something stands behind the last layer that bends its numbers: a softmax, a ReLU, a "
            "sigmoid? Return them as they are. The loss does its own softmax.": (
                _bends_its_end(module, images)
            ),
            "A digit's logits depend on the other digits of the batch: something in your network "
            "runs over the axis N.": not torch.allclose(logits, alone, atol=1e-4),
            "There is no bend in it: without ReLU between them, layers in a row can do no more "
            "than one. Add some.": _is_affine(module),
        }
    )


def _bends_its_end(module: nn.Module, images: Tensor) -> bool:
    """Return whether the logits change by something else when what the last layer with weights puts
    out is raised than when it is lowered by as much."""
    ran = layer_outputs(module, images)
    last, output = next((layer, output) for _, layer, output in reversed(ran) if _size(layer))
    move = 10 * _logits(*output.shape[:2], *[1] * (output.ndim - 2)).to(output)
    moved = []
    for sign in (1, -1, 0):
        with last.register_forward_hook(lambda _, __, output, sign=sign: output + sign * move):
            moved.append(_output(module, images))
    raised, lowered, logits = moved
    return not torch.allclose(raised + lowered, 2 * logits, atol=1e-3)


def _is_affine(module: nn.Module) -> bool:
    """Return whether the output halfway between two pictures is halfway between their outputs."""
    first, second = 100 * _images(50), 100 * _images(50).flip(0)
    ends = (_output(module, first) + _output(module, second)) / 2
    middle = _output(module, (first + second) / 2)
    return (middle - ends).abs().max().item() < 1e-3 * ends.abs().max().item()


EXERCISES["3.5"] = Free(
    hint="one or two blocks of convolution, ReLU and pooling with few channels, then flatten and a "
    "linear layer. What goes into the linear layer decides its size, so pool before it. `forward` "
    "returns the logits.",
    judge=_judge_network,
)
