import { createApp } from "vue";
import App from "./App.vue";
import { router } from "./router.ts";
import "./styles/tokens.css";
import "./styles/base.css";
import { i18n } from "./texts/i18n.ts";

createApp(App).use(router).use(i18n).mount("#app");
