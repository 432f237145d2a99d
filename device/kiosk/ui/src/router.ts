import { createRouter, createWebHistory } from "vue-router";

export const router = createRouter({
  history: createWebHistory(),
  routes: [
    { path: "/", component: () => import("./start-page.vue") },
    { path: "/pay", component: () => import("./pay/pay-page.vue") },
    { path: "/admin", component: () => import("./admin/admin-page.vue") },
    { path: "/:rest(.*)", redirect: "/" },
  ],
});
