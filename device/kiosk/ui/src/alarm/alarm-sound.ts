import { onScopeDispose, type Ref, ref, watch } from "vue";
import type { AlarmLevel } from "../../../../sample-cabinet/cabinet-port.ts";

/** How often it calls, and how high; after IEC 60601-1-8: the more urgent, the more pulses and the shorter the pause. */
const CALLS: Readonly<Record<AlarmLevel, { periodMs: number; pulseCount: number; hz: number }>> = {
  general: { periodMs: 15_000, pulseCount: 1, hz: 660 },
  major: { periodMs: 6000, pulseCount: 3, hz: 784 },
  critical: { periodMs: 2500, pulseCount: 5, hz: 988 },
};
const PULSE_S = 0.16;
const PULSE_GAP_S = 0.12;

/**
 * Sounds while `level` is not null; half as loud while `isSoft`.
 * @returns whether the browser keeps it silent until somebody touches the screen, which must then be said on it.
 */
export function useAlarmSound(level: Ref<AlarmLevel | null>, isSoft: Ref<boolean>): Readonly<Ref<boolean>> {
  const isBlocked = ref(false);
  let audio: AudioContext | undefined;
  let timer = 0;

  const look = (): void => {
    isBlocked.value = level.value !== null && audio?.state !== "running";
  };
  const call = (): void => {
    look();
    if (level.value === null || audio?.state !== "running") return;
    const { pulseCount, hz } = CALLS[level.value];
    for (let pulse = 0; pulse < pulseCount; pulse++)
      sound(audio, hz, audio.currentTime + pulse * (PULSE_S + PULSE_GAP_S), isSoft.value ? 0.12 : 0.35);
  };
  /** A browser lets a page sound once somebody has touched it; each touch tries. */
  const wake = (): void => {
    if (level.value === null && audio === undefined) return;
    audio ??= new AudioContext();
    if (audio.state === "running") return;
    audio.resume().then(call, look);
  };
  const onTouch = (): void => wake();
  window.addEventListener("pointerdown", onTouch, { capture: true });
  window.addEventListener("keydown", onTouch, { capture: true });

  watch(
    level,
    (now) => {
      window.clearInterval(timer);
      if (now !== null) {
        wake();
        call();
        timer = window.setInterval(call, CALLS[now].periodMs);
      }
      look();
    },
    { immediate: true },
  );
  onScopeDispose(() => {
    window.clearInterval(timer);
    window.removeEventListener("pointerdown", onTouch, { capture: true });
    window.removeEventListener("keydown", onTouch, { capture: true });
    // Already closed where the page goes away with it.
    audio?.close().catch(() => {});
  });
  return isBlocked;
}

function sound(audio: AudioContext, hz: number, atS: number, volume: number): void {
  const tone = audio.createOscillator();
  const gain = audio.createGain();
  tone.type = "square";
  tone.frequency.value = hz;
  gain.gain.setValueAtTime(0, atS);
  gain.gain.linearRampToValueAtTime(volume, atS + 0.01);
  gain.gain.setValueAtTime(volume, atS + PULSE_S - 0.03);
  gain.gain.linearRampToValueAtTime(0, atS + PULSE_S);
  tone.connect(gain).connect(audio.destination);
  tone.start(atS);
  tone.stop(atS + PULSE_S);
}
