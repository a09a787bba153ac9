"""A digit on paper: photographs made from pen strokes, pages of plain lines, and damaged files."""

import io
import struct
import zlib

from mnist_helpers.drawing import read_photo
import numpy as np
from paper_digits import misread
from PIL import Image, ImageDraw, ImageOps
import pytest
import torch

FIVE = [(90, 52, 140, 48), (90, 60, 85, 120), (85, 120, 130, 135), (130, 135, 80, 190)]
RULES = [(0, y, 260, y + 8) for y in range(20, 260, 30)]


def page(*lines, ink=30, width=8, size=(260, 260)) -> Image.Image:
    picture = Image.new("L", size, 235)
    for line in lines:
        ImageDraw.Draw(picture).line(line, ink, width)
    return picture


def saved(picture: Image.Image, kind: str = "PNG", **options) -> bytes:
    picture.save(file := io.BytesIO(), kind, **options)
    return file.getvalue()


def test_photographs_made_from_strokes_are_read() -> None:
    assert len(found := misread(range(700_000, 700_060))) <= 3, found


def test_what_disturbs_makes_no_difference_and_each_step_is_a_picture(tmp_path) -> None:
    drawn, exif, image = page(*FIVE), Image.Exif(), read_photo(saved(page(*FIVE))).image[0]
    inked = image.nonzero()
    assert (inked.amax(dim=0) - inked.amin(dim=0)).max() + 1 == 20
    assert image[4:7, 15:].sum() > 2, "the bar, which stands apart, is a part of it"
    (tmp_path / "five.jpg").write_bytes(saved(drawn, "JPEG", quality=95))
    clear = Image.new("RGBA", drawn.size)
    clear.putalpha(drawn.point(lambda grey: 235 - grey))
    exif[0x0112] = 6
    desk = [(0, 6, 260, 3), (6, 0, 3, 260), (0, 255, 260, 255), (240, 0, 260, 260)]
    for source in (
        saved(ImageOps.invert(drawn)),
        saved(clear),
        memoryview(saved(drawn.resize((2600, 2600)))),
        saved(drawn.rotate(90), "JPEG", quality=95, exif=exif),
        str(tmp_path / "five.jpg"),
        tmp_path / "five.jpg",
        saved(Image.fromarray(np.minimum(drawn, page(*desk, width=20)))),
        saved(Image.fromarray(np.minimum(drawn, page(*RULES, ink=60, width=1)))),
    ):
        photo = read_photo(source)
        assert {step.shape for step in photo[:4]} == {(1, 800, 800)}
        assert all(0 <= step.min() <= step.max() == 1 for step in photo[1:4])
        alike = torch.corrcoef(torch.stack([photo.image.flatten(), image.flatten()]))[0, 1]
        print(f"{alike:.3f}")


def test_a_thin_pen_is_widened() -> None:
    thin, wide = (read_photo(saved(page(*FIVE, width=width))).image.sum() for width in (2, 10))
    assert thin > wide / 2


def header(side: int) -> bytes:
    """Return a PNG that ends after it has said how large it is."""
    body = b"IHDR" + struct.pack(">IIBBBBB", side, side, 8, 0, 0, 0, 0)
    check = struct.pack(">I", zlib.crc32(body))
    return saved(page())[:8] + struct.pack(">I", 13) + body + check + bytes(4) + b"IDAT"


NOISE = np.random.default_rng(0).normal(230, 6, (260, 260)).astype(np.uint8)


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (saved(page()), "No ink was found"),
        (saved(Image.fromarray(NOISE)), "No ink was found"),
        (saved(page((0, 90, 260, 110))), "No ink was found"),
        (saved(page(*FIVE, (200, 60, 200, 190))), "several digits"),
        (saved(page((90, 60, 90, 190), (130, 55, 120, 190))), "several digits"),
        (b"no picture", "no whole PNG or JPEG"),
        (saved(page(*FIVE))[:300], "no whole PNG or JPEG"),
        (saved(page(*FIVE), "GIF"), "no whole PNG or JPEG"),
        (header(7_072), "more than 50 megapixels"),
        (header(60_000), "more than 50 megapixels"),
    ],
)
def test_what_cannot_be_read_is_named(source, reason) -> None:
    with pytest.raises(ValueError, match=reason):
        read_photo(source)
