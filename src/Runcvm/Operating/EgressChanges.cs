using Runcvm.Egress;
using Runcvm.HostFiles;
using Runcvm.Linux;
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

    private const int MostOfFailure = 200;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private readonly List<LoadedPolicy> _loaded = [];

    // By policy, or at -1 for the machine.
    private readonly SortedDictionary<int, string> _failures = [];

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
        // What broke off is done first, whatever becomes of the rest.
        Apply([.. Enumerable.Range(0, _loaded.Count).Where(index => _loaded[index].Contents.IsPending)
            .Select(index => (index, Policy(index)))]);
        if (words[0] == "reload") Reload();
        else if (words[0] == "allow") Allow(rules);
        else Deny(rules);
        if (_failures.Count > 0) throw new UsageException(string.Join("; ", _failures.Values));
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
        Apply([(own, EgressPolicyChange.With(Policy(own), rules))]);
    }

    // With a policy of its own or without one: each of them can be tightened.
    private void Deny(IReadOnlyList<string> rules)
    {
        int last = _loaded.Count - 1;
        Apply([(last, EgressPolicyChange.Without(Policy(last), rules))]);
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
            else if (host != null && SaysTheSame(host, i)) changes.Add((i, host));
            else needsStart = true;
        }

        Apply(changes);
        if (needsStart) _failures[-1] =
            $"machine {machine.ShortId} gets what {HostConfig.File} says now when it is started again";
    }

    // By the same words, or by a file that both name, whatever is in it now.
    private bool SaysTheSame(EgressPolicy host, int index)
        => host.Text == machine.Description.Egress[index]
            || (host.Source is { Length: > 0 } source && source == _loaded[index].Source);

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

    private void Apply(IReadOnlyList<(int Index, EgressPolicy Next)> changes)
    {
        var opened = new List<KernelMap>();
        try
        {
            // Room for all of them, before the first has begun.
            (int, EgressPolicy, PolicyExchange)[] prepared =
                [.. changes.Select(change => (change.Index, change.Next, Prepare(change.Index, change.Next, opened)))];
            foreach ((int index, EgressPolicy next, PolicyExchange exchange) in prepared)
                TryApply(index, next, exchange);
        }
        finally
        {
            foreach (KernelMap map in opened) map.Dispose();
        }
    }

    private PolicyExchange Prepare(int index, EgressPolicy next, List<KernelMap> opened)
    {
        LoadedPolicy before = _loaded[index];
        IReadOnlyList<KernelMap> maps = before.TryOpen() ?? throw new UsageException(
            $"the policy of machine {machine.ShortId} is gone from the kernel; is it ending?");
        opened.AddRange(maps);
        if (next.IsLearning && !maps.Any(static map => map.Name == EgressMaps.ReachedName)) throw new UsageException(
            $"machine {machine.ShortId} was not started to learn, and cannot begin now; start it again");
        return new PolicyExchange(maps, Policy(index), next, MachineNetwork.HostAddresses(), before.Contents);
    }

    private void TryApply(int index, EgressPolicy next, PolicyExchange exchange)
    {
        try
        {
            // Before anything is changed: where this ends in the middle the next verb does it again.
            Note(index, next, exchange.Meanwhile);
            exchange.Begin();
            string? failure = Tell(index, next, exchange.Tables);
            exchange.End(isTold: failure == null);
            Note(index, next, exchange.Afterwards(isTold: failure == null));
            _failures.Remove(index);
            if (failure != null) _failures[index] =
                "the new rules are in force for addresses, but not known where names are answered; all addresses of "
                + $"names are closed until a later change succeeds: {failure}";
        }
        catch (Exception e) when (e is LinuxException or IOException)
        {
            _failures[index] = $"the change broke off, and is done again by the next one: {Reason.Of(e)}";
        }
    }

    private void Note(int index, EgressPolicy next, EgressContents contents)
    {
        _loaded[index] = _loaded[index] with { Text = next.Text, Contents = contents };
        byte[] note = WireBytes.Of(new LoadedPolicies([.. _loaded])).ToArray();
        AtomicFile.Write(machine.Folder.Egress, UnixFileMode.UserRead | UnixFileMode.UserWrite,
            stream => stream.Write(note));
    }

    private string? Tell(int index, EgressPolicy next, EgressTables tables)
    {
        try
        {
            EgressChanged answer = SupervisorSocket.ChangeEgress(machine,
                new ChangeEgress((uint)index, next.Text, [.. tables.RuleSets.Select(static set => (uint)set)]));
            return answer.Failure.Length == 0 ? null : Sentence(answer.Failure);
        }
        catch (UsageException e)
        {
            return e.Message;
        }
    }

    // The sandbox's word: of one line, and no longer than one.
    private static string Sentence(string failure)
    {
        string text = failure.Length > MostOfFailure ? failure[..MostOfFailure] + "..." : failure;
        return TextRing.Printable(text).Replace('\n', ' ');
    }
}
