using Microsoft.Win32.SafeHandles;
using Runcvm.Egress;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Netlink;
using Runcvm.Linux.Processes;
using Runcvm.Network;
using Runcvm.Sandbox;

namespace Runcvm.Brokering;

/// <summary>Where the broker is asked about the network. A question is a byte and says nothing: what is done follows
/// from the kernel's answers and from the order alone.</summary>
internal static class NetworkDesk
{
    /// <summary>Answers until the socket is closed. Ends the process when it cannot.</summary>
    internal static void Run(
        SafeFileHandle socket, BrokerOrder order, IReadOnlyList<EgressPrograms> policies, NamespaceRules rules)
    {
        try
        {
            Serve(socket, order, policies, rules);
        }
        catch (Exception)
        {
            // The other thread waits for questions of its own; who asks here learns of it by the process's end.
            CurrentProcess.ExitAtOnce(1);
        }
    }

    private static void Serve(
        SafeFileHandle socket, BrokerOrder order, IReadOnlyList<EgressPrograms> policies, NamespaceRules rules)
    {
        using var netlink = new RouteNetlink();
        var watch = new NetworkWatch(netlink, order.Interfaces, order.Spares, order.MaySpoof, policies, rules);
        Span<byte> question = stackalloc byte[1];
        while (FileDescriptor.TryRead(socket, question) > 0) SizedMessage.Send(socket, Answer(watch));
    }

    private static byte[] Answer(NetworkWatch watch)
    {
        try
        {
            return NetworkAnswer.Of(watch.Update());
        }
        catch (Exception e) when (e is LinuxException or UsageException or InvalidOperationException)
        {
            return NetworkAnswer.OfFailure(Reason.Of(e));
        }
    }
}
