namespace Runcvm.Operating;

/// <summary>What the doctor thinks of one thing.</summary>
internal enum Verdict
{
    Fine,
    Warning,
    Problem,
}

/// <summary>One thing that the doctor looked at.</summary>
/// <param name="Subject">what was looked at</param>
/// <param name="Verdict">whether machines can run in spite of it</param>
/// <param name="Text">what was found</param>
/// <param name="Cure">what to do about it; null when nothing need be done</param>
internal sealed record Finding(string Subject, Verdict Verdict, string Text, string? Cure = null)
{
    internal static Finding Fine(string subject, string text) => new(subject, Verdict.Fine, text);

    internal static Finding Warning(string subject, string text, string cure) => new(subject, Verdict.Warning, text, cure);

    internal static Finding Problem(string subject, string text, string cure) => new(subject, Verdict.Problem, text, cure);
}
