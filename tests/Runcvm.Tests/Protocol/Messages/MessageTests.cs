using System.Reflection;
using CsCheck;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Protocol.Messages;

public class MessageTests
{
    private const BindingFlags Any = BindingFlags.Instance | BindingFlags.Static | BindingFlags.Public | BindingFlags.NonPublic;

    /// <summary>Everything with a Write and a Read.</summary>
    public static TheoryData<string> Messages => [.. Types.Keys.Order(StringComparer.Ordinal)];

    private static Dictionary<string, Type> Types { get; } = typeof(Setup).Assembly.GetTypes()
        .Append(typeof(MachineDescription)).Append(typeof(MachineRecord))
        .Where(static type => type.GetMethod("Write", Any, [typeof(WireWriter)]) != null && type.GetMethod("Read", Any) != null)
        .ToDictionary(static type => type.Name);

    [Fact]
    public void Every_kind_of_message_but_the_bare_ones_and_the_other_use_of_a_start_has_a_type()
    {
        foreach (MessageKind kind in Enum.GetValues<MessageKind>())
            Assert.Equal(kind is not (MessageKind.Stopped or MessageKind.ReadBootReport or MessageKind.Prepare), Types.ContainsKey($"{kind}"));
    }

    [Theory, MemberData(nameof(Messages))]
    public void What_is_written_is_read_back(string name) => Call(nameof(ReadsBack), name);

    [Theory, MemberData(nameof(Messages))]
    public void Random_bytes_are_read_or_refused_and_nothing_else(string name) => Call(nameof(SurvivesRandomBytes), name);

    [Theory, MemberData(nameof(Messages))]
    public void A_damaged_message_is_read_or_refused_and_nothing_else(string name) => Call(nameof(SurvivesDamage), name);

    [Theory, MemberData(nameof(Messages))]
    public void A_message_cut_short_is_refused(string name) => Call(nameof(RefusesCutMessage), name);

    private static void ReadsBack<T>()
    {
        Gen.Int.Sample(static seed =>
        {
            object message = AnyMessage.Make(typeof(T), new Random(seed));
            var r = new WireReader(Written(message));
            T read = Reader<T>()(ref r);
            r.End();
            Assert.Equal(AnyMessage.Show(message), AnyMessage.Show(read));
        });
    }

    private static void SurvivesRandomBytes<T>()
    {
        // Small numbers make believable lengths, and so reach further than bytes at random.
        Gen.OneOf(Gen.Byte, Gen.Byte[0, 2]).Array[0, 200].Sample(static bytes => ReadOrRefuse<T>(bytes));
    }

    private static void SurvivesDamage<T>()
    {
        Gen.Select(Gen.Int, Gen.Int[0, int.MaxValue], Gen.Byte).Sample(static (seed, position, value) =>
        {
            byte[] bytes = Written(AnyMessage.Make(typeof(T), new Random(seed)));
            bytes[position % bytes.Length] = value;
            ReadOrRefuse<T>(bytes);
        });
    }

    private static void RefusesCutMessage<T>()
    {
        byte[] bytes = Written(AnyMessage.Make(typeof(T), new Random(1)));
        for (int length = 0; length < bytes.Length; length++)
        {
            byte[] cut = bytes[..length];
            Assert.Throws<WireFormatException>(() =>
            {
                var r = new WireReader(cut);
                Reader<T>()(ref r);
            });
        }
    }

    private static void ReadOrRefuse<T>(byte[] bytes)
    {
        try
        {
            var r = new WireReader(bytes);
            Reader<T>()(ref r);
            r.End();
        }
        catch (WireFormatException)
        {
        }
    }

    private static byte[] Written(object message)
    {
        var w = new WireWriter();
        message.GetType().GetMethod("Write", Any, [typeof(WireWriter)])!.Invoke(message, [w]);
        return w.Written.ToArray();
    }

    private static WireReader.Item<T> Reader<T>() => typeof(T).GetMethod("Read", Any)!.CreateDelegate<WireReader.Item<T>>();

    private static void Call(string test, string message)
        => typeof(MessageTests).GetMethod(test, Any)!.MakeGenericMethod(Types[message]).CreateDelegate<Action>()();
}
