// What programs expect of a file system, one line for each expectation: run on two file systems, the lines are to be the same.
//
//   checks FOLDER               all checks, in an empty folder
//   checks lock FILE            takes the whole file's fcntl lock, says so, and holds it until standard input ends
//   checks trylock FILE         says whether it could have it
//   checks map FILE             writes to a mapped file, says so before and after msync, and holds it until standard input ends
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <poll.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

enum { User = 4321 };

static const char *result(long value)
{
    static char text[4][64];
    static int next;
    char *room = text[next++ % 4];
    if (value < 0) snprintf(room, 64, "%s", strerrorname_np(errno));
    else snprintf(room, 64, "%ld", value);
    return room;
}

static int make(const char *name, const char *text)
{
    int file = open(name, O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (file < 0 || write(file, text, strlen(text)) < 0) printf("cannot make %s: %s\n", name, strerror(errno));
    return file;
}

static const char *content(int file)
{
    static char text[256];
    ssize_t n = pread(file, text, sizeof text - 1, 0);
    text[n < 0 ? 0 : n] = 0;
    return text;
}

// In a process that is another user.
static long as_user(long (*work)(const char *), const char *name)
{
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
    {
        if (setgid(User) || setuid(User)) _exit(99);
        long value = work(name);
        _exit(value < 0 ? errno : 0);
    }
    int status;
    waitpid(child, &status, 0);
    errno = WEXITSTATUS(status);
    return errno ? -1 : 0;
}

static long open_to_read(const char *name) { return open(name, O_RDONLY); }
static long open_to_write(const char *name) { return open(name, O_WRONLY | O_APPEND); }
static long append(const char *name) { int file = open(name, O_WRONLY | O_APPEND); return write(file, "x", 1); }
static long change_mode(const char *name) { return chmod(name, 0777); }
static long remove_it(const char *name) { return unlink(name); }

static void mapped(void)
{
    int file = make("mapped", "");
    if (ftruncate(file, 3 * 4096)) printf("ftruncate: %s\n", strerror(errno));
    char *map = mmap(0, 3 * 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
    if (map == MAP_FAILED) { printf("mapped: %s\n", strerror(errno)); return; }
    strcpy(map + 4096, "through the map");
    char text[16] = "";
    printf("mapped: pread sees %s", pread(file, text, 15, 4096) == 15 ? text : "nothing");
    printf(", and the map sees %s", pwrite(file, "pwrite", 6, 8192) == 6 ? map + 8192 : "nothing");
    printf(", msync %s\n", result(msync(map, 3 * 4096, MS_SYNC)));
    char *private = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 4096);
    strcpy(private, "mine");
    printf("mapped privately: %.7s stays\n", pread(file, text, 15, 4096) == 15 ? text : "nothing");
    munmap(private, 4096);
    munmap(map, 3 * 4096);
    close(file);
}

static void direct(void)
{
    int file = open("direct", O_RDWR | O_CREAT | O_DIRECT, 0644);
    char *page;
    if (posix_memalign((void **)&page, 4096, 8192)) return;
    memset(page, 'd', 8192);
    printf("direct: open %s, write %s", file < 0 ? "fails" : "works", result(pwrite(file, page, 8192, 0)));
    memset(page, 0, 8192);
    printf(", read %s of ", result(pread(file, page, 8192, 0)));
    printf("%c, cached", page[8191]);
    int other = open("direct", O_RDONLY);
    printf(" %.3s, past the end %s\n", content(other), result(pread(file, page, 4096, 8192)));
    close(file);
    close(other);
}

static void sparse(void)
{
    const off_t Far = 5LL << 30;
    int file = make("sparse", "start");
    printf("sparse: write %s", result(pwrite(file, "far", 3, Far)));
    struct stat status;
    fstat(file, &status);
    printf(", size %lld, mostly hole %d", (long long)status.st_size, status.st_blocks < 1000);
    char text[4] = "?";
    printf(", hole reads %s ", result(pread(file, text, 1, 1LL << 32)));
    printf("%d", text[0]);
    printf(", data after the hole at %lld, hole after the start at %lld", (long long)lseek(file, 1 << 20, SEEK_DATA) >> 20, (long long)lseek(file, 0, SEEK_HOLE) >> 20);
    printf(", past the end %s\n", result(lseek(file, Far + 10, SEEK_DATA)));
    close(file);
    file = make("allocated", "");
    printf("allocated: %s", result(fallocate(file, 0, 0, 1 << 20)));
    printf(", keeping the size %s", result(fallocate(file, FALLOC_FL_KEEP_SIZE, 1 << 20, 1 << 20)));
    fstat(file, &status);
    printf(", size %lld blocks %lld", (long long)status.st_size, (long long)status.st_blocks);
    pwrite(file, "xxxxx", 5, 70000);
    printf(", hole %s", result(fallocate(file, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 65536, 65536)));
    printf(", reads %s ", result(pread(file, text, 1, 70000)));
    printf("%d\n", text[0]);
    close(file);
}

static void gone(void)
{
    int file = make("gone", "text");
    struct stat status;
    printf("gone: unlink %s", result(unlink("gone")));
    fstat(file, &status);
    printf(", links %ld, write %s", (long)status.st_nlink, result(pwrite(file, "more", 4, 4)));
    printf(", reads %s, truncate %s", content(file), result(ftruncate(file, 2)));
    printf(", chmod %s, open %s\n", result(fchmod(file, 0600)), result(open("gone", O_RDONLY)));
    close(file);
    file = make("old", "old");
    close(make("new", "new"));
    printf("replaced: rename %s, open file reads %s", result(rename("new", "old")), content(file));
    close(file);
    file = open("old", O_RDONLY);
    printf(", opened anew %s\n", content(file));
    close(file);
    file = open(".", O_RDWR | O_TMPFILE, 0600);
    char path[64];
    snprintf(path, sizeof path, "/proc/self/fd/%d", file);
    printf("nameless: write %s", result(write(file, "name", 4)));
    printf(", link %s", result(linkat(AT_FDCWD, path, AT_FDCWD, "named", AT_SYMLINK_FOLLOW)));
    close(file);
    file = open("named", O_RDONLY);
    printf(", reads %s\n", content(file));
    close(file);
}

static void names(void)
{
    char longest[257];
    memset(longest, 'n', 256);
    longest[256] = 0;
    printf("names: 256 bytes %s", result(open(longest, O_CREAT | O_WRONLY, 0644)));
    longest[255] = 0;
    int file = open(longest, O_CREAT | O_WRONLY, 0644);
    printf(", 255 %s", file < 0 ? "fail" : "work");
    close(file);
    close(open("\xff\xfe not UTF-8 \x80", O_CREAT | O_WRONLY, 0644));
    close(open("line\nbreak", O_CREAT | O_WRONLY, 0644));
    struct dirent **entries;
    int count = scandir(".", &entries, 0, alphasort), found = 0;
    for (int i = 0; i < count; i++)
        found += !strcmp(entries[i]->d_name, longest) + 2 * !strcmp(entries[i]->d_name, "\xff\xfe not UTF-8 \x80") + 4 * !strcmp(entries[i]->d_name, "line\nbreak");
    printf(", listed %d, removed %s\n", found, result(unlink("\xff\xfe not UTF-8 \x80")));
    unlink(longest);
    unlink("line\nbreak");

    int start = open(".", O_RDONLY | O_DIRECTORY), depth = 0;
    while (depth < 300 && !mkdir("deeper-and-deeper", 0755) && !chdir("deeper-and-deeper")) depth++;
    close(make("bottom", "reached"));
    char *path = getcwd(0, 0);
    printf("deep: %d, the path has more than a page %d", depth, path ? strlen(path) > 4096 : errno == ENAMETOOLONG || errno == ERANGE);
    unlink("bottom");
    while (depth > 0 && !chdir("..") && !rmdir("deeper-and-deeper")) depth--;
    printf(", left %d\n", depth);
    if (fchdir(start)) printf("lost\n");
    close(start);
}

static void access_lists(void)
{
    // struct posix_acl_xattr_header and entries: owner rw, a user rw, group -, mask rw, others -
    struct { uint32_t version; struct { uint16_t tag, perm; uint32_t id; } entries[5]; } list =
        { 2, { { 1, 6, -1 }, { 2, 6, User }, { 4, 0, -1 }, { 16, 6, -1 }, { 32, 0, -1 } } }, got;
    close(make("listed", "text"));
    printf("access lists: before %s", result(as_user(open_to_write, "listed")));
    printf(", set %s", result(setxattr("listed", "system.posix_acl_access", &list, sizeof list, 0)));
    printf(", got %s", result(getxattr("listed", "system.posix_acl_access", &got, sizeof got)));
    printf(" the same %d", !memcmp(&list, &got, sizeof got));
    printf(", after %s", result(as_user(open_to_write, "listed")));
    struct stat status;
    printf(", chmod %s", result(chmod("listed", 0640)));
    stat("listed", &status);
    printf(" %o: read %s", status.st_mode & 07777, result(as_user(open_to_read, "listed")));
    printf(", write %s\n", result(as_user(open_to_write, "listed")));
    mkdir("lists", 0755);
    printf("default lists: set %s", result(setxattr("lists", "system.posix_acl_default", &list, sizeof list, 0)));
    close(make("lists/made", ""));
    mkdir("lists/folder", 0777);
    stat("lists/made", &status);
    printf(", a file %o", status.st_mode & 07777);
    stat("lists/folder", &status);
    printf(", a folder %o, list %s, default %s\n", status.st_mode & 07777, result(getxattr("lists/made", "system.posix_acl_access", &got, sizeof got)), result(getxattr("lists/folder", "system.posix_acl_default", &got, sizeof got)));
}

static void attributes(void)
{
    char text[64] = "";
    close(make("marked", ""));
    printf("attributes: set %s", result(setxattr("marked", "user.mark", "value", 5, XATTR_CREATE)));
    printf(", again %s", result(setxattr("marked", "user.mark", "value", 5, XATTR_CREATE)));
    printf(", trusted %s", result(setxattr("marked", "trusted.mark", "value", 5, 0)));
    printf(", get %s", result(getxattr("marked", "user.mark", text, 3)));
    printf(" %s", result(getxattr("marked", "user.mark", text, sizeof text)));
    printf(" %.5s, missing %s", text, result(getxattr("marked", "user.none", 0, 0)));
    printf(", remove %s\n", result(removexattr("marked", "user.mark")));
    struct timespec times[2] = { { 1, 123456789 }, { 0, UTIME_OMIT } };
    struct stat status;
    utimensat(AT_FDCWD, "marked", times, 0);
    stat("marked", &status);
    printf("times: %ld.%09ld\n", (long)status.st_atime, status.st_atim.tv_nsec);
}

static void owners(void)
{
    struct stat status;
    close(make("set", "text"));
    chmod("set", 06777);
    printf("owners: written by another %s", result(as_user(append, "set")));
    stat("set", &status);
    printf(" leaves %o, chmod by another %s", status.st_mode & 07777, result(as_user(change_mode, "set")));
    mkdir("sticky", 0777);
    chmod("sticky", 01777);
    close(make("sticky/mine", ""));
    printf(", removed from a sticky folder %s", result(as_user(remove_it, "sticky/mine")));
    mkdir("group", 0777);
    if (chown("group", 0, 77) || chmod("group", 02777)) printf(", cannot give away");
    close(make("group/file", ""));
    mkdir("group/folder", 0755);
    stat("group/file", &status);
    printf(", a file there has group %d", status.st_gid);
    stat("group/folder", &status);
    printf(" and a folder mode %o\n", status.st_mode & 07777);
}

static void locks(void)
{
    int file = make("locked", "0123456789"), ready[2];
    struct flock range = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 2, .l_len = 3 }, query;
    printf("locks: set %s", result(fcntl(file, F_SETLK, &range)));
    fflush(stdout);
    if (pipe(ready)) return;
    pid_t child = fork();
    if (child == 0)
    {
        int mine = open("locked", O_RDWR);
        query = range;
        fcntl(mine, F_GETLK, &query);
        printf(", held from %ld for %ld", (long)query.l_start, (long)query.l_len);
        printf(", by another %s", result(fcntl(mine, F_SETLK, &range)));
        range.l_start = 6;
        printf(", beside it %s", result(fcntl(mine, F_SETLK, &range)));
        range.l_start = 2;
        fflush(stdout);
        if (write(ready[1], "", 1) != 1) _exit(1);
        printf(", awaited %s\n", result(fcntl(mine, F_SETLKW, &range)));
        fflush(stdout);
        _exit(0);
    }
    char byte;
    if (read(ready[0], &byte, 1) != 1) return;
    range.l_type = F_UNLCK;
    fcntl(file, F_SETLK, &range);
    waitpid(child, 0, 0);
    int other = open("locked", O_RDWR);
    printf("whole locks: %s", result(flock(file, LOCK_EX)));
    printf(", another %s", result(flock(other, LOCK_EX | LOCK_NB)));
    printf(", shared %s", result(flock(file, LOCK_SH)));
    printf(" and %s", result(flock(other, LOCK_SH | LOCK_NB)));
    range = (struct flock){ .l_type = F_WRLCK };
    printf("; of the open file %s", result(fcntl(file, F_OFD_SETLK, &range)));
    range = (struct flock){ .l_type = F_WRLCK };
    printf(", another %s\n", result(fcntl(other, F_OFD_SETLK, &range)));
    close(file);
    close(other);
}

static void notified(void)
{
    mkdir("watched", 0755);
    int watch = inotify_init1(IN_NONBLOCK);
    inotify_add_watch(watch, "watched", IN_CREATE | IN_CLOSE_WRITE | IN_MOVED_FROM | IN_MOVED_TO | IN_DELETE | IN_ATTRIB);
    close(make("watched/a", "text"));
    chmod("watched/a", 0600);
    rename("watched/a", "watched/b");
    unlink("watched/b");
    char events[4096];
    struct pollfd readable = { watch, POLLIN, 0 };
    poll(&readable, 1, 1000);
    ssize_t n = read(watch, events, sizeof events);
    printf("notified:");
    for (ssize_t at = 0; at < n;)
    {
        struct inotify_event *event = (struct inotify_event *)(events + at);
        printf(" %x %s", event->mask, event->name);
        at += sizeof *event + event->len;
    }
    printf("\n");
    close(watch);
}

static void others(void)
{
    mkfifo("pipe", 0600);
    fflush(stdout);
    pid_t child = fork();
    if (child == 0)
    {
        int end = open("pipe", O_WRONLY);
        _exit(write(end, "sent", 4) != 4);
    }
    int end = open("pipe", O_RDONLY);
    char text[8] = "";
    printf("pipe: %s", result(read(end, text, 4)));
    printf(" %s", text);
    waitpid(child, 0, 0);
    struct sockaddr_un address = { AF_UNIX, "socket" };
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    printf("; socket: %s", result(bind(server, (void *)&address, sizeof address)));
    listen(server, 1);
    printf(" %s", result(connect(client, (void *)&address, sizeof address)));
    close(make("a", "a"));
    close(make("b", "b"));
    printf("; rename: onto %s", result(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_NOREPLACE)));
    printf(", exchanged %s", result(renameat2(AT_FDCWD, "a", AT_FDCWD, "b", RENAME_EXCHANGE)));
    int file = open("a", O_RDWR | O_APPEND);
    printf(" %s", content(file));
    printf("; append: %s", result(pwrite(file, "c", 1, 0)));
    printf(" %s", content(file));
    int folder = open(".", O_RDONLY);
    printf("; sync: %s %s %s", result(fsync(file)), result(fdatasync(file)), result(fsync(folder)));
    printf(" %s\n", result(syncfs(folder)));
}

static int hold(const char *what, const char *name)
{
    int file = open(name, O_RDWR);
    struct flock whole = { .l_type = F_WRLCK };
    if (!strcmp(what, "trylock"))
    {
        puts(fcntl(file, F_SETLK, &whole) ? "refused" : "free");
        return 0;
    }
    char *map = 0;
    if (!strcmp(what, "lock")) fcntl(file, F_SETLKW, &whole);
    else if ((map = mmap(0, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)) == MAP_FAILED)
    {
        puts(result(-1));
        return 1;
    }
    else strcpy(map, "through the map");
    if (map && msync(map, 4096, MS_SYNC)) return 1;
    puts("held");
    fflush(stdout);
    while (getchar() != EOF) { }
    return 0;
}

int main(int count, char **arguments)
{
    if (count == 3) return hold(arguments[1], arguments[2]);
    if (count != 2 || chdir(arguments[1])) return 2;
    umask(022);
    chmod(".", 0777);
    mapped();
    direct();
    sparse();
    gone();
    names();
    access_lists();
    attributes();
    owners();
    locks();
    notified();
    others();
    return 0;
}
