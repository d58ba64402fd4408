using Runcvm.Linux.Files;

namespace Runcvm.Sandbox;

/// <summary>A Unix socket of the host to which the machine may connect.</summary>
/// <param name="Source">on the host</param>
/// <param name="Status">of the socket: who may connect</param>
internal sealed record ForwardedSocket(string Source, FileStatus Status)
{
    /// <summary>What it takes to connect whoever the guest let connect: its kernel has looked at owner and mode.</summary>
    internal static readonly string[] Capabilities = ["CAP_DAC_OVERRIDE"];

    /// <summary>What lies at the source, if it is a socket.</summary>
    internal static ForwardedSocket? TryFrom(string source)
        => FileStatus.TryOf(source, followLinks: true) is { Kind: FileKind.Socket } status ? new ForwardedSocket(source, status) : null;
}
