/**
 * GS1 application identifiers: which there are, how long, and what their first characters must be.
 * Source: GS1 General Specifications 24, figure 3.2-1; predefined lengths: figure 5.10.1-2.
 */
export interface AiRule {
  readonly lengthMin: number;
  readonly lengthMax: number;
  /** So many leading digits, all when the identifier is numeric. */
  readonly digits: number;
  readonly checkDigitAt?: number;
  /** It begins with YYMMDD. */
  readonly isDate?: boolean;
}

const digits = (lengthMin: number, lengthMax = lengthMin): AiRule => ({
  lengthMin,
  lengthMax,
  digits: lengthMax,
});
const text = (lengthMax: number): AiRule => ({ lengthMin: 1, lengthMax, digits: 0 });
const digitsThenText = (numeric: number, lengthMax: number): AiRule => ({
  lengthMin: numeric,
  lengthMax,
  digits: numeric,
});
const key = (length: number, checkDigitAt = length): AiRule => ({ ...digits(length), checkDigitAt });
const DATE: AiRule = { ...digits(6), isDate: true };

/** An `n` in the identifier stands for any digit. */
const RULES: readonly (readonly [pattern: string, rule: AiRule])[] = [
  ["00", key(18)],
  ["01", key(14)],
  ["02", key(14)],
  ["03", key(14)],
  ["10", text(20)],
  ["11", DATE],
  ["12", DATE],
  ["13", DATE],
  ["15", DATE],
  ["16", DATE],
  ["17", DATE],
  ["20", digits(2)],
  ["21", text(20)],
  ["22", text(20)],
  ["235", text(28)],
  ["240", text(30)],
  ["241", text(30)],
  ["242", digits(1, 6)],
  ["243", text(20)],
  ["250", text(30)],
  ["251", text(30)],
  ["253", { ...digitsThenText(13, 30), checkDigitAt: 13 }],
  ["254", text(20)],
  ["255", { ...digits(13, 25), checkDigitAt: 13 }],
  ["30", digits(1, 8)],
  ...["310", "311", "312", "313", "314", "315", "316"].map((ai) => [`${ai}n`, digits(6)] as const),
  ...["320", "321", "322", "323", "324", "325", "326", "327", "328", "329"].map(
    (ai) => [`${ai}n`, digits(6)] as const,
  ),
  ...["330", "331", "332", "333", "334", "335", "336", "337"].map((ai) => [`${ai}n`, digits(6)] as const),
  ...["340", "341", "342", "343", "344", "345", "346", "347", "348", "349"].map(
    (ai) => [`${ai}n`, digits(6)] as const,
  ),
  ...["350", "351", "352", "353", "354", "355", "356", "357"].map((ai) => [`${ai}n`, digits(6)] as const),
  ...["360", "361", "362", "363", "364", "365", "366", "367", "368", "369"].map(
    (ai) => [`${ai}n`, digits(6)] as const,
  ),
  ["37", digits(1, 8)],
  ["390n", digits(1, 15)],
  ["391n", digits(4, 18)],
  ["392n", digits(1, 15)],
  ["393n", digits(4, 18)],
  ["394n", digits(4)],
  ["395n", digits(6)],
  ["400", text(30)],
  ["401", text(30)],
  ["402", key(17)],
  ["403", text(30)],
  ["410", key(13)],
  ["411", key(13)],
  ["412", key(13)],
  ["413", key(13)],
  ["414", key(13)],
  ["415", key(13)],
  ["416", key(13)],
  ["417", key(13)],
  ["420", text(20)],
  ["421", digitsThenText(3, 12)],
  ["422", digits(3)],
  ["423", digits(3, 15)],
  ["424", digits(3)],
  ["425", digits(3, 15)],
  ["426", digits(3)],
  ["427", text(3)],
  ...["430n", "431n"].map((ai) => [ai, text(70)] as const),
  ["4307", text(2)],
  ["4308", text(30)],
  ["4309", digits(20)],
  ["4317", text(2)],
  ["4318", text(20)],
  ["4319", text(30)],
  ["4320", text(35)],
  ...["4321", "4322", "4323"].map((ai) => [ai, digits(1)] as const),
  ...["4324", "4325"].map((ai) => [ai, digits(10)] as const),
  ["4326", DATE],
  ...["4330", "4331", "4332", "4333"].map((ai) => [ai, digitsThenText(6, 7)] as const),
  ["7001", digits(13)],
  ["7002", text(30)],
  ["7003", { ...digits(10), isDate: true }],
  ["7004", digits(1, 4)],
  ["7005", text(12)],
  ["7006", DATE],
  ["7007", { ...digits(6, 12), isDate: true }],
  ["7008", text(3)],
  ["7009", text(10)],
  ["7010", text(2)],
  ["7011", { ...digits(6, 10), isDate: true }],
  ["7020", text(20)],
  ["7021", text(20)],
  ["7022", text(20)],
  ["7023", text(30)],
  ["703n", digitsThenText(3, 30)],
  ["7040", digitsThenText(1, 4)],
  ["7041", text(4)],
  ...["710", "711", "712", "713", "714", "715", "716", "717"].map((ai) => [ai, text(20)] as const),
  ["723n", text(30)],
  ["7240", text(20)],
  ["7241", digits(2)],
  ["7242", text(25)],
  ["7250", digits(8)],
  ["7251", digits(12)],
  ["7252", digits(1)],
  ["7253", text(40)],
  ["7254", text(40)],
  ["7255", text(10)],
  ["7256", text(90)],
  ["7257", text(70)],
  ["7258", text(3)],
  ["7259", text(40)],
  ["8001", digits(14)],
  ["8002", text(20)],
  ["8003", { ...digitsThenText(14, 30), checkDigitAt: 14 }],
  ["8004", text(30)],
  ["8005", digits(6)],
  ["8006", { ...digits(18), checkDigitAt: 14 }],
  ["8007", text(34)],
  ["8008", { ...digits(8, 12), isDate: true }],
  ["8009", text(50)],
  ["8010", text(30)],
  ["8011", digits(1, 12)],
  ["8012", text(20)],
  ["8013", text(25)],
  ["8014", text(25)],
  ["8017", key(18)],
  ["8018", key(18)],
  ["8019", digits(1, 10)],
  ["8020", text(25)],
  ["8030", text(90)],
  ["8026", { ...digits(18), checkDigitAt: 14 }],
  ["8110", text(70)],
  ["8111", digits(4)],
  ["8112", text(70)],
  ["8200", text(70)],
  ["90", text(30)],
  ...["91", "92", "93", "94", "95", "96", "97", "98", "99"].map((ai) => [ai, text(90)] as const),
];

const RULE_OF_PATTERN = new Map(RULES);

/** Element strings that begin so need no separator behind them: their length is fixed for ever. */
const PREDEFINED_LENGTH = /^(?:0[0-4]|1[1-9]|20|3[1-6]|41)/;

/** @returns the identifier that `data` begins with and its rule, or null. */
export function identifierAt(data: string): { readonly ai: string; readonly rule: AiRule } | null {
  for (const length of [2, 3, 4]) {
    const ai = data.slice(0, length);
    if (ai.length < length || !/^\d+$/.test(ai)) return null;
    const rule = RULE_OF_PATTERN.get(ai) ?? ruleWithWildcards(ai);
    if (rule !== undefined) return { ai, rule };
  }
  return null;
}

function ruleWithWildcards(ai: string): AiRule | undefined {
  if (ai.length < 4) return undefined;
  return hasTooManyDecimals(ai) ? undefined : RULE_OF_PATTERN.get(`${ai.slice(0, 3)}n`);
}

/** The last digit of a measure says its decimals: of six digits five at most, of a percentage three. */
function hasTooManyDecimals(ai: string): boolean {
  return /^(?:3[1-6]\d|395)[6-9]$/.test(ai) || /^394[4-9]$/.test(ai);
}

export function hasPredefinedLength(ai: string): boolean {
  return PREDEFINED_LENGTH.test(ai);
}
