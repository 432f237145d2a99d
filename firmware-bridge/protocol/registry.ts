import type { Dialect } from "../ports/dialect.ts";
import { adamCbk } from "./adam-cbk/adam-cbk.ts";
import { aihuaAcs } from "./aihua-acs/aihua-acs.ts";
import { aimGs1 } from "./aim-gs1/aim-gs1.ts";
import { andStandard } from "./and-standard/and-standard.ts";
import { blockPrint } from "./block-print/block-print.ts";
import { cardUidFormat } from "./card-uid-format/card-uid-format.ts";
import { cas22 } from "./cas-22/cas-22.ts";
import { casAnd18 } from "./cas-and18/cas-and18.ts";
import { casCbx } from "./cas-cbx/cas-cbx.ts";
import { casPdii18 } from "./cas-pdii-18/cas-pdii-18.ts";
import { digiDs781 } from "./digi-ds781/digi-ds781.ts";
import { diniArgeo } from "./dini-argeo/dini-argeo.ts";
import { ds2480b } from "./ds2480b/ds2480b.ts";
import { ean } from "./ean/ean.ts";
import { enqStxEtx } from "./enq-stx-etx/enq-stx-etx.ts";
import { ggShuangjie } from "./gg-shuangjie/gg-shuangjie.ts";
import { gs1Ai } from "./gs1-ai/gs1-ai.ts";
import { irGyMcu90614 } from "./ir-gy-mcu90614/ir-gy-mcu90614.ts";
import { kern } from "./kern/kern.ts";
import { modbusRtu } from "./modbus-rtu/modbus-rtu.ts";
import { modbusTemp } from "./modbus-temp/modbus-temp.ts";
import { mtPrint } from "./mt-print/mt-print.ts";
import { mtSics } from "./mt-sics/mt-sics.ts";
import { ohaus } from "./ohaus/ohaus.ts";
import { onewire } from "./onewire/onewire.ts";
import { probeText } from "./probe-text/probe-text.ts";
import { rfidAbba } from "./rfid-abba/rfid-abba.ts";
import { rfidEm4100 } from "./rfid-em4100/rfid-em4100.ts";
import { sartoriusSbi } from "./sartorius-sbi/sartorius-sbi.ts";
import { scannerGm65 } from "./scanner-gm65/scanner-gm65.ts";
import { scannerHidkbd } from "./scanner-hidkbd/scanner-hidkbd.ts";
import { scannerHidpos } from "./scanner-hidpos/scanner-hidpos.ts";
import { scannerSerial } from "./scanner-serial/scanner-serial.ts";
import { sohStxBcc } from "./soh-stx-bcc/soh-stx-bcc.ts";
import { stgsText } from "./stgs-text/stgs-text.ts";
import { toledo8217 } from "./toledo-8217/toledo-8217.ts";
import { toledoContinuous } from "./toledo-continuous/toledo-continuous.ts";
import { toledoDialog06 } from "./toledo-dialog06/toledo-dialog06.ts";
import { toledoPriceCn } from "./toledo-price-cn/toledo-price-cn.ts";
import { usbHidScale } from "./usb-hid-scale/usb-hid-scale.ts";
import { wiegand26 } from "./wiegand26/wiegand26.ts";
import { yaohuaCmd } from "./yaohua-cmd/yaohua-cmd.ts";
import { yaohuaEq } from "./yaohua-eq/yaohua-eq.ts";
import { yaohuaTf0 } from "./yaohua-tf0/yaohua-tf0.ts";
import { yaohuaWw } from "./yaohua-ww/yaohua-ww.ts";
import { youshengBcd } from "./yousheng-bcd/yousheng-bcd.ts";

/** Every dialect that the bridge speaks. */
export const DIALECTS: readonly Dialect[] = [
  adamCbk,
  aihuaAcs,
  aimGs1,
  andStandard,
  blockPrint,
  cardUidFormat,
  cas22,
  casAnd18,
  casCbx,
  casPdii18,
  digiDs781,
  diniArgeo,
  ds2480b,
  ean,
  enqStxEtx,
  ggShuangjie,
  gs1Ai,
  irGyMcu90614,
  kern,
  modbusRtu,
  modbusTemp,
  mtPrint,
  mtSics,
  ohaus,
  onewire,
  probeText,
  rfidAbba,
  rfidEm4100,
  sartoriusSbi,
  scannerGm65,
  scannerHidkbd,
  scannerHidpos,
  scannerSerial,
  sohStxBcc,
  stgsText,
  toledo8217,
  toledoContinuous,
  toledoDialog06,
  toledoPriceCn,
  usbHidScale,
  wiegand26,
  yaohuaCmd,
  yaohuaEq,
  yaohuaTf0,
  yaohuaWw,
  youshengBcd,
];

const DIALECT_OF_KEY: ReadonlyMap<string, Dialect> = new Map(
  DIALECTS.map((dialect) => [dialect.key, dialect]),
);

/** @returns the dialect, or null when there is none of that name. */
export function dialectOf(key: string): Dialect | null {
  return DIALECT_OF_KEY.get(key) ?? null;
}
