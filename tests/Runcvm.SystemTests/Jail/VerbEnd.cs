using System.Diagnostics;

namespace Runcvm.SystemTests.Jail;

/// <summary>How a verb of the host ended, if it did.</summary>
internal sealed record VerbEnd(CommandResult? Result)
{
    /// <summary>For which questions to a supervisor that does not answer leave room.</summary>
    internal static readonly TimeSpan Longest = TimeSpan.FromSeconds(30);

    /// <summary>More is no answer.</summary>
    internal const int MostOutput = 4 * 1024 * 1024;

    internal bool Ended => Result != null;

    internal bool Succeeded => Result?.ExitCode == 0;

    /// <summary>What it wrote for programs.</summary>
    internal string Answer => Result?.Stdout.TrimEnd() ?? "";

    /// <summary>It did what it was told, or said in its own words why not.</summary>
    internal bool IsForPeople
        => Succeeded || (Result is { } result && result.Stderr.Trim().Length > 0
            && !result.Stderr.Contains("   at ", StringComparison.Ordinal)
            && !result.Stderr.Contains("mistake of RunCVM", StringComparison.Ordinal));

    internal static async Task<VerbEnd> OfAsync(Task<CommandResult> run)
    {
        var clock = Stopwatch.StartNew();
        try
        {
            CommandResult result = await run;
            bool isWithin = clock.Elapsed < Patience.Times(Longest) && result.Output.Length < MostOutput;
            return new VerbEnd(isWithin ? result : null);
        }
        catch (TimeoutException)
        {
            return new VerbEnd((CommandResult?)null);
        }
    }

    /// <summary>One line for the table.</summary>
    public override string ToString()
    {
        const int Most = 160;
        string text = Result switch
        {
            null => "no end",
            { ExitCode: 0 } => Answer,
            _ => $"exit code {Result.ExitCode}: {Answer} {Result.Stderr.Trim()}",
        };
        text = text.ReplaceLineEndings(" ");
        return text.Length > Most ? text[..Most] + "…" : text;
    }
}
