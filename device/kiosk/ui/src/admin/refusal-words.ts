import { REFUSAL_TEXT } from "../../../../serving-line/refusal-text.ts";
import { REFUSAL_REASONS } from "../../../../serving-line/serving-line-port.ts";
import { chosen } from "../texts/i18n.ts";

/** Why the serving line said no, in the reader's language. */
export function refusalText(reason: string): string {
  const known = REFUSAL_REASONS.find((each) => each === reason);
  return known === undefined ? reason : chosen(REFUSAL_TEXT[known].message);
}
