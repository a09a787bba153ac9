"""Lesson 02's exercises: other right answers, and what is told beside the mistakes in the data."""

from mnist_helpers.exercises import judge
import pytest
import torch
import torch.nn.functional as F

X = torch.zeros(64, 1, 28, 28)
SHAPES = {"x[5]": [1, 28, 28], "x[5, 0]": [28, 28], "x[:, 0]": [64, 28, 28], "x[5:6]": X[5:6].shape}
IDENTITY, BLUR = torch.zeros(3, 3), torch.full((3, 3), 1 / 9)
IDENTITY[1, 1] = 1


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


ANSWERS = [
    ("2.1", (X[5].shape, X[5, 0].shape, X[:, 0].shape, (1, 1, 28, 28)), "Right. "),
    ("2.2", lambda photo: torch.stack([photo.movedim(2, 0)]), "Right. "),
    ("2.2", lambda photo: photo.unsqueeze(0).permute(0, 3, 1, 2).contiguous(), "Right. "),
    ("2.4", (IDENTITY.long(), torch.ones(3, 3) / 9), "Right. "),
    ("2.5", convolve_by_hand, "Right. "),
    ("2.5", through_conv2d, "Right. "),
    ("2.1", SHAPES | {"x[5]": [1, 1, 28, 28]}, "x[5] is not [1, 1, 28, 28]. A number as index"),
    ("2.1", SHAPES | {"x[5:6]": [1, 28, 28]}, "keeps its axis"),
    ("2.1", SHAPES | {"x[:, 0]": [28, 28, 64]}, "stay in their order"),
    ("2.1", SHAPES | {"x[:, 0]": [64, 1, 28]}, "one by one"),
    ("2.1", SHAPES | {"x[5]": X[5]}, "Your x[5] is a tensor. Its shape is asked for"),
    ("2.1", SHAPES | {"x[5]": "[1, 28, 28]"}, "A shape is a list"),
    ("2.1", SHAPES | {"x[5]": [1.0, 28, 28]}, "A length in your x[5] is 1.0, a float"),
    ("2.2", lambda photo: photo.permute(2, 0, 1)[None].flip(1), "photo[row, column, channel]"),
    ("2.3", (99, 3), "An output of 99 is not what"),
    ("2.3", (14, -3), "Solve"),
    ("2.4", (IDENTITY.roll(1, 0), BLUR), "turns a real picture into another"),
    ("2.4", (IDENTITY, BLUR.long()), "cut off to 0"),
    ("2.4", (IDENTITY, torch.full((3, 3), 0.111)), "nearly right, but rounded"),
    ("2.4", (IDENTITY, 2 * BLUR), "not the mean of the nine"),
    ("2.4", (IDENTITY[None, None], BLUR), "has the shape [1, 1, 3, 3], and has to be [3, 3]"),
    ("2.5", lambda x, k, s, p: convolve_by_hand(x, k, s, p)[:-1], "without the fraction"),
    ("2.5", lambda x, k, s, p: torch.zeros(len(x) / s, 3), "divide with `//`"),
    ("2.5", lambda x, k, s, p: (x[:3, :2] * k).sum(), "Height and width can differ"),
]


@pytest.mark.parametrize(("exercise", "answer", "said"), ANSWERS)
def test_an_answer_is_told_what_it_is(exercise, answer, said) -> None:
    assert said in judge(exercise, answer).message
