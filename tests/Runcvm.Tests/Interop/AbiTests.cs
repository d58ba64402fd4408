using System.Diagnostics;
using System.Globalization;
using System.Reflection;
using System.Runtime.InteropServices;
using System.Text;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;
using Runcvm.Linux.Mounts;
using Runcvm.Linux.Processes;

namespace Runcvm.Tests.Interop;

/// <summary>Our numbers against the C headers of both architectures: every constant is a static assertion that gcc checks.</summary>
public class AbiTests
{
    public static TheoryData<Architecture> Architectures => [Architecture.X64, Architecture.Arm64];

    private const BindingFlags Static = BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    private static readonly string[] Headers =
    [
        "errno.h", "fcntl.h", "poll.h", "sched.h", "signal.h", "spawn.h", "stddef.h", "time.h", "unistd.h", "sys/epoll.h", "sys/eventfd.h",
        "sys/file.h", "sys/ioctl.h", "sys/mman.h", "sys/mount.h", "sys/prctl.h", "sys/resource.h", "sys/signalfd.h", "sys/socket.h", "sys/stat.h", "sys/statfs.h",
        "sys/syscall.h", "sys/uio.h", "sys/wait.h", "netinet/in.h",
        // The kernel's struct termios, which the ioctls take; that of the C library is another.
        "asm/termbits.h",
        "linux/audit.h", "linux/bpf.h", "linux/bpf_common.h", "linux/capability.h", "linux/filter.h", "linux/fs.h", "linux/if.h", "linux/if_addr.h", "linux/if_link.h", "linux/if_tun.h", "linux/netlink.h",
        "linux/landlock.h", "linux/openat2.h", "linux/pkt_cls.h", "linux/pkt_sched.h", "linux/random.h", "linux/rtnetlink.h", "linux/seccomp.h", "linux/tc_act/tc_mirred.h", "linux/veth.h",
    ];

    // Ours, without a name in C; they are asserted by what they stand for.
    private static readonly Dictionary<string, string> OurNames = new()
    {
        ["SigsetSize"] = "sizeof(sigset_t)",
        ["SignalfdSiginfoSize"] = "sizeof(struct signalfd_siginfo)",
        ["SiginfoSize"] = "sizeof(siginfo_t)",
    };

    private static readonly Dictionary<MountFlags, string> MountNames = new()
    {
        [MountFlags.ReadOnly] = "MS_RDONLY",
        [MountFlags.Synchronous] = "MS_SYNCHRONOUS",
        [MountFlags.Recursive] = "MS_REC",
    };

    private static readonly (OpenFlags Flag, string Name)[] OpenNames =
    [
        (OpenFlags.ReadOnly, "O_RDONLY"), (OpenFlags.WriteOnly, "O_WRONLY"), (OpenFlags.ReadWrite, "O_RDWR"), (OpenFlags.Create, "O_CREAT"),
        (OpenFlags.Exclusive, "O_EXCL"), (OpenFlags.Truncate, "O_TRUNC"), (OpenFlags.NonBlocking, "O_NONBLOCK"),
        (OpenFlags.Directory, "O_DIRECTORY"), (OpenFlags.NoFollow, "O_NOFOLLOW"), (OpenFlags.CloseOnExec, "O_CLOEXEC"),
        (OpenFlags.Path, "O_PATH"), (OpenFlags.NoControllingTerminal, "O_NOCTTY"),
        (OpenFlags.DataSynchronous, "O_DSYNC"), (OpenFlags.Synchronous, "O_SYNC"), (OpenFlags.NoAccessTime, "O_NOATIME"),
        (OpenFlags.TemporaryFile, "O_TMPFILE"),
    ];

    private static readonly Dictionary<FileRights, string> RightNames = new()
    {
        [FileRights.Execute] = "EXECUTE",
        [FileRights.Write] = "WRITE_FILE",
        [FileRights.Read] = "READ_FILE",
        [FileRights.ListFolder] = "READ_DIR",
        [FileRights.RemoveFolder] = "REMOVE_DIR",
        [FileRights.RemoveFile] = "REMOVE_FILE",
        [FileRights.MakeCharacterDevice] = "MAKE_CHAR",
        [FileRights.MakeFolder] = "MAKE_DIR",
        [FileRights.MakeFile] = "MAKE_REG",
        [FileRights.MakeSocket] = "MAKE_SOCK",
        [FileRights.MakePipe] = "MAKE_FIFO",
        [FileRights.MakeBlockDevice] = "MAKE_BLOCK",
        [FileRights.MakeLink] = "MAKE_SYM",
        [FileRights.Refer] = "REFER",
        [FileRights.Truncate] = "TRUNCATE",
        [FileRights.ControlDevice] = "IOCTL_DEV",
    };

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Constants_of_the_C_library(Architecture machine) => Check(machine, typeof(Libc).GetFields(Static)
        .Where(static field => field.IsLiteral && field.FieldType != typeof(string) && field.Name != nameof(Libc.SpawnStructSize))
        .Select(static field => Equal(OurNames.GetValueOrDefault(field.Name, field.Name), field.GetRawConstantValue()!)));

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Error_numbers(Architecture machine) => Check(machine, Enum.GetValues<Errno>().Where(static errno => errno != Errno.None)
        .Select(static errno => Equal($"{errno}", (int)errno)));

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Flags_of_mount(Architecture machine) => Check(machine, Enum.GetValues<MountFlags>().Where(static flag => flag != MountFlags.None)
        .Select(static flag => Equal(MountNames.GetValueOrDefault(flag, $"MS_{flag}".ToUpperInvariant()), (ulong)flag)));

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Flags_of_open(Architecture machine)
    {
        Assert.Equal(Enum.GetValues<OpenFlags>().Order(), OpenNames.Select(static pair => pair.Flag).Order());
        Check(machine, OpenNames.Select(pair => Equal(pair.Name, OpenFlagValues.ToNative(pair.Flag, machine == Architecture.Arm64))));
    }

    // Headers of a distribution know the rights of its kernel, and newer ones not.
    [Theory]
    [MemberData(nameof(Architectures))]
    public void Rights_of_landlock(Architecture machine)
    {
        Assert.Equal(Enum.GetValues<FileRights>().Where(static right => right != 0), RightNames.Keys);
        Check(machine, RightNames.Select(static pair => $"""
            #ifdef LANDLOCK_ACCESS_FS_{pair.Value}
            {Equal("LANDLOCK_ACCESS_FS_" + pair.Value, (ulong)pair.Key)}
            #endif
            """));
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Kinds_of_files(Architecture machine) => Check(machine,
    [
        Equal("S_IFIFO", (int)FileKind.Fifo), Equal("S_IFCHR", (int)FileKind.CharacterDevice), Equal("S_IFDIR", (int)FileKind.Directory),
        Equal("S_IFBLK", (int)FileKind.BlockDevice), Equal("S_IFREG", (int)FileKind.Regular), Equal("S_IFLNK", (int)FileKind.Link),
        Equal("S_IFSOCK", (int)FileKind.Socket), Equal("STATX_BASIC_STATS", FileStatus.BasicStats),
    ]);

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Numbers_of_system_calls(Architecture machine)
    {
        var numbers = new SystemCallNumber(machine == Architecture.Arm64);
        MemberInfo[] members = [.. typeof(SystemCallNumber).GetMembers(Static | BindingFlags.Instance).Where(static member => member is PropertyInfo or FieldInfo { IsLiteral: true })];
        Assert.True(members.Length > 10);
        Check(machine, members
            .Select(member => Equal("SYS_" + member.Name, member is PropertyInfo property ? property.GetValue(numbers)! : ((FieldInfo)member).GetRawConstantValue()!)));
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Numbers_of_system_calls_that_filters_name(Architecture machine)
    {
        Dictionary<string, int> numbers = SystemCallTable.For(machine == Architecture.Arm64);
        Assert.All(numbers.Values, static number => Assert.InRange(number, -1, SystemCallTable.LastKnown));
        Check(machine, numbers.Select(static call => call.Value >= 0
            ? Equal("SYS_" + call.Key, call.Value)
            : $"\n#ifdef SYS_{call.Key}\n#error {call.Key} has a number\n#endif\n"));
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Numbers_of_system_calls_that_profiles_name(Architecture machine)
        // Headers of older kernels lack the newest.
        => Check(machine, ProfileCallTable.For(machine == Architecture.Arm64).Select(static call => call.Value >= 0
            ? $"\n#ifdef SYS_{call.Key}\n{Equal("SYS_" + call.Key, call.Value)}\n#endif\n"
            : $"\n#ifdef SYS_{call.Key}\n#error {call.Key} has a number\n#endif\n"));

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Numbers_of_resource_limits(Architecture machine) => Check(machine, ((string[])
        ["CPU", "FSIZE", "DATA", "STACK", "CORE", "RSS", "NPROC", "NOFILE", "MEMLOCK", "AS", "SIGPENDING", "MSGQUEUE", "NICE", "RTPRIO", "RTTIME"])
        .Select(static name => Equal("RLIMIT_" + name, Rlimit.NumberOf("RLIMIT_" + name))));

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Numbers_of_capabilities(Architecture machine)
    {
        var names = (string[])typeof(CapabilitySet).GetField("Names", Static)!.GetValue(null)!;
        Check(machine, names.Select(static (name, number) => Equal(name, number)));
    }

    [Theory]
    [MemberData(nameof(Architectures))]
    public void Structs_have_the_size_and_the_offsets_of_C(Architecture machine)
    {
        var assertions = new List<string>
        {
            Equal("sizeof(struct epoll_event)", Libc.EpollEventOn(machine).Size),
            Equal("offsetof(struct epoll_event, data)", Libc.EpollEventOn(machine).DataOffset),
            Equal("sizeof(struct sock_filter)", SystemCallProgram.InstructionSize),
            Equal("offsetof(struct seccomp_data, nr)", SystemCallProgram.NumberOffset),
            Equal("offsetof(struct seccomp_data, arch)", SystemCallProgram.ArchitectureOffset),
            Equal("offsetof(struct seccomp_data, args)", SystemCallProgram.FirstArgumentOffset),
            $"_Static_assert(sizeof(posix_spawn_file_actions_t) <= {Libc.SpawnStructSize} && sizeof(posix_spawnattr_t) <= {Libc.SpawnStructSize}, \"room\");",
        };
        Type[] structs = [.. typeof(Libc).GetNestedTypes(BindingFlags.NonPublic).Where(static type => type.IsValueType && !type.IsEnum)];
        Assert.True(structs.Length > 5);
        foreach (Type type in structs)
        {
            // Where C has a function of the same name, ours ends in _t.
            string name = "struct " + (type.Name.EndsWith("_t", StringComparison.Ordinal) ? type.Name[..^2] : type.Name);
            assertions.Add(Equal($"sizeof({name})", Marshal.SizeOf(type)));
            foreach (FieldInfo field in type.GetFields(BindingFlags.Instance | BindingFlags.NonPublic).Where(static field => field.Name[0] != '_'))
                assertions.Add(Equal($"offsetof({name}, {field.Name})", (long)Marshal.OffsetOf(type, field.Name)));
        }

        Check(machine, assertions);
    }

    private static string Equal(string inC, object ours)
        => $"_Static_assert((long long)({inC}) == {Convert.ToString(ours, CultureInfo.InvariantCulture)}LL, \"{inC} is not {ours}\");";

    private static void Check(Architecture machine, IEnumerable<string> assertions)
    {
        // Debian's gcc goes by this name as well, and so does the one that builds for another machine.
        string compiler = $"/usr/bin/{(machine == Architecture.Arm64 ? "aarch64" : "x86_64")}-linux-gnu-gcc";
        if (!File.Exists(compiler)) Assert.Skip($"{compiler} is not installed");
        var source = new StringBuilder("#define _GNU_SOURCE\n");
        foreach (string header in Headers) source.Append("#include <").Append(header).Append(">\n");
        foreach (string assertion in assertions) source.Append(assertion).Append('\n');

        var start = new ProcessStartInfo(compiler, ["-fsyntax-only", "-x", "c", "-"]) { RedirectStandardInput = true, RedirectStandardError = true };
        using Process gcc = Process.Start(start)!;
        Task<string> errors = gcc.StandardError.ReadToEndAsync(TestContext.Current.CancellationToken);
        gcc.StandardInput.Write(source);
        gcc.StandardInput.Close();
        gcc.WaitForExit();
        string said = errors.GetAwaiter().GetResult();
        if (said.Contains("No such file or directory", StringComparison.Ordinal)) Assert.Skip($"a C header is not installed: {said.Split('\n')[0]}");
        Assert.True(gcc.ExitCode == 0, said);
    }
}
