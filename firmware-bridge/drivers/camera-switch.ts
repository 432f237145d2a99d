import type { Camera, CameraFrame, CameraState } from "../ports/camera.ts";

export type CameraKind = "browser" | "folder" | "http" | "v4l2";

/** A camera that takes pictures from outside. */
interface Pushable {
  push(jpeg: Uint8Array<ArrayBuffer>): boolean;
}

export interface CameraSwitchOptions {
  /** The cameras this terminal has; each is made anew when it is chosen. */
  readonly sources: Readonly<Partial<Record<CameraKind, () => Camera>>>;
  readonly initial: CameraKind;
}

/** One camera to the outside; which of the terminal's cameras stands behind it can be changed while it runs. */
export interface CameraSwitch extends Camera {
  readonly kinds: readonly CameraKind[];
  kind(): CameraKind;
  /** @returns false, and nothing changes, when the terminal has no such camera. */
  choose(kind: CameraKind): Promise<boolean>;
  /** For the browser's pictures. @returns false when another camera is chosen or this is no picture. */
  push(jpeg: Uint8Array<ArrayBuffer>): boolean;
}

/** @throws RangeError when `initial` is not among the sources. */
export function createCameraSwitch({ sources, initial }: CameraSwitchOptions): CameraSwitch {
  const frameListeners = new Set<(frame: CameraFrame) => void>();
  const stateListeners = new Set<(state: CameraState) => void>();
  let signal: AbortSignal | undefined;
  let kind = initial;
  let current = make(initial);
  let unlink = link(current);
  /** Changes run one after the other: two fast clicks must not leave two cameras open. */
  let queue: Promise<unknown> = Promise.resolve();

  function make(wanted: CameraKind): Camera {
    const source = sources[wanted];
    if (source === undefined) throw new RangeError(`no camera of kind ${wanted}`);
    return source();
  }

  function link(camera: Camera): () => void {
    const unlinkFrames = camera.onFrame((frame) => {
      // One listener is the usual case and gets the bytes as they are; more get copies, made before the first call.
      const frames = [...frameListeners].map((listener, index) => ({
        listener,
        frame: index === 0 ? frame : { ...frame, jpeg: frame.jpeg.slice() },
      }));
      for (const each of frames) each.listener(each.frame);
    });
    const unlinkState = camera.onState((state) => {
      for (const listener of [...stateListeners]) listener(state);
    });
    return () => {
      unlinkFrames();
      unlinkState();
    };
  }

  async function change(wanted: CameraKind): Promise<boolean> {
    if (sources[wanted] === undefined) return false;
    if (wanted === kind) return true;
    unlink();
    await current.close();
    kind = wanted;
    current = make(wanted);
    unlink = link(current);
    for (const listener of [...stateListeners]) listener(current.state());
    if (signal !== undefined && !signal.aborted) await current.open({ signal });
    return true;
  }

  const kinds: readonly CameraKind[] = (["browser", "folder", "http", "v4l2"] as const).filter(
    (each) => sources[each] !== undefined,
  );
  return {
    kinds,
    get label() {
      return current.label;
    },
    kind: () => kind,
    state: () => current.state(),
    onFrame(listener) {
      frameListeners.add(listener);
      return () => void frameListeners.delete(listener);
    },
    onState(listener) {
      stateListeners.add(listener);
      return () => void stateListeners.delete(listener);
    },
    async open(options) {
      signal = options.signal;
      await current.open(options);
    },
    async close() {
      signal = undefined;
      await queue;
      await current.close();
    },
    choose(wanted) {
      const result = queue.then(() => change(wanted));
      queue = result.catch(() => {});
      return result;
    },
    push: (jpeg) => isPushable(current) && current.push(jpeg),
  };
}

function isPushable(camera: Camera): camera is Camera & Pushable {
  return "push" in camera;
}
