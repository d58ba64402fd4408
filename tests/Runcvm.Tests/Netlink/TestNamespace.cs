using System.Diagnostics;
using System.Runtime.ExceptionServices;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;

namespace Runcvm.Tests.Netlink;

/// <summary>A network namespace of a test's own. Everything happens on one thread, because namespaces are a thread's.</summary>
internal sealed class TestNamespace : IDisposable
{
    private readonly SafeFileHandle _file;

    /// <summary>Makes it and leaves the calling thread in it.</summary>
    internal TestNamespace()
    {
        CurrentProcess.Unshare(Namespaces.Network);
        _file = FileDescriptor.Open("/proc/thread-self/ns/net", OpenFlags.ReadOnly);
        Command("ip link set lo up");
    }

    /// <summary>What the ip command takes as the name of this namespace.</summary>
    internal string Path => $"/proc/{Environment.ProcessId}/fd/{_file.DangerousGetHandle()}";

    /// <summary>Puts the calling thread in it.</summary>
    internal void Enter() => CurrentProcess.Enter(_file, Namespaces.Network);

    public void Dispose() => _file.Dispose();

    /// <summary>Runs a test that needs namespaces, on a thread that ends with it.</summary>
    internal static void Run(Action test)
    {
        Assert.SkipUnless(CurrentProcess.IsRoot, "making network namespaces needs root");
        Assert.SkipUnless(File.Exists("/dev/net/tun"), "there is no /dev/net/tun");
        foreach (string tool in (string[])["ip", "tc"])
            Assert.SkipUnless(IsInstalled(tool), $"the command {tool} is missing");
        ExceptionDispatchInfo? failure = null;
        var thread = new Thread(() =>
        {
            try
            {
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

    /// <summary>Runs a command, whose words hold no spaces, in the thread's namespace and returns its output.</summary>
    internal static string Command(string line, bool mayFail = false)
    {
        string[] words = line.Split(' ');
        var start = new ProcessStartInfo(words[0], words[1..]) { RedirectStandardOutput = true, RedirectStandardError = true };
        using Process process = Process.Start(start)!;
        string output = process.StandardOutput.ReadToEnd();
        string errors = process.StandardError.ReadToEnd();
        process.WaitForExit();
        if (!mayFail) Assert.True(process.ExitCode == 0, $"{line}: {errors}{output}");
        return output + errors;
    }

    private static bool IsInstalled(string tool)
        => (Environment.GetEnvironmentVariable("PATH") ?? "").Split(':').Append("/usr/sbin").Append("/sbin")
            .Any(folder => File.Exists(System.IO.Path.Combine(folder, tool)));
}
