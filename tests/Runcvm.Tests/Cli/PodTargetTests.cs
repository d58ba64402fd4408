using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Runcvm.Cli;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Cli;

/// <summary>Which container a process stands for.</summary>
public sealed class PodTargetTests
{
    [Fact]
    public void A_stand_in_says_for_which_container_it_stands()
    {
        using SafeFileHandle nothing = FileDescriptor.Open("/dev/null", OpenFlags.ReadWrite);
        (int, SafeFileHandle)[] files = [(0, nothing), (1, nothing), (2, nothing)];
        using ChildProcess standIn = ChildProcess.Start(
            "/bin/sleep", ["sleep", "100"], ["PATH=/bin", StandInSpec.KeyVariable + "k1"], files);
        try
        {
            // Until it is that program it has the environment of this one.
            Assert.True(SpinWait.SpinUntil(
                () => File.ReadAllText($"/proc/{standIn.Id}/comm") == "sleep\n", TimeSpan.FromSeconds(30)));
            Assert.Equal("k1", PodTarget.KeyOf(standIn.Id.ToString(CultureInfo.InvariantCulture)));
        }
        finally
        {
            standIn.Kill(SignalNumber.Kill);
            standIn.Wait();
        }
    }

    [Fact]
    public void Another_process_stands_for_none()
    {
        foreach (string process in (string[])["self", "0"])
        {
            UsageException e = Assert.Throws<UsageException>(() => PodTarget.KeyOf(process));
            Assert.Contains("no container of a pod", e.Message, StringComparison.Ordinal);
        }
    }
}
