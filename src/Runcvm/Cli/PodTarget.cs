using System.Text;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Sandbox;

namespace Runcvm.Cli;

/// <summary>Which container of a pod a process of the host stands for: engines name a container whose processes another
/// one is to see by that process.</summary>
internal static class PodTarget
{
    /// <summary>What the host calls the container.</summary>
    /// <param name="process">its number</param>
    /// <exception cref="UsageException">it stands for none</exception>
    internal static string KeyOf(string process)
    {
        if (TryRead($"/proc/{process}/environ") is { } environment)
        {
            string? key = environment.Split('\0').FirstOrDefault(
                static entry => entry.StartsWith(StandInSpec.KeyVariable, StringComparison.Ordinal));
            if (key != null) return key[StandInSpec.KeyVariable.Length..];
        }

        throw new UsageException($"process {process}, whose processes the container is to see, is no container of a "
            + "pod that is a machine");
    }

    private static string? TryRead(string path)
    {
        try
        {
            using var file = FileDescriptor.TryOpen(path, OpenFlags.ReadOnly);
            return file == null ? null : Encoding.UTF8.GetString(FileDescriptor.ReadToEnd(file));
        }
        catch (LinuxException)
        {
            // It has just ended.
            return null;
        }
    }
}
