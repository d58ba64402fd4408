using System.Globalization;
using Runcvm.Linux.Processes;

namespace Runcvm.Oci;

/// <summary>Signals as engines name them.</summary>
internal static class SignalName
{
    // Those that a supervisor cannot hand on. All others go to the low-level runtime as they came.
    private static readonly Dictionary<string, int> Numbers = new(StringComparer.OrdinalIgnoreCase)
    {
        ["ILL"] = 4,
        ["TRAP"] = 5,
        ["ABRT"] = 6,
        ["IOT"] = 6,
        ["BUS"] = 7,
        ["FPE"] = 8,
        ["SEGV"] = 11,
        ["CHLD"] = SignalNumber.Child,
        ["STOP"] = SignalNumber.Stop,
        ["WINCH"] = SignalNumber.WindowChanged,
        ["SYS"] = SignalNumber.BadSystemCall,
    };

    /// <summary>The number, or null where the low-level runtime is to say what that is.</summary>
    /// <param name="text">a number of 1 to 64; or a name, in capitals or not, with SIG or without</param>
    internal static int? TryParse(string text)
    {
        const int Last = 64;
        if (int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out int number))
            return number is > 0 and <= Last ? number : null;
        string name = text.StartsWith("SIG", StringComparison.OrdinalIgnoreCase) ? text[3..] : text;
        return Numbers.TryGetValue(name, out int known) ? known : null;
    }
}
