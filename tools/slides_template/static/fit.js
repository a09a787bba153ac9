// Make every page fit: figures as large as the rest leaves room for, then smaller text, and at last a page that scrolls.
// All sizes are in pixels of the page's own 1280×720; reveal.js scales the whole page to the screen.

const SMALLEST_CODE = 15; // smaller than this, the back row cannot read it
const LARGEST_FIGURE = 1.5; // times its own size, which is half its pixels
const SMALLEST_FIGURES = [0.8, 0.65]; // before the text shrinks, and if that was not enough
const NARROWEST_TEXT = 380; // beside a figure

async function fitAllPages(height) {
  const pages = [...document.querySelectorAll(".slides section section")];
  await Promise.all([...document.images].map((image) => image.decode().catch(() => {})));
  await document.fonts.ready; // the class "measuring" shows all pages, so all fonts are asked for
  pages.forEach((page) => fit(page, height));
  document.querySelector(".reveal").classList.remove("measuring");
}

function fit(page, height) {
  const normal = parseFloat(getComputedStyle(page).fontSize);
  const code = page.querySelector("pre");
  const smallest = code ? (normal * SMALLEST_CODE) / parseFloat(getComputedStyle(code).fontSize) : 0.75 * normal;
  const fits = SMALLEST_FIGURES.some((smallestFigure) => {
    for (let size = normal; size >= smallest; size -= 0.25) {
      page.style.fontSize = `${size}px`;
      if (fitFigures(page, height, smallestFigure)) return true;
    }
    return false;
  });
  page.style.height = `${height}px`;
  page.classList.toggle("scrolls", !fits);
}

// Choose the figures' size and whether text stands beside or below, and say whether all of it is on the page.
function fitFigures(page, height, smallestFigure) {
  page.style.height = "auto";
  const figures = [...page.querySelectorAll("img.figure")];
  if (figures.length === 0) return page.offsetHeight <= height;

  const below = largestScale(page, figures, height, false);
  const beside = textFollows(page, figures) ? largestScale(page, figures, height, true) : 0;
  const scale = Math.max(below, beside);
  arrange(page, figures, scale, beside > below);
  // A figure that is wider than the page cannot be larger than the page, however small the text.
  const widest = Math.min(...figures.map((figure) => figure.closest(".jp-Cell").clientWidth / (figure.naturalWidth / 2)));
  return scale >= Math.min(smallestFigure, widest - 0.02);
}

function textFollows(page, figures) {
  const [drawing, text] = [...page.querySelectorAll(".jp-Cell")].slice(-2);
  if (figures.length !== 1 || !text || !drawing.contains(figures[0])) return false;
  return text.classList.contains("jp-MarkdownCell") && !text.querySelector("table, pre");
}

// Return the largest scale at which everything is on the page; 0.4 stands for none.
function largestScale(page, figures, height, beside) {
  for (let scale = LARGEST_FIGURE; scale > 0.4; scale -= 0.02) {
    arrange(page, figures, scale, beside);
    const width = figures[0].closest(".jp-Cell").clientWidth - (beside ? NARROWEST_TEXT : 0);
    const narrow = figures.every((figure) => figure.clientWidth <= width);
    if (narrow && page.offsetHeight <= height) return scale;
  }
  return 0.4;
}

function arrange(page, figures, scale, beside) {
  page.classList.toggle("beside", beside);
  figures.forEach((figure) => (figure.style.height = `${Math.floor((figure.naturalHeight / 2) * scale)}px`));
}
