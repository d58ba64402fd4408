using Microsoft.Win32.SafeHandles;
using Runcvm.Egress;
using Runcvm.Linux;
using Runcvm.Linux.Files;
using Runcvm.Linux.Processes;
using Runcvm.Network;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox.SystemCalls;

namespace Runcvm.Brokering;

/// <summary>`runcvm broker`: the broker, in its confinement from the first moment on.</summary>
internal static class BrokerVerb
{
    internal const string Name = "broker";

    internal static int Run()
    {
        CurrentProcess.IgnoreBrokenPipes();
        CurrentProcess.ForbidInspection();
        CurrentProcess.SetLimit(Rlimit.Core, 0, 0);
        using var orders = new SafeFileHandle(BrokerFiles.Orders, ownsHandle: true);
        BrokerOrder order = ReceiveOrder(orders);
        try
        {
            Serve(orders, order);
            return 0;
        }
        catch (Exception e) when (e is LinuxException or WireFormatException)
        {
            // The supervisor sees that it ended. There is nobody else to tell.
            return 1;
        }
    }

    private static BrokerOrder ReceiveOrder(SafeFileHandle orders)
    {
        try
        {
            return BrokerOrder.Receive(orders);
        }
        catch (Exception e) when (e is LinuxException or WireFormatException)
        {
            throw new UsageException($"'{Name}' is what RunCVM's own parts call; see runcvm help", e);
        }
    }

    // Until the supervisor closes the socket, or ends.
    private static void Serve(SafeFileHandle orders, BrokerOrder order)
    {
        (IReadOnlyList<EgressPrograms> policies, NamespaceRules rules, IReadOnlyList<SafeFileHandle> ports) =
            BrokerFiles.Take(order);
        // Nothing of the guest was read yet.
        SystemCallFilter.Of(BrokerCalls.List).Install(allThreads: true);
        if (order.FollowsNetwork)
        {
            var network = new SafeFileHandle(BrokerFiles.Network, ownsHandle: true);
            new Thread(() => NetworkDesk.Run(network, order, policies, rules)) { IsBackground = true }.Start();
        }

        FileDescriptor.WriteAll(orders, [1]);
        new SocketDesk(ports, order.Sockets).Serve(orders);
    }
}
