/* A tree of small files: how many a second can be made, looked at, walked over, read and deleted.
 *
 *   tree FOLDER FILES PHASE…     prints "PHASE FILES/SECOND" for each; "drop" empties this kernel's caches */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PER_FOLDER = 100, SIZE = 1024 };

static char data[SIZE];
static const char *root;
static long files;
static long seen;

static void fail(const char *what)
{
    fprintf(stderr, "tree: %s: %s\n", what, strerror(errno));
    exit(1);
}

static char *folder(long i)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/d%04ld", root, i / PER_FOLDER);
    return path;
}

static char *file(long i)
{
    static char path[4096];
    snprintf(path, sizeof path, "%s/d%04ld/f%06ld", root, i / PER_FOLDER, i);
    return path;
}

static void create(void)
{
    for (long i = 0; i < files; i++) {
        if (i % PER_FOLDER == 0 && mkdir(folder(i), 0755) < 0) fail(folder(i));
        int fd = open(file(i), O_WRONLY | O_CREAT | O_EXCL, 0644);
        if (fd < 0 || write(fd, data, SIZE) != SIZE || close(fd) < 0) fail(file(i));
    }
}

static void look(void)
{
    struct stat status;
    for (long i = 0; i < files; i++)
        if (lstat(file(i), &status) < 0) fail(file(i));
}

static void walk(const char *path)
{
    DIR *open = opendir(path);
    if (!open) fail(path);
    for (struct dirent *entry; (entry = readdir(open));) {
        char below[4096];
        struct stat status;
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        snprintf(below, sizeof below, "%s/%s", path, entry->d_name);
        if (lstat(below, &status) < 0) fail(below);
        if (S_ISDIR(status.st_mode)) walk(below);
        else seen++;
    }
    closedir(open);
}

static void walk_all(void)
{
    seen = 0;
    walk(root);
    if (seen == files) return;
    fprintf(stderr, "tree: a walk saw %ld of %ld files\n", seen, files);
    exit(1);
}

static void read_all(void)
{
    char content[SIZE + 1];
    for (long i = 0; i < files; i++) {
        int fd = open(file(i), O_RDONLY);
        if (fd < 0 || read(fd, content, sizeof content) != SIZE || close(fd) < 0) fail(file(i));
    }
}

static void delete(void)
{
    for (long i = 0; i < files; i++)
        if (unlink(file(i)) < 0) fail(file(i));
    for (long i = 0; i < files; i += PER_FOLDER)
        if (rmdir(folder(i)) < 0) fail(folder(i));
}

static void drop(void)
{
    sync();
    int fd = open("/proc/sys/vm/drop_caches", O_WRONLY);
    if (fd < 0 || write(fd, "3", 1) != 1 || close(fd) < 0) fail("/proc/sys/vm/drop_caches");
}

static void time_phase(const char *name)
{
    static const struct { const char *name; void (*run)(void); } phases[] = {
        { "create", create }, { "stat-cold", look }, { "stat-warm", look }, { "walk-cold", walk_all }, { "walk-warm", walk_all },
        { "read", read_all }, { "delete", delete }, { "drop", drop },
    };
    struct timespec begin, end;
    for (size_t i = 0; i < sizeof phases / sizeof *phases; i++) {
        if (strcmp(phases[i].name, name)) continue;
        clock_gettime(CLOCK_MONOTONIC, &begin);
        phases[i].run();
        clock_gettime(CLOCK_MONOTONIC, &end);
        double seconds = (end.tv_sec - begin.tv_sec) + (end.tv_nsec - begin.tv_nsec) / 1e9;
        if (phases[i].run != drop) printf("%s %.0f\n", name, files / seconds);
        fflush(stdout);
        return;
    }
    fprintf(stderr, "tree: there is no phase '%s'\n", name);
    exit(2);
}

int main(int count, char **words)
{
    if (count < 4) {
        fprintf(stderr, "usage: tree FOLDER FILES PHASE...\n");
        return 2;
    }
    root = words[1];
    files = atol(words[2]);
    for (int i = 3; i < count; i++) time_phase(words[i]);
}
