/** What every part of the page is drawn with. Every text from outside goes in as text, never as markup. */

export const clockTime = new Intl.DateTimeFormat("zh-CN", { dateStyle: "short", timeStyle: "medium" });

export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.addEventListener("click", value);
    else if (value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

export const english = (text) => element("span", { lang: "en" }, text);

export function mark(tone, chinese, text) {
  return element("span", { class: `mark ${tone}` }, `${chinese} `, english(text));
}

/** The small picture comes first; where it is not here yet, its place says so. */
export function thumbnail({ thumbnailSha256, photoSha256 }) {
  if (thumbnailSha256 === null) return "无照片 no photo";
  const image = element("img", {
    class: "thumbnail",
    src: `/photos/${thumbnailSha256}`,
    alt: "照片 photo",
    loading: "lazy",
  });
  return element("a", { href: `/photos/${photoSha256}`, target: "_blank" }, image);
}

/** What a list does not show is said: nobody takes the newest for all. */
export function leftOut({ isOlderLeftOut, unknownCount }) {
  const notes = [];
  if (isOlderLeftOut)
    notes.push(mark("warn", "只显示最新的记录，更早的在各终端的账本里", "older entries are not shown"));
  if (unknownCount > 0)
    notes.push(
      mark(
        "warn",
        `${unknownCount} 条记录本页看不懂，未显示`,
        `${unknownCount} entries of a later release, not shown`,
      ),
    );
  return notes.map((note) => element("p", { "data-left-out": "" }, note));
}
