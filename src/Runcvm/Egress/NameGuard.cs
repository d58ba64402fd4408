using System.Diagnostics;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux;
using Runcvm.Linux.Files;

namespace Runcvm.Egress;

/// <summary>Names that a machine with policies may ask for, and what becomes of the answers: an address may be reached
/// for a name only while an answer that passed here is fresh.</summary>
/// <param name="policies">all of them must agree, each with its own table of addresses</param>
/// <param name="isNeighbour">whether an address is another container's on a network of the machine's, and not its way
/// out</param>
/// <param name="tell">gets a sentence for each name that is refused for the first time</param>
internal sealed class NameGuard(
    IReadOnlyList<(EgressPolicy Policy, PinTable Pins)> policies, Func<byte[], bool> isNeighbour, Action<string> tell)
{
    // A client may use an address for as long as its answer held, and some for a moment longer.
    private const long LeastSeconds = 60;
    private const long MostSeconds = 24 * 60 * 60;
    private const long GraceSeconds = 60;
    private const long Nanoseconds = 1_000_000_000;
    private const int MostTold = 200;
    private const int LeastSize = 512;
    private const byte NoSuchName = 3;
    private const string Reason = "refused by RUNCVM_EGRESS";

    private readonly HashSet<string> _told = [];
    private readonly AnsweredNames _answered = new();
    private readonly Rules[] _policies =
        [.. policies.Select(static item => new Rules(
            item.Policy, item.Pins, new EgressTables(item.Policy, []).RuleSets))];

    /// <summary>How many policies there are.</summary>
    internal int Count => _policies.Length;

    /// <summary>A number that who answers must know.</summary>
    internal static ushort NewId()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ushort)];
        using SafeFileHandle random = FileDescriptor.Open("/dev/urandom", OpenFlags.ReadOnly);
        return FileDescriptor.TryRead(random, bytes) == bytes.Length
            ? BitConverter.ToUInt16(bytes)
            : throw new LinuxException(Errno.EIO, "read random numbers");
    }

    /// <summary>One of the policies has other rules from here on. Answers that are still fresh count again under
    /// them.</summary>
    /// <param name="index">which policy</param>
    /// <param name="policy">its rules</param>
    /// <param name="sets">for each of them its set</param>
    internal void Change(int index, EgressPolicy policy, IReadOnlyList<int> sets)
    {
        Rules rules = _policies[index] = new Rules(policy, _policies[index].Pins, sets);
        _told.Clear();
        long now = Now();
        (AnsweredNames.Answer Answer, int Set)[] kept =
        [
            .. _answered.All
                .Where(answer => answer.Expiry > now && policy.Resolves(answer.Name)
                    && MayBe(policy, answer.Name, answer.Address.ToShortBytes()))
                .SelectMany(answer => rules.SetsOf(answer.Name).Select(set => (answer, set))),
        ];
        HashSet<(AddressPrefix, int)> pinned = [.. kept.Select(static item => (item.Answer.Address, item.Set))];
        rules.Pins.Sweep((address, set) => pinned.Contains((address, set)));
        foreach ((AnsweredNames.Answer answer, int set) in kept)
            rules.Pins.Put(answer.Address.ToBytes(), set, now, answer.Expiry);
    }

    /// <summary>Names that were answered, the addresses that they led to, and whether a rule with the name alone would
    /// have let them.</summary>
    internal IEnumerable<(string Name, AddressPrefix Address, bool IsEnough)> Answered()
        => _answered.All.Select(answer => (answer.Name, answer.Address,
            SpecialAddresses.AreInternet(answer.Address, [])
                || (NamePattern.TryParse(answer.Name) is { IsLocal: true }
                    && isNeighbour(answer.Address.ToShortBytes()))));

    /// <summary>The answer where a question is not asked; null where it is.</summary>
    internal byte[]? Refuse(NameQuestion question)
    {
        if (question.Name is { } name && _policies.All(item => item.Policy.Resolves(name))) return null;
        foreach (Rules rules in _policies)
            if (question.Name == null || !rules.Policy.Resolves(question.Name)) rules.Pins.CountRefusal();
        Tell(question.Name is { Length: > 0 } known ? $"{known} is not resolved: no rule of RUNCVM_EGRESS allows it"
            : "a name that cannot be a host's is not resolved");
        return question.Answer(NoSuchName, [], Reason);
    }

    /// <summary>The answer as the guest gets it; null where it is none to this question.</summary>
    /// <param name="question">the guest's</param>
    /// <param name="id">number under which it was asked</param>
    /// <param name="answer">what came</param>
    /// <param name="isStream">over TCP, where any length is welcome</param>
    internal byte[]? Take(NameQuestion question, ushort id, byte[] answer, bool isStream)
    {
        if (question.Name is not { } name || !question.IsAnswered(answer, id)) return null;
        int begin = NameQuestion.HeaderSize + question.Section.Length;
        if (NameAnswer.TryRead(answer, name, begin) is not { } found) return null;
        NameAnswer.Address[] allowed =
            [.. found.Addresses.Where(address => _policies.All(item => MayBe(item.Policy, name, address.Bytes)))];
        foreach (NameAnswer.Address address in allowed) Pin(name, address);
        if (allowed.Length < found.Addresses.Count)
            Tell($"an address of {name} is left out: it is not the internet's, and no rule of RUNCVM_EGRESS names it");
        if (allowed.Length < found.Addresses.Count || found.HasStrangers)
        {
            IEnumerable<byte[]> records =
                [.. found.Aliases.Select(static alias => alias.ToBytes()),
                .. allowed.Select(static address => address.ToBytes())];
            byte[] ours = question.Answer(0, [.. records], allowed.Length == 0 ? Reason : null);
            bool fits = !NameQuestion.IsCutShort(answer)
                && (isStream || ours.Length <= Math.Max((int)question.Size, LeastSize));
            return fits ? ours : question.Answer(0, [], null, cutShort: true);
        }

        answer[0] = (byte)(question.Id >> 8);
        answer[1] = (byte)question.Id;
        // As it was asked, in large and small letters.
        question.Section.CopyTo(answer, NameQuestion.HeaderSize);
        return answer;
    }

    // Somebody else's name must not lead to what only a rule of its own may open.
    private bool MayBe(EgressPolicy policy, string name, byte[] bytes)
    {
        AddressPrefix address = AddressPrefix.Of(bytes);
        if (SpecialAddresses.AreNever(address)) return false;
        if (SpecialAddresses.AreInternet(address, [])) return true;
        return policy.Rules.Any(rule => rule.Allows && rule.Prefix?.Covers(address) == true)
            || (policy.Rules.Any(rule => rule is { Allows: true, Name.IsLocal: true } && rule.Name.Matches(name))
                && isNeighbour(bytes));
    }

    private void Pin(string name, NameAnswer.Address address)
    {
        long now = Now();
        long expiry = now + ((Math.Clamp(address.Seconds, LeastSeconds, MostSeconds) + GraceSeconds) * Nanoseconds);
        var answer = new AnsweredNames.Answer(name, AddressPrefix.Of(address.Bytes), expiry);
        foreach (Rules rules in _policies)
            foreach (int set in rules.SetsOf(name)) rules.Pins.Put(answer.Address.ToBytes(), set, now, expiry);
        _answered.Add(answer);
    }

    private static long Now() => (long)(Stopwatch.GetTimestamp() * ((double)Nanoseconds / Stopwatch.Frequency));

    private void Tell(string sentence)
    {
        if (_told.Count < MostTold && _told.Add(sentence)) tell(sentence);
    }

    // A policy, its table of addresses, and for each of its rules the set of ports.
    private sealed record Rules(EgressPolicy Policy, PinTable Pins, IReadOnlyList<int> Sets)
    {
        internal IEnumerable<int> SetsOf(string name)
            => Enumerable.Range(0, Policy.Rules.Count)
                .Where(i => Policy.Rules[i] is { Allows: true, Name: { } pattern } && pattern.Matches(name))
                .Select(i => Sets[i]);
    }
}
