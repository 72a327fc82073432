// SPDX-License-Identifier: Apache-2.0
// Elements from calls. Text becomes text nodes, never markup: what the log holds is strangers' data.

const SVG = "http://www.w3.org/2000/svg";

export function h(tag, properties, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(properties ?? {})) {
        if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
        else if (name in element && name !== "list") element[name] = value;
        else element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child !== null && child !== undefined));
    return element;
}

export function put(element, ...children) {
    element.replaceChildren(...children.flat().filter((child) => child !== null && child !== undefined));
}

// A word as a shell takes it.
export function quoted(word) {
    return /^[A-Za-z0-9_./:=,@%+-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

// The command line that does what the button beside it does.
export function command(...words) {
    return h("code", { className: "cli" }, ["weir", ...words.map(String)].map(quoted).join(" "));
}

export function action(title, line, run, plain) {
    const button = h("button", { type: "button", className: plain ? "plain" : "", onclick: async () => {
        button.disabled = true;
        try { await run(); } finally { button.disabled = false; }
    } }, title);
    return h("div", { className: "act" }, button, line);
}

// Asks before it does what can't be undone at a stroke.
export function careful(title, question, line, run) {
    const box = h("div");
    const first = action(title, line, async () => {
        put(box, h("p", {}, question), action(`Yes: ${title.toLowerCase()}`, null, async () => { put(box, first); await run(); }),
            action("No", null, async () => { put(box, first); }, true));
        box.querySelector("button").focus();
    }, true);
    box.append(first);
    return box;
}

export function says(words, good) {
    return h("p", { className: good ? "says done" : "says", role: good ? "status" : "alert" }, words);
}

export function shown(value) {
    return typeof value === "string" ? value : value === null || value === undefined ? "" : JSON.stringify(value);
}

// The fields of an object; those that differ from `before` are marked, with what they were.
export function fields(object, before) {
    const list = h("dl");
    for (const [name, value] of Object.entries(object ?? {})) {
        const was = before === undefined ? value : before?.[name];
        const changed = JSON.stringify(was) !== JSON.stringify(value);
        list.append(h("dt", {}, name), h("dd", { className: changed ? "mono changed" : "mono" }, shown(value),
            changed ? h("span", { className: "quiet" }, ` (was ${was === undefined ? "nothing" : shown(was)})`) : null));
    }
    return list;
}

export function table(rows, names) {
    const columns = names ?? [...new Set(rows.flatMap((row) => Object.keys(row)))];
    const numeric = (name) => rows.length > 0 && rows.every((row) => typeof row[name] === "number");
    return h("div", { className: "scroll" }, h("table", {},
        h("thead", {}, h("tr", {}, columns.map((name) => h("th", { scope: "col", className: numeric(name) ? "number" : "" }, name)))),
        h("tbody", {}, rows.map((row) => h("tr", {}, columns.map((name) =>
            h("td", { className: numeric(name) ? "number" : "" }, row[name] instanceof Node ? row[name] : shown(row[name]))))))));
}

export function field(title, properties, options) {
    const input = h(options ? "select" : "input", properties, (options ?? []).map((value) => h("option", { value }, value)));
    const label = h("label", {}, title, input);
    label.input = input;
    return label;
}

// A line over the last values, from 0 to the largest of them.
export function trend(values, title) {
    const svg = document.createElementNS(SVG, "svg"), line = document.createElementNS(SVG, "polyline");
    const most = Math.max(1, ...values), step = 100 / Math.max(1, values.length - 1);
    svg.setAttribute("class", "trend");
    svg.setAttribute("viewBox", "0 0 100 20");
    svg.setAttribute("preserveAspectRatio", "none");
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", title);
    line.setAttribute("points", values.map((value, i) => `${(i * step).toFixed(1)},${(19 - 18 * value / most).toFixed(1)}`).join(" "));
    line.setAttribute("fill", "none");
    line.setAttribute("stroke", "currentColor");
    line.setAttribute("vector-effect", "non-scaling-stroke");
    line.setAttribute("stroke-width", "2");
    svg.append(line);
    return svg;
}

export function duration(ms) {
    return ms < 1000 ? `${ms} ms` : ms < 120000 ? `${(ms / 1000).toFixed(1)} s` : `${Math.round(ms / 60000)} min`;
}
