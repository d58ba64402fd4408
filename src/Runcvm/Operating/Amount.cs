using System.Globalization;

namespace Runcvm.Operating;

/// <summary>Numbers as people read them.</summary>
internal static class Amount
{
    private const double Kibi = 1024;

    internal static string Bytes(long bytes) => bytes switch
    {
        < 1024 => $"{bytes} B",
        < 1024 * 1024 => Text(bytes / Kibi, "KiB"),
        < 1024L * 1024 * 1024 => Text(bytes / Kibi / Kibi, "MiB"),
        _ => Text(bytes / Kibi / Kibi / Kibi, "GiB"),
    };

    internal static string Time(TimeSpan time) => time switch
    {
        { TotalSeconds: < 60 } => $"{time.Seconds}s",
        { TotalMinutes: < 60 } => $"{time.Minutes}m{time.Seconds:00}s",
        { TotalHours: < 24 } => $"{time.Hours}h{time.Minutes:00}m",
        _ => $"{time.Days}d{time.Hours:00}h",
    };

    private static string Text(double number, string unit)
        => string.Create(CultureInfo.InvariantCulture, $"{number.ToString(number < 10 ? "F1" : "F0", CultureInfo.InvariantCulture)} {unit}");
}
