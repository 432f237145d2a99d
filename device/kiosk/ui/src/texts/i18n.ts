import { createI18n } from "vue-i18n";
import type { BilingualText } from "../../../protocol.ts";
import { en } from "./en.ts";
import { type Texts, zh } from "./zh.ts";

export type Language = "zh" | "en";

export const i18n = createI18n<[Texts], Language, false>({
  legacy: false,
  locale: "zh",
  fallbackLocale: "zh",
  messages: { zh, en },
});

/** A list of texts in the reader's language. */
export const lines = (pick: (texts: Texts) => readonly string[]): readonly string[] =>
  pick({ zh, en }[i18n.global.locale.value]);

const LANGUAGE_KEY = "canteen-language";

/** The terminal's own language, unless somebody switched it on this machine. */
export function startLanguage(configured: Language): void {
  const kept = localStorage.getItem(LANGUAGE_KEY);
  applyLanguage(kept === "zh" || kept === "en" ? kept : configured);
}

export function switchLanguage(): void {
  const next = i18n.global.locale.value === "zh" ? "en" : "zh";
  localStorage.setItem(LANGUAGE_KEY, next);
  applyLanguage(next);
}

function applyLanguage(language: Language): void {
  i18n.global.locale.value = language;
  document.documentElement.lang = language === "zh" ? "zh-CN" : "en";
}

/** A text in both languages, for the screens that always show both. */
export function both(key: string, named: Record<string, unknown> = {}): BilingualText {
  const { t } = i18n.global;
  return { zh: t(key, named, { locale: "zh" }), en: t(key, named, { locale: "en" }) };
}

/** The one of two that the reader chose. */
export const chosen = (text: BilingualText): string => text[i18n.global.locale.value];
