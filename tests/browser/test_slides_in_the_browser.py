from build_slides import main
import pytest
from run_notebooks import lessons

SMALLEST_CODE = 15  # pixels on a page of 1280×720
# What reaches over the page's edges, and the smallest code on it. Folded text takes no room.
LOOK = """() => {
    const page = Reveal.getCurrentSlide();
    const edges = page.getBoundingClientRect();
    const reachesOver = (element) => {
        const box = element.getBoundingClientRect();
        const over = box.bottom > edges.bottom + 1 || box.right > edges.right + 1;
        return over && element.checkVisibility();
    };
    const size = (code) => parseFloat(getComputedStyle(code).fontSize);
    return {
        starts: page.innerText.slice(0, 60),
        over: [...page.querySelectorAll("*")].filter(reachesOver).map((one) => one.outerHTML),
        scrolls: page.scrollHeight > page.clientHeight || page.classList.contains("scrolls"),
        code: Math.min(...[...page.querySelectorAll("pre")].map(size), 100),
    };
}"""


@pytest.mark.parametrize("path", lessons(), ids=lambda path: path.stem[:2])
def test_every_page_of_a_deck_holds_what_it_shows(path, page, tmp_path):
    main([path], tmp_path)
    problems, addresses = [], []
    page.on("console", lambda message: message.type == "error" and problems.append(message.text))
    page.on("pageerror", lambda error: problems.append(str(error)))
    page.on("request", lambda request: addresses.append(request.url))
    page.set_viewport_size({"width": 1280, "height": 720})
    page.goto((tmp_path / f"{path.stem}.html").as_uri())
    page.wait_for_function("window.Reveal && Reveal.isReady()")
    page.evaluate("Reveal.configure({ fragments: false })")

    for number in range(1, page.evaluate("Reveal.getTotalSlides()") + 1):
        seen = page.evaluate(LOOK)
        where = f"page {number}, {seen['starts']!r}"
        assert not seen["over"], where
        assert not seen["scrolls"], where
        assert seen["code"] >= SMALLEST_CODE, where
        page.keyboard.press("Space")

    assert page.evaluate("Reveal.isLastSlide()")
    assert not problems
    beside = (f"{tmp_path.as_uri()}/", "data:")
    assert not [address for address in addresses if not address.startswith(beside)]
