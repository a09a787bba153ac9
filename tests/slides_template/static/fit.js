// Make every page fit: figures as large as the text leaves room for, then smaller text, and at last a page that scrolls.
// All sizes are in pixels of the page's own 1280×720; reveal.js scales the whole page to the screen.

const SMALLEST_CODE = 15; // smaller than this, the back row cannot read it
const LARGEST_ENLARGEMENT = 1.5; // of a figure; beyond it the pixels show
const FIGURE_REDUCTIONS = [0.8, 0.65]; // the smallest a figure may get before the text shrinks, and after

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
  for (const reduction of FIGURE_REDUCTIONS) {
    for (let size = normal; size >= smallest; size -= 0.25) {
      page.style.fontSize = `${size}px`;
      if (fitFigures(page, height, reduction)) {
        page.style.height = `${height}px`;
        return;
      }
    }
  }
  page.style.height = `${height}px`;
  page.classList.add("scrolls");
}

// Give the figures what height the rest of the page leaves, and say whether that is enough.
function fitFigures(page, height, reduction) {
  const figures = [...page.querySelectorAll(".jp-RenderedImage img")];
  page.style.height = "auto";
  figures.forEach((figure) => (figure.style.height = "0"));
  const room = height - page.offsetHeight;
  const heights = figures.map((figure) => {
    const widest = figure.parentElement.clientWidth / figure.naturalWidth;
    return figure.naturalHeight * Math.min(LARGEST_ENLARGEMENT, widest);
  });
  const wanted = heights.reduce((sum, value) => sum + value, 0);
  const scale = wanted > 0 ? Math.min(1, Math.max(room, 0) / wanted) : 1;
  figures.forEach((figure, index) => (figure.style.height = `${Math.floor(heights[index] * scale)}px`));
  const readable = figures.every((figure, index) => {
    const least = Math.min(figure.naturalHeight * reduction, heights[index]);
    return heights[index] * scale >= least - 1;
  });
  return room >= 0 && readable;
}
