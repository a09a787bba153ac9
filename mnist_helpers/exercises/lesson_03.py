"""The exercises of lesson 03."""

import torch
from torch import Tensor, nn

from .engine import Code, Free, Given, Values, _random, refuse, same

EXERCISES = {}

EXERCISES["3.1"] = Values(
    hint="out_channels × (in_channels × kernel height × kernel width + 1). In nn.Conv2d "
    "in_channels comes first.",
    praise="51,264: half as many as the whole CNN. That is the price of 5×5 kernels on many "
    "channels.",
    right={"number of parameters": 64 * (32 * 25 + 1)},
    mistakes=[
        {
            "That is one output channel. There are 64.": 32 * 25 + 1,
            "A channel has one bias, for all its 32×5×5 weights.": 64 * 32 * (25 + 1),
            "You left out the biases, one for each output channel.": 64 * 32 * 25,
            "Each kernel is a block of 32×5×5 numbers, for all input channels.": 64 * (25 + 1),
            "There are 64 biases, as out_channels comes second, and is 64.": 32 * (64 * 25 + 1),
            "The kernel is 5×5: 25 numbers for each input channel, not 5.": 64 * (32 * 5 + 1),
        }
    ],
)


def _judge_halving(answer: object) -> str:
    module, alike = Given(answer).module(), []
    layers = list(module.modules())
    convolutions = sum(isinstance(layer, nn.Conv2d) for layer in layers)
    poolings = [layer for layer in layers if type(layer).__module__ == nn.MaxPool2d.__module__]
    wanted = "Asked for is one convolution, an nn.Conv2d, and one pooling, such as an nn.MaxPool2d."
    found = f"{wanted} Of convolutions yours has {convolutions}, of poolings {len(poolings)}."
    refuse({found: (convolutions, len(poolings)) != (1, 1)})
    idle = getattr(poolings[0], "kernel_size", None) in (1, (1, 1))
    with poolings[0].register_forward_hook(lambda _, x, y: alike.append(same(*x, y))):
        _output(module, _random(2, 1, 28, 28))
    nothing = "A pooling over 1×1 pixel sums nothing up. Let it make the picture smaller."
    refuse({nothing: idle or all(alike)})
    for count in (2, 1, 5):
        shape, right = list(_output(module, _random(count, 1, 28, 28)).shape), [count, 8, 7, 7]
        becomes = f"[{count}, 1, 28, 28] becomes {shape}, and has to become {right}."
        refuse(
            {
                f"{becomes} All four axes have to stay.": len(shape) != 4,
                f"{becomes} The convolution's out_channels sets the channels.": shape[1:2] != [8],
                f"{becomes} 28 to 7 is halved twice.": shape[2:] == [14, 14],
                f"{becomes} Pixels are lost at the edge. Has it a padding?": shape[2:] == [6, 6],
                f"{becomes} Work out height and width, layer by layer.": shape != right,
            }
        )
    return f"That fits, with {_size(module)} parameters. Other ways: a stride, a larger pooling."


def _size(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


_ADVICE = {
    "channels, but got": "A convolution's in_channels are what comes out of the layer before it. A "
    "digit has one.",
    "shapes cannot be multiplied": "A linear layer takes [N, in_features]. Print the shape before "
    "it.",
}


def _output(module: nn.Module, images: Tensor) -> Tensor:
    weight = next(module.parameters(), torch.empty(0))
    called = Given(module, f"Your module, on torch.rand({len(images)}, 1, 28, 28),", _ADVICE)
    output = called.call(images.to(weight.device))
    output.tensor()
    return output.value  # with its gradients


EXERCISES["3.2"] = Free(
    hint="28 to 7 is a quarter. The convolution sets the channels; which settings of the two make "
    "the picture smaller?",
    judge=_judge_halving,
)

EXERCISES["3.3"] = Values(
    hint="which C×H×W arrives at flatten, when nothing halves the picture? For the receptive "
    "field use the two rules of section 7; the jump stays 1.",
    praise="More than five times the parameters, and each unit sees only 13×13 pixels. With "
    "poolings a smaller network sees further.",
    right={"in_features": 64 * 28 * 28, "parameters": 573_562, "receptive_field": 13},
    mistakes=[
        {
            "Without pooling the picture is no longer 7×7 at the end.": 64 * 7 * 7,
            "That is with one pooling. Leave out both.": 64 * 14 * 14,
            "That is one channel. 64 of them arrive at the output.": 28 * 28,
        },
        {
            "That is CNN as it was. Its linear layer has grown.": 103_162,
            "That is the linear layer alone. The convolutions have parameters too.": 501_770,
            "The linear layer has biases too, one for each output.": 573_552,
        },
        {
            "That is the receptive field with the poolings.": 34,
            "The windows overlap: each layer widens the patch by kernel − 1 = 2.": 18,
        },
    ],
)


def _surest(logits: Tensor, dim: int = 1) -> tuple:
    return divmod(logits.softmax(dim).argmax().item(), logits.shape[1])


EXERCISES["3.4"] = Code(
    call="surest(logits)",
    hint="first make probabilities of each row. Then find the largest of each, and the row with "
    "the largest of these.",
    praise="Softmax over the classes, then the largest of all: its row is the digit, its column "
    "the answer.",
    cases=[
        (torch.tensor([[9.0, 9.0, 8.0], [0.0, 0.0, 5.0], [6.0, 4.0, 4.0]]),),
        (torch.tensor([[1.0, 0.0], [-1.0, -4.0], [7.0, 7.5]]),),
        # Here a gap between the two largest, then how alike the others are, leads to the other row.
        (torch.tensor([[0.5, 0, -9, -9, -9], [1.5, 0, 0, 0, 0]]),),
        (torch.tensor([[0.5, 0, -9, -9, -9], [2.2, 0, 0, 0, 0]]),),
        (20 * _random(8, 10) - 10,),
    ],
    right=_surest,
    mistakes={
        "You looked for the largest logit. It may stand among others as large: compare "
        "probabilities.": lambda x: divmod(x.argmax().item(), x.shape[1]),
        "Softmax has to run over the classes, not over the batch.": lambda x: _surest(x, dim=0),
        "Both numbers are right, in the wrong order.": lambda x: _surest(x)[::-1],
        "In which row does that probability stand?": lambda x: (x.softmax(1).max(), _surest(x)[1]),
        "Which column has that probability?": lambda x: (_surest(x)[0], x.softmax(1).max()),
        "Take the answer from its own row.": lambda x: (_surest(x)[0], x[0].argmax().item()),
    },
)


def _judge_network(answer: object) -> str:
    module = Given(answer).module()
    training = module.training
    module.eval()  # so that dropout draws nothing, and batch normalization learns nothing
    try:
        _judge_parts(module)
    finally:
        module.train(training)
    use = "Copy the class into lesson 04, and train it there in place of `CNN`."
    return f"A network of {_size(module):,} parameters, ready to be trained. {use}"


def _judge_parts(module: nn.Module) -> None:
    for count in (2, 1):
        shape, right = list(_output(module, _random(count, 1, 28, 28)).shape), [count, 10]
        becomes = f"[{count}, 1, 28, 28] becomes {shape}, and has to become {right}: N, classes."
        refuse({becomes: shape != right})
    layers = list(module.modules())
    lists = [held for layer in layers for held in vars(layer).values() if isinstance(held, list)]
    hidden = any(isinstance(one, nn.Module) for held in lists for one in held)
    largest = max((layer for layer in layers if not [*layer.children()]), key=_size)
    refuse(
        {
            "Your layers are in a plain Python list, where the optimizer does not look. Use an "
            "nn.Sequential.": hidden,
            "There is no convolution in it yet. (All layers are made in `__init__`, as attributes "
            "of `self`.)": not any(isinstance(layer, nn.Conv2d) for layer in layers),
            f"It has {_size(module):,} parameters, and fewer than 10,000 are allowed. Most are in "
            f"{largest}: make what goes into it smaller.": _size(module) >= 10_000,
        }
    )
    digits = _random(7, 1, 28, 28) * torch.linspace(1, 0.1, 7)[:, None, None, None]
    mixed = not same(_output(module, digits)[3:5], _output(module, digits[3:5]), 1e-3)
    images = 1000 * digits  # the logits become large, unless something holds them
    logits = _output(module, images)
    least, most = (one.item() for one in logits.aminmax())
    bent = least == 0 or (least > 0 and most <= 1) or logits.logsumexp(1).abs().max() < 1e-4
    weights = {name: one for name, one in module.named_parameters() if one.requires_grad}
    gradients = torch.autograd.grad(logits.sum(), list(weights.values()), allow_unused=True)
    unused = [name for name, one in zip(weights, gradients, strict=True) if one is None]
    refuse(
        {
            f"Never used: {', '.join(unused)}. `forward` leaves that layer out.": unused,
            "The same batch gets other logits a second time. Does `forward` make a layer? Make it "
            "in `__init__`. (And `F.dropout` needs "
            "`training=self.training`.)": not same(logits, _output(module, images)),
            "Something stands behind the last layer that bends its numbers: a softmax, a ReLU, a "
            "sigmoid? The loss does its own softmax.": bent,
            "A digit's logits depend on the others in its batch. What runs over dim=0?": mixed,
            "There is no bend in it: without ReLU between them, layers in a row can do no more "
            "than one.": _is_affine(module),
        }
    )


def _is_affine(module: nn.Module) -> bool:
    """Return whether the output halfway between two pictures is halfway between their outputs."""
    images = 100 * _random(50, 1, 28, 28)
    outputs, middle = _output(module, images), _output(module, (images + images.flip(0)) / 2)
    ends = (outputs + outputs.flip(0)) / 2
    return (middle - ends).abs().max().item() < 1e-3 * ends.abs().max().item()


EXERCISES["3.5"] = Free(
    hint="one or two blocks of convolution, ReLU and pooling with few channels, then flatten and a "
    "linear layer. Its inputs decide its size, so pool before it.",
    judge=_judge_network,
)
