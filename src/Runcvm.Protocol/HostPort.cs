namespace Runcvm.Protocol;

/// <summary>Where a guest without a port of its own dials the supervisor.</summary>
public static class HostPort
{
    /// <summary>Context id of the host, the same on every machine: VMADDR_CID_HOST of linux/vm_sockets.h.</summary>
    public const uint Context = 2;

    /// <summary>The vsock port of the stream. Nothing else listens on the host's side of that device.</summary>
    public const uint Stream = 1018;

    /// <summary>The vsock port for requests of shared files, where the machine has shares.</summary>
    public const uint Shares = 1019;
}
