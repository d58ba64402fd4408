using Runcvm.Protocol;

namespace Runcvm.Hypervisors.Firecracker;

/// <summary>What lies in the folder that a Firecracker process may write to.</summary>
/// <param name="Folder">as the sandbox sees it</param>
internal sealed record FirecrackerFiles(string Folder)
{
    /// <summary>The machine as Firecracker reads it at its start.</summary>
    internal string Configuration => $"{Folder}/config.json";

    /// <summary>The pipe that takes its log and its last words.</summary>
    internal string Errors => $"{Folder}/errors";

    /// <summary>Where it takes requests while the machine runs.</summary>
    internal string Api => $"{Folder}/api.sock";

    /// <summary>Where it would take connections to the guest.</summary>
    internal string Vsock => $"{Folder}/vsock.sock";

    /// <summary>Where it brings the connection that the guest dials: its own name for a port.</summary>
    internal string Stream => $"{Vsock}_{HostPort.Stream}";

    /// <summary>The same for the stream of the shares.</summary>
    internal string Shares => $"{Vsock}_{HostPort.Shares}";
}
