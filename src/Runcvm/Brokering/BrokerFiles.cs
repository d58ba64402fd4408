using Microsoft.Win32.SafeHandles;
using Runcvm.Egress;
using Runcvm.Network;

namespace Runcvm.Brokering;

/// <summary>The numbers under which the broker gets its files.</summary>
internal static class BrokerFiles
{
    /// <summary>Its order, and then questions about sockets.</summary>
    internal const int Orders = 3;

    /// <summary>Questions about the network, each a byte.</summary>
    internal const int Network = 4;

    // Policies, programs of the namespace, then the sockets for shared ports.
    private const int First = 5;
    private const int OfPolicy = 2;

    /// <summary>All that is handed on after the two sockets. Of a policy not its table of addresses, to which only the
    /// supervisor writes.</summary>
    internal static IEnumerable<(int Number, SafeFileHandle File)> HandOn(
        IReadOnlyList<EgressPrograms> policies, NamespaceRules rules, IReadOnlyList<SafeFileHandle> ports)
        => policies.SelectMany(static policy => (SafeFileHandle[])[policy.Decide, policy.Record])
            .Concat(rules.Programs?.All ?? []).Concat(ports)
            .Select(static (file, i) => (First + i, file));

    /// <summary>What was handed on, in the process that got it.</summary>
    internal static (IReadOnlyList<EgressPrograms> Policies, NamespaceRules Rules, IReadOnlyList<SafeFileHandle> Ports)
        Take(BrokerOrder order)
    {
        int programs = First + (order.Policies * OfPolicy);
        int ports = programs + (order.HasPrograms ? NamespacePrograms.Files : 0);
        return (
            [.. Enumerable.Range(0, order.Policies).Select(static i => PolicyAt(First + (i * OfPolicy)))],
            new NamespaceRules(
                order.HasPrograms ? NamespacePrograms.Of([Own(programs), Own(programs + 1)]) : null,
                order.LetsJoinedOut, order.KnowsNameservers ? order.Nameservers : null),
            [.. Enumerable.Range(ports, order.Ports).Select(Own)]);
    }

    private static EgressPrograms PolicyAt(int number)
        => new(Own(number), Own(number + 1), new SafeFileHandle());

    private static SafeFileHandle Own(int number) => new(number, ownsHandle: true);
}
