/* SPDX-License-Identifier: Apache-2.0
 * Runs every file of a directory through a target, in the order of their names: a corpus as an ordinary test, in any build.
 * An empty directory is a failure: it would test nothing. */
#include <dirent.h>
#include <stdio.h>
#include <string.h>
#include "fuzz.h"

static void
run_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size;

    if (file == NULL || fseek(file, 0, SEEK_END) != 0 || (size = ftell(file)) < 0 || fseek(file, 0, SEEK_SET) != 0) {
        fprintf(stderr, "%s: can't be read\n", path);
        exit(1);
    }
    uint8_t *data = malloc(size == 0 ? 1 : (size_t)size); /* of exactly the size: a sanitizer sees reads beyond it */
    if (data == NULL || fread(data, 1, (size_t)size, file) != (size_t)size) {
        fprintf(stderr, "%s: can't be read\n", path);
        exit(1);
    }
    (void)fclose(file);
    fprintf(stderr, "%s\n", path); /* the last one named is the one that fails */
    (void)LLVMFuzzerTestOneInput(data, (size_t)size);
    free(data);
}

static int
is_input(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

int
main(int argc, char **argv)
{
    struct dirent **list;
    char path[4096];
    int n = argc == 2 ? scandir(argv[1], &list, is_input, alphasort) : -1;

    if (n <= 0) {
        fprintf(stderr, "usage: %s DIRECTORY, which has files\n", argv[0]);
        return 1;
    }
    (void)LLVMFuzzerTestOneInput((const uint8_t *)"", 0);
    for (int i = 0; i < n; i++) {
        (void)snprintf(path, sizeof path, "%s/%s", argv[1], list[i]->d_name);
        run_file(path);
        free(list[i]);
    }
    free(list);
    printf("%d inputs\n", n);
    return 0;
}
