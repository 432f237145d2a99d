/** Id of an intended charge, made at the press so that a repeated request is the same charge. */
export const newChargeId = (): string => crypto.randomUUID();
