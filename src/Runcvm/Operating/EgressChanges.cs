using Runcvm.Egress;
using Runcvm.HostFiles;
using Runcvm.Linux.Bpf;
using Runcvm.Linux.Files;
using Runcvm.Options;
using Runcvm.Planning;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;
using Runcvm.Supervisor;
using Runcvm.Syntax;

namespace Runcvm.Operating;

/// <summary>`runcvm egress MACHINE allow RULE…`, `deny RULE…` and `reload`: other rules for a machine that runs. The
/// kernel's tables are changed from here, whatever the sandbox says or does; then its supervisor is told which names to
/// answer. A container's policy is in force beside the host's, which only `reload` changes.</summary>
/// <param name="machine">whose policies</param>
internal sealed class EgressChanges(KnownMachine machine)
{
    /// <summary>What can be done.</summary>
    internal const string Acts = "allow RULE..., deny RULE... or reload";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<LoadedPolicy> _loaded = [];

    /// <summary>Does what the words say.</summary>
    internal void Run(IReadOnlyList<string> words)
    {
        string[] rules = [.. words.Skip(1)];
        if (words[0] is not ("allow" or "deny" or "reload") || (rules.Length == 0) != (words[0] == "reload"))
            throw new UsageException($"runcvm egress: after the machine comes {Acts}, not '{string.Join(' ', words)}'");
        if (machine.ProcessId == null)
            throw new UsageException($"machine {machine.ShortId} does not run; it gets its policy when it is started");
        Node.MakeDirectory(Path.GetDirectoryName(machine.Folder.EgressLock)!, Permission.OwnersFolder);
        using LockFile turn = LockFile.TryAcquire(machine.Folder.EgressLock, Patience) ?? throw new UsageException(
            $"the rules of machine {machine.ShortId} are being changed by somebody else; try again");
        _loaded.AddRange(Of(machine));
        if (_loaded.Count == 0) throw new UsageException(
            $"machine {machine.ShortId} has no policy that could change; start it with RUNCVM_EGRESS");
        if (words[0] != "reload" && _loaded.Exists(static policy => policy.Text == EgressPolicy.Learn))
            throw new UsageException(
                $"machine {machine.ShortId} learns, and is allowed all meanwhile; start it with what it has learned");
        if (words[0] == "reload") Reload();
        else if (words[0] == "allow") Allow(rules);
        else Deny(rules);
    }

    /// <summary>The policies that are in force for a machine.</summary>
    internal static IReadOnlyList<LoadedPolicy> Of(KnownMachine machine)
        => MachineFolder.TryRead(machine.Folder.Egress) is { } bytes
            ? WireBytes.Read<LoadedPolicies>(bytes).All : [];

    private void Allow(IReadOnlyList<string> rules)
    {
        int own = _loaded.FindIndex(static policy => policy.Origin == EgressOrigin.Container);
        if (own < 0) throw new UsageException(
            $"machine {machine.ShortId} is under the host's policy alone, which is never widened for one machine; "
            + $"change it in {HostConfig.File}, and reload");
        Apply(own, EgressPolicyChange.With(Policy(own), rules));
    }

    // With a policy of its own or without one: each of them can be tightened.
    private void Deny(IReadOnlyList<string> rules)
    {
        int last = _loaded.Count - 1;
        Apply(last, EgressPolicyChange.Without(Policy(last), rules));
    }

    private void Reload()
    {
        EgressPolicy? host = MachineOptions.HostEgress(HostConfig.Load());
        bool needsStart = host != null && !_loaded.Exists(static policy => policy.Origin != EgressOrigin.Container);
        var changes = new List<(int Index, EgressPolicy Next)>();
        for (int i = 0; i < _loaded.Count; i++)
        {
            if (_loaded[i].Origin == EgressOrigin.Container) changes.Add((i, Own(i)));
            else if (_loaded[i].Origin == EgressOrigin.Host)
                changes.Add((i, host ?? Read(EgressPolicyChange.Everything)));
            // What the container asked for is in there as well, and must not go with what the host no longer says.
            else if (host?.Text == machine.Description.Egress[i]) changes.Add((i, host));
            else needsStart = true;
        }

        foreach ((int index, EgressPolicy next) in changes) Apply(index, next);
        if (needsStart) throw new UsageException(
            $"machine {machine.ShortId} gets what {HostConfig.File} says now when it is started again");
    }

    // As at the start: from the file, where there is one.
    private EgressPolicy Own(int index)
    {
        string text = _loaded[index].Source is { Length: > 0 } source ? source : machine.Description.Egress[index];
        return EgressPolicy.Parse(new OptionText("RUNCVM_EGRESS", text))!;
    }

    private EgressPolicy Policy(int index)
        => Read(_loaded[index].Text) with { Source = _loaded[index].Source, Origin = _loaded[index].Origin };

    private static EgressPolicy Read(string text)
        => EgressPolicy.Parse(new OptionText("the policy", text), isChanged: true)!;

    private void Apply(int index, EgressPolicy next)
    {
        LoadedPolicy before = _loaded[index];
        IReadOnlyList<KernelMap> maps = before.TryOpen() ?? throw new UsageException(
            $"the policy of machine {machine.ShortId} is gone from the kernel; is it ending?");
        string? failure;
        try
        {
            var exchange = new PolicyExchange(maps, Policy(index), next, MachineNetwork.HostAddresses());
            exchange.Begin();
            failure = Tell(index, next, exchange.Tables);
            exchange.End(isTold: failure == null);
        }
        finally
        {
            foreach (KernelMap map in maps) map.Dispose();
        }

        _loaded[index] = before with { Text = next.Text };
        byte[] note = WireBytes.Of(new LoadedPolicies([.. _loaded])).ToArray();
        AtomicFile.Write(machine.Folder.Egress, UnixFileMode.UserRead | UnixFileMode.UserWrite,
            stream => stream.Write(note));
        if (failure != null) throw new UsageException(
            "the new rules are in force for addresses, but not known where names are answered, so that all addresses "
            + $"of names are closed: {failure}");
    }

    private string? Tell(int index, EgressPolicy next, EgressTables tables)
    {
        try
        {
            EgressChanged answer = SupervisorSocket.ChangeEgress(machine,
                new ChangeEgress((uint)index, next.Text, [.. tables.RuleSets.Select(static set => (uint)set)]));
            return answer.Failure.Length == 0 ? null : TextRing.Printable(answer.Failure);
        }
        catch (UsageException e)
        {
            return e.Message;
        }
    }
}
