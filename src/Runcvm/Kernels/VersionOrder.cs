namespace Runcvm.Kernels;

/// <summary>Compares versions as people read them: runs of digits as numbers, everything else as text.</summary>
internal static class VersionOrder
{
    /// <summary>The same, to sort by.</summary>
    public static Comparer<string> OfTexts { get; } = Comparer<string>.Create(static (a, b) => Compare(a, b));

    public static int Compare(ReadOnlySpan<char> a, ReadOnlySpan<char> b)
    {
        while (!a.IsEmpty && !b.IsEmpty)
        {
            if (char.IsAsciiDigit(a[0]) && char.IsAsciiDigit(b[0]))
            {
                ReadOnlySpan<char> x = TakeNumber(ref a);
                ReadOnlySpan<char> y = TakeNumber(ref b);
                int byNumber = x.Length != y.Length ? x.Length - y.Length : x.SequenceCompareTo(y);
                if (byNumber != 0) return byNumber;
                continue;
            }

            if (a[0] != b[0]) return a[0] - b[0];
            a = a[1..];
            b = b[1..];
        }

        return a.Length - b.Length;
    }

    private static ReadOnlySpan<char> TakeNumber(ref ReadOnlySpan<char> text)
    {
        int length = 0;
        while (length < text.Length && char.IsAsciiDigit(text[length])) length++;
        ReadOnlySpan<char> number = text[..length].TrimStart('0');
        text = text[length..];
        return number;
    }
}
