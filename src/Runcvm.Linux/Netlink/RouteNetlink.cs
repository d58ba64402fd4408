using System.Net;

namespace Runcvm.Linux.Netlink;

/// <summary>Interfaces, addresses, routes and traffic control by rtnetlink(7), in the network namespace of the thread
/// that makes the object. A refused request is a <see cref="LinuxException"/> that names request and interface.</summary>
public sealed partial class RouteNetlink : IDisposable
{
    private readonly NetlinkSocket _socket = new();

    /// <summary>Closes the socket. What was set up stays.</summary>
    public void Dispose() => _socket.Dispose();

    private static byte Family(byte[] address)
        => (byte)(address.Length == 16 ? Interop.Libc.AF_INET6 : Interop.Libc.AF_INET);

    private static string Text(byte[] address) => new IPAddress(address).ToString();
}
