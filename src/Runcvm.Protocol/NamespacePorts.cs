namespace Runcvm.Protocol;

/// <summary>Ports of TCP and UDP at the container's addresses that the sandbox's own network namespace takes for
/// itself: its nameserver's questions, for one, go out from there. The guest's kernel gives none of them to a
/// connection, so that both do not meet by chance.</summary>
public static class NamespacePorts
{
    /// <summary>The first.</summary>
    public const int First = 61440;

    /// <summary>The last.</summary>
    public const int Last = 65535;

    /// <summary>As net.ipv4.ip_local_reserved_ports has them.</summary>
    public const string Range = "61440-65535";
}
