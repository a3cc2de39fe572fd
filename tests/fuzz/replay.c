/* SPDX-License-Identifier: Apache-2.0 */
/* Runs a fuzz target over files: the seed corpus and what fuzzing once found, in every check, without libFuzzer. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int replayed;

static int replay(const char *path)
{
    struct stat st;
    if (stat(path, &st) != 0)
        return perror(path), 1;
    if (S_ISDIR(st.st_mode)) {
        DIR *directory = opendir(path);
        struct dirent *entry;
        int failed = !directory;
        while (directory && (entry = readdir(directory))) {
            char *child = NULL;
            if (entry->d_name[0] == '.')
                continue;
            failed |= asprintf(&child, "%s/%s", path, entry->d_name) < 0 || replay(child);
            free(child);
        }
        if (directory)
            closedir(directory);
        return failed;
    }
    FILE *file = fopen(path, "rb");
    uint8_t *data = malloc((size_t)st.st_size + 1);
    int failed = !file || !data || fread(data, 1, (size_t)st.st_size, file) != (size_t)st.st_size;
    if (!failed) {
        /* An exact allocation, so that AddressSanitizer sees one byte too far. */
        uint8_t *exact = realloc(data, st.st_size ? (size_t)st.st_size : 1);
        data = exact ? exact : data;
        LLVMFuzzerTestOneInput(data, (size_t)st.st_size);
        replayed++;
    }
    free(data);
    if (file)
        fclose(file);
    return failed;
}

int main(int argc, char **argv)
{
    int failed = 0;
    for (int i = 1; i < argc; i++)
        failed |= replay(argv[i]);
    printf("%d inputs replayed\n", replayed);
    return failed || replayed == 0;
}
