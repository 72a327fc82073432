/* SPDX-License-Identifier: Apache-2.0
 * weir version: this build and the libraries that it runs with. Thread: the main thread. */
#include <curl/curl.h>
#include <jansson.h>
#include <lmdb.h>
#include <microhttpd.h>
#include <protobuf-c/protobuf-c.h>
#include <sqlite3.h>
#include "cli/build_version.h"
#include "cli/cli.h"
#include "cli/output.h"

#if defined(__clang__)
#define COMPILER __VERSION__
#else
#define COMPILER "gcc " __VERSION__
#endif

static json_t *
libraries(void)
{
    int major, minor, patch;

    (void)mdb_version(&major, &minor, &patch);
    return json_pack("{s:o,s:s,s:s,s:s,s:s,s:s}", "lmdb", json_sprintf("%d.%d.%d", major, minor, patch), "sqlite", sqlite3_libversion(),
        "protobuf-c", protobuf_c_version(), "libmicrohttpd", MHD_get_version(), "libcurl", curl_version_info(CURLVERSION_NOW)->version,
        "jansson", jansson_version_str());
}

static int
run(weiri_cli *cli)
{
    json_t *all = json_pack("{s:s,s:s,s:i,s:o}", "version", WEIRI_VERSION, "compiler", COMPILER, "abi", WEIR_ABI, "libraries", libraries());

    if (cli->json)
        weiri_output_json(cli->out, all);
    else {
        const char *name;
        json_t *value;
        fprintf(cli->out, "weir %s (module ABI %d), compiled by %s\n", WEIRI_VERSION, WEIR_ABI, COMPILER);
        json_object_foreach(json_object_get(all, "libraries"), name, value) fprintf(cli->out, "%-14s %s\n", name, json_string_value(value));
    }
    json_decref(all);
    return WEIRI_EXIT_DONE;
}

static const weiri_cli_option options[] = { { NULL, 0, NULL, NULL } };

const weiri_cli_command weiri_cli_version = {
    .name = "version",
    .what = "This build, and the libraries that it runs with",
    .usage = "",
    .examples = "weir version\nweir version --json",
    .options = options,
    .run = run,
};
