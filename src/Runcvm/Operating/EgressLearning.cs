using Runcvm.Egress;
using Runcvm.Linux.Bpf;
using Runcvm.Protocol.Messages;

namespace Runcvm.Operating;

/// <summary>`runcvm egress MACHINE --policy`: what a machine under <c>learn</c> needs. Where it has been the kernel
/// tells; which names have led there is the supervisor's word, and the policy is for somebody to read before it is
/// used.</summary>
internal static class EgressLearning
{
    internal static void Print(TextWriter output, TextWriter notices, KnownMachine machine)
    {
        IReadOnlyList<KernelMap> maps = EgressChanges.Of(machine)
            .FirstOrDefault(static policy => policy.Text == EgressPolicy.Learn)?.TryOpen()
            ?? throw new UsageException(
                $"machine {machine.ShortId} does not run under a policy that learns; start it with "
                + "RUNCVM_EGRESS=learn");
        IReadOnlyList<LearnedPolicy.Target> reached = LearnedPolicy.Reached(maps);
        foreach (KernelMap map in maps) map.Dispose();
        string policy = LearnedPolicy.Of(reached,
            SupervisorSocket.ReadNames(machine).All.Take(AnsweredNames.Most).Where(IsName).Select(static item =>
                (item.Name, AddressPrefix.Of(item.Address), item.IsEnough)));
        if (reached.Count >= EgressMaps.MostReached * 3 / 4) notices.WriteLine(
            $"runcvm: it has been at more than {EgressMaps.MostReached * 3 / 4} addresses and ports; the first may be "
            + "forgotten");
        output.WriteLine(policy);
    }

    private static bool IsName(AnsweredName item)
        => item.Address.Length == AddressPrefix.Bits / 8 && NamePattern.TryParse(item.Name) is { Below: false };
}
