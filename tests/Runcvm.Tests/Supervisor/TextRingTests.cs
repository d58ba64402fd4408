using System.Text;
using CsCheck;
using Microsoft.Win32.SafeHandles;
using Runcvm.Linux.Events;
using Runcvm.Linux.Files;
using Runcvm.Supervisor;

namespace Runcvm.Tests.Supervisor;

public class TextRingTests
{
    [Theory]
    [InlineData("", 3, "")]
    [InlineData("one\ntwo\nthree\n", 2, "two\nthree")]
    [InlineData("one\r\n\r\n  two  \r\n", 5, "one\ntwo")]
    [InlineData("no end", 1, "no end")]
    public void The_last_lines_are_kept(string text, int count, string expected) => Assert.Equal(expected, Fill(100, text).LastLines(count));

    [Theory]
    [InlineData("one panic: a\r\ntwo\n", "a")]
    [InlineData("panic: a\npanic: b\ntwo", "b")]
    [InlineData("nothing\n", null)]
    public void The_rest_of_the_last_line_with_some_words_is_found(string text, string? expected)
        => Assert.Equal(expected, Fill(100, text).LastAfter("panic:"));

    [Fact]
    public void A_full_ring_forgets_its_start()
    {
        Assert.Equal("56789\nabcdef", Fill(12, "0123456789\nabcdef").LastLines(9));
        Assert.Equal("23456789", Fill(8, "0123456789").LastLines(9));
        Assert.Equal("01234567", Fill(8, "01234567").LastLines(9));
    }

    [Fact]
    public void What_passes_is_shown_as_it_is()
    {
        using var copy = new MemoryStream();
        Fill(4, "0123\e[2J456789", part => copy.Write(part.Span));
        Assert.Equal("0123\e[2J456789", Encoding.UTF8.GetString(copy.ToArray()));
    }

    [Fact]
    public void A_hostile_guest_cannot_move_the_cursor_or_retitle_the_window()
        => Assert.Equal("[2J[1;31mred]0;title\nÄ€🙂", Fill(100, "\e[2J\e[1;31mred\e]0;title\a\b\u007f\u009b\n\tÄ€🙂\0").LastLines(5));

    [Fact]
    public void Bytes_that_are_no_text_do_no_harm()
    {
        Gen.Byte.Array[0, 200].Sample(bytes =>
        {
            string lines = Fill(50, bytes).LastLines(10);
            return lines.All(static c => c == '\n' || !char.IsControl(c)) && lines.Split('\n').Length <= 10;
        }, iter: 50);
    }

    [Fact]
    public void Who_watches_sees_all_that_is_not_forgotten_and_where_it_stopped()
    {
        TextRing ring = Fill(8, "0123456789");
        long at = 0;
        byte[] buffer = new byte[5];
        Assert.Equal("23456", Encoding.UTF8.GetString(buffer, 0, ring.Read(ref at, buffer)));
        Assert.Equal("789", Encoding.UTF8.GetString(buffer, 0, ring.Read(ref at, buffer)));
        Assert.Equal(0, ring.Read(ref at, buffer));
        Assert.True(ring.HasEnded);
    }

    private static TextRing Fill(int capacity, string text, Action<ReadOnlyMemory<byte>>? copy = null)
        => Fill(capacity, Encoding.UTF8.GetBytes(text), copy);

    private static TextRing Fill(int capacity, byte[] bytes, Action<ReadOnlyMemory<byte>>? copy = null)
    {
        (SafeFileHandle read, SafeFileHandle write) = FileDescriptor.Pipe();
        FileDescriptor.WriteAll(write, bytes);
        write.Dispose();
        FileDescriptor.SetNonBlocking(read);
        using var loop = new EventLoop();
        using var file = new AsyncFile(loop, read);
        var ring = new TextRing(capacity);
        loop.Run(ring.FillAsync(file, copy));
        return ring;
    }
}
