import { ref } from "vue";

/** Sound of the pay page: words by the browser's speech, and two short tones that differ in direction and timbre. */

const MUTED_KEY = "canteen-muted";
export const isMuted = ref(localStorage.getItem(MUTED_KEY) === "yes");

export function toggleMuted(): void {
  isMuted.value = !isMuted.value;
  localStorage.setItem(MUTED_KEY, isMuted.value ? "yes" : "no");
  if (isMuted.value) globalThis.speechSynthesis?.cancel();
}

/** Says it in Chinese, where the browser has a voice; a newer sentence cuts the older one off. */
export function say(text: string): void {
  const speech = globalThis.speechSynthesis;
  if (isMuted.value || speech === undefined) return;
  speech.cancel();
  const words = new SpeechSynthesisUtterance(text);
  words.lang = "zh-CN";
  words.rate = 1.1;
  speech.speak(words);
}

export type Tone = "ok" | "refused" | "other";

interface Note {
  readonly hz: number;
  readonly atS: number;
  readonly lastsS: number;
}

/** Rising and clear for "paid"; falling and rough for "no"; one even note for "another way, please". */
const TONES: Record<Tone, { readonly wave: OscillatorType; readonly notes: readonly Note[] }> = {
  ok: {
    wave: "sine",
    notes: [
      { hz: 660, atS: 0, lastsS: 0.12 },
      { hz: 990, atS: 0.12, lastsS: 0.22 },
    ],
  },
  refused: {
    wave: "sawtooth",
    notes: [
      { hz: 311, atS: 0, lastsS: 0.18 },
      { hz: 208, atS: 0.22, lastsS: 0.3 },
    ],
  },
  other: { wave: "triangle", notes: [{ hz: 520, atS: 0, lastsS: 0.28 }] },
};
const LOUDNESS = 0.15;

let audio: AudioContext | undefined;

export function playTone(tone: Tone): void {
  if (isMuted.value || globalThis.AudioContext === undefined) return;
  audio ??= new AudioContext();
  const context = audio;
  // A browser keeps sound back until the first touch; a kiosk is started with autoplay allowed.
  if (context.state === "suspended") void context.resume().catch(() => {});
  const { wave, notes } = TONES[tone];
  for (const { hz, atS, lastsS } of notes) {
    const startS = context.currentTime + atS;
    const oscillator = new OscillatorNode(context, { type: wave, frequency: hz });
    const gain = new GainNode(context, { gain: 0 });
    gain.gain.setValueAtTime(0, startS);
    gain.gain.linearRampToValueAtTime(LOUDNESS, startS + 0.01);
    gain.gain.linearRampToValueAtTime(0, startS + lastsS);
    oscillator.connect(gain).connect(context.destination);
    oscillator.start(startS);
    oscillator.stop(startS + lastsS);
  }
}
