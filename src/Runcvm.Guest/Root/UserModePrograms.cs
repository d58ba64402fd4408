using System.Globalization;
using Runcvm.Linux.Files;

namespace Runcvm.Guest.Root;

/// <summary>Programs that the kernel starts by itself: what takes a core (<c>core_pattern</c>), what cgroups of
/// version 1 call when they are empty, <c>request-key</c>. The kernel looks for them in the root with which it began,
/// the initramfs, while who names them means the image. So names of the image's root lead from the one into the other,
/// by the first process of the workload, whose mounts and sockets they so have; <c>/proc</c> shows them all processes
/// of the machine, as the kernel's numbers want.</summary>
internal static class UserModePrograms
{
    // More than any image has there.
    private const int MostNames = 4096;

    // Of what the initramfs has itself, names below it: loaders and libraries of programs, systemd's own, and what the
    // kernel asks for by a fixed name.
    private static readonly string[] Below =
    [
        "/run/systemd", "/run/dbus", "/sbin/request-key", "/sbin/bridge-stp", "/sbin/nfs_cache_getent",
        "/sbin/nfsdcltrack",
    ];

    /// <summary>Has them found in this process's root, which stays the workload's for as long as the machine
    /// is.</summary>
    /// <param name="workload">a process id</param>
    /// <returns>what could not be done, or null</returns>
    internal static string? Show(int workload)
    {
        string root = string.Create(CultureInfo.InvariantCulture, $"/proc/{workload}/root");
        try
        {
            Lead(root, top: "");
            return null;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return $"the kernel finds no programs of the image that it is to start itself: {e.Message}";
        }
    }

    /// <param name="root">the workload's</param>
    /// <param name="top">where the kernel looks, without a slash at its end</param>
    internal static void Lead(string root, string top)
    {
        // It is nobody's here.
        if (IsFolder($"{top}/tmp") && !Names($"{top}/tmp").Any()) Directory.Delete($"{top}/tmp");
        foreach (string name in Names(root)) Link(root, top, $"/{name}");
        foreach (string name in Names($"{root}/lib").Where(IsForPrograms)) Link(root, top, $"/lib/{name}");
        foreach (string path in Below) Link(root, top, path);
    }

    private static bool IsFolder(string path) => FileStatus.TryOf(path) is { Kind: FileKind.Directory };

    private static IEnumerable<string> Names(string folder)
        => Directory.Exists(folder)
            ? Directory.EnumerateFileSystemEntries(folder).Select(static path => Path.GetFileName(path)).Take(MostNames)
            : [];

    // As /lib/ld-musl-x86_64.so.1, /lib/aarch64-linux-gnu and /lib/systemd.
    private static bool IsForPrograms(string name)
        => name.StartsWith("ld-", StringComparison.Ordinal) || name.Contains("-linux-", StringComparison.Ordinal)
            || name is "systemd" or "udev";

    private static void Link(string root, string top, string path)
    {
        if (IsFolder(Path.GetDirectoryName(top + path)!) && FileStatus.TryOf(top + path) == null)
            File.CreateSymbolicLink(top + path, root + path);
    }
}
