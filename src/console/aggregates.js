// SPDX-License-Identifier: Apache-2.0
// An aggregate: its history, its state at any version, and what each event changed.
import { action, command, field, fields, h, put, says } from "./dom.js";
import { ask, path } from "./server.js";

const PAGE = 50;

export async function aggregates(main, [name, key], signal) {
    const types = (await ask("/types", { signal })).body.types;
    const names = [...new Set(types.map((type) => type.aggregate))];
    const chosen = field("Aggregate", {}, names), which = field("Key", { required: true, size: 24, value: key ?? "" });
    const result = h("div", { "aria-live": "polite" });
    if (name !== undefined) chosen.input.value = name;
    main.append(h("section", {}, h("form", { onsubmit: (event) => {
        event.preventDefault();
        location.hash = `#/aggregates/${encodeURIComponent(chosen.input.value)}/${encodeURIComponent(which.input.value)}`;
    } }, chosen, which, h("button", {}, "Show"))), result);
    if (key !== undefined) await history(result, name, key, signal);
    else which.input.focus();
}

async function history(result, name, key, signal) {
    const events = [], list = h("div"), state = h("section"), more = h("div");
    const at = field("Version", { type: "number", min: 1 });
    const page = async (after) => {
        const { body } = await ask(`${path("aggregates", name, key, "events")}?states=true&limit=${PAGE}${after === undefined ? "" : `&after=${after}`}`, { signal });
        events.push(...body.events);
        put(list, events.map(told));
        put(more, body.next === undefined ? null : action("Earlier ones", null, () => page(body.next), true));
        return body.version;
    };
    const told = (event, i) => h("article", { className: "event" },
        h("div", { className: "row" }, h("strong", {}, `${event.version}. ${event.type}`), h("span", { className: "quiet" }, event.time),
            event.commandId === undefined ? null : h("a", { href: `#/command/${[name, key, event.commandId].map(encodeURIComponent).join("/")}` }, "its command"),
            h("button", { type: "button", className: "plain", onclick: () => show(event.version) }, "State then")),
        fields(event.data),
        event.state === undefined ? null : h("div", {}, h("span", { className: "quiet" }, "changed: "), changes(event.state, events[i + 1]?.state, event.version)));
    const show = async (version) => {
        try {
            const { body } = await ask(`${path("aggregates", name, key)}?version=${version}`, { signal });
            const before = version > 1 ? (await ask(`${path("aggregates", name, key)}?version=${version - 1}`, { signal })).body.state : {};
            at.input.value = version;
            put(state, h("h3", {}, `State at version ${version}`), fields(body.state, before), h("div", { className: "row" }, at,
                action("Earlier", null, () => show(Math.max(1, version - 1)), true), action("Later", null, () => show(Math.min(latest, version + 1)), true)),
                h("p", {}, "The same: ", command("show", `${name}/${key}`, "--at", version)));
        } catch (error) { put(state, says(error.message)); }
    };
    put(result, state, h("section", {}, h("h3", {}, "History, the newest first"), h("p", {}, "The same: ", command("show", `${name}/${key}`, "--history")), list, more));
    let latest = 1;
    try { latest = await page(); } catch (error) { put(result, says(error.message)); return; }
    at.input.max = latest;
    at.input.addEventListener("change", () => show(Math.min(latest, Math.max(1, Number(at.input.value) || 1))));
    await show(latest);
}

// "onHand 4 → 3": the fields of the state that this event changed.
function changes(state, before, version) {
    if (before === undefined && version > 1) return "(the state before is on the next page)";
    const words = Object.keys(state).filter((name) => JSON.stringify(state[name]) !== JSON.stringify(before?.[name]))
        .map((name) => `${name} ${before?.[name] === undefined ? "" : JSON.stringify(before[name])} → ${JSON.stringify(state[name])}`);
    return h("code", {}, words.join(", ") || "nothing");
}
