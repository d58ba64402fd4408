using System.Net;
using System.Net.Sockets;
using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Interop;
using Runcvm.Linux.Processes;
using Runcvm.Tests.Images;

namespace Runcvm.Tests.Processes;

/// <summary>The rules as the kernel reads them, and what it makes of them.</summary>
public sealed class LandlockRulesTests : IDisposable
{
    private readonly TemporaryFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(1, "FF1F000000000000" + "0000000000000000" + "0000000000000000")]
    [InlineData(2, "FF3F000000000000" + "0000000000000000" + "0000000000000000")]
    [InlineData(3, "FF7F000000000000" + "0000000000000000" + "0000000000000000")]
    [InlineData(4, "FF7F000000000000" + "0300000000000000" + "0000000000000000")]
    [InlineData(5, "FFFF000000000000" + "0300000000000000" + "0000000000000000")]
    [InlineData(6, "FFFF000000000000" + "0300000000000000" + "0300000000000000")]
    [InlineData(7, "FFFF000000000000" + "0300000000000000" + "0300000000000000")]
    [InlineData(99, "FFFF000000000000" + "0300000000000000" + "0300000000000000")]
    public void Of_every_kernel_all_that_it_knows_is_asked_and_no_more(int version, string golden)
    {
        Span<byte> attributes = stackalloc byte[24];
        new LandlockRules([]) { KeepsSignals = true }.Describe(version, attributes);
        Assert.Equal(golden, Convert.ToHexString(attributes));
        new LandlockRules([]).Describe(version, attributes);
        Assert.Equal(version >= 6 ? 1 : 0, attributes[16]);
    }

    [Fact]
    public void A_file_has_the_rights_of_files_and_a_folder_all_that_the_kernel_knows()
    {
        const FileRights Some = FileRights.Read | FileRights.ListFolder | FileRights.Truncate | FileRights.MakeFile;
        var rule = new FileRule("/", Some);
        Assert.Equal(FileRights.Read | FileRights.Truncate, rule.For(isFolder: false, LandlockRules.Handled(3)));
        Assert.Equal(FileRights.Read, rule.For(isFolder: false, LandlockRules.Handled(2)));
        Assert.Equal(
            FileRights.Read | FileRights.ListFolder | FileRights.MakeFile,
            rule.For(isFolder: true, LandlockRules.Handled(2)));
    }

    [Fact]
    public void A_place_that_is_missing_is_named()
    {
        Needs(1);
        string missing = _folder.Path("missing");
        Behind([], static () => { });
        string message = Assert.Throws<LinuxException>(
            () => Behind([new FileRule(missing, FileRights.Read)], static () => { })).Message;
        Assert.Equal($"open {missing}: No such file or directory", message);
    }

    [Fact]
    public void What_no_rule_allows_is_refused_even_to_root()
    {
        Needs(3);
        foreach (string name in (string[])["readable", "writable", "longer", "closed"])
            File.WriteAllText(_folder.Path(name), "text");
        string made = _folder.Make("folder");
        FileRule[] rules =
        [
            new(_folder.Path("readable"), FileRights.Read),
            new(_folder.Path("writable"), FileRights.Write),
            new(_folder.Path("longer"), FileRights.Write | FileRights.Truncate),
            new(made, FileRights.MakeFile | FileRights.Write),
        ];
        Behind(rules, () =>
        {
            Assert.Equal(Errno.None, Open("readable", OpenFlags.ReadOnly));
            Assert.Equal(Errno.EACCES, Open("readable", OpenFlags.WriteOnly));
            Assert.Equal(Errno.EACCES, Open("closed", OpenFlags.ReadOnly));
            Assert.Equal(Errno.EACCES, Open("", OpenFlags.ReadOnly | OpenFlags.Directory));
            Assert.Equal(Errno.EACCES, Open("new", OpenFlags.WriteOnly | OpenFlags.Create));
            Assert.Equal(Errno.None, Open("folder/new", OpenFlags.WriteOnly | OpenFlags.Create));
            Assert.Equal(Errno.None, Open("writable", OpenFlags.WriteOnly));
            Assert.Equal(Errno.EACCES, Open("writable", OpenFlags.WriteOnly | OpenFlags.Truncate));
            Assert.Equal(Errno.None, Open("longer", OpenFlags.WriteOnly | OpenFlags.Truncate));
            Assert.Equal(Errno.EACCES, Of(() => Node.MakeDirectory(_folder.Path("another"))));
        });
        Assert.Equal(Errno.None, Open("closed", OpenFlags.ReadOnly));
    }

    [Fact]
    public void What_was_open_before_stays_open()
    {
        Needs(1);
        File.WriteAllText(_folder.Path("file"), "text");
        using SafeFileHandle file = FileDescriptor.Open(_folder.Path("file"), OpenFlags.ReadWrite);
        Behind([], () =>
        {
            FileDescriptor.SetLength(file, 2);
            FileDescriptor.WriteAll(file, "TE"u8);
        });
        Assert.Equal("TE", File.ReadAllText(_folder.Path("file")));
    }

    [Fact]
    public void A_device_without_that_right_takes_no_orders()
    {
        Needs(5);
        // RNDGETENTCNT, which everybody may ask.
        const int HowMuchEntropy = unchecked((int)0x80045200);
        Behind([new FileRule("/dev/urandom", FileRights.Read)], () => Assert.Equal(Errno.EACCES, Ask()));
        Behind(
            [new FileRule("/dev/urandom", FileRights.Read | FileRights.ControlDevice)],
            () => Assert.Equal(Errno.None, Ask()));

        static Errno Ask()
        {
            using SafeFileHandle device = FileDescriptor.Open("/dev/urandom", OpenFlags.ReadOnly);
            nint number = device.DangerousGetHandle();
            return With(new byte[4], pointer => Libc.syscall(IoctlNumber, number, HowMuchEntropy, pointer));
        }
    }

    [Fact]
    public void Only_programs_that_a_rule_names_are_run()
    {
        Needs(1);
        string copy = _folder.Path("copy");
        File.Copy("/bin/true", copy);
        FileRule mayRead = new(copy, FileRights.Read);
        Behind([mayRead], () => Assert.Equal(Errno.EACCES, Of(() => Run(copy))));
        Behind([mayRead with { Rights = FileRights.Read | FileRights.Execute }], () => Assert.Equal(0, Run(copy)));
    }

    [Fact]
    public void No_port_is_reached_and_none_is_taken()
    {
        Needs(4);
        using var server = new TcpListener(IPAddress.Loopback, 0);
        server.Start();
        byte[] address = [Libc.AF_INET, 0, 0, 0, 127, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0];
        int port = ((IPEndPoint)server.LocalEndpoint).Port;
        (address[2], address[3]) = ((byte)(port >> 8), (byte)port);
        Assert.Equal(Errno.None, WithSocket(Libc.AF_INET, ConnectNumber, address));
        Behind([], () =>
        {
            Assert.Equal(Errno.EACCES, WithSocket(Libc.AF_INET, ConnectNumber, address));
            (address[2], address[3]) = (0, 0);
            Assert.Equal(Errno.EACCES, WithSocket(Libc.AF_INET, BindNumber, address));
        });
        Assert.Equal(Errno.None, WithSocket(Libc.AF_INET, BindNumber, address));
    }

    [Fact]
    public void Abstract_sockets_of_others_are_not_reached()
    {
        Needs(6);
        string name = $"runcvm-test-{Environment.ProcessId}";
        byte[] address = [Libc.AF_UNIX, 0, 0, .. System.Text.Encoding.ASCII.GetBytes(name)];
        using var server = new Socket(AddressFamily.Unix, SocketType.Stream, ProtocolType.Unspecified);
        server.Bind(new UnixDomainSocketEndPoint('\0' + name));
        server.Listen();
        Assert.Equal(Errno.None, WithSocket(Libc.AF_UNIX, ConnectNumber, address));
        Behind([], () => Assert.Equal(Errno.EPERM, WithSocket(Libc.AF_UNIX, ConnectNumber, address)));
    }

    [Fact]
    public void Others_get_no_signal()
    {
        Needs(6);
        using ChildProcess other = Start("/bin/sleep", "1000");
        var rules = new LandlockRules([.. Usual]);
        Behind(rules, () => Assert.Equal(0, Run("/bin/kill", "-0", $"{other.Id}")));
        Behind(rules with { KeepsSignals = true }, () =>
        {
            Assert.NotEqual(0, Run("/bin/kill", "-0", $"{other.Id}"));
            using ChildProcess own = Start("/bin/sleep", "1000");
            Assert.Equal(0, Run("/bin/kill", "-9", $"{own.Id}"));
            Assert.Equal(SignalNumber.Kill, own.Wait().Signal);
        });
        other.Kill(SignalNumber.Kill);
        Assert.Equal(SignalNumber.Kill, other.Wait().Signal);
    }

    private static nint IoctlNumber => Number("ioctl");

    private static nint ConnectNumber => Number("connect");

    private static nint BindNumber => Number("bind");

    // What .NET itself may still want to open.
    private static IEnumerable<FileRule> Usual
    {
        get
        {
            const FileRights Rights = FileRights.Read | FileRights.ListFolder | FileRights.Execute;
            string[] places =
                ["/usr", "/lib", "/lib64", "/bin", "/proc", Path.GetDirectoryName(typeof(object).Assembly.Location)!];
            return from place in places.Append(AppContext.BaseDirectory)
                   where Directory.Exists(place)
                   select new FileRule(place, Rights);
        }
    }

    private static nint Number(string name) => SystemCallTable.For(SystemCallNumber.Here.seccomp != 317)[name];

    private static void Needs(int version) => Assert.SkipUnless(
        LandlockRules.Version >= version, $"the kernel has version {LandlockRules.Version} of Landlock, not {version}");

    private Errno Open(string name, OpenFlags flags)
        => Of(() => FileDescriptor.Open(_folder.Path(name), flags, Permission.PlainFile).Dispose());

    private static Errno Of(Action action)
    {
        try
        {
            action();
            return Errno.None;
        }
        catch (LinuxException e)
        {
            return e.Errno;
        }
    }

    private static Errno WithSocket(int family, nint number, byte[] address)
    {
        nint socket = Libc.syscall(Number("socket"), family, Libc.SOCK_STREAM | Libc.SOCK_CLOEXEC);
        Assert.True(socket >= 0);
        using var handle = new SafeFileHandle(socket, ownsHandle: true);
        return With(address, pointer => Libc.syscall(number, socket, pointer, address.Length));
    }

    private static Errno With(byte[] bytes, Func<nint, nint> call)
    {
        nint memory = Marshal.AllocHGlobal(bytes.Length);
        try
        {
            Marshal.Copy(bytes, 0, memory, bytes.Length);
            return call(memory) == -1 ? SystemCall.LastError : Errno.None;
        }
        finally
        {
            Marshal.FreeHGlobal(memory);
        }
    }

    private static int Run(string program, params string[] arguments)
    {
        using ChildProcess child = Start(program, arguments);
        return child.Wait().Code;
    }

    private static ChildProcess Start(string program, params string[] arguments)
    {
        // The null device would need a rule.
        using SafeFileHandle nothing = FileDescriptor.InMemory("nothing", []);
        return ChildProcess.Start(program, [program, .. arguments], [], [(0, nothing), (1, nothing), (2, nothing)]);
    }

    private static void Behind(IReadOnlyList<FileRule> rules, Action test)
        => Behind(new LandlockRules([.. Usual, .. rules]), test);

    // On a thread that ends with them, because nothing takes rules away.
    private static void Behind(LandlockRules rules, Action test)
    {
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
                rules.Enforce();
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
}
