/** For tests only. Runs in the page: buttons that are too small to hit, and parts whose content does not fit. */
export const FIND_MISFITS = `(() => {
  const found = [];
  for (const button of document.querySelectorAll("button")) {
    const { width, height } = button.getBoundingClientRect();
    if (width < 63.5 || height < 63.5) found.push("small: " + button.innerText);
  }
  for (const part of document.querySelectorAll(".result, .card.meal, .middle, .page-shell, .weighing, .left, .right, .page-top, .band, .demo-bar, dialog")) {
    if (part.scrollHeight > part.clientHeight + 1) found.push("cut off: " + part.className);
    if (part.scrollWidth > part.clientWidth + 1) found.push("too wide: " + part.className);
  }
  return found;
})()`;
