"""A digit on paper: photographs made from pen strokes, whole and damaged ones."""

import io
import struct
import zlib

from mnist_helpers.drawing import rasterize, read_photo
import numpy as np
from paper_digits import photograph
from PIL import Image, ImageDraw, ImageOps
import pytest
import torch
import torch.nn.functional as F

FIVE = [(135, 60, 90, 60), (90, 60, 85, 120), (85, 120, 130, 135), (130, 135, 80, 190)]
ANGLE = [(100, 50, 100, 200), (100, 200, 150, 200)]


def page(*lines, size=(260, 260), ink=30, paper=235, width=8) -> Image.Image:
    """Draw lines on plain paper."""
    picture = Image.new("L", size, paper)
    for line in lines:
        ImageDraw.Draw(picture).line(line, ink, width)
    return picture


def saved(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def read(*lines, **options) -> torch.Tensor:
    return read_photo(saved(page(*lines, **options))).image


def likeness(one: torch.Tensor, other: torch.Tensor) -> float:
    """Return the correlation of two pictures, each blurred by a pixel."""
    flat = [F.avg_pool2d(image, 3, 1, 1).flatten() for image in (one, other)]
    return torch.corrcoef(torch.stack(flat))[0, 1].item()


def test_what_disturbs_a_photograph_leaves_the_digit_as_it_was_drawn() -> None:
    alike = []
    for number in range(40):
        strokes, photo = photograph(number % 10, 1000 + number, light_ink=number >= 30)
        found = read_photo(photo).image
        assert (found.shape, found.dtype) == ((1, 28, 28), torch.float32)
        # The tilt is not taken out, so that the best of some turns counts.
        angles = torch.arange(-10, 11, 2).deg2rad().double()
        turns = [torch.tensor([[a.cos(), a.sin()], [-a.sin(), a.cos()]]) for a in angles]
        turned = [[torch.tensor(s).double() @ turn.double() for s in strokes] for turn in turns]
        alike.append(max(likeness(found, rasterize(s)) for s in turned))
    assert min(alike) > 0.85, [f"{one:.2f}" for one in alike]
    assert np.mean(alike) > 0.95


def test_the_steps_are_pictures_of_one_size_and_the_digit_is_the_middle_one() -> None:
    desk = page((0, 40, 260, 30), (0, 20, 30, 260), *FIVE, (240, 20, 244, 20))
    photo = read_photo(saved(desk))
    *steps, image = photo
    assert {step.shape for step in steps} == {(1, 800, 800)}
    assert all(step.min() >= 0 and step.max() <= 1 for step in photo)
    assert photo.ink.sum() > photo.digit.sum() > 0
    assert likeness(image, read(*FIVE)) > 0.99, "what touches the edge, and a speck, are left out"
    inked = image[0].nonzero()
    assert (inked.amax(dim=0) - inked.amin(dim=0)).max() + 1 == 20
    rows, columns = (image[0].sum(dim=dim) @ torch.arange(28.0) / image.sum() for dim in (1, 0))
    assert abs(rows - 14) <= 0.52
    assert abs(columns - 14) <= 0.52


def test_size_ink_kind_of_file_and_a_path_make_no_difference(tmp_path) -> None:
    drawn = page(*FIVE)
    (tmp_path / "five.jpg").write_bytes(saved(drawn, "JPEG", quality=95))
    clear = Image.new("RGBA", drawn.size)
    clear.putalpha(drawn.point(lambda value: 235 - value))
    others = {
        "light ink": saved(ImageOps.invert(drawn)),
        "transparent": saved(clear),
        "large": saved(drawn.resize((2600, 2600))),
        "path": tmp_path / "five.jpg",
        "text": str(tmp_path / "five.jpg"),
    }
    for name, other in others.items():
        assert likeness(read_photo(other).image, read(*FIVE)) > 0.99, name


def test_a_camera_held_sideways_is_put_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    sideways = saved(page(*ANGLE).rotate(90), "JPEG", exif=exif)
    assert likeness(read_photo(sideways).image, read(*ANGLE)) > 0.99


def test_a_thin_pen_and_lines_through_the_digit() -> None:
    thin = read(*FIVE, width=2)
    assert thin.sum() == pytest.approx(read(*FIVE, width=10).sum().item(), rel=0.5)
    ruled = page(*[(0, y, 260, y) for y in range(40, 260, 30)], ink=110, width=1)
    lined = Image.fromarray(np.minimum(ruled, page(*FIVE, width=10)))
    assert likeness(read_photo(saved(lined)).image, read(*FIVE, width=10)) > 0.95


def test_pieces_near_by_are_one_digit_and_others_are_several() -> None:
    body, bar = FIVE[1:], (100, 52, 145, 48)
    assert read(*body, bar)[0, 4:9, 14:].sum() > 3, "the bar of a five that stands apart"
    for second in ([(200, 60, 200, 190)], [(120, 55, 120, 190)]):
        with pytest.raises(ValueError, match="several digits"):
            read((90, 60, 90, 190), *second)


@pytest.mark.parametrize("blank", [page(), page((0, 90, 260, 110))])
def test_paper_without_a_digit_has_no_ink(blank) -> None:
    noise = np.random.default_rng(0).normal(0, 6, (260, 260))
    for picture in (blank, Image.fromarray((blank + noise).clip(0, 255).astype("u1"))):
        with pytest.raises(ValueError, match="No ink was found"):
            read_photo(saved(picture))
    with pytest.raises(ValueError, match="No ink was found"):
        read_photo(saved(page(size=(300, 2))))


def test_what_is_no_such_picture_is_named(tmp_path) -> None:
    whole = saved(page(*FIVE))
    for damaged in (b"", b"no picture", whole[:300], saved(page(), "GIF")):
        with pytest.raises(ValueError, match="no whole picture in PNG or JPEG"):
            read_photo(damaged)
    with pytest.raises(FileNotFoundError):
        read_photo(tmp_path / "none.png")
    # Nothing but a header that claims to be so large.
    for side in (7_072, 60_000):
        body = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
        header = (
            struct.pack(">I", 13) + body + struct.pack(">I", zlib.crc32(body)) + bytes(4) + b"IDAT"
        )
        with pytest.raises(ValueError, match="more than 50 megapixels"):
            read_photo(whole[:8] + header)
