import type { Roster } from "../roster/roster-port.ts";
import type { Choice } from "./serving-line-port.ts";

/** More names than these cannot be told apart at a glance. */
export const CHOICES_MAX = 4;

/**
 * The names that may be pressed for somebody whom the camera cannot tell from others.
 * @param operatorId who is signed in at this screen: without an eye on it, a twin's meal would be a free press.
 * @returns null where only a card or a PIN will do.
 */
export function choicesOf(
  personIds: readonly string[],
  roster: Pick<Roster, "person">,
  operatorId: string | null,
): readonly Choice[] | null {
  if (operatorId === null || personIds.length > CHOICES_MAX) return null;
  const choices = personIds.flatMap((personId) => {
    const person = roster.person(personId);
    if (person === undefined) return [];
    const { displayName, groupName } = person;
    return [{ personId, displayName, groupName }];
  });
  // Of two, one has left: the other's name alone would be no question.
  return choices.length > 1 ? choices : null;
}
