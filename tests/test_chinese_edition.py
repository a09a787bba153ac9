import copy
import re

from chinese_edition import CHINESE, COPIED, out_of_date, rendered
import nbformat
import pytest
from run_notebooks import ROOT, START_PAGE, lessons
from test_lessons import Lesson

LESSONS = [START_PAGE, *lessons()]
TERM = re.compile(r"^\| ([^|]+) \| [^|]+ \| (.+) \|$", re.M)


@pytest.fixture(params=LESSONS, ids=lambda path: path.name[:2])
def editions(request):
    name = request.param.name
    return [nbformat.read(folder / name, as_version=4) for folder in (ROOT / "notebooks", CHINESE)]


def text_cells(edition):
    return [cell for cell in edition.cells if cell.cell_type == "markdown"]


def kept(text):
    code = sorted(re.findall(r"```.*?```|`[^`\n]+`", text, re.S))
    links = re.findall(r"\]\(([^)]+)|(?:href|src)=\"([^\"]+)", text)
    links = sorted(re.sub(r"^(?:\.\./|zh/)", "", "".join(link)) for link in links)
    plain = re.sub(r"\]\([^)]*\)|(?<=\d),(?=\d{3})", "", text)
    signs = [text.count(sign) for sign in ("★", "●", "$", "<details>", "\n- ")]
    return code, links, signs, {*re.findall(r"\d+(?:\.\d+)?", plain)}


def test_the_code_and_what_it_gave_are_the_english_editions_and_the_text_renders_it(editions):
    english, chinese = editions
    assert chinese == rendered(english, chinese)
    assert out_of_date(english, chinese) == []
    for ours, theirs in zip(text_cells(chinese), text_cells(english), strict=True):
        *same, numbers = kept(theirs.source)
        *as_same, as_numbers = kept(ours.source)
        assert (as_same, numbers - as_numbers) == (same, set()), ours.source
        assert re.search("[\u4e00-\u9fff]", ours.source)


def test_a_cell_whose_english_has_changed_is_named_and_its_chinese_kept(editions):
    english, chinese = editions
    changed = copy.deepcopy(english)
    text_cells(changed)[1].source += " And more."
    cell = text_cells(chinese)[1]
    assert out_of_date(changed, chinese) == [cell.id]
    again = text_cells(rendered(changed, chinese))
    assert again[1] == cell


def test_what_cells_read_from_their_folder_lies_in_this_one_too():
    for name in COPIED:
        assert (CHINESE / name).read_bytes() == (ROOT / "notebooks" / name).read_bytes()


def test_the_glossary_has_each_term_with_the_english_word_and_leads_to_its_section():
    rows, english = (
        TERM.findall((folder / "GLOSSARY.md").read_text(encoding="utf-8"))[2:]
        for folder in (CHINESE, ROOT / "notebooks")
    )
    sections = {path.name: Lesson(CHINESE / path.name).by_anchor for path in LESSONS}
    for (term, links), (name, places) in zip(rows, english, strict=True):
        words = re.findall(r"\*\*(.+?)\*\*", term)
        word = re.search(r"\*\*`?(.+?)`?\*\*", name)[1]
        assert word in term
        found = re.findall(r"\]\(([^#)]+)#([^)]+)\)", links)
        assert [file for file, _ in found] == re.findall(r"\]\(([^#)]+)#", places)
        for place, (file, anchor) in enumerate(found):
            section = sections[file].get(anchor, "")
            assert any(one.strip("`") in section for one in words), (term, anchor)
            assert place or word.lower() in section.lower(), f"{term} stands without {word}"
