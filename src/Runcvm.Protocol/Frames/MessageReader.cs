using System.Buffers.Binary;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Protocol.Frames;

/// <summary>Cuts a byte stream into messages: u32 length, u8 kind, body; the length counts kind and body.</summary>
/// <param name="read">reads from the stream, 0 at its end</param>
/// <param name="maxLength">the longest message that may come</param>
/// <param name="admit">is awaited before room is made for a message of more than <see cref="SmallLength"/>; gets its
/// length</param>
public sealed class MessageReader(
    Func<Memory<byte>, ValueTask<int>> read, int maxLength = MessageReader.MaxLength, Func<int, Task>? admit = null)
{
    /// <summary>Longest message. The kernel takes 6 MiB of arguments and environment at most, with the pointers to them
    /// (Linux, <c>bprm_stack_limits</c>); the files and lists of a set-up are smaller.</summary>
    public const int MaxLength = 8 * 1024 * 1024;

    /// <summary>Nearly every message is shorter. Room for a longer one is made when it comes, and given back after
    /// it.</summary>
    public const int SmallLength = 64 * 1024;

    /// <summary>Longest message of a guest, which has only names, numbers and sentences to tell. What a hostile one makes its host
    /// keep in memory is bounded by that.</summary>
    public const int MaxLengthOfGuest = 64 * 1024;

    private byte[] _buffer = new byte[4096];
    private int _filled;
    private bool _admitted;

    /// <summary>The next message, or null at the end of the stream.</summary>
    public async ValueTask<ReceivedMessage?> ReadAsync()
    {
        while (true)
        {
            if (_filled >= 4)
            {
                uint length = BinaryPrimitives.ReadUInt32LittleEndian(_buffer);
                if (length == 0 || length > maxLength) throw new WireFormatException($"a message of {length} bytes cannot be");
                if (_filled >= 4 + length) return Take((int)length);
                if (length > SmallLength && !_admitted && admit != null)
                {
                    await admit((int)length);
                    _admitted = true;
                }

                if (_buffer.Length < 4 + length) Array.Resize(ref _buffer, (int)Math.Min(4 + length, (uint)_buffer.Length * 2));
            }

            int count = await read(_buffer.AsMemory(_filled));
            if (count == 0)
            {
                return _filled == 0 ? null : throw new WireFormatException("the stream ended in the middle of a message");
            }

            _filled += count;
        }
    }

    /// <summary>A message as it goes over the stream.</summary>
    public static byte[] Frame<T>(T message)
        where T : IMessage<T>
        => Frame(T.Kind, WireBytes.Of(message));

    /// <summary>A message whose body was written before.</summary>
    public static byte[] Frame(MessageKind kind, ReadOnlySpan<byte> body)
    {
        byte[] message = new byte[5 + body.Length];
        BinaryPrimitives.WriteUInt32LittleEndian(message, (uint)body.Length + 1);
        message[4] = (byte)kind;
        body.CopyTo(message.AsSpan(5));
        return message;
    }

    /// <summary>Checks that a message with a body of this many bytes is not too long.</summary>
    /// <exception cref="WireFormatException">it is</exception>
    public static void CheckLength(int body, int maxLength = MaxLength)
    {
        if (body < maxLength) return;
        throw new WireFormatException($"a message of {body + 1} bytes is too long: {maxLength} are the most");
    }

    private ReceivedMessage Take(int length)
    {
        var kind = (MessageKind)_buffer[4];
        byte[] body = _buffer.AsSpan(5, length - 1).ToArray();
        int used = 4 + length;
        Span<byte> rest = _buffer.AsSpan(used, _filled - used);
        if (_buffer.Length > SmallLength && rest.Length <= SmallLength) _buffer = new byte[Math.Max(4096, rest.Length)];
        rest.CopyTo(_buffer);
        _filled = rest.Length;
        _admitted = false;
        return new ReceivedMessage(kind, body);
    }
}
