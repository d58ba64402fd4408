namespace Runcvm.Protocol;

/// <summary>A guest whose kernel measured its timer badly can wait for nothing: it says so on its console, with these words, and resets itself.</summary>
public static class BadTimer
{
    /// <summary>Part of the sentence.</summary>
    public const string Words = "the host was too busy while it measured it";
}
