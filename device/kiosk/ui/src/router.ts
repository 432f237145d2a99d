import { createRouter, createWebHistory } from "vue-router";

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/", component: () => import("./StartPage.vue") },
    { path: "/pay", component: () => import("./pay/PayPage.vue") },
    { path: "/receive", component: () => import("./receive/ReceivePage.vue") },
    { path: "/cabinet", component: () => import("./cabinet/CabinetPage.vue") },
    { path: "/cabinet/report", component: () => import("./cabinet/ReportPage.vue") },
    { path: "/admin", component: () => import("./admin/AdminPage.vue") },
    { path: "/:rest(.*)", redirect: "/" },
  ],
});
