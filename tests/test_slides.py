import ast
import re

from bs4 import BeautifulSoup
from build_slides import REVEAL, main
import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook, new_output
import pytest
from run_notebooks import WIDGET, lessons

LESSONS = lessons()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("slides")
    main(LESSONS, folder)
    return folder


@pytest.fixture(scope="module", params=LESSONS, ids=lambda path: path.stem[:2])
def path(request):
    return request.param


@pytest.fixture(scope="module")
def deck(path, folder):
    return parse(folder / f"{path.stem}.html")


def parse(path):
    return BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser")


def shown_cells(path, kind):
    cells = nbformat.read(path, as_version=4).cells
    shown = [cell for cell in cells if cell.metadata.slideshow.slide_type not in ("skip", "notes")]
    return [cell for cell in shown if cell.cell_type == kind]


def pages(soup):
    return soup.select(".slides > section > section")


def test_every_code_cell_is_in_the_deck_with_its_output_unless_it_is_an_exercise(path, deck):
    wanted = shown_cells(path, "code")
    found = deck.select(".jp-CodeCell")
    codes = [tag.select_one(".jp-InputArea pre").get_text().strip() for tag in found]
    assert codes == [cell.source for cell in wanted]
    for tag, cell in zip(found, wanted, strict=True):
        if "exercise" in cell.metadata.get("tags", []):
            assert not tag.select(".jp-OutputArea-output")
            continue
        figures = [out for out in cell.outputs if "image/png" in out.get("data", {})]
        assert len(tag.select("img")) == len(figures)
        for output in cell.outputs:
            if output.output_type == "error":
                text = tag.select_one("[data-mime-type$=stderr]").get_text()
                assert f"{output.ename}: {output.evalue}" in text
                assert "---> " in text, "the arrow at the learner's own line"
                assert not re.search("File |%tb", text)
            assert output.get("text", "").strip() in tag.get_text()


def letters(text):
    return re.sub(r"\W", "", text)


def test_every_text_is_in_the_deck_and_every_page_too(path, deck):
    texts = shown_cells(path, "markdown")
    for tag, cell in zip(deck.select(".jp-MarkdownCell"), texts, strict=True):
        # A paragraph in plain words; marks, links, formulas and code look otherwise there.
        told = letters(tag.get_text())
        for sentence in re.findall(r"^[A-Z][\w ,;:.'-]+$", cell.source, flags=re.M):
            assert letters(sentence) in told
        assert len(told) > 0.4 * len(letters(cell.source)) or "](" in cell.source
    kinds = [cell.metadata.slideshow.slide_type for cell in nbformat.read(path, 4).cells]
    assert len(pages(deck)) == kinds.count("slide") + kinds.count("subslide")
    formulas = sum(cell.source.count("$$") // 2 for cell in texts)
    assert len(deck.select('math[display="block"]')) == formulas
    assert "$$" not in deck.get_text()


def test_no_page_shows_only_a_heading_a_call_or_folded_text(deck):
    for page in pages(deck):
        codes = [tag.get_text() for tag in page.select(".jp-CodeCell .jp-InputArea pre")]
        lines = ast.parse("\n".join(codes)).body
        more = [line for line in lines if type(getattr(line, "value", 0)) is not ast.Call]
        texts = page.select(".jp-MarkdownCell :is(p, li):not(details *)")
        assert texts or more or page.select(".jp-OutputArea-output"), page.get_text()


def test_links_lead_to_the_neighbouring_decks(path, deck, folder):
    links = [tag["href"] for tag in deck.select(".jp-MarkdownCell a")]
    decks = [f"{lesson.stem}.html" for lesson in LESSONS]
    place = LESSONS.index(path)
    assert {*decks[max(0, place - 1) : place], *decks[place + 1 : place + 2]} <= set(links)
    for link in links:
        assert link.startswith("https://") or (folder / link).exists(), link


def text(source, slide_type="-"):
    return new_markdown_cell(source, metadata={"slideshow": {"slide_type": slide_type}})


def code(source, *outputs, slide_type="-", count=1):
    metadata = {"slideshow": {"slide_type": slide_type}}
    return new_code_cell(source, metadata=metadata, outputs=[*outputs], execution_count=count)


def build(folder, *cells):
    path = folder / "05_trial.ipynb"
    nbformat.write(new_notebook(cells=[text("# 05 Trial", "slide"), *cells]), path)
    main([path], folder)
    return parse(path.with_suffix(".html"))


def test_an_output_to_predict_waits_for_a_key_and_its_code_does_not(tmp_path):
    printed = new_output("stream", text="4")
    cells = [code("before = 1", printed), text("**Predict.** How many?")]
    cells += [code("two = 2", slide_type="fragment"), code("two + two", printed)]
    soup = build(tmp_path, *cells, text("Four."), code("after = 1", printed))
    held = [bool(tag.select(".fragment .jp-OutputArea")) for tag in soup.select(".jp-CodeCell")]
    assert held == [False, False, True, False]
    assert not soup.select(".fragment .jp-InputArea")


def test_what_a_page_shows_beside_its_cells(tmp_path):
    (tmp_path / "digit.png").write_bytes(b"\x89PNG")
    pad = new_output("display_data", data={WIDGET: {}, "text/plain": "VBox(children=())"})
    soup = build(
        tmp_path,
        text("## 1. `view` & more\n\nText", "slide"),
        code("pad()", pad, slide_type="subslide"),
        text("<details><summary>Answer</summary>\n\nIt is 4.\n\n</details>\n\nOn."),
        text('![a digit](digit.png)\n\n<img src="digit.png" alt="it">'),
        text("Ask the back row.", "notes"),
        text("Not for the wall.", "skip"),
    )
    assert [page.get("data-section") for page in pages(soup)] == [None, None, "1. view & more"]
    assert "It is 4." in soup.details.get_text()
    assert "On." not in soup.details.get_text()
    assert [tag["src"][:10] for tag in soup.select(".jp-MarkdownCell img")] == ["data:image"] * 2
    assert "Ask the back row." in soup.select_one("section section aside.notes").get_text()
    assert not re.search("Not for the wall|VBox", soup.get_text())
    assert (tmp_path / REVEAL / "LICENSE").is_file(), "the one file of it that no page loads"


def test_what_is_missing_ends_with_what_to_do(tmp_path):
    with pytest.raises(SystemExit, match=r"05_trial.ipynb: cell 2 \('1 \+ 1'\).*inspector"):
        build(tmp_path, new_code_cell("1 + 1\n2"))
    with pytest.raises(SystemExit, match=r"cell 2 .* no output: .*make notebooks ARGS=.*05_trial"):
        build(tmp_path, code("1 + 1", count=None))
    with pytest.raises(SystemExit, match=r"no notebook .*99_no.ipynb.*02_tensor_shapes.ipynb"):
        main([tmp_path / "99_no.ipynb"], tmp_path)
