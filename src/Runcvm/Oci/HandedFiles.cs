using System.Globalization;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;

namespace Runcvm.Oci;

/// <summary>Open files that the low-level runtime hands on to what it starts: to a container as it does for socket
/// activation (sd_listen_fds(3)), to a process beside it by its own flag.</summary>
internal static class HandedFiles
{
    /// <summary>The number of the first one, for all of them.</summary>
    internal const int First = 3;

    private const string CountVariable = "LISTEN_FDS";

    /// <summary>Puts files where the low-level runtime looks for them. What had these numbers is gone afterwards: only
    /// for a process that is about to execute it.</summary>
    internal static void Place(IReadOnlyList<SafeFileHandle> files)
    {
        int outOfTheWay = First + files.Count;
        SafeFileHandle[] copies = [.. files.Select(file => FileDescriptor.Duplicate(file, outOfTheWay))];
        for (int i = 0; i < copies.Length; i++) FileDescriptor.PlaceAt(copies[i], First + i);
    }

    /// <summary>What the low-level runtime's environment must hold, that a container gets as many.</summary>
    internal static string[] Variables(int count) => [$"{CountVariable}={count}", $"LISTEN_PID={CurrentProcess.Id}"];

    /// <summary>Takes over what this process got so.</summary>
    internal static SafeFileHandle[] Take()
    {
        _ = int.TryParse(Environment.GetEnvironmentVariable(CountVariable), NumberStyles.None,
            CultureInfo.InvariantCulture, out int count);
        return [.. Enumerable.Range(First, count).Select(static number => FileDescriptor.Inherited(number))];
    }
}
