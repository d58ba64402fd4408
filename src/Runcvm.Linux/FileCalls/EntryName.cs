namespace Runcvm.Linux.FileCalls;

/// <summary>One name in a directory as someone else wrote it: checked to be a single component that stays in its
/// directory, so that a call relative to an open directory cannot leave it.</summary>
public readonly ref struct EntryName
{
    // NAME_MAX of linux/limits.h.
    private const int Longest = 255;

    private EntryName(ReadOnlySpan<byte> terminated) => Terminated = terminated;

    /// <summary>The bytes and the zero after them.</summary>
    internal ReadOnlySpan<byte> Terminated { get; }

    /// <summary>The bytes without the zero.</summary>
    public ReadOnlySpan<byte> Bytes => Terminated[..^1];

    /// <summary>Reads a name that ends at the first zero of <paramref name="text"/>.</summary>
    /// <returns>how long name and zero are, or a negative errno</returns>
    public static int Read(ReadOnlySpan<byte> text, out EntryName name)
    {
        name = default;
        int length = text.IndexOf((byte)0);
        if (length <= 0) return -(int)Errno.EINVAL;
        if (length > Longest) return -(int)Errno.ENAMETOOLONG;
        if (text[..length] is [(byte)'.'] or [(byte)'.', (byte)'.'] || text[..length].Contains((byte)'/')) return -(int)Errno.EINVAL;
        name = new EntryName(text[..(length + 1)]);
        return length + 1;
    }
}
