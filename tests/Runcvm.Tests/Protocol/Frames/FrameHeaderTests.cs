using CsCheck;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Wire;

namespace Runcvm.Tests.Protocol.Frames;

public class FrameHeaderTests
{
    [Theory]
    [InlineData(7u, FrameKind.Data, 3, "07000000" + "03000001")] //        channel 7 · 3 bytes, kind 1 on top
    [InlineData(7u, FrameKind.Data, 65536, "07000000" + "00000101")] //    64 KiB, the longest there is
    [InlineData(258u, FrameKind.Window, 4, "02010000" + "04000002")] //    channel 0x102 · a u32 follows
    [InlineData(0u, FrameKind.End, 0, "00000000" + "00000003")] //         channel 0 · nothing follows
    [InlineData(uint.MaxValue, FrameKind.Reset, 0, "ffffffff" + "00000004")]
    public void A_header_is_a_channel_and_a_word_of_kind_and_length(uint channel, FrameKind kind, int length, string golden)
    {
        var header = new FrameHeader(channel, kind, length);
        byte[] bytes = new byte[FrameHeader.Size];
        header.Write(bytes);
        Assert.Equal(golden, Convert.ToHexStringLower(bytes));
        Assert.Equal(header, FrameHeader.Read(bytes));
    }

    [Theory]
    [InlineData("01000000" + "00000001", "data without a byte")]
    [InlineData("01000000" + "01000101", "data of 64 KiB and one byte")]
    [InlineData("01000000" + "ffffff01", "data of 16 MiB")]
    [InlineData("01000000" + "03000002", "a window of three bytes")]
    [InlineData("01000000" + "00000002", "a window of no bytes")]
    [InlineData("01000000" + "01000003", "an end with a byte")]
    [InlineData("01000000" + "01000004", "a reset with a byte")]
    [InlineData("01000000" + "00000000", "kind 0")]
    [InlineData("01000000" + "04000005", "kind 5")]
    [InlineData("01000000" + "040000ff", "kind 255")]
    public void What_cannot_be_is_refused(string hex, string what)
    {
        var e = Assert.Throws<WireFormatException>(() => FrameHeader.Read(Convert.FromHexString(hex)));
        Assert.True(e.Message.Contains("on channel 1", StringComparison.Ordinal), what);
    }

    [Fact]
    public void Any_eight_bytes_are_a_header_that_writes_the_same_or_are_refused()
    {
        Gen.Byte.Array[FrameHeader.Size].Sample(bytes =>
        {
            bytes[7] &= 7;
            bytes[6] &= 1;
            try
            {
                byte[] again = new byte[FrameHeader.Size];
                FrameHeader.Read(bytes).Write(again);
                return again.AsSpan().SequenceEqual(bytes);
            }
            catch (WireFormatException)
            {
                return true;
            }
        });
    }
}
