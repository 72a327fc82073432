// SPDX-License-Identifier: Apache-2.0
// Events as they come. The types are filtered by the server, words here.
import { action, command, field, h, put, shown } from "./dom.js";
import { ask, follow } from "./server.js";

const KEPT = 200;

export async function live(main, rest, signal) {
    const types = (await ask("/types", { signal })).body.types.filter((type) => type.kind === "event" && type.upcastTo === undefined);
    const chosen = field("Type", {}, ["all", ...types.map((type) => type.name)]), words = field("Contains", { size: 24 });
    const list = h("div", { className: "tail" }), state = h("p", { className: "quiet", role: "status" }), line = h("p");
    let stop = new AbortController(), standing = false;
    const matches = (text) => text.toLowerCase().includes(words.input.value.toLowerCase());
    const take = (name, event) => {
        const text = Object.entries(event.data ?? {}).map(([field, value]) => `${field}=${shown(value)}`).join(" ");
        const row = h("article", { className: "event fresh" }, h("strong", {}, event.type ?? name), " ",
            h("a", { href: `#/aggregates/${encodeURIComponent(event.aggregate)}/${encodeURIComponent(event.key)}` }, `${event.aggregate}/${event.key}`),
            h("span", { className: "quiet" }, ` v${event.version} ${event.time} `), h("code", {}, text));
        row.words = `${event.type} ${event.aggregate}/${event.key} ${text}`;
        row.hidden = !matches(row.words);
        list.prepend(row);
        while (list.children.length > KEPT) list.lastChild.remove();
    };
    const begin = () => {
        const type = chosen.input.value === "all" ? "" : chosen.input.value;
        stop.abort();
        stop = new AbortController();
        put(line, "The same: ", command("events", "--follow", "--after", "now", ...(type === "" ? [] : ["--type", type])));
        follow(`/events?after=now${type === "" ? "" : `&types=${encodeURIComponent(type)}`}`, take, (words) => put(state, words), stop.signal);
    };
    const hold = h("button", { type: "button", className: "plain", onclick: () => {
        standing = !standing;
        put(hold, standing ? "Go on" : "Stand still");
        if (standing) { stop.abort(); put(state, "standing still"); } else begin();
    } }, "Stand still");
    signal.addEventListener("abort", () => stop.abort());
    chosen.input.addEventListener("change", begin);
    words.input.addEventListener("input", () => { for (const row of list.children) row.hidden = !matches(row.words); });
    main.append(h("section", {}, h("div", { className: "row" }, chosen, words, hold, action("Clear", null, async () => put(list), true)), line, state), h("section", {}, list));
    begin();
}
