/** Deliveries on the reference cloud's page: weights, decisions, people and photos. */

import { clockTime, element, english, leftOut, mark, thumbnail } from "./page-dom.js";

const OUTCOMES = {
  accepted: ["good", "已接收", "accepted"],
  "accepted-in-part": ["warn", "部分接收", "accepted in part"],
  refused: ["bad", "整单拒收", "refused"],
};

function deliveryConflict({ kind, withDevice, lineIds }) {
  const [chinese, text] =
    kind === "same-version"
      ? ["两台终端都收了", "both took goods, same order version"]
      : ["两台终端按不同版本收了", "both took goods, other versions"];
  return element("p", {}, mark("bad", `${chinese} · ${withDevice}`, `${text}: lines ${lineIds.join(", ")}`));
}

/** Who did it, and who let in what did not match, with the reason given. */
function people({ operatorId, overriddenBy, overrideReasonId }) {
  if (overriddenBy === null) return [operatorId];
  return [
    `${operatorId} `,
    mark(
      "warn",
      `放行 ${overriddenBy}（${overrideReasonId}）`,
      `let in by ${overriddenBy}: ${overrideReasonId}`,
    ),
  ];
}

/** What does not match, and why it went back. */
function findings({ mismatches, reasonId }) {
  return [...mismatches, ...(reasonId === null ? [] : [reasonId])].join(", ");
}

const WEIGH_INS = {
  accepted: ["good", "收", "taken"],
  rejected: ["bad", "退", "sent back"],
};
const STRUCK = ["warn", "已作废", "struck out"];

function weighInRow(weighIn) {
  const { kind, quantity, orderedQuantity, unit, netG, struck } = weighIn;
  return element(
    "tr",
    { class: struck ? "voided" : "", "data-weigh-in": weighIn.weighInId, "data-kind": kind },
    element("td", {}, thumbnail(weighIn)),
    element("td", {}, weighIn.productName, element("small", {}, findings(weighIn))),
    element(
      "td",
      { class: "number" },
      `${quantity ?? "—"} ${unit}`,
      element("small", {}, `订 ${orderedQuantity ?? "—"} · ${netG ?? "—"} g`),
    ),
    element("td", {}, mark(...(struck ? STRUCK : WEIGH_INS[kind]))),
    element("td", {}, ...people(weighIn), element("small", {}, clockTime.format(weighIn.atMs))),
  );
}

const DECISIONS = {
  accepted: ["good", "整行接收", "line accepted"],
  "accepted-in-part": ["warn", "部分接收", "line accepted in part"],
  rejected: ["bad", "整行退货", "line sent back"],
  missing: ["bad", "未到货", "line missing"],
};

function finishedRow(line) {
  return element(
    "tr",
    { class: "finished", "data-line": line.lineId, "data-decision": line.decision },
    element("td", {}, line.thumbnailSha256 === null ? "" : thumbnail(line)),
    element("td", {}, line.productName, element("small", {}, findings(line))),
    element("td", { class: "number" }, `${line.receivedG} g`, element("small", {}, line.verdict)),
    element(
      "td",
      {},
      mark(...DECISIONS[line.decision]),
      ...(line.isReopened ? [mark("warn", "已重新打开", "opened again")] : []),
    ),
    element("td", {}, ...people(line), element("small", {}, clockTime.format(line.atMs))),
  );
}

function waiverNote({ overriddenBy, overrideReasonId, atMs }) {
  return element(
    "p",
    { "data-waiver": overriddenBy },
    mark(
      "warn",
      `整单免拍照 ${overriddenBy}（${overrideReasonId}）`,
      `photos waived by ${overriddenBy}: ${overrideReasonId}, ${clockTime.format(atMs)}`,
    ),
  );
}

function refusalNote(refusal) {
  return element(
    "p",
    { "data-refusal": refusal.reasonId },
    mark("bad", `整单退回（${refusal.reasonId}）`, `sent back: ${refusal.reasonId}`),
    thumbnail(refusal),
  );
}

function deliveryCard(delivery) {
  const { orderId, orderVersion, supplierName, device, outcome, signedBy, refusal } = delivery;
  const state = outcome === null ? mark("warn", "进行中", "open") : mark(...OUTCOMES[outcome]);
  return element(
    "article",
    { class: "card wide", "data-delivery": delivery.deliveryId, "data-outcome": outcome ?? "open" },
    element("h3", {}, `${supplierName} · ${orderId} v${orderVersion}`, state),
    element(
      "small",
      {},
      `${device} · 收货 ${delivery.openedBy}${signedBy === null ? "" : ` · 签字 ${signedBy}`} · ${clockTime.format(delivery.openedAtMs)}`,
    ),
    ...delivery.conflicts.map(deliveryConflict),
    ...delivery.waivers.map(waiverNote),
    ...(refusal === null ? [] : [refusalNote(refusal)]),
    element(
      "table",
      {},
      element("tbody", {}, ...delivery.weighIns.map(weighInRow), ...delivery.finishedLines.map(finishedRow)),
    ),
  );
}

/** An order that was lost with the cloud's newest changes, and that terminals still receive goods for. */
function lostOrder({ orderId, version }) {
  return element(
    "p",
    { "data-lost-order": orderId },
    mark("bad", `订单 ${orderId} v${version} 只在终端上`, "only terminals have this order: write it anew"),
  );
}

export function drawDeliveries({ deliveries, lostOrders, lostPhotos, ...more }) {
  const none = element("p", { class: "empty" }, "还没有收货 ", english("No deliveries yet"));
  document
    .querySelector("#deliveries")
    .replaceChildren(
      ...leftOut(more),
      ...lostOrders.map(lostOrder),
      ...(deliveries.length > 0 ? deliveries.map((delivery) => deliveryCard(delivery)) : [none]),
    );
  for (const { sha256, why } of lostPhotos)
    for (const image of document.querySelectorAll(`img[src="/photos/${sha256}"]`))
      image.replaceWith(mark("bad", "照片已无", `photo lost: ${why}`));
}
