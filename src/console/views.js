// SPDX-License-Identifier: Apache-2.0
// Views: how far behind they are, and lately; what may be done with them; their rows as they change. And process instances.
import { action, careful, command, duration, field, h, put, says, table, trend } from "./dom.js";
import { ask, follow, path } from "./server.js";

const EVERY_MS = 1000, KEPT = 120;
const past = new Map(); // name: lags in events, one a second

function remember(list) {
    for (const one of list) {
        const lags = past.get(one.name) ?? [];
        lags.push(one.lagEvents);
        past.set(one.name, lags.slice(-KEPT));
    }
}

// Whatever the server lets one do with a view: POST /views/{view}/WORD is `weir view WORD NAME`.
function actions(name, routes, after) {
    const words = routes.filter((route) => route.method === "POST" && /^\/views\/\{view\}\/[a-z]+$/.test(route.path)).map((route) => route.path.split("/")[3]);
    return words.map((word) => {
        const title = word[0].toUpperCase() + word.slice(1), line = command("view", word, name);
        const run = async () => {
            try { await ask(path("views", name, word), { method: "POST" }); after(`${name}: ${word} has begun.`, true); }
            catch (error) { after(error.message, false); }
        };
        return word === "rebuild" ? careful(title, `Build ${name} anew from all events? Its rows come back as it goes.`, line, run) : action(title, line, run, true);
    });
}

function figures(one) {
    const lags = past.get(one.name) ?? [], most = Math.max(1, ...lags);
    const state = one.state === "stopped" ? "bad" : one.state === "following" ? "good" : "warn";
    return [h("p", { className: state }, one.state, one.lagEvents === 0 ? ", shows everything" : `, ${one.lagEvents} events behind, ${duration(one.lagMs)}`),
        one.state === "rebuilding" ? h("progress", { max: most, value: most - one.lagEvents, "aria-label": "Rebuilt" }) : null,
        trend(lags, `events behind over the last ${lags.length} seconds: now ${one.lagEvents}, at most ${Math.max(0, ...lags)}`),
        h("p", { className: "quiet" }, `${one.applied} events applied, ${Math.round(one.eventsPerSecond)} a second lately`,
            one.untouched > 0 ? `; ${one.untouched} changes touched no row` : ""),
        one.parked > 0 ? h("p", { className: "bad" }, h("a", { href: "#/dead" }, `${one.parked} events are parked`), `, of ${one.parkedKeys} keys`) : null,
        one.error ? says(one.error) : null];
}

async function poll(signal, each) {
    while (!signal.aborted) {
        if (document.visibilityState === "visible") {
            const list = (await ask("/views", { signal })).body.views;
            remember(list);
            each(list);
        }
        await new Promise((resolve) => setTimeout(resolve, EVERY_MS));
    }
}

export async function views(main, rest, signal, routes) {
    const told = h("div", { "aria-live": "polite" }), cards = h("div", { className: "cards" }), shownOf = new Map();
    const tell = (words, good) => put(told, says(words, good));
    main.append(h("p", { className: "quiet" }, "What is shown, and how far behind the events. The same: ", command("view", "status")), told, cards);
    await poll(signal, (list) => {
        if (list.length === 0) put(cards, h("p", {}, "This module has no views."));
        for (const one of list) {
            if (!shownOf.has(one.name)) {
                const of = h("div");
                shownOf.set(one.name, of);
                cards.append(h("article", { className: "card" }, h("h3", {}, h("a", { href: `#/view/${one.name}` }, one.name)), of, ...actions(one.name, routes, tell)));
            }
            put(shownOf.get(one.name), figures(one));
        }
    });
}

export async function view(main, [name], signal, routes) {
    const list = (await ask("/views")).body.views, one = list.find((row) => row.name === name);
    if (one === undefined) throw new Error(`There is no view ${name}.`);
    const places = [...(one.tables ?? []).map((row) => [row.name, name, row.name]), ...(one.queries ?? []).map((row) => [`query ${row.name}`, name, "queries", row.name])];
    const chosen = field("Table or query", {}, places.map((row) => row[0]));
    const filter = field("Filter", { placeholder: "on_hand=lt.5&order=sku", size: 30 });
    const rows = h("div", { "aria-live": "off" }), line = h("p"), status = h("div"), told = h("div", { "aria-live": "polite" });
    const load = async () => {
        const place = places.find((row) => row[0] === chosen.input.value);
        const query = filter.input.value + (/(^|&)limit=/.test(filter.input.value) ? "" : `${filter.input.value === "" ? "" : "&"}limit=50`);
        try {
            const { body } = await ask(`/${["views", ...place.slice(1)].map(encodeURIComponent).join("/")}?${query}`, { signal });
            put(rows, body.length === 0 ? h("p", {}, "No rows.") : table(body));
        } catch (error) { put(rows, says(error.message)); }
        put(line, "The same: ", command("view", place.length === 4 ? "query" : "rows", `${name}.${place.at(-1)}`, ...(filter.input.value === "" ? [] : filter.input.value.split("&"))));
    };
    main.append(h("section", {}, status, told, ...actions(name, routes, (words, good) => put(told, says(words, good)))),
        h("section", {}, h("form", { onsubmit: (event) => { event.preventDefault(); load(); } }, chosen, filter, h("button", {}, "Show")), line, rows));
    chosen.input.addEventListener("change", load);
    await load();
    let due = false;
    follow(path("views", name, "changes"), () => {
        if (due) return;
        due = true; // many moves, one look
        setTimeout(() => { due = false; if (!signal.aborted) load(); }, 250);
    }, () => {}, signal);
    await poll(signal, (now) => put(status, figures(now.find((row) => row.name === name) ?? one)));
}

// Instances of processes and their timers, where the server tells them.
export async function processes(main, rest, signal) {
    const { body } = await ask("/processes", { signal });
    const lists = Object.entries(body).filter(([, value]) => Array.isArray(value));
    main.append(h("p", { className: "quiet" }, "The same: ", command("process", "list")),
        ...lists.map(([name, value]) => h("section", {}, h("h3", {}, name), value.length === 0 ? h("p", {}, "None.") : table(value))));
}
