import { clockTime, element, english, leftOut, mark, thumbnail } from "./page-dom.js";

/** Food samples: what is in a slot, what became of the others, which dishes were missed. */

/** More is for the inspector's report. */
const SAMPLES_GONE_MAX = 50;

const SAMPLE_STATES = {
  keeping: ["good", "留样中", "keeping"],
  due: ["warn", "到期可处理", "due for disposal"],
  overdue: ["bad", "逾期未处理", "overdue"],
  seized: ["bad", "已被调取", "seized"],
  disposed: ["good", "已处理", "disposed of"],
  voided: ["warn", "已作废", "struck out"],
};
const LEAVINGS = {
  "after-hours": ["期满处理", "after its hours"],
  early: ["提前处理", "before its hours"],
  seized: ["被调取", "taken by an authority"],
  voided: ["登记作废", "entry struck out"],
};

const hoursOf = (ms) => (ms / 3_600_000).toFixed(1);

/** Who let it go, when, and what was proven by then: the last link that this cloud knows. */
function leavingOf({ left, custody }) {
  if (left === null) return ["—"];
  const [chinese, text] = LEAVINGS[left.how];
  const people = left.secondBy === null ? left.by : `${left.by} + ${left.secondBy}`;
  const kept =
    left.neededMs === null ? "" : ` · 可证 ${hoursOf(left.provenMs)} / ${hoursOf(left.neededMs)} h`;
  const lines = [
    `${clockTime.format(left.atMs)} · ${people} · #${left.seq}${kept}`,
    [left.reason, left.note].filter(Boolean).join(" · "),
  ];
  if (custody !== null)
    lines.push(
      `${custody.authority} · ${custody.officer} · 文书 ${custody.documentNumber} · 封条 ${custody.sealNumber}`,
    );
  return [
    `${chinese} `,
    english(text),
    ...lines.filter((line) => line !== "").map((line) => element("small", {}, line)),
  ];
}

function sampleRow(sample) {
  const { device, cabinetId, slotId, dish, meal, netG, isLate, state, left } = sample;
  return element(
    "tr",
    { class: left === null ? "" : "gone", "data-sample": sample.sampleId, "data-state": state },
    element("td", {}, `${cabinetId} · ${slotId}`, element("small", {}, device)),
    element("td", {}, thumbnail(sample)),
    element(
      "td",
      {},
      `${dish.dishName.zh} `,
      english(dish.dishName.en),
      element("small", {}, `${meal.date} ${meal.periodName.zh} ${meal.periodName.en}`),
    ),
    element("td", { class: "number" }, `${netG} g`),
    element(
      "td",
      {},
      `${clockTime.format(sample.storedAtMs)} `,
      isLate ? mark("warn", "迟", "late") : "",
      sample.timeTrust === "synced" ? "" : mark("warn", "时钟未核实", `clock ${sample.timeTrust}`),
      element("small", {}, `${sample.storedBy} · #${sample.seq} ${sample.hash.slice(0, 16)}`),
    ),
    element("td", {}, clockTime.format(sample.keepUntilMs)),
    element("td", {}, mark(...SAMPLE_STATES[state])),
    element("td", {}, ...leavingOf(sample)),
  );
}

function missedItem({ device, meal, dish, sampledLate }) {
  const what = `${meal.date} ${meal.periodName.zh} ${dish.dishName.zh} · ${device}`;
  const told = sampledLate
    ? mark("warn", "补留", "sampled late")
    : mark("bad", "未留样", "no sample was taken");
  return element("li", { "data-missed": dish.dishId }, told, ` ${what} `, english(dish.dishName.en));
}

/** What is in a slot first, as the cabinet shows it; then what left, newest first. */
export function drawSamples({ samples, missed, ...more }) {
  const { isOlderLeftOut, unknownCount } = more;
  document.querySelector("#samples-section").hidden =
    samples.length + missed.length + unknownCount === 0 && !isOlderLeftOut;
  document.querySelector("#missed").replaceChildren(...missed.map(missedItem));
  const place = ({ device, cabinetId, slotId }) => `${device}/${cabinetId}/${slotId.padStart(4, "0")}`;
  const inSlots = samples.filter(({ left }) => left === null);
  const allGone = samples.filter(({ left }) => left !== null);
  const gone = allGone.slice(0, SAMPLES_GONE_MAX);
  document
    .querySelector("#samples-left-out")
    .replaceChildren(
      ...leftOut({ unknownCount, isOlderLeftOut: isOlderLeftOut || allGone.length > gone.length }),
    );
  inSlots.sort((a, b) => place(a).localeCompare(place(b)));
  document.querySelector("#samples").replaceChildren(...[...inSlots, ...gone].map(sampleRow));
}
