"""The exercises of lesson 02: shapes, axes, output sizes, kernels, a convolution by hand."""

from collections.abc import Callable

import torch
from torch import Tensor
import torch.nn.functional as F

from ..checks import described
from ..shapes import conv_output_size
from .answers import (
    Exercise,
    NotYet,
    a_function,
    a_tensor,
    called,
    match_mistake,
    several,
    the_same,
    whole_number,
)

_PARTS = {
    "x[5]": lambda x: x[5],
    "x[5, 0]": lambda x: x[5, 0],
    "x[:, 0]": lambda x: x[:, 0],
    "x[5:6]": lambda x: x[5:6],
}


def _shapes(answer: object) -> str:
    shapes = several(answer, tuple(_PARTS))
    x = torch.empty(64, 1, 28, 28)
    for (code, part), given in zip(_PARTS.items(), shapes, strict=True):
        if isinstance(given, Tensor):
            raise NotYet(
                f"For {code} you gave a tensor. Its shape is asked for, a list of numbers."
            )
        if not isinstance(given, (list, tuple)):
            raise NotYet(
                f"For {code} you gave {described(given)}. A shape is a list, such as [64, 10]."
            )
        given = [whole_number(size, f"Each entry of the shape of {code}") for size in given]
        _judge_shape(code, given, list(part(x).shape))
    return "Each number took an axis away, the colon left its axis as it was, and the slice kept an axis of length 1."


def _judge_shape(code: str, given: list[int], right: list[int]) -> None:
    if given == right:
        return
    if len(given) > len(right):
        why = "A number as index picks one and drops its axis; you kept too many."
    elif len(given) < len(right):
        why = "A slice or a bare colon keeps its axis, even if only one is left; you dropped too many."
    elif sorted(given) == sorted(right):
        why = "The axes stay in their order, N, C, H, W."
    else:
        why = "Go through the axes one by one: which are left, and how long is each?"
    raise NotYet(f"The shape of {code} is not {given}. {why}")


def _to_batch(answer: object) -> str:
    to_batch = a_function(answer, "to_batch(photo)")
    photos = [_counted(4, 6, 3), _counted(5, 5, 3), _counted(2, 7, 3)]
    results = []
    for photo in photos:
        shown = f"to_batch(photo), with a photo {list(photo.shape)},"
        result = called(to_batch, photo.clone(), shown=shown)
        results.append(a_tensor(result, f"What {shown} returns"))
    rights = [photo.permute(2, 0, 1).unsqueeze(0) for photo in photos]
    if all(map(the_same, results, rights)):
        return "`permute` carried the pixels along with their axes, and `unsqueeze` made a batch of one."
    match_mistake(
        results,
        {
            "The axes are right. You also divided by 255; here the numbers are to stay as they are.": lambda i: (
                rights[i] / 255
            ),
            "The shape is right and the picture is scrambled: `reshape` and `view` only count the numbers off anew. "
            "Axes are turned with `permute`.": lambda i: photos[i].reshape(rights[i].shape),
            "H and W are swapped: the picture lies on its side. The order you want is C, H, W.": lambda i: (
                rights[i].transpose(2, 3)
            ),
            "C, H, W is right, and the batch axis is missing. `unsqueeze(0)` adds it in front.": lambda i: (
                rights[i][0]
            ),
            "You added the batch axis, but the channels still come last: N, H, W, C.": lambda i: (
                photos[i].unsqueeze(0)
            ),
            "The axis of length 1 is in the wrong place: N comes first, before C.": lambda i: (
                rights[i].transpose(0, 1)
            ),
            "The photo came back as it was, H, W, C.": lambda i: photos[i],
        },
    )
    for photo, result, right in zip(photos, results, rights, strict=True):
        if result.shape != right.shape:
            raise NotYet(
                f"A photo {list(photo.shape)}, H, W, C, became {list(result.shape)}; "
                f"it has to become {list(right.shape)}, N, C, H, W."
            )
    raise NotYet(
        "The shapes are right, but the pixels are not where they belong: photo[row, column, channel] has to be "
        "found at [0, channel, row, column]."
    )


def _counted(*shape: int) -> Tensor:
    return torch.arange(torch.Size(shape).numel(), dtype=torch.float32).reshape(shape)


def _sizes(answer: object) -> str:
    size, padding = several(answer, ("output size", "padding"))
    if isinstance(size, (list, tuple)):
        raise NotYet("The output is square, so give its size as one number, along one axis.")
    size = whole_number(size, "The output size")
    padding = whole_number(padding, "The padding")
    right = conv_output_size(28, kernel_size=9, stride=2, padding=4)
    if size != right:
        mistakes = {
            (28 + 4 - 9) // 2 + 1: "You added the padding once. It is on both sides: 2 · padding.",
            (28 - 9) // 2 + 1: "You left the padding out: it adds 4 pixels on each side.",
            right - 1: "Nearly: the formula ends with + 1, for the first stop.",
            right + 1: "You rounded up. A half step does not count: drop the fraction, then add 1.",
            28 + 2 * 4 - 9 + 1: "That is with stride 1. The window moves by 2 here.",
        }
        raise NotYet(
            mistakes.get(
                size, f"An output of {size} is not what the formula gives for the first question."
            )
        )
    if conv_output_size(28, kernel_size=7, padding=max(padding, 0)) != 28 or padding < 0:
        mistakes = {
            6: "The picture loses 6 pixels in all; the padding is on both sides, half on each.",
            0: "Without padding a 7×7 window makes 28 − 7 + 1 = 22 of 28.",
            2: "Padding 2 is right for a 5×5 kernel. For 7×7 it takes more.",
            1: "Padding 1 is right for a 3×3 kernel. For 7×7 it takes more.",
        }
        raise NotYet(
            "The output size is right, the padding is not. "
            + mistakes.get(padding, "Solve 28 + 2 · padding − 7 + 1 = 28 for the padding.")
        )
    return "At stride 1 an odd kernel keeps the size with a padding of (kernel size − 1) / 2: 1 for 3, 2 for 5."


def _kernels(answer: object) -> str:
    identity, blur = several(answer, ("identity", "blur"))
    identity, blur = _kernel(identity, "The identity kernel"), _kernel(blur, "The blur kernel")
    right_identity, right_blur = torch.zeros(3, 3), torch.full((3, 3), 1 / 9)
    right_identity[1, 1] = 1
    if the_same(identity, right_blur) and the_same(blur, right_identity):
        raise NotYet("Both kernels are right, in the wrong order: (identity, blur).")
    _judge_kernel(
        identity,
        right_identity,
        "The identity kernel",
        {
            "`torch.eye` has a 1 in each row, so it adds up three pixels on a diagonal. "
            "You want one pixel only, the middle one.": torch.eye(3),
            "All ones add up nine pixels. You want one pixel only, the middle one.": torch.ones(
                3, 3
            ),
            "All zeros make every picture black.": torch.zeros(3, 3),
        },
    )
    _judge_kernel(
        blur,
        right_blur,
        "The blur kernel",
        {
            "Your blur adds the nine pixels up, so the picture becomes nine times too bright. "
            "The mean needs a division.": torch.ones(3, 3),
            "All zeros make every picture black. Is 1/9 stored as a whole number somewhere? Then it is cut off to "
            "0.": torch.zeros(3, 3),
            "You averaged the eight neighbours and left the pixel itself out: it is one of the nine.": (
                (1 - right_identity) / 8
            ),
            "1/3 nine times sums to 3. Nine numbers that are to make a mean sum to 1.": torch.full(
                (3, 3), 1 / 3
            ),
        },
    )
    return "Both sum to 1, so neither makes the picture brighter or darker. So does 2 · identity − blur, to sharpen."


def _kernel(value: object, what: str) -> Tensor:
    kernel = a_tensor(value, what)
    if kernel.ndim == 4:
        raise NotYet(f"{what} has the shape {list(kernel.shape)}. `convolve` takes it as [3, 3].")
    kernel = a_tensor(value, what, rank=2, axes="height and width")
    if list(kernel.shape) != [3, 3]:
        raise NotYet(f"{what} has the shape {list(kernel.shape)}, and has to be [3, 3].")
    return kernel.float()


def _judge_kernel(kernel: Tensor, right: Tensor, what: str, mistakes: dict[str, Tensor]) -> None:
    """Judge a kernel by what it does to pictures."""
    pictures = torch.rand(3, 1, 8, 9, generator=torch.Generator().manual_seed(0))

    def filtered(kernel: Tensor) -> Tensor:
        return F.conv2d(pictures, kernel.reshape(1, 1, 3, 3))

    if the_same(filtered(kernel), filtered(right)):
        return
    for message, wrong in mistakes.items():
        if the_same(filtered(kernel), filtered(wrong)):
            raise NotYet(message)
    if (kernel - right).abs().max() < 0.01:
        raise NotYet(
            f"{what} is nearly right, but rounded. Let Python divide, `1 / 9`: then it sums to 1."
        )
    raise NotYet(
        f"{what} turns a picture of ones into {kernel.sum():.2f} everywhere, and a real one into something "
        f"else than asked. What should each of the nine pixels count?"
    )


_SIZES_ADVICE = {
    "zeros()": "A size has to be a whole number: divide with `//`.",
    "must match": "Height and width can differ, of the image and of the kernel: use each length for its own axis.",
}


def _convolution(answer: object) -> str:
    by_hand = a_function(answer, "convolve_by_hand(image, kernel, stride, padding)")
    generator = torch.Generator().manual_seed(0)
    cases = [
        (
            torch.rand(height, width, generator=generator),
            torch.rand(k, k, generator=generator),
            s,
            p,
        )
        for height, width, k, s, p in [
            (5, 6, 3, 1, 0),
            (6, 5, 3, 2, 1),
            (7, 9, 2, 3, 0),
            (4, 8, 3, 1, 2),
            (9, 7, 4, 2, 2),
        ]
    ]
    results = []
    for image, kernel, stride, padding in cases:
        sizes = f"torch.rand{tuple(image.shape)}, torch.rand{tuple(kernel.shape)}"
        shown = f"convolve_by_hand({sizes}, {stride}, {padding})"
        result = called(
            by_hand,
            image.clone(),
            kernel.clone(),
            stride,
            padding,
            shown=shown,
            advice=_SIZES_ADVICE,
        )
        result = a_tensor(result, f"What {shown} returns")
        results.append(
            result.reshape(result.shape[-2:])
            if result.ndim == 4 and result.shape[:2] == (1, 1)
            else result
        )

    def right(case: int) -> Tensor:
        image, kernel, stride, padding = cases[case]
        return _conv2d(image, kernel, stride, padding)

    if all(the_same(result, right(case)) for case, result in enumerate(results)):
        return "It agrees with F.conv2d on five settings. You have written the heart of a convolutional network."
    match_mistake(results, _convolution_mistakes(cases))
    for (image, kernel, stride, padding), result, case in zip(
        cases, results, range(5), strict=True
    ):
        if result.shape != right(case).shape:
            raise NotYet(
                f"An image {list(image.shape)} with a kernel {list(kernel.shape)}, stride {stride} and padding "
                f"{padding} gives {list(result.shape)} with yours, and has to give {list(right(case).shape)}. "
                f"Its height: ({image.shape[0]} + 2 · {padding} − {kernel.shape[0]}) / {stride}, without the "
                f"fraction, plus 1; and the width likewise."
            )
        if not the_same(result, right(case)):
            row, column = ((result - right(case)).abs() > 1e-4).nonzero()[0].tolist()
            raise NotYet(
                f"The sizes are right. With stride {stride} and padding {padding} the number at [{row}, {column}] is "
                f"off: its window starts at row {row} · {stride} and column {column} · {stride} of the padded image."
            )
    raise NotYet("The numbers are not those of F.conv2d.")


def _conv2d(image: Tensor, kernel: Tensor, stride: int, padding: int) -> Tensor:
    height, width = image.shape
    return F.conv2d(
        image.reshape(1, 1, height, width), kernel[None, None], stride=stride, padding=padding
    )[0, 0]


def _convolution_mistakes(
    cases: list[tuple[Tensor, Tensor, int, int]],
) -> dict[str, Callable[[int], Tensor]]:
    return {
        "Stride and padding make no difference yet: that is `convolve` as the lesson has it.": lambda i: (
            _conv2d(*cases[i][:2], 1, 0)
        ),
        "The padding makes no difference yet. `F.pad(image, (padding,) * 4)` puts the border of zeros around.": (
            lambda i: _conv2d(*cases[i][:3], 0)
        ),
        "The stride makes no difference yet: the window moves by 1 each time.": lambda i: _conv2d(
            *cases[i][:2], 1, cases[i][3]
        ),
        "You flipped the kernel, as mathematicians do. In deep learning it is used as it is.": lambda i: (
            _conv2d(cases[i][0], cases[i][1].flip(0, 1), *cases[i][2:])
        ),
        "Rows and columns of the kernel are swapped.": lambda i: _conv2d(
            cases[i][0], cases[i][1].T, *cases[i][2:]
        ),
        "Rows and columns of the output are swapped.": lambda i: _conv2d(*cases[i]).T,
        "You padded on the top and on the left only. The border goes all around, so it counts twice.": lambda i: (
            _conv2d(F.pad(cases[i][0], (cases[i][3], 0, cases[i][3], 0)), *cases[i][1:3], 0)
        ),
    }


EXERCISES = {
    "2.1": Exercise(
        "start from [64, 1, 28, 28] and take the axes one by one: a number drops its axis, a colon or a slice keeps "
        "it.",
        _shapes,
    ),
    "2.2": Exercise(
        "two steps: bring the axes into the order C, H, W, taking the pixels along; then add the axis N in front.",
        _to_batch,
    ),
    "2.3": Exercise(
        "put the numbers into the formula of section 10. For the second question the output has to be 28 again. "
        "Your answer is a pair, (output size, padding).",
        _sizes,
    ),
    "2.4": Exercise(
        "at each place the window's nine pixels are multiplied by the kernel's nine numbers and added up. How much "
        "should each pixel count? Your answer is a pair, (identity, blur), each [3, 3].",
        _kernels,
    ),
    "2.5": Exercise(
        "start from the code of `convolve`. F.pad(image, (left, right, top, bottom)) puts zeros around; the window "
        "of output pixel [row, column] starts at row · stride, column · stride; the output's size follows the formula.",
        _convolution,
    ),
}
