/* SPDX-License-Identifier: Apache-2.0
 * The rights that each role needs on Kafka, as lines for kafka-acls.sh. Thread: any. */
#include "engine/kafka.h"
#include "engine/offline.h"

/* One row, one line: a resource and what is done to it. %s: the app. */
typedef struct right {
    const char *role, *resource, *operations;
} right;

static const right rights[] = {
    { "front", "--topic '%s.commands'", "Write Describe DescribeConfigs" },
    { "front", "--topic '%s.events'", "Read Describe DescribeConfigs" },
    { "front", "--topic '%s.outcomes'", "Read Describe DescribeConfigs" },
    { "front", "--topic '%s.schemas'", "Read Write Describe DescribeConfigs" },
    { "front", "--transactional-id '%s.log'", "Write Describe" },
    { "front", "--topic '%s.dead-letters'", "Describe DescribeConfigs" },
    { "front", "--transactional-id '%s.log'", "Write Describe" },
    { "lane", "--topic '%s.commands'", "Read Describe DescribeConfigs" },
    { "lane", "--topic '%s.events'", "Read Write Describe DescribeConfigs" },
    { "lane", "--topic '%s.outcomes'", "Read Write Describe DescribeConfigs" },
    { "lane", "--topic '%s.dead-letters'", "Write Describe DescribeConfigs" },
    { "lane", "--topic '%s.schemas'", "Read Write Describe DescribeConfigs" },
    { "lane", "--transactional-id '%s.log'", "Write Describe" },
    { "lane", "--group '%s.lanes'", "Read Describe" },
    { "lane", "--transactional-id '%s.log'", "Write Describe" },
    { "lane", "--transactional-id '%s.lane.' --resource-pattern-type prefixed", "Write Describe" },
    { "views", "--topic '%s.commands'", "Describe DescribeConfigs" },
    { "views", "--topic '%s.events'", "Read Describe DescribeConfigs" },
    { "views", "--topic '%s.outcomes'", "Read Describe DescribeConfigs" },
    { "views", "--topic '%s.schemas'", "Read Write Describe DescribeConfigs" },
    { "views", "--transactional-id '%s.log'", "Write Describe" },
    { "views", "--topic '%s.dead-letters'", "Describe DescribeConfigs" },
    { "views", "--transactional-id '%s.log'", "Write Describe" },
    { "admin", "--topic '%s.' --resource-pattern-type prefixed", "Create Alter AlterConfigs Describe DescribeConfigs" },
};

static void
add_resource(weiri_buffer *to, const char *resource, const char *app)
{
    const char *place = strstr(resource, "%s");

    weiri_buffer_add(to, resource, (size_t)(place - resource));
    weiri_buffer_add_text(to, app);
    weiri_buffer_add_text(to, place + 2);
}

static void
add_operations(weiri_buffer *to, const char *words)
{
    while (*words != '\0') {
        size_t size = strcspn(words, " ");
        weiri_buffer_print(to, " --operation %.*s", (int)size, words);
        words += size + (words[size] == ' ');
    }
}

void
weiri_offline_acl(const char *module, const weiri_settings *settings, const char *role, const char *principal, weiri_buffer *to)
{
    const char *app = weiri_settings_text(settings, "app");

    app = app[0] == '\0' ? module : app;
    weiri_buffer_print(to, "# %s\n", strcmp(role, "admin") == 0 ? "whoever runs weir topics apply" : role);
    for (size_t i = 0; i < sizeof rights / sizeof *rights; i++) {
        if (strcmp(rights[i].role, role) != 0)
            continue;
        weiri_buffer_print(to, "kafka-acls.sh --bootstrap-server %s --add", weiri_settings_text(settings, "brokers"));
        if (principal != NULL)
            weiri_buffer_print(to, " --allow-principal '%s' ", principal);
        else
            weiri_buffer_print(to, " --allow-principal 'User:%s-%s' ", app, role);
        add_resource(to, rights[i].resource, app);
        add_operations(to, rights[i].operations);
        weiri_buffer_add_char(to, '\n');
    }
}
