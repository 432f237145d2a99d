import { z } from "zod";

/** Bodies of the journal entries of this folder. Ids only: an operator's name stays in the table. */
export const operatorSignedInSchema = z.strictObject({ operatorId: z.string().min(1).max(64) });

export const operatorAddedSchema = z.strictObject({
  operatorId: z.string().min(1).max(64),
  role: z.enum(["cashier", "keeper", "manager"]),
});

/** `personId`: whose face signs for the operator from now on; null: nobody's. */
export const operatorLinkedSchema = z.strictObject({
  operatorId: z.string().min(1).max(64),
  personId: z.string().min(1).max(128).nullable(),
});

export const SECURITY_ENTRY_SCHEMAS = {
  "operator.signed-in": operatorSignedInSchema,
  "operator.added": operatorAddedSchema,
  "operator.linked": operatorLinkedSchema,
} as const;
