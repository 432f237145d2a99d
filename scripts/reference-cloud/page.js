/**
 * The reference cloud's page: reads the API, draws it, and reads again when told of a change.
 * Plain DOM; every text from outside goes in as text, never as markup.
 */

const METHODS = {
  face: ["刷脸", "face"],
  card: ["刷卡", "card"],
  pin: ["密码", "PIN"],
  staff: ["员工", "staff"],
};

/** Fen to yuan by moving digits. */
function yuan(fen) {
  const digits = String(Math.abs(fen)).padStart(3, "0");
  return `${fen < 0 ? "−" : ""}¥${digits.slice(0, -2)}.${digits.slice(-2)}`;
}

const clockTime = new Intl.DateTimeFormat("zh-CN", { dateStyle: "short", timeStyle: "medium" });

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "onclick") made.addEventListener("click", value);
    else if (value !== null) made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

const english = (text) => element("span", { lang: "en" }, text);

function mark(tone, chinese, text) {
  return element("span", { class: `mark ${tone}` }, `${chinese} `, english(text));
}

const knownCharges = new Set();
let firstDrawing = true;

async function read(path) {
  const response = await fetch(path);
  if (!response.ok) throw new Error(`${path}: ${response.status}`);
  return response.json();
}

async function act(path, body) {
  const response = await fetch(path, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify(body),
  });
  if (!response.ok) tell(`操作失败 · Failed: ${(await response.json()).error}`);
}

function tell(text) {
  const notice = document.querySelector("#notice");
  notice.textContent = text;
  notice.hidden = false;
  setTimeout(() => {
    notice.hidden = true;
  }, 4000);
}

function drawBroker({ connection, reason }) {
  const place = document.querySelector("#broker");
  const connected = connection === "connected";
  place.className = `mark ${connected ? "good" : "bad"}`;
  place.replaceChildren(
    connected ? "已连接消息服务器 " : "未连接消息服务器 ",
    english(connected ? "broker connected" : `broker ${reason ?? connection}`),
  );
}

function chainMark({ chain, missing, conflictSeqs }) {
  if (chain === "whole") return mark("good", "链完整", "chain whole");
  if (chain === "gap")
    return mark("warn", "有缺口", `missing ${missing.map((range) => range.join("–")).join(", ")}`);
  return mark("bad", "有冲突", `conflict at ${conflictSeqs.join(", ")}`);
}

function drawDevices(devices) {
  const cards = devices.map((device) => {
    const { online, headSeq, ackedSeq, seenAtMs } = device;
    const waiting = headSeq - ackedSeq;
    return element(
      "article",
      { class: "card", "data-device": device.device, "data-online": String(online) },
      element(
        "h3",
        {},
        `${device.site} / ${device.device}`,
        online ? mark("good", "在线", "online") : mark("warn", "离线", "offline"),
      ),
      element(
        "p",
        {},
        `已存 ${ackedSeq} 条 `,
        english(`${ackedSeq} stored, ${waiting} waiting at the terminal`),
      ),
      element("p", {}, chainMark(device)),
      element(
        "small",
        {},
        `${device.software || "—"} · 名册 v${device.rosterVersion} · ${clockTime.format(seenAtMs)}`,
      ),
    );
  });
  const none = element("p", { class: "empty" }, "还没有终端连接 ", english("No terminal has connected yet"));
  document.querySelector("#devices").replaceChildren(...(cards.length > 0 ? cards : [none]));
}

function chargeRow(charge) {
  const key = `${charge.site}/${charge.device}/${charge.seq}`;
  const fresh = !firstDrawing && !knownCharges.has(key);
  knownCharges.add(key);
  const [method, methodEn] = METHODS[charge.method] ?? [charge.method, ""];
  const meal = charge.periodName ?? { zh: charge.periodId, en: "" };
  return element(
    "tr",
    {
      class: [fresh && "fresh", charge.voided && "voided"].filter(Boolean).join(" "),
      "data-charge": charge.chargeId,
      "data-person": charge.personId,
    },
    element("td", {}, charge.displayName || charge.personId, element("small", {}, charge.groupName)),
    element("td", {}, meal.zh, " ", english(meal.en), element("small", {}, charge.businessDate)),
    element("td", { class: "number" }, yuan(charge.amountFen)),
    element("td", {}, method, " ", english(methodEn)),
    element("td", {}, `${charge.device} · ${charge.seq}`),
    element("td", {}, clockTime.format(charge.receivedAtMs)),
    element(
      "td",
      {},
      charge.disputed
        ? mark("bad", "认错人，已撤销", "disputed: not me")
        : charge.voided
          ? mark("warn", "已撤销", "voided")
          : charge.receipted
            ? mark("good", "已回执", "confirmed")
            : mark("warn", "等待前序", "waits for a gap"),
    ),
  );
}

function drawCharges(charges) {
  document.querySelector("#charges").replaceChildren(...charges.map(chargeRow));
  document.querySelector("#no-charges").hidden = charges.length > 0;
  firstDrawing = false;
}

function faceConsent(person) {
  return person.consents.some(({ scope, withdrawnAtMs }) => scope === "face" && withdrawnAtMs === null);
}

function personRow(person) {
  const path = `/api/people/${encodeURIComponent(person.personId)}`;
  const consented = faceConsent(person);
  const topUp = element(
    "button",
    { type: "button", onclick: () => act(`${path}/top-up`, { amountFen: 50_00 }) },
    "充值 ¥50 ",
    english("top up"),
  );
  const withdraw = element(
    "button",
    {
      type: "button",
      class: "danger",
      onclick: () => act(`${path}/withdraw-consent`, {}),
    },
    "撤回同意 ",
    english("withdraw"),
  );
  return element(
    "tr",
    { "data-person": person.personId },
    element(
      "td",
      {},
      person.displayName,
      person.active ? "" : " ",
      person.active ? "" : mark("warn", "停用", "inactive"),
      element(
        "small",
        {},
        [person.number, person.groupName, person.allergens.join(", ")].filter(Boolean).join(" · "),
      ),
    ),
    element("td", { class: "number" }, yuan(person.balanceFen)),
    element("td", {}, consented ? mark("good", "已同意", "consent") : mark("warn", "未同意", "none")),
    element("td", {}, element("div", { class: "actions" }, topUp, ...(consented ? [withdraw] : []))),
  );
}

function drawPeople(people) {
  document.querySelector("#people").replaceChildren(...people.map(personRow));
}

const ALARM_STATES = {
  unacknowledged: "未确认",
  acknowledged: "已确认",
  "returned-unacknowledged": "已恢复，未确认",
  shelved: "已搁置",
  suppressed: "除霜中",
  "out-of-service": "停用",
};
const ALARM_LEVELS = { general: "一般", major: "较大", critical: "重大" };

function cabinetRow({ device, cabinetId, state }) {
  const temperatures = state.probes.map(({ probeId, milliC, fault }) =>
    milliC === null ? `${probeId} ${fault ?? "–"}` : `${probeId} ${(milliC / 1000).toFixed(1)} °C`,
  );
  const alarms = state.alarms.map(({ level, text, subject, state: now }) =>
    mark(
      now === "unacknowledged" ? "bad" : "warn",
      `${ALARM_LEVELS[level]} ${text.zh}${subject === null ? "" : ` ${subject}`}（${ALARM_STATES[now]}）`,
      `${level}: ${text.en}, ${now}`,
    ),
  );
  return element(
    "tr",
    {},
    element("td", {}, `${device} · ${cabinetId}`),
    element("td", {}, temperatures.join(" · ")),
    element("td", {}, ...(alarms.length === 0 ? [mark("good", "正常", "normal")] : alarms)),
    element("td", {}, new Date(state.atMs).toLocaleTimeString()),
  );
}

function drawCabinets(cabinets) {
  document.querySelector("#cabinets-section").hidden = cabinets.length === 0;
  document.querySelector("#cabinets").replaceChildren(...cabinets.map(cabinetRow));
}

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

/** The small picture comes first; where it is not here yet, its place says so. */
function thumbnail({ thumbnailSha256, photoSha256 }) {
  if (thumbnailSha256 === null) return "无照片 no photo";
  const image = element("img", {
    class: "thumbnail",
    src: `/photos/${thumbnailSha256}`,
    alt: "照片 photo",
    loading: "lazy",
  });
  return element("a", { href: `/photos/${photoSha256}`, target: "_blank" }, image);
}

function weighInRow(weighIn) {
  const { kind, quantity, orderedQuantity, unit, netG, struck, mismatches, overriddenBy } = weighIn;
  const people = overriddenBy === null ? weighIn.operatorId : `${weighIn.operatorId} · 放行 ${overriddenBy}`;
  return element(
    "tr",
    { class: struck ? "voided" : "", "data-weigh-in": weighIn.weighInId, "data-kind": kind },
    element("td", {}, thumbnail(weighIn)),
    element("td", {}, weighIn.productName, element("small", {}, mismatches.join(", "))),
    element(
      "td",
      { class: "number" },
      `${quantity ?? "—"} ${unit}`,
      element("small", {}, `订 ${orderedQuantity ?? "—"} · ${netG ?? "—"} g`),
    ),
    element("td", {}, kind === "accepted" ? mark("good", "收", "taken") : mark("bad", "退", "sent back")),
    element("td", {}, people, element("small", {}, clockTime.format(weighIn.atMs))),
  );
}

function deliveryCard(delivery) {
  const { orderId, orderVersion, supplierName, device, outcome, signedBy, conflicts, weighIns } = delivery;
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
    ...conflicts.map(deliveryConflict),
    element("table", {}, element("tbody", {}, ...weighIns.map(weighInRow))),
  );
}

function drawDeliveries(deliveries) {
  const none = element("p", { class: "empty" }, "还没有收货 ", english("No deliveries yet"));
  document
    .querySelector("#deliveries")
    .replaceChildren(...(deliveries.length > 0 ? deliveries.map(deliveryCard) : [none]));
}

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
function drawSamples({ samples, missed }) {
  document.querySelector("#samples-section").hidden = samples.length + missed.length === 0;
  document.querySelector("#missed").replaceChildren(...missed.map(missedItem));
  const place = ({ device, cabinetId, slotId }) => `${device}/${cabinetId}/${slotId.padStart(4, "0")}`;
  const inSlots = samples.filter(({ left }) => left === null);
  const gone = samples.filter(({ left }) => left !== null).slice(0, SAMPLES_GONE_MAX);
  inSlots.sort((a, b) => place(a).localeCompare(place(b)));
  document.querySelector("#samples").replaceChildren(...[...inSlots, ...gone].map(sampleRow));
}

/** More is for the inspector's report. */
const SAMPLES_GONE_MAX = 50;

let drawing = false;
let again = false;

/** One drawing at a time; changes meanwhile cause one more. */
async function draw() {
  if (drawing) {
    again = true;
    return;
  }
  drawing = true;
  try {
    const [health, { devices }, { cabinets }, samples, { charges }, { people }, { deliveries }] =
      await Promise.all([
        read("/healthz"),
        read("/api/devices"),
        read("/api/cabinets"),
        read("/api/samples"),
        read("/api/charges"),
        read("/api/people"),
        read("/api/deliveries"),
      ]);
    drawBroker(health.broker);
    drawDevices(devices);
    drawCabinets(cabinets);
    drawSamples(samples);
    drawCharges(charges);
    drawPeople(people);
    drawDeliveries(deliveries);
  } catch (error) {
    tell(`云端没有回应 · The cloud does not answer (${error.message})`);
  } finally {
    drawing = false;
  }
  if (again) {
    again = false;
    await draw();
  }
}

const events = new EventSource("/events");
events.addEventListener("open", draw);
events.addEventListener("changed", draw);
