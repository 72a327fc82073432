// SPDX-License-Identifier: Apache-2.0
// Asking the server. A bearer token is kept for this tab alone; feeds are read with fetch, since an EventSource sends no token.

let token = sessionStorage.getItem("weir-token") ?? "";

export function setToken(value) {
    token = value;
    sessionStorage.setItem("weir-token", value);
}

export class Problem extends Error {
    constructor(status, body) {
        super(body.detail ?? body.title ?? `status ${status}`);
        this.status = status;
        this.code = body.code;
        this.body = body;
    }
}

function headers(more) {
    return token === "" ? { ...more } : { Authorization: `Bearer ${token}`, ...more };
}

export async function ask(path, options = {}) {
    const reply = await fetch(path, { ...options, headers: headers({ Accept: "application/json", ...options.headers }) });
    const text = await reply.text();
    let body = text;
    if ((reply.headers.get("Content-Type") ?? "").includes("json") && !(reply.headers.get("Content-Type") ?? "").includes("ndjson"))
        body = JSON.parse(text);
    if (!reply.ok) throw new Problem(reply.status, typeof body === "string" ? { detail: body } : body);
    return { body, position: reply.headers.get("Weir-Position"), status: reply.status };
}

export const path = (...segments) => "/" + segments.map(encodeURIComponent).join("/");

const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

// Follows a feed until `signal` is aborted: calls `take` with each event's name and data. Goes on where it was when it breaks.
export async function follow(where, take, state, signal) {
    let last = "", pause = 1000;
    while (!signal.aborted) {
        try {
            const reply = await fetch(where, { signal, headers: headers({ Accept: "text/event-stream", ...(last === "" ? {} : { "Last-Event-ID": last }) }) });
            if (!reply.ok) throw new Problem(reply.status, await reply.json());
            state("live");
            pause = 1000;
            const reader = reply.body.pipeThrough(new TextDecoderStream()).getReader();
            let text = "";
            for (let part = await reader.read(); !part.done; part = await reader.read()) {
                const blocks = (text + part.value).split("\n\n");
                text = blocks.pop();
                for (const block of blocks) {
                    let name = "message", data = "";
                    for (const line of block.split("\n")) {
                        if (line.startsWith("id: ")) last = line.slice(4);
                        else if (line.startsWith("event: ")) name = line.slice(7);
                        else if (line.startsWith("data: ")) data += line.slice(6);
                    }
                    if (data !== "") take(name, JSON.parse(data));
                }
            }
        } catch (error) {
            if (signal.aborted) return;
            if (error instanceof Problem && error.status < 500 && error.status !== 429) { state(error.message); return; }
        }
        if (!signal.aborted) { state("the connection has ended; trying again"); await wait(pause); pause = Math.min(2 * pause, 15000); }
    }
}
