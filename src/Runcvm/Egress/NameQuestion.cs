using System.Buffers.Binary;
using System.Text;

namespace Runcvm.Egress;

/// <summary>What a guest asks a nameserver, read strictly: one question, and nothing that could carry more (RFC 1035,
/// 4.1).</summary>
/// <param name="Id">the asker's number</param>
/// <param name="Flags">the header's</param>
/// <param name="Section">the question as it came: name, type, class</param>
/// <param name="Name">in lower case; null where it is none that a rule can be about</param>
/// <param name="UnderstandsOptions">the asker takes EDNS (RFC 6891)</param>
/// <param name="Size">largest answer over UDP that it takes</param>
/// <param name="WantsSignatures">its DO bit</param>
internal sealed record NameQuestion(
    ushort Id, ushort Flags, byte[] Section, string? Name, bool UnderstandsOptions, ushort Size, bool WantsSignatures)
{
    internal const int HeaderSize = 12;

    private const ushort OptionRecord = 41;
    private const ushort Internet = 1;
    private const int Response = 0x8000;
    private const int OperationMask = 0x7800;
    private const int CutShort = 0x0200;

    /// <summary>Null for what is no such question.</summary>
    internal static NameQuestion? TryRead(byte[] message)
    {
        if (message.Length < HeaderSize) return null;
        ushort flags = Half(message, 2);
        if ((flags & (Response | OperationMask)) != 0 || Half(message, 4) != 1 || Half(message, 6) != 0
            || Half(message, 8) != 0) return null;
        if (DnsName.TryRead(message, HeaderSize, compressed: false) is not { } name
            || name.End + 4 > message.Length) return null;
        int end = name.End + 4;
        if (Half(message, end - 2) != Internet) return null;
        var question = new NameQuestion(
            Half(message, 0), flags, message[HeaderSize..end], name.Text, false, 512, false);
        // The only record that may follow: root's name, type, size, 4 bytes of flags.
        if (Half(message, 10) != 1 || message.Length < end + 11 || message[end] != 0
            || Half(message, end + 1) != OptionRecord) return question;
        bool signatures = (message[end + 7] & 0x80) != 0;
        return question with { UnderstandsOptions = true, Size = Half(message, end + 3), WantsSignatures = signatures };
    }

    /// <summary>The same question as we ask it: nothing of the guest's is in it but the name and the type.</summary>
    internal byte[] ToUpstream(ushort id)
    {
        const ushort Kept = 0x0130; // recursion desired, authentic data, checking disabled
        var bytes = new List<byte>();
        Header(bytes, id, (ushort)(Flags & Kept), 0, UnderstandsOptions ? 1 : 0);
        bytes.AddRange(Encoding.ASCII.GetBytes(Encoding.ASCII.GetString(Section[..^4]).ToLowerInvariant()));
        bytes.AddRange(Section[^4..]);
        if (UnderstandsOptions) AddOptions(bytes, []);
        return [.. bytes];
    }

    /// <summary>Whether that is the answer to what <see cref="ToUpstream"/> asked.</summary>
    internal bool IsAnswered(byte[] answer, ushort id)
        => answer.Length >= HeaderSize + Section.Length && Half(answer, 0) == id && (Half(answer, 2) & Response) != 0
            && Half(answer, 4) == 1
            && DnsName.TryRead(answer, HeaderSize, compressed: false) is { } name && name.Text == Name
            && answer.AsSpan(name.End, 4).SequenceEqual(Section.AsSpan(Section.Length - 4));

    /// <summary>Whether an answer was too long for UDP.</summary>
    internal static bool IsCutShort(byte[] answer) => (Half(answer, 2) & CutShort) != 0;

    /// <summary>An answer of ours.</summary>
    /// <param name="code">RFC 1035: 0 no error, 3 there is no such name</param>
    /// <param name="records">of the answer section</param>
    /// <param name="reason">text of an extended error (RFC 8914) "blocked", or null</param>
    /// <param name="cutShort">the asker shall ask again over TCP</param>
    internal byte[] Answer(byte code, IReadOnlyList<byte[]> records, string? reason, bool cutShort = false)
    {
        const ushort Answered = Response | 0x0080, Kept = 0x0100;
        const ushort ExtendedError = 15, Blocked = 15;
        var bytes = new List<byte>();
        Header(bytes, Id, (ushort)(Answered | (Flags & Kept) | code | (cutShort ? CutShort : 0)), records.Count,
            UnderstandsOptions ? 1 : 0);
        bytes.AddRange(Section);
        foreach (byte[] record in records) bytes.AddRange(record);
        if (!UnderstandsOptions) return [.. bytes];
        var options = new List<byte>();
        if (reason != null)
        {
            Add(options, ExtendedError);
            Add(options, (ushort)(2 + reason.Length));
            Add(options, Blocked);
            options.AddRange(Encoding.ASCII.GetBytes(reason));
        }

        AddOptions(bytes, options);
        return [.. bytes];
    }

    private void AddOptions(List<byte> bytes, List<byte> options)
    {
        bytes.Add(0);
        Add(bytes, OptionRecord);
        Add(bytes, Size);
        bytes.AddRange([0, 0, (byte)(WantsSignatures ? 0x80 : 0), 0]);
        Add(bytes, (ushort)options.Count);
        bytes.AddRange(options);
    }

    private static void Header(List<byte> bytes, ushort id, ushort flags, int answers, int more)
    {
        foreach (int number in new[] { id, flags, 1, answers, 0, more }) Add(bytes, (ushort)number);
    }

    private static void Add(List<byte> bytes, ushort number) => bytes.AddRange([(byte)(number >> 8), (byte)number]);

    private static ushort Half(byte[] message, int at) => BinaryPrimitives.ReadUInt16BigEndian(message.AsSpan(at));
}
