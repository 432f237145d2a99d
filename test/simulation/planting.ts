import type { EntryDraft, Journal } from "../../device/journal/journal-port.ts";
import type { OutgoingMessage } from "../../device/sync/mqtt-connection.ts";
import type { Link, MakeLink } from "../../device/sync/mqtt-link.ts";
import { NO_BUG, type PlantedBug } from "./planted-bug.ts";

/** What planted bugs are made with. */

/** A bug of some seams; the others are sound. */
export function planted(name: string, parts: Partial<PlantedBug>): PlantedBug {
  return { ...NO_BUG, name, ...parts };
}

/** `port` with some of its methods replaced; the others keep working on the original. */
export function over<Port extends object>(port: Port, replaced: Partial<Port>): Port {
  return new Proxy(port, {
    get(target, name) {
      if (Object.hasOwn(replaced, name)) return Reflect.get(replaced, name);
      const value: unknown = Reflect.get(target, name, target);
      return typeof value === "function" ? value.bind(target) : value;
    },
  });
}

/** Does something after each append, in its transaction. */
export function afterAppending(journal: Journal, then: (draft: EntryDraft) => void): Journal {
  return over(journal, {
    append: (draft) =>
      journal.transact(() => {
        const result = journal.append(draft);
        if (result.kind === "appended") then(draft);
        return result;
      }),
  });
}

/** The line to the broker with another `publish`. */
export function overLink(
  makeLink: MakeLink,
  publish: (link: Link, message: OutgoingMessage) => ReturnType<Link["publish"]>,
): MakeLink {
  return (options, listener) => {
    const link = makeLink(options, listener);
    return over(link, { publish: (message) => publish(link, message) });
  };
}
