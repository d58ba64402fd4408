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
    private readonly int[][] _sets =
        [.. policies.Select(static item => new EgressTables(item.Policy, []).RuleSets.ToArray())];

    /// <summary>A number that who answers must know.</summary>
    internal static ushort NewId()
    {
        Span<byte> bytes = stackalloc byte[sizeof(ushort)];
        using SafeFileHandle random = FileDescriptor.Open("/dev/urandom", OpenFlags.ReadOnly);
        return FileDescriptor.TryRead(random, bytes) == bytes.Length
            ? BitConverter.ToUInt16(bytes)
            : throw new LinuxException(Errno.EIO, "read random numbers");
    }

    /// <summary>The answer where a question is not asked; null where it is.</summary>
    internal byte[]? Refuse(NameQuestion question)
    {
        if (question.Name is { } name && policies.All(item => item.Policy.Resolves(name))) return null;
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
            [.. found.Addresses.Where(address => policies.All(item => MayBe(item.Policy, name, address.Bytes)))];
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
        long now = (long)(Stopwatch.GetTimestamp() * ((double)Nanoseconds / Stopwatch.Frequency));
        long expiry = now + ((Math.Clamp(address.Seconds, LeastSeconds, MostSeconds) + GraceSeconds) * Nanoseconds);
        byte[] bytes = AddressPrefix.Of(address.Bytes).ToBytes();
        for (int i = 0; i < policies.Count; i++)
        {
            (EgressPolicy policy, PinTable pins) = policies[i];
            for (int rule = 0; rule < policy.Rules.Count; rule++)
            {
                if (policy.Rules[rule] is { Allows: true, Name: { } pattern } && pattern.Matches(name))
                    pins.Put(bytes, _sets[i][rule], now, expiry);
            }
        }
    }

    private void Tell(string sentence)
    {
        if (_told.Count < MostTold && _told.Add(sentence)) tell(sentence);
    }
}
