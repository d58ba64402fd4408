using System.Globalization;

namespace Runcvm.SystemTests.Jail;

/// <summary>What became of a system call.</summary>
/// <param name="Text">the result, or "filter", "blocked", "ended": see tests/jail/inject.c</param>
internal readonly record struct Answer(string Text)
{
    internal long Value => long.TryParse(Text, NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture,
        out long value) ? value : -1;

    /// <summary>The kernel did what it was asked to.</summary>
    internal bool Worked => Text is not ("filter" or "blocked" or "ended") && (Value is >= 0 or < -4095);

    /// <summary>The name of the error, or what <see cref="Text"/> says.</summary>
    internal string Name => Worked ? "done" : Value is <= -1 and >= -4095
        && Text.StartsWith('-') ? Errno.Name((int)-Value) : Text;

    internal static Answer Nothing { get; } = new("nothing to try it on");
}
