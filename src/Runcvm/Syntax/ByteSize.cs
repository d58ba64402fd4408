using System.Globalization;

namespace Runcvm.Syntax;

/// <summary>Sizes as people write them: <c>512M</c>, <c>1g</c>. The units are binary.</summary>
internal static class ByteSize
{
    internal const long Kibi = 1L << 10;
    internal const long Mebi = 1L << 20;
    internal const long Gibi = 1L << 30;
    internal const long Tebi = 1L << 40;

    /// <summary>Bytes, or null where the text is no size or is larger than a long.</summary>
    internal static long? TryParse(string text, long? plainUnit)
    {
        if (text.Length == 0) return null;
        long? unit = char.ToUpperInvariant(text[^1]) switch
        {
            'K' => Kibi,
            'M' => Mebi,
            'G' => Gibi,
            'T' => Tebi,
            _ => null,
        };
        string digits = unit is null ? text : text[..^1];
        unit ??= plainUnit;
        if (unit is null || !long.TryParse(digits, NumberStyles.None, CultureInfo.InvariantCulture, out long count)) return null;
        return count <= long.MaxValue / unit.Value ? count * unit.Value : null;
    }

    /// <summary>The shortest exact way to write it.</summary>
    internal static string Text(long bytes) => bytes switch
    {
        > 0 when bytes % Tebi == 0 => $"{bytes / Tebi}T",
        > 0 when bytes % Gibi == 0 => $"{bytes / Gibi}G",
        > 0 when bytes % Mebi == 0 => $"{bytes / Mebi}M",
        > 0 when bytes % Kibi == 0 => $"{bytes / Kibi}K",
        _ => $"{bytes} bytes",
    };
}
