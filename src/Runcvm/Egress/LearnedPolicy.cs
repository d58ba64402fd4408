using System.Buffers.Binary;
using System.Globalization;
using Runcvm.Linux.Bpf;
using Runcvm.Syntax;

namespace Runcvm.Egress;

/// <summary>The smallest policy under which a machine would have reached what it has reached under <c>learn</c>: the
/// names that have led there, and addresses where none has. Nothing is guessed from what is alike.</summary>
internal static class LearnedPolicy
{
    private const int TcpOrder = 0, UdpOrder = 1, PingOrder = 2;

    // Each takes two characters of a policy at least.
    private const int MostPorts = EgressPolicy.MostCharacters / 2;

    /// <summary>What the kernel has noted.</summary>
    /// <param name="maps">of a policy that learns</param>
    internal static IReadOnlyList<Target> Reached(IReadOnlyList<KernelMap> maps)
        => [.. maps.First(static map => map.Name == EgressMaps.ReachedName)
            .Snapshot(FrameStack.RefusalSize, FrameStack.RefusalValueSize, EgressMaps.MostReached)
            .Select(static item => Target.Of(item.Key))];

    /// <summary>The policy, as RUNCVM_EGRESS takes it.</summary>
    /// <param name="reached">where the machine has been</param>
    /// <param name="names">which names have led there, and whether a rule with the name would be enough</param>
    /// <exception cref="UsageException">it would be longer than a policy may be</exception>
    internal static string Of(
        IReadOnlyList<Target> reached, IEnumerable<(string Name, AddressPrefix Address, bool IsEnough)> names)
    {
        var rules = new SortedDictionary<string, SortedSet<(int Order, int Port)>>(StringComparer.Ordinal);
        ILookup<AddressPrefix, (string Name, AddressPrefix, bool IsEnough)> known =
            names.Distinct().ToLookup(static item => item.Address);
        int tried = 0;
        foreach (Target target in reached)
        {
            // Which of them it was that the machine meant nobody knows, and each was asked for.
            foreach ((string name, _, _) in known[target.Address]) Add(name, target);
            if (!known[target.Address].Any() || known[target.Address].Any(static item => !item.IsEnough))
                Add(target.Address.IsIPv4 ? $"{target.Address}" : $"[{target.Address}]", target);
        }

        if (rules.Count == 0) return "none";
        string text = "allow=" + string.Join(';', rules.Select(static rule =>
            $"{rule.Key}:{string.Join(',', rule.Value.Select(Port))}"));
        // What is printed is accepted.
        return EgressPolicy.Parse(new OptionText("the policy that was learned", text))!.Text;

        void Add(string key, Target target)
        {
            // The guest and the supervisor decide how many there are of both.
            if (++tried > MostPorts) throw new UsageException(
                $"what was learned is no policy: there are more than {MostPorts} ports in it");
            if (!rules.TryGetValue(key, out SortedSet<(int, int)>? ports)) rules[key] = ports = [];
            if (rules.Count > EgressPolicy.MostRules) throw new UsageException(
                $"what was learned is no policy: there are more than {EgressPolicy.MostRules} rules in it");
            ports.Add(target.Protocol switch
            {
                EgressPorts.Tcp => (TcpOrder, target.Port),
                EgressPorts.Udp => (UdpOrder, target.Port),
                _ => (PingOrder, 0),
            });
        }
    }

    private static string Port((int Order, int Port) item)
    {
        string number = item.Port.ToString(CultureInfo.InvariantCulture);
        return item.Order switch { TcpOrder => number, UdpOrder => $"udp/{number}", _ => "icmp" };
    }

    /// <summary>An address and port where the machine has been.</summary>
    /// <param name="Address">where</param>
    /// <param name="Protocol">of IP</param>
    /// <param name="Port">0 for pings</param>
    internal readonly record struct Target(AddressPrefix Address, int Protocol, int Port)
    {
        internal static Target Of(byte[] key)
            => new(AddressPrefix.Of(key.AsSpan(0, AddressPrefix.Bits / 8)),
                key[FrameStack.RefusalProtocol - FrameStack.Refusal],
                BinaryPrimitives.ReadUInt16BigEndian(key.AsSpan(FrameStack.RefusalPort - FrameStack.Refusal)));
    }
}
