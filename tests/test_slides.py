"""The decks of slides: that each holds its whole lesson, and loads nothing from outside its folder."""

from pathlib import Path
import re
import shutil
import sys

from bs4 import BeautifulSoup, Tag
from build_slides import REVEAL, deck_link, main, shortened
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
import pytest
from run_notebooks import ROOT, lessons
from test_repository import dry_run

LESSONS = lessons()
# Every attribute through which HTML loads something by itself; a link that a reader may follow is not among them.
LOADING = ("src", "srcset", "poster", "data", "background")

each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem[:2])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the decks of all lessons."""
    folder = tmp_path_factory.mktemp("slides")
    main(LESSONS, folder)
    return folder


def deck(path: Path, folder: Path) -> BeautifulSoup:
    return BeautifulSoup((folder / f"{path.stem}.html").read_text(encoding="utf-8"), "html.parser")


def shown_cells(path: Path) -> list[NotebookNode]:
    cells = nbformat.read(path, as_version=4).cells
    return [cell for cell in cells if cell.metadata.slideshow.slide_type not in ("skip", "notes")]


def pages(soup: BeautifulSoup) -> list[Tag]:
    return soup.select(".slides > section > section")


def loaded_by_styles(css: str) -> list[str]:
    return re.findall(r"""(?:@import\s+(?!url)|url\(\s*)["']?([^"')\s]+)""", css)


def loaded_by_page(soup: BeautifulSoup) -> list[str]:
    """Return every address that the page loads by itself."""
    found = [tag["href"] for tag in soup.find_all("link")]
    for tag in soup.find_all(True):
        found += [tag[name] for name in LOADING if tag.has_attr(name)]
        found += loaded_by_styles(tag.get("style", ""))
    for style in soup.find_all("style"):
        found += loaded_by_styles(style.string or "")
    for script in soup.find_all("script"):
        text = script.string or ""
        found += re.findall(r"""(?:\bfrom|\bimport|\bimport\(|\bfetch\()\s*["']([^"']+)""", text)
    return found


def cell(kind: str, source: str, *outputs: NotebookNode, slide_type: str = "-") -> NotebookNode:
    made = new_code_cell(source) if kind == "code" else new_markdown_cell(source)
    if kind == "code":
        made.outputs = list(outputs)
    made.metadata.slideshow = {"slide_type": slide_type}
    return made


def build(folder: Path, *cells: NotebookNode) -> BeautifulSoup:
    """Return the deck of a notebook of a title and these cells."""
    path = folder / "05_trial.ipynb"
    title = cell("markdown", "# 05 Trial", slide_type="slide")
    nbformat.write(new_notebook(cells=[title, *cells]), path)
    main([path], folder)
    return deck(path, folder)


@each_lesson
def test_every_code_cell_is_in_the_deck_with_its_output_but_for_the_hints(
    path: Path, folder: Path
) -> None:
    wanted = [cell for cell in shown_cells(path) if cell.cell_type == "code"]
    found = deck(path, folder).select(".jp-CodeCell")
    codes = [tag.select_one(".jp-InputArea pre").get_text().strip() for tag in found]
    assert codes == [cell.source for cell in wanted]
    for tag, cell in zip(found, wanted, strict=True):
        if "exercise" in cell.metadata.get("tags", []):
            assert not tag.select(".jp-OutputArea-output")
            assert "Hint:" not in tag.get_text()
            continue
        figures = [out for out in cell.outputs if "image/png" in out.get("data", {})]
        assert len(tag.select("img")) == len(figures)
        for output in cell.outputs:
            assert output.get("text", "").strip() in tag.get_text()


@each_lesson
def test_every_text_cell_is_in_the_deck(path: Path, folder: Path) -> None:
    wanted = [cell for cell in shown_cells(path) if cell.cell_type == "markdown"]
    assert len(deck(path, folder).select(".jp-MarkdownCell")) == len(wanted)


@each_lesson
def test_the_pages_are_those_that_the_slide_types_say(path: Path, folder: Path) -> None:
    kinds = [cell.metadata.slideshow.slide_type for cell in shown_cells(path)]
    assert len(pages(deck(path, folder))) == kinds.count("slide") + kinds.count("subslide")


@each_lesson
def test_a_deck_loads_only_files_that_lie_beside_it(path: Path, folder: Path) -> None:
    addresses = loaded_by_page(deck(path, folder))
    assert f"{REVEAL}/dist/reveal.js" in addresses
    for address in addresses:
        assert address.startswith("data:") or (folder / address).is_file(), address[:80]


def test_the_search_for_what_a_page_loads_finds_each_way() -> None:
    html = """<link href="1"><script src="2"></script><style>@import "3"; a { b: url(4) }</style><img src="5">
    <script type="module">import a from "6"; import("7"); fetch('8')</script><p style="background: url('9')">"""
    assert sorted(loaded_by_page(BeautifulSoup(html, "html.parser"))) == list("123456789")


def test_the_style_sheets_load_only_files_that_lie_beside_them(folder: Path) -> None:
    sheets = list((folder / REVEAL).rglob("*.css"))
    fonts = [
        (sheet, address)
        for sheet in sheets
        for address in loaded_by_styles(sheet.read_text(encoding="utf-8"))
        if not address.startswith("data:")
    ]
    assert fonts
    for sheet, address in fonts:
        assert (sheet.parent / address.partition("?")[0]).is_file(), address


def test_revealjs_comes_with_its_licence_and_the_speakers_view(folder: Path) -> None:
    assert "Permission" in (folder / REVEAL / "LICENSE").read_text(encoding="utf-8")
    assert (folder / REVEAL / "plugin" / "notes" / "notes.js").is_file()


@each_lesson
def test_formulas_are_mathml(path: Path, folder: Path) -> None:
    formulas = sum(cell.source.count("$$") // 2 for cell in shown_cells(path))
    soup = deck(path, folder)
    assert len(soup.select('math[display="block"]')) == formulas
    assert "$$" not in soup.get_text()


def test_lessons_hold_a_formula_to_try_that_on() -> None:
    assert any("$$" in cell.source for path in LESSONS for cell in shown_cells(path))


@each_lesson
def test_links_lead_to_the_neighbouring_decks(path: Path, folder: Path) -> None:
    links = [tag["href"] for tag in deck(path, folder).select(".jp-MarkdownCell a")]
    place = LESSONS.index(path)
    neighbours = LESSONS[max(0, place - 1) : place + 2]
    assert {f"{other.stem}.html" for other in neighbours if other != path} <= set(links)
    for link in links:
        assert link.startswith("https://") or (folder / link).exists(), link


@pytest.mark.parametrize(
    ("url", "link"),
    [
        ("02_tensor_shapes.ipynb", "02_tensor_shapes.html"),
        ("02_tensor_shapes.ipynb#9.-Stride-and-padding", "02_tensor_shapes.html"),
        ("../README.md#start", "../README.md#start"),
        ("images/digits.png", "../notebooks/images/digits.png"),
        ("https://pytorch.org/get-started", "https://pytorch.org/get-started"),
        ("#in-short", "#in-short"),
    ],
)
def test_a_link_leads_to_a_deck_or_to_the_same_file(url: str, link: str) -> None:
    assert deck_link(url, ROOT / "notebooks", ROOT / "slides") == link


def test_a_traceback_keeps_the_learners_line_and_the_last_line() -> None:
    frames = ["Cell In[1], line 1\n----> 1 plt.imshow(image)\n", "File a.py:2\n", "File b.py:3\n"]
    rule, name, last = "-" * 75, "TypeError   Traceback (most recent call last)", "TypeError: bad"
    short = shortened([rule, name, *frames, last])
    assert short[0] == frames[0]
    assert short[-1] == last
    assert "File" not in "".join(short[1:])
    assert shortened([rule, name, frames[0], last]) == [frames[0], last]


@each_lesson
def test_errors_are_short_in_the_deck_and_say_what_is_wrong(path: Path, folder: Path) -> None:
    errors = [
        output
        for cell in shown_cells(path)
        for output in cell.get("outputs", [])
        if output.output_type == "error"
    ]
    texts = [tag.get_text() for tag in deck(path, folder).select("[data-mime-type$=stderr]")]
    assert len(texts) == len(errors) > 0
    for text, error in zip(texts, errors, strict=True):
        assert f"{error.ename}: {error.evalue}" in text
        assert "---> " in text, "the arrow at the learner's own line"
        assert "File " not in text


def test_an_output_to_predict_waits_for_a_key_and_its_code_does_not(tmp_path: Path) -> None:
    printed = new_output("stream", text="4")
    soup = build(
        tmp_path,
        cell("code", "before = 1", printed),
        cell("markdown", "**Predict.** How many?"),
        cell("code", "two = 2", slide_type="fragment"),
        cell("code", "two + two", printed),
        cell("markdown", "Four."),
        cell("code", "after = 1", printed),
    )
    held = [bool(tag.select(".fragment .jp-OutputArea")) for tag in soup.select(".jp-CodeCell")]
    assert held == [False, False, True, False]
    assert not soup.select(".fragment .jp-InputArea")


def test_a_page_that_continues_a_section_names_it(tmp_path: Path) -> None:
    soup = build(
        tmp_path,
        cell("markdown", "## 1. `view` & more\n\nText", slide_type="slide"),
        cell("code", "1", slide_type="subslide"),
    )
    assert [page.get("data-section") for page in pages(soup)] == [None, None, "1. view & more"]


def test_folded_text_stays_folded(tmp_path: Path) -> None:
    soup = build(
        tmp_path,
        cell("markdown", "<details><summary>Answer</summary>\n\nIt is 4.\n\n</details>\n\nOn."),
    )
    assert "It is 4." in soup.details.get_text()
    assert "On." not in soup.details.get_text()


def test_a_picture_in_the_text_lies_in_the_deck(tmp_path: Path) -> None:
    (tmp_path / "digit.png").write_bytes(b"\x89PNG")
    soup = build(
        tmp_path, cell("markdown", '![a digit](digit.png)\n\n<img src="digit.png" alt="it">')
    )
    assert [tag["src"][:10] for tag in soup.select(".jp-MarkdownCell img")] == ["data:image"] * 2


def test_speaker_notes_are_notes_and_skipped_cells_are_nowhere(tmp_path: Path) -> None:
    soup = build(
        tmp_path,
        cell("markdown", "Ask the back row.", slide_type="notes"),
        cell("markdown", "Not for the wall.", slide_type="skip"),
    )
    assert "Ask the back row." in soup.select_one("section section aside.notes").get_text()
    assert "Not for the wall." not in soup.get_text()


def test_a_cell_without_a_slide_type_ends_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"05_trial.ipynb: cell 2 \('1 \+ 1'\).*inspector"):
        build(tmp_path, new_code_cell("1 + 1\n2"))


def test_a_notebook_that_does_not_exist_ends_with_those_that_do(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"no notebook .*99_no.ipynb.*02_tensor_shapes.ipynb"):
        main([tmp_path / "99_no.ipynb"], tmp_path)


def test_without_revealjs_the_message_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "sphinx_revealjs", None)  # as if it were not installed
    with pytest.raises(SystemExit, match=r"sphinx-revealjs.*pip install -r requirements.lock"):
        main([], tmp_path)


@pytest.mark.skipif(shutil.which("make") is None, reason="make is not installed")
def test_make_slides_passes_the_arguments_on() -> None:
    printed = dry_run("slides", "ARGS=notebooks/02_tensor_shapes.ipynb")
    assert printed.splitlines()[-1].endswith("build_slides.py notebooks/02_tensor_shapes.ipynb")
