import type { SignatureDesk, SigningHint } from "../signatures/signature-port.ts";

export interface WatchedSignatures {
  /** The same desk, to be given to receiving and the sample cabinet. */
  readonly desk: SignatureDesk;
  /** What the person before the camera may do; null when nothing more is to be said. @returns a function that unsubscribes. */
  onHint(listener: (hint: SigningHint | null) => void): () => void;
}

/**
 * Listens to what is said to whoever signs by face, for the page that they stand at. The camera looks for one
 * signature at a time, so a hint needs no name of whose it is.
 */
export function watchSignatures(desk: SignatureDesk): WatchedSignatures {
  const listeners = new Set<(hint: SigningHint | null) => void>();
  const tell = (hint: SigningHint | null): void => {
    for (const listener of listeners) listener(hint);
  };
  return {
    desk: {
      byPin: (request) => desk.byPin(request),
      async byFace(request) {
        let isHintShown = false;
        try {
          return await desk.byFace({
            ...request,
            onHint(hint) {
              isHintShown = hint !== null;
              tell(hint);
              request.onHint?.(hint);
            },
          });
        } finally {
          if (isHintShown) tell(null);
        }
      },
      signers: (request) => desk.signers(request),
    },
    onHint(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
