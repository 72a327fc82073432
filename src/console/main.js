// SPDX-License-Identifier: Apache-2.0
// Which page the address names, and what all pages share: the list of pages, who is running, the token.
import { about, schema, settings } from "./about.js";
import { aggregates } from "./aggregates.js";
import { commandPage, sendPage } from "./command.js";
import { dead } from "./dead.js";
import { field, h, put, says } from "./dom.js";
import { live } from "./live.js";
import { ask, Problem, setToken } from "./server.js";
import { processes, view, views } from "./views.js";

// Name, title, function, and the route without which there is no such page.
const pages = [
    ["views", "Views", views, "/views"],
    ["view", null, view, "/views"],
    ["aggregates", "Aggregates", aggregates, "/aggregates/{name}/{key}"],
    ["command", "A command's way", commandPage, "/aggregates/{name}/{key}/commands/{id}"],
    ["live", "Live events", live, "/events"],
    ["dead", "Dead letters", dead, "/quarantine"],
    ["processes", "Processes", processes, "/processes"],
    ["send", "Send", sendPage, "/commands/{type}"],
    ["schema", "Messages", schema, "/types"],
    ["settings", "Settings", settings, "/settings"],
];

const main = document.getElementById("main");
let leave = new AbortController(), routes = [];

function askForToken(again) {
    const token = field("Token", { type: "password", autocomplete: "current-password", required: true });
    put(main, h("section", {}, h("h2", {}, "This server asks for a token"),
        h("form", { onsubmit: (event) => { event.preventDefault(); setToken(token.input.value); again(); } }, token, h("button", {}, "Go on"))));
    token.input.focus();
}

async function show() {
    const [name, ...rest] = decodeURI(location.hash.replace(/^#\//, "")).split("/");
    const page = pages.find((row) => row[0] === name) ?? pages[0];
    leave.abort();
    leave = new AbortController();
    for (const link of document.querySelectorAll("nav a")) {
        if (link.hash === `#/${page[0]}`) link.setAttribute("aria-current", "page");
        else link.removeAttribute("aria-current");
    }
    document.title = `weir: ${page[1] ?? rest[0]}`;
    put(main, h("h2", {}, page[1] ?? rest.map(decodeURIComponent).join("/")));
    try {
        await page[2](main, rest.map(decodeURIComponent), leave.signal, routes);
    } catch (error) {
        if (error instanceof Problem && error.status === 401) askForToken(start);
        else if (!leave.signal.aborted) main.append(says(error.message));
    }
}

async function start() {
    try {
        routes = (await ask("/")).body;
        await about(document.getElementById("what"));
    } catch (error) {
        if (error instanceof Problem && error.status === 401) askForToken(start);
        else put(main, says(error.message));
        return;
    }
    const has = (path) => routes.some((route) => route.path === path);
    put(document.getElementById("pages"), pages.filter((row) => row[1] !== null && has(row[3]))
        .map((row) => h("li", {}, h("a", { href: `#/${row[0]}` }, row[1]))));
    await show();
}

addEventListener("hashchange", () => { show(); main.focus(); });
start();
