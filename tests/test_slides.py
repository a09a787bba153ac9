"""The decks of slides: each holds its whole lesson, and loads nothing from outside its folder."""

import ast
from pathlib import Path
import re

from bs4 import BeautifulSoup, Tag
from build_slides import REVEAL, deck_link, main, shortened
import nbformat
from nbformat import NotebookNode
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
import pytest
from run_notebooks import ROOT, WIDGET, lessons

LESSONS = lessons()
# Every attribute through which HTML loads something by itself, without a reader's click.
LOADING = ("src", "srcset", "poster", "data", "background")

each_lesson = pytest.mark.parametrize("path", LESSONS, ids=lambda path: path.stem[:2])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("slides")
    main(LESSONS, folder)
    return folder


@pytest.fixture(scope="module")
def decks(folder: Path) -> dict[Path, BeautifulSoup]:
    return {path: deck(path, folder) for path in LESSONS}


def deck(path: Path, folder: Path) -> BeautifulSoup:
    return BeautifulSoup((folder / f"{path.stem}.html").read_text(encoding="utf-8"), "html.parser")


def shown_cells(path: Path, kind: str) -> list[NotebookNode]:
    cells = nbformat.read(path, as_version=4).cells
    shown = [cell for cell in cells if cell.metadata.slideshow.slide_type not in ("skip", "notes")]
    return [cell for cell in shown if cell.cell_type == kind]


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
    metadata = {"slideshow": {"slide_type": slide_type}}
    if kind == "markdown":
        return new_markdown_cell(source, metadata=metadata)
    return new_code_cell(source, metadata=metadata, outputs=list(outputs), execution_count=1)


def build(folder: Path, *cells: NotebookNode) -> BeautifulSoup:
    """Return the deck of a notebook of a title and these cells."""
    path = folder / "05_trial.ipynb"
    title = cell("markdown", "# 05 Trial", slide_type="slide")
    nbformat.write(new_notebook(cells=[title, *cells]), path)
    main([path], folder)
    return deck(path, folder)


@each_lesson
def test_every_code_cell_is_in_the_deck_with_its_output_but_for_the_hints(path, decks) -> None:
    wanted = shown_cells(path, "code")
    found = decks[path].select(".jp-CodeCell")
    codes = [tag.select_one(".jp-InputArea pre").get_text().strip() for tag in found]
    assert codes == [cell.source for cell in wanted]
    for tag, cell in zip(found, wanted, strict=True):
        if "exercise" in cell.metadata.get("tags", []):
            assert not tag.select(".jp-OutputArea-output")
            continue
        figures = [out for out in cell.outputs if "image/png" in out.get("data", {})]
        assert len(tag.select("img")) == len(figures)
        for output in cell.outputs:
            assert output.get("text", "").strip() in tag.get_text()


def letters(text: str) -> str:
    return re.sub(r"\W", "", text)


@each_lesson
def test_every_text_is_in_the_deck_and_every_page_too(path, decks) -> None:
    found = decks[path].select(".jp-MarkdownCell")
    for tag, cell in zip(found, shown_cells(path, "markdown"), strict=True):
        # A paragraph in plain words; marks, links, formulas and code look otherwise there.
        told = letters(tag.get_text())
        for sentence in re.findall(r"^[A-Z][\w ,;:.'-]+$", cell.source, flags=re.M):
            assert letters(sentence) in told
        assert len(told) > 0.4 * len(letters(cell.source)) or "](" in cell.source
    kinds = [cell.metadata.slideshow.slide_type for cell in nbformat.read(path, 4).cells]
    assert len(pages(decks[path])) == kinds.count("slide") + kinds.count("subslide")
    formulas = sum(cell.source.count("$$") // 2 for cell in shown_cells(path, "markdown"))
    assert len(decks[path].select('math[display="block"]')) == formulas
    assert "$$" not in decks[path].get_text()


@each_lesson
def test_no_page_shows_only_a_heading_a_call_or_folded_text(path, decks) -> None:
    for page in pages(decks[path]):
        codes = [tag.get_text() for tag in page.select(".jp-CodeCell .jp-InputArea pre")]
        lines = ast.parse("\n".join(codes)).body
        more = [line for line in lines if type(getattr(line, "value", 0)) is not ast.Call]
        texts = page.select(".jp-MarkdownCell :is(p, li):not(details *)")
        assert texts or more or page.select(".jp-OutputArea-output"), page.get_text()


@each_lesson
def test_a_cell_that_only_confirms_what_the_text_says_is_on_no_page(path) -> None:
    for cell in shown_cells(path, "code"):
        told = "".join(output.get("text", "") for output in cell.outputs)
        assert not (cell.source.startswith("print(") and re.fullmatch(r"(.*: True\n)+", told))


@each_lesson
def test_a_deck_loads_only_files_that_lie_beside_it(path, decks, folder) -> None:
    addresses = loaded_by_page(decks[path])
    assert f"{REVEAL}/dist/reveal.js" in addresses
    for address in addresses:
        assert address.startswith("data:") or (folder / address).is_file(), address[:80]


def test_the_search_for_what_a_page_loads_finds_each_way() -> None:
    html = """<link href="1"><script src="2"></script><style>@import "3"; a { b: url(4) }</style>
    <img src="5"><script type="module">import a from "6"; import("7"); fetch('8')</script>
    <p style="background: url('9')">"""
    assert sorted(loaded_by_page(BeautifulSoup(html, "html.parser"))) == list("123456789")


def test_revealjs_is_whole_and_comes_with_its_licence_and_the_speakers_view(folder: Path) -> None:
    assert "Permission" in (folder / REVEAL / "LICENSE").read_text(encoding="utf-8")
    assert (folder / REVEAL / "plugin" / "notes" / "notes.js").is_file()
    sheets = list((folder / REVEAL).rglob("*.css"))
    assert sheets
    for sheet in sheets:
        for address in loaded_by_styles(sheet.read_text(encoding="utf-8")):
            beside = sheet.parent / address.partition("?")[0]
            assert address.startswith("data:") or beside.is_file(), address


@each_lesson
def test_links_lead_to_the_neighbouring_decks(path, decks, folder) -> None:
    links = [tag["href"] for tag in decks[path].select(".jp-MarkdownCell a")]
    place = LESSONS.index(path)
    neighbours = LESSONS[max(0, place - 1) : place + 2]
    assert {f"{other.stem}.html" for other in neighbours if other != path} <= set(links)
    for link in links:
        assert link.startswith("https://") or (folder / link).exists(), link


def test_a_link_leads_to_a_deck_or_to_the_same_file() -> None:
    folders = ROOT / "notebooks", ROOT / "slides"
    assert deck_link("02_tensor_shapes.ipynb#9.-Stride", *folders) == "02_tensor_shapes.html"
    assert deck_link("images/digits.png", *folders) == "../notebooks/images/digits.png"
    for url in ("#in-short", "https://pytorch.org/get-started"):
        assert deck_link(url, *folders) == url


@each_lesson
def test_errors_are_short_in_the_deck_and_say_what_is_wrong(path, decks) -> None:
    outputs = [output for cell in shown_cells(path, "code") for output in cell.outputs]
    errors = [output for output in outputs if output.output_type == "error"]
    texts = [tag.get_text() for tag in decks[path].select("[data-mime-type$=stderr]")]
    assert len(texts) == len(errors) > 0
    for text, error in zip(texts, errors, strict=True):
        assert f"{error.ename}: {error.evalue}" in text
        assert "---> " in text, "the arrow at the learner's own line"
        assert "File " not in text


def test_a_traceback_of_one_frame_says_nothing_of_left_out_lines() -> None:
    frames = ["Cell In[1], line 1\n----> 1 plt.imshow(image)\n", "TypeError: bad"]
    assert shortened(["-" * 75, "TypeError   Traceback", *frames]) == frames


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


def test_what_a_page_shows_beside_its_cells(tmp_path: Path) -> None:
    (tmp_path / "digit.png").write_bytes(b"\x89PNG")
    pad = new_output("display_data", data={WIDGET: {}, "text/plain": "VBox(children=())"})
    soup = build(
        tmp_path,
        cell("markdown", "## 1. `view` & more\n\nText", slide_type="slide"),
        cell("code", "pad()", pad, slide_type="subslide"),
        cell("markdown", "<details><summary>Answer</summary>\n\nIt is 4.\n\n</details>\n\nOn."),
        cell("markdown", '![a digit](digit.png)\n\n<img src="digit.png" alt="it">'),
        cell("markdown", "Ask the back row.", slide_type="notes"),
        cell("markdown", "Not for the wall.", slide_type="skip"),
    )
    # A page that continues a section names it; folded text stays folded; pictures lie in the deck.
    assert [page.get("data-section") for page in pages(soup)] == [None, None, "1. view & more"]
    assert "It is 4." in soup.details.get_text()
    assert "On." not in soup.details.get_text()
    assert [tag["src"][:10] for tag in soup.select(".jp-MarkdownCell img")] == ["data:image"] * 2
    assert "Ask the back row." in soup.select_one("section section aside.notes").get_text()
    assert not re.search("Not for the wall|VBox", soup.get_text())


def test_what_is_missing_ends_with_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(SystemExit, match=r"05_trial.ipynb: cell 2 \('1 \+ 1'\).*inspector"):
        build(tmp_path, new_code_cell("1 + 1\n2"))
    cleared = new_code_cell("1 + 1", metadata={"slideshow": {"slide_type": "-"}})
    with pytest.raises(SystemExit, match=r"cell 2 .* no output: .*make notebooks ARGS=.*05_trial"):
        build(tmp_path, cleared)
    with pytest.raises(SystemExit, match=r"no notebook .*99_no.ipynb.*02_tensor_shapes.ipynb"):
        main([tmp_path / "99_no.ipynb"], tmp_path)
