// Makes system calls as a process of a sandbox: not with its credentials but in it. A thread of the real process is
// stopped with ptrace, made to call the kernel, and goes on as if nothing had been. So namespaces, capabilities,
// filters, Landlock, cgroup and limits are those that whoever takes over this process has, and no copy of them could
// forget one.
//
//   inject thread PID TID      in this thread of this process
//   inject root PID            in a new process in the namespaces and root of PID, with the 14 capabilities that Docker
//                              gives and the first filter of PID, which is what runc exec gives
//
// Says "ready ADDRESS", the place of 64 KiB that belong to us there. Then a line of standard input is one call, and a
// line of standard output its result:
//   w OFFSET HEX               writes to that memory; "0"
//   r OFFSET LENGTH            reads from it; its bytes
//   c NUMBER A B C D E F       a call; its result. The kernel's filter may end the process for a call. Such a call is
//                              not made but told as "filter", by the program that the kernel gives for this thread.
// "blocked" is a call that had not come back after three seconds; "ended" is a process that is no more.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SCRATCH 65536
#define MOST_FILTERS 16

static pid_t target;
static struct user_regs_struct saved;
static uint64_t signals;
static unsigned long gadget;
static struct sock_fprog filters[MOST_FILTERS];
static int filter_count;
static volatile sig_atomic_t late;

static void die(const char *what)
{
    fprintf(stderr, "inject: %s: %s\n", what, strerror(errno));
    exit(1);
}

static void on_alarm(int signal)
{
    (void)signal;
    late = 1;
    ptrace(PTRACE_INTERRUPT, target, 0, 0);
}

// A syscall instruction: that of the kernel's own page, which every process has.
static void find_gadget(pid_t pid)
{
    char path[64], line[512];
    snprintf(path, sizeof path, "/proc/%d/maps", pid);
    FILE *maps = fopen(path, "r");
    if (!maps) die(path);
    unsigned long start = 0, end = 0;
    while (fgets(line, sizeof line, maps))
        if (strstr(line, "[vdso]")) sscanf(line, "%lx-%lx", &start, &end);
    fclose(maps);
    unsigned char code[16384];
    struct iovec here = { code, end - start < sizeof code ? end - start : sizeof code };
    struct iovec there = { (void *)start, here.iov_len };
    if (!start || process_vm_readv(target, &here, 1, &there, 1, 0) < 0) die("read the vdso");
    for (size_t i = 0; i + 1 < here.iov_len; i++)
        if (code[i] == 0x0f && code[i + 1] == 0x05) { gadget = start + i; return; }
    errno = ENOENT;
    die("a syscall instruction in the vdso");
}

static void read_filters(void)
{
    for (filter_count = 0; filter_count < MOST_FILTERS; filter_count++) {
        long length = ptrace(PTRACE_SECCOMP_GET_FILTER, target, filter_count, 0);
        if (length < 0 && errno == ENOENT) return;
        // EINVAL: the thread has no filter at all.
        if (length < 0 && errno == EINVAL && filter_count == 0) return;
        if (length < 0) die("read the filter, which needs root without a filter and CONFIG_CHECKPOINT_RESTORE");
        struct sock_filter *code = calloc(length, sizeof *code);
        if (ptrace(PTRACE_SECCOMP_GET_FILTER, target, filter_count, code) < 0) die("read the filter");
        filters[filter_count] = (struct sock_fprog){ length, code };
    }
}

static uint32_t run_filter(const struct sock_fprog *program, const struct seccomp_data *data)
{
    uint32_t a = 0, x = 0, memory[16] = { 0 };
    for (unsigned at = 0; at < program->len; at++) {
        struct sock_filter i = program->filter[at];
        uint32_t operand = BPF_SRC(i.code) == BPF_X ? x : i.k;
        switch (i.code) {
        case BPF_LD | BPF_W | BPF_ABS: memcpy(&a, (const char *)data + i.k, 4); break;
        case BPF_LD | BPF_W | BPF_LEN: a = sizeof *data; break;
        case BPF_LDX | BPF_W | BPF_LEN: x = sizeof *data; break;
        case BPF_LD | BPF_IMM: a = i.k; break;
        case BPF_LDX | BPF_IMM: x = i.k; break;
        case BPF_LD | BPF_MEM: a = memory[i.k]; break;
        case BPF_LDX | BPF_MEM: x = memory[i.k]; break;
        case BPF_ST: memory[i.k] = a; break;
        case BPF_STX: memory[i.k] = x; break;
        case BPF_RET | BPF_K: return i.k;
        case BPF_RET | BPF_A: return a;
        case BPF_ALU | BPF_AND | BPF_K: case BPF_ALU | BPF_AND | BPF_X: a &= operand; break;
        case BPF_ALU | BPF_OR | BPF_K: case BPF_ALU | BPF_OR | BPF_X: a |= operand; break;
        case BPF_ALU | BPF_ADD | BPF_K: case BPF_ALU | BPF_ADD | BPF_X: a += operand; break;
        case BPF_ALU | BPF_SUB | BPF_K: case BPF_ALU | BPF_SUB | BPF_X: a -= operand; break;
        case BPF_ALU | BPF_RSH | BPF_K: case BPF_ALU | BPF_RSH | BPF_X: a >>= operand; break;
        case BPF_ALU | BPF_LSH | BPF_K: case BPF_ALU | BPF_LSH | BPF_X: a <<= operand; break;
        case BPF_MISC | BPF_TAX: x = a; break;
        case BPF_MISC | BPF_TXA: a = x; break;
        case BPF_JMP | BPF_JA: at += i.k; break;
        case BPF_JMP | BPF_JEQ | BPF_K: case BPF_JMP | BPF_JEQ | BPF_X: at += a == operand ? i.jt : i.jf; break;
        case BPF_JMP | BPF_JGT | BPF_K: case BPF_JMP | BPF_JGT | BPF_X: at += a > operand ? i.jt : i.jf; break;
        case BPF_JMP | BPF_JGE | BPF_K: case BPF_JMP | BPF_JGE | BPF_X: at += a >= operand ? i.jt : i.jf; break;
        case BPF_JMP | BPF_JSET | BPF_K: case BPF_JMP | BPF_JSET | BPF_X: at += a & operand ? i.jt : i.jf; break;
        default: errno = ENOTSUP; die("an instruction of the filter");
        }
    }
    return SECCOMP_RET_KILL_PROCESS;
}

// What the filter would answer with a signal or with death.
static int filter_ends(long number, const unsigned long *arguments)
{
    struct seccomp_data data = { .nr = number, .arch = AUDIT_ARCH_X86_64, .instruction_pointer = gadget + 2 };
    for (int i = 0; i < 6; i++) data.args[i] = arguments[i];
    for (int i = 0; i < filter_count; i++) {
        uint32_t action = run_filter(&filters[i], &data) & SECCOMP_RET_ACTION_FULL;
        if (action == SECCOMP_RET_KILL_PROCESS || action == SECCOMP_RET_KILL_THREAD) return 1;
        if (action == SECCOMP_RET_TRAP) return 1;
    }
    return 0;
}

static void end_child(void)
{
    unsigned long child = 0;
    ptrace(PTRACE_GETEVENTMSG, target, 0, &child);
    kill(child, SIGKILL);
    waitpid(child, NULL, __WALL);
}

enum outcome { CAME_BACK, BLOCKED, ENDED };

static enum outcome call(long number, const unsigned long *a, long *result)
{
    struct user_regs_struct registers = saved;
    registers.rip = gadget;
    registers.rax = number;
    registers.orig_rax = -1;
    registers.rdi = a[0], registers.rsi = a[1], registers.rdx = a[2];
    registers.r10 = a[3], registers.r8 = a[4], registers.r9 = a[5];
    if (ptrace(PTRACE_SETREGS, target, 0, &registers) < 0) die("set registers");
    late = 0;
    alarm(3);
    for (;;) {
        if (ptrace(PTRACE_SINGLESTEP, target, 0, 0) < 0 && errno != ESRCH) die("step");
        int status;
        while (waitpid(target, &status, __WALL) < 0)
            if (errno != EINTR) die("wait");
        if (WIFEXITED(status) || WIFSIGNALED(status)) { alarm(0); return ENDED; }
        int event = status >> 16;
        if (event == PTRACE_EVENT_FORK || event == PTRACE_EVENT_VFORK || event == PTRACE_EVENT_CLONE) {
            end_child();
            continue;
        }
        if (ptrace(PTRACE_GETREGS, target, 0, &registers) < 0) die("get registers");
        if (registers.rip == gadget + 2 || late) break;
    }
    alarm(0);
    *result = registers.rax;
    return late ? BLOCKED : CAME_BACK;
}

static void attach(pid_t tid)
{
    target = tid;
    unsigned long options = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE;
    if (ptrace(PTRACE_SEIZE, target, 0, options) < 0) die("attach");
    if (ptrace(PTRACE_INTERRUPT, target, 0, 0) < 0) die("stop");
    // A signal that was on its way comes first, and is handed on.
    int status;
    while (waitpid(target, &status, __WALL) == target && WIFSTOPPED(status) && status >> 16 != PTRACE_EVENT_STOP)
        if (ptrace(PTRACE_CONT, target, 0, WSTOPSIG(status)) < 0) die("hand on a signal");
    if (!WIFSTOPPED(status)) die("wait for the stop");
    if (ptrace(PTRACE_GETREGS, target, 0, &saved) < 0) die("get registers");
    // Signals wait meanwhile. The .NET runtime suspends threads with one, and would wait for ever for what got lost.
    uint64_t every = ~0ull;
    if (ptrace(PTRACE_GETSIGMASK, target, sizeof signals, &signals) < 0) die("get the signal mask");
    if (ptrace(PTRACE_SETSIGMASK, target, sizeof every, &every) < 0) die("block signals");
}

static void detach(void)
{
    if (ptrace(PTRACE_SETREGS, target, 0, &saved) < 0) die("give registers back");
    if (ptrace(PTRACE_SETSIGMASK, target, sizeof signals, &signals) < 0) die("give the signal mask back");
    if (ptrace(PTRACE_DETACH, target, 0, 0) < 0) die("detach");
}

static void join_namespaces(pid_t pid)
{
    static const struct { const char *name; int type; } all[] = {
        { "user", CLONE_NEWUSER }, { "cgroup", CLONE_NEWCGROUP }, { "ipc", CLONE_NEWIPC }, { "uts", CLONE_NEWUTS },
        { "net", CLONE_NEWNET }, { "pid", CLONE_NEWPID }, { "mnt", CLONE_NEWNS },
    };
    char path[64];
    int files[7];
    snprintf(path, sizeof path, "/proc/%d/root", pid);
    int root = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (root < 0) die(path);
    for (int i = 0; i < 7; i++) {
        snprintf(path, sizeof path, "/proc/%d/ns/%s", pid, all[i].name);
        files[i] = open(path, O_RDONLY | O_CLOEXEC);
    }
    // One's own user namespace cannot be entered again: EINVAL.
    for (int i = 0; i < 7; i++)
        if (setns(files[i], all[i].type) < 0 && !(i == 0 && errno == EINVAL)) die(all[i].name);
    if (fchdir(root) < 0 || chroot(".") < 0) die("the sandbox's root");
}

static void become_root_of_container(void)
{
    static const int docker[] = {
        CAP_CHOWN, CAP_DAC_OVERRIDE, CAP_FSETID, CAP_FOWNER, CAP_MKNOD, CAP_NET_RAW, CAP_SETGID, CAP_SETUID,
        CAP_SETFCAP, CAP_SETPCAP, CAP_NET_BIND_SERVICE, CAP_SYS_CHROOT, CAP_KILL, CAP_AUDIT_WRITE,
    };
    uint64_t kept = 0;
    for (unsigned i = 0; i < sizeof docker / sizeof *docker; i++) kept |= 1ull << docker[i];
    // Installing the filter needs CAP_SYS_ADMIN or this; runc sets it for our sandboxes as well.
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (int i = 0; i <= CAP_LAST_CAP; i++)
        if (!(kept >> i & 1)) prctl(PR_CAPBSET_DROP, i, 0, 0, 0);
    struct __user_cap_header_struct header = { _LINUX_CAPABILITY_VERSION_3, 0 };
    struct __user_cap_data_struct sets[2] = { { kept, kept, 0 }, { kept >> 32, kept >> 32, 0 } };
    if (setgroups(0, NULL) < 0 || syscall(SYS_capset, &header, sets) < 0) die("capabilities");
    if (filter_count == 0) return;
    // Contrary to ptrace(2) the oldest one has index 0: runc's.
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filters[0], 0, 0) < 0) die("filter");
}

// The first child is in the PID namespace; what it does after this is done for us, and it ends with us.
static pid_t start_root(pid_t pid)
{
    attach(pid);
    read_filters();
    detach();
    int told[2];
    if (pipe2(told, O_CLOEXEC) < 0) die("pipe");
    pid_t helper = fork();
    if (helper == 0) {
        join_namespaces(pid);
        // As a process of the host, seen from where we are: the child of a child would be nobody's of ours.
        pid_t child = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, 0, 0, 0, 0);
        if (child == 0) {
            prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
            become_root_of_container();
            char ready = 1;
            if (write(told[1], &ready, 1) != 1) _exit(1);
            for (;;) pause();
        }
        _exit(child < 0);
    }
    if (waitpid(helper, NULL, 0) < 0) die("the helper");
    char ready;
    close(told[1]);
    if (read(told[0], &ready, 1) != 1) die("the process in the sandbox");
    // Its number here: the only child that we have left.
    char path[64], text[32] = "";
    snprintf(path, sizeof path, "/proc/self/task/%d/children", getpid());
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0 || read(file, text, sizeof text - 1) <= 0) die("the process in the sandbox");
    close(file);
    return atoi(text);
}

static void answer_line(char *line, unsigned long scratch)
{
    static unsigned char bytes[SCRATCH];
    static char hex[2 * SCRATCH + 1];
    unsigned long a[7] = { 0 };
    if (line[0] == 'w') {
        unsigned offset = 0;
        size_t length = 0;
        if (sscanf(line, "w %u %131072[0-9a-f]", &offset, hex) == 2) length = strlen(hex) / 2;
        for (size_t i = 0; i < length; i++) sscanf(hex + 2 * i, "%2hhx", &bytes[i]);
        struct iovec here = { bytes, length }, there = { (void *)(scratch + offset), length };
        if (offset + length > SCRATCH) die("write beyond the memory");
        if (length && process_vm_writev(target, &here, 1, &there, 1, 0) < 0) die("write memory");
        puts("0");
    } else if (line[0] == 'r') {
        unsigned offset = 0, length = 0;
        sscanf(line, "r %u %u", &offset, &length);
        struct iovec here = { bytes, length }, there = { (void *)(scratch + offset), length };
        if (offset + length > SCRATCH || process_vm_readv(target, &here, 1, &there, 1, 0) < 0) die("read memory");
        for (unsigned i = 0; i < length; i++) sprintf(hex + 2 * i, "%02x", bytes[i]);
        puts(hex);
    } else {
        char *at = line + 1;
        for (int i = 0; i < 7; i++) a[i] = strtoul(at, &at, 0);
        long result;
        if (filter_ends(a[0], a + 1)) { puts("filter"); return; }
        switch (call(a[0], a + 1, &result)) {
        case CAME_BACK: printf("%ld\n", result); break;
        case BLOCKED: puts("blocked"); break;
        case ENDED: puts("ended"); exit(0);
        }
    }
}

int main(int count, char **words)
{
    int is_root = count == 3 && !strcmp(words[1], "root");
    if (!is_root && !(count == 4 && !strcmp(words[1], "thread"))) {
        fputs("usage: inject thread PID TID | inject root PID\n", stderr);
        return 2;
    }
    struct sigaction action = { .sa_handler = on_alarm };
    sigaction(SIGALRM, &action, NULL);
    pid_t pid = is_root ? start_root(atoi(words[2])) : atoi(words[2]);
    attach(is_root ? pid : atoi(words[3]));
    find_gadget(pid);
    filter_count = 0;
    read_filters();
    unsigned long memory[6] = { 0, SCRATCH, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0 };
    long scratch;
    if (filter_ends(SYS_mmap, memory) || call(SYS_mmap, memory, &scratch) != CAME_BACK) die("memory in the process");
    if (scratch < 0 && scratch > -4096) die("memory in the process");
    printf("ready %ld\n", scratch);
    fflush(stdout);
    static char line[2 * SCRATCH + 64];
    while (fgets(line, sizeof line, stdin)) {
        answer_line(line, scratch);
        fflush(stdout);
    }
    long ignored;
    unsigned long unmapped[6] = { scratch, SCRATCH };
    if (!filter_ends(SYS_munmap, unmapped)) call(SYS_munmap, unmapped, &ignored);
    if (is_root) kill(target, SIGKILL);
    else detach();
    return 0;
}
