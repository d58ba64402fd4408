namespace Runcvm.Protocol;

/// <summary>Where a guest without a port of its own dials the supervisor.</summary>
public static class HostPort
{
    /// <summary>Context id of the host, the same on every machine: VMADDR_CID_HOST of linux/vm_sockets.h.</summary>
    public const uint Context = 2;

    /// <summary>The vsock port at which the supervisor waits. Nothing else listens on the host's side of that device.</summary>
    public const uint Number = 1018;
}
