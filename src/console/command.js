// SPDX-License-Identifier: Apache-2.0
// The way of one command: outcome, events, views. And sending one.
import { command, field, fields, h, put, says, table } from "./dom.js";
import { ask, path, Problem } from "./server.js";

// {partition: number} of "LOGID:P=N,..."
const positions = (token) => new Map((token ?? "").split(":").at(-1).split(",").filter(Boolean).map((part) => part.split("=").map(Number)));

async function way(result, name, key, id, signal) {
    let outcome, position, status = 200;
    try {
        ({ body: outcome, position } = await ask(path("aggregates", name, key, "commands", id), { signal }));
    } catch (error) {
        if (!(error instanceof Problem) || error.code === undefined) throw error;
        ({ body: outcome, status } = error);
    }
    const good = status === 200, versions = new Set((outcome.events ?? []).map((event) => event.version));
    put(result, h("section", {}, h("h3", {}, "1. The outcome"), h("p", { className: good ? "good" : "bad" }, good ? `accepted, version ${outcome.version}` : `${outcome.code}: ${outcome.detail ?? ""}`)));
    if (!good || versions.size === 0) {
        result.append(h("section", {}, h("h3", {}, "2. Its events"), h("p", {}, "It made none, so no view has changed by it.")));
        return;
    }
    const first = Math.min(...versions);
    const history = (await ask(`${path("aggregates", name, key, "events")}?order=oldest&after=${first - 1}&limit=${versions.size}`, { signal })).body.events;
    result.append(h("section", {}, h("h3", {}, "2. Its events"), history.map((event) => h("article", { className: "event" },
        h("strong", {}, `${event.version}. ${event.type}`), h("span", { className: "quiet" }, ` ${event.time}, partition ${event.partition}, offset ${event.offset}`), fields(event.data)))));
    const list = (await ask("/views", { signal })).body.views, wanted = positions(position);
    const rows = list.map((view) => {
        const at = positions(view.position), there = [...wanted].every(([partition, number]) => (at.get(partition) ?? -1) >= number);
        return { view: h("a", { href: `#/view/${view.name}` }, view.name), "shows it": there ? "yes" : "not yet", state: view.state };
    });
    result.append(h("section", {}, h("h3", {}, "3. The views"), rows.length === 0 ? h("p", {}, "There are none.") : table(rows)));
}

export async function commandPage(main, [name, key, id], signal) {
    const names = [...new Set((await ask("/types", { signal })).body.types.map((type) => type.aggregate))];
    const aggregate = field("Aggregate", {}, names), which = field("Key", { required: true, value: key ?? "" });
    const one = field("The command's id", { required: true, size: 34, value: id ?? "" }), result = h("div", { "aria-live": "polite" });
    if (name !== undefined) aggregate.input.value = name;
    main.append(h("section", {}, h("form", { onsubmit: (event) => {
        event.preventDefault();
        location.hash = `#/command/${[aggregate, which, one].map((label) => encodeURIComponent(label.input.value)).join("/")}`;
    } }, aggregate, which, one, h("button", {}, "Follow it")), h("p", { className: "quiet" }, "The id is the Idempotency-Key that it was sent with.")), result);
    if (id !== undefined) await way(result, name, key, id, signal);
}

export async function sendPage(main, rest, signal) {
    const types = (await ask("/types", { signal })).body.types.filter((type) => type.kind === "command");
    const chosen = field("Command", {}, types.map((type) => type.name)), inputs = h("div", { className: "row" }), line = h("p"), result = h("div");
    const type = () => types.find((one) => one.name === chosen.input.value);
    const labels = () => [...inputs.children];
    const given = () => labels().filter((label) => label.input.value !== "");
    const tell = () => put(line, "The same: ", command("send", chosen.input.value, ...given().map((label) => `${label.of.name}=${label.input.value}`)));
    const choose = () => {
        put(inputs, type().fields.map((one) => {
            const label = field(one.name + (one.name === type().key ? " (key)" : ""), { placeholder: one.repeated || one.type === "message" ? "JSON" : one.type });
            label.of = one;
            label.input.addEventListener("input", tell);
            return label;
        }));
        tell();
    };
    const value = (label) => label.of.repeated || label.of.type === "message" ? JSON.parse(label.input.value) : label.of.type === "bool" ? label.input.value === "true" : label.input.value;
    chosen.input.addEventListener("change", choose);
    main.append(h("section", {}, h("form", { onsubmit: async (event) => {
        event.preventDefault();
        const id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
        try {
            const data = Object.fromEntries(given().map((label) => [label.of.json, value(label)]));
            const { body } = await ask(path("commands", chosen.input.value), { method: "POST", body: JSON.stringify(data),
                headers: { "Content-Type": "application/json", "Idempotency-Key": `"${id}"` } });
            put(result, says(`Accepted: ${body.aggregate}/${body.key} is at version ${body.version}.`, true),
                h("a", { href: `#/command/${[body.aggregate, body.key, id].map(encodeURIComponent).join("/")}` }, "Its way"));
        } catch (error) { put(result, says(`${error.code ?? "refused"}: ${error.message}`)); }
    } }, chosen, inputs, h("button", {}, "Send")), line, result));
    choose();
}
