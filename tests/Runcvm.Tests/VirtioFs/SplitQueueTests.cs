using System.Buffers.Binary;
using Microsoft.Win32.SafeHandles;
using Runcvm.Fuse;
using Runcvm.Linux.Files;
using Runcvm.Linux.Mappings;
using Runcvm.VirtioFs;

namespace Runcvm.Tests.VirtioFs;

/// <summary>A ring as a guest writes it, well or badly.</summary>
public class SplitQueueTests
{
    private const int Size = 4 * 1024 * 1024;
    private const int Entries = 8;
    private const ulong Guest = 0x1_0000_0000;
    private const ulong Hypervisor = 0x7f00_0000_0000;
    private const int Available = 0x1000;
    private const int Used = 0x2000;
    private const int Data = 0x10000;
    private const ushort Next = 1, Write = 2, Indirect = 4;

    private readonly SharedMapping _mapping;
    private readonly GuestMemory _memory;

    public SplitQueueTests()
    {
        using SafeFileHandle file = SharedMapping.NewFile("guest", Size);
        _mapping = SharedMapping.Of(file, 0, Size);
        _memory = new GuestMemory([new GuestMemory.Region(Guest, Hypervisor, Size, _mapping)]);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_request_is_taken_and_the_answer_lies_where_the_guest_wants_it(bool eventIndexes)
    {
        SplitQueue queue = Queue(eventIndexes);
        var request = new RingRequest();
        Assert.False(queue.TryTake(request));
        Assert.False(queue.AskForNotice());
        "request"u8.CopyTo(_mapping.Part(Data, 7));
        Describe(0, Data, 3, Next, 1);
        Describe(1, Data + 3, 4, Next, 2);
        Describe(2, Data + 0x100, 4, Next | Write, 3);
        Describe(3, Data + 0x200, 100, Write, 0);
        Offer(0);
        Assert.True(queue.AskForNotice());
        Assert.True(queue.TryTake(request));
        Assert.Equal("request"u8.ToArray(), request.Bytes.ToArray());
        int put = request.Put(_memory, "an answer"u8);
        Assert.True(queue.HandBack(request.Head, put));
        Assert.Equal(9, put);
        Assert.Equal("an a"u8.ToArray(), _mapping.Part(Data + 0x100, 4).ToArray());
        Assert.Equal("nswer"u8.ToArray(), _mapping.Part(Data + 0x200, 5).ToArray());
        Assert.Equal(1, BinaryPrimitives.ReadUInt16LittleEndian(_mapping.Part(Used + 2, 2)));
        Assert.Equal(9, BinaryPrimitives.ReadInt32LittleEndian(_mapping.Part(Used + 8, 4)));
        Assert.False(queue.TryTake(request));
    }

    [Fact]
    public void A_table_of_descriptors_elsewhere_is_followed()
    {
        "request"u8.CopyTo(_mapping.Part(Data, 7));
        Describe(0, 0x3000, 32, Indirect, 0);
        Describe(0x3000 / 16, Data, 7, Next, 1);
        Describe((0x3000 / 16) + 1, Data + 0x100, 16, Write, 0);
        Offer(0);
        var request = new RingRequest();
        Assert.True(Queue().TryTake(request));
        Assert.Equal("request"u8.ToArray(), request.Bytes.ToArray());
        Assert.Equal(3, request.Put(_memory, "abc"u8));
    }

    [Theory]
    [InlineData("a circle", 0, 10, Next, 0)]
    [InlineData("memory that is not there", Size, 10, 0, 0)]
    [InlineData("an end that is not there", Size - 5, 10, 0, 0)]
    [InlineData("an address near the end of all", -16, 32, 0, 0)]
    [InlineData("more than a request may have", 0, FileServer.MaxRequest + 1, 0, 0)]
    [InlineData("most of 32 bits", 0, -1, 0, 0)]
    [InlineData("an entry that is not there", 0, 10, Next, Entries)]
    [InlineData("an empty table", 0, 0, Indirect, 0)]
    [InlineData("a piece of a table", 0, 24, Indirect, 0)]
    [InlineData("a table that goes on", 0x3000, 32, Indirect | Next, 1)]
    [InlineData("a table of a table", 0, 16, Indirect, 0)]
    public void What_cannot_be_is_refused(string what, long address, int length, int flags, int next)
    {
        Describe(0, address, length, (ushort)flags, (ushort)next);
        Offer(0);
        Assert.Throws<BrokenRingException>(() => Queue().TryTake(new RingRequest()));
        Assert.NotEmpty(what);
    }

    [Fact]
    public void An_answer_is_not_put_where_no_memory_is()
    {
        Describe(0, Data, 7, Next, 1);
        Describe(1, Size - 2, 100, Write, 0);
        Offer(0);
        var request = new RingRequest();
        Assert.True(Queue().TryTake(request));
        Assert.Throws<BrokenRingException>(() => request.Put(_memory, "long"u8));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(SplitQueue.MostEntries * 2)]
    [InlineData(-8)]
    public void A_ring_of_a_wrong_size_is_refused(int entries)
        => Assert.Throws<BrokenRingException>(() => new SplitQueue(_memory, Addresses(0), entries, 0, true));

    [Theory]
    [InlineData(Size)]
    [InlineData(Size - 64)]
    [InlineData(8)]
    [InlineData(-128)]
    public void A_ring_in_a_wrong_place_is_refused(long offset)
        => Assert.Throws<BrokenRingException>(() => new SplitQueue(_memory, Addresses(offset), Entries, 0, true));

    [Fact]
    public void A_ring_that_was_stopped_goes_on_with_the_request_that_would_have_been_next()
    {
        using SafeFileHandle kick = FileDescriptor.Event();
        Describe(0, Data, 4, 0, 0);
        Describe(1, Data, 8, 0, 0);
        Offer(0);
        var ring = new Ring();
        var request = new RingRequest();
        ring.Start(new RunningRing(Queue(), _memory, kick));
        ring.HandBack(ring.Take(request), request.Head, 0);
        ring.Stop();
        ring.Stop();
        Offer(1);
        ring.Start(new RunningRing(new SplitQueue(_memory, Addresses(0), Entries, ring.First, eventIndexes: true), _memory, kick));
        ring.HandBack(ring.Take(request), request.Head, 0);
        Assert.Equal(8, request.Bytes.Length);
        Assert.Equal(2, BinaryPrimitives.ReadUInt16LittleEndian(_mapping.Part(Used + 2, 2)));
    }

    [Fact]
    public void Random_rings_are_taken_or_refused()
    {
        var request = new RingRequest();
        for (int seed = 0; seed < 2_000; seed++)
        {
            var random = new Random(seed);
            for (int i = 0; i < 0x400; i++)
                Describe(i, random.Next(8) == 0 ? random.NextInt64() : random.Next(0x8000), random.Next(8) == 0 ? random.Next() : random.Next(256) * 16, (ushort)random.Next(8), (ushort)random.Next(Entries + 1));
            for (int i = 0; i < Entries; i++) BinaryPrimitives.WriteUInt16LittleEndian(_mapping.Part(Available + 4 + (i * 2), 2), (ushort)random.Next(Entries + 1));
            BinaryPrimitives.WriteUInt16LittleEndian(_mapping.Part(Available + 2, 2), (ushort)random.Next(Entries + 2));
            SplitQueue queue = Queue();
            try
            {
                while (queue.TryTake(request)) queue.HandBack(request.Head, request.Put(_memory, new byte[random.Next(5000)]));
            }
            catch (BrokenRingException e)
            {
                Assert.NotEmpty(e.Message);
            }
        }
    }

    private SplitQueue Queue(bool eventIndexes = true)
    {
        BinaryPrimitives.WriteUInt32LittleEndian(_mapping.Part(Used, 4), 0);
        return new SplitQueue(_memory, Addresses(0), Entries, 0, eventIndexes);
    }

    private static RingAddresses Addresses(long offset)
        => new(Hypervisor + (ulong)offset, Hypervisor + Used + (ulong)offset, Hypervisor + Available + (ulong)offset);

    private void Describe(int index, long address, int length, ushort flags, ushort next)
    {
        Span<byte> entry = _mapping.Part(index * 16, 16);
        BinaryPrimitives.WriteUInt64LittleEndian(entry, Guest + (ulong)address);
        BinaryPrimitives.WriteInt32LittleEndian(entry[8..], length);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[12..], flags);
        BinaryPrimitives.WriteUInt16LittleEndian(entry[14..], next);
    }

    private void Offer(ushort head)
    {
        Span<byte> available = _mapping.Part(Available, 64);
        ushort index = BinaryPrimitives.ReadUInt16LittleEndian(available[2..]);
        BinaryPrimitives.WriteUInt16LittleEndian(available[(4 + (index % Entries * 2))..], head);
        BinaryPrimitives.WriteUInt16LittleEndian(available[2..], (ushort)(index + 1));
    }
}
