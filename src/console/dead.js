// SPDX-License-Identifier: Apache-2.0
// What could not be handled and waits for a person. What a command says is shown only when it is asked for.
import { action, careful, command, field, fields, h, put, says } from "./dom.js";
import { ask, path } from "./server.js";

export async function dead(main, rest, signal, routes) {
    const told = h("div", { "aria-live": "polite" }), list = h("div");
    const load = async () => {
        const { body } = await ask("/quarantine", { signal });
        put(list, body.quarantine.length === 0 ? h("p", { className: "good" }, "Nothing waits: no aggregate is in quarantine.")
            : body.quarantine.map((one) => letter(one, (words, good) => { put(told, says(words, good)); return load(); }, signal)));
    };
    main.append(h("p", { className: "quiet" }, "Aggregates that take no commands since one ended the process twice. The same: ", command("dead", "list")), told, list);
    await load();
    if (routes.some((route) => route.path === "/letters")) {
        const views = h("div");
        main.append(views);
        await letters(views, (words, good) => put(told, says(words, good)), signal);
    }
}

function letter(one, after, signal) {
    const where = path("quarantine", one.aggregate, one.key), name = `${one.aggregate}/${one.key}`, payload = h("div");
    const reason = field("Reason", { size: 30, value: "" }), discardLine = h("code", { className: "cli" });
    const release = (discard, why) => ask(`${where}/release?discard=${discard}&reason=${encodeURIComponent(why)}`, { method: "POST" });
    const show = async () => {
        const { body } = await ask(`${where}?data=true`, { signal });
        put(payload, body.commands.map((held) => h("article", { className: "event" }, h("strong", {}, held.type), h("span", { className: "quiet" }, ` ${held.id ?? held.source ?? ""} ${held.time ?? ""}`),
            held.data === undefined ? h("code", {}, held.payload) : fields(held.data))));
    };
    const retry = async () => {
        try {
            await release(false, "retried from the console");
            const { body } = await ask(`${where}?data=true`, { signal });
            const lines = body.commands.filter((held) => held.data !== undefined)
                .map((held) => JSON.stringify(Object.fromEntries(["type", "data", "id", "expectedVersion", "source", "sequence", "previous", "fingerprint"].filter((field) => held[field] !== undefined).map((field) => [field, held[field]]))));
            const reply = (await ask("/commands", { method: "POST", body: lines.join("\n"), headers: { "Content-Type": "application/x-ndjson", Accept: "application/x-ndjson" } })).body;
            const results = reply.trim().split("\n").map((line) => JSON.parse(line)), good = results.filter((result) => result.status === 200).length;
            await after(`${name}: ${good} of ${results.length} accepted${good < results.length ? `; ${results.find((result) => result.status !== 200).detail}` : ""}.`, good === results.length);
        } catch (error) { await after(error.message, false); }
    };
    const discard = async () => {
        if (reason.input.value === "") { await after("What is discarded is not tried again: say why.", false); return; }
        try { await release(true, reason.input.value); await after(`${name}: discarded; it takes commands again.`, true); } catch (error) { await after(error.message, false); }
    };
    const tell = () => put(discardLine, command("dead", "discard", name, "--reason", reason.input.value || "WHY").textContent);
    reason.input.addEventListener("input", tell);
    tell();
    return h("section", { className: "letter" }, h("h3", {}, name),
        h("p", {}, one.released ? h("span", { className: "warn" }, "released, not tried again yet") : h("span", { className: "bad" }, one.code), `: ${one.held} held, the first is ${one.type} of ${one.time}`),
        payload, action("Show what they say", command("dead", "show", name, "--data"), show, true), action("Retry", command("dead", "retry", name), retry),
        reason, careful("Discard", `Discard what is held of ${name}? It is not tried again.`, discardLine, discard));
}

// Events that a view could not take, with their successors of the same key.
async function letters(list, tell, signal) {
    const { body } = await ask("/letters", { signal });
    put(list, h("h3", {}, "Events that views could not take"),
        h("p", { className: body.parked === 0 ? "good" : "bad" }, body.parked === 0 ? "None is parked." : `${body.parked} parked, of ${body.keys} keys`, body.discarded > 0 ? `; ${body.discarded} discarded` : ""),
        body.letters.map((one) => event(one, (words, good) => { tell(words, good); return letters(list, tell, signal); }, signal)));
}

function event(one, after, signal) {
    const where = path("letters", one.view, one.event), name = `${one.view}:${one.event}`, payload = h("div");
    const reason = field("Reason", { size: 30, value: "" });
    const show = async () => {
        const { body } = await ask(where, { signal });
        put(payload, h("strong", {}, body.type ?? one.type), body.data === undefined ? null : fields(body.data));
    };
    const retry = async () => {
        try {
            const { body } = await ask(`${where}/retry`, { method: "POST" });
            await after(`${name}: ${body.applied} applied, ${body.parked} still parked.`, body.parked === 0);
        } catch (error) { await after(error.message, false); }
    };
    const discard = async () => {
        if (reason.input.value === "") { await after("What is discarded is left out for ever: say why.", false); return; }
        try { await ask(`${where}/discard?reason=${encodeURIComponent(reason.input.value)}&who=console`, { method: "POST" }); await after(`${name}: discarded.`, true); }
        catch (error) { await after(error.message, false); }
    };
    const about = h("p", {}, h("span", { className: one.state === "discarded" ? "quiet" : "bad" }, one.state), `: ${one.type ?? "an event"} of ${one.aggregate}/${one.key}, since ${one.since}`,
        one.attempts > 0 ? `, tried ${one.attempts} times` : "", one.error === undefined ? "" : `: ${one.error}`, one.reason === undefined ? "" : `: ${one.reason} (${one.who})`);
    return h("section", { className: "letter" }, h("h3", {}, name), about, payload, action("Show what it says", command("dead", "show", name), show, true),
        one.state === "discarded" ? null : [action("Retry", command("dead", "retry", name), retry), reason,
            careful("Discard", `Leave ${name} out of ${one.view} for ever?`, command("dead", "discard", name, "--reason", "WHY"), discard)]);
}
