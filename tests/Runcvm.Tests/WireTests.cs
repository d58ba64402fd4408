using CsCheck;
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

    private static string Valid(string text)
        => System.Text.Encoding.UTF8.GetString(System.Text.Encoding.UTF8.GetBytes(text));
}
