"""The exercises of lesson 03: parameters, a small module, receptive fields, softmax, a network of your own."""

import torch
from torch import Tensor, nn
import torch.nn.functional as F

from ..checks import described
from .answers import (
    Exercise,
    NotYet,
    a_function,
    called,
    match_mistake,
    several,
    whole_number,
)
from .engine import Values


def _parameters(answer: object) -> str:
    count = whole_number(answer, "The number of parameters")
    right = _size(nn.Conv2d(32, 64, kernel_size=5))
    if count == right:
        return f"{count:,}: half as many as the whole CNN. That is the price of 5×5 kernels on many channels."
    mistakes = {
        _size(
            nn.Conv2d(32, 64, kernel_size=5, bias=False)
        ): "You left out the biases, one for each output channel.",
        32 * 64 * 25
        + 1: "Each output channel has a bias of its own, not all of them one together.",
        64
        * (25 + 1): "Each kernel looks at all 32 input channels: it is a block of 32×5×5 numbers.",
        32
        * (
            64 * 25 + 1
        ): "You swapped the channels: there are out_channels biases, and out_channels is the second number.",
        64
        * 32
        * (
            25 + 1
        ): "You counted a bias for each pair of channels. There is one for each output channel.",
        64 * (32 * 9 + 1): "That is for a 3×3 kernel. Here it is 5×5.",
        64 * (32 * 5 + 1): "The kernel is 5×5: 25 numbers for each input channel, not 5.",
        64
        * 32
        * 28
        * 28: "The size of the picture does not matter: the same kernels are used at every place.",
    }
    raise NotYet(
        mistakes.get(
            count,
            f"{count:,} is not out_channels × (in_channels × kernel height × kernel width + 1).",
        )
    )


def _size(module: nn.Module) -> int:
    return sum(weight.numel() for weight in module.parameters())


def _halving(answer: object) -> str:
    module = _a_module(answer)
    convolutions = [layer for layer in module.modules() if isinstance(layer, nn.Conv2d)]
    poolings = [
        layer for layer in module.modules() if isinstance(layer, (nn.MaxPool2d, nn.AvgPool2d))
    ]
    if len(convolutions) != 1 or len(poolings) != 1:
        raise NotYet(
            f"Yours has {len(convolutions)} convolutions and {len(poolings)} poolings, made with nn.Conv2d and "
            f"nn.MaxPool2d; asked for is one of each."
        )
    for batch_size in (2, 1, 5):
        output = _output(module, batch_size)
        right = [batch_size, 8, 7, 7]
        if list(output.shape) == right:
            continue
        given = (
            f"[{batch_size}, 1, 28, 28] becomes {list(output.shape)}, and has to become {right}. "
        )
        if output.ndim != 4:
            raise NotYet(given + "Four axes are wanted: leave flatten out.")
        if output.shape[1] != 8:
            raise NotYet(given + "The convolution's out_channels sets the number of channels.")
        why = {
            14: "The picture is halved once; 28 to 7 is halved twice, by a larger pooling or by a stride.",
            6: "A convolution without padding leaves 26 of 28 pixels, and the rest follows from that. Set the padding.",
            28: "The picture is not made smaller yet.",
        }
        raise NotYet(
            given
            + why.get(
                output.shape[2], "Work out height and width with the formula, layer by layer."
            )
        )
    return (
        f"That fits, with {_size(module)} parameters. There are several ways: a large pooling, or a stride in the "
        f"convolution."
    )


def _a_module(answer: object) -> nn.Module:
    if isinstance(answer, type) and issubclass(answer, nn.Module):
        raise NotYet(
            f"Your answer is {described(answer)}. Make a network of it by calling it: {answer.__name__}()."
        )
    if isinstance(answer, Tensor):
        raise NotYet("Your answer is a tensor, what a module gives. Give the module itself.")
    if not isinstance(answer, nn.Module):
        raise NotYet(
            f"Your answer is {described(answer)}; it has to be a module, such as an nn.Sequential."
        )
    return answer


def _output(module: nn.Module, batch_size: int) -> Tensor:
    """Return what the module makes of a batch of random pictures."""
    weight = next(module.parameters(), torch.empty(0))
    images = torch.rand(batch_size, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    output = called(
        module,
        images.to(weight.device),
        shown=f"Your module, on torch.rand({batch_size}, 1, 28, 28),",
    )
    if not isinstance(output, Tensor):
        raise NotYet(f"Your module returns {described(output)}; it has to return a tensor.")
    return output


def _surest(answer: object) -> str:
    surest = a_function(answer, "surest(logits)")
    generator = torch.Generator().manual_seed(0)
    batches = [
        torch.tensor([[9.0, 9.0, 8.0], [0.0, 0.0, 5.0], [6.0, 4.0, 4.0]]),
        torch.tensor([[1.0, 0.0], [-1.0, -4.0], [7.0, 7.5]]),
        4 * torch.randn(8, 10, generator=generator),
        4 * torch.randn(5, 10, generator=generator),
    ]
    results = []
    for logits in batches:
        shown = f"surest(logits), with logits {list(logits.shape)},"
        result = called(surest, logits.clone(), shown=shown)
        if (
            isinstance(result, (tuple, list))
            and len(result) == 2
            and all(isinstance(part, Tensor) and part.numel() == 1 for part in result)
        ):
            result = [part.item() for part in result]
        index, digit = several(result, ("index in the batch", "answer"))
        if isinstance(digit, float) and 0 < digit < 1:
            raise NotYet(
                f"The second number is {digit:.4f}, its probability. You are asked for the answer: where in its row "
                f"does that stand?"
            )
        results.append(
            torch.tensor(
                [whole_number(index, "The index in the batch"), whole_number(digit, "The answer")]
            )
        )

    def place(scores: Tensor) -> Tensor:
        return torch.stack(torch.unravel_index(scores.argmax(), scores.shape))

    def least_sure(probabilities: Tensor) -> Tensor:
        index = probabilities.max(dim=1).values.argmin()
        return torch.stack([index, probabilities[index].argmax()])

    rights = [place(logits.softmax(dim=1)) for logits in batches]
    if all(map(torch.equal, results, rights)):
        return "Softmax over the classes, then the largest of all: its row is the digit, its column the answer."
    match_mistake(
        results,
        {
            "You looked for the largest logit. A digit whose logits are all large need not be sure of anything: "
            "compare probabilities.": lambda case: place(batches[case]),
            "Your softmax runs over the batch, dim=0: there the digits compete with each other. "
            "It has to run over the classes.": lambda case: place(batches[case].softmax(dim=0)),
            "The two numbers are the right ones, in the wrong order: first the index in the batch, "
            "then the answer.": lambda case: rights[case].flip(0),
            "That is the digit it is least sure of.": lambda case: least_sure(
                batches[case].softmax(dim=1)
            ),
        },
    )
    logits, result, right = next(
        case
        for case in zip(batches, results, rights, strict=True)
        if not torch.equal(case[1], case[2])
    )
    shown = logits.tolist() if len(logits) == 3 else list(logits.shape)
    raise NotYet(
        f"For the logits {shown}, with {logits.shape[1]} classes, yours is {tuple(result.tolist())}, and "
        f"{tuple(right.tolist())} has the largest probability."
    )


def _small_network(answer: object) -> str:
    module = _a_module(answer)
    for batch_size in (2, 1, 7):
        output = _output(module, batch_size)
        if list(output.shape) != [batch_size, 10]:
            raise NotYet(
                f"[{batch_size}, 1, 28, 28] becomes {list(output.shape)}, and has to become [{batch_size}, 10]: "
                f"N, classes."
            )
    if _hidden_layers(module):
        raise NotYet(
            "Your layers are in a plain Python list, where neither the optimizer nor `print` finds them. "
            "Put them into an nn.Sequential."
        )
    if not any(isinstance(layer, nn.Conv2d) for layer in module.modules()):
        raise NotYet(
            "There is no convolution in it yet. (All layers are made in `__init__`, as attributes of `self`.)"
        )
    parameters = _size(module)
    if parameters >= 10_000:
        largest = max(
            (layer for layer in module.modules() if not list(layer.children())), key=_size
        )
        raise NotYet(
            f"It has {parameters:,} parameters, and fewer than 10,000 are allowed. Most are in {largest}, "
            f"{_size(largest):,}: make what goes into it smaller."
        )
    _judge_logits(module)
    return f"A network of {parameters:,} parameters, ready to be trained. Keep it for lesson 04."


def _hidden_layers(module: nn.Module) -> bool:
    """Return whether the module keeps layers in a list or tuple, which PyTorch does not look into."""
    held = [value for part in module.modules() for value in vars(part).values()]
    lists = [value for value in held if isinstance(value, (list, tuple))]
    return any(isinstance(entry, nn.Module) for entries in lists for entry in entries)


def _judge_logits(module: nn.Module) -> None:
    mode = module.training
    module.eval()
    logits = _output(module, 7)
    repeated = torch.allclose(logits, _output(module, 7), atol=1e-4)
    alone = torch.cat([_output_of_one(module, number) for number in range(7)])
    module.train(mode)
    if (logits.sum(dim=1) - 1).abs().max() < 1e-4 and logits.min() >= 0:
        raise NotYet(
            "Each row sums to 1: there is a softmax at the end. Return logits; the loss does its own softmax."
        )
    if logits.logsumexp(dim=1).abs().max() < 1e-4:
        raise NotYet("There is a log_softmax at the end. Return logits; the loss does its own.")
    if logits.min() >= 0 and (logits == 0).any():
        raise NotYet(
            "No logit is below 0: there is a ReLU at the very end. The last layer goes without."
        )
    if not repeated:
        raise NotYet(
            "The same batch gets other logits when it comes a second time: `forward` makes a layer, with new random "
            "weights each time. Make all layers in `__init__`."
        )
    if not torch.allclose(logits, alone, atol=1e-4):
        raise NotYet(
            "A digit's logits depend on the other digits of the batch. Flatten with start_dim=1 (nn.Flatten does), "
            "so that digits stay apart."
        )
    weights = [(name, weight) for name, weight in module.named_parameters() if weight.requires_grad]
    gradients = torch.autograd.grad(
        F.cross_entropy(_output(module, 7), torch.arange(7, device=logits.device)),
        [weight for _, weight in weights],
        allow_unused=True,
    )
    for (name, _), gradient in zip(weights, gradients, strict=True):
        if gradient is None:
            raise NotYet(
                f"The parameters of {name} are never used: `forward` leaves that layer out."
            )
    activations = (
        nn.ReLU,
        nn.LeakyReLU,
        nn.GELU,
        nn.SiLU,
        nn.Tanh,
        nn.Sigmoid,
        nn.ELU,
        nn.MaxPool2d,
    )
    if _is_affine(module) and not any(isinstance(layer, activations) for layer in module.modules()):
        raise NotYet(
            "There is no bend in it: without ReLU between them, layers in a row can do no more than one. Add some."
        )


def _output_of_one(module: nn.Module, number: int) -> Tensor:
    weight = next(module.parameters())
    images = torch.rand(7, 1, 28, 28, generator=torch.Generator().manual_seed(0))
    return module(images[number : number + 1].to(weight.device)).detach()


def _is_affine(module: nn.Module) -> bool:
    """Return whether the module's output at the middle of two pictures is the middle of its two outputs."""
    weight = next(module.parameters())
    images = torch.rand(2, 1, 28, 28, generator=torch.Generator().manual_seed(1)).to(weight.device)
    with torch.no_grad():
        one, other = module(images)
        middle = module(images.mean(dim=0, keepdim=True))[0]
    return torch.allclose((one + other) / 2, middle, atol=1e-5)


EXERCISES = {
    "3.1": Exercise(
        "out_channels × (in_channels × kernel height × kernel width + 1). In nn.Conv2d in_channels comes first.",
        _parameters,
    ),
    "3.2": Exercise(
        "28 to 7 is a quarter. The convolution sets the channels; which settings of the two make the picture smaller? "
        "Print the shape after each.",
        _halving,
    ),
    "3.3": Values(
        hint="which C×H×W arrives at flatten, when nothing halves the picture? For the receptive "
        "field use the two rules of section 7; the jump stays 1.",
        praise="More than five times the parameters, and each unit sees only 13×13 pixels: "
        "poolings make a network smaller and let it see further.",
        right={"in_features": 64 * 28 * 28, "parameters": 573_562, "receptive_field": 13},
        mistakes={
            "in_features": {
                "Without pooling the picture is no longer 7×7 at the end.": 64 * 7 * 7,
                "Both poolings are gone, so nothing halves the picture any more.": 64 * 14 * 14,
                "That is one channel. 64 of them arrive at the output.": 28 * 28,
                "{} inputs: which C×H×W arrives at flatten now?": ...,
            },
            "parameters": {
                "That is CNN as it was. Its linear layer has grown.": 103_162,
                "That is the linear layer alone. The convolutions have parameters too.": 501_770,
                "The ten biases of the linear layer are missing.": 573_552,
                "Those are the convolutions alone. The linear layer has parameters too.": 71_792,
                "Add up the six convolutions, which are as before, and 10 × (in_features + 1).": ...,
            },
            "receptive_field": {
                "That is the receptive field with the poolings.": 34,
                "Start from 1, the pixel itself.": 12,
                "That is one convolution. There are six.": 3,
                "The windows overlap: each layer widens the patch by kernel − 1 = 2.": 18,
                "Without a stride the jump stays 1, and each 3×3 convolution adds 2 to the field.": (
                    ...
                ),
            },
        },
    ),
    "3.4": Exercise(
        "first make probabilities of the logits, each digit by itself. Then find the largest of each row, and then the "
        "row with the largest of these. Return two numbers, (index in the batch, answer).",
        _surest,
    ),
    "3.5": Exercise(
        "one or two blocks of convolution, ReLU and pooling with few channels, then flatten and a linear layer. "
        "What goes into the linear layer decides its size, so pool before it. `forward` returns the logits.",
        _small_network,
    ),
}
