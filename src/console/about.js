// SPDX-License-Identifier: Apache-2.0
// What is running; its messages; its settings and where each came from.
import { command, h, put, table } from "./dom.js";
import { ask } from "./server.js";

export async function about(element) {
    const { body } = await ask("/info");
    put(element, `${body.module}, ${body.partitions} partitions, ${body.dir}, since ${body.started}`);
}

export async function schema(main, rest, signal) {
    const { types } = (await ask("/types", { signal })).body;
    const kind = (one) => one.type === "message" ? one.message : one.type;
    main.append(h("p", { className: "quiet" }, "The messages of this module, as the running engine knows them."), ...types.map((type) => h("section", {},
        h("h3", {}, type.name), h("p", { className: "quiet" }, `${type.kind} of ${type.aggregate}`, type.key === undefined ? "" : `, key ${type.key}`,
            type.upcastTo === undefined ? "" : `, an old one: upcast to ${type.upcastTo}`),
        table(type.fields.map((one) => ({ field: one.name, "in JSON": one.json, type: (one.repeated ? "list of " : "") + kind(one) }))))));
}

export async function settings(main, rest, signal) {
    const list = (await ask("/settings", { signal })).body.settings;
    main.append(h("p", { className: "quiet" }, "Every setting in force. The same: ", command("config")), h("section", {}, table(list, ["name", "value", "from", "what"])));
}
