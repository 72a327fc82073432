/* SPDX-License-Identifier: Apache-2.0
 * Opens a directory after a kill and asks what became of commands, without sending any: an answer that rests on what was there. Writes
 * down what it hears, as the workload does.
 *   fault_asking DIR HEARD VIEWS FROM TO    exit status 0; 3: the engine has said that it can't */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include "base/thread.h"
#include "domain.h"
#include "engine/service.h"

typedef struct asking {
    weiri_reply reply;
    weiri_signal told;
} asking;

static void
told(void *user, weiri_reply *reply)
{
    asking *a = user;

    a->reply = *reply;
    weiri_signal_raise(&a->told);
}

static void
ask(weir_engine *engine, int heard_fd, unsigned i)
{
    static fault_command command;
    asking a = { .reply = { 0 } };

    fault_command_make(&command, i);
    weiri_signal_init(&a.told);
    weiri_service_outcome(engine, "counter", command.key, command.id, told, &a);
    (void)weiri_signal_wait(&a.told, 0, -1);
    const char *equals = strchr(a.reply.position, '='), *colon = strchr(a.reply.position, ':');
    if (a.reply.http == 200 && equals != NULL && colon != NULL) {
        const fault_heard heard = { i, fault_events_of(command.message.amount), WEIR_OK, (int32_t)strtol(colon + 1, NULL, 10),
            a.reply.version, strtoull(equals + 1, NULL, 10) };
        if (write(heard_fd, &heard, sizeof heard) != (ssize_t)sizeof heard)
            abort();
    }
    weiri_reply_fini(&a.reply);
    weiri_signal_fini(&a.told);
}

int
main(int argc, char **argv)
{
    weir_engine *engine;
    weir_error err = { 0 };
    char settings[4200];

    if (argc < 6)
        return 2;
    int heard = open(argv[2], O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (heard < 0)
        return 2;
    (void)snprintf(settings, sizeof settings, "dir='%s' views='%s' checkpoint.events=300 partitions=2", argv[1], argv[3]);
    if (weir_open(&fault_module, settings, &engine, &err) != WEIR_OK) {
        printf("not opened: %s: %s\n", weir_status_name(err.status), err.text);
        return 3;
    }
    for (unsigned i = (unsigned)strtoul(argv[4], NULL, 10); i < strtoul(argv[5], NULL, 10); i++)
        ask(engine, heard, i);
    weir_close(engine);
    printf("all answered\n");
    return 0;
}
