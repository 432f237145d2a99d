import { ref } from "vue";

/** IANA zone of the school, for every time on the operator's page; set as soon as the terminal has said it. */
export const schoolZone = ref("Asia/Shanghai");
