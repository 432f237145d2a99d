import { z } from "zod";
import type { SigningHint } from "../signatures/signature-port.ts";
import type { Problem } from "./protocol.ts";

/** What the sockets of the pages with signed commands have in common: receiving and the sample cabinet. */

/** Half of a character is no text: no entry can hold it, and what no entry can hold must not get that far. */
const isText = (value: string): boolean => value.isWellFormed();

/** What a person types, as it may stand in an entry. */
export const typedText = (lengthMax: number) =>
  z.string().trim().max(lengthMax).refine(isText, "no lone surrogates");

/** An id as a page names it. */
export const pageId = (lengthMax: number) =>
  z.string().min(1).max(lengthMax).refine(isText, "no lone surrogates");

export const signerSchema = z.discriminatedUnion("by", [
  z.strictObject({
    by: z.literal("pin"),
    operatorId: z.string().min(1).max(64),
    pin: z.string().regex(/^\d{1,12}$/),
  }),
  z.strictObject({ by: z.literal("face") }),
]);

/** Who may sign, for a list to choose from. */
export const signersAnswerSchema = z.object({
  signers: z
    .array(z.object({ operatorId: z.string(), displayName: z.string(), faceKnown: z.boolean() }))
    .readonly(),
});
export type SignerShown = z.output<typeof signersAnswerSchema>["signers"][number];

/** Pictures of the terminal's own camera are wanted, or no more: only while somebody looks at them. */
export const previewMessageSchema = z.strictObject({ type: z.literal("preview"), isOn: z.boolean() });
export const cameraTroubleSchema = z.strictObject({
  type: z.literal("camera-trouble"),
  reason: z.enum(["denied", "none", "busy", "failed"]),
});

/** What the terminal says to such a page beside what the page shows. */
export type AnsweringMessage<Answer> =
  | { readonly type: "answer"; readonly askId: number; readonly answer: Answer }
  /** The command was not even asked of the terminal, or it failed; `problem` without an id is of no command. */
  | { readonly type: "failed"; readonly askId: number; readonly problem: Problem }
  /** To whoever signs by face now. */
  | { readonly type: "hint"; readonly hint: SigningHint | null }
  | { readonly type: "next-frame" }
  | { readonly type: "superseded" }
  | { readonly type: "problem"; readonly problem: Problem };
const ANSWERING_TYPES = ["answer", "failed", "hint", "next-frame", "superseded", "problem"] as const;

/**
 * @param types of the page's own messages.
 * @returns reads one message of the terminal; throws ZodError for what is none.
 */
export function serverMessageReader<Message extends { readonly type: string }>(
  types: readonly Exclude<Message["type"], (typeof ANSWERING_TYPES)[number]>[],
): (json: string) => Message {
  const kind = z.looseObject({ type: z.enum([...types, ...ANSWERING_TYPES]) });
  // The one place where a page takes the terminal's word for the rest of a message.
  return (json) => kind.parse(JSON.parse(json)) as unknown as Message;
}
