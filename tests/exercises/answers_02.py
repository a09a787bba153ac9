import torch
import torch.nn.functional as F

X = torch.zeros(64, 1, 28, 28)
SHAPES = {"x[5]": [1, 28, 28], "x[5, 0]": (28, 28), "x[:, 0]": [64, 28, 28], "x[5:6]": X[5:6].shape}
IDENTITY, BLUR = torch.eye(9)[4].reshape(3, 3), torch.full((3, 3), 1 / 9)


def convolve_by_hand(image, kernel, stride, padding):
    image = F.pad(image, (padding,) * 4)
    windows = image.unfold(0, kernel.shape[0], stride).unfold(1, kernel.shape[1], stride)
    return (windows * kernel).sum(dim=(2, 3))


def in_two_lines(rows, columns):
    column = rows[:, None]
    return column * columns


ANSWERS = [
    ("2.1", SHAPES, "Right. "),
    ("2.2", lambda photo: photo.reshape(1, 3, 480, 640), "Photographs differ"),
    ("2.4", (IDENTITY.long(), BLUR.double().numpy()), "Right. "),
    ("2.4", (IDENTITY.long().numpy(), BLUR.half()), "Right. "),
    ("2.5", lambda *case: convolve_by_hand(*case)[None, None], "Right. "),
    ("2.5", lambda *case: convolve_by_hand(*case).expand(1, 2, -1, -1), "shape [1, 2, 3, 4] with"),
    ("2.5", lambda x, k, s, p: convolve_by_hand(x, k[:, : len(k)], s, p), "shape [7, 11] with"),
    ("2.5", lambda *case: convolve_by_hand(*case).abs(), "should have -0.1571"),
    ("2.1", SHAPES | {"x[5]": [1, 1, 28, 28]}, "x[5] is not [1, 1, 28, 28]. A number as index"),
    ("2.1", SHAPES | {"x[5:6]": [1, 28, 28]}, "Only a number drops"),
    ("2.1", SHAPES | {"x[5]": X[5]}, "it has to be a list of whole"),
    ("2.1", SHAPES | {"x[5]": [1.0, 28, 28]}, "An entry of your x[5] is 1.0, a float"),
    ("2.2", lambda photo: photo.permute(2, 0, 1)[None].flip(1), "Hint: two steps: bring the axes"),
    ("2.4", (IDENTITY.roll(1, 0), BLUR), "Your identity is not right. Hint: at each place"),
    ("2.4", (IDENTITY, torch.full((3, 3), 0.111)), "nearly right, but rounded"),
    ("2.4", (IDENTITY[None, None], BLUR), "is not a tensor [1, 1, 3, 3] of float32. Hint"),
    ("2.5", lambda *case: convolve_by_hand(*case)[:-1], "size follows the formula"),
    ("2.5", lambda x, k, s, p: torch.zeros(len(x) / s, 3), "divide with `//`"),
    ("2.5", lambda x, k, s, p: (x[:3, :2] * k).sum(), "Is the size that of the formula?"),
    ("2.A", lambda rows, columns: rows * columns[:, None], "has the shape [8, 6] with yours"),
    ("2.A", lambda rows, columns: rows.view(-1, 1) * columns, "not `view`"),
    ("2.A", torch.outer, "not `outer`"),
    ("2.A", in_two_lines, "no other line"),
    ("2.A", lambda rows, columns: torch.stack([row * columns for row in rows]), "no loop"),
    ("2.B", lambda labels: torch.eye(10)[labels] == 1, "Right. "),
    ("2.B", lambda labels: torch.eye(labels.max() + 1)[labels], "has the shape [2, 4] with yours"),
    ("2.C", lambda image: image[:, [3, 2, 1, 0]], "IndexError"),
    ("2.D", lambda image, steps: image[:, torch.arange(image.shape[1]) - steps], "IndexError"),
    ("2.D", lambda image, steps: torch.cat([image[:, -steps:], image[:, :-steps]], 1), "Compare"),
    ("2.D", lambda image, steps: image[:, (torch.arange(4) - steps) % 4], "IndexError"),
    ("2.E", lambda points, others: (points[:, None] - others).norm(dim=-1), "should have 5"),
    ("2.E", lambda x, y: (x**2).sum(1)[:, None] - 2 * x @ y.T + (y**2).sum(1), "Right. "),
]
