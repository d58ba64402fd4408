using System.Globalization;
using System.Text.RegularExpressions;
using Runcvm.Protocol.Messages;
using Runcvm.Tests.Layout;

namespace Runcvm.Tests.Protocol.Messages;

/// <summary>docs/protocol.md has every message, byte by byte: what it says is enough to read what is written.</summary>
public partial class ProtocolDocumentTests
{
    private static readonly Dictionary<string, (string? Kind, string[] Body)> Rows = ReadRows();

    public static TheoryData<string> Types => [.. MessageTests.Types.Where(
        static type => type.Value.Assembly == typeof(Setup).Assembly).Select(static type => type.Key).Order()];

    [Theory, MemberData(nameof(Types))]
    public void It_is_in_the_document_byte_by_byte(string name)
    {
        Type type = MessageTests.Types[name];
        Assert.True(Rows.ContainsKey(name), $"{name} is in no table of docs/protocol.md");
        if (Enum.TryParse(name, out MessageKind kind)) Assert.Equal($"{(byte)kind}", Rows[name].Kind);
        for (int seed = 0; seed < 50; seed++)
        {
            byte[] bytes = MessageTests.Written(AnyMessage.Make(type, new Random(seed)));
            int end = 0;
            Walk(name, bytes, ref end);
            Assert.Equal(bytes.Length, end);
        }
    }

    private static void Walk(string type, byte[] bytes, ref int at)
    {
        if (type.EndsWith("[]", StringComparison.Ordinal))
        {
            uint count = BitConverter.ToUInt32(bytes, Skip(4, ref at));
            for (uint i = 0; i < count; i++) Walk(type[..^2], bytes, ref at);
        }
        else if (type.EndsWith('?'))
        {
            Assert.InRange(bytes[at], 0, 1);
            if (bytes[at++] == 1) Walk(type[..^1], bytes, ref at);
        }
        else if (Number().Match(type) is { Success: true } number)
        {
            at += int.Parse(number.Groups[1].Value, CultureInfo.InvariantCulture) / 8;
        }
        else if (type == "flag")
        {
            Assert.InRange(bytes[at++], 0, 1);
        }
        else if (type is "text" or "bytes")
        {
            int length = BitConverter.ToInt32(bytes, Skip(4, ref at));
            at += length;
        }
        else
        {
            foreach (string part in Rows[type].Body) Walk(part, bytes, ref at);
        }
    }

    private static int Skip(int count, ref int at) => (at += count) - count;

    private static Dictionary<string, (string? Kind, string[] Body)> ReadRows()
    {
        var rows = new Dictionary<string, (string? Kind, string[] Body)>();
        foreach (string line in File.ReadLines(Path.Combine(Repository.Root, "docs/protocol.md")))
        {
            switch (line.Split('|', StringSplitOptions.TrimEntries))
            {
                case ["", var kind, var name, _, var body, _, ""] when Kind().IsMatch(kind):
                    rows.Add(name, (kind, Fields(body)));
                    break;
                case ["", var part, var body, ""] when FirstField().IsMatch(body):
                    rows.Add(part, (null, Fields(body)));
                    break;
            }
        }

        return rows;
    }

    // "u32 id, text? name": the types.
    private static string[] Fields(string body)
        => body == "nothing" ? [] : [.. body.Split(", ").Select(static field => field.Split(' ')[0])];

    [GeneratedRegex("^[0-9]+$")]
    private static partial Regex Kind();

    [GeneratedRegex(@"^[ui](8|16|32|64)$")]
    private static partial Regex Number();

    [GeneratedRegex(@"^(u8|u16|u32|u64|i32|i64|flag|text|bytes)(\[\]|\?)* [a-z]")]
    private static partial Regex FirstField();
}
