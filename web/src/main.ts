import { createApp } from "vue";
import App from "./App.vue";
import "./icon.svg";
import { router } from "./router";
import "./style.css";

createApp(App).use(router).mount("#app");
