/**
 * Characters of the US layout by HID usage id (keyboard page 07), plain and with shift.
 * Source: USB-IF, HID Usage Tables 1.5, section 10.
 */
const LETTERS = "abcdefghijklmnopqrstuvwxyz";
const DIGITS = "1234567890";
const SHIFTED_DIGITS = "!@#$%^&*()";
const SIGNS = "-=[]\\#;'`,./";
const SHIFTED_SIGNS = '_+{}|~:"~<>?';
const KEYPAD = "/*-+\n1234567890.";

const USAGE_A = 0x04;
const USAGE_1 = 0x1e;
const USAGE_SPACE = 0x2c;
const USAGE_MINUS = 0x2d;
const USAGE_KEYPAD = 0x54;
export const USAGE_ENTER = 0x28;
export const USAGE_TAB = 0x2b;
export const USAGE_KEYPAD_ENTER = 0x58;

/** @returns the character, or null for a key that types none. */
export function characterOf(usage: number, shift: boolean): string | null {
  if (usage === USAGE_SPACE) return " ";
  const at = (text: string, from: number): string | null => text.charAt(usage - from) || null;
  if (usage >= USAGE_A && usage < USAGE_1) return at(shift ? LETTERS.toUpperCase() : LETTERS, USAGE_A);
  if (usage >= USAGE_1 && usage < USAGE_ENTER) return at(shift ? SHIFTED_DIGITS : DIGITS, USAGE_1);
  if (usage >= USAGE_MINUS && usage <= 0x38) return at(shift ? SHIFTED_SIGNS : SIGNS, USAGE_MINUS);
  if (usage >= USAGE_KEYPAD && usage <= 0x63) return at(KEYPAD, USAGE_KEYPAD);
  return null;
}
