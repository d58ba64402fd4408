using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Tests.Protocol.Frames;

public class MessageReaderTests
{
    private static readonly byte[] LargeBody = [.. Enumerable.Range(0, 20_000).Select(static i => (byte)i)];

    [Fact]
    public void A_message_is_its_length_its_kind_and_its_body()
        => Assert.Equal("03000000" + "43" + "0102", Convert.ToHexStringLower(MessageReader.Frame(MessageKind.Exited, [1, 2])));

    [Fact]
    public async Task Messages_may_be_split_at_every_byte()
    {
        byte[] stream =
        [
            .. MessageReader.Frame(MessageKind.Start, [1, 2, 3]), .. MessageReader.Frame(MessageKind.Stopped, []),
            .. MessageReader.Frame(MessageKind.Signal, [4]),
        ];
        for (int split = 0; split <= stream.Length; split++)
        {
            MessageReader reader = Over(stream[..split], stream[split..]);
            await Expect(reader, MessageKind.Start, [1, 2, 3]);
            await Expect(reader, MessageKind.Stopped, []);
            await Expect(reader, MessageKind.Signal, [4]);
            Assert.Null(await reader.ReadAsync());
        }
    }

    [Fact]
    public async Task A_message_larger_than_the_buffer_is_read_byte_by_byte_and_at_once()
    {
        byte[] stream = [.. MessageReader.Frame(MessageKind.Setup, LargeBody), .. MessageReader.Frame(MessageKind.Signal, [4])];
        foreach (byte[][] parts in (byte[][][])[[stream], [.. stream.Select(static b => new[] { b })]])
        {
            MessageReader reader = Over(parts);
            await Expect(reader, MessageKind.Setup, LargeBody);
            await Expect(reader, MessageKind.Signal, [4]);
            Assert.Null(await reader.ReadAsync());
        }
    }

    [Theory]
    [InlineData("00000000")]
    [InlineData("01008000")] // 8 MiB and one byte
    [InlineData("ffffffff")]
    public async Task A_length_that_cannot_be_is_refused_before_its_bytes_come(string hex)
    {
        MessageReader reader = Over(Convert.FromHexString(hex));
        var e = await Assert.ThrowsAsync<WireFormatException>(() => reader.ReadAsync().AsTask());
        Assert.Contains("cannot be", e.Message);
    }

    [Fact]
    public async Task A_stream_that_ends_in_the_middle_is_refused()
    {
        byte[] stream = MessageReader.Frame(MessageKind.Start, [1, 2, 3]);
        for (int length = 1; length < stream.Length; length++)
        {
            MessageReader reader = Over(stream[..length]);
            var e = await Assert.ThrowsAsync<WireFormatException>(() => reader.ReadAsync().AsTask());
            Assert.Contains("in the middle", e.Message);
        }
    }

    [Fact]
    public async Task Room_for_a_long_message_is_made_only_when_it_is_admitted()
    {
        byte[] large = new byte[MessageReader.SmallLength];
        byte[] stream =
        [
            .. MessageReader.Frame(MessageKind.Signal, LargeBody), .. MessageReader.Frame(MessageKind.Start, large),
            .. MessageReader.Frame(MessageKind.Signal, [4]),
        ];
        var admitted = new List<int>();
        var turn = new TaskCompletionSource();
        int given = 0;
        var reader = new MessageReader(
            target =>
            {
                int count = Math.Min(target.Length, stream.Length - given);
                stream.AsSpan(given, count).CopyTo(target.Span);
                given += count;
                return ValueTask.FromResult(count);
            },
            admit: length =>
            {
                admitted.Add(length);
                return turn.Task;
            });
        await Expect(reader, MessageKind.Signal, LargeBody);
        Assert.Empty(admitted);
        Task<ReceivedMessage?> second = reader.ReadAsync().AsTask();
        Assert.Equal([large.Length + 1], admitted);
        Assert.True(given < 2 * MessageReader.SmallLength && !second.IsCompleted);
        turn.SetResult();
        Assert.Equal(large, (await second)!.Value.Body);
        await Expect(reader, MessageKind.Signal, [4]);
        Assert.Single(admitted);
    }

    private static async Task Expect(MessageReader reader, MessageKind kind, byte[] body)
    {
        ReceivedMessage? message = await reader.ReadAsync();
        Assert.NotNull(message);
        Assert.Equal(kind, message.Value.Kind);
        Assert.Equal(body, message.Value.Body);
    }

    /// <summary>A reader that gets these parts, one at a time.</summary>
    private static MessageReader Over(params byte[][] parts)
    {
        var left = new Queue<ReadOnlyMemory<byte>>(parts.Where(static part => part.Length > 0).Select(static part => (ReadOnlyMemory<byte>)part));
        ReadOnlyMemory<byte> current = default;
        return new MessageReader(target =>
        {
            if (current.IsEmpty && !left.TryDequeue(out current)) return ValueTask.FromResult(0);
            int count = Math.Min(target.Length, current.Length);
            current[..count].CopyTo(target);
            current = current[count..];
            return ValueTask.FromResult(count);
        });
    }
}
