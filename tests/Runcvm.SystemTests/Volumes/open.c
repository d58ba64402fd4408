// Looks at every file of a folder, opens as many as it can, reads from each, and keeps them open until standard input
// ends.
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static void need(int ok, const char *what)
{
    if (ok) return;
    perror(what);
    exit(1);
}

int main(int argc, char **argv)
{
    need(argc == 2, "open FOLDER");
    struct rlimit files = {1048576, 1048576};
    need(setrlimit(RLIMIT_NOFILE, &files) == 0, "setrlimit");
    DIR *folder = opendir(argv[1]);
    need(folder != NULL, argv[1]);
    long seen = 0, opened = 0;
    int full = 0;
    struct dirent *entry;
    while ((entry = readdir(folder)) != NULL)
    {
        struct stat status;
        if (entry->d_name[0] == '.') continue;
        need(fstatat(dirfd(folder), entry->d_name, &status, AT_SYMLINK_NOFOLLOW) == 0, entry->d_name);
        seen++;
        if (full) continue;
        int file = openat(dirfd(folder), entry->d_name, O_RDONLY);
        full = file < 0 && (errno == ENFILE || errno == EMFILE);
        if (full) continue;
        char first;
        need(file >= 0 && read(file, &first, 1) == 1, entry->d_name);
        opened++;
    }
    printf("%ld files, %ld open\n", seen, opened);
    fflush(stdout);
    char more;
    while (read(STDIN_FILENO, &more, 1) > 0) {}
    return 0;
}
