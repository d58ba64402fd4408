// Random operations on one file, with a copy in memory that says what must come of them: reads, writes, mapped reads and writes,
// truncation, holes, preallocation, copies inside the file, closing and opening again.
//
//   fsx FILE SEED OPERATIONS
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/falloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

enum { Most = 256 * 1024, Page = 4096 };

static unsigned char model[Most], buffer[Most];
static long size, operation;
static unsigned long long state;
static const char *file;
static const char *what = "start";
static int fd;

static unsigned long pick(unsigned long below)
{
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return (unsigned long)(state >> 33) % below;
}

static void fail(const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    printf("operation %ld, %s: ", operation, what);
    vprintf(format, arguments);
    printf(" (%s)\n", strerror(errno));
    exit(1);
}

static void compare(const unsigned char *got, long at, long length)
{
    for (long i = 0; i < length; i++)
        if (got[i] != model[at + i]) fail("byte %ld is %d and should be %d", at + i, got[i], model[at + i]);
}

static void check_size(void)
{
    struct stat status;
    if (fstat(fd, &status)) fail("fstat");
    if (status.st_size != size) fail("the size is %ld and should be %ld", (long)status.st_size, size);
}

static void reopen(int flags)
{
    if (fd > 0 && close(fd)) fail("close");
    fd = open(file, O_RDWR | flags, 0600);
    if (fd < 0) fail("open");
}

static void grow(long end)
{
    if (end <= size) return;
    memset(model + size, 0, end - size);
    size = end;
}

static void do_write(long at, long length)
{
    for (long i = 0; i < length; i++) buffer[i] = pick(256);
    if (pwrite(fd, buffer, length, at) != length) fail("pwrite %ld at %ld", length, at);
    grow(at + length);
    memcpy(model + at, buffer, length);
}

static void do_read(long at, long length)
{
    long expected = at >= size ? 0 : length < size - at ? length : size - at;
    if (pread(fd, buffer, length, at) != expected) fail("pread %ld at %ld", length, at);
    compare(buffer, at, expected);
}

static void do_map(long at, long length, int writing)
{
    if (at >= size) return;
    if (length > size - at) length = size - at;
    long start = at / Page * Page;
    unsigned char *map = mmap(0, at - start + length, writing ? PROT_READ | PROT_WRITE : PROT_READ, MAP_SHARED, fd, start);
    if (map == MAP_FAILED) fail("mmap");
    compare(map + (at - start), at, length);
    if (writing)
    {
        for (long i = 0; i < length; i++) map[at - start + i] = model[at + i] = pick(256);
        if (pick(2) && msync(map, at - start + length, MS_SYNC)) fail("msync");
    }
    if (munmap(map, at - start + length)) fail("munmap");
}

// Which of these a file system has differs; what it does not have changes nothing.
static void do_allocate(int mode, long at, long length)
{
    if (fallocate(fd, mode, at, length))
    {
        if (errno != EOPNOTSUPP) fail("fallocate %d at %ld, %ld", mode, at, length);
        return;
    }
    if (!(mode & FALLOC_FL_KEEP_SIZE)) grow(at + length);
    if (!(mode & (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_ZERO_RANGE))) return;
    long end = at + length < size ? at + length : size;
    if (at < end) memset(model + at, 0, end - at);
}

static void do_copy(long from, long to, long length)
{
    if (from >= size) return;
    if (length > size - from) length = size - from;
    if (from < to + length && to < from + length) return;
    loff_t source = from, target = to;
    for (long left = length; left > 0;)
    {
        ssize_t n = copy_file_range(fd, &source, fd, &target, left, 0);
        if (n <= 0) fail("copy_file_range %ld to %ld, %ld", from, to, length);
        left -= n;
    }
    grow(to + length);
    memmove(model + to, model + from, length);
}

int main(int count, char **arguments)
{
    if (count != 4) return 2;
    file = arguments[1];
    state = strtoull(arguments[2], 0, 10);
    long operations = atol(arguments[3]);
    reopen(O_CREAT | O_TRUNC);
    for (operation = 0; operation < operations; operation++)
    {
        long at = pick(Most - 1), length = 1 + pick(pick(8) ? 8192 : 65536);
        if (length > Most - at) length = Most - at;
        switch (pick(16))
        {
            case 0: case 1: case 2: what = "write"; do_write(at, length); break;
            case 3: what = "append"; do_write(size, length < Most - size ? length : Most - size); break;
            case 4: case 5: case 6: what = "read"; do_read(at, length); break;
            case 7: what = "mapped read"; do_map(at, length, 0); break;
            case 8: case 9: what = "mapped write"; do_map(at, length, 1); break;
            case 10: what = "truncate"; if (ftruncate(fd, at)) fail("ftruncate %ld", at); grow(at); size = at; break;
            case 11: what = "hole"; do_allocate(FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, length); break;
            case 12: what = "zero"; do_allocate(FALLOC_FL_ZERO_RANGE | (pick(2) ? FALLOC_FL_KEEP_SIZE : 0), at, length); break;
            case 13: what = "allocate"; do_allocate(pick(2) ? FALLOC_FL_KEEP_SIZE : 0, at, length); break;
            case 14: what = "copy"; do_copy(at, pick(Most - length + 1), length); break;
            default: what = "reopen"; if (pick(2) && fsync(fd)) fail("fsync"); reopen(0); break;
        }
        check_size();
    }
    what = "the end";
    reopen(0);
    do_read(0, Most);
    printf("%ld operations, %ld bytes\n", operations, size);
    return 0;
}
