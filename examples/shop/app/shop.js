// SPDX-License-Identifier: Apache-2.0
// The shop's page: rows of the view `stock`, asked for again whenever the view says that it has moved, and commands.

const ROWS = 25;
const form = document.getElementById("sale"), answer = document.getElementById("answer"), state = document.getElementById("state");
const before = new Map(); // sku: on hand when it was last shown

function cell(text, name) {
    const td = document.createElement("td");
    td.textContent = text;
    td.className = name ?? "";
    return td;
}

async function show() {
    const reply = await fetch(`/views/stock/stock?order=on_hand,sku&limit=${ROWS}`);
    const rows = await reply.json();
    document.getElementById("none").hidden = rows.length > 0;
    document.getElementById("rows").replaceChildren(...rows.map((row) => {
        const tr = document.createElement("tr"), was = before.get(row.sku) ?? row.on_hand, moved = row.on_hand - was;
        tr.className = moved === 0 ? "" : "moved";
        tr.append(cell(row.sku), cell(row.on_hand, "number"), cell(moved === 0 ? "" : `${moved > 0 ? "+" : ""}${moved}`, "number"));
        return tr;
    }));
    document.getElementById("articles").replaceChildren(...rows.map((row) => new Option(row.sku)));
    for (const row of rows) before.set(row.sku, row.on_hand);
}

const values = () => Object.fromEntries(new FormData(form));

function line(type, fields) {
    return `weir send ${type} ${Object.entries(fields).map(([name, value]) => `${name.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`)}=${value}`).join(" ")}`;
}

function sale() {
    const { sku, quantity, unitPriceCents } = values();
    return { sku, quantity, unitPriceCents };
}

function tell() {
    document.getElementById("line").textContent = line("RecordSale", sale());
}

// Refused for a rule of the shop, or accepted: in either case it is said once, whatever the network does, for the command has an id.
async function send(type, fields) {
    const id = crypto.randomUUID?.() ?? `${Date.now()}-${Math.random()}`;
    answer.className = "quiet";
    answer.textContent = "…";
    try {
        const reply = await fetch(`/commands/shop.v1.${type}`, { method: "POST", body: JSON.stringify(fields),
            headers: { "Content-Type": "application/json", "Idempotency-Key": `"${id}"` } });
        const body = await reply.json();
        answer.className = reply.ok ? "good" : "bad";
        answer.textContent = reply.ok ? `Accepted: ${body.events.map((event) => event.type.split(".").at(-1)).join(", ")}; ${body.key} is at version ${body.version}.` : `Refused: ${body.detail}`;
    } catch {
        answer.className = "bad";
        answer.textContent = "The shop does not answer; the order may be sent again.";
    }
}

form.addEventListener("input", tell);
form.addEventListener("submit", (event) => {
    event.preventDefault();
    send("RecordSale", { ...sale(), soldAtMs: String(Date.now()), invoiceNo: "web", country: "United Kingdom" });
});
form.elements.receive.addEventListener("click", () => {
    if (form.reportValidity()) send("ReceiveStock", { sku: values().sku, quantity: values().quantity });
});

const changes = new EventSource("/views/stock/changes");
let due = false;
changes.addEventListener("change", () => {
    if (due) return;
    due = true;
    setTimeout(() => { due = false; show(); }, 100);
});
changes.onopen = () => { state.textContent = "live"; };
changes.onerror = () => { state.textContent = "the connection has ended; trying again"; };
tell();
show();
