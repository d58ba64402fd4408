namespace Runcvm.Guest.Modules;

/// <summary>Takes lines and words off a text in bytes, copying nothing.</summary>
internal static class Lines
{
    public static bool TryTake(ref ReadOnlySpan<byte> text, out ReadOnlySpan<byte> line, byte separator = (byte)'\n')
    {
        line = default;
        if (text.IsEmpty) return false;
        int end = text.IndexOf(separator);
        line = end < 0 ? text : text[..end];
        text = end < 0 ? [] : text[(end + 1)..];
        return true;
    }

    public static bool TryTakeWord(ref ReadOnlySpan<byte> line, out ReadOnlySpan<byte> word)
    {
        line = line.TrimStart((byte)' ');
        int end = line.IndexOf((byte)' ');
        word = end < 0 ? line : line[..end];
        line = end < 0 ? [] : line[end..];
        return !word.IsEmpty;
    }

    public static bool TryTakeLastWord(ref ReadOnlySpan<byte> line, out ReadOnlySpan<byte> word)
    {
        line = line.TrimEnd((byte)' ');
        int start = line.LastIndexOf((byte)' ') + 1;
        word = line[start..];
        line = line[..start];
        return !word.IsEmpty;
    }
}
