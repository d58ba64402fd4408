using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;
using Runcvm.Linux.Processes;

namespace Runcvm.Tests.Processes;

/// <summary>The program of a filter byte by byte, and what the kernel makes of it.</summary>
public class SystemCallFilterTests
{
    // All that a filter can name: .NET goes on, and each test takes away what it looks at.
    private static SystemCallList Everything => SystemCallList.Empty.Allow([.. SystemCallTable.For(arm64: false).Keys]);

    [Fact]
    public void A_filter_looks_at_the_processor_then_searches_the_number_then_looks_at_arguments()
    {
        SystemCallList list = SystemCallList.Empty.Allow("read", "write")
            .AllowIf("socket", ArgumentRule.OneOf(0, 1, 16)).Refuse(Errno.ENOSYS, "clone3");
        string[] golden =
        [
            "2000000004000000", // load the architecture
            "150001003E0000C0", // x86-64: pass over the next one
            "0600000000000080", // kill the process
            "2000000000000000", // load the number
            "350005002A000000", // at or above 42
            "3500010002000000", // at or above 2
            "060000000000FF7F", // 0 and 1, read and write: allow
            "3500010029000000", // at or above 41
            "0600000001000500", // 2 to 40: EPERM
            "0500000007000000", // 41, socket: to its conditions
            "35000300B4010000", // at or above 436
            "35000100B3010000", // at or above 435
            "0600000001000500", // 42 to 434: EPERM
            "0600000026000500", // 435, clone3: ENOSYS
            "35000100C3010000", // at or above 451
            "0600000001000500", // 436 to 450: EPERM
            "0600000026000500", // what is newer: ENOSYS
            "2000000010000000", // socket: load its first argument
            "1500020001000000", // AF_UNIX: allow
            "1500010010000000", // AF_NETLINK: allow
            "0600000001000500", // EPERM
            "060000000000FF7F", // allow
        ];
        Assert.Equal(golden, Instructions(list, arm64: false));
    }

    [Fact]
    public void On_arm64_numbers_are_others_and_calls_that_are_not_there_are_left_out()
    {
        string[] instructions = Instructions(SystemCallList.Empty.Allow("open", "openat"), arm64: true);
        Assert.Equal("15000100B70000C0", instructions[1]);
        Assert.Equal(1, instructions.Count(static one => one == "060000000000FF7F"));
        Assert.Contains(instructions, static one => one.EndsWith("38000000", StringComparison.Ordinal));
    }

    [Fact]
    public void A_name_without_a_number_is_a_mistake()
    {
        SystemCallList list = SystemCallList.Empty.Allow("no_such_call");
        Assert.Throws<InvalidOperationException>(() => SystemCallFilter.Of(list));
    }

    [Fact]
    public void A_call_that_is_not_named_fails_and_the_others_go_on()
    {
        Behind(Everything.Without("umask", "getppid"), static () =>
        {
            Assert.Equal(Errno.EPERM, Call("getppid"));
            Assert.Equal(Errno.EPERM, Call("umask"));
            Assert.Equal(Errno.None, Call("getpid"));
        });
        Assert.Equal(Errno.None, Call("getppid"));
    }

    [Fact]
    public void A_call_may_have_an_error_of_its_own_and_newer_calls_do_not_exist()
        => Behind(Everything.Refuse(Errno.ENOSYS, "getppid"), static () =>
        {
            Assert.Equal(Errno.ENOSYS, Call("getppid"));
            Assert.Equal(Errno.ENOSYS, Result(Libc.syscall(SystemCallTable.LastKnown + 1)));
            Assert.Equal(Errno.ENOSYS, Result(Libc.syscall(100_000)));
            // open_tree is known, and on no list.
            Assert.Equal(Errno.EPERM, Result(Libc.syscall(428)));
        });

    [Fact]
    public void Calls_of_the_x32_abi_do_not_exist()
    {
        const int X32Bit = 0x40000000;
        Assert.SkipUnless(SystemCallNumber.Here.seccomp == 317, "only x86-64 has that ABI");
        Behind(Everything, static () => Assert.Equal(Errno.ENOSYS, Result(Libc.syscall(X32Bit + 39))));
    }

    [Fact]
    public void Arguments_may_be_one_of_some_values()
        => Behind(Everything.AllowIf("socket", ArgumentRule.OneOf(0, Libc.AF_UNIX, Libc.AF_NETLINK)), static () =>
        {
            Assert.Equal(Errno.None, Call("socket", Libc.AF_UNIX, Libc.SOCK_STREAM));
            Assert.Equal(Errno.None, Call("socket", Libc.AF_NETLINK, Libc.SOCK_RAW));
            Assert.Equal(Errno.EPERM, Call("socket", Libc.AF_INET, Libc.SOCK_STREAM));
        });

    [Fact]
    public void Arguments_may_be_none_of_some_values_whatever_stands_above_32_bits()
    {
        const nint PushCharacter = 0x5412;
        Behind(Everything.AllowIf("ioctl", ArgumentRule.NoneOf(1, (uint)PushCharacter, 0x541c)), static () =>
        {
            Assert.Equal(Errno.EPERM, Call("ioctl", -1, PushCharacter));
            Assert.Equal(Errno.EPERM, Call("ioctl", -1, PushCharacter | ((nint)1 << 32)));
            Assert.Equal(Errno.EPERM, Call("ioctl", -1, 0x541c));
            Assert.Equal(Errno.EBADF, Call("ioctl", -1, 0x5413));
        });
    }

    [Fact]
    public void Arguments_may_have_some_bits_but_not_all_of_them_together()
        => Behind(Everything.AllowIf("lseek", ArgumentRule.NotAllBits(1, 6)), static () =>
        {
            Assert.Equal(Errno.EPERM, Call("lseek", -1, 7));
            Assert.Equal(Errno.EBADF, Call("lseek", -1, 5));
            Assert.Equal(Errno.EBADF, Call("lseek", -1, 3));
        });

    [Fact]
    public void Arguments_may_lack_some_bits_and_every_condition_counts()
        => Behind(Everything.AllowIf("lseek", ArgumentRule.WithoutBits(1, 4), ArgumentRule.OneOf(2, 0, 2)), static () =>
        {
            Assert.Equal(Errno.EPERM, Call("lseek", -1, 5, 0));
            Assert.Equal(Errno.EPERM, Call("lseek", -1, 3, 1));
            Assert.Equal(Errno.EBADF, Call("lseek", -1, 3, 2));
        });

    [Fact]
    public void Programs_that_are_started_have_the_filter_and_cannot_loosen_it()
    {
        string folder = Directory.CreateTempSubdirectory().FullName;
        Behind(Everything.Without("mkdir", "mkdirat"), () =>
        {
            Assert.NotEqual(0, Run("/bin/mkdir", $"{folder}/made"));
            Assert.Equal(0, Run("/bin/touch", $"{folder}/touched"));
            SystemCallFilter.Of(Everything).Install(allThreads: false);
            Assert.NotEqual(0, Run("/bin/mkdir", $"{folder}/made"));
        });
        Assert.Equal(["touched"], Directory.EnumerateFileSystemEntries(folder).Select(Path.GetFileName));
        Directory.Delete(folder, recursive: true);
    }

    [Fact]
    public void Two_lists_are_joined_to_what_either_allows()
    {
        SystemCallList one = SystemCallList.Empty.Allow("read").AllowIf("socket", ArgumentRule.OneOf(0, 1))
            .AllowIf("mmap", ArgumentRule.WithoutBits(2, 4)).Refuse(Errno.ENOSYS, "clone3");
        SystemCallList other = SystemCallList.Empty.Allow("write", "mmap")
            .AllowIf("socket", ArgumentRule.OneOf(0, 2)).Refuse(Errno.ENOSYS, "clone3");
        SystemCallList both = one.Or(other);
        Assert.Equal(["clone3", "mmap", "read", "socket", "write"], both.Rules.Select(static rule => rule.Name));
        Assert.True(both.Find("mmap")!.IsUnconditional);
        Assert.Equal(Errno.ENOSYS, both.Find("clone3")!.Error);
        Assert.Equal([1u, 2u], both.Find("socket")!.Arguments[0].Values);
        SystemCallList another = SystemCallList.Empty.AllowIf("mmap", ArgumentRule.NotAllBits(2, 6));
        Assert.Throws<InvalidOperationException>(() => one.Or(another));
    }

    // On a thread that ends with it, because nothing takes a filter away.
    private static void Behind(SystemCallList list, Action test)
    {
        Call("getpid");
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                SystemCallFilter.Of(list).Install(allThreads: false);
                test();
            }
            catch (Exception e)
            {
                failure = ExceptionDispatchInfo.Capture(e);
            }
        });
        thread.Start();
        thread.Join();
        failure?.Throw();
    }

    private static Errno Call(string name, nint a = 0, nint b = 0, nint c = 0, nint d = 0, nint e = 0)
        => Result(Libc.syscall(SystemCallTable.For(SystemCallNumber.Here.seccomp != 317)[name], a, b, c, d, e));

    private static Errno Result(nint result) => result == -1 ? SystemCall.LastError : Errno.None;

    private static int Run(string program, string argument)
    {
        using SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
        (int, SafeFileHandle)[] files = [(0, nothing), (1, nothing), (2, nothing)];
        using ChildProcess child = ChildProcess.Start(program, [program, argument], [], files);
        return child.Wait().Code;
    }

    private static string[] Instructions(SystemCallList list, bool arm64)
        => [.. SystemCallFilter.Of(list, arm64).Program.ToArray().Chunk(8).Select(Convert.ToHexString)];
}
