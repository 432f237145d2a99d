/**
 * The reference cloud's page: reads the API, draws it, and reads again when told of a change.
 * Plain DOM; every text from outside goes in as text, never as markup.
 */

import { drawDeliveries } from "./page-deliveries.js";
import { clockTime, element, english, mark } from "./page-dom.js";
import { drawSamples } from "./page-samples.js";

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
    const [health, { devices }, { cabinets }, samples, { charges }, { people }, goods] = await Promise.all([
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
    drawDeliveries(goods);
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
