using Runcvm.Oci;

namespace Runcvm.Cli;

/// <summary>Open files of the caller's that a container's process is to have (`--preserve-fds N`, Podman's of the same
/// name). They belong to the host's kernel.</summary>
internal static class PreservedFiles
{
    private const string Flag = "--preserve-fds";

    /// <summary>Refuses them: a program that counts on a file finds none, or another one, at its number.</summary>
    /// <exception cref="UsageException">there are some</exception>
    internal static void Check(CommandLine command, string[] withValue)
    {
        if (command.ValueOf(withValue, Flag) is not ({ } count and not "0")) return;
        throw new UsageException($"{Flag} {count}: a machine cannot have open files of the host; "
            + "leave it out, and mount the file or, with RUNCVM_SHARE_SOCKETS=1, the socket");
    }
}
