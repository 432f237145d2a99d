import { onBeforeUnmount, onMounted } from "vue";
import { keyMeant, WedgeReader } from "../pay/wedge-reader.ts";

/**
 * The keyboard of a page that also has a scanner which types. `useKeyboard` is called once by the page; whatever opens
 * over it (a dialog, a pad) calls `useKeys` and gets what was typed instead, until it is gone.
 */
type KeyHandler = (key: string, isAlone: boolean) => void;
const handlers: KeyHandler[] = [];

/** @param handler gets typed keys while its component is the newest one that asked. */
export function useKeys(handler: KeyHandler): void {
  // At set-up, not when mounted: what lies inside a dialog is set up after it, and gets the keys before it.
  handlers.push(handler);
  onBeforeUnmount(() => {
    const index = handlers.indexOf(handler);
    if (index >= 0) handlers.splice(index, 1);
  });
}

const LEFT_TO_BROWSER = new Set(["Tab", "Shift", "Control", "Alt", "Meta", "F5", "F11", "F12"]);
/** The separator between parts of a GS1 code, as readers type it: Ctrl+]. */
const GROUP_SEPARATOR = "\u001d";

/**
 * Listens to the keyboard for as long as the page lives.
 * @param page.onScan  gets what a reader typed, whatever is open.
 * @param page.onKey   gets what a person typed while nothing else takes the keys.
 * @param page.isOff   while true the keyboard is left alone: something with keys of its own is shown in the page's place.
 */
export function useKeyboard(page: {
  readonly onScan: (text: string) => void;
  readonly onKey: KeyHandler;
  readonly isOff?: () => boolean;
}): void {
  const wedge = new WedgeReader({
    onCard: page.onScan,
    onTyped: (key, isAlone, isByHand) => typed(key, isAlone, isByHand, page.onKey),
    after: (waitMs, task) => {
      const timer = window.setTimeout(task, waitMs);
      return () => window.clearTimeout(timer);
    },
  });
  const onKey = (event: KeyboardEvent): void => {
    if (page.isOff?.() === true) return;
    const isSeparator = event.ctrlKey && event.key === "]";
    if (!isSeparator && (event.ctrlKey || event.altKey || event.metaKey)) return;
    if (LEFT_TO_BROWSER.has(event.key)) return;
    // Words in another script come from an input method: they are the field's own.
    if (event.target instanceof HTMLInputElement && event.target.type === "text") return;
    const key = isSeparator ? GROUP_SEPARATOR : keyMeant(event);
    if (key === " " && document.activeElement instanceof HTMLButtonElement) return;
    event.preventDefault();
    event.stopPropagation();
    if (!event.repeat) wedge.press(key, event.timeStamp);
  };
  onMounted(() => window.addEventListener("keydown", onKey, { capture: true }));
  onBeforeUnmount(() => window.removeEventListener("keydown", onKey, { capture: true }));
}

function typed(key: string, isAlone: boolean, isByHand: boolean, onPageKey: KeyHandler): void {
  // The tail of a read that a busy machine tore apart must not press anything. Whoever keys a PIN into a pad is not kept
  // waiting for a quiet moment: there a hand's Enter counts at once.
  if (key === "Enter" && !isAlone && !(isByHand && handlers.length > 0)) return;
  if (key.startsWith("Arrow")) {
    moveFocus(key === "ArrowDown" || key === "ArrowRight" ? 1 : -1);
    return;
  }
  const focused = document.activeElement;
  if (
    key === "Enter" &&
    focused instanceof HTMLElement &&
    focused.matches("button:focus-visible, a:focus-visible")
  ) {
    focused.click();
    return;
  }
  (handlers.at(-1) ?? onPageKey)(key, isAlone);
}

/** Arrow keys go through the buttons of the topmost dialog, or of the page. */
function moveFocus(step: 1 | -1): void {
  const dialogs = document.querySelectorAll("dialog[open]");
  const root = dialogs[dialogs.length - 1] ?? document;
  const buttons = [...root.querySelectorAll<HTMLElement>("button:not(:disabled)")].filter(
    (button) => button.offsetParent !== null,
  );
  const at = buttons.findIndex((button) => button.matches(":focus"));
  const next = at < 0 ? (step > 0 ? 0 : buttons.length - 1) : (at + step + buttons.length) % buttons.length;
  buttons[next]?.focus();
}
