using System.Reflection;
using CsCheck;
using Runcvm.Guest.Processes;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;
using Runcvm.Sandbox;

namespace Runcvm.Tests.Protocol.Messages;

public class MessageTests
{
    private const BindingFlags NotPublic = BindingFlags.Static | BindingFlags.NonPublic;

    /// <summary>Everything with a Write and a Read.</summary>
    public static TheoryData<string> Messages => [.. Types.Keys.Order(StringComparer.Ordinal)];

    internal static Dictionary<string, Type> Types { get; } =
        new[] { typeof(Setup), typeof(MachineRecord), typeof(LaunchSpec) }
        .SelectMany(static type => type.Assembly.GetTypes())
        .Where(static type => Implements(type, typeof(IWireValue<>)) && !type.IsInterface)
        .ToDictionary(static type => type.Name);

    [Fact]
    public void Every_kind_of_message_has_one_type_of_its_name()
    {
        IEnumerable<MessageKind> kinds = Types.Values.Where(static type => Implements(type, typeof(IMessage<>)))
            .OrderBy(static type => type.Name).Select(KindOf);
        Assert.Equal(Enum.GetValues<MessageKind>().OrderBy(static kind => $"{kind}"), kinds);
        Assert.All(Enum.GetValues<MessageKind>(), static kind => Assert.Equal(kind, KindOf(Types[$"{kind}"])));
    }

    [Theory, MemberData(nameof(Messages))]
    public void A_message_with_a_byte_too_many_is_refused(string name) => Call(nameof(RefusesLeftovers), name);

    [Fact]
    public void A_message_is_not_read_as_one_of_another_kind()
    {
        var flush = new ReceivedMessage(MessageKind.Flush, [1, 0, 0, 0]);
        Assert.Equal(1u, flush.Read<Flush>().Id);
        Assert.Throws<WireFormatException>(() => flush.Read<Flushed>());
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
        where T : IWireValue<T>
    {
        Gen.Int.Sample(static seed =>
        {
            var message = (T)AnyMessage.Make(typeof(T), new Random(seed));
            Assert.Equal(AnyMessage.Show(message), AnyMessage.Show(WireBytes.Read<T>(WireBytes.Of(message))));
        });
    }

    private static void SurvivesRandomBytes<T>()
        where T : IWireValue<T>
    {
        // Small numbers make believable lengths, and so reach further than bytes at random.
        Gen.OneOf(Gen.Byte, Gen.Byte[0, 2]).Array[0, 200].Sample(static bytes => ReadOrRefuse<T>(bytes));
    }

    private static void SurvivesDamage<T>()
        where T : IWireValue<T>
    {
        Gen.Select(Gen.Int, Gen.Int[0, int.MaxValue], Gen.Byte).Sample(static (seed, position, value) =>
        {
            byte[] bytes = Any<T>(seed);
            if (bytes.Length > 0) bytes[position % bytes.Length] = value;
            ReadOrRefuse<T>(bytes);
        });
    }

    private static void RefusesCutMessage<T>()
        where T : IWireValue<T>
    {
        byte[] bytes = Any<T>(seed: 1);
        for (int length = 0; length < bytes.Length; length++)
        {
            byte[] cut = bytes[..length];
            Assert.Throws<WireFormatException>(() => WireBytes.Read<T>(cut));
        }
    }

    private static void RefusesLeftovers<T>()
        where T : IWireValue<T>
        => Assert.Throws<WireFormatException>(static () => WireBytes.Read<T>([.. Any<T>(seed: 1), 0]));

    private static void ReadOrRefuse<T>(byte[] bytes)
        where T : IWireValue<T>
    {
        try
        {
            WireBytes.Read<T>(bytes);
        }
        catch (WireFormatException)
        {
        }
    }

    private static byte[] Any<T>(int seed)
        where T : IWireValue<T>
        => WireBytes.Of((T)AnyMessage.Make(typeof(T), new Random(seed))).ToArray();

    internal static byte[] Written(object message)
    {
        var writer = new WireWriter();
        message.GetType().GetMethod(nameof(IWireValue<Setup>.Write), [typeof(WireWriter)])!.Invoke(message, [writer]);
        return writer.Written.ToArray();
    }

    private static bool Implements(Type type, Type definition) => type.GetInterfaces()
        .Any(face => face.IsGenericType && face.GetGenericTypeDefinition() == definition);

    private static MessageKind KindOf(Type type)
        => (MessageKind)typeof(MessageTests).GetMethod(nameof(Kind), NotPublic)!.MakeGenericMethod(type)
            .Invoke(null, [])!;

    private static MessageKind Kind<T>()
        where T : IMessage<T>
        => T.Kind;

    private static void Call(string test, string message)
        => typeof(MessageTests).GetMethod(test, NotPublic)!.MakeGenericMethod(Types[message])
            .CreateDelegate<Action>()();
}
