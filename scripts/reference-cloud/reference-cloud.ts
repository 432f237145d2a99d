import { join } from "node:path";
import type { Clock, Timer } from "../../device/platform/clock.ts";
import type { Entropy, IdSource } from "../../device/platform/entropy.ts";
import type { Logger } from "../../device/platform/logger.ts";
import { createPinHasher } from "../../device/security/pin-hash.ts";
import { type MealPlanMessage, mealPlanSchema } from "../../device/sync/messages.ts";
import type { BrokerSettings } from "../../device/sync/mqtt-link.ts";
import { AlarmBoard } from "./alarm-board.ts";
import { CheckpointBook } from "./checkpoint-book.ts";
import { openCloudDatabase } from "./cloud-database.ts";
import { CloudMqtt } from "./cloud-mqtt.ts";
import { CloudViews } from "./cloud-views.ts";
import { seedDemoOrders } from "./demo-orders.ts";
import { seedDemoRoster } from "./demo-roster.ts";
import { DeviceBook } from "./device-book.ts";
import { CloudHttp } from "./http-server.ts";
import { JournalIntake } from "./journal-intake.ts";
import { OrderDesk } from "./order-desk.ts";
import { PeopleLedger } from "./people-ledger.ts";
import { PhotoIntake } from "./photo-intake.ts";
import { PhotoQuotes } from "./photo-quotes.ts";
import { SealedTemplates } from "./template-store.ts";

export interface ReferenceCloudOptions {
  readonly broker: BrokerSettings;
  readonly dataFolder: string;
  readonly httpHost: string;
  /** 0 takes a free one. */
  readonly httpPort: number;
  readonly demoRoster: boolean;
  readonly clock: Clock;
  readonly entropy: Entropy;
  readonly ids: IdSource;
  readonly logger: Logger;
  /** For tests: shorter waits before a photo is asked for. */
  readonly photoWaits?: { readonly patienceMs: number; readonly askWaitMsMin: number };
  /** Called after each change of what is stored or shown; must not throw. */
  readonly onChanged?: () => void;
}

export interface ReferenceCloud {
  readonly url: string;
  readonly ledger: PeopleLedger;
  readonly views: CloudViews;
  readonly mqtt: CloudMqtt;
  readonly photos: PhotoIntake;
  readonly quotes: PhotoQuotes;
  readonly alarms: AlarmBoard;
  readonly orders: OrderDesk;
  readonly checkpoints: CheckpointBook;
  close(): Promise<void>;
}

/** Changes of many accounts within this time go down in one delta. */
const ROSTER_PUSH_WAIT_MS = 150;
const ORDERS_RECEIVED = "orders.received";
const COMMAND_LIFE_MS = 60_000;
/** The day at the demo's school, as YYYY-MM-DD. */
const DEMO_DATE = new Intl.DateTimeFormat("en-CA", { timeZone: "Asia/Shanghai", dateStyle: "short" });

/**
 * The cloud's side of the sync contract, small and whole: for development, and as the contract's reference.
 * It has no users, no backups and one process; it is no product.
 */
export async function startReferenceCloud(options: ReferenceCloudOptions): Promise<ReferenceCloud> {
  const { clock, entropy, ids, logger } = options;
  const now = (): number => clock.now();
  const db = openCloudDatabase(join(options.dataFolder, "reference-cloud.db"));
  const changed = (): void => {
    http.changed();
    options.onChanged?.();
  };
  const devices = new DeviceBook(db, now);
  devices.forgetOnline();
  const templates = new SealedTemplates(db, now);
  const orders = new OrderDesk(db, now);
  const alarms = new AlarmBoard(now);
  const photos = new PhotoIntake(db, join(options.dataFolder, "photos"), now);
  const quotes = new PhotoQuotes({ db, now, random: () => entropy.uniform(), ...options.photoWaits });
  let pushing: Timer | null = null;
  let pushingOrders: Timer | null = null;
  const ledger = new PeopleLedger({
    db,
    now,
    onChanged: () => {
      pushing ??= clock.after(ROSTER_PUSH_WAIT_MS, () => {
        pushing = null;
        mqtt.pushRoster();
        changed();
      });
    },
    onConsentWithdrawn: (personId) => templates.forget(personId),
  });
  const checkpoints = new CheckpointBook(db, now);
  const intake = new JournalIntake(db, now, (address, entry) => {
    ledger.post(address, entry);
    checkpoints.post(address, entry);
    quotes.posted(address, entry.body);
    if (entry.kind !== ORDERS_RECEIVED || !orders.heard(entry.body)) return;
    pushingOrders ??= clock.after(ROSTER_PUSH_WAIT_MS, () => {
      pushingOrders = null;
      mqtt.pushOrders();
      changed();
    });
  });
  // The table of orders may have been put back without the journal: what the terminals have is in their entries.
  const heard = db
    .prepare<[string], string>("SELECT body FROM entry WHERE kind = ? ORDER BY arrival")
    .pluck();
  for (const body of heard.all(ORDERS_RECEIVED)) orders.heard(JSON.parse(body));
  if (options.demoRoster) {
    await seedDemoRoster(ledger, createPinHasher({ entropy }), now());
    seedDemoOrders(orders, DEMO_DATE.format(now()));
  }
  const mealPlan = mealPlanStore(db);
  const views = new CloudViews(db, devices, intake);
  const mqtt: CloudMqtt = new CloudMqtt({
    ...{ broker: options.broker, intake, devices, roster: ledger, templates, photos, quotes, orders, alarms },
    mealPlan: mealPlan.get,
    vouches: (address, entry) => checkpoints.vouches(address, entry),
    ...{ onChanged: changed, clock, entropy, ids, logger },
  });
  const http: CloudHttp = new CloudHttp({
    journals: { exportLines: (address) => intake.exportLines(address), checkpoints },
    ...{ views, ledger, photos, quotes, orders, alarms, broker: () => mqtt.state(), clock, ids },
    setMealPlan: (plan) => {
      mealPlan.set(plan);
      mqtt.pushMealPlan();
    },
    putOrder: (written) => {
      const order = orders.put(written);
      mqtt.pushOrders();
      return order;
    },
    sendCommand: ({ id, site, device, name, args }) => {
      const issuedAtMs = now();
      const expiresAtMs = issuedAtMs + COMMAND_LIFE_MS;
      mqtt.send({ site, device }, "command", { v: 1, id, name, args, issuedAtMs, expiresAtMs });
    },
  });
  const port = await http.listen(options.httpHost, options.httpPort);
  mqtt.start();
  return {
    url: `http://${options.httpHost}:${port}`,
    ledger,
    views,
    mqtt,
    photos,
    quotes,
    orders,
    alarms,
    checkpoints,
    close: async () => {
      await mqtt.close();
      await http.close();
      // Last: what came while the line and the page closed had made them due.
      pushing?.cancel();
      pushingOrders?.cancel();
      db.close();
    },
  };
}

function mealPlanStore(db: ReturnType<typeof openCloudDatabase>): {
  get(): MealPlanMessage | null;
  set(plan: MealPlanMessage): void;
} {
  const get = db.prepare<[], { content: string }>("SELECT content FROM meal_plan");
  const set = db.prepare<[string]>("INSERT OR REPLACE INTO meal_plan (one, content) VALUES (1, ?)");
  return {
    get: () => {
      const row = get.get();
      return row === undefined ? null : mealPlanSchema.parse(JSON.parse(row.content));
    },
    set: (plan) => void set.run(JSON.stringify(plan)),
  };
}
