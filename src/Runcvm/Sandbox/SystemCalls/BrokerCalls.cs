using Runcvm.Linux.Processes;

namespace Runcvm.Sandbox.SystemCalls;

/// <summary>The broker: it asks the kernel about the network and changes it there, binds sockets that it was given, and
/// connects to sockets by name. It starts no program.</summary>
internal static class BrokerCalls
{
    private const uint Unix = 1, Netlink = 16;

    internal static SystemCallList List { get; } = RuntimeCalls.List
        .AllowIf("socket", ArgumentRule.OneOf(0, Unix, Netlink))
        .Allow("bind", "listen", "connect", "getsockname", "getsockopt", "setsockopt")
        .Allow("recvfrom", "recvmsg", "sendto", "sendmsg");
}
