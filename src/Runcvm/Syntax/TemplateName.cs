namespace Runcvm.Syntax;

/// <summary>Names of templates, which become names of folders.</summary>
internal static class TemplateName
{
    internal const string Rule = "a name of at most 64 lower-case letters, digits and _.-, not one of these first";

    private const int Longest = 64;

    internal static bool IsOne(string text)
        => text.Length is > 0 and <= Longest && IsPlain(text[0])
        && text.All(static c => IsPlain(c) || c is '_' or '.' or '-');

    private static bool IsPlain(char c) => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c);
}
