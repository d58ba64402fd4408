using CsCheck;
using Runcvm.Protocol.Frames;
using Runcvm.Protocol.Messages;
using Runcvm.Protocol.Wire;

namespace Runcvm.Tests;

public class WireTests
{
    [Fact]
    public void What_is_written_is_read_back()
    {
        Gen.Select(Gen.String, Gen.UInt, Gen.Long, Gen.Bool, Gen.String.Array).Sample((text, number, wide, flag, list) =>
        {
            var w = new WireWriter();
            w.Text(text);
            w.UInt32(number);
            w.Int64(wide);
            w.Flag(flag);
            w.Texts(list);
            var r = new WireReader(w.Written);
            // Lone surrogates cannot be UTF-8; everything else must survive.
            bool same = r.Text() == Valid(text) && r.UInt32() == number && r.Int64() == wide && r.Flag() == flag
                && r.Texts().SequenceEqual(list.Select(Valid));
            r.End();
            return same;
        });
    }

    [Fact]
    public void Random_bytes_are_read_or_refused_but_nothing_else()
    {
        Gen.Byte.Array.Sample(bytes =>
        {
            try
            {
                var r = new WireReader(bytes);
                _ = NetworkInterface.Read(ref r);
            }
            catch (WireFormatException)
            {
            }
        });
    }

    [Fact]
    public void A_text_that_is_too_long_loses_its_end_and_no_half_of_a_character()
    {
        Gen.Select(Gen.String, Gen.Int[8, 60]).Sample((text, most) =>
        {
            var w = new WireWriter();
            w.Shortened(text, most);
            var r = new WireReader(w.Written);
            string read = r.Text();
            r.End();
            if (System.Text.Encoding.UTF8.GetByteCount(text) <= most) return read == Valid(text);
            bool begins = Valid(text).StartsWith(read[..^1], StringComparison.Ordinal);
            return w.Written.Length - 4 <= most && read.EndsWith('…') && begins;
        });
    }

    [Fact]
    public void What_a_guest_has_to_tell_fits_its_messages_whatever_it_names()
    {
        string text = new('ü', 1_000_000);
        Action<WireWriter>[] all =
            [new StartFailed(1, 126, text).Write, new Failed(text).Write, new Notice(text).Write];
        foreach (Action<WireWriter> write in all)
        {
            var w = new WireWriter();
            write(w);
            Assert.InRange(w.Written.Length, 16_000, MessageReader.MaxLengthOfGuest - 1);
        }
    }

    // 6 MiB are the most that Linux takes, of which each text takes its bytes, one that ends it, and a pointer.
    [Theory]
    [InlineData(0)]
    [InlineData(3)]
    [InlineData(131_071)]
    public void As_many_arguments_as_the_kernel_takes_fit_a_message(int length)
    {
        string[] arguments = [.. Enumerable.Repeat(new string('x', length), 6 * 1024 * 1024 / (length + 9))];
        var w = new WireWriter();
        new Start(7, new ProcessSpec { Arguments = arguments, Environment = [], WorkingDirectory = "/" }).Write(w);
        MessageReader.CheckLength(w.Written.Length);
        var r = new WireReader(w.Written);
        Assert.Equal(arguments, Start.Read(ref r).Process.Arguments);
        r.End();
    }

    private static string Valid(string text)
        => System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text));
}
