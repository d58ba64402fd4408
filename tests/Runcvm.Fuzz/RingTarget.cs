using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Mappings;
using Runcvm.VirtioFs;

namespace Runcvm.Fuzz;

/// <summary>A ring in memory that the guest writes: 16 bytes say where its parts are and how large, the rest is the
/// memory. Where the eighth byte is odd, another thread changes it all the time.</summary>
internal static class RingTarget
{
    private const int Size = 64 * 1024;
    private const ulong Guest = 0x1_0000_0000;
    private const ulong Hypervisor = 0x7f00_0000_0000;

    private static readonly SharedMapping Mapping = Map();
    private static readonly GuestMemory Memory = new([new GuestMemory.Region(Guest, Hypervisor, Size, Mapping)]);
    private static readonly RingRequest Request = new();
    private static readonly byte[] Answer = new byte[5000];

    internal static void Run(byte[] input)
    {
        if (input.Length < 16) return;
        Span<byte> memory = Mapping.Part(0, Size);
        memory.Clear();
        input.AsSpan(16, Math.Min(input.Length - 16, Size)).CopyTo(memory);
        using var end = new CancellationTokenSource();
        Thread? scribbling = (input[7] & 1) == 0 ? null : new Thread(() => Scribble(input, end.Token));
        scribbling?.Start();
        try
        {
            Serve(input);
        }
        catch (BrokenRingException)
        {
            // The promise.
        }
        finally
        {
            end.Cancel();
            scribbling?.Join();
        }
    }

    private static void Serve(ReadOnlySpan<byte> header)
    {
        var addresses = new RingAddresses(Address(header), Address(header[2..]), Address(header[4..]));
        var queue = new SplitQueue(
            Memory, addresses, 1 << (header[6] & 15), BinaryPrimitives.ReadUInt16LittleEndian(header[8..]),
            (header[7] & 2) != 0);
        for (int i = 0; i < 64 && (queue.TryTake(Request) || queue.AskForNotice()); i++)
        {
            queue.Noticed();
            queue.HandBack(Request.Head, Request.Put(Memory, Answer.AsSpan(0, header[10] * 16)));
        }
    }

    // In units of 4 bytes: what is not aligned is refused at once, and there is nothing to find.
    private static ulong Address(ReadOnlySpan<byte> number)
        => Hypervisor + (ulong)(BinaryPrimitives.ReadUInt16LittleEndian(number) * 4);

    private static void Scribble(byte[] input, CancellationToken end)
    {
        for (int i = 16; !end.IsCancellationRequested; i = i + 1 < input.Length ? i + 1 : 16)
            Mapping.Part(input.Length > 16 ? (input[i] * 31) + i & (Size - 1) : 0, 1)[0] = (byte)i;
    }

    private static SharedMapping Map()
    {
        using SafeFileHandle file = SharedMapping.NewFile("fuzz", Size);
        return SharedMapping.Of(file, 0, Size);
    }
}
