using System.Text;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mounts;

namespace Runcvm.Guest.Root;

/// <summary>What the workload finds in /proc/cmdline, where the kernel's own is not that: a machine that was restored
/// was started with that of another, and some arguments are for programs alone, as systemd's.</summary>
internal static class CommandLineFile
{
    // In the first file system, which the workload does not see.
    private const string Source = "/cmdline";

    internal static void Write(string text)
    {
        const OpenFlags New = OpenFlags.WriteOnly | OpenFlags.Create | OpenFlags.Exclusive;
        using SafeFileHandle file = FileDescriptor.Open(Source, New, Permission.PlainFile);
        FileDescriptor.WriteAll(file, Encoding.UTF8.GetBytes(text + "\n"));
    }

    /// <summary>Lays it over the kernel's, if there is any.</summary>
    /// <param name="proc">where a file system of processes was just mounted</param>
    internal static void Cover(string proc)
    {
        if (FileStatus.TryOf(Source) == null) return;
        string target = $"{proc}/cmdline";
        MountPoint.Bind(Source, target);
        MountPoint.Remount(target, MountFlags.Bind | MountFlags.ReadOnly);
    }
}
