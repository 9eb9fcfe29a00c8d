#include "base/process.h"

#include <dirent.h>
#include <stdio.h>
#include <string.h>

/* The number behind "Name:" in /proc/self/status. */
static bool read_field(const char *line, const char *name, int64_t *ret)
{
    size_t n = strlen(name);
    long long value;
    if (strncmp(line, name, n) != 0 || line[n] != ':' || sscanf(line + n + 1, "%lld", &value) != 1)
        return false;
    *ret = value;
    return true;
}

static int count_descriptors(void)
{
    DIR *dir = opendir("/proc/self/fd");
    if (!dir)
        return 0;
    int count = -1; /* the one that reads */
    const struct dirent *entry;
    while ((entry = readdir(dir)))
        count += entry->d_name[0] != '.';
    closedir(dir);
    return count;
}

struct process_usage process_usage(void)
{
    struct process_usage usage = {.descriptors = count_descriptors()};
    FILE *file = fopen("/proc/self/status", "re");
    if (!file)
        return usage;
    char line[256];
    int64_t value;
    while (fgets(line, sizeof line, file)) {
        if (read_field(line, "VmRSS", &value))
            usage.resident_bytes = value * 1024;
        else if (read_field(line, "RssAnon", &value))
            usage.anonymous_bytes = value * 1024;
        else if (read_field(line, "Threads", &value))
            usage.threads = (int)value;
    }
    fclose(file);
    return usage;
}
