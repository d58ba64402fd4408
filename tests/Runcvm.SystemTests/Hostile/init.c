/* The first process of a guest that wishes its host ill. The word after hostile= on the kernel's command line says how. */
#define _GNU_SOURCE
#include <dirent.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>
#include <linux/vm_sockets.h>

static int stream;

static void load_modules(void)
{
    struct dirent **files;
    int count = scandir("/boot-modules", &files, NULL, alphasort);
    for (int i = 0; i < count; i++) {
        char path[512];
        snprintf(path, sizeof path, "/boot-modules/%s", files[i]->d_name);
        int file = open(path, O_RDONLY);
        if (file >= 0 && strstr(path, ".ko")) syscall(SYS_finit_module, file, "", 0);
        if (file >= 0) close(file);
    }
}

/* HostPort.Stream; where the hypervisor has no port of a console for it */
static int dial_stream(void)
{
    struct sockaddr_vm host = {.svm_family = AF_VSOCK, .svm_cid = VMADDR_CID_HOST, .svm_port = STREAM_PORT};
    int file = socket(AF_VSOCK, SOCK_STREAM, 0);
    if (file < 0 || connect(file, (struct sockaddr *)&host, sizeof host) == 0) return file;
    close(file);
    return -1;
}

static int open_stream(void)
{
    for (;;) {
        int dialled = dial_stream();
        if (dialled >= 0) return dialled;
        DIR *ports = opendir("/sys/class/virtio-ports");
        for (struct dirent *port; ports && (port = readdir(ports));) {
            char path[512], name[64] = "";
            snprintf(path, sizeof path, "/sys/class/virtio-ports/%s/name", port->d_name);
            int file = open(path, O_RDONLY);
            if (file < 0) continue;
            read(file, name, sizeof name - 1);
            close(file);
            if (strncmp(name, "org.runcvm.stream", 17) != 0) continue;
            snprintf(path, sizeof path, "/dev/%s", port->d_name);
            file = open(path, O_RDWR);
            if (file >= 0) return file;
        }
        if (ports) closedir(ports);
        usleep(10000);
    }
}

static void send_all(const void *bytes, size_t length)
{
    const char *at = bytes;
    while (length > 0) {
        ssize_t n = write(stream, at, length);
        if (n <= 0) {
            usleep(1000); /* the host may not have its end open yet */
            continue;
        }
        at += n;
        length -= n;
    }
}

/* A frame: u32 channel, u32 kind << 24 | length, payload. */
static void send_header(uint32_t channel, uint32_t kind, uint32_t length)
{
    uint32_t header[2] = {channel, kind << 24 | length};
    send_all(header, sizeof header);
}

/* A message on channel 0: u32 length, u8 kind, body. */
static void send_message_start(uint32_t length, uint8_t kind, uint32_t in_this_frame)
{
    send_header(0, 1, in_this_frame + 5);
    send_all(&length, 4);
    send_all(&kind, 1);
}

static void receive_all(void *bytes, size_t length)
{
    char *at = bytes;
    while (length > 0) {
        ssize_t n = read(stream, at, length);
        if (n <= 0) {
            usleep(1000);
            continue;
        }
        at += n;
        length -= n;
    }
}

/* Waits until the host grants that many more bytes on channel 0: a flood within the rules is what has to cost little. */
static void await_room(uint32_t wanted)
{
    static uint32_t room = 256 * 1024 - 1024; /* Channel.Window, less the hello */
    static char payload[65536];
    while (room < wanted) {
        uint32_t header[2];
        receive_all(header, sizeof header);
        receive_all(payload, header[1] & 0xffffff);
        if (header[0] == 0 && header[1] >> 24 == 2) room += *(uint32_t *)payload;
    }
    room -= wanted;
}

static void say_hello(uint32_t version)
{
    struct utsname name;
    uname(&name);
    uint32_t length = strlen(name.release), milliseconds = 1;
    send_message_start(1 + 4 + 4 + length + 4, 64, 4 + 4 + length + 4);
    send_all(&version, 4);
    send_all(&length, 4);
    send_all(name.release, length);
    send_all(&milliseconds, 4);
}

/* The disk's first kilobyte is nobody's; it outlives a reset. */
static int open_scratch_disk(void)
{
    for (char letter = 'a';; letter = letter == 'h' ? 'a' : letter + 1) {
        char path[64], serial[32] = "";
        snprintf(path, sizeof path, "/sys/block/vd%c/serial", letter);
        int file = open(path, O_RDONLY);
        if (file < 0) continue;
        read(file, serial, sizeof serial - 1);
        close(file);
        snprintf(path, sizeof path, "/dev/vd%c", letter);
        if (strncmp(serial, "scratch", 7) == 0 && (file = open(path, O_RDWR | O_SYNC)) >= 0) return file;
    }
}

static void end_first_boot(int stuck)
{
    char mark = 0;
    int disk = open_scratch_disk();
    pread(disk, &mark, 1, 0);
    if (mark == 'r') return;
    pwrite(disk, "r", 1, 0);
    if (stuck) pause();
    reboot(RB_AUTOBOOT);
}

int main(void)
{
    static char buffer[65536];
    mkdir("/dev", 0755);
    mkdir("/proc", 0755);
    mkdir("/sys", 0755);
    mount("devtmpfs", "/dev", "devtmpfs", 0, "");
    mount("proc", "/proc", "proc", 0, "");
    mount("sysfs", "/sys", "sysfs", 0, "");
    load_modules();
    int file = open("/proc/cmdline", O_RDONLY);
    char line[4096] = "";
    read(file, line, sizeof line - 1);
    char *mode = strstr(line, "hostile=");
    mode = mode ? mode + strlen("hostile=") : "";
    uint32_t version = atoi(strchr(mode, ',') ? strchr(mode, ',') + 1 : "0");
    if (strncmp(mode, "reset", 5) == 0) reboot(RB_AUTOBOOT);
    if (strncmp(mode, "once", 4) == 0) end_first_boot(0);
    if (strncmp(mode, "stuck", 5) == 0) end_first_boot(1);
    stream = open_stream();

    if (strncmp(mode, "garbage", 7) == 0) {
        uint32_t x = 2463534242u;
        for (;;) {
            for (size_t i = 0; i < sizeof buffer; i++) {
                x ^= x << 13, x ^= x >> 17, x ^= x << 5;
                buffer[i] = (char)x;
            }
            send_all(buffer, sizeof buffer);
        }
    }
    if (strncmp(mode, "frame", 5) == 0) send_header(0, 1, 0xffffff);
    if (strncmp(mode, "message", 7) == 0) send_message_start(0xffffffff, 64, 0);
    if (strncmp(mode, "long", 4) == 0) send_message_start(1000000, 64, 0);
    if (strncmp(mode, "channel", 7) == 0) send_header(4000000000u, 1, 1), send_all("x", 1);
    if (strncmp(mode, "unknown", 7) == 0 || strncmp(mode, "once", 4) == 0 || strncmp(mode, "stuck", 5) == 0) say_hello(version), send_message_start(1, 200, 0);
    if (strncmp(mode, "stranger", 8) == 0) {
        uint32_t process = 77;
        say_hello(version);
        send_message_start(7, 67, 6);
        send_all(&process, 4);
        send_all("\0", 2);
    }
    if (strncmp(mode, "flood", 5) == 0) {
        say_hello(version);
        for (;;) {
            /* Notices as long as they may be, one after the other. */
            uint32_t text = 60000;
            await_room(4 + 1 + 4 + text + 1);
            send_message_start(1 + 4 + text + 1, 70, 4);
            send_all(&text, 4);
            send_header(0, 1, text + 1);
            send_all(buffer, text + 1);
        }
    }
    if (strncmp(mode, "mute", 4) == 0) say_hello(version);
    for (;;) pause();
}
